//! Whether rules of a policy may contradict each other: where two
//! definitions of one rule give two values, evaluation is an error. The
//! virtual machine takes the rule for undefined instead, so it runs only
//! policies that cannot get there.
//!
//! What is looked for is proof of the opposite, of the simple sort that
//! policies are written in: one value for all; arguments that differ;
//! what one definition asks for and the other negates, or finds equal to
//! something else.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{BoolOp, Expr, Literal, Module, Query, Ref, Rule, RuleBody, RuleHead};

use super::tree::{children, globals, queries, rule_name};

/// One definition of a rule that has a value.
struct Definition<'a> {
    args: &'a [Ref<Expr>],
    value: Option<&'a Ref<Expr>>,
    body: Option<&'a RuleBody>,
}

/// Whether a rule might have two values at once.
pub(super) fn may_conflict<'a>(modules: impl Iterator<Item = &'a Module>) -> bool {
    modules.into_iter().any(|module| {
        let globals = globals(module);
        let mut rules: BTreeMap<String, Vec<Vec<Definition<'_>>>> = BTreeMap::new();
        for rule in &module.policy {
            let Rule::Spec { head, bodies, .. } = rule.as_ref() else {
                continue;
            };
            let (args, assign): (&[Ref<Expr>], _) = match head {
                RuleHead::Set { key, .. } => {
                    let in_key = key.as_ref().is_some_and(|key| in_expr(key));
                    if in_key || bodies.iter().any(|body| in_query(&body.query)) {
                        return true;
                    }
                    continue;
                }
                RuleHead::Compr { refr, assign, .. } => {
                    let is_keyed = !matches!(refr.as_ref(), Expr::Var { .. });
                    let is_one = assign
                        .as_ref()
                        .is_none_or(|assign| is_constant(&assign.value));
                    if is_keyed && !is_one {
                        return true;
                    }
                    if is_keyed {
                        continue;
                    }
                    (&[], assign)
                }
                RuleHead::Func { args, assign, .. } => (args.as_slice(), assign),
            };
            let value = assign.as_ref().map(|assign| &assign.value);
            // The links of one chain of `else` never contradict each other.
            let is_chain = bodies.iter().any(|body| body.is_else);
            let mut links = Vec::new();
            if bodies.is_empty() {
                links.push(Definition {
                    args,
                    value,
                    body: None,
                });
            }
            for body in bodies {
                let value = match &body.assign {
                    Some(assign) => Some(&assign.value),
                    None if body.is_else => None,
                    None => value,
                };
                if value.is_some_and(|value| !is_constant(value) && iterates(&body.query, args)) {
                    return true;
                }
                if in_query(&body.query) {
                    return true;
                }
                // A later link of a chain may hold where the first does
                // not, whatever the first asks for.
                links.push(Definition {
                    args,
                    value,
                    body: Some(body).filter(|_| !is_chain),
                });
            }
            let definitions = rules
                .entry(rule_name(rule).unwrap_or_default())
                .or_default();
            definitions.push(links);
        }
        rules.values().any(|chains| differ(chains, &globals))
    })
}

fn differ(chains: &[Vec<Definition<'_>>], globals: &BTreeSet<String>) -> bool {
    chains.iter().enumerate().any(|(index, chain)| {
        chains[..index].iter().flatten().any(|other| {
            chain
                .iter()
                .any(|one| !same_value(one, other) && !exclude(one, other, globals))
        })
    })
}

fn same_value(one: &Definition<'_>, other: &Definition<'_>) -> bool {
    match (one.value, other.value) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            is_constant(one) && is_constant(other) && one.span().text() == other.span().text()
        }
        (Some(one), None) | (None, Some(one)) => one.span().text() == "true",
    }
}

/// Whether at most one of the two holds.
fn exclude(one: &Definition<'_>, other: &Definition<'_>, globals: &BTreeSet<String>) -> bool {
    let by_arguments = one
        .args
        .iter()
        .zip(other.args)
        .any(|(one, other)| unequal(one, other));
    if by_arguments {
        return true;
    }
    let (Some(first), Some(second)) = (one.body, other.body) else {
        return false;
    };
    // Parameters must go by the same names.
    let is_named_alike = one.args.len() == other.args.len()
        && one
            .args
            .iter()
            .zip(other.args)
            .all(|(one, other)| one.span().text() == other.span().text());
    if !is_named_alike {
        return false;
    }
    // What stands in both means the same only where it hangs on nothing
    // that a body binds for itself.
    let mut known: BTreeSet<String> = globals.clone();
    known.extend(["input".to_owned(), "data".to_owned()]);
    known.extend(one.args.iter().flat_map(|arg| names(arg)));
    known.remove("_");
    for body in [first, second] {
        for name in bound_in(&body.query) {
            known.remove(&name);
        }
    }
    let first = Conditions::of(&first.query, &known);
    let second = Conditions::of(&second.query, &known);
    first.denies(&second) || second.denies(&first)
}

