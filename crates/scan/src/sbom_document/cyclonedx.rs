//! CycloneDX JSON, 1.2 to 1.7 (ECMA-424), read component by component.

use std::fmt;

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
    let mut bom = Bom::default();
    json::read(bytes, &mut bom).map_err(SbomError::ReadCyclonedx)?;
    check_version(bom.version.as_deref().unwrap_or_default())?;
    Ok(bom.document)
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

#[derive(Default)]
struct Bom {
    version: Option<String>,
    document: Document,
}

impl Fields for Bom {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "specVersion" => self.version = map.next_value::<Text>()?.0,
            "metadata" => map.next_value_seed(Object(&mut Metadata(&mut self.document)))?,
            "components" => map.next_value_seed(List(&mut self.document.components))?,
            _ => map.next_value::<IgnoredAny>().map(drop)?,
        }
        Ok(())
    }
}

struct Metadata<'d>(&'d mut Document);

impl Fields for Metadata<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "component" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let mut subject = Building::new(&mut self.0.components);
        // Some tools list the contents inside the subject.
        map.next_value_seed(Object(&mut subject))?;
        self.0.subject = Some(subject.component);
        Ok(())
    }
}

/// A list of components, each added to the others when it is read.
struct List<'d>(&'d mut Vec<Component>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of components")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        loop {
            let mut building = Building::new(&mut *self.0);
            if elements.next_element_seed(Object(&mut building))?.is_none() {
                return Ok(());
            }
            let component = building.component;
            if self.0.len() >= MAX_COMPONENTS {
                return Err(A::Error::custom(format!(
                    "more than {MAX_COMPONENTS} components"
                )));
            }
            self.0.push(component);
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Building<'d> {
    component: Component,
    /// Where the components inside this one go.
    others: &'d mut Vec<Component>,
}

impl<'d> Building<'d> {
    fn new(others: &'d mut Vec<Component>) -> Self {
        Self {
            component: Component::default(),
            others,
        }
    }
}

impl Fields for Building<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let component = &mut self.component;
        let mut text = || Ok(map.next_value::<Text>()?.0.filter(|text| !text.is_empty()));
        match key {
            "type" => component.role = role(&text()?.unwrap_or_default()),
            "group" => component.group = text()?,
            "name" => component.name = text()?.unwrap_or_default(),
            "version" => component.version = text()?,
            "description" => component.description = text()?,
            "purl" => component.purl = text()?,
            "licenses" => {
                map.next_value_seed(Elements::new(|choice: LicenseChoice| {
                    component.licenses.extend(choice.text());
                }))?;
            }
            "properties" => {
                map.next_value_seed(Elements::new(|property: Property| {
                    if let (Some(name), Some(value)) = (property.name.0, property.value.0) {
                        component.facts.push((name, value));
                    }
                }))?;
            }
            "evidence" => map.next_value_seed(Object(&mut Evidence(component)))?,
            "components" => map.next_value_seed(List(self.others))?,
            _ => map.next_value::<IgnoredAny>().map(drop)?,
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct LicenseChoice {
    license: Option<License>,
    #[serde(default)]
    expression: Text,
}

#[derive(Deserialize)]
struct License {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    name: Text,
}

impl LicenseChoice {
    fn text(self) -> Option<String> {
        let license = self
            .license
            .and_then(|license| license.id.0.or(license.name.0));
        self.expression.0.or(license)
    }
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    value: Text,
}

struct Evidence<'c>(&'c mut Component);

impl Fields for Evidence<'_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "occurrences" {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let location = &mut self.0.location;
        map.next_value_seed(Elements::new(|occurrence: Occurrence| {
            if location.is_none() {
                *location = occurrence.location.0;
            }
        }))
    }
}

#[derive(Deserialize)]
struct Occurrence {
    #[serde(default)]
    location: Text,
}
