//! SPDX 2.2 and 2.3 JSON.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    SbomError,
    component::{Component, Document, Role},
};

pub(super) fn read(bytes: &[u8]) -> Result<Document, SbomError> {
    let spdx: Spdx = serde_json::from_slice(bytes).map_err(SbomError::ReadSpdx)?;
    if !matches!(spdx.version.as_str(), "SPDX-2.2" | "SPDX-2.3") {
        let shown = spdx.version.chars().take(20).collect();
        return Err(SbomError::SpdxVersion(shown));
    }
    let described = spdx.described();
    let mut document = Document::default();
    for package in spdx.packages.into_iter().flatten() {
        let is_subject = match described.len() {
            1 => package
                .spdx_id
                .as_deref()
                .is_some_and(|id| described.contains(id)),
            _ => package.primary_package_purpose.as_deref() == Some("CONTAINER"),
        };
        if is_subject && document.subject.is_none() {
            document.subject = Some(package.into());
        } else {
            document.components.push(package.into());
        }
    }
    Ok(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spdx {
    #[serde(rename = "spdxVersion")]
    version: String,
    document_describes: Option<Vec<String>>,
    packages: Option<Vec<SpdxPackage>>,
    relationships: Option<Vec<Relationship>>,
}

impl Spdx {
    /// What the document says it is about.
    fn described(&self) -> BTreeSet<String> {
        let relationships = self.relationships.iter().flatten();
        let related = relationships.filter_map(|relationship| {
            (relationship.relationship_type.as_deref() == Some("DESCRIBES"))
                .then(|| relationship.related_spdx_element.clone())
                .flatten()
        });
        let listed = self.document_describes.iter().flatten().cloned();
        related.chain(listed).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    relationship_type: Option<String>,
    related_spdx_element: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    #[serde(rename = "SPDXID")]
    spdx_id: Option<String>,
    name: Option<String>,
    version_info: Option<String>,
    description: Option<String>,
    primary_package_purpose: Option<String>,
    license_declared: Option<String>,
    license_concluded: Option<String>,
    source_info: Option<String>,
    external_refs: Option<Vec<ExternalReference>>,
    annotations: Option<Vec<Annotation>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalReference {
    reference_type: Option<String>,
    reference_locator: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    comment: Option<String>,
}

impl From<SpdxPackage> for Component {
    fn from(package: SpdxPackage) -> Self {
        let mut facts: Vec<(String, String)> = package
            .annotations
            .into_iter()
            .flatten()
            .filter_map(|annotation| annotation.comment)
            .filter_map(|comment| {
                let (name, value) = comment.split_once('=')?;
                name.starts_with("seawall:")
                    .then(|| (name.to_owned(), value.to_owned()))
            })
            .collect();
        let mut locations = Vec::new();
        if let Some(origin) = &package.source_info {
            // Trivy: `built package from: openssl 3.0.11-1`.
            if let Some((name, version)) = origin
                .strip_prefix("built package from: ")
                .and_then(|source| source.split_once(' '))
            {
                for (fact, value) in [("SrcName", name), ("SrcVersion", version)] {
                    facts.push((format!("aquasecurity:trivy:{fact}"), value.to_owned()));
                }
            }
            // Syft: `acquired package info from DPKG DB: /var/…, /var/…`.
            if let Some((_, paths)) = origin.split_once(": /") {
                locations.extend(paths.split(", ").next().map(str::to_owned));
            }
        }
        let mut licenses: Vec<String> = facts
            .iter()
            .filter(|(name, _)| name == "seawall:license")
            .map(|(_, value)| value.clone())
            .collect();
        if licenses.is_empty() {
            licenses.extend(
                [package.license_declared, package.license_concluded]
                    .into_iter()
                    .flatten()
                    .find(|license| !matches!(license.as_str(), "" | "NOASSERTION" | "NONE")),
            );
        }
        Self {
            role: match package.primary_package_purpose.as_deref() {
                Some("OPERATING-SYSTEM" | "OPERATING_SYSTEM") => Role::OperatingSystem,
                Some("CONTAINER") => Role::Container,
                Some("FILE" | "DEVICE" | "FIRMWARE") => Role::Other,
                _ => Role::Package,
            },
            group: None,
            name: package.name.unwrap_or_default(),
            version: package.version_info.filter(|version| !version.is_empty()),
            description: package.description,
            purl: package
                .external_refs
                .into_iter()
                .flatten()
                .find(|reference| reference.reference_type.as_deref() == Some("purl"))
                .and_then(|reference| reference.reference_locator),
            licenses,
            locations,
            facts,
        }
    }
}
