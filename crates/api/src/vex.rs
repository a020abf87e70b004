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
}
