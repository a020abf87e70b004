//! Puts lists and macros where their names stand.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    check::{At, Left, Shape, Side, Written},
    item::{ListItem, MacroItem},
    text::{Draft, File, Place, Text},
};
use crate::{
    ast::{Check, Condition, FieldName, Operand, Right, Transformer, Value},
    diagnostic::Level,
    field::{Argument, Kind, Source},
    parse,
    rule::{Expression, Term},
    suggest,
};

/// How deep a condition may nest once macros stand for what they mean.
const MAX_DEPTH: usize = 250;

/// How large one rule may become: checks and values.
const MAX_RULE: usize = 400_000;

/// How large all rules may become.
const MAX_ALL: usize = 4_000_000;

/// How many items lists may take from each other.
const MAX_LISTED: usize = 2_000_000;

/// Diagnostics beyond this help nobody.
const MAX_DRAFTS: usize = 2000;

#[derive(Debug)]
pub(super) struct MacroState<'l> {
    pub(super) item: &'l MacroItem,
    /// `None` where it cannot be read.
    condition: Option<Condition>,
    pub(super) is_used: bool,
}

#[derive(Debug)]
pub(super) struct ListState<'l> {
    pub(super) item: &'l ListItem,
    /// Flat.
    values: Vec<String>,
    pub(super) is_used: bool,
}

/// Everything that names can stand for.
pub(super) struct Resolver<'l> {
    pub(super) files: &'l [File],
    pub(super) lists: BTreeMap<&'l str, ListState<'l>>,
    pub(super) macros: BTreeMap<&'l str, MacroState<'l>>,
    pub(super) drafts: Vec<Draft>,
    seen: HashSet<(Place, &'static str, Box<str>)>,
    spent: usize,
    /// Items that came into lists by the names of others.
    listed: usize,
}

/// The rule that is being resolved.
pub(super) struct Scope<'s> {
    pub(super) source: Source,
    /// "rule `x`".
    pub(super) label: &'s str,
    pub(super) skips_unknown: bool,
    /// Whether something was not known that the rule says may be so.
    pub(super) has_unknown: bool,
    /// The macros on the way here.
    path: Vec<String>,
    spent: usize,
    /// It became too large: nothing more is looked at.
    is_over: bool,
}

impl<'s> Scope<'s> {
    pub(super) fn new(source: Source, label: &'s str, skips_unknown: bool) -> Self {
        Self {
            source,
            label,
            skips_unknown,
            has_unknown: false,
            path: Vec::new(),
            spent: 0,
            is_over: false,
        }
    }
}

impl<'l> Resolver<'l> {
    pub(super) fn new(
        files: &'l [File],
        lists: &'l BTreeMap<String, ListItem>,
        macros: &'l BTreeMap<String, MacroItem>,
    ) -> Self {
        let mut resolver = Self {
            files,
            lists: BTreeMap::new(),
            macros: BTreeMap::new(),
            drafts: Vec::new(),
            seen: HashSet::new(),
            spent: 0,
            listed: 0,
        };
        resolver.expand_lists(lists);
        for (name, item) in macros {
            let condition = match parse::condition(&item.condition.text) {
                Ok(condition) => Some(condition),
                Err(error) => {
                    let label = format!("macro `{name}`");
                    resolver.syntax(error, &item.condition, &label);
                    None
                }
            };
            resolver.macros.insert(
                name,
                MacroState {
                    item,
                    condition,
                    is_used: false,
                },
            );
        }
        resolver
    }

    /// Says it once, however many rules come by.
    pub(super) fn say(&mut self, draft: Draft) {
        let key = (draft.place.clone(), draft.code, draft.message.clone());
        if self.drafts.len() < MAX_DRAFTS && self.seen.insert(key) {
            self.drafts.push(draft);
        }
    }

    pub(super) fn syntax(&mut self, error: parse::SyntaxError, text: &Text, item: &str) {
        let place = text.place(error.span, self.files);
        self.say(
            Draft::error("syntax", error.message, error.label, place)
                .help(error.help)
                .item(item),
        );
    }

