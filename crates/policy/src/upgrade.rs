//! How to install an upgrade, as something to copy.
//!
//! Names and versions come from whatever was scanned, and a person is
//! about to paste them into a shell: what is not made of plain characters
//! is named in words only.

use model::PackageKind;

use crate::{Step, facts::Upgrade};

/// Upgrades named one by one.
const NAMED: usize = 5;

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"@/._+:~-".contains(&byte))
}

/// The command that raises a language package within a project.
fn command(kind: PackageKind, package: &str, version: &str) -> Option<(&'static str, String)> {
    if !is_plain(package) || !is_plain(version) {
        return None;
    }
    let command = match kind {
        PackageKind::Npm => format!("npm install {package}@{version}"),
        PackageKind::Pypi => format!("pip install '{package}>={version}'"),
        PackageKind::Golang => format!(
            "go get {package}@v{}",
            version.strip_prefix('v').unwrap_or(version)
        ),
        PackageKind::Cargo => format!("cargo update -p {package} --precise {version}"),
        PackageKind::Gem => format!("bundle update {package}"),
        PackageKind::Composer => format!("composer require {package}:^{version}"),
        PackageKind::Nuget => format!("dotnet add package {package} --version {version}"),
        PackageKind::Maven => {
            let (group, artifact) = package.split_once(':')?;
            return Some((
                "yaml",
                format!("# pom.xml or build.gradle\n{group}:{artifact}:{version}"),
            ));
        }
        PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Generic => {
            return None;
        }
    };
    Some(("shell", command))
}

/// The Dockerfile line that installs a distribution's updates.
fn distribution_line(kind: PackageKind) -> Option<&'static str> {
    match kind {
        PackageKind::Deb => {
            Some("RUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*")
        }
        PackageKind::Apk => Some("RUN apk upgrade --no-cache"),
        PackageKind::Rpm => Some("RUN dnf upgrade -y && dnf clean all"),
        _ => None,
    }
}

/// The command that installs a distribution's updates on a machine.
pub(crate) fn machine_command(kind: PackageKind) -> Option<&'static str> {
    match kind {
        PackageKind::Deb => Some("sudo apt-get update && sudo apt-get upgrade"),
        PackageKind::Apk => Some("apk upgrade"),
        PackageKind::Rpm => Some("sudo dnf upgrade"),
        _ => None,
    }
}

fn name(upgrade: &Upgrade) -> String {
    let from = match upgrade.installed.as_slice() {
        [one] => format!(" from {one}"),
        _ => String::new(),
    };
    format!("{}{from} to {}", upgrade.package, upgrade.version)
}

/// What to do in an image, worst first: its distribution's updates once,
/// then each language package.
pub(crate) fn in_image<'a>(upgrades: impl Iterator<Item = &'a Upgrade>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut told = Vec::new();
    let mut left = 0;
    for upgrade in upgrades {
        if let Some(line) = distribution_line(upgrade.kind) {
            if !told.contains(&upgrade.kind) {
                told.push(upgrade.kind);
                steps.push(Step::copy(
                    format!(
                        "Rebuild on the newest release of its base, or install the distribution's \
                         updates while building; that raises {}",
                        name(upgrade)
                    ),
                    "dockerfile",
                    line,
                ));
            }
            continue;
        }
        if steps.len() >= NAMED {
            left += 1;
            continue;
        }
        let text = format!("Raise {}", name(upgrade));
        steps.push(
            match command(upgrade.kind, &upgrade.package, &upgrade.version) {
                Some((language, code)) => Step::copy(text, language, code),
                None => Step::say(text),
            },
        );
    }
    match left {
        0 => {}
        1 => steps.push(Step::say("Raise 1 more; the image's page names it.")),
        count => steps.push(Step::say(format!(
            "Raise {count} more; the image's page names them."
        ))),
    }
    steps
}

/// Upgrades as evidence shows them.
pub(crate) fn evidence<'a>(upgrades: impl Iterator<Item = &'a Upgrade>) -> serde_json::Value {
    upgrades
        .take(2 * NAMED)
        .map(|upgrade| {
            serde_json::json!({
                "kind": upgrade.kind.as_str(),
                "package": upgrade.package,
                "installed": upgrade.installed,
                "version": upgrade.version,
                "critical": upgrade.closes.critical,
                "high": upgrade.closes.high,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Count;

    fn upgrade(kind: PackageKind, package: &str, version: &str) -> Upgrade {
        Upgrade {
            kind,
            package: package.to_owned(),
            installed: vec!["1.0".to_owned()],
            version: version.to_owned(),
            closes: Count::default(),
        }
    }

    #[test]
    fn a_name_made_to_be_pasted_is_told_in_words_only() {
        for hostile in [
            "lodash; rm -rf /",
            "$(id)",
            "--registry=http://evil.example",
            "a`b`",
            "x'y",
            "",
        ] {
            let steps = in_image([upgrade(PackageKind::Npm, hostile, "1.2")].iter());
            assert_eq!(steps[0].code, None, "{hostile}");
            let steps = in_image([upgrade(PackageKind::Pypi, "requests", hostile)].iter());
            assert_eq!(steps[0].code, None, "{hostile}");
        }
        let steps = in_image([upgrade(PackageKind::Npm, "@babel/core", "7.1.0")].iter());
        assert_eq!(
            steps[0].code.as_deref(),
            Some("npm install @babel/core@7.1.0")
        );
    }

    #[test]
    fn a_distribution_is_updated_once_and_the_rest_is_counted() {
        let mut upgrades = vec![
            upgrade(PackageKind::Deb, "openssl", "3.0.1"),
            upgrade(PackageKind::Deb, "zlib", "1.3"),
        ];
        for index in 0..7 {
            upgrades.push(upgrade(PackageKind::Npm, &format!("p{index}"), "2.0.0"));
        }
        let steps = in_image(upgrades.iter());
        assert_eq!(steps.len(), 6, "{steps:#?}");
        assert!(steps[0].text.contains("openssl"));
        assert!(steps[5].text.contains("3 more"), "{}", steps[5].text);
    }
}
