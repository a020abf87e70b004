//! Who did what to what: an incident's alerts as nodes and edges.

use std::collections::BTreeMap;

use api::incident::{GraphEdge, GraphNode, GraphNodeKind, IncidentGraph};
use model::{AlertContext, AssetKind, Principal, Severity};
use store::{Finding, IncidentAlert};

/// The most nodes that are shown.
const NODES: usize = 60;
/// The most words on one edge.
const WORDS: usize = 4;

#[derive(Default)]
struct Edge {
    alerts: u64,
    severity: Severity,
    words: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Graph {
    nodes: BTreeMap<String, GraphNode>,
    edges: BTreeMap<(String, String), Edge>,
    more: u64,
}

/// The graph of an incident's alerts, in the order they happened.
pub(super) fn of(timeline: &[IncidentAlert]) -> IncidentGraph {
    let mut graph = Graph::default();
    for alert in timeline {
        graph.add(&alert.finding);
    }
    let mut edges: Vec<GraphEdge> = graph
        .edges
        .into_iter()
        .map(|((from, to), edge)| {
            let mut words: Vec<_> = edge.words.into_iter().collect();
            words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let words = words.into_iter().take(WORDS).map(|(word, _)| word);
            GraphEdge {
                from,
                to,
                label: words.collect::<Vec<_>>().join(", "),
                alerts: edge.alerts,
                severity: edge.severity.into(),
            }
        })
        .collect();
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.alerts));
    IncidentGraph {
        nodes: graph.nodes.into_values().collect(),
        edges,
        more: graph.more,
    }
}

impl Graph {
    fn add(&mut self, finding: &Finding) {
        let nothing = AlertContext::default();
        let context = finding.context.as_deref().unwrap_or(&nothing);
        let severity = finding.severity;
        let object = self.object(finding, context);
        let mut before = context.whence.addresses.first().and_then(|address| {
            let q = field("source_ip", address);
            self.node(GraphNodeKind::Address, address, address, q, severity)
        });
        if let Some(principal) = &context.principal {
            for (step, principal) in principal.all().enumerate() {
                let Some(node) = self.principal(principal, finding) else {
                    continue;
                };
                if let Some(before) = before {
                    let word = if step == 0 { "came as" } else { "acted as" };
                    self.edge(before, node.clone(), word, severity);
                }
                before = Some(node);
            }
        }
        let (Some(before), Some(object)) = (before, object) else {
            return;
        };
        let word = context
            .action
            .as_ref()
            .map_or(finding.title.as_str(), |action| action.verb.as_str());
        self.edge(before, object, word, severity);
    }

    fn principal(&mut self, principal: &Principal, finding: &Finding) -> Option<String> {
        let kind = GraphNodeKind::Principal;
        let q = field("user", &principal.name);
        // The root of one container is not the root of another.
        let name = if principal.is_identity() {
            principal.name.clone()
        } else {
            format!("{} on {}", principal.name, finding.asset.name)
        };
        self.node(kind, &name, &principal.shown(), q, finding.severity)
    }

    /// What it was done to: the workload where there is one, else what
    /// was asked for, else the asset.
    fn object(&mut self, finding: &Finding, context: &AlertContext) -> Option<String> {
        let asset = &finding.asset;
        let severity = finding.severity;
        if let (Some(namespace), Some(workload)) = (&asset.namespace, &asset.workload) {
            let name = format!("{namespace}/{workload}");
            let q = format!(
                "{} {}",
                field("namespace", namespace),
                field("workload", workload)
            );
            return self.node(GraphNodeKind::Workload, &name, &name, q, severity);
        }
        if let Some(action) = context
            .action
            .as_ref()
            .filter(|one| !one.resource.is_empty())
        {
            let name = action.object();
            let q = field("resource", &action.resource);
            return self.node(GraphNodeKind::Object, &name, &name, q, severity);
        }
        let kind = match asset.kind {
            AssetKind::Host => GraphNodeKind::Host,
            AssetKind::Container | AssetKind::Pod => GraphNodeKind::Workload,
            _ => GraphNodeKind::Object,
        };
        let q = field("asset", &asset.id);
        self.node(kind, &asset.id, &asset.name, q, severity)
    }

    /// Its id; `None` where there is no room for it.
    fn node(
        &mut self,
        kind: GraphNodeKind,
        name: &str,
        label: &str,
        q: String,
        severity: Severity,
    ) -> Option<String> {
        let id = format!("{kind:?}:{name}").to_lowercase();
        if !self.nodes.contains_key(&id) && self.nodes.len() == NODES {
            self.more += 1;
            return None;
        }
        let node = self.nodes.entry(id.clone()).or_insert_with(|| GraphNode {
            id: id.clone(),
            kind,
            label: label.to_owned(),
            q,
            severity: severity.into(),
        });
        node.severity = node.severity.max(severity.into());
        Some(id)
    }

    fn edge(&mut self, from: String, to: String, word: &str, severity: Severity) {
        let edge = self.edges.entry((from, to)).or_default();
        edge.alerts += 1;
        edge.severity = edge.severity.max(severity);
        *edge.words.entry(word.to_owned()).or_default() += 1;
    }
}

/// A term of the query grammar.
fn field(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}:\"{value}\"")
}
