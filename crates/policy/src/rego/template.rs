//! A template in Rego.

use regorus::Value as Rego;
use serde_json::Value;

use super::engine::{Dialect, Module, Program};
use super::reads::Reads;
use super::{from_rego, to_rego};
use crate::engine::{Ask, Said, TemplateEngine};
use crate::suite::RegoEngine;
use crate::world::ImageState;

/// Which of the two evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Interpreter,
    Machine,
}

/// A compiled template.
#[derive(Debug)]
pub(crate) struct RegoTemplate {
    pub(super) program: Program,
    pub(super) by: By,
    /// What it was compiled from, until [`super::Joined`] has seen it.
    pub(super) source: Source,
}

/// The text of a template and its libraries.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) modules: Vec<Module>,
    pub(super) dialect: Dialect,
}

impl RegoTemplate {
    /// Compiles a template's `rego` and its `libs`.
    pub(crate) fn compile(
        rego: &str,
        libs: &[String],
        dialect: Dialect,
        engine: RegoEngine,
    ) -> Result<Self, String> {
        let mut modules = vec![Module {
            name: "template".to_owned(),
            text: rego.to_owned(),
        }];
        for (index, lib) in libs.iter().enumerate() {
            modules.push(Module {
                name: format!("libs[\"lib_{index}\"]"),
                text: lib.clone(),
            });
        }
        let program = Program::compile(&modules, dialect, "violation")?;
        let by = if engine != RegoEngine::Interpreter && program.has_bytecode() {
            By::Machine
        } else {
            By::Interpreter
        };
        Ok(Self {
            program,
            by,
            source: Source { modules, dialect },
        })
    }

    /// Whether it asks somebody outside while it evaluates.
    pub(crate) fn reads_outside(&self) -> bool {
        self.program.reads().external
    }

    /// What `by` says of `input`.
    pub(crate) fn evaluate(
        &self,
        by: By,
        input: Rego,
        ask: Option<&Ask<'_>>,
    ) -> Result<Vec<Said>, String> {
        said(&self.value(by, input, ask)?)
    }

    #[cfg(test)]
    pub(super) fn evaluate_alone(&self, input: Rego) -> Result<Vec<Said>, String> {
        self.evaluate(self.by, input, None)
    }

    /// The value of its rule for `input`.
    pub(super) fn value(&self, by: By, input: Rego, ask: Option<&Ask<'_>>) -> Result<Rego, String> {
        let external = ask.and_then(|ask| ask.world.external.clone());
        let keep = ask.is_none_or(|ask| !ask.shared.is_large(ask.review));
        match by {
            By::Interpreter => self.program.interpret(input, external, keep),
            By::Machine => match self.program.run(input.clone(), keep) {
                Some(value) => value,
                None => self.program.interpret(input, external, keep),
            },
        }
    }

    /// The input of an evaluation, as Gatekeeper makes it.
    pub(crate) fn input(&self, ask: &Ask<'_>) -> Rego {
        let mut fields = vec![
            (Rego::from("review"), ask.shared.rego(ask.review, ask.world)),
            (
                Rego::from("parameters"),
                ask.constraint.rego_parameters.clone(),
            ),
        ];
        let reads = self.program.reads();
        if reads.inventory {
            fields.push((
                Rego::from("__inventory"),
                ask.world.inventory.root().clone(),
            ));
        }
        if reads.clock || reads.images {
            let mut own = vec![(Rego::from("now_ns"), Rego::from(ask.world.now_ns))];
            if reads.images {
                let (images, trust) = images(ask);
                own.push((Rego::from("images"), images));
                own.push((Rego::from("trust"), trust));
            }
            fields.push((Rego::from("__seawall"), object(own)));
        }
        object(fields)
    }
}

fn object(fields: Vec<(Rego, Rego)>) -> Rego {
    Rego::from(
        fields
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>(),
    )
}

/// What is known of the images the object names, and of who signed them.
fn images(ask: &Ask<'_>) -> (Rego, Rego) {
    let mut names = Vec::new();
    for object in [ask.review.object, ask.review.old_object]
        .into_iter()
        .flatten()
    {
        names.extend(crate::world::image_names(object));
    }
    let (mut known, mut trusted) = (Vec::new(), Vec::new());
    for name in names {
        let trust = ask.world.trust.of(name);
        if let Some(state) = ask.world.images.get(name) {
            let signed = trust.as_ref().filter(|trust| trust.verified);
            let state = ImageState {
                signed: signed.map(|trust| trust.signed).or(state.signed),
                ..*state
            };
            if let Ok(state) = serde_json::to_value(state) {
                known.push((Rego::from(name), to_rego(&state)));
            }
        }
        if let Some(trust) = trust.and_then(|trust| serde_json::to_value(trust).ok()) {
            trusted.push((Rego::from(name), to_rego(&trust)));
        }
    }
    (object(known), object(trusted))
}

/// The violations in a rule's value: `violation[{"msg": …}]`. What has no
/// `msg` says nothing, as in Gatekeeper; a `msg` that is no text is an
/// error, as there.
pub(super) fn said(value: &Rego) -> Result<Vec<Said>, String> {
    let items: Vec<&Rego> = match value {
        Rego::Undefined => return Ok(Vec::new()),
        Rego::Set(items) => items.iter().collect(),
        Rego::Array(items) => items.iter().collect(),
        _ => return Err("violation is neither a set nor undefined".to_owned()),
    };
    let mut said = Vec::new();
    for item in items {
        let Rego::Object(fields) = item else { continue };
        let message = match fields.get(&Rego::from("msg")) {
            None => continue,
            Some(Rego::String(text)) => text.to_string(),
            Some(_) => return Err("extracting message binding: msg is not a string".to_owned()),
        };
        let details = fields
            .get(&Rego::from("details"))
            .map_or(Value::Null, from_rego);
        said.push(Said { message, details });
    }
    said.sort_by(|a, b| a.message.cmp(&b.message));
    Ok(said)
}

impl TemplateEngine for RegoTemplate {
    fn judge(&self, ask: &Ask<'_>) -> Result<Vec<Said>, String> {
        self.evaluate(self.by, self.input(ask), Some(ask))
    }

    fn reads(&self) -> Option<&Reads> {
        Some(self.program.reads())
    }

    fn rego(&self) -> Option<&RegoTemplate> {
        Some(self)
    }

    fn is_compiled(&mut self) {
        self.source.modules = Vec::new();
    }
}
