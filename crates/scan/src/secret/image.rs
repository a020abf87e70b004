//! Secrets in what an image's configuration says: variables, steps,
//! labels, the command.

use model::{FoundSecret, SecretPlace, secret::MASK};

use super::{in_text, tell};

/// Secrets told of one image's configuration.
const MOST: usize = 200;
/// Letters of one entry that are looked at.
const LONGEST: usize = 64 << 10;

/// What is in a configuration's entries: where each is, what it is called
/// there, and its text.
pub(crate) fn of_config<'a>(
    entries: impl Iterator<Item = (SecretPlace, String, &'a str)>,
) -> Vec<FoundSecret> {
    let mut found: Vec<FoundSecret> = Vec::new();
    for (place, name, text) in entries {
        let text = bounded(text);
        for hit in in_text(text) {
            let secret = tell(&hit, place, &name, None);
            // A variable is in the step that set it, too.
            let is_known =
                |known: &FoundSecret| known.rule == secret.rule && known.mark == secret.mark;
            if found.len() < MOST && !found.iter().any(is_known) {
                found.push(secret);
            }
        }
    }
    found
}

fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST.min(text.len())))
        .unwrap_or_default()
}

/// A text without the values of secrets, for keeping: those that are
/// known by their form, and those whose names say what they are.
pub(crate) fn hide(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut from = 0;
    for hit in in_text(bounded(text)) {
        let end = hit.at + hit.value.len();
        let Some(before) = text.get(from..hit.at) else {
            continue;
        };
        hidden.push_str(before);
        hidden.push_str(MASK);
        from = end;
    }
    hidden.push_str(text.get(from..).unwrap_or_default());
    model::secret::mask(&hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::trial;

    #[test]
    fn what_is_kept_of_a_step_holds_no_value() {
        let token = trial::filled("<crc62:ghp_>");
        let text = format!("RUN git clone https://x:{token}@github.com/a/b && make");
        let hidden = hide(&text);
        assert!(!hidden.contains(token.get(8..30).unwrap()), "{hidden}");
        assert!(hidden.ends_with("@github.com/a/b && make"), "{hidden}");
        assert_eq!(hide("RUN make -j8"), "RUN make -j8");
        assert_eq!(hide("ENV DB_PASSWORD=hunter2"), "ENV DB_PASSWORD=•••");
    }

    #[test]
    fn a_variable_and_the_step_that_set_it_are_one_secret() {
        let token = trial::filled("<crc62:ghp_>");
        let step = format!("ENV TOKEN={token}");
        let entry = format!("TOKEN={token}");
        let found = of_config(
            [
                (
                    SecretPlace::Environment,
                    "ENV TOKEN".to_owned(),
                    entry.as_str(),
                ),
                (SecretPlace::BuildStep, "step 1".to_owned(), step.as_str()),
            ]
            .into_iter(),
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "ENV TOKEN");
    }
}
