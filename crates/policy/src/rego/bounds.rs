//! What is refused before it is compiled: policies that would not fit,
//! would not end, or look where they may not.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{BUILTINS, Expr, Literal, Module, Query, Rule, RuleHead};

use super::tree::{children, globals, imports, queries, rule_name};

/// Text of one template, its libraries included.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// Rules of one template, its libraries included.
const MAX_RULES: usize = 5_000;

/// Functions that are answered by whoever evaluates.
pub(super) const HOST: &[&str] = &["external_data"];

/// What `data` a policy may read beside its libraries.
const EXTERNS: &[&str] = &["inventory", "seawall"];

/// Whether the modules of a template may be compiled together, or why
/// not. `strict` holds them to what Gatekeeper lets a template read.
pub(super) fn check(modules: &[(String, Module)], strict: bool) -> Result<(), String> {
    let rules: usize = modules.iter().map(|(_, module)| module.policy.len()).sum();
    if rules > MAX_RULES {
        return Err(format!("{rules} rules; at most {MAX_RULES} are read"));
    }
    let graph = Graph::of(modules, strict)?;
    match graph.cycle() {
        None => Ok(()),
        Some(cycle) => {
            let name = cycle.first().map_or("", String::as_str);
            Err(format!(
                "rego_recursion_error: rule {name} is recursive: {}",
                cycle.join(" -> ")
            ))
        }
    }
}

/// The package a module is of, as a path: `data.lib.pods`.
pub(super) fn package(module: &Module) -> String {
    format!("data.{}", module.package.refr.span().text())
}

/// Which rule looks at which.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn of(modules: &[(String, Module)], strict: bool) -> Result<Self, String> {
        let mut all = BTreeSet::new();
        for (_, module) in modules {
            let package = package(module);
            all.extend(
                module
                    .policy
                    .iter()
                    .filter_map(|rule| rule_name(rule))
                    .map(|name| format!("{package}.{name}")),
            );
        }
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, module) in modules {
            let package = package(module);
            let mut view = View {
                file: name,
                package: &package,
                aliases: aliases(name, module, strict)?,
                globals: globals(module),
                all: &all,
                strict,
                locals: BTreeSet::new(),
                found: BTreeSet::new(),
                fault: None,
            };
            for rule in &module.policy {
                let Some(own) = rule_name(rule) else { continue };
                view.locals = locals(rule);
                view.found.clear();
                view.rule(rule);
                edges
                    .entry(format!("{package}.{own}"))
                    .or_default()
                    .append(&mut view.found);
            }
            if let Some(fault) = view.fault {
                return Err(fault);
            }
        }
        Ok(Self { edges })
    }

    /// The names of a cycle, the first again at its end.
    fn cycle(&self) -> Option<Vec<String>> {
        let mut done = BTreeSet::new();
        for start in self.edges.keys() {
            if done.contains(start) {
                continue;
            }
            // Each rule with those it has yet to be followed to.
            let mut path: Vec<(&String, Vec<&String>)> = vec![(start, self.after(start))];
            while let Some((at, left)) = path.last_mut() {
                let Some(next) = left.pop() else {
                    done.insert((*at).clone());
                    path.pop();
                    continue;
                };
                if let Some(from) = path.iter().position(|(name, _)| *name == next) {
                    let mut cycle: Vec<String> =
                        path[from..].iter().map(|(name, _)| short(name)).collect();
                    cycle.push(short(next));
                    return Some(cycle);
                }
                if !done.contains(next) {
                    path.push((next, self.after(next)));
                }
            }
        }
        None
    }

    fn after(&self, name: &str) -> Vec<&String> {
        self.edges
            .get(name)
            .map(|names| names.iter().collect())
            .unwrap_or_default()
    }
}

fn short(name: &str) -> String {
    name.trim_start_matches("data.").to_owned()
}

/// What an imported name stands for.
/// What a module imports, where it may.
fn aliases(file: &str, module: &Module, strict: bool) -> Result<BTreeMap<String, String>, String> {
    for import in &module.imports {
        let path = import.refr.span().text();
        let is_known = path.starts_with("future.")
            || path.starts_with("data.lib.")
            || path == "data.lib"
            || path == "rego.v1";
        if strict && !is_known {
            return Err(format!("{file}: invalid import: bad import: \"{path}\""));
        }
    }
    Ok(imports(module))
}

struct View<'a> {
    file: &'a str,
    package: &'a str,
    aliases: BTreeMap<String, String>,
    globals: BTreeSet<String>,
    all: &'a BTreeSet<String>,
    strict: bool,
    locals: BTreeSet<String>,
    found: BTreeSet<String>,
    fault: Option<String>,
}

