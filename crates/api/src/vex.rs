//! VEX: what others and we say of vulnerabilities in products.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A document whose statements hold for what this server knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VexDocument {
    pub id: String,
    /// Only in this environment; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    pub name: String,
    pub statements: u64,
    pub added: Timestamp,
    pub added_by: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct VexQuery {
    pub environment: Option<String>,
}

/// Which statements of a document.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct VexStatementQuery {
    /// Those that have this text in what they are about or say.
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// What is said of a vulnerability in products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

/// One statement of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VexStatement {
    /// As the document names it.
    pub vulnerability: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    pub status: VexStatus,
    /// Why it is not affected, by the word of its form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Its own words: why, or what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The first hundred.
    pub products: Vec<VexProduct>,
    /// How many there are.
    pub products_total: u64,
}

/// What a statement is about: an image or a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VexProduct {
    /// A package URL without its escapes, a digest, or another name.
    pub name: String,
    /// The first hundred parts of it that are meant; all of it when
    /// there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct NewVexQuery {
    /// What people know it by: a file or an address. A document of the
    /// same name is replaced.
    pub name: String,
    /// Only in this environment; everywhere when absent.
    pub environment: Option<String>,
}

/// How our own statements are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VexFormat {
    #[default]
    Openvex,
    Cyclonedx,
    Csaf,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct VexExportQuery {
    pub format: Option<VexFormat>,
    pub environment: Option<String>,
    /// Only about this image, by id.
    pub image: Option<String>,
    /// Vulnerabilities of packages that sensors watched without a break
    /// for this many days and never saw in use are told as not affected
    /// too, 1 to 3650. Absent: only what somebody decided.
    pub in_use_days: Option<u32>,
}

/// An address VEX documents are fetched from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VexSource {
    pub id: String,
    /// Only in this environment; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    pub name: String,
    pub address: String,
    pub allow_private: bool,
    /// Hours between two looks.
    pub every_hours: u32,
    pub created: Timestamp,
    pub created_by: String,
    pub documents: u64,
    pub statements: u64,
    /// Files there that are no VEX documents.
    pub left_out: u64,
    /// When it was last asked, when that went well, and when something
    /// there changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    /// Why the last look failed; what was there before holds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub next: Timestamp,
}

/// An address to fetch VEX documents from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVexSource {
    #[schema(max_length = 100)]
    pub name: String,
    /// `https://…`: an OpenVEX, CSAF or CycloneDX document, a VEX
    /// repository's `vex-repository.json`, its archive (`.tar.gz`) or its
    /// `index.json`.
    #[schema(max_length = 2000)]
    pub address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// It is on a private network, or on this machine.
    #[serde(default)]
    pub allow_private: bool,
    /// Hours between two looks, 1 to 720; a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_hours: Option<u32>,
}
