//! A set of policies, compiled: what is loaded together and judged by.
//!
//! Policies are immutable once loaded, and shared by threads behind an
//! `Arc`. What cannot be read or compiled becomes a [`Problem`], and the
//! rest still loads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::cel::Native;
use crate::engine::{Ask, Said, Shared};
use crate::expansion::Expansions;
use crate::external::Provider;
use crate::gatekeeper::{Constraint, Memo, Template, is_constraint, is_template, shape, synced};
use crate::mutation::{MutateError, Mutators};
use crate::review::{Action, Kind, Moment, Operation, Origin, Review, Violation};
use crate::suite::RegoEngine;
use crate::world::World;
use serde_json::Value;

/// One document of policies, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// A file, or whatever else the reader would look it up by.
    pub source: String,
    pub value: Value,
}

/// What is wrong with one document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// As the document says.
    pub source: String,
    /// Of the document, empty where it has none.
    pub kind: String,
    pub name: String,
    pub message: String,
}

/// What a list of policies shows of a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintInfo {
    /// `K8sBlockNodePort`; `ValidatingAdmissionPolicy` for Kubernetes' own.
    pub kind: String,
    /// The constraint's name; the binding's for Kubernetes' own.
    pub name: String,
    /// The strongest it has at any moment.
    pub action: Action,
    /// The template's name; the policy's for Kubernetes' own.
    pub template: String,
    /// What it is asked about, in a few words.
    pub matches: String,
    /// Where the constraint was read from.
    pub source: String,
}

/// A compiled set of policies.
#[derive(Debug, Default)]
pub struct Policies {
    /// By the kind of their constraints.
    templates: BTreeMap<String, Template>,
    /// In the order of kind and name.
    constraints: Vec<Constraint>,
    looked_up: Vec<Kind>,
    memo: Memo,
    native: Native,
    mutators: Mutators,
    expansions: Expansions,
    providers: BTreeMap<String, Provider>,
}

impl Policies {
    /// Compiles `documents`: templates, constraints, mutators, expansions,
    /// `Config` and `SyncSet`, Kubernetes' own policies and bindings, in
    /// any order. What is not understood is a problem beside the rest. Of
    /// two documents of one kind and name the later counts, where it can
    /// be read.
    pub fn load(documents: &[Document]) -> (Self, Vec<Problem>) {
        Self::load_on(documents, RegoEngine::Chosen)
    }

