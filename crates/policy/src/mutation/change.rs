//! Changing an object at a path: walking down, making what is missing,
//! and setting what is at the end.

use serde_json::{Map, Value};

use super::external::External;
use super::image::Image;
use super::path::{Path, Step, Tests};

/// What a mutator does at the end of its path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Setter {
    Value(Value),
    Merge(Vec<Value>),
    Prune(Vec<Value>),
    Image(Image),
    /// A mark, filled in later.
    External {
        external: External,
        index: usize,
        user: String,
    },
}

impl Setter {
    fn set(&self, object: &mut Map<String, Value>, name: &str) -> Result<(), String> {
        let list = |value: &Value| {
            value
                .as_array()
                .cloned()
                .ok_or_else(|| format!("{value} is not a list of values, cannot treat it as a set"))
        };
        let new = match (self, object.get(name)) {
            (Self::Value(value), _) => value.clone(),
            (Self::Merge(values), None) => Value::Array(values.clone()),
            (Self::Merge(values), Some(old)) => {
                let mut list = list(old)?;
                for value in values {
                    if !list.contains(value) {
                        list.push(value.clone());
                    }
                }
                Value::Array(list)
            }
            (Self::Prune(_), None) => return Ok(()),
            (Self::Prune(values), Some(old)) => {
                let mut list = list(old)?;
                list.retain(|value| !values.contains(value));
                Value::Array(list)
            }
            (Self::Image(image), None) => Value::String(image.apply("")),
            (Self::Image(image), Some(Value::String(old))) => Value::String(image.apply(old)),
            (
                Self::External {
                    external,
                    index,
                    user,
                },
                old,
            ) => external.mark(*index, user, old)?,
            (Self::Image(_), Some(other)) => {
                return Err(format!(
                    "expected value at AssignImage location to be a string, got {other}"
                ));
            }
        };
        object.insert(name.to_owned(), new);
        Ok(())
    }

    /// What an entry of a list becomes.
    fn entry(&self) -> Result<&Map<String, Value>, String> {
        match self {
            Self::Value(Value::Object(entry)) => Ok(entry),
            Self::Value(other) => Err(format!(
                "assign.value for keyed list is not an object: {other}"
            )),
            _ => Err("mutator does not support mutating keyed lists".to_owned()),
        }
    }
}

/// Changes `object`; says whether anything was set.
pub(crate) fn change(
    object: &mut Value,
    path: &Path,
    tests: &Tests,
    setter: &Setter,
) -> Result<bool, String> {
    Walk {
        steps: &path.steps,
        tests,
        setter,
    }
    .at(object, 0)
}

struct Walk<'a> {
    steps: &'a [Step],
    tests: &'a Tests,
    setter: &'a Setter,
}

impl Walk<'_> {
    fn at(&self, current: &mut Value, depth: usize) -> Result<bool, String> {
        match self.steps.get(depth) {
            Some(Step::Member(name)) => match current {
                Value::Object(object) => self.member(object, name, depth),
                other => Err(mismatch("object", name, other)),
            },
            Some(Step::Entry { key, value }) => match current {
                Value::Array(list) => self.entry(list, key, value.as_ref(), depth),
                other => Err(mismatch("List", key, other)),
            },
            None => Err("attempting to mutate an empty target location".to_owned()),
        }
    }

    fn is_last(&self, depth: usize) -> bool {
        depth + 1 == self.steps.len()
    }

    fn member(
        &self,
        object: &mut Map<String, Value>,
        name: &str,
        depth: usize,
    ) -> Result<bool, String> {
        let exists = object.contains_key(name);
        if (exists && !self.tests.may_exist(depth))
            || (!exists && !self.tests.may_be_missing(depth))
        {
            return Ok(false);
        }
        if self.is_last(depth) {
            self.setter.set(object, name)?;
            return Ok(true);
        }
        if let Some(next) = object.get_mut(name) {
            return self.at(next, depth + 1);
        }
        // What is made on the way stays only if something is set below it.
        let mut next = self.missing(depth)?;
        let changed = self.at(&mut next, depth + 1)?;
        if changed {
            object.insert(name.to_owned(), next);
        }
        Ok(changed)
    }

    fn entry(
        &self,
        list: &mut Vec<Value>,
        key: &str,
        value: Option<&Value>,
        depth: usize,
    ) -> Result<bool, String> {
        if self.is_last(depth) {
            return self.set_entry(list, key, value, depth);
        }
        if value.is_none() && !self.tests.may_exist(depth) {
            return Ok(false);
        }
        let (mut changed, mut found) = (false, value.is_none());
        for item in list.iter_mut() {
            if let Some(value) = value {
                if item.get(key) != Some(value) {
                    continue;
                }
                if !self.tests.may_exist(depth) {
                    return Ok(false);
                }
            }
            found = true;
            changed |= self.at(item, depth + 1)?;
        }
        if !found {
            if !self.tests.may_be_missing(depth) {
                return Ok(false);
            }
            let mut next = self.missing(depth)?;
            if self.at(&mut next, depth + 1)? {
                list.push(next);
                changed = true;
            }
        }
        Ok(changed)
    }

    fn set_entry(
        &self,
        list: &mut Vec<Value>,
        key: &str,
        value: Option<&Value>,
        depth: usize,
    ) -> Result<bool, String> {
        let entry = self.setter.entry()?;
        let Some(value) = value else {
            return Err("last path entry can not be globbed".to_owned());
        };
        for item in list.iter_mut() {
            if item.get(key) != Some(value) {
                continue;
            }
            if entry.get(key) != Some(value) {
                return Err("key value of replaced object must not change".to_owned());
            }
            if !self.tests.may_exist(depth) {
                return Ok(false);
            }
            *item = Value::Object(entry.clone());
            return Ok(true);
        }
        if !self.tests.may_be_missing(depth) {
            return Ok(false);
        }
        list.push(Value::Object(entry.clone()));
        Ok(true)
    }

    /// What has to be made for the step after `depth`.
    fn missing(&self, depth: usize) -> Result<Value, String> {
        match (self.steps.get(depth), self.steps.get(depth + 1)) {
            (Some(Step::Entry { .. }), Some(Step::Entry { .. })) => {
                Err("two consecutive list path entries not allowed".to_owned())
            }
            (Some(Step::Entry { value: None, .. }), _) => {
                Err("list entry has no key value".to_owned())
            }
            (
                Some(Step::Entry {
                    key,
                    value: Some(value),
                }),
                _,
            ) => Ok(Value::Object(Map::from_iter([(
                key.clone(),
                value.clone(),
            )]))),
            (_, Some(Step::Entry { .. })) => Ok(Value::Array(Vec::new())),
            _ => Ok(Value::Object(Map::new())),
        }
    }
}

fn mismatch(expected: &str, at: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!(
        "mismatch between path entry (type: {expected}) and received object ({found}). Path: {at}"
    )
}
