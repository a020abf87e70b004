//! Reads rule files: what they define, in their order, with everything
//! resolved at the end.
//!
//! One bad item does not lose the others: what was understood comes back
//! together with what was not.

mod check;
mod collect;
mod exception;
mod extension;
mod item;
mod overrides;
mod resolve;
mod text;
mod version;

use std::collections::{BTreeMap, HashMap};

pub use self::version::ENGINE;
use self::{
    extension::Read,
    item::{ListItem, MacroItem, RuleItem},
    resolve::{Resolver, Scope},
    text::{Draft, File, Place},
};
use crate::{
    diagnostic::{Diagnostic, Level},
    events,
    field::Source,
    output::{self, Piece},
    rule::{Expression, Rule, Ruleset},
    yaml,
};

/// Most files of one set.
const MAX_FILES: usize = 10_000;

/// Reads files one after another; the later may change what the earlier
/// said.
#[derive(Debug, Default)]
pub struct Loader {
    files: Vec<File>,
    drafts: Vec<Draft>,
    lists: BTreeMap<String, ListItem>,
    macros: BTreeMap<String, MacroItem>,
    rules: Vec<RuleItem>,
    rule_index: HashMap<String, usize>,
}

impl Loader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one file; `name` is what diagnostics call it.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        let index = self.files.len();
        self.files.push(File {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        if index >= MAX_FILES {
            self.drafts.push(Draft::error(
                "too-large",
                format!("more than {MAX_FILES} files"),
                "not read",
                Place {
                    file: index,
                    region: 0..0,
                },
            ));
            return self;
        }
        let (items, faults) = yaml::items(text);
        for fault in faults {
            self.drafts.push(Draft::error(
                "yaml",
                fault.message,
                "the file breaks off here",
                Place {
                    file: index,
                    region: fault.at..fault.at,
                },
            ));
        }
        for node in &items {
            self.collect(index, node);
        }
        self
    }

    /// Resolves everything. Diagnostics come in the order of the files.
    pub fn finish(self) -> (Ruleset, Vec<Diagnostic>) {
        let mut resolver = Resolver::new(&self.files, &self.lists, &self.macros);
        let mut rules: Vec<(Rule, &Place)> = Vec::new();
        for item in &self.rules {
            let Some(source) = item.source else { continue };
            let label = format!("rule `{}`", item.name);
            let mut scope = Scope::new(source, &label, item.skips_unknown);
            if let Some(rule) = resolver.rule(item, &mut scope) {
                rules.push((rule, &item.place));
            }
        }
        resolver.check_set(&mut rules);
        let mut drafts = self.drafts;
        // What could not be read may well have used it.
        if !drafts.iter().chain(&resolver.drafts).any(Draft::is_error) {
            resolver.check_unused();
        }
        drafts.append(&mut resolver.drafts);
        drafts.sort_by(|a, b| {
            (a.place.file, a.place.region.start, a.level).cmp(&(
                b.place.file,
                b.place.region.start,
                b.level,
            ))
        });
        let diagnostics = drafts
            .into_iter()
            .map(|draft| draft.show(&self.files))
            .collect();
        let rules = rules.into_iter().map(|(rule, _)| rule).collect();
        (Ruleset { rules }, diagnostics)
    }
}

