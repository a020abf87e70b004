//! Bundler's lock file, `Gemfile.lock` or `gems.locked`.
//!
//! What: the gems of the `GEM` and `GIT` sections.
//!
//! Limits: the file does not tell groups apart, so development gems are
//! listed too. Gems from a local path are left out. Where gems of the
//! same name are installed they speak instead (`lock_files`).
//!
//! References: Bundler documentation, "Gemfile.lock".

use model::PackageKind;

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing};

pub(crate) struct GemfileLock;

impl Extractor for GemfileLock {
    fn name(&self) -> &'static str {
        "gemfile-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (matches!(file.name(), "Gemfile.lock" | "gems.locked")
            // Gems are unpacked into `gems/<name>-<version>`, some with
            // the lock file of their own development.
            && !(file.path.contains("/gems/") && file.path.contains("ruby"))
            && !super::is_foreign(file.path))
        .then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let text = String::from_utf8_lossy(file.bytes());
        let mut listing = Listing::default();
        let mut is_listing_gems = false;
        for line in text.lines() {
            if !line.starts_with(' ') {
                is_listing_gems = matches!(line.trim_end(), "GEM" | "GIT");
            } else if is_listing_gems && let Some((name, version)) = gem(line) {
                listing.add(Found::new(PackageKind::Gem, name, version));
            }
        }
        listing.finish(out);
    }
}

/// `    nokogiri (1.15.4-x86_64-linux)`: exactly four blanks, for what a
/// gem needs is indented deeper.
fn gem(line: &str) -> Option<(&str, &str)> {
    let gem = line
        .strip_prefix("    ")
        .filter(|gem| !gem.starts_with(' '))?;
    let (name, version) = gem.trim_end().strip_suffix(')')?.split_once(" (")?;
    // What follows a dash is the platform.
    let version = version
        .split_once('-')
        .map_or(version, |(version, _)| version);
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn locked_gems_are_read() {
        check::check(&GemfileLock, "app/Gemfile.lock", "gemfile_lock.lock");
    }

    #[test]
    fn lock_files_inside_gems_are_not_wanted() {
        for path in [
            "usr/local/lib/ruby/gems/3.2.0/gems/a-1.0/Gemfile.lock",
            "app/Gemfile",
        ] {
            assert!(!check::wants(&GemfileLock, path), "{path}");
        }
    }

    #[test]
    fn needs_and_paths_are_not_gems() {
        let text = "PATH\n  remote: .\n  specs:\n    own (1.0)\n\nGEM\n  specs:\n    a (1.0)\n      \
            b (2.0)\n\nDEPENDENCIES\n    c (3.0)\n";
        let out = check::extract(&GemfileLock, "Gemfile.lock", text.as_bytes());
        assert_eq!(check::render(&out), "gem a 1.0\n");
    }
}
