//! Go's module files, `go.mod`.
//!
//! What: every required module, direct or indirect, as replaced.
//!
//! Limits: since Go 1.17 the file names all modules the build needs;
//! before, only the direct ones. Modules replaced by a local folder are
//! left out, and so is the toolchain, which the file only bounds from
//! below. Go's own library, the module cache and code from elsewhere
//! (`vendor`, `testdata`) are not read. Programs that carry their own list speak instead of the file
//! (`lock_files`).
//!
//! References: Go Modules Reference, "go.mod files".

use std::collections::BTreeMap;

use model::PackageKind;

use super::{Extraction, Extractor, FileMeta, Found, Input, Want, listing::Listing};

pub(crate) struct GoMod;

impl Extractor for GoMod {
    fn name(&self) -> &'static str {
        "go-mod"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, file: &FileMeta<'_>) -> Option<Want> {
        (file.name() == "go.mod"
            && !file.path.contains("pkg/mod/")
            && !super::is_foreign(file.path)
            // Go itself passes over folders that begin so.
            && !file.path.contains("/_"))
        .then_some(Want::Whole {
            limit: super::LOCK_FILE_LIMIT,
        })
    }

    fn extract(&self, file: &mut Input<'_>, out: &mut Extraction) {
        let text = String::from_utf8_lossy(file.bytes());
        let mut module = Module::default();
        let mut block = "";
        for line in text.lines() {
            let line = line.split("//").next().unwrap_or(line).trim();
            if line.is_empty() {
                continue;
            }
            if line == ")" {
                block = "";
            } else if !block.is_empty() {
                module.read(block, line);
            } else if let Some((verb, rest)) = line.split_once([' ', '\t']) {
                let rest = rest.trim();
                if rest == "(" {
                    block = verb;
                } else {
                    module.read(verb, rest);
                }
            }
        }
        if module.damaged > 0 {
            out.warn(format!(
                "{} lines of go.mod could not be understood",
                module.damaged
            ));
        }
        // What Go's own library needs comes with the toolchain.
        if matches!(module.name, "std" | "cmd") {
            return;
        }
        let mut listing = Listing::default();
        for (path, version) in &module.required {
            let (path, version) = module.replacement(path, version);
            // A folder has no version.
            if let Some(version) = version {
                listing.add(Found::new(PackageKind::Golang, path, version));
            }
        }
        listing.finish(out);
    }
}

/// A module's path or a folder, and its version where one is given.
type Target<'a> = (&'a str, Option<&'a str>);

#[derive(Default)]
struct Module<'a> {
    name: &'a str,
    required: Vec<(&'a str, &'a str)>,
    /// What stands for a path, in one version or in all.
    replaced: BTreeMap<Target<'a>, Target<'a>>,
    damaged: usize,
}

impl<'a> Module<'a> {
    fn read(&mut self, verb: &str, line: &'a str) {
        let mut words = line.split_whitespace().map(super::lines::unquoted);
        match verb {
            "module" => self.name = words.next().unwrap_or_default(),
            "require" => match (words.next(), words.next()) {
                (Some(path), Some(version)) => self.required.push((path, version)),
                _ => self.damaged += 1,
            },
            "replace" => {
                let words: Vec<&str> = words.collect();
                let mut sides = words.split(|word| *word == "=>");
                match (sides.next(), sides.next()) {
                    (Some([old, old_version @ ..]), Some([new, new_version @ ..])) => {
                        self.replaced.insert(
                            (old, old_version.first().copied()),
                            (new, new_version.first().copied()),
                        );
                    }
                    _ => self.damaged += 1,
                }
            }
            _ => {}
        }
    }

    fn replacement(&self, path: &'a str, version: &'a str) -> Target<'a> {
        self.replaced
            .get(&(path, Some(version)))
            .or_else(|| self.replaced.get(&(path, None)))
            .copied()
            .unwrap_or((path, Some(version)))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check, *};

    #[test]
    fn requirements_and_replacements_are_read() {
        check::check(&GoMod, "app/go.mod", "go_mod.mod");
    }

    #[test]
    fn module_files_of_others_are_not_wanted() {
        for path in [
            "root/go/pkg/mod/golang.org/x/net@v0.7.0/go.mod",
            "app/vendor/a/go.mod",
            "app/testdata/go.mod",
            "usr/local/go/src/crypto/md5/_asm/go.mod",
            "app/go.sum",
        ] {
            assert!(!check::wants(&GoMod, path), "{path}");
        }
    }

    #[test]
    fn gos_own_library_is_not_listed() {
        let text = b"module std\nrequire golang.org/x/net v0.1.0\n";
        let out = check::extract(&GoMod, "usr/local/go/src/go.mod", text);
        assert_eq!(out, Extraction::default());
    }

    #[test]
    fn a_torn_line_is_told_and_costs_itself() {
        let text = "module a\nrequire b v1.0.0\nrequire (\n\tc v1.1.0\n\td";
        let out = check::extract(&GoMod, "go.mod", text.as_bytes());
        assert_eq!(
            check::render(&out),
            "golang b v1.0.0\ngolang c v1.1.0\n\
             warning 1 lines of go.mod could not be understood\n"
        );
    }
}