/// Names that a query gives a value of its own.
fn bound_in(query: &Query) -> Vec<String> {
    let mut bound = Vec::new();
    for stmt in &query.stmts {
        match &stmt.literal {
            Literal::SomeVars { vars, .. } => {
                bound.extend(vars.iter().map(|name| name.text().to_owned()));
            }
            Literal::SomeIn { key, value, .. } => {
                bound.extend(key.iter().flat_map(|key| names(key)));
                bound.extend(names(value));
            }
            Literal::Expr { expr, .. } => {
                if let Expr::AssignExpr { lhs, .. } = expr.as_ref() {
                    bound.extend(names(lhs));
                }
            }
            _ => {}
        }
    }
    bound
}

/// What a body asks for, as far as it is the same in every body that has
/// the same words.
#[derive(Default)]
struct Conditions<'a> {
    holds: BTreeSet<&'a str>,
    fails: BTreeSet<&'a str>,
    /// What is equal to a constant, and what is not.
    equal: Vec<(&'a str, &'a Expr)>,
    unequal: Vec<(&'a str, &'a Expr)>,
}

impl<'a> Conditions<'a> {
    fn of(query: &'a Query, known: &BTreeSet<String>) -> Self {
        let mut found = Self::default();
        for stmt in query.stmts.iter().filter(|stmt| stmt.with_mods.is_empty()) {
            match &stmt.literal {
                Literal::Expr { expr, .. } if is_made_of(expr, known) => {
                    found.holds.insert(expr.span().text());
                    found.compared(expr);
                }
                Literal::NotExpr { expr, .. } if is_made_of(expr, known) => {
                    found.fails.insert(expr.span().text());
                    if let Expr::Membership {
                        key: None,
                        value,
                        collection,
                        ..
                    } = expr.as_ref()
                        && let Expr::Array { items, .. } | Expr::Set { items, .. } =
                            collection.as_ref()
                    {
                        let each = items.iter().filter(|item| is_constant(item));
                        let each = each.map(|item| (value.span().text(), item.as_ref()));
                        found.unequal.extend(each);
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn compared(&mut self, expr: &'a Expr) {
        let Expr::BoolExpr { op, lhs, rhs, .. } = expr else {
            return;
        };
        let (what, constant) = match (is_constant(lhs), is_constant(rhs)) {
            (false, true) => (lhs, rhs),
            (true, false) => (rhs, lhs),
            _ => return,
        };
        match op {
            BoolOp::Eq => self.equal.push((what.span().text(), constant)),
            BoolOp::Ne => self.unequal.push((what.span().text(), constant)),
            _ => {}
        }
    }

    /// Whether the other cannot hold where this does.
    fn denies(&self, other: &Self) -> bool {
        !self.holds.is_disjoint(&other.fails)
            || self.equal.iter().any(|(what, is)| {
                let elsewhere = other.equal.iter().filter(|(other, _)| other == what);
                let never = other.unequal.iter().filter(|(other, _)| other == what);
                elsewhere.into_iter().any(|(_, other)| unequal(is, other))
                    || never.into_iter().any(|(_, other)| same(is, other))
            })
    }
}

/// Whether an expression has one value at a time, and hangs on nothing
/// but what is `known`.
fn is_made_of(expr: &Expr, known: &BTreeSet<String>) -> bool {
    if !queries(expr).is_empty() {
        return false;
    }
    match expr {
        Expr::Var { span, .. } => known.contains(span.text()),
        Expr::Call { fcn, params, .. } => {
            fcn.span().text() != "walk" && params.iter().all(|param| is_made_of(param, known))
        }
        _ => children(expr)
            .into_iter()
            .all(|child| is_made_of(child, known)),
    }
}

/// Texts whose words are their value, and truth values.
fn plain(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::String { span, .. } | Expr::RawString { span, .. } => {
            Some(span.text()).filter(|text| !text.contains('\\'))
        }
        _ => None,
    }
}

fn truth(expr: &Expr) -> Option<&str> {
    matches!(expr, Expr::Bool { .. }).then(|| expr.span().text())
}

/// Whether two constants are surely not equal.
fn unequal(one: &Expr, other: &Expr) -> bool {
    match (plain(one), plain(other), truth(one), truth(other)) {
        (Some(one), Some(other), ..) | (.., Some(one), Some(other)) => one != other,
        (Some(_), _, _, Some(_)) | (_, Some(_), Some(_), _) => true,
        _ => false,
    }
}

/// Whether two constants are surely equal.
fn same(one: &Expr, other: &Expr) -> bool {
    match (plain(one), plain(other), truth(one), truth(other)) {
        (Some(one), Some(other), ..) | (.., Some(one), Some(other)) => one == other,
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. } => true,
        Expr::UnaryExpr { expr, .. } => is_constant(expr),
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            items.iter().all(|item| is_constant(item))
        }
        Expr::Object { fields, .. } => fields
            .iter()
            .all(|(_, key, value)| is_constant(key) && is_constant(value)),
        _ => false,
    }
}

/// Whether a comprehension might give one key two values. The machine
/// keeps one of them, and not always the one the interpreter keeps.
fn in_query(query: &Query) -> bool {
    query.stmts.iter().any(|stmt| match &stmt.literal {
        Literal::SomeVars { .. } => false,
        Literal::SomeIn { collection, .. } => in_expr(collection),
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => in_expr(expr),
        Literal::Every { domain, query, .. } => in_expr(domain) || in_query(query),
    })
}

fn in_expr(expr: &Expr) -> bool {
    if let Expr::ObjectCompr {
        key, value, query, ..
    } = expr
        && !is_constant(value)
        && !is_key_of_one(key, query)
    {
        return true;
    }
    queries(expr).into_iter().any(|query| in_query(query))
        || children(expr).into_iter().any(|child| in_expr(child))
}

/// Whether `key` is the key of the one collection the query looks into:
/// `{k: v | v := xs[k]}`.
fn is_key_of_one(key: &Expr, query: &Query) -> bool {
    let Expr::Var { span: key, .. } = key else {
        return false;
    };
    let mut looked = 0;
    let mut by_key = false;
    for stmt in &query.stmts {
        match &stmt.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn {
                key: Some(name), ..
            } => {
                looked += 1;
                by_key |= name.span().text() == key.text();
            }
            Literal::Expr { expr, .. } => match expr.as_ref() {
                Expr::AssignExpr { rhs, .. } => match rhs.as_ref() {
                    Expr::RefBrack { refr, index, .. }
                        if index.span().text() == key.text() && !has_index(refr) =>
                    {
                        looked += 1;
                        by_key = true;
                    }
                    rhs if has_index(rhs) => return false,
                    _ => {}
                },
                expr if has_index(expr) => return false,
                _ => {}
            },
            _ => return false,
        }
    }
    looked == 1 && by_key
}

fn has_index(expr: &Expr) -> bool {
    matches!(expr, Expr::RefBrack { index, .. } if !is_constant(index))
        || children(expr).into_iter().any(|child| has_index(child))
}

/// Whether a body may hold in more than one way: it looks at each of
/// several.
fn iterates(query: &Query, args: &[Ref<Expr>]) -> bool {
    let mut bound: BTreeSet<String> = args.iter().flat_map(|arg| names(arg)).collect();
    for stmt in &query.stmts {
        if let Literal::Expr { expr, .. } = &stmt.literal
            && let Expr::AssignExpr { lhs, .. } = expr.as_ref()
        {
            bound.extend(names(lhs));
        }
    }
    for stmt in &query.stmts {
        match &stmt.literal {
            Literal::SomeVars { vars, .. } => {
                for name in vars {
                    bound.remove(name.text());
                }
            }
            Literal::SomeIn { .. } => return true,
            _ => {}
        }
    }
    query.stmts.iter().any(|stmt| match &stmt.literal {
        Literal::Expr { expr, .. } => looks_at_each(expr, &bound),
        _ => false,
    })
}

fn looks_at_each(expr: &Expr, bound: &BTreeSet<String>) -> bool {
    if !queries(expr).is_empty() {
        // A comprehension gathers what it looks at.
        return false;
    }
    let by_index = match expr {
        Expr::RefBrack { index, .. } => names(index).iter().any(|name| !bound.contains(name)),
        Expr::Call { fcn, .. } => fcn.span().text() == "walk",
        _ => false,
    };
    by_index
        || children(expr)
            .into_iter()
            .any(|child| looks_at_each(child, bound))
}

/// Variables in a pattern or an index.
fn names(expr: &Expr) -> Vec<String> {
    match expr {
        Expr::Var { span, .. } => vec![span.text().to_owned()],
        Expr::Array { items, .. } => items.iter().flat_map(|item| names(item)).collect(),
        Expr::Object { fields, .. } => fields
            .iter()
            .flat_map(|(_, _, value)| names(value))
            .collect(),
        _ => Vec::new(),
    }
}
