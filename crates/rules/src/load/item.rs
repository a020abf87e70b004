//! Items of a rule file, as they are read: names, texts and places, before
//! anything is looked up.

use super::text::{Draft, Place, Text};
use crate::{
    field::Source,
    rule::Priority,
    suggest,
    yaml::{Node, Style, Value},
};

#[derive(Debug)]
pub(super) struct ListItem {
    pub(super) place: Place,
    /// Each with the place it stands at.
    pub(super) items: Vec<(String, Place)>,
}

#[derive(Debug)]
pub(super) struct MacroItem {
    pub(super) place: Place,
    pub(super) condition: Text,
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "three are keys that an author writes"
)]
pub(super) struct RuleItem {
    pub(super) name: String,
    pub(super) place: Place,
    /// `None` if it is not one of ours.
    pub(super) source: Option<Source>,
    pub(super) description: String,
    pub(super) condition: Text,
    pub(super) output: Text,
    pub(super) priority: Priority,
    pub(super) tags: Vec<String>,
    pub(super) is_enabled: bool,
    pub(super) warns_event_types: bool,
    pub(super) skips_unknown: bool,
    pub(super) exceptions: Vec<Exception>,
    /// What stands under `seawall`, and in which file.
    pub(super) extension: Option<(usize, Node)>,
    /// Something of it was not understood and said: the rest is looked at
    /// for what else there is to say, and the rule left out.
    pub(super) is_broken: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Exception {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) fields: Option<Entry>,
    pub(super) comps: Option<Entry>,
    pub(super) values: Vec<Entry>,
}

/// A text or a list of such.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    One(Text, Place),
    Many(Vec<Self>, Place),
}

impl Entry {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::One(_, place) | Self::Many(_, place) => place,
        }
    }
}

/// A map of the file.
pub(super) struct Map<'n> {
    pub(super) file: usize,
    pub(super) node: &'n Node,
    pairs: &'n [(Node, Node)],
}

