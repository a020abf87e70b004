//! A set of policies, compiled: what is loaded together and judged by.
//!
//! Policies are immutable once loaded, and shared by threads behind an
//! `Arc`. What cannot be read or compiled becomes a [`Problem`], and the
//! rest still loads.

mod again;
mod asking;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod unseen_tests;

use std::collections::BTreeMap;

pub use asking::CONNECTIONS;
pub(crate) use asking::connection;

use crate::cel::Native;
use crate::engine::{Ask, Shared};
use crate::expansion::Expansions;
use crate::external::Provider;
use crate::gatekeeper::{
    Constraint, Excluded, Groups, Memo, Template, Verdict, is_constraint, is_template, shape,
    synced,
};
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

/// Fewer templates than this are asked one by one, though they are
/// compiled together: the others would be asked for nothing.
const FEW: usize = 3;

/// What of an object others may look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Named,
    Whole,
}

/// One constraint that is asked about one object.
struct Asked<'a> {
    index: usize,
    action: Action,
    template: &'a Template,
    ask: Ask<'a>,
    /// Where its verdict is remembered.
    key: Option<u128>,
    verdict: Option<Result<Verdict, String>>,
}

/// A compiled set of policies.
#[derive(Debug, Default)]
pub struct Policies {
    /// By the kind of their constraints.
    templates: BTreeMap<String, Template>,
    /// In the order of kind and name.
    constraints: Vec<Constraint>,
    looked_up: BTreeMap<Kind, Shown>,
    groups: Groups,
    memo: Memo,
    native: Native,
    mutators: Mutators,
    expansions: Expansions,
    providers: BTreeMap<String, Provider>,
    excluded: Excluded,
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
        let mut templates = templates(documents, engine, &mut problems);
        let constraints = constraints(documents, &templates, &mut problems);
        let synced = documents
            .iter()
            .filter_map(|document| synced(&document.value));
        let mut looked_up: BTreeMap<Kind, Shown> =
            synced.flatten().map(|kind| (kind, Shown::Whole)).collect();
        for template in templates.values() {
            for kind in &template.looks_up {
                let shown = looked_up.entry(kind.clone()).or_insert(Shown::Named);
                if !template.names_only {
                    *shown = Shown::Whole;
                }
            }
        }
        let groups = Groups::of(&constraints, &templates);
        for template in templates.values_mut() {
            template.engine.is_compiled();
        }
        let policies = Self {
            templates,
            constraints,
            looked_up,
            groups,
            memo: Memo::default(),
            native: Native::load(documents, &mut problems),
            mutators: Mutators::load(documents, &mut problems),
            expansions: Expansions::load(documents, &mut problems),
            providers: Provider::load(documents, &mut problems),
            excluded: Excluded::load(documents, &mut problems),
        };
        problems.sort();
        (policies, problems)
    }

    /// Whether a policy asks for objects of `kind` by that name, and not
    /// for whatever there is.
    pub fn names(&self, kind: &Kind) -> bool {
        let mut constraints = self.constraints.iter();
        constraints.any(|constraint| constraint.matches.names(kind))
    }

    /// What the policies have to say against the object of `review`, and
    /// against the pods it will make.
    pub fn review(&self, review: &Review<'_>, world: &World) -> Vec<Violation> {
        let is_excluded = self.excluded.judges_not(review);
        let mut violations = if is_excluded {
            Vec::new()
        } else {
            self.constrain(review, world)
        };
        violations.extend(self.native.review(review, world));
        if !is_excluded
            && review.origin == Origin::Original
            && review.operation != Operation::Delete
        {
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
        let mut asked = Vec::new();
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
            let mut one = Asked {
                index,
                action,
                template,
                ask: Ask {
                    review,
                    constraint,
                    world,
                    shared: &shared,
                },
                key: None,
                verdict: None,
            };
            match constraint.matches.matches(review, world) {
                Ok(true) => match template.unseen(world) {
                    Some(kind) => one.verdict = Some(Err(unseen(kind))),
                    None => self.remember(&mut one),
                },
                Ok(false) => continue,
                Err(fault) => {
                    one.verdict = Some(Err(format!(
                        "unable to match constraints: error matching the requested object: {} \
                         :{fault}",
                        review.name
                    )));
                }
            }
            asked.push(one);
        }
        self.judge_groups(&mut asked);
        let mut violations = Vec::new();
        for one in asked {
            let constraint = one.ask.constraint;
            let violation = |message: String, details: Value, failed: bool| Violation {
                kind: constraint.kind.clone(),
                constraint: constraint.name.clone(),
                action: one.action,
                message,
                details,
                failed,
            };
            match self.verdict(&one) {
                Ok(said) => violations.extend(
                    said.iter()
                        .map(|said| violation(said.message.clone(), said.details.clone(), false)),
                ),
                Err(message) => violations.push(violation(message, Value::Null, true)),
            }
        }
        violations
    }

    /// Looks for a verdict that is known.
    fn remember(&self, one: &mut Asked<'_>) {
        let reads = one.template.engine.reads();
        if let Some(reads) = reads.filter(|reads| reads.is_pure()) {
            let key = self.memo.key(one.index, reads, &one.ask);
            one.key = Some(key);
            one.verdict = self.memo.get(key).map(Ok);
        }
    }

    /// Asks templates that are compiled together, where several of them
    /// have to be asked.
    fn judge_groups(&self, asked: &mut [Asked<'_>]) {
        let mut waiting: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, one) in asked.iter().enumerate() {
            if let (None, Some((group, _))) = (&one.verdict, self.groups.place(one.index)) {
                waiting.entry(group).or_default().push(at);
            }
        }
        for (group, members) in waiting {
            if members.len() < FEW {
                continue;
            }
            let Some(ask) = members
                .first()
                .and_then(|at| asked.get(*at))
                .map(|one| one.ask)
            else {
                continue;
            };
            let Some(mut said) = self.groups.judge(group, &ask) else {
                continue;
            };
            for at in members {
                let Some(one) = asked.get_mut(at) else {
                    continue;
                };
                if let Some((_, place)) = self.groups.place(one.index)
                    && let Some(said) = said.get_mut(place)
                {
                    let said: Verdict = std::mem::take(said).into();
                    self.keep(one.key, &said);
                    one.verdict = Some(Ok(said));
                }
            }
        }
    }

    fn verdict(&self, one: &Asked<'_>) -> Result<Verdict, String> {
        if let Some(verdict) = &one.verdict {
            return verdict.clone();
        }
        let said: Verdict = one.template.engine.judge(&one.ask)?.into();
        self.keep(one.key, &said);
        Ok(said)
    }

    fn keep(&self, key: Option<u128>, said: &Verdict) {
        if let Some(key) = key {
            self.memo.put(key, said);
        }
    }

    /// The object as mutators want it, where that is not as it is.
    pub fn mutate(&self, review: &Review<'_>, world: &World) -> Result<Option<Value>, MutateError> {
        if self.excluded.mutates_not(review) {
            return Ok(None);
        }
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
        let mut kinds: Vec<Kind> = self.looked_up.keys().cloned().collect();
        kinds.extend(self.native.param_kinds());
        kinds
    }

    /// Whether policies that look up objects of `kind` ask for nothing but
    /// their names: then [`names_only`](crate::names_only) of them does.
    pub fn looks_up_names_only(&self, kind: &Kind) -> bool {
        self.looked_up.get(kind) == Some(&Shown::Named)
            && !self.native.param_kinds().any(|whole| whole == *kind)
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
                    && !self.excluded.judges_not(review)
                    && constraint.matches.matches(review, world) == Ok(true)
            })
            .map(|constraint| constraint.kind.as_str())
            .collect();
        asked.dedup();
        asked
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

/// Why nobody who looks up objects of `kind` can judge.
pub(crate) fn unseen(kind: &Kind) -> String {
    format!(
        "not judged: it looks up objects of kind {}, and which there are is not known",
        kind.kind
    )
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
