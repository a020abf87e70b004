//! NuGet's older list of packages, `packages.config`.
//!
//! What: the packages a .NET Framework project names.
//!
//! Limits: those marked as development dependencies are left out. Where
//! a published program lists the package it speaks instead
//! (`lock_files`).
//!
//! References: NuGet documentation, "packages.config reference".

use model::PackageKind;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, json, listing::Listing};

pub(crate) struct PackagesConfig;

impl Extractor for PackagesConfig {
    fn name(&self) -> &'static str {
        "packages-config"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let is_list = file.name().eq_ignore_ascii_case("packages.config");
        (is_list && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let mut reader = Reader::from_reader(json::without_mark(file.bytes()));
        let mut listing = Listing::default();
        loop {
            match reader.read_event() {
                Ok(Event::Start(element) | Event::Empty(element))
                    if element.name().as_ref() == "package" =>
                {
                    listing.add_all(package(&element));
                }
                Ok(Event::Eof) => break,
                Ok(_) => {}
                Err(error) => {
                    out.warn(format!("packages.config is damaged: {error}"));
                    break;
                }
            }
        }
        listing.finish(out);
    }
}

fn package(element: &BytesStart<'_>) -> Option<Found> {
    let attribute = |name: &str| {
        let attribute = element.try_get_attribute(name).ok().flatten()?;
        Some(attribute.value.into_owned())
    };
    if attribute("developmentDependency").as_deref() == Some("true") {
        return None;
    }
    Some(Found::new(
        PackageKind::Nuget,
        attribute("id")?,
        attribute("version")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn packages_for_production_are_read() {
        check::check(
            &PackagesConfig,
            "src/packages.config",
            "packages_config.xml",
        );
    }

    #[test]
    fn other_configuration_is_not_wanted() {
        for path in ["src/web.config", "src/packages.config.old"] {
            assert!(!check::wants(&PackagesConfig, path), "{path}");
        }
    }

    #[test]
    fn damage_keeps_what_came_before() {
        let text = br#"<packages><package id="A" version="1.0"/></wrong>"#;
        let out = check::extract(&PackagesConfig, "packages.config", text);
        assert_eq!(out.packages.len(), 1);
        assert_eq!(out.warnings.len(), 1);
    }
}
