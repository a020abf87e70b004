//! Many templates asked at once.
//!
//! Templates that share libraries ask them the same about every object:
//! which containers a pod has, what it is called. Compiled into one
//! program, the libraries are evaluated once for all of them. What a
//! template says is the same as alone: packages keep templates apart, and
//! evaluation has no effects.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use regorus::Value as Rego;

use super::engine::{Dialect, Module, Program};
use super::template::{RegoTemplate, Source, said};
use super::tree::parse;
use super::{bounds, scan};
use crate::engine::{Ask, Said};

/// Of the module that asks the others.
const PACKAGE: &str = "__seawall_joined";

/// Templates compiled into one program.
#[derive(Debug)]
pub(crate) struct Joined {
    template: RegoTemplate,
    members: usize,
}

impl Joined {
    /// Whether two templates may be asked by one program at all: written
    /// alike, evaluated alike, and without effects on others.
    pub(crate) fn suits(one: &RegoTemplate, other: &RegoTemplate) -> bool {
        one.by == other.by
            && one.source.dialect == other.source.dialect
            && one.program.has_bytecode() == other.program.has_bytecode()
    }

    /// Compiles `members` together; `None` where they do not fit with one
    /// another, by the names of their packages or otherwise.
    pub(crate) fn compile(members: &[&RegoTemplate]) -> Option<Self> {
        let first = members.first()?;
        let dialect = first.source.dialect;
        // Package by its text: a library is taken once.
        let mut packages: BTreeMap<String, &str> = BTreeMap::new();
        let mut asked = Vec::new();
        for member in members {
            for (index, module) in member.source.modules.iter().enumerate() {
                let package = package(module, dialect)?;
                let known = packages.insert(package.clone(), &module.text);
                if known.is_some_and(|known| index == 0 || known != module.text) {
                    return None;
                }
                if index == 0 {
                    asked.push(package);
                }
            }
        }
        let is_within = |one: &String, other: &String| {
            other
                .strip_prefix(one.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let mut names = packages.keys().zip(packages.keys().skip(1));
        if names.any(|(one, other)| is_within(one, other)) {
            return None;
        }
        let mut modules = vec![Module {
            name: "joined".to_owned(),
            text: entry(&asked, dialect),
        }];
        modules.extend(packages.into_iter().map(|(package, text)| Module {
            name: package,
            text: text.to_owned(),
        }));
        let program = Program::compile_joined(&modules, dialect, "said").ok()?;
        if program.has_bytecode() != first.program.has_bytecode() {
            return None;
        }
        Some(Self {
            template: RegoTemplate {
                program,
                by: first.by,
                source: Source {
                    modules: Vec::new(),
                    dialect,
                },
            },
            members: members.len(),
        })
    }

    /// What each member has to say; `None` where that cannot be told of
    /// all of them at once, so that each has to be asked by itself.
    pub(crate) fn judge(&self, ask: &Ask<'_>) -> Option<Vec<Vec<Said>>> {
        let input = self.template.input(ask);
        let value = self.template.value(self.template.by, input, Some(ask));
        self.read(&value.ok()?)
    }

    fn read(&self, value: &Rego) -> Option<Vec<Vec<Said>>> {
        let mut all = vec![Vec::new(); self.members];
        for pair in value.as_set().ok()? {
            let pair = pair.as_array().ok()?;
            let [place, value] = pair.as_slice() else {
                return None;
            };
            let place = usize::try_from(place.as_i64().ok()?).ok()?;
            *all.get_mut(place)? = said(value).ok()?;
        }
        Some(all)
    }

    #[cfg(test)]
    pub(super) fn said(&self, input: Rego) -> Option<Vec<Vec<Said>>> {
        let value = self.template.value(self.template.by, input, None);
        self.read(&value.ok()?)
    }
}

fn package(module: &Module, dialect: Dialect) -> Option<String> {
    let text = scan::prepare(&module.name, &module.text, dialect).ok()?;
    let parsed = parse(&module.name, &text, dialect).ok()?;
    Some(bounds::package(&parsed))
}

/// The module that asks `packages`. By imports: `data.seawall` in a rule
/// means what comes with the input.
fn entry(packages: &[String], dialect: Dialect) -> String {
    let mut text = format!("package {PACKAGE}\n");
    for (place, package) in packages.iter().enumerate() {
        // Writing to a String cannot fail.
        _ = writeln!(text, "import {package} as m{place}");
    }
    for place in 0..packages.len() {
        let body = format!("{{ v := m{place}.violation; type_name(v) != \"\" }}");
        _ = match dialect {
            Dialect::V0 => writeln!(text, "said[[{place}, v]] {body}"),
            Dialect::V1 => writeln!(text, "said contains [{place}, v] if {body}"),
        };
    }
    text
}
