//! Checks of a cluster's machines: how its components were started, and
//! who may touch the files they live by.
//!
//! What is checked is a table, `content/benchmarks`; this is its
//! interpreter, which starts no program and matches no pattern. A check
//! is a recommendation like any other; which control of which benchmark
//! it answers is said by the standards. A process or a file that is not
//! there makes a check not applicable, never a failure: which components
//! run on which machine differs by who runs the cluster.

mod judge;
mod process;
mod want;

use std::sync::LazyLock;

use model::Severity;
use rust_embed::RustEmbed;
use serde::Deserialize;

pub use judge::flag;
pub use process::{COMPONENTS, process};
pub use want::Want;

use crate::{AssetSort, Effort, Recommendation, Step, facts::FileRole};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub id: String,
    /// A claim about how things should be.
    pub title: String,
    pub severity: Severity,
    #[serde(default = "low")]
    pub effort: Effort,
    pub why: String,
    /// What mends it, for every node.
    pub fix: String,
    #[serde(default)]
    pub techniques: Vec<String>,
    #[serde(with = "serde_norway::with::singleton_map")]
    pub test: Test,
    pub cases: Vec<Case>,
}

fn low() -> Effort {
    Effort::Low
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// A setting of a component.
    Setting(Setting),
    /// Every file of a role must have no permission beyond these.
    Mode(Mode),
    /// Every file of a role must belong to this user and group.
    Owner(Owner),
    /// Secrets must not be written as they are.
    Encryption(Encryption),
}

/// A setting: a flag of a component's command line or, of those that
/// have one, a key of its configuration; the flag wins.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    pub of: String,
    /// Each of these must be as wanted.
    pub flags: Vec<String>,
    /// Where in the configuration: `authentication.anonymous.enabled`; as
    /// many as there are flags, or none.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Flags that say it in another way, which is not looked into: where
    /// one is set, the check does not apply.
    #[serde(default)]
    pub unless: Vec<String>,
    /// What holds where nobody said.
    #[serde(default)]
    pub absent: Option<String>,
    /// The same, where the component has no configuration file: the
    /// kubelet's flags have defaults of their own.
    #[serde(default)]
    pub absent_without_config: Option<String>,
    #[serde(with = "serde_norway::with::singleton_map")]
    pub want: Want,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    pub role: FileRole,
    /// In octal.
    pub at_most: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    pub role: FileRole,
    /// `root:root`.
    pub is: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// Providers that encrypt.
    pub first_is_one_of: Vec<String>,
}

/// Facts in short, and what must be said of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub verdict: crate::recommendation::Expected,
    /// The component was started with these.
    #[serde(default)]
    pub args: Option<Vec<String>>,
    /// Its configuration file.
    #[serde(default)]
    pub config: serde_json::Value,
    /// `600 root:root`.
    #[serde(default)]
    pub file: Option<String>,
    #[serde(default)]
    pub encryption: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Where the facts come from.
    references: Vec<String>,
    checks: Vec<Check>,
}

#[derive(RustEmbed)]
#[folder = "../../content/benchmarks"]
struct Files;

/// A check with what its file says of it.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    check: Check,
    references: Vec<String>,
}

fn known() -> &'static [Known] {
    static ALL: LazyLock<Vec<Known>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for name in Files::iter().filter(|name| name.ends_with(".yaml")) {
            let table = read(&name).expect("invariant: a test reads every table before a release");
            for check in table.checks {
                all.push(Known {
                    check,
                    references: table.references.clone(),
                });
            }
        }
        all.sort_by(|a, b| a.check.id.cmp(&b.check.id));
        all
    });
    &ALL
}

/// Every check, by id.
pub fn checks() -> &'static [Check] {
    static ALL: LazyLock<Vec<Check>> =
        LazyLock::new(|| known().iter().map(|known| known.check.clone()).collect());
    &ALL
}

/// One check by id.
pub fn check(id: &str) -> Option<&'static Check> {
    let place = checks().binary_search_by(|known| known.id.as_str().cmp(id));
    place.ok().map(|place| &checks()[place])
}

impl Check {
    /// The check as everybody shows it.
    pub fn recommendation(&self) -> Recommendation {
        let references = known()
            .binary_search_by(|known| known.check.id.cmp(&self.id))
            .map_or_else(|_| Vec::new(), |place| known()[place].references.clone());
        Recommendation {
            id: self.id.clone(),
            title: self.title.clone(),
            severity: self.severity,
            effort: self.effort,
            asset: AssetSort::Node,
            description: self.description(),
            why: self.why.clone(),
            remediation: vec![Step::say(self.fix.trim())],
            checked_by: self.checked_by(),
            techniques: self.techniques.clone(),
            references,
            cases: Vec::new(),
        }
    }

    /// What is wanted, in words.
    fn description(&self) -> String {
        match &self.test {
            Test::Setting(setting) => {
                let flags: Vec<String> = setting
                    .flags
                    .iter()
                    .map(|flag| format!("`--{flag}`"))
                    .collect();
                let mut text = format!(
                    "{} of {} must {}.",
                    flags.join(" and "),
                    setting.of,
                    setting.want
                );
                if let Some(absent) = &setting.absent {
                    text.push_str(" Where nobody sets it, it is `");
                    text.push_str(absent);
                    text.push_str("`.");
                }
                text
            }
            Test::Mode(mode) => format!(
                "The permissions of {} must not go beyond {}.",
                mode.role.noun(),
                mode.at_most
            ),
            Test::Owner(owner) => format!(
                "The user and group that own {} must be {}.",
                owner.role.noun(),
                owner.is
            ),
            Test::Encryption(_) => "Secrets must be encrypted before they are stored: the first \
                 provider of each entry of the encryption configuration is the one that writes."
                .to_owned(),
        }
    }

    fn checked_by(&self) -> String {
        match &self.test {
            Test::Setting(setting) if setting.keys.is_empty() => format!(
                "The command line of {} on each machine that runs it.",
                setting.of
            ),
            Test::Setting(setting) => format!(
                "The command line of {} on each machine that runs it, and its configuration file.",
                setting.of
            ),
            Test::Mode(_) | Test::Owner(_) => {
                "The file itself, where it is: at the path its component was started with, or at \
                 the usual one."
                    .to_owned()
            }
            Test::Encryption(_) => {
                "The file that --encryption-provider-config names; its keys are not kept."
                    .to_owned()
            }
        }
    }
}

fn read(name: &str) -> Result<Table, String> {
    let file = Files::get(name).ok_or_else(|| format!("{name}: gone"))?;
    serde_norway::from_slice(&file.data).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests;
