//! The rules we ship: `content/rules`, embedded.
//!
//! One rule, one file, and the file's name is the rule's id. Files whose
//! name begins with `_` hold macros and lists that several rules use.

use std::sync::LazyLock;

use rust_embed::RustEmbed;

use crate::{Diagnostic, Loader, rule::Ruleset};

#[derive(RustEmbed)]
#[folder = "../../content/rules"]
struct Files;

/// Our rules, and what their author should mend.
#[derive(Debug)]
pub struct Pack {
    pub ruleset: Ruleset,
    pub diagnostics: Vec<Diagnostic>,
}

/// The embedded rules, loaded once.
pub fn pack() -> &'static Pack {
    static PACK: LazyLock<Pack> = LazyLock::new(|| {
        let (ruleset, diagnostics) = loader().finish();
        Pack {
            ruleset,
            diagnostics,
        }
    });
    &PACK
}

/// A loader that has read our files: a user's own come behind and may
/// change what they say.
pub fn loader() -> Loader {
    files().fold(Loader::new(), |loader, (name, text)| {
        loader.file(&name, &text)
    })
}

/// Name and text of each embedded file, by name.
pub fn files() -> impl Iterator<Item = (String, String)> {
    let mut names: Vec<_> = Files::iter()
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort_unstable();
    names.into_iter().filter_map(|name| {
        let file = Files::get(&name)?;
        let text = String::from_utf8_lossy(&file.data).into_owned();
        Some((name.into_owned(), text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic;

    #[test]
    fn our_own_rules_load_without_a_word() {
        let pack = pack();
        // What is shared may wait for a rule that uses it.
        let faults: Vec<Diagnostic> = pack
            .diagnostics
            .iter()
            .filter(|fault| !(fault.code == "unused" && fault.file.contains("/_")))
            .cloned()
            .collect();
        assert!(faults.is_empty(), "{}", diagnostic::render(&faults, false));
        assert!(!pack.ruleset.rules.is_empty());
    }
}
