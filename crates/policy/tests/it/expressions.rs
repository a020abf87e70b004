//! Templates in CEL of the public library, where a copy is at hand, with
//! nothing but their CEL: every one compiles, and every suite holds.

use std::fmt::Write as _;

use serde_json::Value;

use crate::library::{library, yaml};

/// A template without its Rego, if it has CEL.
fn cel_only(template: &Value) -> Option<Value> {
    if template["kind"] != "ConstraintTemplate" {
        return None;
    }
    let mut template = template.clone();
    let target = template.pointer_mut("/spec/targets/0")?.as_object_mut()?;
    target.remove("rego");
    target.remove("libs");
    let code = target.get_mut("code")?.as_array_mut()?;
    code.retain(|each| each["engine"] == "K8sNativeValidation");
    (!code.is_empty()).then_some(template)
}

#[test]
#[expect(clippy::print_stdout, reason = "says how many there were")]
fn every_template_in_cel_compiles_without_its_rego() {
    let Some(folder) = library() else { return };
    let mut faults = String::new();
    let mut count = 0;
    for (source, value) in yaml(&folder.join("library")) {
        let Some(value) = cel_only(&value) else {
            continue;
        };
        count += 1;
        let (_, problems) = policy::Policies::load(&[policy::Document { source, value }]);
        for problem in problems {
            writeln!(faults, "{}: {}", problem.source, problem.message)
                .expect("a string takes all");
        }
    }
    println!("{count} templates in CEL");
    assert!(faults.is_empty(), "{faults}");
    assert!(count > 10);
}
