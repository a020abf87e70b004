//! What is wrong by syntax: places where `regorus` means something else
//! than OPA does, put into words that mean the same to both.
//!
//! * **Negation.** OPA evaluates what a negated call or comparison is
//!   given before it negates, so that `not f(input.x)` without an `x` is
//!   undefined, not true. Such operands move in front of the `not`.
//! * **`sprintf`** with fewer arguments than verbs prints
//!   `%!v(MISSING)`, with more `%!(EXTRA int=1)`; `%o` prints no prefix.
//!   Where `regorus` would be undefined for a verb or a flag it does not
//!   know, the format and the arguments are printed as they are.
//! * **Withdrawn builtins** (`any`, `all`, `re_match`, `set_diff`,
//!   `cast_…`) become functions of the module.
//! * **Time and inventory** are read from the input: evaluation asks no
//!   clock, and one compiled policy serves any inventory.
//! * **Guards** (bytecode only): the virtual machine lets a statement
//!   `x := input.y` pass where `y` is absent.
//!
//! Edits are made to the text and the text is read again, until nothing
//! is left to change: each round takes the edits that do not overlap.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use regorus::unstable::{
    AssignOp, BoolOp, Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, Span,
};

use super::engine::Dialect;
use super::format::{is_plain, octal_arguments, plain_octals, surplus, whole_format};
use super::scan::Edit;
use super::tree::{children, end_of, globals, parse, queries, range, stmt_end, within_rule};

/// Rounds of edits: nesting deeper than this is refused by its brackets.
const MAX_ROUNDS: usize = 100;

/// Begins every name that is made here.
const MARK: &str = "__seawall_";

/// What the text is made ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) dialect: Dialect,
    /// For the virtual machine.
    pub(super) guarded: bool,
    /// `data.inventory` and the time come with the input.
    pub(super) from_input: bool,
}

/// The text with all of the above put right.
pub(super) fn rewrite(name: &str, text: &str, choice: Choice) -> Result<String, String> {
    let mut text = text.to_owned();
    let mut helpers = BTreeSet::new();
    let mut names = 0_usize;
    for _ in 0..MAX_ROUNDS {
        let module = parse(name, &text, choice.dialect)?;
        let mut pass = Pass {
            text: &text,
            choice,
            globals: globals(&module),
            edits: Vec::new(),
            helpers: &mut helpers,
            names: &mut names,
        };
        for rule in &module.policy {
            pass.rule(rule);
        }
        let edits = disjoint(pass.edits);
        if edits.is_empty() {
            return Ok(with_helpers(text, &helpers, &module));
        }
        text = apply(&text, edits);
    }
    Err(format!("{name}: nested too deeply"))
}

struct Pass<'a> {
    text: &'a str,
    choice: Choice,
    globals: BTreeSet<String>,
    edits: Vec<Vec<Edit>>,
    helpers: &'a mut BTreeSet<&'static str>,
    names: &'a mut usize,
}

