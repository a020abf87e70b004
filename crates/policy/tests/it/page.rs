//! `docs/reference/policies.md`: what our policies say, in one page.

use std::fmt::Write as _;
use std::path::Path;

use policy::{Policy, policies, recommendation};
use serde_json::Value;

const GROUPS: [(&str, &str); 9] = [
    ("pods", "Pods"),
    ("accounts", "Service accounts"),
    ("roles", "Roles and bindings"),
    ("network", "Networks"),
    ("images", "Images"),
    ("secrets", "Secrets"),
    ("resources", "Resources"),
    ("reliability", "Reliability"),
    ("cluster", "The cluster"),
];

const HEAD: &str = "\
# Policies over objects of Kubernetes

Made from `content/policies` by `SEAWALL_UPDATE_GOLDEN=1 cargo test -p policy --test it page`; a
test fails while the two differ. How policies are run and written is told in
[the guide](../guides/policies.md).

Those of the default bundle are on from the first minute and only note; the others wait for what
they have to be told. Each can be made to warn or to refuse. What Kubernetes’ own components and the
add-ons of AKS, EKS and GKE ask for is left alone, by name and with a reason
(`content/policies/lib/known.rego`).
";

fn parameters(policy: &Policy, page: &mut String) {
    let schema = policy
        .template
        .pointer("/spec/crd/spec/validation/openAPIV3Schema/properties");
    let Some(schema) = schema.and_then(Value::as_object) else {
        return;
    };
    let given = policy.constraint.pointer("/spec/parameters");
    writeln!(page, "\n| parameter | | begins with |\n|---|---|---|").unwrap();
    for (name, property) in schema {
        let value = given.and_then(|given| given.get(name));
        writeln!(
            page,
            "| `{name}` | {} | {} |",
            property["description"].as_str().unwrap_or_default(),
            value.map_or(String::new(), |value| format!("`{value}`")),
        )
        .unwrap();
    }
}

fn one(policy: &Policy, page: &mut String) {
    let said = recommendation(&policy.id).unwrap();
    writeln!(page, "\n### {}\n", said.title).unwrap();
    let mut facts = vec![format!("`{}`", said.id), said.severity.to_string()];
    facts.extend((!said.techniques.is_empty()).then(|| said.techniques.join(", ")));
    facts.extend(policy.needs.as_ref().map(|needs| format!("needs {needs}")));
    writeln!(page, "{}\n", facts.join(" · ")).unwrap();
    writeln!(page, "{}\n\n{}", said.description.trim(), said.why.trim()).unwrap();
    writeln!(page, "\nChecked: {}", said.checked_by.trim()).unwrap();
    parameters(policy, page);
    if !policy.built_in.is_empty() {
        writeln!(page, "\nAzure Policy: `{}`.", policy.built_in.join("`, `")).unwrap();
    }
}

#[test]
fn the_reference_tells_of_every_policy() {
    let mut page = HEAD.to_owned();
    let on = policies().iter().filter(|policy| policy.bundle).count();
    writeln!(
        page,
        "\n{} policies, {on} of them in the default bundle.",
        policies().len()
    )
    .unwrap();
    let mut told = 0;
    for (group, title) in GROUPS {
        let of_group = policies().iter().filter(|policy| policy.group == group);
        let of_group: Vec<&Policy> = of_group.collect();
        told += of_group.len();
        writeln!(
            page,
            "\n## {title}\n\n| policy | severity | bundle | what should be |\n|---|---|---|---|"
        )
        .unwrap();
        for policy in &of_group {
            let said = recommendation(&policy.id).unwrap();
            let bundle = if policy.bundle { "yes" } else { "" };
            writeln!(
                page,
                "| `{}` | {} | {bundle} | {} |",
                said.id, said.severity, said.title
            )
            .unwrap();
        }
        for policy in of_group {
            one(policy, &mut page);
        }
    }
    assert_eq!(
        told,
        policies().len(),
        "a policy is in a group the page does not know"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/policies.md");
    if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/policies.md is stale: SEAWALL_UPDATE_GOLDEN=1 cargo test -p policy --test it page"
    );
}
