//! Installed Ruby gems: `specifications/*.gemspec`.
//!
//! What: the specification RubyGems writes when it installs a gem, and
//! those of the default gems that come with Ruby.
//!
//! Limits: the file is a Ruby program, and is never run: RubyGems writes
//! name and version as plain strings, and only those are understood. A
//! specification in a gem's own source tree may compute them, and says
//! nothing about what is installed; it is not read.
//!
//! References: RubyGems guides, "Specification reference".

use model::PackageKind;

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing};

pub(crate) struct Gemspec;

const LIMIT: u64 = 1 << 20;

/// No gem states more licences.
const MAX_LICENSES: usize = 32;

impl Extractor for Gemspec {
    fn name(&self) -> &'static str {
        "gemspec"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        let mut parts = file.path.rsplit('/');
        let is_specification = parts.next()?.ends_with(".gemspec");
        let folder = match parts.next() {
            Some("default") => parts.next(),
            folder => folder,
        };
        (is_specification && folder == Some("specifications"))
            .then_some(Want::Whole { limit: LIMIT })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let text = String::from_utf8_lossy(file.bytes());
        let mut name = None;
        let mut version = None;
        let mut licenses = Vec::new();
        for line in text.lines() {
            let Some((target, value)) = line.split_once('=') else {
                continue;
            };
            // `s.name`: the variable's name is the writer's choice.
            let Some((_, field)) = target.trim().split_once('.') else {
                continue;
            };
            match field {
                "name" => name = name.or_else(|| strings(value).next()),
                "version" => version = version.or_else(|| strings(value).next()),
                "license" | "licenses" => {
                    licenses = strings(value)
                        .take(MAX_LICENSES)
                        .map(str::to_owned)
                        .collect();
                }
                _ => {}
            }
        }
        let (Some(name), Some(version)) = (name, version) else {
            out.warn("gem specification does not state name and version as plain strings");
            return;
        };
        let mut found = Found::new(PackageKind::Gem, name, version);
        found.licenses = licenses;
        let mut listing = Listing::default();
        listing.add(found);
        listing.finish(out);
    }
}

/// The quoted strings on a line: `["MIT".freeze, 'ISC']`.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let quote = rest.find(['"', '\''])?;
        let (_, opened) = rest.split_at_checked(quote)?;
        let mark = opened.chars().next()?;
        let inner = opened.strip_prefix(mark)?;
        let (string, after) = inner.split_once(mark)?;
        rest = after;
        Some(string)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn an_installed_gem_is_read() {
        check::check(
            &Gemspec,
            "usr/lib/ruby/gems/3.1.0/specifications/pilot-1.4.2.gemspec",
            "gemspec.gemspec",
        );
    }

    #[test]
    fn only_installed_specifications_are_wanted() {
        assert!(check::wants(
            &Gemspec,
            "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec"
        ));
        for path in [
            "var/lib/gems/3.1.0/gems/pilot-1.4.2/pilot.gemspec",
            "app/pilot.gemspec",
        ] {
            assert!(!check::wants(&Gemspec, path), "{path}");
        }
    }

    #[test]
    fn a_computed_version_is_a_gap_not_a_guess() {
        let text = b"Gem::Specification.new do |s|\n s.name = 'a'\n s.version = A::VERSION\nend";
        let out = check::extract(&Gemspec, "specifications/a.gemspec", text);
        assert!(out.packages.is_empty());
        assert_eq!(out.warnings.len(), 1);
    }

    #[test]
    fn a_version_object_holds_a_plain_string() {
        let text = b"  spec.name = 'a'\n  spec.version = Gem::Version.new(\"1.0\")\n";
        let out = check::extract(&Gemspec, "specifications/a.gemspec", text);
        assert_eq!(check::render(&out), "gem a 1.0\n");
    }
}
