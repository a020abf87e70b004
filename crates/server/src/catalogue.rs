//! The detection rules there are: ours, and those of the folder an
//! operator named, which may change what ours say.

use std::{
    collections::BTreeSet,
    io::Read as _,
    path::{Path, PathBuf},
};

use model::Tactics;
use rules::{
    Diagnostic, cases, content,
    rule::{Rule, Ruleset},
};

/// Files that are read of the folder, and how much of each.
const MAX_FILES: usize = 1_000;
const MAX_FILE: u64 = 4 << 20;

/// Every rule, read once.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) ruleset: Ruleset,
    ours: BTreeSet<String>,
}

/// Why the folder of rules could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    #[error("read the rules in {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("read the rules in {}: more than {MAX_FILES} files", path.display())]
    TooMany { path: PathBuf },
    #[error("read the rules of {}: more than {MAX_FILE} bytes", path.display())]
    TooLarge { path: PathBuf },
}

impl Catalogue {
    /// Our rules, and those in `folder`; without one where that is empty.
    /// A rule that is not understood is left out and told.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Diagnostic>), CatalogueError> {
        let mut ours = BTreeSet::new();
        let mut loader = content::loader();
        for (name, _) in content::files() {
            ours.insert(name);
        }
        if !folder.as_os_str().is_empty() {
            for (name, text) in files(folder)? {
                loader = loader.file(&name, &text);
            }
        }
        let (ruleset, diagnostics) = loader.finish();
        let told = diagnostics
            .into_iter()
            .filter(|fault| !ours.contains(&fault.file))
            .collect();
        Ok((Self { ruleset, ours }, told))
    }

    /// Runs the cases of the operator's rules; ours are run before they are
    /// shipped.
    pub(crate) fn failed_cases(&self) -> Vec<FailedCase> {
        let own = self.ruleset.rules.iter().filter(|rule| !self.is_ours(rule));
        own.flat_map(|rule| {
            let outcomes = cases::run(rule).into_iter();
            outcomes.filter(|it| !it.is_passed()).map(|it| FailedCase {
                rule: it.rule,
                case: it.case,
                origin: rule.origin.clone(),
            })
        })
        .collect()
    }

    /// By either of its ids.
    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        let mut rules = self.ruleset.rules.iter();
        rules.find(|rule| rule.ids().any(|known| known == id))
    }

    /// Whether it came with the product.
    pub(crate) fn is_ours(&self, rule: &Rule) -> bool {
        let file = rule.origin.rsplit_once(':').map(|(file, _)| file);
        file.is_some_and(|file| self.ours.contains(file))
    }
}

/// A case of an operator's own rule that does not go as it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FailedCase {
    pub(crate) rule: String,
    pub(crate) case: String,
    /// File and line.
    pub(crate) origin: String,
}

/// The tactics a rule's tags name.
pub(crate) fn tactics(rule: &Rule) -> Tactics {
    let names = rule
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix("mitre_"));
    Tactics::named(names)
}

/// The techniques a rule names, under its own key or as tags.
pub(crate) fn techniques(rule: &Rule) -> Vec<String> {
    let mut techniques = rule.extension.attack.clone();
    for tag in &rule.tags {
        let number = tag.strip_prefix('T').unwrap_or_default();
        let is_one = number.len() >= 4 && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_one && !techniques.contains(tag) {
            techniques.push(tag.clone());
        }
    }
    techniques
}

/// Name and text of each `.yaml` or `.yml` file of a folder, by name.
fn files(folder: &Path) -> Result<Vec<(String, String)>, CatalogueError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CatalogueError::Read { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        if is_yaml && path.is_file() {
            if paths.len() == MAX_FILES {
                return Err(CatalogueError::TooMany {
                    path: folder.to_owned(),
                });
            }
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let file = std::fs::File::open(&path).map_err(failed(&path))?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
        if read.map_err(failed(&path))? as u64 > MAX_FILE {
            return Err(CatalogueError::TooLarge { path });
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        files.push((path.display().to_string(), text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "\
- rule: Own rule
  desc: Something of ours.
  condition: ka.verb = create and ka.target.resource = pods
  output: \"%ka.user.name made a pod\"
  priority: Warning
  source: k8s_audit
  tags: [mitre_execution, T1610]
";

    #[test]
    fn a_folder_adds_to_what_came_with_the_product() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.yaml"), OWN).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a rule").unwrap();
        let (catalogue, faults) = Catalogue::open(folder.path()).unwrap();
        assert!(faults.is_empty(), "{faults:?}");
        let own = catalogue.rule("own-rule").unwrap();
        assert!(!catalogue.is_ours(own));
        assert_eq!(techniques(own), ["T1610"]);
        assert_eq!(tactics(own), Tactics::named(["execution"]));
        let ours = catalogue.ruleset.rules.first().unwrap();
        assert!(catalogue.is_ours(ours));
    }

    #[test]
    fn an_operators_rule_that_fails_its_own_case_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let event = r#"{"auditID": "1", "stage": "ResponseComplete", "verb": "create", "objectRef": {"resource": "pods"}}"#;
        let text = format!(
            "{OWN}  seawall:\n    cases:\n      - {{name: a pod, expect: match, events: [{event}]}}\n      \
             - {{name: quiet, expect: none, events: [{event}]}}\n"
        );
        std::fs::write(folder.path().join("own.yaml"), text).unwrap();
        let (catalogue, faults) = Catalogue::open(folder.path()).unwrap();
        assert!(faults.is_empty(), "{faults:?}");
        let failed = catalogue.failed_cases();
        let named: Vec<_> = failed.iter().map(|it| (&*it.rule, &*it.case)).collect();
        assert_eq!(named, [("own-rule", "quiet")]);
        assert!(failed[0].origin.ends_with("own.yaml:1"), "{failed:?}");
    }

    #[test]
    fn a_rule_that_is_not_understood_is_told_and_loses_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{OWN}- rule: Broken\n  desc: x\n  condition: nonsense =\n");
        std::fs::write(folder.path().join("own.yaml"), text).unwrap();
        let (catalogue, faults) = Catalogue::open(folder.path()).unwrap();
        assert!(!faults.is_empty());
        assert!(catalogue.rule("own-rule").is_some());
        let missing = folder.path().join("missing");
        assert!(Catalogue::open(&missing).is_err());
    }
}
