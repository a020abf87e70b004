//! Values that somebody else knows: places are marked while an object
//! changes, and filled in once it no longer does, so that a provider is
//! asked once for each value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::external::OFF;
use crate::world::World;

/// Marks a place to be filled in. No member of an object is named so: the
/// API server takes no such name for one of its own.
const MARK: &str = "\u{0}external";

/// `assign.externalData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct External {
    provider: String,
    /// Asks with who makes the request, not with what is at the place.
    pub(crate) by_user: bool,
    on_failure: OnFailure,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OnFailure {
    Fail,
    Ignore,
    Default(String),
}

impl External {
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        Ok(Self {
            provider: text("provider")
                .filter(|name| !name.is_empty())
                .ok_or("externalData.provider is missing")?
                .to_owned(),
            by_user: match text("dataSource") {
                None | Some("ValueAtLocation") => false,
                Some("Username") => true,
                Some(other) => {
                    return Err(format!(
                        "externalData.dataSource is {other:?}: it may be ValueAtLocation or \
                         Username"
                    ));
                }
            },
            on_failure: match text("failurePolicy") {
                None | Some("Fail") => OnFailure::Fail,
                Some("Ignore") => OnFailure::Ignore,
                Some("UseDefault") => OnFailure::Default(
                    text("default")
                        .filter(|default| !default.is_empty())
                        .ok_or(
                            "`default` must not be empty when `failurePolicy` is set to \
                             `UseDefault`",
                        )?
                        .to_owned(),
                ),
                Some(other) => {
                    return Err(format!(
                        "externalData.failurePolicy is {other:?}: it may be Fail, Ignore or \
                         UseDefault"
                    ));
                }
            },
        })
    }

    /// What marks the place that the mutator numbered `index` fills in.
    pub(crate) fn mark(
        &self,
        index: usize,
        user: &str,
        old: Option<&Value>,
    ) -> Result<Value, String> {
        let was = match old {
            _ if self.by_user => user.to_owned(),
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(marked) => match marked.get(MARK).and_then(|mark| mark.get(1)) {
                Some(was) => was.as_str().unwrap_or_default().to_owned(),
                None => {
                    return Err(format!(
                        "value assigned to external data placeholder is not a string, got {marked}"
                    ));
                }
            },
        };
        Ok(json!({(MARK): [index, was]}))
    }
}

/// Fills in every marked place of `object`.
pub(crate) fn resolve<'e>(
    object: &mut Value,
    external: impl Fn(usize) -> Option<&'e External>,
    world: &World,
) -> Result<(), String> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    collect(object, &external, &mut asked);
    if asked.is_empty() {
        return Ok(());
    }
    let mut answers = BTreeMap::new();
    for (provider, keys) in asked {
        let keys: Vec<String> = keys.into_iter().collect();
        let answer = match &world.external {
            Some(external) => read(&external.ask(&provider, &keys)),
            None => Err(OFF.to_owned()),
        };
        answers.insert(provider, answer);
    }
    fill(object, &external, &answers)
}

type Answers = BTreeMap<String, Result<BTreeMap<String, Result<String, String>>, String>>;

/// An answer in Gatekeeper's shape.
fn read(answer: &Value) -> Result<BTreeMap<String, Result<String, String>>, String> {
    if let Some(error) = answer["system_error"]
        .as_str()
        .filter(|error| !error.trim().is_empty())
    {
        return Err(format!("non-empty system error: {error}"));
    }
    // Asked again, it might change the object again.
    if answer["idempotent"] == false {
        return Err("non-idempotent response".to_owned());
    }
    let pairs = |key: &str| -> Vec<(String, Value)> {
        let list = answer[key].as_array();
        list.into_iter()
            .flatten()
            .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone())))
            .collect()
    };
    let mut values = BTreeMap::new();
    for (key, value) in pairs("responses") {
        let value = match value {
            Value::String(text) => Ok(text),
            other => Err(format!("failed to convert {other} to a string")),
        };
        values.insert(key, value);
    }
    for (key, error) in pairs("errors") {
        let error = error
            .as_str()
            .map_or_else(|| error.to_string(), str::to_owned);
        values.insert(key, Err(error));
    }
    Ok(values)
}

/// The mutator's number and what the place held, where one is marked.
fn marked(value: &Value) -> Option<(usize, &str)> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let mark = fields.get(MARK)?;
    let index = usize::try_from(mark.get(0)?.as_u64()?).ok()?;
    Some((index, mark.get(1)?.as_str()?))
}

fn collect<'e>(
    value: &Value,
    external: &impl Fn(usize) -> Option<&'e External>,
    asked: &mut BTreeMap<String, BTreeSet<String>>,
) {
    if let Some((index, was)) = marked(value) {
        if let Some(external) = external(index) {
            let keys = asked.entry(external.provider.clone()).or_default();
            keys.insert(was.to_owned());
        }
        return;
    }
    match value {
        Value::Object(fields) => fields
            .values()
            .for_each(|inner| collect(inner, external, asked)),
        Value::Array(items) => items
            .iter()
            .for_each(|inner| collect(inner, external, asked)),
        _ => {}
    }
}

fn fill<'e>(
    value: &mut Value,
    external: &impl Fn(usize) -> Option<&'e External>,
    answers: &Answers,
) -> Result<(), String> {
    if let Some((index, was)) = marked(value) {
        let Some(external) = external(index) else {
            return Err("a place is marked for a mutator that is not there".to_owned());
        };
        let provider = &external.provider;
        let answer = match answers.get(provider) {
            Some(Ok(values)) => match values.get(was) {
                Some(Ok(text)) => Ok(text.clone()),
                Some(Err(error)) => Err(format!(
                    "failed to retrieve external data item from provider {provider}: {error}"
                )),
                None => Err(format!(
                    "failed to retrieve external data item from provider {provider}: no answer \
                     for {was:?}"
                )),
            },
            Some(Err(error)) => Err(format!(
                "failed to retrieve external data from provider {provider}: {error}"
            )),
            None => Err(format!("provider {provider} was not asked")),
        };
        *value = Value::String(match (answer, &external.on_failure) {
            (Ok(text), _) => text,
            (Err(error), OnFailure::Fail) => return Err(error),
            (Err(_), OnFailure::Ignore) => was.to_owned(),
            (Err(_), OnFailure::Default(default)) => default.clone(),
        });
        return Ok(());
    }
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .try_for_each(|inner| fill(inner, external, answers)),
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|inner| fill(inner, external, answers)),
        _ => Ok(()),
    }
}