    fn expand_lists(&mut self, lists: &'l BTreeMap<String, ListItem>) {
        let mut done: HashMap<&'l str, Vec<String>> = HashMap::new();
        let mut used: HashSet<&'l str> = HashSet::new();
        for name in lists.keys() {
            let mut path = Vec::new();
            self.expand_list(name, lists, &mut done, &mut used, &mut path);
        }
        for (name, item) in lists {
            self.lists.insert(
                name,
                ListState {
                    item,
                    values: done.remove(name.as_str()).unwrap_or_default(),
                    is_used: used.contains(name.as_str()),
                },
            );
        }
    }

    fn expand_list(
        &mut self,
        name: &'l str,
        lists: &'l BTreeMap<String, ListItem>,
        done: &mut HashMap<&'l str, Vec<String>>,
        used: &mut HashSet<&'l str>,
        path: &mut Vec<&'l str>,
    ) {
        let Some(item) = lists.get(name) else { return };
        if done.contains_key(name) {
            return;
        }
        path.push(name);
        let label = format!("list `{name}`");
        let mut values = Vec::new();
        for (text, place) in &item.items {
            let value = match parse::item(text) {
                Ok(value) => value,
                Err(error) => {
                    self.say(
                        Draft::error("syntax", error.message, error.label, place.clone())
                            .help(error.help)
                            .item(&label),
                    );
                    continue;
                }
            };
            let inner = lists.get_key_value(value.text.as_str());
            let Some((inner, _)) = inner.filter(|_| !value.is_quoted) else {
                values.push(value.text);
                continue;
            };
            let inner = inner.as_str();
            used.insert(inner);
            if path.contains(&inner) || path.len() > MAX_DEPTH {
                self.say(
                    Draft::error(
                        "cycle",
                        format!("list `{inner}` contains itself"),
                        "comes back here",
                        place.clone(),
                    )
                    .help(Some(format!("{} → {inner}", path.join(" → "))))
                    .item(&label),
                );
                continue;
            }
            self.expand_list(inner, lists, done, used, path);
            values.extend(done.get(inner).into_iter().flatten().cloned());
            self.listed += done.get(inner).map_or(0, Vec::len);
            if values.len() > MAX_RULE || self.listed > MAX_LISTED {
                self.say(
                    Draft::error(
                        "too-large",
                        format!("list `{name}` holds too much"),
                        "too many with this one",
                        place.clone(),
                    )
                    .item(&label),
                );
                values.clear();
                break;
            }
        }
        path.pop();
        done.insert(name, values);
    }

    /// What a list's name stands for, if it is one.
    pub(super) fn list(&mut self, name: &str) -> Option<&[String]> {
        let list = self.lists.get_mut(name)?;
        list.is_used = true;
        Some(&list.values)
    }

    /// Counts what a rule becomes; `false` when it is too much.
    pub(super) fn spend(&mut self, amount: usize, scope: &mut Scope<'_>, at: &At<'_>) -> bool {
        scope.spent += amount;
        self.spent += amount;
        let is_too_much = scope.spent > MAX_RULE || self.spent > MAX_ALL;
        if is_too_much && !scope.is_over {
            scope.is_over = true;
            let place = at.place(self.files);
            self.say(
                Draft::error(
                    "too-large",
                    format!("the rule becomes larger than {MAX_RULE} checks and values"),
                    "here it is too much",
                    place,
                )
                .item(scope.label),
            );
        }
        !is_too_much
    }

    /// A condition with its exceptions, names resolved; `None` where an
    /// error was said.
    pub(super) fn condition(&mut self, text: &Text, scope: &mut Scope<'_>) -> Option<Expression> {
        match parse::condition(&text.text) {
            Ok(condition) => self.resolve(&condition, text, scope, 0),
            Err(error) => {
                self.syntax(error, text, scope.label);
                None
            }
        }
    }

