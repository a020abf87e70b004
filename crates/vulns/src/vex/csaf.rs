//! CSAF 2.0, the VEX profile and any advisory that states what is not
//! affected.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    Product, Statement, Status,
    product::Identity,
    read::{moment, said},
};

const MAX_DEPTH: usize = 64;

#[derive(Deserialize)]
struct Csaf {
    document: Document,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    tracking: Tracking,
}

#[derive(Default, Deserialize)]
struct Tracking {
    #[serde(default)]
    current_release_date: Option<String>,
}

#[derive(Default, Deserialize)]
struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<FullName>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(default)]
    product_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    branches: Vec<Self>,
    #[serde(default)]
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    product_identification_helper: Option<Helper>,
}

#[derive(Deserialize)]
struct Helper {
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    purls: Vec<String>,
    #[serde(default)]
    cpe: Option<String>,
    #[serde(default)]
    hashes: Vec<Hashes>,
}

#[derive(Deserialize)]
struct Hashes {
    #[serde(default)]
    file_hashes: Vec<FileHash>,
}

#[derive(Deserialize)]
struct FileHash {
    #[serde(default)]
    algorithm: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(default)]
    product_reference: String,
    #[serde(default)]
    relates_to_product_reference: String,
    full_product_name: FullName,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<Id>,
    #[serde(default)]
    product_status: HashMap<String, Vec<String>>,
    #[serde(default)]
    flags: Vec<Flag>,
    #[serde(default)]
    threats: Vec<Note>,
    #[serde(default)]
    remediations: Vec<Note>,
}

#[derive(Deserialize)]
struct Id {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Flag {
    #[serde(default)]
    label: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

/// A threat or a remediation: text about some products.
#[derive(Deserialize)]
struct Note {
    #[serde(default)]
    category: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Statement>, serde_json::Error> {
    let csaf: Csaf = serde_json::from_slice(bytes)?;
    let products = Products::of(csaf.product_tree);
    let timestamp = moment(csaf.document.tracking.current_release_date.as_deref());
    let mut statements = Vec::new();
    for vulnerability in &csaf.vulnerabilities {
        let names: Vec<String> = vulnerability
            .cve
            .iter()
            .chain(vulnerability.ids.iter().map(|id| &id.text))
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        for (status, ids) in &vulnerability.product_status {
            let status = match status.as_str() {
                "known_not_affected" => Status::NotAffected,
                "fixed" | "first_fixed" => Status::Fixed,
                "known_affected" | "first_affected" | "last_affected" => Status::Affected,
                "under_investigation" => Status::UnderInvestigation,
                _ => continue,
            };
            for id in ids {
                let Some(product) = products.of_id(id) else {
                    continue;
                };
                statements.push(Statement {
                    names: names.clone(),
                    products: vec![product],
                    status,
                    justification: vulnerability.justification(id, &products),
                    note: vulnerability.impact(id, status, &products),
                    timestamp,
                });
            }
        }
    }
    // A map has no order; a document read twice must say the same.
    statements.sort_by_cached_key(|statement| format!("{statement:?}"));
    Ok(statements)
}

impl Vulnerability {
    fn justification(&self, product: &str, products: &Products) -> Option<String> {
        let flag = self
            .flags
            .iter()
            .find(|flag| products.is_meant(product, &flag.product_ids, &flag.group_ids))?;
        said(Some(flag.label.clone()))
    }

    /// Why it does not matter, or what to do.
    fn impact(&self, product: &str, status: Status, products: &Products) -> Option<String> {
        let notes = match status {
            Status::NotAffected => &self.threats,
            _ => &self.remediations,
        };
        let note = notes.iter().find(|note| {
            (status != Status::NotAffected || note.category == "impact")
                && products.is_meant(product, &note.product_ids, &note.group_ids)
        })?;
        said(Some(note.details.clone()))
    }
}

/// The product tree, flat.
#[derive(Default)]
struct Products {
    identities: HashMap<String, Identity>,
    /// Product id to (part, whole).
    relations: HashMap<String, (String, String)>,
    groups: HashMap<String, Vec<String>>,
}

impl Products {
    fn of(tree: Tree) -> Self {
        let mut products = Self::default();
        products.climb(tree.branches, 0);
        for name in tree.full_product_names {
            products.learn(name);
        }
        for relationship in tree.relationships {
            products.relations.insert(
                relationship.full_product_name.product_id.clone(),
                (
                    relationship.product_reference,
                    relationship.relates_to_product_reference,
                ),
            );
            products.learn(relationship.full_product_name);
        }
        for group in tree.product_groups {
            products.groups.insert(group.group_id, group.product_ids);
        }
        products
    }

    fn climb(&mut self, branches: Vec<Branch>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for branch in branches {
            if let Some(name) = branch.product {
                self.learn(name);
            }
            self.climb(branch.branches, depth + 1);
        }
    }

    fn learn(&mut self, name: FullName) {
        let mut identity = Identity::default();
        if let Some(helper) = name.product_identification_helper {
            identity.purls = helper
                .purl
                .iter()
                .chain(&helper.purls)
                .filter_map(|purl| Some(purl.parse::<model::Purl>().ok()?.parts()))
                .collect();
            identity.hashes = helper
                .hashes
                .into_iter()
                .flat_map(|hashes| hashes.file_hashes)
                .filter(|hash| hash.algorithm.eq_ignore_ascii_case("sha256"))
                .map(|hash| hash.value.to_ascii_lowercase())
                .collect();
            identity.cpe = helper.cpe.filter(|_| identity.purls.is_empty());
        }
        if identity.is_empty() {
            identity.name = name.name;
        }
        self.identities.insert(name.product_id, identity);
    }

    /// The product an id means: alone, or as a part of another.
    fn of_id(&self, id: &str) -> Option<Product> {
        let Some((part, whole)) = self.relations.get(id) else {
            let identity = self.identities.get(id)?.clone();
            return Some(Product {
                identity,
                parts: Vec::new(),
            });
        };
        let own = self.identities.get(id);
        let part = own
            .filter(|identity| !identity.purls.is_empty())
            .or_else(|| self.identities.get(part))?;
        Some(Product {
            identity: self.identities.get(whole)?.clone(),
            parts: vec![part.clone()],
        })
    }

    /// Whether a product is among those listed; lists that are empty
    /// mean every product.
    fn is_meant(&self, id: &str, ids: &[String], groups: &[String]) -> bool {
        if ids.is_empty() && groups.is_empty() {
            return true;
        }
        ids.iter().any(|listed| listed == id)
            || groups
                .iter()
                .filter_map(|group| self.groups.get(group))
                .any(|members| members.iter().any(|member| member == id))
    }
}
