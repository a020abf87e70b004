//! CycloneDX 1.6, with the components its vulnerabilities speak of.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Justification, Publisher, Statement, Status, id_of, newest};

pub(super) fn document(publisher: &Publisher, statements: &[Statement], now: Timestamp) -> Value {
    let mut products: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for product in statements.iter().flat_map(|one| &one.products) {
        let (_, packages) = products
            .entry(&product.purl)
            .or_insert((&product.name, BTreeSet::new()));
        packages.extend(product.packages.iter().map(String::as_str));
    }
    let components: Vec<Value> = products
        .into_iter()
        .map(|(purl, (name, packages))| {
            let parts: Vec<Value> = packages
                .into_iter()
                .map(|package| {
                    json!({
                        "type": "library",
                        "bom-ref": part(purl, package),
                        "name": name_of(package),
                        "purl": package,
                    })
                })
                .collect();
            json!({
                "type": "container",
                "bom-ref": purl,
                "name": name,
                "purl": purl,
                "components": parts,
            })
        })
        .collect();
    let vulnerabilities: Vec<Value> = statements.iter().map(vulnerability).collect();
    let id = id_of(&vulnerabilities);
    let serial = [
        id.get(..8),
        id.get(8..12),
        id.get(12..16),
        id.get(16..20),
        id.get(20..32),
    ]
    .map(Option::unwrap_or_default)
    .join("-");
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{serial}"),
        "version": 1,
        "metadata": {
            "timestamp": newest(statements, now).to_string(),
            "authors": [{ "name": publisher.name }],
        },
        "components": components,
        "vulnerabilities": vulnerabilities,
    })
}

/// A package in an image goes by both.
fn part(product: &str, package: &str) -> String {
    format!("{product}#{package}")
}

fn name_of(purl: &str) -> &str {
    let path = purl.split(['@', '?']).next().unwrap_or(purl);
    path.rsplit('/').next().unwrap_or(path)
}

fn vulnerability(statement: &Statement) -> Value {
    let affects: Vec<Value> = statement
        .products
        .iter()
        .flat_map(|product| {
            let parts = product.packages.iter();
            parts.map(|package| json!({ "ref": part(&product.purl, package) }))
        })
        .collect();
    let mut analysis = json!({
        "detail": statement.words(),
        "firstIssued": statement.time.to_string(),
        "lastUpdated": statement.time.to_string(),
    });
    match statement.status() {
        Status::NotAffected => {
            analysis["state"] = "not_affected".into();
            if let Some(justification) = statement.justification() {
                analysis["justification"] = match justification {
                    Justification::Mitigated => "protected_by_mitigating_control",
                    Justification::NotExecuted => "code_not_reachable",
                }
                .into();
            }
        }
        Status::Affected => {
            analysis["state"] = "exploitable".into();
            analysis["response"] = json!(["will_not_fix"]);
        }
    }
    json!({ "id": statement.vulnerability, "analysis": analysis, "affects": affects })
}
