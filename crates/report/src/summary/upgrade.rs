//! Which packages to raise, to what, and by which command.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

use model::{Finding, PackageKind, Report, Severity, VersionScheme};
use serde::Serialize;

use super::is_exploited;
use crate::{CompareVersions, places::Places};

/// One package to raise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upgrade {
    pub kind: PackageKind,
    /// The source package's name for a distribution's packages.
    pub name: String,
    pub installed: String,
    /// The lowest version that mends all of `closes`.
    pub to: String,
    /// Findings it closes.
    pub closes: usize,
    /// Those among them known to be exploited.
    pub exploited: usize,
    pub worst: Severity,
    /// The files that name the package, sorted.
    pub paths: Vec<String>,
    /// What to type, where one command does it and every word in it is
    /// harmless to a shell.
    pub command: Option<String>,
}

/// Everything the distribution's package manager mends in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SystemUpgrade {
    /// Installed packages it raises.
    pub packages: usize,
    pub closes: usize,
    pub worst: Severity,
    pub exploited: usize,
    pub command: Option<String>,
    /// By source package, most worthwhile first.
    pub top: Vec<Upgrade>,
}

impl SystemUpgrade {
    pub(super) fn of(
        report: &Report,
        places: &Places<'_>,
        compare: CompareVersions,
    ) -> Option<Self> {
        let fixable = || {
            report.findings.iter().filter(|finding| {
                finding.package.kind.is_distribution() && finding.fix.version().is_some()
            })
        };
        let packages: BTreeSet<_> = fixable()
            .map(|finding| (&finding.package.name, &finding.package.version))
            .collect();
        let kind = fixable().next()?.package.kind;
        Some(Self {
            packages: packages.len(),
            closes: fixable().count(),
            worst: fixable().map(|finding| finding.severity).max()?,
            exploited: fixable()
                .filter(|finding| is_exploited(report, finding))
                .count(),
            command: system_command(kind, report).map(str::to_owned),
            top: gather(report, places, compare, |finding| {
                finding.package.kind.is_distribution()
            }),
        })
    }
}

/// Language packages to raise, most worthwhile first.
pub(super) fn of_languages(
    report: &Report,
    places: &Places<'_>,
    compare: CompareVersions,
) -> Vec<Upgrade> {
    gather(report, places, compare, |finding| {
        !finding.package.kind.is_distribution()
    })
}

fn gather(
    report: &Report,
    places: &Places<'_>,
    compare: CompareVersions,
    is_wanted: impl Fn(&Finding) -> bool,
) -> Vec<Upgrade> {
    let mut groups: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| is_wanted(finding)) {
        if finding.fix.version().is_some() {
            let package = &finding.package;
            let name = places.source_name(finding);
            groups
                .entry((package.kind, name, package.version.as_str()))
                .or_default()
                .push(finding);
        }
    }
    let mut upgrades: Vec<Upgrade> = groups
        .into_iter()
        .filter_map(|((kind, name, installed), findings)| {
            let scheme = findings
                .iter()
                .find_map(|finding| places.package(finding)?.ecosystem.as_ref())
                .cloned()
                .or_else(|| kind.registry())
                .and_then(|ecosystem| ecosystem.version_scheme());
            let to = highest(
                scheme,
                compare,
                findings.iter().filter_map(|f| f.fix.version()),
            )?;
            let paths: BTreeSet<_> = findings.iter().map(|f| f.package.path.clone()).collect();
            Some(Upgrade {
                kind,
                name: name.to_owned(),
                installed: installed.to_owned(),
                to: to.to_owned(),
                closes: findings.len(),
                exploited: findings.iter().filter(|f| is_exploited(report, f)).count(),
                worst: findings.iter().map(|f| f.severity).max()?,
                paths: paths.into_iter().collect(),
                command: package_command(kind, name, to),
            })
        })
        .collect();
    upgrades.sort_by(|a, b| {
        let worth = |u: &Upgrade| Reverse((u.exploited > 0, u.worst, u.closes));
        worth(a)
            .cmp(&worth(b))
            .then_with(|| (a.kind, &a.name, &a.installed).cmp(&(b.kind, &b.name, &b.installed)))
    });
    upgrades
}