impl Pass<'_> {
    fn rule(&mut self, rule: &Rule) {
        let (exprs, bodies) = within_rule(rule);
        for expr in exprs {
            self.expr(expr);
        }
        for body in bodies {
            self.query(body, true);
        }
    }

    /// `is_body`: the query may be one statement without braces.
    fn query(&mut self, query: &Query, is_body: bool) {
        let needs_guards = self.choice.guarded && query.stmts.iter().any(looks_away);
        for stmt in &query.stmts {
            let bare = is_body && self.is_bare(query, stmt);
            self.negation(stmt, bare);
            if needs_guards && !bare {
                self.guard(stmt);
            }
            match &stmt.literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn {
                    key,
                    value,
                    collection,
                    ..
                } => {
                    if let Some(key) = key {
                        self.expr(key);
                    }
                    self.expr(value);
                    self.expr(collection);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
                Literal::Every { domain, query, .. } => {
                    self.expr(domain);
                    self.query(query, false);
                }
            }
            for with in &stmt.with_mods {
                self.expr(&with.r#as);
            }
        }
    }

    fn is_bare(&self, query: &Query, stmt: &LiteralStmt) -> bool {
        let start = query.span.start as usize;
        query.stmts.len() == 1
            && (start == stmt.span.start as usize
                || !self
                    .text
                    .get(start..)
                    .is_some_and(|text| text.starts_with('{')))
    }

    fn negation(&mut self, stmt: &LiteralStmt, bare: bool) {
        let Literal::NotExpr { span, expr } = &stmt.literal else {
            return;
        };
        let mut operands = Vec::new();
        match expr.as_ref() {
            Expr::Call { params, .. } => operands.extend(params.iter()),
            Expr::BoolExpr { op, lhs, rhs, .. } => {
                let only_calls = *op == BoolOp::Eq;
                operands.extend(
                    [lhs, rhs]
                        .into_iter()
                        .filter(|each| !only_calls || is_call(each)),
                );
            }
            Expr::AssignExpr {
                op: AssignOp::Eq,
                lhs,
                rhs,
                ..
            } => operands.extend([lhs, rhs].into_iter().filter(|each| is_call(each))),
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                operands.extend(key);
                operands.extend([value, collection]);
            }
            Expr::ArithExpr { lhs, rhs, .. } | Expr::BinExpr { lhs, rhs, .. } => {
                operands.extend([lhs, rhs]);
            }
            Expr::RefBrack { .. } | Expr::RefDot { .. } => indices(expr, &mut operands),
            _ => {}
        }
        let operands: Vec<&Ref<Expr>> = operands
            .into_iter()
            .filter(|operand| self.may_be_undefined(operand))
            .collect();
        if operands.is_empty() {
            return;
        }
        let with = self
            .text
            .get(end_of(expr, span.end)..stmt_end(stmt))
            .unwrap_or_default()
            .trim()
            .to_owned();
        let mut edits = Vec::new();
        let mut before = String::new();
        if bare {
            before.push_str("{ ");
            edits.push((stmt_end(stmt), stmt_end(stmt), " }".to_owned()));
        }
        for operand in operands {
            let name = self.name();
            let (start, end) = range(operand);
            let text = self.text.get(start..end).unwrap_or_default();
            // Writing to a String cannot fail.
            _ = write!(before, "{name} := {text}");
            if !with.is_empty() {
                _ = write!(before, " {with}");
            }
            if self.choice.guarded {
                _ = write!(before, "; type_name({name}) != \"\"");
            }
            before.push_str("; ");
            edits.push((start, end, name));
        }
        let start = stmt.span.start as usize;
        edits.push((start, start, before));
        self.edits.push(edits);
    }

    fn name(&mut self) -> String {
        *self.names += 1;
        format!("{MARK}{}", self.names)
    }

    /// Names made here are bound; other names are unless they are a rule.
    fn may_be_undefined(&self, expr: &Expr) -> bool {
        match expr {
            Expr::RefDot { .. }
            | Expr::RefBrack { .. }
            | Expr::Call { .. }
            | Expr::ArithExpr { .. }
            | Expr::BinExpr { .. } => true,
            Expr::UnaryExpr { expr, .. } => self.may_be_undefined(expr),
            Expr::Var { span, .. } => self.globals.contains(span.text()),
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().any(|item| self.may_be_undefined(item))
            }
            Expr::Object { fields, .. } => fields
                .iter()
                .any(|(_, key, value)| self.may_be_undefined(key) || self.may_be_undefined(value)),
            _ => false,
        }
    }

    /// The virtual machine goes on after an assignment of what is absent.
    fn guard(&mut self, stmt: &LiteralStmt) {
        let Literal::Expr { expr, .. } = &stmt.literal else {
            return;
        };
        let Expr::AssignExpr { lhs, rhs, .. } = expr.as_ref() else {
            return;
        };
        let Expr::Var { span, .. } = lhs.as_ref() else {
            return;
        };
        let name = span.text();
        if name == "_" || !self.may_be_undefined(rhs) {
            return;
        }
        let end = stmt_end(stmt);
        let guard = format!("; type_name({name}) != \"\"");
        // Not again in the next round.
        if !self
            .text
            .get(end..)
            .is_some_and(|rest| rest.trim_start().starts_with(&guard))
        {
            self.edits.push(vec![(end, end, guard)]);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Call {
                fcn, params, span, ..
            } => self.call(span, fcn, params),
            Expr::RefDot { .. } | Expr::RefBrack { .. } if self.choice.from_input => {
                self.reference(expr);
            }
            _ => {}
        }
        for query in queries(expr) {
            self.query(query, false);
        }
        for child in children(expr) {
            self.expr(child);
        }
    }

    fn call(&mut self, span: &Span, fcn: &Expr, params: &[Ref<Expr>]) {
        let (start, end) = range(fcn);
        let helper = match fcn.span().text() {
            "sprintf" => return self.sprintf(fcn, params),
            "time.now_ns" if self.choice.from_input => {
                let (start, end) = (span.start as usize, span.end as usize);
                return self
                    .edits
                    .push(vec![(start, end, "input.__seawall.now_ns".to_owned())]);
            }
            "re_match" => {
                return self
                    .edits
                    .push(vec![(start, end, "regex.match".to_owned())]);
            }
            name => match HELPERS.iter().find(|(known, _)| *known == name) {
                // A template may have a function of that name.
                Some((known, _)) if !self.globals.contains(*known) => *known,
                _ => return,
            },
        };
        self.helpers.insert(helper);
        self.edits
            .push(vec![(start, end, format!("{MARK}{helper}"))]);
    }

    fn sprintf(&mut self, fcn: &Expr, params: &[Ref<Expr>]) {
        let [format, arguments] = params else { return };
        let (Expr::String { span, .. } | Expr::RawString { span, .. }, Expr::Array { items, .. }) =
            (format.as_ref(), arguments.as_ref())
        else {
            return self.safe_sprintf(fcn);
        };
        let mut edits = Vec::new();
        let extra = surplus(span.text(), items.len());
        if extra > 0 {
            // On its own: what else there is to change waits a round.
            let end = span.end as usize;
            let verbs = vec!["%s"; extra].join(", ");
            edits.push((end, end, format!("%%!(EXTRA {verbs})")));
            for item in items.iter().skip(items.len() - extra) {
                let (start, end) = range(item);
                edits.push((start, start, format!("{MARK}{SURPLUS}(")));
                edits.push((end, end, ")".to_owned()));
            }
            self.helpers.insert(SURPLUS);
            return self.edits.push(edits);
        }
        if let Some(text) = whole_format(span.text(), items.len()) {
            edits.push((span.start as usize, span.end as usize, text));
        }
        for index in octal_arguments(span.text()) {
            let Some(item) = items.get(index) else { break };
            let (start, end) = range(item);
            let text = self.text.get(start..end).unwrap_or_default();
            edits.push((start, end, format!("format_int({text}, 8)")));
        }
        if !edits.is_empty() {
            if let Some(text) = plain_octals(span.text(), items.len()) {
                edits.retain(|(start, _, _)| *start != span.start as usize);
                edits.push((span.start as usize, span.end as usize, text));
            }
            self.edits.push(edits);
        } else if !is_plain(span.text()) {
            self.safe_sprintf(fcn);
        }
    }

    /// What `regorus` may refuse to print is printed some way or other.
    fn safe_sprintf(&mut self, fcn: &Expr) {
        let (start, end) = range(fcn);
        self.helpers.insert(SPRINTF);
        self.edits
            .push(vec![(start, end, format!("{MARK}{SPRINTF}"))]);
    }

    /// `data.inventory` and `data.seawall`, wherever they are read.
    fn reference(&mut self, expr: &Expr) {
        let (refr, name, span) = match expr {
            Expr::RefDot {
                refr, field, span, ..
            } => (refr, field.0.text(), span),
            Expr::RefBrack {
                refr, index, span, ..
            } => match index.as_ref() {
                Expr::String { span: name, .. } | Expr::RawString { span: name, .. } => {
                    (refr, name.text(), span)
                }
                _ => return,
            },
            _ => return,
        };
        let is_data = matches!(refr.as_ref(), Expr::Var { span, .. } if span.text() == "data");
        if is_data && (name == "inventory" || name == "seawall") {
            let (start, end) = (span.start as usize, span.end as usize);
            self.edits
                .push(vec![(start, end, format!("input.__{name}"))]);
        }
    }
}