    fn resolve(
        &mut self,
        condition: &Condition,
        text: &Text,
        scope: &mut Scope<'_>,
        depth: usize,
    ) -> Option<Expression> {
        if scope.is_over {
            return None;
        }
        match condition {
            Condition::Or(parts) => self.resolve_all(parts, text, scope, depth).map(any),
            Condition::And(parts) => self.resolve_all(parts, text, scope, depth).map(all),
            Condition::Not(inner) => self.resolve(inner, text, scope, depth + 1).map(not),
            Condition::Macro(name) => {
                let at = At::Text(text, name.span);
                self.resolve_macro(&name.text, &at, scope, depth)
            }
            Condition::Check(check) => self.resolve_check(check, text, scope),
        }
    }

    /// Goes on behind a mistake, so that all are said.
    fn resolve_all(
        &mut self,
        parts: &[Condition],
        text: &Text,
        scope: &mut Scope<'_>,
        depth: usize,
    ) -> Option<Vec<Expression>> {
        let mut resolved = Some(Vec::with_capacity(parts.len()));
        for part in parts {
            match (self.resolve(part, text, scope, depth + 1), &mut resolved) {
                (Some(part), Some(resolved)) => resolved.push(part),
                _ => resolved = None,
            }
        }
        resolved
    }

    fn resolve_macro(
        &mut self,
        name: &str,
        at: &At<'_>,
        scope: &mut Scope<'_>,
        depth: usize,
    ) -> Option<Expression> {
        let fault = |code, message: String, label: &str, files: &[File]| {
            Draft::error(code, message, label, at.place(files)).item(scope.label)
        };
        let Some(state) = self.macros.get_mut(name) else {
            let draft = fault(
                "unknown-macro",
                format!("unknown macro `{name}`"),
                "no macro has this name",
                self.files,
            );
            let help = if self.lists.contains_key(name) {
                Some(format!(
                    "`{name}` is a list: compare a field with it, `… in ({name})`"
                ))
            } else {
                suggest::did_you_mean(name, self.macros.keys().copied())
            };
            self.say(draft.help(help));
            return None;
        };
        state.is_used = true;
        if scope.path.iter().any(|each| each == name) {
            let draft = fault(
                "cycle",
                format!("macro `{name}` contains itself"),
                "comes back here",
                self.files,
            )
            .help(Some(format!("{} → {name}", scope.path.join(" → "))));
            self.say(draft);
            return None;
        }
        if depth > MAX_DEPTH {
            let draft = fault(
                "too-large",
                format!("macros nest more than {MAX_DEPTH} deep"),
                "too deep",
                self.files,
            );
            self.say(draft);
            return None;
        }
        let item = state.item;
        if !self.spend(1, scope, at) {
            return None;
        }
        let state = self.macros.get_mut(name)?;
        // Taken for the while: a macro is never inside itself.
        let Some(condition) = state.condition.take() else {
            let draft = fault(
                "broken-macro",
                format!("macro `{name}` cannot be read, so its users cannot either"),
                "used here",
                self.files,
            );
            self.say(draft);
            return None;
        };
        scope.path.push(name.to_owned());
        let resolved = self.resolve(&condition, &item.condition, scope, depth + 1);
        scope.path.pop();
        if let Some(state) = self.macros.get_mut(name) {
            state.condition = Some(condition);
        }
        resolved
    }

    fn resolve_check(
        &mut self,
        check: &Check,
        text: &Text,
        scope: &mut Scope<'_>,
    ) -> Option<Expression> {
        let at = At::Text(text, check.span);
        let left = self.left(&check.left, text, scope);
        let written = |value: &Value| Written {
            value: value.clone(),
            at: At::Text(text, value.span),
        };
        let right = match &check.right {
            Right::None => Side::None,
            Right::Value(value) => Side::Value(written(value)),
            Right::List(values) => Side::List(values.iter().map(written).collect()),
            Right::Operand(operand) => {
                // `val(x)` only tells a field from a word; behind this
                // there are terms for that.
                let operand = match operand {
                    Operand::Call {
                        transformer: Transformer::Value,
                        arguments,
                        argument: None,
                        span: _,
                    } => arguments.first().unwrap_or(operand),
                    other => other,
                };
                Side::Term(self.left(operand, text, scope)?)
            }
        };
        self.check(left?, check.operator, check.quantifier, right, &at, scope)
    }

