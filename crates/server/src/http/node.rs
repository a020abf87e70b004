//! Machines of clusters: what checks said of them.

use std::collections::BTreeSet;

use api::{
    Event,
    node::{NewNodeAssessment, NodeAssessment, NodeQuery, NodeReceipt, NodeState},
};
use axum::{
    Json,
    body::{self, Body},
    extract::{Path, State},
    http::StatusCode,
};
use model::{FindingKind, Fingerprint, Permission, RuleStep};
use policy::{Recommendation, node};
use serde_json::{Value, json};
use store::{NewFinding, NewRule, NodeVerdicts, RuleDetails};

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::{
    intake::{
        posture::KUBELET,
        sensor::{clean, is_name},
    },
    work::posture::tactics,
};

/// The largest body: a hundred checks, each with what is wrong.
const MAX_BODY: usize = 4 << 20;
const MAX_CHECKS: usize = 1_000;
const MAX_GAPS: usize = 100;
const MAX_SUMMARY: usize = 500;
const MAX_EVIDENCE: usize = 60 << 10;
const MAX_STEPS: usize = 20;

/// Take what checks said of a machine of a cluster: all there is, so that
/// what it no longer says is resolved.
#[utoipa::path(post, path = "/clusters/{cluster}/nodes/{node}/assessment", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"),
        ("node" = String, Path, description = "the machine's name"), NodeQuery),
    request_body = NewNodeAssessment,
    responses((status = 200, body = NodeReceipt),
        (status = 413, description = "more than 4 MiB or 1,000 checks")))]
pub(crate) async fn take(
    State(app): Shared,
    access: Access,
    Path((cluster, node)): Path<(String, String)>,
    Query(query): Query<NodeQuery>,
    body: Body,
) -> Result<Json<NodeReceipt>, ApiError> {
    let environment = query
        .environment
        .unwrap_or_else(|| access.own_environment(Permission::Ingest));
    access.require_in(&environment)?;
    access.scope(&app, Some(&environment)).await?;
    for (part, name) in [("cluster", &cluster), ("node", &node)] {
        if !is_name(name) {
            let told = "expected 1 to 253 bytes on one line, without '/'";
            return Err(ApiError::invalid(part, told));
        }
    }
    let too_large = || {
        let told = format!("more than {MAX_BODY} bytes or {MAX_CHECKS} checks at once");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told)
    };
    let bytes = body::to_bytes(body, MAX_BODY)
        .await
        .map_err(|_longer| too_large())?;
    let sent: NewNodeAssessment = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::invalid("body", error.to_string()))?;
    if sent.checks.len() > MAX_CHECKS {
        return Err(too_large());
    }
    let (assessment, unknown) = understood(sent, &environment, &cluster, &node);
    let outcome = app
        .store
        .put_node_assessment(assessment, app.clock.now())
        .await?;
    // The score hears of it by this.
    app.bus.publish(&Event::Findings {
        environment,
        kind: api::FindingKind::Misconfiguration,
        new: outcome.new.total(),
    });
    Ok(Json(NodeReceipt {
        new: outcome.new.total(),
        resolved: outcome.resolved,
        unknown,
    }))
}

/// Machines of a cluster, as they were last looked at.
#[utoipa::path(get, path = "/clusters/{cluster}/nodes", tag = "clusters",
    params(("cluster" = String, Path, description = "what the cluster is called here"), NodeQuery),
    responses((status = 200, body = Vec<NodeAssessment>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Path(cluster): Path<String>,
    Query(query): Query<NodeQuery>,
) -> Result<Json<Vec<NodeAssessment>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let nodes = app.store.node_assessments(&scope, Some(&cluster)).await?;
    let nodes = nodes.into_iter().map(|mut node| NodeAssessment {
        kubelet: node.facts.remove(KUBELET),
        environment: node.environment,
        cluster: node.cluster,
        node: node.node,
        profile: node.profile,
        time: node.time,
        healthy: node.verdicts.healthy.len() as u64,
        affected: node.verdicts.affected,
        not_applicable: node.verdicts.not_applicable.len() as u64,
        gaps: node.gaps,
    });
    Ok(Json(nodes.collect()))
}

fn understood(
    sent: NewNodeAssessment,
    environment: &str,
    cluster: &str,
    machine: &str,
) -> (store::NewNodeAssessment, Vec<String>) {
    let mut verdicts = NodeVerdicts::default();
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    let mut met = BTreeSet::new();
    for verdict in sent.checks {
        let known = node::check(&verdict.id).and_then(|check| policy::recommendation(&check.id));
        let Some(rule) = known else {
            unknown.push(clean(&verdict.id, 100));
            continue;
        };
        if !met.insert(rule.id.as_str()) {
            continue;
        }
        let list = match verdict.state {
            NodeState::Healthy => &mut verdicts.healthy,
            NodeState::NotApplicable => &mut verdicts.not_applicable,
            NodeState::Affected => &mut verdicts.affected,
        };
        list.push(rule.id.clone());
        if verdict.state != NodeState::Affected {
            continue;
        }
        let mut evidence = match verdict.evidence {
            Value::Object(facts) => Value::Object(facts),
            _ => json!({}),
        };
        let steps: Vec<_> = verdict.remediation.into_iter().take(MAX_STEPS).collect();
        evidence["remediation"] = json!(steps);
        let mut evidence = evidence.to_string();
        if evidence.len() > MAX_EVIDENCE {
            evidence = json!({ "left_out": "it was too large" }).to_string();
        }
        findings.push(NewFinding {
            fingerprint: Fingerprint::of(&[
                FindingKind::Misconfiguration.as_str(),
                &rule.id,
                "host",
                cluster,
                machine,
            ]),
            rule: rule.id.clone(),
            severity: rule.severity,
            asset: Vec::new(),
            summary: Some(clean(&verdict.summary, MAX_SUMMARY)),
            path: None,
            layer: None,
            container: None,
            evidence: Some(evidence),
            happened: None,
        });
    }
    let assessment = store::NewNodeAssessment {
        environment: environment.to_owned(),
        cluster: cluster.to_owned(),
        node: machine.to_owned(),
        profile: clean(&sent.profile, 50),
        verdicts,
        gaps: sent
            .gaps
            .iter()
            .take(MAX_GAPS)
            .map(|gap| clean(gap, MAX_SUMMARY))
            .collect(),
        // Policies about nodes' objects are not resolved by this.
        rules: node::checks()
            .iter()
            .filter_map(|check| policy::recommendation(&check.id))
            .map(rule)
            .collect(),
        findings,
    };
    (assessment, unknown)
}

/// A check, as findings carry it.
fn rule(rule: &Recommendation) -> NewRule {
    NewRule {
        kind: FindingKind::Misconfiguration,
        name: rule.id.clone(),
        severity: rule.severity,
        title: rule.title.clone(),
        tactics: tactics(&rule.techniques),
        techniques: rule.techniques.clone(),
        details: RuleDetails {
            description: rule.description.trim().to_owned(),
            why: rule.why.trim().to_owned(),
            remediation: rule
                .remediation
                .iter()
                .map(|step| RuleStep {
                    text: step.text.clone(),
                    code: step.code.clone(),
                    language: step.language.clone(),
                })
                .collect(),
            controls: rule.controls().to_vec(),
            references: rule.references.clone(),
            ..RuleDetails::default()
        },
    }
}