/// Whether a statement would hide that something before it is undefined.
fn looks_away(stmt: &LiteralStmt) -> bool {
    match &stmt.literal {
        Literal::NotExpr { .. } | Literal::Every { .. } => true,
        Literal::Expr { expr, .. } => has_query(expr),
        Literal::SomeIn { collection, .. } => has_query(collection),
        Literal::SomeVars { .. } => false,
    }
}

fn has_query(expr: &Expr) -> bool {
    !queries(expr).is_empty() || children(expr).into_iter().any(|child| has_query(child))
}

fn is_call(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Call { .. } | Expr::ArithExpr { .. } | Expr::BinExpr { .. }
    )
}

fn indices<'a>(expr: &'a Expr, into: &mut Vec<&'a Ref<Expr>>) {
    match expr {
        Expr::RefDot { refr, .. } => indices(refr, into),
        Expr::RefBrack { refr, index, .. } => {
            indices(refr, into);
            into.push(index);
        }
        _ => {}
    }
}

/// As many edits as do not overlap; those that belong together stay
/// together.
fn disjoint(groups: Vec<Vec<Edit>>) -> Vec<Edit> {
    let mut taken: Vec<(usize, usize)> = Vec::new();
    let mut edits = Vec::new();
    for group in groups {
        let from = group.iter().map(|edit| edit.0).min().unwrap_or(0);
        let to = group.iter().map(|edit| edit.1).max().unwrap_or(0);
        if taken.iter().all(|(start, end)| to < *start || *end < from) {
            taken.push((from, to));
            edits.extend(group);
        }
    }
    edits
}