    /// A field or a transformed one.
    pub(super) fn left(
        &mut self,
        operand: &Operand,
        text: &Text,
        scope: &mut Scope<'_>,
    ) -> Option<Left> {
        match operand {
            Operand::Field(field) => self.field(field, text, scope),
            Operand::Value(value) => Some(Left {
                term: Term::Value(value.text.clone()),
                shape: Shape::TEXT,
            }),
            Operand::List(parts) => {
                let terms = parts
                    .iter()
                    .map(|part| Some(self.left(part, text, scope)?.term))
                    .collect::<Option<Vec<_>>>()?;
                Some(Left {
                    term: Term::List(terms),
                    shape: Shape {
                        is_list: true,
                        ..Shape::TEXT
                    },
                })
            }
            Operand::Call {
                transformer,
                arguments,
                argument,
                span,
            } => {
                let arguments = arguments
                    .iter()
                    .map(|part| self.left(part, text, scope))
                    .collect::<Option<Vec<_>>>()?;
                let at = At::Text(text, *span);
                self.call(*transformer, arguments, argument.as_deref(), &at, scope)
            }
        }
    }

    fn field(&mut self, field: &FieldName, text: &Text, scope: &mut Scope<'_>) -> Option<Left> {
        let place = |files: &[File]| text.place(field.span, files);
        let Some(known) = scope.source.field(&field.name) else {
            let draft = super::check::unknown_field(&field.name, scope.source, place(self.files));
            self.unknown(draft, scope);
            return None;
        };
        let fault = match (known.argument, &field.argument) {
            (Argument::Required, None) => Some((
                format!("field `{}` needs an argument in brackets", known.name),
                format!("as in `{}[…]`", known.name),
            )),
            (Argument::None, Some(_)) => Some((
                format!("field `{}` takes no argument", known.name),
                "leave the brackets out".to_owned(),
            )),
            _ => None,
        };
        if let Some((message, label)) = fault {
            let place = place(self.files);
            self.say(
                Draft::error("field-argument", message, label, place)
                    .help(Some(known.doc))
                    .item(scope.label),
            );
            return None;
        }
        if let Some(why) = super::check::deprecated(known.name) {
            let place = place(self.files);
            self.say(
                Draft::warning(
                    "deprecated-field",
                    format!("field `{}` is deprecated", known.name),
                    why,
                    place,
                )
                .item(scope.label),
            );
        }
        Some(Left {
            term: Term::Field {
                field: known,
                argument: field.argument.clone(),
            },
            shape: Shape {
                kind: known.kind,
                is_list: known.is_list,
            },
        })
    }

    /// An error, unless the rule says it may be left out then.
    pub(super) fn unknown(&mut self, mut draft: Draft, scope: &mut Scope<'_>) {
        if scope.skips_unknown {
            draft.level = Level::Warning;
            scope.has_unknown = true;
        }
        self.say(draft.item(scope.label));
    }
}

/// `and`, without what does not matter to it.
pub(super) fn all(parts: Vec<Expression>) -> Expression {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expression::Constant(true) => {}
            Expression::Constant(false) => return Expression::Constant(false),
            Expression::And(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 => Expression::Constant(true),
        1 => flat.swap_remove(0),
        _ => Expression::And(flat),
    }
}

/// `or`, without what does not matter to it.
pub(super) fn any(parts: Vec<Expression>) -> Expression {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expression::Constant(false) => {}
            Expression::Constant(true) => return Expression::Constant(true),
            Expression::Or(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 => Expression::Constant(false),
        1 => flat.swap_remove(0),
        _ => Expression::Or(flat),
    }
}

pub(super) fn not(part: Expression) -> Expression {
    match part {
        Expression::Constant(value) => Expression::Constant(!value),
        Expression::Not(inner) => *inner,
        other => Expression::Not(Box::new(other)),
    }
}

impl Shape {
    pub(super) const TEXT: Self = Self {
        kind: Kind::Text,
        is_list: false,
    };
}
