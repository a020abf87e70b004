//! CSAF 2.0, profile VEX.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Justification, Publisher, Statement, Status, id_of, newest};

pub(super) fn document(publisher: &Publisher, statements: &[Statement], now: Timestamp) -> Value {
    let ids = Products::of(statements);
    let vulnerabilities: Vec<Value> = statements
        .iter()
        .map(|statement| vulnerability(statement, &ids))
        .collect();
    let time = newest(statements, now).to_string();
    json!({
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "title": format!("What is said of vulnerabilities, by {}", publisher.name),
            "publisher": {
                "category": "user",
                "name": publisher.name,
                "namespace": publisher.address,
            },
            "tracking": {
                "id": format!("seawall-vex-{}", id_of(&vulnerabilities)),
                "status": "final",
                "version": "1",
                "initial_release_date": time,
                "current_release_date": time,
                "generator": { "engine": { "name": publisher.tool } },
                "revision_history": [{
                    "number": "1",
                    "date": time,
                    "summary": "what is said so far",
                }],
            },
        },
        "product_tree": ids.tree(),
        "vulnerabilities": vulnerabilities,
    })
}

/// Images and packages by the ids this document gives them.
struct Products<'s> {
    images: BTreeMap<&'s str, (String, &'s str)>,
    packages: BTreeMap<&'s str, String>,
    pairs: BTreeSet<(&'s str, &'s str)>,
}

impl<'s> Products<'s> {
    fn of(statements: &'s [Statement]) -> Self {
        let mut products = Self {
            images: BTreeMap::new(),
            packages: BTreeMap::new(),
            pairs: BTreeSet::new(),
        };
        for product in statements.iter().flat_map(|one| &one.products) {
            let next = format!("image-{}", products.images.len() + 1);
            products
                .images
                .entry(&product.purl)
                .or_insert((next, &product.name));
            for package in &product.packages {
                let next = format!("package-{}", products.packages.len() + 1);
                products.packages.entry(package).or_insert(next);
                products.pairs.insert((&product.purl, package));
            }
        }
        products
    }

    fn pair(&self, image: &str, package: &str) -> String {
        let image = self.images.get(image).map_or("", |(id, _)| id);
        let package = self.packages.get(package).map_or("", String::as_str);
        format!("{package}:{image}")
    }

    fn tree(&self) -> Value {
        let named = |name: &str, id: &str, purl: &str| {
            json!({
                "name": name,
                "product_id": id,
                "product_identification_helper": { "purl": purl },
            })
        };
        let images = self.images.iter();
        let images = images.map(|(purl, (id, name))| named(name, id, purl));
        let packages = self.packages.iter();
        let packages = packages.map(|(purl, id)| named(purl, id, purl));
        let all: Vec<Value> = images.chain(packages).collect();
        let relationships: Vec<Value> = self
            .pairs
            .iter()
            .map(|(image, package)| {
                json!({
                    "category": "default_component_of",
                    "product_reference": self.packages.get(package),
                    "relates_to_product_reference":
                        self.images.get(image).map(|(id, _)| id),
                    "full_product_name": {
                        "name": format!("{package} in {image}"),
                        "product_id": self.pair(image, package),
                    },
                })
            })
            .collect();
        json!({ "full_product_names": all, "relationships": relationships })
    }
}

fn vulnerability(statement: &Statement, ids: &Products<'_>) -> Value {
    let products: Vec<String> = statement
        .products
        .iter()
        .flat_map(|product| {
            let packages = product.packages.iter();
            packages.map(|package| ids.pair(&product.purl, package))
        })
        .collect();
    let mut said = json!({});
    if statement.vulnerability.starts_with("CVE-") {
        said["cve"] = statement.vulnerability.as_str().into();
    } else {
        said["ids"] = json!([{ "system_name": "OSV", "text": statement.vulnerability }]);
    }
    let details = statement.words();
    match statement.status() {
        Status::NotAffected => {
            said["product_status"] = json!({ "known_not_affected": products });
            if let Some(justification) = statement.justification() {
                let label = match justification {
                    Justification::Mitigated => "inline_mitigations_already_exist",
                    Justification::NotExecuted => "vulnerable_code_not_in_execute_path",
                };
                said["flags"] = json!([{ "label": label, "product_ids": products }]);
            }
            said["threats"] = json!([{
                "category": "impact",
                "details": details,
                "product_ids": products,
            }]);
        }
        Status::Affected => {
            said["product_status"] = json!({ "known_affected": products });
            said["remediations"] = json!([{
                "category": "no_fix_planned",
                "details": details,
                "product_ids": products,
            }]);
        }
    }
    said
}
