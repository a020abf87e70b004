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
