//! Documents out of text: YAML, several of them, as people write them.

use serde::Deserialize as _;
use serde_json::Value;

use crate::set::{Document, Problem};

/// The longest text that is read.
pub const MAX_TEXT: usize = 4 << 20;
/// Documents of one text.
const MAX_DOCUMENTS: usize = 20_000;

/// The documents in `text`, each named by `source` and its number from 1;
/// a `List` is taken apart. What cannot be read is told by its number, and
/// the rest still is.
pub fn documents(source: &str, text: &str) -> (Vec<Document>, Vec<Problem>) {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    let refuse = |number: usize, message: String| Problem {
        source: format!("{source} #{number}"),
        kind: String::new(),
        name: String::new(),
        message,
    };
    if text.len() > MAX_TEXT {
        problems.push(refuse(1, format!("longer than {MAX_TEXT} bytes")));
        return (all, problems);
    }
    for (place, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let number = place + 1;
        if number > MAX_DOCUMENTS {
            problems.push(refuse(
                number,
                format!("more than {MAX_DOCUMENTS} documents"),
            ));
            break;
        }
        match Value::deserialize(document) {
            Ok(Value::Null) => {}
            Ok(value) if value.is_object() => add(&format!("{source} #{number}"), value, &mut all),
            Ok(_) => problems.push(refuse(number, "expected an object".to_owned())),
            Err(error) => {
                problems.push(refuse(number, error.to_string()));
                // What follows broken YAML cannot be told from it.
                break;
            }
        }
    }
    (all, problems)
}

fn add(source: &str, mut value: Value, all: &mut Vec<Document>) {
    let is_list = value
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("List"));
    if is_list && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) {
        for item in items {
            all.push(Document {
                source: source.to_owned(),
                value: item,
            });
        }
        return;
    }
    all.push(Document {
        source: source.to_owned(),
        value,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_by_their_number_and_lists_taken_apart() {
        let text = "kind: A\n---\n---\nkind: BList\nitems: [{kind: B}, {kind: C}]\n---\n- 1\n";
        let (all, problems) = documents("a.yaml", text);
        let told: Vec<_> = all
            .iter()
            .map(|one| (one.source.as_str(), one.value["kind"].as_str().unwrap()))
            .collect();
        assert_eq!(
            told,
            [("a.yaml #1", "A"), ("a.yaml #3", "B"), ("a.yaml #3", "C")]
        );
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].source, "a.yaml #4");
        assert_eq!(problems[0].message, "expected an object");
    }

    #[test]
    fn broken_text_says_where_and_what_was_before_it_stays() {
        let (all, problems) = documents("x", "kind: A\n---\nkind: [\n---\nkind: B\n");
        assert_eq!(all.len(), 1);
        assert_eq!(problems[0].source, "x #2");
        assert!(problems[0].message.contains("line"), "{problems:?}");
        let (all, problems) = documents("x", &" ".repeat(MAX_TEXT + 1));
        assert!(all.is_empty() && problems.len() == 1);
    }

    #[test]
    fn more_documents_than_are_read_are_told_of_and_the_first_stay() {
        let text = |count| "kind: A\n---\n".repeat(count);
        let (all, problems) = documents("x", text(MAX_DOCUMENTS).trim_end_matches("---\n"));
        assert_eq!((all.len(), problems.len()), (MAX_DOCUMENTS, 0));
        let (all, problems) = documents("x", &text(MAX_DOCUMENTS + 1));
        assert_eq!(all.len(), MAX_DOCUMENTS);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].source, "x #20001");
        assert_eq!(problems[0].message, "more than 20000 documents");
    }
}
