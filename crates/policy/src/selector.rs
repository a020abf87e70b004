//! Label selectors, as Kubernetes reads them.

use serde_json::{Map, Value};

/// A selector: everything in it has to hold. An empty one holds always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    needs: Vec<Need>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Need {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// Reads `{matchLabels, matchExpressions}`; nothing at all is an empty
    /// selector.
    pub(crate) fn parse(value: Option<&Value>) -> Result<Self, String> {
        let mut needs = Vec::new();
        let map = match value {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(map)) => map,
            Some(_) => return Err("a label selector is a map".to_owned()),
        };
        match map.get("matchLabels") {
            None | Some(Value::Null) => {}
            Some(Value::Object(labels)) => {
                for (key, value) in labels {
                    let value = value
                        .as_str()
                        .ok_or_else(|| format!("the value of the label {key:?} is no string"))?;
                    needs.push(Need::In(key.clone(), vec![value.to_owned()]));
                }
            }
            Some(_) => return Err("matchLabels is a map".to_owned()),
        }
        match map.get("matchExpressions") {
            None | Some(Value::Null) => {}
            Some(Value::Array(expressions)) => {
                for expression in expressions {
                    needs.push(Need::parse(expression)?);
                }
            }
            Some(_) => return Err("matchExpressions is a list".to_owned()),
        }
        Ok(Self { needs })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    pub(crate) fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        let label = |key: &String| labels?.get(key)?.as_str();
        self.needs.iter().all(|need| match need {
            Need::In(key, values) => {
                label(key).is_some_and(|found| values.iter().any(|value| value == found))
            }
            Need::NotIn(key, values) => {
                label(key).is_none_or(|found| values.iter().all(|value| value != found))
            }
            Need::Exists(key) => label(key).is_some(),
            Need::Absent(key) => label(key).is_none(),
        })
    }

    /// Whether the labels of `object` are as they have to be.
    pub(crate) fn matches_object(&self, object: &Value) -> bool {
        self.matches(labels(object))
    }
}

/// The labels of an object.
pub(crate) fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.get("labels")?.as_object()
}

impl Need {
    fn parse(expression: &Value) -> Result<Self, String> {
        let key = expression
            .get("key")
            .and_then(Value::as_str)
            .ok_or("an expression of a label selector has no key")?
            .to_owned();
        let values: Vec<String> = expression
            .get("values")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        match expression.get("operator").and_then(Value::as_str) {
            Some("In" | "NotIn") if values.is_empty() => Err(format!(
                "the expression for the label {key:?} has no values"
            )),
            Some("In") => Ok(Self::In(key, values)),
            Some("NotIn") => Ok(Self::NotIn(key, values)),
            Some("Exists") => Ok(Self::Exists(key)),
            Some("DoesNotExist") => Ok(Self::Absent(key)),
            other => Err(format!(
                "{:?} is no operator of a label selector: In, NotIn, Exists, DoesNotExist",
                other.unwrap_or_default()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(selector: Value, labels: Value) -> bool {
        Selector::parse(Some(&selector))
            .unwrap()
            .matches_object(&json!({"metadata": {"labels": labels}}))
    }

    #[test]
    fn an_absent_label_is_in_nothing_and_not_in_anything() {
        let selector = |operator: &str| json!({"matchExpressions": [{"key": "env", "operator": operator, "values": ["a"]}]});
        assert!(!holds(selector("In"), json!({})));
        assert!(holds(selector("NotIn"), json!({})));
        assert!(holds(selector("In"), json!({"env": "a"})));
        assert!(!holds(selector("NotIn"), json!({"env": "a"})));
    }

    #[test]
    fn everything_has_to_hold() {
        let selector = json!({"matchLabels": {"a": "1"},
            "matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]});
        assert!(holds(selector.clone(), json!({"a": "1"})));
        assert!(!holds(selector, json!({"a": "1", "b": "2"})));
    }

    #[test]
    fn a_wrong_operator_is_named() {
        let selector = json!({"matchExpressions": [{"key": "b", "operator": "Is"}]});
        let error = Selector::parse(Some(&selector)).unwrap_err();
        assert!(error.contains("\"Is\""), "{error}");
    }
}
