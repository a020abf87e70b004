//! OpenVEX, version 0.2.0, and the 0.0.1 still found in the wild, where
//! products and vulnerabilities are plain strings.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Product, Statement, Status,
    product::Identity,
    read::{moment, said},
};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
    #[serde(default)]
    statements: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    vulnerability: Vulnerability,
    #[serde(default)]
    products: Vec<Component>,
    /// Version 0.0.1 kept them beside the products.
    #[serde(default)]
    subcomponents: Vec<Component>,
    status: String,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    impact_statement: Option<String>,
    #[serde(default)]
    action_statement: Option<String>,
    #[serde(default)]
    status_notes: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    Id(String),
    Named {
        #[serde(default)]
        name: String,
        #[serde(default)]
        aliases: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Component {
    Id(String),
    Described {
        #[serde(rename = "@id", default)]
        id: Option<String>,
        #[serde(default)]
        identifiers: BTreeMap<String, String>,
        #[serde(default)]
        hashes: BTreeMap<String, String>,
        #[serde(default)]
        subcomponents: Vec<Self>,
    },
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Statement>, serde_json::Error> {
    let document: Document = serde_json::from_slice(bytes)?;
    let spoken = document.last_updated.or(document.timestamp);
    Ok(document
        .statements
        .into_iter()
        .filter_map(|written| statement(written, spoken.as_deref()))
        .collect())
}

/// A status we do not know says nothing.
fn statement(written: Written, spoken: Option<&str>) -> Option<Statement> {
    let status = match written.status.as_str() {
        "not_affected" => Status::NotAffected,
        "affected" => Status::Affected,
        "fixed" => Status::Fixed,
        "under_investigation" => Status::UnderInvestigation,
        _ => return None,
    };
    let mut names = match written.vulnerability {
        Vulnerability::Id(id) => vec![id],
        Vulnerability::Named { name, mut aliases } => {
            aliases.insert(0, name);
            aliases
        }
    };
    names.retain(|name| !name.is_empty());
    let shared: Vec<Identity> = written
        .subcomponents
        .into_iter()
        .map(|component| identity(component).0)
        .collect();
    let products = written
        .products
        .into_iter()
        .map(|component| {
            let (identity, mut parts) = identity(component);
            parts.extend(shared.iter().cloned());
            Product { identity, parts }
        })
        .filter(|product| !product.identity.is_empty())
        .collect();
    let timestamp = written.last_updated.or(written.timestamp);
    Some(Statement {
        names,
        products,
        status,
        justification: said(written.justification),
        note: said(written.impact_statement)
            .or_else(|| said(written.action_statement))
            .or_else(|| said(written.status_notes)),
        timestamp: moment(timestamp.as_deref().or(spoken)),
    })
}

fn identity(component: Component) -> (Identity, Vec<Identity>) {
    match component {
        Component::Id(text) => (Identity::of_text(&text), vec![]),
        Component::Described {
            id,
            identifiers,
            hashes,
            subcomponents,
        } => {
            let mut identity = id.as_deref().map(Identity::of_text).unwrap_or_default();
            for (kind, text) in identifiers {
                if kind == "purl"
                    && let Ok(purl) = text.parse::<model::Purl>()
                {
                    identity.purls.push(purl.parts());
                } else if kind.starts_with("cpe") {
                    identity.cpe = Some(text);
                }
            }
            let sha256 = ["sha-256", "sha256"]
                .iter()
                .find_map(|kind| hashes.get(*kind));
            identity.hashes = sha256
                .map(|hash| hash.to_ascii_lowercase())
                .into_iter()
                .collect();
            // A CPE beside a better name adds nothing we can check.
            if !identity.purls.is_empty() || !identity.hashes.is_empty() {
                identity.cpe = None;
            }
            let parts = subcomponents
                .into_iter()
                .map(|component| self::identity(component).0)
                .filter(|identity| !identity.is_empty())
                .collect();
            (identity, parts)
        }
    }
}