/// The text with `edits` made.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.0, edit.1));
    let mut out = String::with_capacity(text.len() + 64 * edits.len());
    let mut from = 0;
    for (start, end, new) in edits {
        out.push_str(text.get(from..start).unwrap_or_default());
        out.push_str(&new);
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// What OPA withdrew, in its own words; each with `if` left out where
/// version 0 has none.
const HELPERS: &[(&str, &str)] = &[
    ("any", "(xs) = r IF { r := count([1 | xs[_] == true]) > 0 }"),
    (
        "all",
        "(xs) = r IF { r := count([1 | xs[_] == true]) == count(xs) }",
    ),
    ("set_diff", "(a, b) = r IF { r := a - b }"),
    (
        "cast_array",
        "(x) = r IF { not is_string(x); not is_object(x); r := [y | y := x[_]] }",
    ),
    (
        "cast_set",
        "(x) = r IF { not is_string(x); not is_object(x); r := {y | y := x[_]} }",
    ),
    ("cast_string", "(x) = x IF { is_string(x) }"),
    ("cast_boolean", "(x) = x IF { is_boolean(x) }"),
    ("cast_null", "(x) = x IF { is_null(x) }"),
    ("cast_object", "(x) = x IF { is_object(x) }"),
];

const SURPLUS: &str = "surplus";
const SPRINTF: &str = "sprintf";

/// What `sprintf` lacks.
const FORMATTERS: &[(&str, &str)] = &[
    // An argument that no verb asks for, as Go prints it: with its type,
    // which is that of a text for all that is no number.
    (
        SURPLUS,
        "(x) = r IF { whole := {1 | is_number(x); floor(x) == x}; \
         parts := {1 | is_number(x); floor(x) != x}; \
         kind := [\"string\", \"int\", \"float64\"][count(whole) + 2 * count(parts)]; \
         r := sprintf(\"%s=%v\", [kind, x]) }",
    ),
    // In Go every format prints something. A rule must not hold its
    // tongue for a flag of its message.
    (
        SPRINTF,
        "(f, xs) = r IF { r := sprintf(f, xs); type_name(r) != \"\" } \
         else = r IF { is_string(f); is_array(xs); r := sprintf(\"%s %v\", [f, xs]) }",
    ),
];

/// Whether OPA knew a function of this name, and the rewriter still does.
pub(super) fn is_withdrawn(name: &str) -> bool {
    name == "re_match" || HELPERS.iter().any(|(known, _)| *known == name)
}

fn with_helpers(mut text: String, helpers: &BTreeSet<&'static str>, module: &Module) -> String {
    for helper in helpers {
        let mut known = HELPERS.iter().chain(FORMATTERS);
        let Some((name, body)) = known.find(|(name, _)| name == helper) else {
            continue;
        };
        let word = if module.rego_v1 { "if" } else { "" };
        let body = body.replace("IF", word);
        // Writing to a String cannot fail.
        _ = write!(text, "\n{MARK}{name}{body}\n");
    }
    text
}