impl View<'_> {
    fn rule(&mut self, rule: &Rule) {
        match rule {
            Rule::Default { value, .. } => self.expr(value),
            Rule::Spec { head, bodies, .. } => {
                match head {
                    RuleHead::Compr { assign, refr, .. } => {
                        // The head's own name is no reference; its keys are.
                        if let Expr::RefBrack { index, .. } = refr.as_ref() {
                            self.expr(index);
                        }
                        if let Some(assign) = assign {
                            self.expr(&assign.value);
                        }
                    }
                    RuleHead::Set { key, .. } => {
                        if let Some(key) = key {
                            self.expr(key);
                        }
                    }
                    RuleHead::Func { assign, .. } => {
                        if let Some(assign) = assign {
                            self.expr(&assign.value);
                        }
                    }
                }
                for body in bodies {
                    if let Some(assign) = &body.assign {
                        self.expr(&assign.value);
                    }
                    self.query(&body.query);
                }
            }
        }
    }

    fn query(&mut self, query: &Query) {
        for stmt in &query.stmts {
            match &stmt.literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn { collection, .. } => self.expr(collection),
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
                Literal::Every { domain, query, .. } => {
                    self.expr(domain);
                    self.query(query);
                }
            }
            for with in &stmt.with_mods {
                self.expr(&with.r#as);
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Var { span, .. } => self.name(span.text()),
            Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                if let Some(path) = self.path(expr) {
                    self.reference(&path);
                }
            }
            Expr::Call { fcn, span, .. } => self.call(fcn, span.line),
            _ => {}
        }
        for query in queries(expr) {
            self.query(query);
        }
        for child in children(expr) {
            self.expr(child);
        }
    }

    fn name(&mut self, name: &str) {
        if self.globals.contains(name) && !self.locals.contains(name) {
            let full = format!("{}.{name}", self.package);
            if self.all.contains(&full) {
                self.found.insert(full);
            }
        }
    }

    /// A reference into `data` by its names, an import spelt out.
    fn path(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Var { span, .. } => {
                let name = span.text();
                match self.aliases.get(name) {
                    Some(path) if !self.locals.contains(name) => Some(path.clone()),
                    _ => (name == "data").then(|| name.to_owned()),
                }
            }
            Expr::RefDot { refr, field, .. } => {
                Some(format!("{}.{}", self.path(refr)?, field.0.text()))
            }
            Expr::RefBrack { refr, index, .. } => match index.as_ref() {
                Expr::String { span, .. } => Some(format!("{}.{}", self.path(refr)?, span.text())),
                _ => self.path(refr),
            },
            _ => None,
        }
    }

    fn reference(&mut self, path: &str) {
        let mut steps = path.split('.').skip(1);
        let first = steps.next();
        let is_known = first.is_some_and(|step| step == "lib" || EXTERNS.contains(&step));
        if self.strict && !is_known && path != "data" && self.fault.is_none() {
            self.fault = Some(format!(
                "{}: invalid data references: disallowed ref {path} (a template may read \
                 data.inventory and its own data.lib)",
                self.file
            ));
        }
        let mut end = path.len();
        loop {
            let prefix = path.get(..end).unwrap_or_default();
            if self.all.contains(prefix) {
                self.found.insert(prefix.to_owned());
                return;
            }
            match prefix.rfind('.') {
                Some(dot) => end = dot,
                None => return,
            }
        }
    }

    fn call(&mut self, fcn: &Expr, line: u32) {
        let name = fcn.span().text();
        let is_own = match fcn {
            Expr::Var { .. } => self.globals.contains(name),
            _ => self.path(fcn).is_some(),
        };
        let is_known = is_own
            || name == "print"
            || HOST.contains(&name)
            || super::rewrite::is_withdrawn(name)
            || BUILTINS.contains_key(name)
            || self.all.contains(&format!("{}.{name}", self.package));
        if !is_known && self.fault.is_none() {
            self.fault = Some(format!(
                "{}:{line}: rego_type_error: undefined function {name}",
                self.file
            ));
        }
    }
}

/// Names a rule binds: they are not the rules of that name.
fn locals(rule: &Rule) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let Rule::Spec { head, bodies, .. } = rule else {
        return names;
    };
    if let RuleHead::Func { args, .. } = head {
        for arg in args {
            bound(arg, &mut names);
        }
    }
    for body in bodies {
        in_query(&body.query, &mut names);
    }
    names
}

fn in_query(query: &Query, names: &mut BTreeSet<String>) {
    for stmt in &query.stmts {
        match &stmt.literal {
            Literal::SomeVars { vars, .. } => {
                names.extend(vars.iter().map(|name| name.text().to_owned()));
            }
            Literal::SomeIn { key, value, .. } => {
                if let Some(key) = key {
                    bound(key, names);
                }
                bound(value, names);
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => {
                if let Expr::AssignExpr {
                    op: regorus::unstable::AssignOp::ColEq,
                    lhs,
                    ..
                } = expr.as_ref()
                {
                    bound(lhs, names);
                }
                nested(expr, names);
            }
            Literal::Every {
                key, value, query, ..
            } => {
                names.extend(key.iter().chain([value]).map(|name| name.text().to_owned()));
                in_query(query, names);
            }
        }
    }
}

fn nested(expr: &Expr, names: &mut BTreeSet<String>) {
    for query in queries(expr) {
        in_query(query, names);
    }
    for child in children(expr) {
        nested(child, names);
    }
}

fn bound(expr: &Expr, names: &mut BTreeSet<String>) {
    match expr {
        Expr::Var { span, .. } => {
            names.insert(span.text().to_owned());
        }
        Expr::Array { items, .. } => {
            for item in items {
                bound(item, names);
            }
        }
        Expr::Object { fields, .. } => {
            for (_, _, value) in fields {
                bound(value, names);
            }
        }
        _ => {}
    }
}
