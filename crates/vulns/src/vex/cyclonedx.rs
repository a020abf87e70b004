//! CycloneDX VEX: the `vulnerabilities` of a bill of materials, versions
//! 1.4 to 1.6, with or without the components they speak of.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    Product, Statement, Status,
    product::Identity,
    read::{moment, said},
};

const MAX_DEPTH: usize = 64;

#[derive(Deserialize)]
struct Bom {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref", default)]
    reference: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
    #[serde(default)]
    components: Vec<Self>,
}

#[derive(Deserialize)]
struct Hash {
    #[serde(default)]
    alg: String,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
    #[serde(default)]
    updated: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(rename = "lastUpdated", default)]
    updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref", default)]
    reference: String,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Statement>, serde_json::Error> {
    let bom: Bom = serde_json::from_slice(bytes)?;
    let mut known = HashMap::new();
    let (mut spoken, mut root) = (None, None);
    if let Some(metadata) = bom.metadata {
        spoken = metadata.timestamp;
        root = metadata.component;
    }
    learn(root.into_iter().collect(), 0, &mut known);
    learn(bom.components, 0, &mut known);
    Ok(bom
        .vulnerabilities
        .into_iter()
        .filter_map(|vulnerability| statement(vulnerability, &known, spoken.as_deref()))
        .collect())
}

fn learn(components: Vec<Component>, depth: usize, known: &mut HashMap<String, Identity>) {
    if depth > MAX_DEPTH {
        return;
    }
    for component in components {
        let mut identity = match &component.purl {
            Some(purl) => Identity::of_text(purl),
            None => Identity {
                name: component.name,
                ..Identity::default()
            },
        };
        identity.hashes = component
            .hashes
            .into_iter()
            .filter(|hash| hash.alg == "SHA-256")
            .map(|hash| hash.content.to_ascii_lowercase())
            .collect();
        if let Some(reference) = component.reference {
            known.insert(reference, identity);
        }
        learn(component.components, depth + 1, known);
    }
}

fn statement(
    vulnerability: Vulnerability,
    known: &HashMap<String, Identity>,
    spoken: Option<&str>,
) -> Option<Statement> {
    let analysis = vulnerability.analysis?;
    let status = match analysis.state.as_deref()? {
        "not_affected" | "false_positive" => Status::NotAffected,
        "resolved" | "resolved_with_pedigree" => Status::Fixed,
        "exploitable" => Status::Affected,
        "in_triage" => Status::UnderInvestigation,
        _ => return None,
    };
    let references = vulnerability.references.into_iter();
    let names = vulnerability
        .id
        .into_iter()
        .chain(references.filter_map(|reference| reference.id))
        .collect();
    let products = vulnerability
        .affects
        .iter()
        .filter_map(|affects| find(&affects.reference, known))
        .map(|identity| Product {
            identity,
            parts: Vec::new(),
        })
        .collect();
    let timestamp = analysis.updated.or(vulnerability.updated);
    Some(Statement {
        names,
        products,
        status,
        justification: said(analysis.justification),
        note: said(analysis.detail),
        timestamp: moment(timestamp.as_deref().or(spoken)),
    })
}

/// A reference is a component's, a link into another document
/// (`urn:cdx:<serial>/<version>#<reference>`) or a package URL.
fn find(reference: &str, known: &HashMap<String, Identity>) -> Option<Identity> {
    if let Some(identity) = known.get(reference) {
        return Some(identity.clone());
    }
    let fragment = match reference.strip_prefix("urn:cdx:") {
        Some(link) => link.split_once('#')?.1,
        None => reference,
    };
    if let Some(identity) = known.get(fragment) {
        return Some(identity.clone());
    }
    let purl = fragment.parse::<model::Purl>();
    let purl = purl.or_else(|_| percent_decode(fragment).parse());
    purl.ok().map(|purl| Identity::of_purl(&purl))
}

/// Bom-links encode the reference they carry.
fn percent_decode(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
