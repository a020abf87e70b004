//! One made-up image, as `content/demo` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) created: jiff::Timestamp,
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) entrypoint: Vec<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    pub(super) layers: Vec<Layer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    pub(super) created_by: String,
    #[serde(default)]
    pub(super) files: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) debian: Vec<Debian>,
    #[serde(default)]
    pub(super) alpine: Vec<Alpine>,
    #[serde(default)]
    pub(super) npm: Vec<Module>,
    #[serde(default)]
    pub(super) python: Vec<Distribution>,
    #[serde(default)]
    pub(super) jars: Vec<Jar>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Debian {
    pub(super) package: String,
    pub(super) version: String,
    /// `name`, or `name version` where the source's differs.
    pub(super) source: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alpine {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) origin: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Distribution {
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jar {
    pub(super) path: String,
    pub(super) holds: Vec<Coordinates>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coordinates {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}
