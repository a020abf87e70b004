//! The syntax tree, as far as rewriting and checking walk it.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{
    Expr, Literal, LiteralStmt, Module, Parser, Query, Ref, Rule, RuleHead, Source,
};

use super::engine::Dialect;
use super::scan::MAX_COLUMN;

/// Reads `text`.
pub(super) fn parse(name: &str, text: &str, dialect: Dialect) -> Result<Module, String> {
    let source = Source::from_contents(name.to_owned(), text.to_owned())
        .map_err(|error| super::brief(&error))?;
    let mut parser = Parser::new(&source).map_err(|error| super::brief(&error))?;
    parser.set_max_col(MAX_COLUMN);
    if dialect == Dialect::V1 {
        parser
            .enable_rego_v1()
            .map_err(|error| super::brief(&error))?;
    }
    parser.parse().map_err(|error| super::brief(&error))
}

/// Names that stand for a rule or an import wherever they are not bound.
pub(super) fn globals(module: &Module) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rule in &module.policy {
        if let Some(name) = rule_name(rule) {
            names.insert(name);
        }
    }
    for import in &module.imports {
        let name = match (&import.r#as, import.refr.as_ref()) {
            (Some(alias), _) => alias.text().to_owned(),
            (None, Expr::RefDot { field, .. }) => field.0.text().to_owned(),
            _ => continue,
        };
        names.insert(name);
    }
    names
}

/// What is imported from `data`, by the name it goes by.
pub(super) fn imports(module: &Module) -> BTreeMap<String, String> {
    let mut imports = BTreeMap::new();
    for import in &module.imports {
        let path = import.refr.span().text();
        let name = match &import.r#as {
            Some(alias) => alias.text(),
            None => path.rsplit('.').next().unwrap_or_default(),
        };
        if path.starts_with("data.") {
            imports.insert(name.to_owned(), path.to_owned());
        }
    }
    imports
}

/// The name a rule is known by in its package.
pub(super) fn rule_name(rule: &Rule) -> Option<String> {
    let refr = match rule {
        Rule::Default { refr, .. } => refr,
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. }
            | RuleHead::Set { refr, .. }
            | RuleHead::Func { refr, .. } => refr,
        },
    };
    root_of(refr)
}

/// The variable a reference begins with.
pub(super) fn root_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Var { span, .. } => Some(span.text().to_owned()),
        Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => root_of(refr),
        _ => None,
    }
}

/// The expressions directly within `expr`, those of queries left out.
pub(super) fn children(expr: &Expr) -> Vec<&Ref<Expr>> {
    match expr {
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().collect(),
        Expr::Object { fields, .. } => fields
            .iter()
            .flat_map(|(_, key, value)| [key, value])
            .collect(),
        Expr::ArrayCompr { term, .. } | Expr::SetCompr { term, .. } => vec![term],
        Expr::ObjectCompr { key, value, .. } => vec![key, value],
        Expr::Call { fcn, params, .. } => [fcn].into_iter().chain(params).collect(),
        Expr::UnaryExpr { expr, .. } => vec![expr],
        Expr::RefDot { refr, .. } => vec![refr],
        Expr::RefBrack { refr, index, .. } => vec![refr, index],
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => vec![lhs, rhs],
        Expr::Membership {
            key,
            value,
            collection,
            ..
        } => key.iter().chain([value, collection]).collect(),
        _ => Vec::new(),
    }
}

/// Expressions and queries directly within something.
pub(super) type Within<'a> = (Vec<&'a Ref<Expr>>, Vec<&'a Ref<Query>>);

pub(super) fn within_rule(rule: &Rule) -> Within<'_> {
    let (head, bodies) = match rule {
        Rule::Default { value, .. } => return (vec![value], Vec::new()),
        Rule::Spec { head, bodies, .. } => (head, bodies),
    };
    let mut exprs = Vec::new();
    match head {
        RuleHead::Compr { refr, assign, .. } => {
            exprs.push(refr);
            exprs.extend(assign.as_ref().map(|assign| &assign.value));
        }
        RuleHead::Set { key, .. } => exprs.extend(key),
        RuleHead::Func { args, assign, .. } => {
            exprs.extend(args);
            exprs.extend(assign.as_ref().map(|assign| &assign.value));
        }
    }
    let assigns = bodies.iter().filter_map(|body| body.assign.as_ref());
    exprs.extend(assigns.map(|assign| &assign.value));
    (exprs, bodies.iter().map(|body| &body.query).collect())
}

pub(super) fn within_query(query: &Query) -> Within<'_> {
    let (mut exprs, mut inner) = (Vec::new(), Vec::new());
    for stmt in &query.stmts {
        match &stmt.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => exprs.extend(key.iter().chain([value, collection])),
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => exprs.push(expr),
            Literal::Every { domain, query, .. } => {
                exprs.push(domain);
                inner.push(query);
            }
        }
        exprs.extend(stmt.with_mods.iter().map(|with| &with.r#as));
    }
    (exprs, inner)
}

/// The query of a comprehension.
pub(super) fn queries(expr: &Expr) -> Vec<&Ref<Query>> {
    match expr {
        Expr::ArrayCompr { query, .. }
        | Expr::SetCompr { query, .. }
        | Expr::ObjectCompr { query, .. } => vec![query],
        _ => Vec::new(),
    }
}

/// Where an expression stands in the text. The quotes of a text are not
/// in its span, nor in that of what begins or ends with it.
pub(super) fn range(expr: &Expr) -> (usize, usize) {
    let span = expr.span();
    let first = edge(expr, false);
    let start = if is_text(first) && first.span().start == span.start {
        span.start.saturating_sub(1)
    } else {
        span.start
    };
    (start as usize, end_of(expr, span.end))
}

/// The end of what ends with `expr`, where `end` is said to be it.
pub(super) fn end_of(expr: &Expr, end: u32) -> usize {
    let last = edge(expr, true);
    let quote = u32::from(is_text(last) && last.span().end == end);
    (end + quote) as usize
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::String { .. } | Expr::RawString { .. })
}

/// The first or last expression within infix expressions.
fn edge(expr: &Expr, last: bool) -> &Expr {
    match expr {
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => edge(if last { rhs } else { lhs }, last),
        Expr::Membership {
            key,
            value,
            collection,
            ..
        } => {
            let first = key.as_ref().unwrap_or(value);
            edge(if last { collection } else { first }, last)
        }
        Expr::UnaryExpr { expr, .. } if last => edge(expr, last),
        _ => expr,
    }
}

pub(super) fn stmt_end(stmt: &LiteralStmt) -> usize {
    let last = match (stmt.with_mods.last(), &stmt.literal) {
        (Some(with), _) => &with.r#as,
        (None, Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. }) => expr,
        (None, _) => return stmt.span.end as usize,
    };
    end_of(last, stmt.span.end)
}
