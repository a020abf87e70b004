//! `override`, and `append`, its older form: how an item changes an
//! earlier one.

use super::{
    Loader,
    item::{Map, place},
    text::Draft,
};
use crate::{suggest, yaml::Node};

/// What `override` says of an item's keys.
#[derive(Default)]
pub(super) struct Override<'n> {
    pub(super) append: Vec<&'n str>,
    pub(super) replace: Vec<&'n str>,
}

impl Override<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

impl Loader {
    pub(super) fn append_flag(&mut self, map: &Map<'_>, label: &str) -> Result<bool, Draft> {
        let append = map.optional_bool("append")?.unwrap_or(false);
        if append {
            self.drafts.push(
                Draft::warning(
                    "deprecated-key",
                    "`append` is the older way to add to an item",
                    "an override says what it adds to",
                    map.place(map.pair("append").map_or(map.node, |(key, _)| key)),
                )
                .help(Some(
                    "write `override: {condition: append}`, or the key you add to",
                ))
                .item(label),
            );
        }
        Ok(append)
    }

    pub(super) fn overrides<'n>(
        map: &Map<'n>,
        appendable: &[&str],
        replaceable: &[&str],
        append: bool,
    ) -> Result<Override<'n>, Draft> {
        let mut overrides = Override::default();
        let Some(node) = map.get("override").filter(|node| !node.is_null()) else {
            return Ok(overrides);
        };
        let inner = Map::of(map.file, node, "`override`")?;
        for (key, key_node) in inner.keys() {
            let value = inner.get(key).unwrap_or(key_node);
            let word = value.scalar().map_or("", |scalar| scalar.text.as_str());
            let fault = |code, message: String, label: &str, node: &Node| {
                Draft::error(code, message, label, place(map.file, node))
            };
            let (list, known) = match word {
                "append" => (&mut overrides.append, appendable),
                "replace" => (&mut overrides.replace, replaceable),
                _ => {
                    return Err(fault(
                        "bad-override",
                        format!("an override is `append` or `replace`, not `{word}`"),
                        "not a way to override",
                        value,
                    )
                    .help(suggest::did_you_mean(word, ["append", "replace"])));
                }
            };
            if !known.contains(&key) {
                let help = if replaceable.contains(&key) {
                    Some("write `replace`".to_owned())
                } else {
                    suggest::or_list(key, known.iter().copied())
                };
                return Err(fault(
                    "bad-override",
                    format!("`{key}` cannot be overridden by `{word}`"),
                    "not here",
                    key_node,
                )
                .help(help));
            }
            list.push(key);
            if map.get(key).is_none() {
                return Err(fault(
                    "bad-override",
                    format!("`{key}` is overridden but not given"),
                    "the item has no such key",
                    key_node,
                ));
            }
        }
        if append && !overrides.is_empty() {
            return Err(Draft::error(
                "bad-override",
                "`append` and `override` do not go together",
                "one of them says it",
                map.place(map.pair("append").map_or(node, |(key, _)| key)),
            ));
        }
        if !overrides.is_empty() {
            for key in replaceable {
                let is_said = overrides.append.contains(key) || overrides.replace.contains(key);
                if let Some((key_node, _)) = map.pair(key).filter(|_| !is_said) {
                    return Err(Draft::error(
                        "bad-override",
                        format!("`{key}` is given but `override` does not say how it counts"),
                        "not named under `override`",
                        map.place(key_node),
                    )
                    .help(Some(format!("add `{key}: replace` under `override`"))));
                }
            }
        }
        Ok(overrides)
    }
}
