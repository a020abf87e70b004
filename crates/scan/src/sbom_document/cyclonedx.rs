//! CycloneDX JSON, 1.2 to 1.7 (ECMA-424).

use serde::Deserialize;

use super::{
    MAX_COMPONENTS, SbomError,
    component::{Component, Document, Role},
};

pub(super) fn read(bytes: &[u8]) -> Result<Document, SbomError> {
    let bom: Bom = serde_json::from_slice(bytes).map_err(SbomError::ReadCyclonedx)?;
    check_version(bom.spec_version.as_deref().unwrap_or_default())?;
    let mut document = Document::default();
    let mut waiting: Vec<BomComponent> = Vec::new();
    if let Some(mut subject) = bom.metadata.and_then(|metadata| metadata.component) {
        // Some tools list the contents inside the subject.
        waiting.extend(subject.components.take().unwrap_or_default());
        document.subject = Some(subject.into());
    }
    waiting.extend(bom.components.unwrap_or_default());
    while let Some(mut component) = waiting.pop() {
        if document.components.len() > MAX_COMPONENTS {
            return Err(SbomError::TooManyComponents(MAX_COMPONENTS));
        }
        waiting.extend(component.components.take().unwrap_or_default());
        document.components.push(component.into());
    }
    // Popping turned the order around.
    document.components.reverse();
    Ok(document)
}

/// Every version since the first with JSON, up to the newest known.
pub(super) fn check_version(version: &str) -> Result<(), SbomError> {
    if matches!(version, "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
        Ok(())
    } else {
        let shown = version.chars().take(20).collect();
        Err(SbomError::CyclonedxVersion(shown))
    }
}

/// What a component's `type` makes of it.
pub(super) fn role(kind: &str) -> Role {
    match kind {
        "" | "library" | "framework" | "application" | "platform" => Role::Package,
        "operating-system" => Role::OperatingSystem,
        "container" => Role::Container,
        _ => Role::Other,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    spec_version: Option<String>,
    metadata: Option<Metadata>,
    components: Option<Vec<BomComponent>>,
}

#[derive(Deserialize)]
struct Metadata {
    component: Option<BomComponent>,
}

#[derive(Deserialize)]
struct BomComponent {
    r#type: Option<String>,
    group: Option<String>,
    name: Option<String>,
    version: Option<String>,
    description: Option<String>,
    purl: Option<String>,
    licenses: Option<Vec<LicenseChoice>>,
    properties: Option<Vec<Property>>,
    evidence: Option<Evidence>,
    components: Option<Vec<Self>>,
}

#[derive(Deserialize)]
struct LicenseChoice {
    license: Option<License>,
    expression: Option<String>,
}

#[derive(Deserialize)]
struct License {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Property {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Evidence {
    occurrences: Option<Vec<Occurrence>>,
}

#[derive(Deserialize)]
struct Occurrence {
    location: Option<String>,
}

impl From<BomComponent> for Component {
    fn from(component: BomComponent) -> Self {
        let licenses = component.licenses.into_iter().flatten();
        let properties = component.properties.into_iter().flatten();
        let occurrences = component
            .evidence
            .and_then(|evidence| evidence.occurrences)
            .into_iter()
            .flatten();
        Self {
            role: role(component.r#type.as_deref().unwrap_or_default()),
            group: component.group.filter(|group| !group.is_empty()),
            name: component.name.unwrap_or_default(),
            version: component.version.filter(|version| !version.is_empty()),
            description: component.description,
            purl: component.purl,
            licenses: licenses
                .filter_map(|choice| {
                    let license = choice
                        .license
                        .and_then(|license| license.id.or(license.name));
                    choice.expression.or(license)
                })
                .collect(),
            locations: occurrences
                .filter_map(|occurrence| occurrence.location)
                .collect(),
            facts: properties
                .filter_map(|property| Some((property.name?, property.value?)))
                .collect(),
        }
    }
}