    /// The same, with Rego on the engine named.
    pub fn load_on(documents: &[Document], engine: RegoEngine) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let templates = templates(documents, engine, &mut problems);
        let constraints = constraints(documents, &templates, &mut problems);
        let mut looked_up: BTreeSet<Kind> = documents
            .iter()
            .filter_map(|document| synced(&document.value))
            .flatten()
            .collect();
        looked_up.extend(
            templates
                .values()
                .flat_map(|template| template.looks_up.iter().cloned()),
        );
        let policies = Self {
            templates,
            constraints,
            looked_up: looked_up.into_iter().collect(),
            memo: Memo::default(),
            native: Native::load(documents, &mut problems),
            mutators: Mutators::load(documents, &mut problems),
            expansions: Expansions::load(documents, &mut problems),
            providers: Provider::load(documents, &mut problems),
        };
        problems.sort();
        (policies, problems)
    }

    /// What the policies have to say against the object of `review`, and
    /// against the pods it will make.
    pub fn review(&self, review: &Review<'_>, world: &World) -> Vec<Violation> {
        let mut violations = self.constrain(review, world);
        violations.extend(self.native.review(review, world));
        if review.origin == Origin::Original && review.operation != Operation::Delete {
            self.review_generated(review, world, &mut violations);
        }
        violations
    }

    fn review_generated(
        &self,
        review: &Review<'_>,
        world: &World,
        violations: &mut Vec<Violation>,
    ) {
        let generated = match self.expansions.expand(review, world, &self.mutators) {
            Ok(generated) => generated,
            Err(message) => {
                violations.push(Violation {
                    kind: "ExpansionTemplate".to_owned(),
                    constraint: String::new(),
                    action: Action::Warn,
                    message,
                    details: Value::Null,
                    failed: true,
                });
                return;
            }
        };
        for made in generated {
            let inner = Review {
                kind: Kind::of(&made.object).unwrap_or_default(),
                object: Some(&made.object),
                old_object: None,
                name: text(&made.object, "name"),
                origin: Origin::Generated,
                ..review.clone()
            };
            for mut violation in self.constrain(&inner, world) {
                if !made.implied_by.is_empty() {
                    violation.message =
                        format!("[Implied by {}] {}", made.implied_by, violation.message);
                }
                if let Some(action) = made.action {
                    violation.action = action;
                }
                violations.push(violation);
            }
        }
    }

    /// What constraints say of one object.
    fn constrain(&self, review: &Review<'_>, world: &World) -> Vec<Violation> {
        let shared = Shared::default();
        let kinds: Vec<Kind> = [shape::object(review), review.old_object]
            .into_iter()
            .flatten()
            .filter_map(Kind::of)
            .collect();
        let operation = shape::operation(review);
        let mut violations = Vec::new();
        for (index, constraint) in self.constraints.iter().enumerate() {
            if !kinds.iter().any(|kind| constraint.matches.wants(kind)) {
                continue;
            }
            let (Some(action), Some(template)) = (
                constraint.action(review.moment),
                self.templates.get(&constraint.kind),
            ) else {
                continue;
            };
            if review.moment == Moment::Admission && !template.judges(operation) {
                continue;
            }
            let violation = |message: String, details: Value, failed: bool| Violation {
                kind: constraint.kind.clone(),
                constraint: constraint.name.clone(),
                action,
                message,
                details,
                failed,
            };
            match constraint.matches.matches(review, world) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(fault) => {
                    let message = format!(
                        "unable to match constraints: error matching the requested object: {} \
                         :{fault}",
                        review.name
                    );
                    violations.push(violation(message, Value::Null, true));
                    continue;
                }
            }
            let ask = Ask {
                review,
                constraint,
                world,
                shared: &shared,
            };
            match self.judge(index, template, &ask) {
                Ok(said) => violations.extend(
                    said.iter()
                        .map(|said| violation(said.message.clone(), said.details.clone(), false)),
                ),
                Err(message) => violations.push(violation(message, Value::Null, true)),
            }
        }
        violations
    }

    fn judge<'a>(
        &self,
        index: usize,
        template: &Template,
        ask: &Ask<'a>,
    ) -> Result<Cow<'a, [Said]>, String> {
        let Some(reads) = template.engine.reads().filter(|reads| reads.is_pure()) else {
            return template.engine.judge(ask).map(Cow::Owned);
        };
        let key = self.memo.key(index, reads, ask);
        if let Some(said) = self.memo.get(key) {
            return Ok(Cow::Owned(said.to_vec()));
        }
        let said = template.engine.judge(ask)?;
        self.memo.put(key, &said);
        Ok(Cow::Owned(said))
    }

    /// The object as mutators want it, where that is not as it is.
    pub fn mutate(&self, review: &Review<'_>, world: &World) -> Result<Option<Value>, MutateError> {
        self.mutators.apply(review, world)
    }

    /// Whether any policy may have something to say of objects of `kind`:
    /// a cheap look before an object is read at all.
    pub fn wants(&self, kind: &Kind) -> bool {
        self.constraints
            .iter()
            .any(|constraint| constraint.matches.wants(kind))
            || self.native.wants(kind)
            || self.mutators.wants(kind)
            || self.expansions.makes(kind).iter().any(|made| {
                self.constraints
                    .iter()
                    .any(|constraint| constraint.matches.wants(made))
            })
    }

    /// Kinds that policies look up in [`World::inventory`]. An empty
    /// version stands for any.
    pub fn inventory_kinds(&self) -> Vec<Kind> {
        let mut kinds = self.looked_up.clone();
        kinds.extend(self.native.param_kinds());
        kinds
    }

    /// Providers of external data, by name: whoever answers
    /// [`World::external`] asks them, if told to.
    pub fn providers(&self) -> &BTreeMap<String, Provider> {
        &self.providers
    }

    /// The kinds of the constraints that are asked about the object of
    /// `review`, whether they have something to say or not; in order.
    pub fn asked(&self, review: &Review<'_>, world: &World) -> Vec<&str> {
        let kinds: Vec<Kind> = shape::object(review)
            .into_iter()
            .filter_map(Kind::of)
            .collect();
        let mut asked: Vec<&str> = self
            .constraints
            .iter()
            .filter(|constraint| {
                kinds.iter().any(|kind| constraint.matches.wants(kind))
                    && constraint.action(review.moment).is_some()
                    && constraint.matches.matches(review, world) == Ok(true)
            })
            .map(|constraint| constraint.kind.as_str())
            .collect();
        asked.dedup();
        asked
    }

    /// Whether what is said of objects of `kind` may change though they
    /// do not, because others did that a policy looks up.
    pub fn looks_around(&self, kind: &Kind) -> bool {
        self.constraints.iter().any(|constraint| {
            constraint.matches.wants(kind)
                && self
                    .templates
                    .get(&constraint.kind)
                    .is_some_and(|template| match template.engine.reads() {
                        Some(reads) => reads.inventory || reads.all,
                        None => !template.looks_up.is_empty(),
                    })
        })
    }

    /// Every constraint and binding.
    pub fn constraints(&self) -> impl Iterator<Item = ConstraintInfo> {
        self.constraints
            .iter()
            .map(|constraint| ConstraintInfo {
                kind: constraint.kind.clone(),
                name: constraint.name.clone(),
                action: constraint.strongest(),
                template: self
                    .templates
                    .get(&constraint.kind)
                    .map(|template| template.name.clone())
                    .unwrap_or_default(),
                matches: constraint.matches.summary(),
                source: constraint.source.clone(),
            })
            .chain(self.native.constraints())
    }
}

