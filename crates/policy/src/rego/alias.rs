//! Packages that are imported, called by their full names.
//!
//! To read `kind` of an imported `review` the virtual machine evaluates
//! every rule of that package and puts them into one object, each time;
//! of `data.lib.review.kind` it evaluates that rule, once.

use std::collections::BTreeSet;

use regorus::unstable::{Expr, Literal, Query};

use super::engine::Dialect;
use super::rewrite::apply;
use super::scan::Edit;
use super::tree::{
    Within, children, imports, parse, queries, rule_name, within_query, within_rule,
};

/// The text with `review.kind` written as `data.lib.review.kind`. A name
/// that also stands for something else anywhere in it is left alone.
pub(super) fn in_full(name: &str, text: &str, dialect: Dialect) -> Result<String, String> {
    let module = parse(name, text, dialect)?;
    let mut names = Names::default();
    for rule in &module.policy {
        names.taken.extend(rule_name(rule));
        names.within(within_rule(rule));
    }
    let mut aliases = imports(&module);
    aliases.retain(|alias, _| !names.taken.contains(alias));
    let edits = names.begins.into_iter().filter_map(|(start, alias)| {
        let path = aliases.get(&alias)?;
        let edit: Edit = (start, start + alias.len(), path.clone());
        Some(edit)
    });
    Ok(apply(text, edits.collect()))
}

/// Names in a module.
#[derive(Default)]
struct Names {
    /// Where a name is followed by a field's, and which.
    begins: Vec<(usize, String)>,
    /// Names that stand alone, or are bound.
    taken: BTreeSet<String>,
}

impl Names {
    fn within(&mut self, (exprs, queries): Within<'_>) {
        for expr in exprs {
            self.expr(expr);
        }
        for query in queries {
            self.query(query);
        }
    }

    fn query(&mut self, query: &Query) {
        for stmt in &query.stmts {
            match &stmt.literal {
                Literal::SomeVars { vars, .. } => {
                    let names = vars.iter().map(|name| name.text().to_owned());
                    self.taken.extend(names);
                }
                Literal::Every { key, value, .. } => {
                    let names = key.iter().chain([value]);
                    self.taken.extend(names.map(|name| name.text().to_owned()));
                }
                _ => {}
            }
        }
        self.within(within_query(query));
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Var { span, .. } => {
                self.taken.insert(span.text().to_owned());
            }
            Expr::RefDot { refr, .. } => self.field_of(refr),
            // Functions are found by the names they are imported by.
            Expr::Call { params, .. } => params.iter().for_each(|param| self.expr(param)),
            _ => {
                for child in children(expr) {
                    self.expr(child);
                }
            }
        }
        for query in queries(expr) {
            self.query(query);
        }
    }

    fn field_of(&mut self, expr: &Expr) {
        match expr {
            Expr::Var { span, .. } => {
                let name = span.text().to_owned();
                self.begins.push((span.start as usize, name));
            }
            _ => self.expr(expr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_becomes(body: &str, expected: &str) {
        let imports = "package p\nimport data.lib.review\nimport data.lib.pods as them\n";
        let text = format!("{imports}{body}");
        let full = in_full("t", &text, Dialect::V1).unwrap();
        assert_eq!(full, format!("{imports}{expected}"));
    }

    #[test]
    fn a_field_of_what_is_imported_is_called_in_full() {
        assert_becomes(
            "a if review.kind == \"Pod\"\nb := [x | some x in them.all; not them.old[x.name]]",
            "a if data.lib.review.kind == \"Pod\"\n\
             b := [x | some x in data.lib.pods.all; not data.lib.pods.old[x.name]]",
        );
    }

    #[test]
    fn functions_and_what_is_no_import_stay() {
        for text in [
            "a if review.is_old(input.review.kind)",
            "a if input.review.kind",
            "a contains x if some x in other.things",
        ] {
            assert_becomes(text, text);
        }
    }

    #[test]
    fn a_name_that_is_bound_somewhere_stays_everywhere() {
        for text in [
            "a if { some review in input.all; review.kind }\nb if review.kind",
            "f(review) if review.kind",
            "review := input.review\na if review.kind",
            "a if every review in input.all { review.kind }",
            "a := [review.kind | review := input.all[_]]",
            "a if count([1 | some [review, _] in input.all; review.kind]) > 0",
        ] {
            assert_becomes(text, text);
        }
    }
}
