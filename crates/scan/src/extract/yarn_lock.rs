//! Yarn's lock file, `yarn.lock`.
//!
//! What: every package of Yarn 1 ("classic") and of Yarn 2 on ("berry"),
//! whose files look alike: one block a package, with its `version`.
//!
//! Limits: the file does not tell development dependencies from others,
//! so all are listed. Workspace members, links and patches of packages
//! that are listed anyway are left out. A lock file inside
//! `node_modules` is not read, and installed modules beside the lock
//! file speak instead of it (`lock_files`).
//!
//! References: Yarn documentation, "yarn.lock" and "Protocols".

use model::PackageKind;

use super::{
    Extraction, Extractor, FileMeta, Found, Input, Want,
    lines::{self, Line},
    listing::Listing,
};

pub(crate) struct YarnLock;

impl Extractor for YarnLock {
    fn name(&self) -> &'static str {
        "yarn-lock"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "yarn.lock" && !super::is_foreign(file.path)).then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let text = String::from_utf8_lossy(file.bytes());
        let mut listing = Listing::default();
        let mut block = Block::default();
        let mut damaged = 0;
        for line in lines::lines(&text) {
            if line.indent == 0 {
                damaged += usize::from(!block.finish(&mut listing));
                block = Block::new(line);
            } else if line.indent == 2 {
                match line.key {
                    "version" => block.version = line.value,
                    "resolution" => block.resolution = Some(line.value),
                    _ => {}
                }
            }
        }
        damaged += usize::from(!block.finish(&mut listing));
        listing.finish(out);
        if damaged > 0 {
            out.warn(format!(
                "{damaged} entries of the yarn lock file have no readable name and version"
            ));
        }
    }
}

#[derive(Default)]
struct Block<'a> {
    key: &'a str,
    version: &'a str,
    /// What berry resolved the key to: `minimist@npm:1.2.5`.
    resolution: Option<&'a str>,
}

impl<'a> Block<'a> {
    fn new(line: Line<'a>) -> Self {
        Self {
            key: line.key,
            ..Self::default()
        }
    }

    /// Lists the package of this block; false if it ought to name one
    /// and does not.
    fn finish(self, listing: &mut Listing) -> bool {
        if self.key.is_empty() || self.key == "__metadata" {
            return true;
        }
        // The first of several requests: `"debug@^2.6", debug@2.6.8`.
        let request = self.resolution.unwrap_or_else(|| {
            let first = self.key.split(", ").next().unwrap_or(self.key);
            lines::unquoted(first)
        });
        let Some((name, range)) = split_request(request) else {
            return false;
        };
        if [
            "workspace:",
            "link:",
            "portal:",
            "file:",
            "patch:",
            "virtual:",
        ]
        .iter()
        .any(|protocol| range.starts_with(protocol))
        {
            return true;
        }
        // Yarn 1 keeps an alias: `old-minimist@npm:minimist@1.2.5`.
        let name = match range.strip_prefix("npm:").and_then(split_request) {
            Some((real, _)) => real,
            None => name,
        };
        if self.version.is_empty() {
            return false;
        }
        listing.add(Found::new(PackageKind::Npm, name, self.version));
        true
    }
}

/// `@scope/name@range` in two.
fn split_request(request: &str) -> Option<(&str, &str)> {
    let at = request.char_indices().skip(1).find(|(_, c)| *c == '@')?.0;
    let (name, range) = request.split_at_checked(at)?;
    Some((name, range.strip_prefix('@')?))
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn classic_and_berry_are_read() {
        check::check(&YarnLock, "app/yarn.lock", "yarn_lock_classic.lock");
        check::check(&YarnLock, "app/yarn.lock", "yarn_lock_berry.lock");
    }

    #[test]
    fn other_lock_files_are_not_wanted() {
        for path in [
            "app/yarn.lock.bak",
            "app/node_modules/old/yarn.lock",
            "app/Cargo.lock",
        ] {
            assert!(!check::wants(&YarnLock, path), "{path}");
        }
    }

    #[test]
    fn workspaces_links_and_patches_are_not_registry_packages() {
        let text = "\
\"root@workspace:.\":
  version: 0.0.0-use.local
  resolution: \"root@workspace:.\"
  linkType: soft

\"lib@file:../lib\":
  version \"1.0.0\"

\"fsevents@patch:fsevents@npm%3A2.3.2#optional\":
  version: 2.3.2
  resolution: \"fsevents@patch:fsevents@npm%3A2.3.2#optional\"
";
        let out = check::extract(&YarnLock, "yarn.lock", text.as_bytes());
        assert_eq!(out, Extraction::default());
    }

    #[test]
    fn damage_costs_one_entry_and_is_told() {
        let text = "debug@2.6.8:\n  version \"2.6.8\"\n\nms@2.0.0:\n  resol";
        let out = check::extract(&YarnLock, "yarn.lock", text.as_bytes());
        assert_eq!(
            check::render(&out),
            "\
npm debug 2.6.8
warning 1 entries of the yarn lock file have no readable name and version
"
        );
    }
}