impl Resolver<'_> {
    fn rule(&mut self, item: &RuleItem, scope: &mut Scope<'_>) -> Option<Rule> {
        let condition = self.condition(&item.condition, scope);
        let exceptions = self.exceptions(&item.exceptions, scope);
        self.output(item, scope);
        let extension = self.extension(item, scope);
        if scope.has_unknown || item.is_broken {
            return None;
        }
        let mut parts = vec![condition?];
        parts.extend(exceptions?);
        let condition = resolve::all(parts);
        let Read {
            extension,
            id,
            on_host,
        } = extension?;
        self.warn_condition(item, &condition, extension.sequence.is_some(), scope);
        let line = self
            .files
            .get(item.place.file)
            .and_then(|file| Some((file, file.text.get(..item.place.region.start)?)));
        Some(Rule {
            id: id.unwrap_or_else(|| id_of(&item.name)),
            on_host,
            name: item.name.clone(),
            description: item.description.clone(),
            source: scope.source,
            condition,
            written: item.condition.text.trim().to_owned(),
            output: item.output.text.trim().to_owned(),
            priority: item.priority,
            tags: item.tags.clone(),
            is_enabled: item.is_enabled,
            extension,
            origin: line.map_or_else(String::new, |(file, before)| {
                format!("{}:{}", file.name, before.matches('\n').count() + 1)
            }),
        })
    }

    fn output(&mut self, item: &RuleItem, scope: &mut Scope<'_>) {
        let (pieces, errors) = output::pieces(&item.output.text);
        for error in errors {
            let place = item.output.place(error.span, self.files);
            self.say(
                Draft::warning(
                    "output",
                    "a `%` with no field behind it stays a `%`",
                    error.label,
                    place,
                )
                .item(scope.label),
            );
        }
        for piece in pieces {
            if let Piece::Operand(operand) = piece {
                self.output_operand(&operand, item, scope);
            }
        }
    }

    fn output_operand(
        &mut self,
        operand: &crate::ast::Operand,
        item: &RuleItem,
        scope: &mut Scope<'_>,
    ) {
        use crate::ast::Operand;
        match operand {
            Operand::Field(field) if field.name == "container.info" => {}
            Operand::Field(field) => {
                if scope.source.field(&field.name).is_none() {
                    let place = item.output.place(field.span, self.files);
                    let mut draft = check::unknown_field(&field.name, scope.source, place);
                    // The alert is worth more than a gap in its text.
                    draft.level = Level::Warning;
                    self.unknown(draft, scope);
                }
            }
            Operand::Call { arguments, .. } => {
                for argument in arguments {
                    self.output_operand(argument, item, scope);
                }
            }
            Operand::List(parts) => {
                for part in parts {
                    self.output_operand(part, item, scope);
                }
            }
            Operand::Value(_) => {}
        }
    }

    fn warn_condition(
        &mut self,
        item: &RuleItem,
        condition: &Expression,
        is_sequence: bool,
        scope: &Scope<'_>,
    ) {
        let draft = match condition {
            Expression::Constant(false) => Draft::warning(
                "never-matches",
                "the condition never holds",
                "this rule says nothing",
                item.place.clone(),
            ),
            Expression::Constant(true) => Draft::warning(
                "always-matches",
                "the condition always holds",
                "this rule matches every event",
                item.place.clone(),
            ),
            _ if scope.source == Source::Syscall
                && item.warns_event_types
                && !is_sequence
                && events::event_types(condition).is_none() =>
            {
                Draft::warning(
                    "no-event-type",
                    "the condition does not say which events it is about",
                    "every event of a node is compared: slow",
                    item.place.clone(),
                )
                .help(Some(
                    "add a check of `evt.type`, or say `warn_evttypes: false`",
                ))
            }
            _ => return,
        };
        self.say(draft.item(scope.label));
    }

    /// What rules are to each other.
    fn check_set(&mut self, rules: &mut Vec<(Rule, &Place)>) {
        let mut conditions: HashMap<(Source, String), String> = HashMap::new();
        let mut ids: HashMap<String, String> = HashMap::new();
        let mut drafts = Vec::new();
        rules.retain(|(rule, place)| {
            let taken = rule
                .ids()
                .find_map(|id| Some((ids.get(id)?, id)))
                .map(|(earlier, id)| (earlier.clone(), id.to_owned()));
            if let Some((earlier, id)) = taken {
                drafts.push(
                    Draft::error(
                        "duplicate-id",
                        format!("rules `{earlier}` and `{}` have one id, `{id}`", rule.name),
                        "the second is left out",
                        (*place).clone(),
                    )
                    .item(&format!("rule `{}`", rule.name)),
                );
                return false;
            }
            for id in rule.ids() {
                ids.insert(id.to_owned(), rule.name.clone());
            }
            let is_plain = rule.extension.threshold.is_none()
                && rule.extension.sequence.is_none()
                && rule.is_enabled;
            let is_constant = matches!(rule.condition, Expression::Constant(_));
            if is_plain && !is_constant {
                let key = (rule.source, rule.condition.to_string());
                match conditions.get(&key) {
                    Some(earlier) => drafts.push(
                        Draft::warning(
                            "shadowed",
                            format!(
                                "rule `{}` matches exactly what `{earlier}` matches",
                                rule.name
                            ),
                            "the same condition",
                            (*place).clone(),
                        )
                        .item(&format!("rule `{}`", rule.name)),
                    ),
                    None => {
                        conditions.insert(key, rule.name.clone());
                    }
                }
            }
            true
        });
        for draft in drafts {
            self.say(draft);
        }
    }

    fn check_unused(&mut self) {
        let mut drafts = Vec::new();
        for (name, state) in &self.macros {
            if !state.is_used {
                drafts.push(Draft::warning(
                    "unused",
                    format!("macro `{name}` is used by nothing"),
                    "never named",
                    state.item.place.clone(),
                ));
            }
        }
        for (name, state) in &self.lists {
            if !state.is_used {
                drafts.push(Draft::warning(
                    "unused",
                    format!("list `{name}` is used by nothing"),
                    "never named",
                    state.item.place.clone(),
                ));
            }
        }
        for draft in drafts {
            self.say(draft);
        }
    }
}

/// `Shell in a container` becomes `shell-in-a-container`.
fn id_of(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    let id = id.trim_end_matches('-');
    if id.is_empty() { "rule" } else { id }.to_owned()
}
