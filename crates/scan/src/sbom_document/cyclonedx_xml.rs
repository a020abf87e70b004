//! CycloneDX XML, 1.2 to 1.7: the same facts, as elements.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    MAX_COMPONENTS, SbomError,
    component::{Component, Document},
    cyclonedx::{check_version, role},
};

/// Deeper than any real nesting of components.
const MAX_DEPTH: usize = 128;

const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

pub(super) fn read(bytes: &[u8]) -> Result<Document, SbomError> {
    let mut reader = Reader::from_reader(bytes);
    let mut building = Building::default();
    loop {
        match reader.read_event().map_err(SbomError::ReadXml)? {
            Event::Start(element) => building.open(&element)?,
            Event::Empty(element) => {
                building.open(&element)?;
                building.close();
            }
            Event::End(_) => building.close(),
            Event::Text(text) => building.text.push_str(&text),
            Event::CData(text) => building.text.push_str(&text),
            Event::GeneralRef(reference) => building.text.push_str(&resolved(&reference)),
            Event::Eof => break,
            _ => {}
        }
    }
    if building.is_bom {
        Ok(building.document)
    } else {
        Err(SbomError::Recognise)
    }
}

/// The five entities XML defines, and numbered characters; no others
/// are resolved, so that none can grow.
fn resolved(reference: &str) -> String {
    if let Some(number) = reference.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        return code
            .and_then(char::from_u32)
            .map(String::from)
            .unwrap_or_default();
    }
    quick_xml::escape::resolve_predefined_entity(reference)
        .unwrap_or_default()
        .to_owned()
}

#[derive(Default)]
struct Building {
    document: Document,
    is_bom: bool,
    /// Names of the open elements.
    open: Vec<String>,
    /// The components that are open, the outermost first.
    components: Vec<Component>,
    /// Depth at which each of them was opened.
    depths: Vec<usize>,
    /// Name of the property that is open.
    property: Option<String>,
    text: String,
}

impl Building {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), SbomError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SbomError::NestedTooDeep);
        }
        let attribute = |name: &str| {
            let attribute = element.try_get_attribute(name).ok().flatten();
            attribute.map(|attribute| attribute.value.into_owned())
        };
        let qualified = element.name();
        let qualified: &str = qualified.as_ref();
        let (prefix, name) = qualified.split_once(':').unwrap_or(("", qualified));
        if self.open.is_empty() {
            let declaration = if prefix.is_empty() {
                "xmlns".to_owned()
            } else {
                format!("xmlns:{prefix}")
            };
            let namespace = attribute(&declaration).unwrap_or_default();
            let version = namespace.strip_prefix(NAMESPACE);
            let version = version
                .filter(|_| name == "bom")
                .ok_or(SbomError::Recognise)?;
            check_version(version)?;
            self.is_bom = true;
        }
        let parent = self.open.last().map(String::as_str);
        let is_component = name == "component"
            && (parent == Some("components") || parent == Some("metadata"))
            // Tools and services list components that are not part of
            // the subject.
            && !self.open.iter().any(|open| open == "tools" || open == "services");
        if is_component {
            self.depths.push(self.open.len());
            self.components.push(Component {
                role: role(&attribute("type").unwrap_or_default()),
                ..Component::default()
            });
        }
        if name == "property" {
            self.property = attribute("name");
        }
        self.open.push(name.to_owned());
        self.text.clear();
        if self.document.components.len() > MAX_COMPONENTS {
            return Err(SbomError::TooManyComponents(MAX_COMPONENTS));
        }
        Ok(())
    }

    fn close(&mut self) {
        let Some(name) = self.open.pop() else {
            return;
        };
        let depth = self.open.len();
        if self.depths.last() == Some(&depth) {
            self.depths.pop();
            if let Some(component) = self.components.pop() {
                if self.open.last().is_some_and(|parent| parent == "metadata") {
                    self.document.subject = Some(component);
                } else {
                    self.document.components.push(component);
                }
            }
        } else if let (Some(component), Some(component_depth)) =
            (self.components.last_mut(), self.depths.last())
        {
            let text = self.text.trim().to_owned();
            let is_child = depth == component_depth + 1;
            match (name.as_str(), self.open.last().map(String::as_str)) {
                _ if text.is_empty() => {}
                ("group", _) if is_child => component.group = Some(text),
                ("name", _) if is_child => component.name = text,
                ("version", _) if is_child => component.version = Some(text),
                ("description", _) if is_child => component.description = Some(text),
                ("purl", _) if is_child => component.purl = Some(text),
                ("id" | "name", Some("license")) | ("expression", Some("licenses")) => {
                    component.licenses.push(text);
                }
                ("location", Some("occurrence")) => {
                    component.location.get_or_insert(text);
                }
                ("property", Some("properties")) if depth == component_depth + 2 => {
                    if let Some(name) = self.property.take() {
                        component.facts.push((name, text));
                    }
                }
                _ => {}
            }
        }
        self.text.clear();
    }
}
