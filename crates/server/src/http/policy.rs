//! Policies over clusters' objects: what each asks, what is done about it
//! where, and somebody's own.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Event, Policy, PolicyAction, PolicyDetail,
    finding::Step,
    policy::{
        CustomPolicyQuery, NewPolicy, PolicyDecisions, PolicyForm, PolicyOrigin, PolicyProblem,
        PolicyQuery, PolicySetting,
    },
    problem::ProblemPart,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::SignedDuration;
use model::{FindingKind, FindingState, Permission, Query as FindingQuery, query::Field};
use policy::{Document, Policies};
use store::{
    AdmissionFilter, AdmissionTally, CustomPolicy, CustomPolicyRefusal, FindingFilter, GroupBy,
    NewCustomPolicy, PageRequest, Scope,
};

use super::{
    Shared,
    access::Access,
    action::{self, MAX_TEXT as MAX_REASON},
    admission,
    error::ApiError,
    query::{Body, Query},
};
use crate::{
    app::App,
    policies::{self, MAX_TEXT, Parsed},
};

/// Over how many days decisions are counted.
pub(crate) const DAYS: i64 = 7;
const OFFENDERS: u32 = 20;

/// A policy, whoever wrote it.
pub(crate) enum Known {
    BuiltIn(&'static policy::Policy),
    Custom(Box<(CustomPolicy, Parsed)>),
}

impl Known {
    pub(crate) fn documents(&self) -> Vec<Document> {
        match self {
            Self::BuiltIn(policy) => policies::built_in_documents(policy),
            Self::Custom(custom) => custom.1.documents.clone(),
        }
    }

