//! What publishers and teams say of findings: VEX, in its three forms.
//!
//! OpenVEX, CSAF 2.0 and CycloneDX are read into one [`Document`]; what
//! a statement is about is decided here alone. A statement speaks of a
//! vulnerability in products, and a product is an image, a package, or
//! a package inside one of those.

mod csaf;
mod cyclonedx;
pub mod hub;
mod openvex;
mod product;
mod read;

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use model::{Package, VulnerabilityId};

use crate::{Database, assess};

pub use read::{VexError, parse, read};

pub(crate) use product::{Product, Scene, purl_matches};

/// One VEX document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The file or address it was read from, as shown to people.
    pub source: String,
    pub(crate) statements: Vec<Statement>,
}

impl Document {
    /// How many statements it makes.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// What it says, for people.
    pub fn statements(&self) -> impl Iterator<Item = Said<'_>> {
        self.statements.iter().map(|statement| Said { statement })
    }

    /// The vulnerabilities it speaks of, as a database names them.
    pub fn vulnerabilities(&self, db: &Database) -> BTreeSet<VulnerabilityId> {
        let names = self.statements.iter().flat_map(|one| &one.names);
        names.map(|name| assess::canonical(db, name)).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The vulnerability's id and aliases.
    pub(crate) names: Vec<String>,
    pub(crate) products: Vec<Product>,
    pub(crate) status: Status,
    pub(crate) justification: Option<String>,
    /// Its own words: why, or what to do.
    pub(crate) note: Option<String>,
    /// A later statement replaces an earlier one.
    pub(crate) timestamp: Option<Timestamp>,
}

/// One statement, as it may be shown.
#[derive(Clone, Copy, Debug)]
pub struct Said<'d> {
    statement: &'d Statement,
}

impl<'d> Said<'d> {
    /// The vulnerability's id, then its aliases.
    pub fn names(&self) -> &'d [String] {
        &self.statement.names
    }

    /// `not_affected`, `affected`, `fixed`, `under_investigation`.
    pub fn status(&self) -> &'static str {
        self.statement.status.as_str()
    }

    pub fn justification(&self) -> Option<&'d str> {
        self.statement.justification.as_deref()
    }

    /// Its own words: why, or what to do.
    pub fn note(&self) -> Option<&'d str> {
        self.statement.note.as_deref()
    }

    pub fn time(&self) -> Option<Timestamp> {
        self.statement.timestamp
    }

    /// How many products it is about.
    pub fn products_count(&self) -> usize {
        self.statement.products.len()
    }

    /// What it is about: each product, and the parts of it that are
    /// meant; all of it when none.
    pub fn products(&self) -> impl Iterator<Item = (String, Vec<String>)> + use<'d> {
        self.statement.products.iter().map(|product| {
            let parts = product.parts.iter().map(ToString::to_string);
            (product.identity.to_string(), parts.collect())
        })
    }

    /// Whether what it is about or says has `text` (lower-case) in it.
    pub fn mentions(&self, text: &str) -> bool {
        let has = |told: &str| told.to_lowercase().contains(text);
        self.names().iter().any(|name| has(name))
            || [self.justification(), self.note()]
                .into_iter()
                .flatten()
                .any(has)
            || self
                .products()
                .any(|(product, parts)| has(&product) || parts.iter().any(|part| has(part)))
    }
}

/// All statements, by the vulnerability they are about.
#[derive(Debug)]
pub(crate) struct Spoken<'d> {
    by_vulnerability: HashMap<VulnerabilityId, Vec<(&'d Document, &'d Statement)>>,
}

impl<'d> Spoken<'d> {
    pub(crate) fn of(
        documents: &'d [Document],
        canonical: impl Fn(&str) -> VulnerabilityId,
    ) -> Self {
        let mut by_vulnerability: HashMap<_, Vec<_>> = HashMap::new();
        for document in documents {
            for statement in &document.statements {
                let mut ids: Vec<VulnerabilityId> =
                    statement.names.iter().map(|name| canonical(name)).collect();
                ids.sort_unstable();
                ids.dedup();
                for id in ids {
                    let said = by_vulnerability.entry(id).or_default();
                    said.push((document, statement));
                }
            }
        }
        Self { by_vulnerability }
    }

    /// The latest statement about a vulnerability in a package; of two
    /// equally late the one given last.
    pub(crate) fn about(
        &self,
        vulnerability: &VulnerabilityId,
        package: &Package,
        scene: &Scene<'_>,
    ) -> Option<(&'d Document, &'d Statement)> {
        self.by_vulnerability
            .get(vulnerability)?
            .iter()
            .filter(|(_, statement)| {
                let mut products = statement.products.iter();
                products.any(|product| product.is(package, scene))
            })
            .max_by_key(|(_, statement)| statement.timestamp)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_with_all_it_is_about() {
        let text = br#"{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [
            {"vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]},
             "products": [
                {"@id": "pkg:oci/shop@sha256%3Aab?repository_url=registry.example/shop",
                 "subcomponents": [{"@id": "pkg:npm/%40scope/left@1.0.0"}]},
                {"hashes": {"sha-256": "CD"}}, "registry.example/app:1"],
             "status": "not_affected", "justification": "component_not_present",
             "impact_statement": "Never called", "timestamp": "2026-01-01T00:00:00Z"}]}"#;
        let document = parse("vendor", text).unwrap();
        let said: Vec<Said<'_>> = document.statements().collect();
        let [said] = said[..] else {
            panic!("{document:?}")
        };
        assert_eq!(said.names(), ["CVE-1", "GHSA-1"]);
        assert_eq!(
            (said.status(), said.justification(), said.note()),
            (
                "not_affected",
                Some("component_not_present"),
                Some("Never called")
            )
        );
        assert_eq!(said.time().unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(said.products_count(), 3);
        let products: Vec<(String, Vec<String>)> = said.products().collect();
        let plain = |text: &str| (text.to_owned(), Vec::new());
        assert_eq!(
            products,
            [
                (
                    "pkg:oci/shop@sha256:ab?repository_url=registry.example/shop".to_owned(),
                    vec!["pkg:npm/@scope/left@1.0.0".to_owned()]
                ),
                plain("sha256:cd"),
                plain("registry.example/app:1"),
            ]
        );
        for text in ["ghsa-1", "never", "@scope/left", "app:1", "component_not"] {
            assert!(said.mentions(text), "{text}");
        }
        assert!(!said.mentions("right"));
    }
}