impl<'n> Map<'n> {
    /// `what` names it in the error: "an exception".
    pub(super) fn of(file: usize, node: &'n Node, what: &str) -> Result<Self, Draft> {
        match &node.value {
            Value::Mapping(pairs) => Ok(Self { file, node, pairs }),
            Value::Scalar(_) | Value::Sequence(_) => Err(Draft::error(
                "wrong-type",
                format!("{what} is a map, not {}", node.kind()),
                "not a map",
                place(file, node),
            )),
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'n str, &'n Node)> {
        self.pairs
            .iter()
            .filter_map(|(key, _)| Some((key.scalar()?.text.as_str(), key)))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.pair(key).map(|(_, value)| value)
    }

    /// The key and the value: the first, where there are several.
    pub(super) fn pair(&self, key: &str) -> Option<(&'n Node, &'n Node)> {
        self.pairs
            .iter()
            .find(|(name, _)| name.scalar().is_some_and(|scalar| scalar.text == key))
            .map(|(name, value)| (name, value))
    }

    pub(super) fn place(&self, node: &Node) -> Place {
        place(self.file, node)
    }

    /// Where the item begins: its first key.
    pub(super) fn head(&self) -> Place {
        self.place(self.pairs.first().map_or(self.node, |(key, _)| key))
    }

    pub(super) fn wrong(&self, node: &Node, key: &str, wanted: &str) -> Draft {
        Draft::error(
            "wrong-type",
            format!("`{key}` is {wanted}, not {}", node.kind()),
            format!("not {wanted}"),
            self.place(node),
        )
    }

    /// A text that must be there and not be empty.
    pub(super) fn text(&self, key: &str) -> Result<Text, Draft> {
        match self.optional_text(key)? {
            Some(text) => Ok(text),
            None => Err(self.missing(key)),
        }
    }

    pub(super) fn missing(&self, key: &str) -> Draft {
        let near = suggest::nearest(key, self.keys().map(|(name, _)| name));
        Draft::error(
            "missing-key",
            format!("`{key}` is missing"),
            format!("this has no `{key}`"),
            self.head(),
        )
        .help(near.map(|near| format!("rename `{near}` to `{key}`?")))
    }

    pub(super) fn optional_text(&self, key: &str) -> Result<Option<Text>, Draft> {
        let Some((name, node)) = self.pair(key) else {
            return Ok(None);
        };
        let Some(scalar) = node.scalar() else {
            return Err(self.wrong(node, key, "a text"));
        };
        if node.is_null() || scalar.text.trim().is_empty() {
            return Err(Draft::error(
                "empty-value",
                format!("`{key}` is empty"),
                "nothing stands here",
                self.place(name),
            ));
        }
        Ok(Some(Text::of(self.file, node)))
    }

    /// `true` and `false`, and YAML 1.1's other words for them.
    pub(super) fn optional_bool(&self, key: &str) -> Result<Option<bool>, Draft> {
        let Some(node) = self.get(key) else {
            return Ok(None);
        };
        match node.scalar().and_then(|scalar| boolean(&scalar.text)) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(node, key, "`true` or `false`")),
        }
    }

    pub(super) fn required_bool(&self, key: &str) -> Result<bool, Draft> {
        self.optional_bool(key)?.ok_or_else(|| self.missing(key))
    }

    /// The texts of a list, with their places.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<(String, Place)>, Draft> {
        let Some(node) = self.get(key) else {
            return Ok(Vec::new());
        };
        let parts = match &node.value {
            Value::Sequence(parts) => parts,
            Value::Scalar(_) if node.is_null() => return Ok(Vec::new()),
            Value::Scalar(_) | Value::Mapping(_) => return Err(self.wrong(node, key, "a list")),
        };
        parts
            .iter()
            .map(|part| match part.scalar() {
                Some(scalar) => Ok((scalar.text.clone(), self.place(part))),
                None => Err(Draft::error(
                    "wrong-type",
                    format!("`{key}` holds texts, not {}", part.kind()),
                    "not a text",
                    self.place(part),
                )),
            })
            .collect()
    }

    /// Says what is written twice or means nothing here.
    pub(super) fn check_keys(&self, known: &[&str]) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (key, node) in self.keys() {
            if seen.contains(&key) {
                drafts.push(Draft::warning(
                    "duplicate-key",
                    format!("`{key}` is written twice; the first counts"),
                    "the second",
                    self.place(node),
                ));
            }
            seen.push(key);
            if !known.contains(&key) {
                drafts.push(
                    Draft::warning(
                        "unknown-key",
                        format!("unknown key `{key}` is ignored"),
                        "not a key of this item",
                        self.place(node),
                    )
                    .help(suggest::did_you_mean(key, known.iter().copied())),
                );
            }
        }
        drafts
    }

    pub(super) fn priority(&self) -> Result<Priority, Draft> {
        let text = self.text("priority")?.text;
        Priority::parse(&text).ok_or_else(|| {
            let node = self.get("priority").unwrap_or(self.node);
            Draft::error(
                "unknown-priority",
                format!("unknown priority `{text}`"),
                "not a priority",
                self.place(node),
            )
            .help(suggest::or_list(
                &text,
                Priority::ALL.iter().map(|each| each.as_str()),
            ))
        })
    }

    pub(super) fn exceptions(&self) -> Result<Vec<Exception>, Draft> {
        let Some(node) = self.get("exceptions").filter(|node| !node.is_null()) else {
            return Ok(Vec::new());
        };
        let Value::Sequence(parts) = &node.value else {
            return Err(self.wrong(node, "exceptions", "a list"));
        };
        parts
            .iter()
            .map(|part| {
                let map = Map::of(self.file, part, "an exception")?;
                let entry = |key: &str| map.get(key).map(|node| entry(self.file, node)).transpose();
                let values = match map.get("values").filter(|node| !node.is_null()) {
                    None => Vec::new(),
                    Some(node) => match &node.value {
                        Value::Sequence(parts) => parts
                            .iter()
                            .map(|part| self::entry(self.file, part))
                            .collect::<Result<_, _>>()?,
                        Value::Scalar(_) | Value::Mapping(_) => {
                            return Err(map.wrong(node, "values", "a list"));
                        }
                    },
                };
                Ok(Exception {
                    name: map.text("name")?.text,
                    place: map.place(map.get("name").unwrap_or(part)),
                    fields: entry("fields")?,
                    comps: entry("comps")?,
                    values,
                })
            })
            .collect()
    }
}

fn entry(file: usize, node: &Node) -> Result<Entry, Draft> {
    match &node.value {
        Value::Scalar(scalar) if scalar.text.is_empty() && scalar.style == Style::Plain => {
            Err(Draft::error(
                "empty-value",
                "an exception has an empty value",
                "nothing stands here",
                place(file, node),
            ))
        }
        Value::Scalar(_) => Ok(Entry::One(Text::of(file, node), place(file, node))),
        Value::Sequence(parts) => Ok(Entry::Many(
            parts
                .iter()
                .map(|part| entry(file, part))
                .collect::<Result<_, _>>()?,
            place(file, node),
        )),
        Value::Mapping(_) => Err(Draft::error(
            "wrong-type",
            "an exception holds texts and lists, not a map",
            "not a text",
            place(file, node),
        )),
    }
}

pub(super) fn place(file: usize, node: &Node) -> Place {
    Place {
        file,
        region: node.region.clone(),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" => Some(true),
        "false" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}
