//! SPDX 2.2 and 2.3 JSON, read package by package.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    MAX_COMPONENTS, SbomError,
    component::{Component, Document, Role},
};
use crate::extract::json::{self, Elements, Fields, Object, Text};

pub(super) fn read(bytes: &[u8]) -> Result<Document, SbomError> {
    let mut spdx = Spdx::default();
    json::read(bytes, &mut spdx).map_err(SbomError::ReadSpdx)?;
    if !matches!(spdx.version.as_str(), "SPDX-2.2" | "SPDX-2.3") {
        let shown = spdx.version.chars().take(20).collect();
        return Err(SbomError::SpdxVersion(shown));
    }
    let mut document = Document::default();
    for package in spdx.packages {
        let is_subject = match spdx.described.len() {
            1 => spdx.described.contains(&package.id),
            _ => package.component.role == Role::Container,
        };
        if is_subject && document.subject.is_none() {
            document.subject = Some(package.component);
        } else {
            document.components.push(package.component);
        }
    }
    Ok(document)
}

#[derive(Default)]
struct Spdx {
    version: String,
    /// What the document says it is about.
    described: BTreeSet<String>,
    packages: Vec<SpdxPackage>,
}

impl Fields for Spdx {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let described = &mut self.described;
        match key {
            "spdxVersion" => self.version = map.next_value::<Text>()?.0.unwrap_or_default(),
            "documentDescribes" => {
                map.next_value_seed(Elements::new(|id: Text| described.extend(id.0)))?;
            }
            "relationships" => {
                map.next_value_seed(Elements::new(|relationship: Relationship| {
                    if relationship.kind.0.as_deref() == Some("DESCRIBES") {
                        described.extend(relationship.related.0);
                    }
                }))?;
            }
            "packages" => map.next_value_seed(List(&mut self.packages))?,
            _ => map.next_value::<IgnoredAny>().map(drop)?,
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(default, rename = "relationshipType")]
    kind: Text,
    #[serde(default, rename = "relatedSpdxElement")]
    related: Text,
}

struct List<'d>(&'d mut Vec<SpdxPackage>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of packages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut package = SpdxPackage::default();
        while elements.next_element_seed(Object(&mut package))?.is_some() {
            if self.0.len() >= MAX_COMPONENTS {
                return Err(A::Error::custom(format!(
                    "more than {MAX_COMPONENTS} packages"
                )));
            }
            package.finish();
            self.0.push(std::mem::take(&mut package));
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[derive(Default)]
struct SpdxPackage {
    id: String,
    component: Component,
    declared: Option<String>,
    concluded: Option<String>,
    origin: Option<String>,
}

impl Fields for SpdxPackage {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let component = &mut self.component;
        let mut text = || Ok(map.next_value::<Text>()?.0.filter(|text| !text.is_empty()));
        match key {
            "SPDXID" => self.id = text()?.unwrap_or_default(),
            "name" => component.name = text()?.unwrap_or_default(),
            "versionInfo" => component.version = text()?,
            "description" => component.description = text()?,
            "primaryPackagePurpose" => component.role = role(&text()?.unwrap_or_default()),
            "licenseDeclared" => self.declared = text()?,
            "licenseConcluded" => self.concluded = text()?,
            "sourceInfo" => self.origin = text()?,
            "externalRefs" => {
                map.next_value_seed(Elements::new(|reference: ExternalReference| {
                    if reference.kind.0.as_deref() == Some("purl") && component.purl.is_none() {
                        component.purl = reference.locator.0;
                    }
                }))?;
            }
            "annotations" => {
                map.next_value_seed(Elements::new(|annotation: Annotation| {
                    component.facts.extend(annotation.fact());
                }))?;
            }
            _ => map.next_value::<IgnoredAny>().map(drop)?,
        }
        Ok(())
    }
}

fn role(purpose: &str) -> Role {
    match purpose {
        "OPERATING-SYSTEM" | "OPERATING_SYSTEM" => Role::OperatingSystem,
        "CONTAINER" => Role::Container,
        "FILE" | "DEVICE" | "FIRMWARE" => Role::Other,
        _ => Role::Package,
    }
}

impl SpdxPackage {
    /// Works out what several fields say together.
    fn finish(&mut self) {
        let component = &mut self.component;
        if let Some(origin) = self.origin.take() {
            // Trivy: `built package from: openssl 3.0.11-1`.
            if let Some((name, version)) = origin
                .strip_prefix("built package from: ")
                .and_then(|source| source.split_once(' '))
            {
                for (fact, value) in [("SrcName", name), ("SrcVersion", version)] {
                    let fact = format!("aquasecurity:trivy:{fact}");
                    component.facts.push((fact, value.to_owned()));
                }
            }
            // Syft: `acquired package info from DPKG DB: /var/…, /var/…`.
            if let Some((_, paths)) = origin.split_once(": /") {
                component.location = paths.split(", ").next().map(str::to_owned);
            }
        }
        let own: Vec<String> = component
            .facts("seawall:license")
            .map(str::to_owned)
            .collect();
        component.licenses = own;
        if component.licenses.is_empty() {
            component.licenses.extend(
                [self.declared.take(), self.concluded.take()]
                    .into_iter()
                    .flatten()
                    .find(|license| !matches!(license.as_str(), "NOASSERTION" | "NONE")),
            );
        }
    }
}

#[derive(Deserialize)]
struct ExternalReference {
    #[serde(default, rename = "referenceType")]
    kind: Text,
    #[serde(default, rename = "referenceLocator")]
    locator: Text,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    comment: Text,
}

impl Annotation {
    /// Ours: `seawall:path=usr/bin/tide`.
    fn fact(self) -> Option<(String, String)> {
        let comment = self.comment.0?;
        let (name, value) = comment.split_once('=')?;
        name.starts_with("seawall:")
            .then(|| (name.to_owned(), value.to_owned()))
    }
}
