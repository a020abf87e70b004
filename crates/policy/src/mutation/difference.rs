//! What leads from one document to another, as an RFC 6902 patch.

use serde_json::{Value, json};

/// The patch that makes `new` of `old`.
///
/// Lists are compared entry by entry; what is left over at the end is
/// added or removed. That is not always the shortest patch, and it is
/// always a right one.
pub fn difference(old: &Value, new: &Value) -> Value {
    let mut operations = Vec::new();
    compare(old, new, &mut String::new(), &mut operations);
    Value::Array(operations)
}

fn compare(old: &Value, new: &Value, path: &mut String, into: &mut Vec<Value>) {
    match (old, new) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left.keys().filter(|key| !right.contains_key(*key)) {
                let path = below(path, key);
                into.push(json!({"op": "remove", "path": path}));
            }
            for (key, value) in right {
                let mut path = below(path, key);
                match left.get(key) {
                    Some(before) => compare(before, value, &mut path, into),
                    None => into.push(json!({"op": "add", "path": path, "value": value})),
                }
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (index, (before, after)) in left.iter().zip(right).enumerate() {
                compare(before, after, &mut below(path, &index.to_string()), into);
            }
            for value in right.iter().skip(left.len()) {
                into.push(json!({"op": "add", "path": format!("{path}/-"), "value": value}));
            }
            for index in (right.len()..left.len()).rev() {
                into.push(json!({"op": "remove", "path": format!("{path}/{index}")}));
            }
        }
        (before, after) if before == after => {}
        (_, after) => into.push(json!({"op": "replace", "path": path.clone(), "value": after})),
    }
}

fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_leads_from_one_to_the_other() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1})),
            (
                json!({"a": {"b/c": 1, "d~e": [1, 2, 3]}}),
                json!({"a": {"b/c": 2, "d~e": [1]}}),
            ),
            (json!({"a": [1]}), json!({"a": [1, {"x": 2}, 3], "b": null})),
            (json!({"a": 1}), json!([1])),
            (
                json!({"a": [[1], {"b": []}]}),
                json!({"a": [[], {"b": [4]}]}),
            ),
        ];
        for (old, new) in cases {
            let patch: json_patch::Patch = serde_json::from_value(difference(&old, &new)).unwrap();
            let mut made = old.clone();
            json_patch::patch(&mut made, &patch).unwrap();
            assert_eq!(made, new);
        }
        assert_eq!(difference(&json!({"a": 1}), &json!({"a": 1})), json!([]));
    }
}
