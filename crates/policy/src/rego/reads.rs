//! What a template looks at, found by reading it: so much of an object
//! as must be the same for a verdict to be the same.

use std::collections::BTreeSet;

use regorus::unstable::{Expr, Module, Query, Rule};

use super::tree::{Within, children, queries, within_query, within_rule};

/// A place in the review: the steps from `input.review` on.
pub(crate) type Part = Vec<String>;

/// What a template looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing it reads")]
pub(crate) struct Reads {
    /// Each part it may look at, those within another left out.
    pub(crate) parts: Vec<Part>,
    /// Other objects.
    pub(crate) inventory: bool,
    /// What is known of the images the object names, and who signed them.
    pub(crate) images: bool,
    /// The time.
    pub(crate) clock: bool,
    /// External data providers.
    pub(crate) external: bool,
    /// More than can be told.
    pub(crate) all: bool,
}

impl Reads {
    pub(super) fn of<'a>(modules: impl Iterator<Item = &'a Module>) -> Self {
        let mut reads = Self::default();
        let mut paths = BTreeSet::new();
        for module in modules {
            for rule in &module.policy {
                reads.rule(rule, &mut paths);
            }
        }
        for path in &paths {
            let has_shorter = (1..path.len()).any(|length| paths.contains(&path[..length]));
            if !has_shorter {
                reads.place(path);
            }
        }
        reads
    }

    /// Whether verdicts follow from the object and the parameters.
    pub(crate) fn is_pure(&self) -> bool {
        !(self.inventory || self.images || self.clock || self.external || self.all)
    }

    fn place(&mut self, path: &[String]) {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["parameters", ..] => {}
            ["review", _, ..] => self.parts.push(path[1..].to_vec()),
            ["__inventory", ..] => self.inventory = true,
            ["__seawall", "now_ns"] => self.clock = true,
            ["__seawall", "images" | "trust", ..] => self.images = true,
            _ => self.all = true,
        }
    }

    fn rule(&mut self, rule: &Rule, paths: &mut BTreeSet<Vec<String>>) {
        self.within(within_rule(rule), paths);
    }

    fn query(&mut self, query: &Query, paths: &mut BTreeSet<Vec<String>>) {
        // What stands in for the input may be anything.
        self.all |= query.stmts.iter().any(|stmt| !stmt.with_mods.is_empty());
        self.within(within_query(query), paths);
    }

    fn within(&mut self, (exprs, queries): Within<'_>, paths: &mut BTreeSet<Vec<String>>) {
        for expr in exprs {
            self.expr(expr, paths);
        }
        for query in queries {
            self.query(query, paths);
        }
    }

    fn expr(&mut self, expr: &Expr, paths: &mut BTreeSet<Vec<String>>) {
        match expr {
            Expr::Var { span, .. } if span.text() == "input" => {
                paths.insert(Vec::new());
                self.all = true;
            }
            Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                let mut steps = Vec::new();
                let mut dynamic = Vec::new();
                if walk(expr, &mut steps, &mut dynamic) {
                    paths.insert(steps);
                    for index in dynamic {
                        self.expr(index, paths);
                    }
                    return;
                }
            }
            Expr::Call { fcn, .. } if fcn.span().text() == "external_data" => self.external = true,
            Expr::Call { fcn, .. }
                if ["rand.intn", "uuid.rfc4122", "opa.runtime"].contains(&fcn.span().text()) =>
            {
                self.all = true;
            }
            _ => {}
        }
        for query in queries(expr) {
            self.query(query, paths);
        }
        for child in children(expr) {
            self.expr(child, paths);
        }
    }
}

/// The known steps of a reference into the input, up to the first that
/// is not; false where it is into something else.
fn walk<'a>(expr: &'a Expr, steps: &mut Vec<String>, dynamic: &mut Vec<&'a Expr>) -> bool {
    match expr {
        Expr::Var { span, .. } => span.text() == "input",
        Expr::RefDot { refr, field, .. } => {
            if !walk(refr, steps, dynamic) {
                return false;
            }
            if dynamic.is_empty() {
                steps.push(field.0.text().to_owned());
            }
            true
        }
        Expr::RefBrack { refr, index, .. } => {
            if !walk(refr, steps, dynamic) {
                return false;
            }
            match index.as_ref() {
                Expr::String { value, .. } if dynamic.is_empty() => {
                    if let Ok(text) = value.as_string() {
                        steps.push(text.to_string());
                    }
                }
                index => dynamic.push(index),
            }
            true
        }
        _ => false,
    }
}
