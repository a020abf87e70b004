//! Items in the order of their files: what is defined, defined again,
//! added to and replaced.

use super::{
    Loader,
    item::{ListItem, MacroItem, Map, RuleItem},
    overrides::Override,
    text::{Draft, Place, Text},
    version,
};
use crate::{
    field::Source,
    parse,
    rule::Priority,
    suggest,
    yaml::{Node, Value},
};

const ITEM_KEYS: [&str; 5] = [
    "rule",
    "macro",
    "list",
    "required_engine_version",
    "required_plugin_versions",
];

const RULE_KEYS: [&str; 18] = [
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "capture",
    "capture_duration",
    "capture_events",
    "capture_filesize",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "tags",
    "exceptions",
    "override",
    "append",
    "seawall",
];

const APPENDABLE: [&str; 5] = ["condition", "output", "desc", "tags", "exceptions"];

const REPLACEABLE: [&str; 14] = [
    "condition",
    "output",
    "desc",
    "priority",
    "capture",
    "capture_duration",
    "capture_events",
    "capture_filesize",
    "tags",
    "exceptions",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "seawall",
];

/// What was read, or `None` and one fault more.
fn kept<T>(read: Result<T, Draft>, faults: &mut Vec<Draft>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

impl Loader {
    pub(super) fn collect(&mut self, file: usize, node: &Node) {
        if node.is_null() {
            return;
        }
        let mut name = None;
        if let Err(draft) = self.read(file, node, &mut name) {
            self.drafts.push(match name {
                Some(name) => draft.item(&name),
                None => draft,
            });
        }
    }

    fn read(&mut self, file: usize, node: &Node, name: &mut Option<String>) -> Result<(), Draft> {
        let map = Map::of(file, node, "an item of a rule file")?;
        let Some(kind) = [
            "required_engine_version",
            "required_plugin_versions",
            "list",
            "macro",
            "rule",
        ]
        .into_iter()
        .find(|key| map.get(key).is_some()) else {
            let first = map.keys().next().map_or("", |(key, _)| key);
            self.drafts.push(
                Draft::warning(
                    "unknown-item",
                    "an item that is no rule, macro or list is ignored",
                    "not the key of an item",
                    map.head(),
                )
                .help(suggest::or_list(first, ITEM_KEYS)),
            );
            return Ok(());
        };
        if matches!(kind, "list" | "macro" | "rule") {
            *name = Some(format!("{kind} `{}`", map.text(kind)?.text));
        }
        match kind {
            "required_engine_version" => {
                let text = map.text(kind)?;
                self.drafts.extend(map.check_keys(&[kind]));
                version::check_engine(&text.text, map.place(map.get(kind).unwrap_or(node)))
            }
            "required_plugin_versions" => {
                self.drafts.extend(map.check_keys(&[kind]));
                version::check_plugins(file, map.get(kind).unwrap_or(node))
            }
            "list" => self.list(&map),
            "macro" => self.macro_(&map),
            _ => self.rule(&map),
        }
    }

    fn warn_keys(&mut self, map: &Map<'_>, known: &[&str], item: &str) {
        let drafts = map.check_keys(known);
        self.drafts
            .extend(drafts.into_iter().map(|draft| draft.item(item)));
    }

    fn list(&mut self, map: &Map<'_>) -> Result<(), Draft> {
        let name = map.text("list")?.text;
        let label = format!("list `{name}`");
        let at = map.place(map.get("list").unwrap_or(map.node));
        if !parse::is_bare(&name) {
            self.drafts.push(
                Draft::warning(
                    "unusable-name",
                    "no condition can name this list",
                    "spaces, quotes, parentheses, `=` and commas are not for names",
                    at.clone(),
                )
                .item(&label),
            );
        }
        if map.get("items").is_none() {
            return Err(map.missing("items"));
        }
        let items = map.texts("items")?;
        let append = self.append_flag(map, &label)?;
        let overrides = Self::overrides(map, &["items"], &["items"], append)?;
        self.warn_keys(map, &["list", "items", "append", "override"], &label);
        if append || overrides.append.contains(&"items") {
            return match self.lists.get_mut(&name) {
                Some(list) => {
                    list.items.extend(items);
                    Ok(())
                }
                None => Err(no_previous("list", &name, &at, self.lists.keys())),
            };
        }
        let item = ListItem { place: at, items };
        if let Some(earlier) = self.lists.get(&name)
            && overrides.is_empty()
        {
            self.warn_redefined("list", &name, &item.place, &earlier.place.clone());
        }
        self.lists.insert(name, item);
        Ok(())
    }

    fn macro_(&mut self, map: &Map<'_>) -> Result<(), Draft> {
        let name = map.text("macro")?.text;
        let label = format!("macro `{name}`");
        let at = map.place(map.get("macro").unwrap_or(map.node));
        if !parse::is_identifier(&name) {
            self.drafts.push(
                Draft::warning(
                    "unusable-name",
                    "no condition can name this macro",
                    "names of macros are letters, digits and `_`, a letter first",
                    at.clone(),
                )
                .item(&label),
            );
        }
        let condition = map.text("condition")?;
        let append = self.append_flag(map, &label)?;
        let overrides = Self::overrides(map, &["condition"], &["condition"], append)?;
        self.warn_keys(map, &["macro", "condition", "append", "override"], &label);
        if append || overrides.append.contains(&"condition") {
            return match self.macros.get_mut(&name) {
                Some(item) => {
                    item.condition.append(condition);
                    Ok(())
                }
                None => Err(no_previous("macro", &name, &at, self.macros.keys())),
            };
        }
        let item = MacroItem {
            place: at,
            condition,
        };
        if let Some(earlier) = self.macros.get(&name)
            && overrides.is_empty()
        {
            self.warn_redefined("macro", &name, &item.place, &earlier.place.clone());
        }
        self.macros.insert(name, item);
        Ok(())
    }

    /// A later file may well replace what an earlier one said; in one and
    /// the same file it is a slip.
    fn warn_redefined(&mut self, kind: &str, name: &str, at: &Place, earlier: &Place) {
        if at.file != earlier.file {
            return;
        }
        let line = self
            .files
            .get(earlier.file)
            .and_then(|file| file.text.get(..earlier.region.start))
            .map_or(0, |before| before.matches('\n').count() + 1);
        self.drafts.push(
            Draft::warning(
                "redefined",
                format!("{kind} `{name}` is defined twice in this file; the later counts"),
                format!("line {line} defines it first"),
                at.clone(),
            )
            .help(Some("to add to it, write `override` with `append`")),
        );
    }

    fn rule(&mut self, map: &Map<'_>) -> Result<(), Draft> {
        let name = map.text("rule")?.text;
        let label = format!("rule `{name}`");
        let at = map.place(map.get("rule").unwrap_or(map.node));
        let append = self.append_flag(map, &label)?;
        let overrides = Self::overrides(map, &APPENDABLE, &REPLACEABLE, append)?;
        self.warn_keys(map, &RULE_KEYS, &label);
        if append || !overrides.is_empty() {
            return self.change(map, &name, &at, append, &overrides);
        }
        let is_switch = ["condition", "output", "desc", "priority"]
            .iter()
            .all(|key| map.get(key).is_none());
        if is_switch && map.get("enabled").is_some() {
            return self.switch(map, &name, &at);
        }
        let rule = self.new_rule(map, name.clone(), at)?;
        if rule.is_broken {
            // No later item finds it, and an earlier one stays as it was.
            self.rules.push(rule);
        } else if let Some(earlier) = self.rule_index.get(&name).copied()
            && let Some(slot) = self.rules.get_mut(earlier)
        {
            if slot.source != rule.source {
                return Err(Draft::error(
                    "changed-source",
                    format!("rule `{name}` is defined again with another source"),
                    "defined again here",
                    rule.place,
                ));
            }
            let (now, before) = (rule.place.clone(), slot.place.clone());
            *slot = rule;
            self.warn_redefined("rule", &name, &now, &before);
        } else {
            self.rule_index.insert(name, self.rules.len());
            self.rules.push(rule);
        }
        Ok(())
    }

    fn new_rule(&mut self, map: &Map<'_>, name: String, at: Place) -> Result<RuleItem, Draft> {
        let source = match map.optional_text("source")? {
            None => Some(Source::Syscall),
            Some(text) => {
                let source = Source::parse(text.text.trim());
                if source.is_none() {
                    self.drafts.push(
                        Draft::warning(
                            "unknown-source",
                            format!(
                                "source `{}` is not read here; the rule is left out",
                                text.text
                            ),
                            "not one of our sources",
                            map.place(map.get("source").unwrap_or(map.node)),
                        )
                        .help(suggest::or_list(
                            &text.text,
                            Source::ALL.iter().map(|each| each.as_str()),
                        ))
                        .item(&format!("rule `{name}`")),
                    );
                }
                source
            }
        };
        // What to condition and output is wrong leaves nothing to look at.
        let (condition, output) = (map.text("condition")?, map.text("output")?);
        let mut faults = Vec::new();
        let exceptions = kept(
            map.exceptions().and_then(|mut exceptions| {
                exceptions
                    .iter_mut()
                    .try_for_each(super::exception::complete)?;
                Ok(exceptions)
            }),
            &mut faults,
        );
        let description = kept(map.text("desc"), &mut faults);
        let priority = kept(map.priority(), &mut faults);
        let tags = kept(tags(map), &mut faults);
        let mut switch = |key: &str, otherwise: bool| {
            kept(map.optional_bool(key), &mut faults)
                .flatten()
                .unwrap_or(otherwise)
        };
        let is_enabled = switch("enabled", true);
        let warns_event_types = switch("warn_evttypes", true);
        let skips_unknown = switch("skip-if-unknown-filter", false);
        let is_broken = !faults.is_empty();
        let label = format!("rule `{name}`");
        self.drafts
            .extend(faults.into_iter().map(|fault| fault.item(&label)));
        let exceptions = exceptions.unwrap_or_default();
        self.warn_twice(&exceptions, &name);
        Ok(RuleItem {
            condition,
            description: description.map_or_else(String::new, |it| it.text.trim().to_owned()),
            output,
            priority: priority.unwrap_or(Priority::Debug),
            tags: tags.unwrap_or_default(),
            is_enabled,
            warns_event_types,
            skips_unknown,
            extension: extension(map),
            name,
            place: at,
            source,
            exceptions,
            is_broken,
        })
    }

    fn warn_twice(&mut self, exceptions: &[super::item::Exception], name: &str) {
        for (index, exception) in exceptions.iter().enumerate() {
            let before = exceptions.get(..index).unwrap_or_default();
            if before.iter().any(|each| each.name == exception.name) {
                self.drafts.push(
                    Draft::warning(
                        "duplicate-exception",
                        format!("exception `{}` is defined twice", exception.name),
                        "the second",
                        exception.place.clone(),
                    )
                    .item(&format!("rule `{name}`")),
                );
            }
        }
    }

    /// `enabled` alone, the older way to switch a rule.
    fn switch(&mut self, map: &Map<'_>, name: &str, at: &Place) -> Result<(), Draft> {
        let is_enabled = map.required_bool("enabled")?;
        self.drafts.push(
            Draft::warning(
                "deprecated-key",
                "`enabled` alone is the older way to switch a rule",
                "an override says what it changes",
                map.place(map.pair("enabled").map_or(map.node, |(key, _)| key)),
            )
            .help(Some("add `override: {enabled: replace}`"))
            .item(&format!("rule `{name}`")),
        );
        let rule = self.earlier_rule(name, at)?;
        rule.is_enabled = is_enabled;
        Ok(())
    }

    fn earlier_rule(&mut self, name: &str, at: &Place) -> Result<&mut RuleItem, Draft> {
        let index = self.rule_index.get(name).copied();
        let known: Vec<String> = match index {
            Some(_) => Vec::new(),
            None => self.rule_index.keys().cloned().collect(),
        };
        index
            .and_then(|index| self.rules.get_mut(index))
            .ok_or_else(|| no_previous("rule", name, at, &known))
    }

    fn change(
        &mut self,
        map: &Map<'_>,
        name: &str,
        at: &Place,
        append: bool,
        overrides: &Override<'_>,
    ) -> Result<(), Draft> {
        let appends = |key: &str| {
            (append && matches!(key, "condition" | "exceptions") && map.get(key).is_some())
                || overrides.append.contains(&key)
        };
        let replaces = |key: &str| overrides.replace.contains(&key);
        // All is read before anything is changed: a mistake changes nothing.
        let text = |key: &str| {
            let is_meant = appends(key) || replaces(key);
            is_meant.then(|| map.text(key)).transpose()
        };
        let (condition, output, description) = (text("condition")?, text("output")?, text("desc")?);
        let priority = replaces("priority").then(|| map.priority()).transpose()?;
        let switch = |key: &str| replaces(key).then(|| map.required_bool(key)).transpose();
        let is_enabled = switch("enabled")?;
        let warns = switch("warn_evttypes")?;
        let skips = switch("skip-if-unknown-filter")?;
        let source = map.optional_text("source")?;
        let tags = tags(map)?;
        let mut exceptions = map.exceptions()?;
        if append && condition.is_none() && exceptions.is_empty() {
            self.drafts.push(
                Draft::warning(
                    "empty-append",
                    "`append` adds a condition or exceptions, and here is neither",
                    "nothing is added",
                    at.clone(),
                )
                .item(&format!("rule `{name}`")),
            );
        }
        if replaces("exceptions") {
            for exception in &mut exceptions {
                super::exception::complete(exception)?;
            }
        }
        let rule = self.earlier_rule(name, at)?;
        if let Some(source) = source
            && rule
                .source
                .is_some_and(|own| own.as_str() != source.text.trim())
        {
            return Err(Draft::error(
                "changed-source",
                format!("rule `{name}` has another source"),
                "this is not its source",
                map.place(map.get("source").unwrap_or(map.node)),
            ));
        }
        if appends("exceptions") {
            super::exception::append(&mut rule.exceptions, exceptions)?;
        } else if replaces("exceptions") {
            rule.exceptions = exceptions;
        }
        let join = |own: &mut Text, text: Option<Text>, is_append: bool| match text {
            Some(text) if is_append => own.append(text),
            Some(text) => *own = text,
            None => {}
        };
        join(&mut rule.condition, condition, appends("condition"));
        join(&mut rule.output, output, appends("output"));
        match description {
            Some(text) if appends("desc") => {
                rule.description = format!("{} {}", rule.description, text.text.trim());
            }
            Some(text) => text.text.trim().clone_into(&mut rule.description),
            None => {}
        }
        if appends("tags") {
            for tag in tags {
                if !rule.tags.contains(&tag) {
                    rule.tags.push(tag);
                }
            }
        } else if replaces("tags") {
            rule.tags = tags;
        }
        rule.priority = priority.unwrap_or(rule.priority);
        rule.is_enabled = is_enabled.unwrap_or(rule.is_enabled);
        rule.warns_event_types = warns.unwrap_or(rule.warns_event_types);
        rule.skips_unknown = skips.unwrap_or(rule.skips_unknown);
        if replaces("seawall") {
            rule.extension = extension(map);
        }
        Ok(())
    }
}

fn tags(map: &Map<'_>) -> Result<Vec<String>, Draft> {
    let mut tags: Vec<String> = Vec::new();
    for (tag, _) in map.texts("tags")? {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn extension(map: &Map<'_>) -> Option<(usize, Node)> {
    let node = map.get("seawall")?;
    let is_empty = matches!(&node.value, Value::Scalar(_)) && node.is_null();
    (!is_empty).then(|| (map.file, node.clone()))
}

fn no_previous<'k>(
    kind: &str,
    name: &str,
    at: &Place,
    known: impl IntoIterator<Item = &'k String>,
) -> Draft {
    Draft::error(
        "nothing-to-change",
        format!("no {kind} `{name}` is defined before this"),
        "changes what is not there",
        at.clone(),
    )
    .help(suggest::did_you_mean(
        name,
        known.into_iter().map(String::as_str),
    ))
}