    pub(super) fn by_default(&self, trusts: bool) -> PolicyAction {
        match self {
            Self::BuiltIn(policy) => policies::by_default(policy, trusts),
            Self::Custom(custom) => policies::action_of(&custom.1.documents),
        }
    }
}

/// The policy of an id, in scope.
pub(crate) async fn find(app: &App, scope: &Scope, id: &str) -> Result<Known, ApiError> {
    if let Some(policy) = policy::policy(id) {
        return Ok(Known::BuiltIn(policy));
    }
    let customs = policies::customs(app, scope).await?;
    customs
        .into_iter()
        .find(|(custom, _)| custom.name == id)
        .map(|custom| Known::Custom(Box::new(custom)))
        .ok_or_else(|| ApiError::not_found("policy"))
}

pub(crate) fn tally(tally: AdmissionTally) -> PolicyDecisions {
    PolicyDecisions {
        denied: tally.denied,
        warned: tally.warned,
        audited: tally.audited,
        exempted: tally.exempted,
    }
}

/// What is counted of every policy.
struct Counted {
    settings: BTreeMap<String, Vec<store::PolicySetting>>,
    /// Environments where a trust policy is on.
    trusting: BTreeSet<String>,
    violations: BTreeMap<String, u64>,
    decisions: BTreeMap<String, PolicyDecisions>,
}

async fn counted(app: &App, scope: &Scope, asked: &PolicyQuery) -> Result<Counted, ApiError> {
    let now = app.clock.now();
    let filter = AdmissionFilter {
        cluster: asked.cluster.clone(),
        since: Some(now - SignedDuration::from_hours(DAYS * 24)),
        ..AdmissionFilter::default()
    };
    let decisions = app.store.policy_decisions(scope, &filter).await?;
    let mut query = FindingQuery::everything();
    if let Some(cluster) = &asked.cluster {
        query = query.and_exactly(Field::Cluster, cluster);
    }
    let mut findings = FindingFilter::of_query(query, now, None);
    findings.kinds = vec![FindingKind::Misconfiguration];
    findings.states = vec![FindingState::Open];
    let groups = app
        .store
        .finding_groups(scope, &findings, GroupBy::Rule, &PageRequest::first(1_000))
        .await?;
    let of_rule = |query: &FindingQuery| {
        query.tests().iter().find_map(|test| match &test.condition {
            model::query::Condition::Text(Field::Rule, patterns) => {
                patterns.first()?.as_exact().map(str::to_owned)
            }
            _ => None,
        })
    };
    let trusts = app.store.trust_policies(scope).await?;
    let trusting = trusts.into_iter().filter(|policy| policy.record.enabled);
    let violations = groups.items.iter();
    Ok(Counted {
        trusting: trusting.map(|policy| policy.environment).collect(),
        settings: policies::by_policy(app.store.policy_settings(scope).await?),
        violations: violations
            .filter_map(|group| Some((of_rule(&group.query)?, group.counts.total())))
            .collect(),
        decisions: decisions
            .into_iter()
            .map(|one| (one.policy, tally(one.tally)))
            .collect(),
    })
}

fn setting(setting: &store::PolicySetting) -> PolicySetting {
    PolicySetting {
        environment: setting.environment.clone(),
        cluster: Some(setting.cluster.clone()).filter(|cluster| !cluster.is_empty()),
        action: policies::action(&setting.action),
        parameters: setting.parameters.clone(),
        scope: setting
            .scope
            .clone()
            .and_then(|scope| serde_json::from_value(scope).ok()),
        reason: setting.reason.clone(),
        changed: setting.changed,
        changed_by: setting.changed_by.clone(),
    }
}

fn wire(known: &Known, counted: &Counted, asked: &PolicyQuery, environments: &[String]) -> Policy {
    let id = match known {
        Known::BuiltIn(policy) => policy.id.as_str(),
        Known::Custom(custom) => custom.0.name.as_str(),
    };
    let own = match known {
        Known::BuiltIn(_) => environments,
        Known::Custom(custom) => std::slice::from_ref(&custom.0.environment),
    };
    let all = counted.settings.get(id).map_or(&[][..], Vec::as_slice);
    let settings: Vec<&store::PolicySetting> = all
        .iter()
        .filter(|set| own.contains(&set.environment))
        .filter(|set| {
            let asked = asked.cluster.as_deref();
            asked.is_none_or(|asked| set.cluster.is_empty() || set.cluster == asked)
        })
        .collect();
    let default_in =
        |environment: &String| known.by_default(counted.trusting.contains(environment));
    let by_default = own.iter().map(default_in).max();
    let by_default = by_default.unwrap_or_else(|| known.by_default(false));
    let mut actions: BTreeSet<PolicyAction> = BTreeSet::new();
    for environment in own {
        let cluster = asked.cluster.as_deref().unwrap_or("");
        let holds = policies::holding(all, environment, cluster);
        actions.insert(holds.map_or_else(
            || default_in(environment),
            |set| policies::action(&set.action),
        ));
        if asked.cluster.is_none() {
            let of_clusters = settings
                .iter()
                .filter(|set| set.environment == *environment);
            actions.extend(of_clusters.map(|set| policies::action(&set.action)));
        }
    }
    let shared = Policy {
        id: id.to_owned(),
        title: String::new(),
        origin: PolicyOrigin::BuiltIn,
        form: PolicyForm::Template,
        group: String::new(),
        severity: api::Severity::Medium,
        kind: String::new(),
        asset: String::new(),
        by_default,
        action: actions.last().copied().unwrap_or(by_default),
        settings: settings.into_iter().map(setting).collect(),
        violations: counted.violations.get(id).copied().unwrap_or(0),
        decisions: counted.decisions.get(id).copied().unwrap_or_default(),
        environment: None,
        problems: Vec::new(),
        notes: Vec::new(),
    };
    match known {
        Known::BuiltIn(policy) => {
            let said = policy::recommendation(id);
            Policy {
                title: said.map_or_else(String::new, |said| said.title.clone()),
                severity: said.map_or(api::Severity::Medium, |said| said.severity.into()),
                asset: said.map_or_else(String::new, |said| said.asset.noun().0.to_owned()),
                group: policy.group.clone(),
                kind: policy.kind.clone(),
                ..shared
            }
        }
        Known::Custom(custom) => {
            let (custom, parsed) = &**custom;
            Policy {
                title: custom.title.clone(),
                origin: PolicyOrigin::Custom,
                form: parsed.form,
                severity: custom.severity.into(),
                kind: parsed.kind.clone(),
                environment: Some(custom.environment.clone()),
                problems: parsed.problems.clone(),
                notes: notes(&parsed.documents),
                ..shared
            }
        }
    }
}

fn notes(documents: &[Document]) -> Vec<PolicyProblem> {
    let notes = policy::notes(documents).into_iter();
    notes.map(policies::told).collect()
}

/// Policies over clusters' objects, by id.
#[utoipa::path(get, path = "/policies", tag = "policies", params(PolicyQuery),
    responses((status = 200, body = Vec<Policy>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<PolicyQuery>,
) -> Result<Json<Vec<Policy>>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let environments = app.store.environment_names(&scope).await?;
    let counted = counted(&app, &scope, &asked).await?;
    let mut all: Vec<Policy> = policy::policies()
        .iter()
        .map(|policy| wire(&Known::BuiltIn(policy), &counted, &asked, &environments))
        .collect();
    for custom in policies::customs(&app, &scope).await? {
        let known = Known::Custom(Box::new(custom));
        all.push(wire(&known, &counted, &asked, &environments));
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Json(all))
}

/// One policy: its prose, its documents, and whom it is against.
#[utoipa::path(get, path = "/policies/{id}", tag = "policies",
    params(("id" = String, Path, description = "the policy's id"), PolicyQuery),
    responses((status = 200, body = PolicyDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<PolicyQuery>,
) -> Result<Json<PolicyDetail>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    Ok(Json(detail(&app, &scope, &id, &asked).await?))
}

pub(super) async fn detail(
    app: &App,
    scope: &Scope,
    id: &str,
    asked: &PolicyQuery,
) -> Result<PolicyDetail, ApiError> {
    let known = find(app, scope, id).await?;
    let environments = app.store.environment_names(scope).await?;
    let counted = counted(app, scope, asked).await?;
    let documents = known.documents();
    let of = |pointer: &str| {
        documents
            .iter()
            .find_map(|document| document.value.pointer(pointer).cloned())
    };
    let offenders = AdmissionFilter {
        cluster: asked.cluster.clone(),
        policy: Some(id.to_owned()),
        since: Some(app.clock.now() - SignedDuration::from_hours(DAYS * 24)),
        ..AdmissionFilter::default()
    };
    let (offenders, _) = app
        .store
        .admission_offenders(scope, &offenders, OFFENDERS)
        .await?;
    let mut detail = PolicyDetail {
        policy: wire(&known, &counted, asked, &environments),
        description: String::new(),
        why: String::new(),
        steps: Vec::new(),
        effort: String::new(),
        checked_by: String::new(),
        controls: Vec::new(),
        techniques: Vec::new(),
        references: Vec::new(),
        azure: Vec::new(),
        text: String::new(),
        parameters_schema: of("/spec/crd/spec/validation/openAPIV3Schema"),
        parameters: documents
            .iter()
            .find_map(|document| document.value.pointer("/spec/parameters").cloned()),
        offenders: offenders.into_iter().map(admission::offender).collect(),
        revision: None,
        changed: None,
        changed_by: None,
    };
    match &known {
        Known::BuiltIn(policy) => {
            detail.text = yaml(&documents);
            detail.azure.clone_from(&policy.built_in);
            if let Some(said) = policy::recommendation(id) {
                said.description.trim().clone_into(&mut detail.description);
                said.why.trim().clone_into(&mut detail.why);
                said.checked_by.trim().clone_into(&mut detail.checked_by);
                detail.steps = said.remediation.iter().map(step).collect();
                detail.controls = said.controls().to_vec();
                detail.techniques.clone_from(&said.techniques);
                detail.references.clone_from(&said.references);
                let effort = match said.effort {
                    policy::Effort::Low => "low",
                    policy::Effort::Moderate => "moderate",
                    policy::Effort::High => "high",
                };
                effort.clone_into(&mut detail.effort);
            }
        }
        Known::Custom(custom) => {
            let custom = &custom.0;
            detail.description.clone_from(&custom.description);
            detail.text.clone_from(&custom.documents);
            detail.revision = Some(custom.revision);
            detail.changed = Some(custom.changed);
            detail.changed_by = Some(custom.changed_by.clone());
        }
    }
    Ok(detail)
}

fn step(step: &policy::Step) -> Step {
    Step {
        text: step.text.clone(),
        code: step.code.clone(),
        language: step.language.clone(),
    }
}

/// Documents as people write them.
fn yaml(documents: &[Document]) -> String {
    let texts = documents
        .iter()
        .map(|document| serde_norway::to_string(&document.value).unwrap_or_default());
    texts.collect::<Vec<_>>().join("---\n")
}

fn parts(pointer: &str, problems: &[PolicyProblem]) -> Vec<ProblemPart> {
    problems
        .iter()
        .map(|problem| {
            let named = [&problem.kind, &problem.name];
            let named: Vec<&str> = named
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(String::as_str)
                .collect();
            ProblemPart {
                pointer: pointer.to_owned(),
                detail: if named.is_empty() {
                    format!("{}: {}", problem.document, problem.message)
                } else {
                    format!(
                        "{} ({}): {}",
                        problem.document,
                        named.join(" "),
                        problem.message
                    )
                },
                ..ProblemPart::default()
            }
        })
        .collect()
}

/// Refuses documents that do not compile; they are compiled beside the
/// threads everybody shares.
pub(super) async fn compiled(
    pointer: &'static str,
    documents: Vec<Document>,
) -> Result<(), ApiError> {
    let loading = tokio::task::spawn_blocking(move || Policies::load(&documents).1);
    let wrong = loading.await.map_err(|error| ApiError::internal(&error))?;
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong: Vec<PolicyProblem> = wrong
        .into_iter()
        .map(|problem| PolicyProblem {
            document: problem.source,
            kind: problem.kind,
            name: problem.name,
            message: problem.message,
        })
        .collect();
    let told = "the policy would not work so; what was in force stays in force";
    Err(ApiError::unprocessable(
        "broken_policy",
        told,
        parts(pointer, &wrong),
    ))
}

/// Others are to see what is done about policies now.
pub(super) fn changed(app: &App, environment: &str) {
    app.bundles.changed();
    app.bus.publish(&Event::Admission {
        environment: environment.to_owned(),
    });
}

/// Makes a policy, or a new version of one. A version that does not
/// compile is refused with what is wrong and where, and the one before
/// stays in force.
#[utoipa::path(post, path = "/policies", tag = "policies", request_body = NewPolicy,
    responses((status = 201, body = PolicyDetail),
        (status = 409, description = "somebody else changed it meanwhile: read it again"),
        (status = 422, description = "it does not compile: what is wrong, and where")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(asked): Body<NewPolicy>,
) -> Result<(StatusCode, Json<PolicyDetail>), ApiError> {
    let environment = asked
        .environment
        .clone()
        .unwrap_or_else(|| access.own_environment(Permission::Configure));
    access.require_in(&environment)?;
    let scope = access.scope(&app, Some(&environment)).await?;
    if asked.text.len() > MAX_TEXT {
        let told = format!("longer than {MAX_TEXT} bytes");
        return Err(ApiError::invalid("text", told));
    }
    let text = asked.text.clone();
    let parsing = tokio::task::spawn_blocking(move || policies::parse(&text));
    let parsed = parsing.await.map_err(|error| ApiError::internal(&error))?;
    if !parsed.problems.is_empty() {
        return Err(ApiError::unprocessable(
            "broken_policy",
            "the policy does not compile; what was in force stays in force",
            parts("text", &parsed.problems),
        ));
    }
    let title = asked.title.as_deref().unwrap_or(&parsed.id);
    let policy = NewCustomPolicy {
        environment: environment.clone(),
        name: parsed.id.clone(),
        revision: asked.revision,
        title: action::text("title", title, 200)?,
        severity: severity(asked.severity.unwrap_or(api::Severity::Medium)),
        description: asked.description.chars().take(MAX_REASON).collect(),
        documents: asked.text,
        reason: asked.reason.chars().take(MAX_REASON).collect(),
    };
    app.store
        .put_custom_policy(access.author(&app), policy)
        .await?
        .map_err(|refusal| match refusal {
            CustomPolicyRefusal::Stale(0) => ApiError::conflict(
                "policy_changed",
                "there is no such policy any more: make it anew, with revision 0",
            ),
            CustomPolicyRefusal::Stale(revision) => ApiError::conflict(
                "policy_changed",
                format!(
                    "the policy '{}' is at revision {revision}, and this is a change of {}; \
                     read it again",
                    parsed.id, asked.revision
                ),
            ),
            CustomPolicyRefusal::TooMany => {
                ApiError::conflict("too_many_policies", refusal.to_string())
            }
        })?;
    changed(&app, &environment);
    let asked = PolicyQuery::default();
    let detail = detail(&app, &scope, &parsed.id, &asked).await?;
    Ok((StatusCode::CREATED, Json(detail)))
}

fn severity(severity: api::Severity) -> model::Severity {
    match severity {
        api::Severity::Critical => model::Severity::Critical,
        api::Severity::High => model::Severity::High,
        api::Severity::Medium => model::Severity::Medium,
        api::Severity::Low => model::Severity::Low,
        api::Severity::Info => model::Severity::Info,
        api::Severity::Unknown => model::Severity::Unknown,
    }
}

/// Forgets one of somebody's own policies, and what was set of it. The
/// product's own are switched off instead.
#[utoipa::path(delete, path = "/policies/{id}", tag = "policies",
    params(("id" = String, Path, description = "the policy's id"), CustomPolicyQuery),
    responses((status = 204, description = "forgotten"),
        (status = 409, description = "it is one of the product's own")))]
pub(crate) async fn delete(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<CustomPolicyQuery>,
) -> Result<StatusCode, ApiError> {
    let environment = asked
        .environment
        .unwrap_or_else(|| access.own_environment(Permission::Configure));
    access.require_in(&environment)?;
    access.scope(&app, Some(&environment)).await?;
    if policy::policy(&id).is_some() {
        let told = "it is one of Seawall's own: set it to off instead";
        return Err(ApiError::conflict("built_in", told));
    }
    let author = access.author(&app);
    let is_gone = app
        .store
        .delete_custom_policy(author, &environment, &id)
        .await?;
    if !is_gone {
        return Err(ApiError::not_found("policy"));
    }
    changed(&app, &environment);
    Ok(StatusCode::NO_CONTENT)
}