fn templates(
    documents: &[Document],
    engine: RegoEngine,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Template> {
    let mut templates = BTreeMap::new();
    for document in documents.iter().filter(|each| is_template(&each.value)) {
        match Template::read(&document.value, engine) {
            Ok(template) => {
                templates.insert(template.kind.clone(), template);
            }
            Err(message) => problems.push(document.problem(message)),
        }
    }
    templates
}

fn constraints(
    documents: &[Document],
    templates: &BTreeMap<String, Template>,
    problems: &mut Vec<Problem>,
) -> Vec<Constraint> {
    let mut constraints = BTreeMap::new();
    for document in documents.iter().filter(|each| is_constraint(&each.value)) {
        let kind = document.value["kind"].as_str().unwrap_or_default();
        let read = match templates.get(kind) {
            Some(template) => Constraint::read(&document.value, &document.source, template),
            None => Err(missing_template(documents, kind)),
        };
        match read {
            Ok(constraint) => {
                let key = (constraint.kind.clone(), constraint.name.clone());
                constraints.insert(key, constraint);
            }
            Err(message) => problems.push(document.problem(message)),
        }
    }
    constraints.into_values().collect()
}

fn missing_template(documents: &[Document], kind: &str) -> String {
    let is_there = documents.iter().any(|document| {
        is_template(&document.value)
            && document.value["spec"]["crd"]["spec"]["names"]["kind"] == kind
    });
    if is_there {
        format!("its ConstraintTemplate could not be read: nothing of kind {kind} is judged")
    } else {
        format!("there is no ConstraintTemplate of kind {kind} among the policies")
    }
}

impl Document {
    pub(crate) fn problem(&self, message: String) -> Problem {
        Problem {
            source: self.source.clone(),
            kind: self.value["kind"].as_str().unwrap_or_default().to_owned(),
            name: text(&self.value, "name").to_owned(),
            message,
        }
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get(field))
        .and_then(Value::as_str)
        .unwrap_or_default()
}