/// Versions that do not compare keep the first, so that advice is never
/// made from guesswork about order.
fn highest<'a>(
    scheme: Option<VersionScheme>,
    compare: CompareVersions,
    mut versions: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let first = versions.next()?;
    Some(versions.fold(first, |highest, version| {
        let order = scheme.and_then(|scheme| compare(scheme, version, highest));
        if order == Some(Ordering::Greater) {
            version
        } else {
            highest
        }
    }))
}

fn system_command(kind: PackageKind, report: &Report) -> Option<&'static str> {
    let os = report.sbom.os.as_ref().map_or("", |os| os.id.as_str());
    Some(match kind {
        PackageKind::Deb => "apt-get update && apt-get upgrade",
        PackageKind::Apk => "apk upgrade --no-cache",
        PackageKind::Rpm => match os {
            "sles" | "sled" | "sle-micro" | "suse" | "opensuse-leap" => "zypper patch",
            "opensuse-tumbleweed" => "zypper dup",
            "photon" | "azurelinux" | "mariner" => "tdnf update",
            _ => "dnf upgrade",
        },
        _ => return None,
    })
}

fn package_command(kind: PackageKind, name: &str, to: &str) -> Option<String> {
    // Names and versions come from the image and from advisories; a
    // command is meant to be pasted. Anything a shell or the tool could
    // read as more than a word gets no command.
    let is_word = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '@')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"@._/+:-".contains(&byte))
    };
    if !is_word(name) || !is_word(to) {
        return None;
    }
    Some(match kind {
        PackageKind::Npm => format!("npm install {name}@{to}"),
        PackageKind::Pypi => format!("pip install {name}=={to}"),
        PackageKind::Cargo => format!("cargo update --package {name} --precise {to}"),
        PackageKind::Golang if name == "stdlib" => return None,
        PackageKind::Golang => format!("go get {name}@v{}", to.trim_start_matches('v')),
        PackageKind::Gem => format!("bundle update {name}"),
        PackageKind::Composer => format!("composer require {name}:{to}"),
        PackageKind::Nuget => format!("dotnet add package {name} --version {to}"),
        PackageKind::Deb
        | PackageKind::Apk
        | PackageKind::Rpm
        | PackageKind::Maven
        | PackageKind::Generic => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_never_becomes_a_command() {
        for name in ["a;reboot", "$(id)", "-g", "a b", "a`b`", "a\nb", ""] {
            assert_eq!(
                package_command(PackageKind::Npm, name, "1.0.0"),
                None,
                "{name}"
            );
            assert_eq!(package_command(PackageKind::Npm, "a", name), None, "{name}");
        }
    }

    #[test]
    fn each_language_is_told_in_its_own_words() {
        let cases = [
            (
                PackageKind::Npm,
                "@babel/core",
                "npm install @babel/core@2.0.0",
            ),
            (PackageKind::Pypi, "jinja2", "pip install jinja2==2.0.0"),
            (
                PackageKind::Golang,
                "golang.org/x/net",
                "go get golang.org/x/net@v2.0.0",
            ),
            (
                PackageKind::Cargo,
                "time",
                "cargo update --package time --precise 2.0.0",
            ),
        ];
        for (kind, name, command) in cases {
            assert_eq!(
                package_command(kind, name, "2.0.0").as_deref(),
                Some(command)
            );
        }
        assert_eq!(package_command(PackageKind::Maven, "a:b", "2.0.0"), None);
    }

    #[test]
    fn versions_that_do_not_compare_keep_the_first() {
        let refuse: CompareVersions = |_, _, _| None;
        let scheme = Some(VersionScheme::Semver);
        assert_eq!(highest(scheme, refuse, ["1", "2"].into_iter()), Some("1"));
        let bytes: CompareVersions = |_, a, b| Some(a.cmp(b));
        assert_eq!(
            highest(scheme, bytes, ["1", "3", "2"].into_iter()),
            Some("3")
        );
        assert_eq!(highest(None, bytes, ["1", "3"].into_iter()), Some("1"));
    }
}
