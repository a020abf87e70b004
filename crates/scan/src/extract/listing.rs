//! The packages of one lock file or archive: gathered once each, and
//! never more than a bound.
//!
//! Lock files name the same package many times, and a hostile one can
//! name millions. Everything that lists packages by the hundred adds
//! them through here.

use std::collections::BTreeSet;

use super::{Extraction, Found};

/// More packages than any real lock file holds (the largest seen have
/// some ten thousand), few enough to keep in memory.
const LIMIT: usize = 100_000;

/// A name, version or licence longer than this is noise.
const TEXT_LIMIT: usize = 1024;

/// A path through archives in archives longer than this is hostile: it
/// is repeated with every package inside.
const PATH_LIMIT: usize = 4096;

/// Gathers the packages of one file into an [`Extraction`].
#[derive(Debug, Default)]
pub(super) struct Listing {
    found: BTreeSet<Found>,
    dropped: usize,
}

impl Listing {
    /// Adds a package, unless it has no name or no version, is listed
    /// already or is one too many.
    pub(super) fn add(&mut self, mut found: Found) {
        if !is_plausible(&found.name) || !is_plausible(&found.version) {
            return;
        }
        let inner_path = found.inner_path.as_deref().unwrap_or_default();
        if self.found.len() >= LIMIT || inner_path.len() > PATH_LIMIT {
            self.dropped += 1;
            return;
        }
        found
            .licenses
            .retain(|license| !license.is_empty() && license.len() <= TEXT_LIMIT);
        self.found.insert(found);
    }

    pub(super) fn add_all(&mut self, found: impl IntoIterator<Item = Found>) {
        for found in found {
            self.add(found);
        }
    }

    /// Hands the packages over, sorted.
    pub(super) fn finish(self, out: &mut Extraction) {
        out.packages.extend(self.found);
        if self.dropped > 0 {
            out.warn(format!(
                "lists more packages, or with longer paths, than is plausible; \
                 {} were left out",
                self.dropped
            ));
        }
    }
}

fn is_plausible(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_LIMIT && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use model::PackageKind;

    use super::*;

    #[test]
    fn a_package_named_twice_is_listed_once() {
        let mut listing = Listing::default();
        for _ in 0..2 {
            listing.add(Found::new(PackageKind::Npm, "debug", "2.6.8"));
        }
        let mut out = Extraction::default();
        listing.finish(&mut out);
        assert_eq!(out.packages.len(), 1);
        assert!(out.warnings.is_empty());
    }

    #[test]
    fn nameless_endless_and_unprintable_packages_are_left_out() {
        let mut listing = Listing::default();
        listing.add(Found::new(PackageKind::Npm, "", "1.0.0"));
        listing.add(Found::new(PackageKind::Npm, "debug", ""));
        listing.add(Found::new(PackageKind::Npm, "x".repeat(2000), "1.0.0"));
        listing.add(Found::new(PackageKind::Npm, "de\nbug", "1.0.0"));
        let mut out = Extraction::default();
        listing.finish(&mut out);
        assert_eq!(out, Extraction::default());
    }

    #[test]
    fn the_bound_is_kept_and_told() {
        let mut listing = Listing::default();
        for number in 0..=LIMIT {
            listing.add(Found::new(PackageKind::Npm, "a", number.to_string()));
        }
        let mut out = Extraction::default();
        listing.finish(&mut out);
        assert_eq!(out.packages.len(), LIMIT);
        assert_eq!(
            out.warnings,
            [
                "lists more packages, or with longer paths, than is plausible; \
                 1 were left out"
            ]
        );
    }

    #[test]
    fn a_path_without_end_is_not_repeated() {
        let mut listing = Listing::default();
        let mut found = Found::new(PackageKind::Maven, "a:b", "1");
        found.inner_path = Some("x".repeat(5000));
        listing.add(found);
        let mut out = Extraction::default();
        listing.finish(&mut out);
        assert!(out.packages.is_empty());
        assert_eq!(out.warnings.len(), 1);
    }
}
