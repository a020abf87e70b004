//! How advisories and packages come to share a name.
//!
//! An advisory names an ecosystem and a package as its publisher likes;
//! a scanner names them as it found them. Both are brought to one key,
//! `ecosystem NUL name`, by the rules in this file alone.

use std::borrow::Cow;

use model::{Ecosystem, Package, PackageKind};

/// The canonical spelling of an ecosystem: the granularity at which its
/// advisories apply.
pub(crate) fn ecosystem(text: &str) -> Cow<'_, str> {
    let Some((name, release)) = text.split_once(':') else {
        return Cow::Borrowed(text);
    };
    let release = match name {
        "Ubuntu" => release.strip_suffix(":LTS").unwrap_or(release),
        // Debian numbered point releases of its own until 3.1.
        "Debian" => match major(release) {
            "3" => release,
            major => major,
        },
        "Alpine" | "Alpaquita" => return alpine(name, release),
        "AlmaLinux" | "Rocky Linux" | "Oracle Linux" | "CentOS" | "Mageia" | "Azure Linux" => {
            major(release)
        }
        "Red Hat" => return Cow::Owned(format!("Red Hat:{}", red_hat(release))),
        "SUSE" => return Cow::Owned(format!("SUSE:{}", suse(release))),
        "openSUSE" => return Cow::Owned(format!("openSUSE:{}", open_suse(release))),
        "Amazon Linux" | "Photon OS" | "openEuler" | "Fedora" => release,
        // Rolling distributions have no release, and what a registry
        // puts behind its colon is where it was fetched from.
        _ => return Cow::Borrowed(name),
    };
    if name.len() + 1 + release.len() == text.len() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{name}:{release}"))
    }
}

fn major(release: &str) -> &str {
    let end = release
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(release.len());
    if end == 0 {
        release
    } else {
        release.get(..end).unwrap_or(release)
    }
}

/// `v3.18`, whether or not the `v` and the patch number were given.
fn alpine(name: &str, release: &str) -> Cow<'static, str> {
    let bare = release.strip_prefix('v').unwrap_or(release);
    if !bare.starts_with(|c: char| c.is_ascii_digit()) {
        return Cow::Owned(format!("{name}:{release}"));
    }
    let minor: Vec<&str> = bare.splitn(3, '.').take(2).collect();
    Cow::Owned(format!("{name}:v{}", minor.join(".")))
}

/// The repositories of one release (`enterprise_linux:9::baseos`,
/// `::appstream`) are one; support extensions (`rhel_eus:9.2`) and
/// layered products stay apart, because their fixes do not reach a
/// system without the subscription.
fn red_hat(release: &str) -> String {
    let mut parts = release.split(':');
    let product = parts.next().unwrap_or_default();
    match (product, parts.next()) {
        ("enterprise_linux", Some(version)) => major(version).to_owned(),
        (version, None) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            major(version).to_owned()
        }
        (product, Some(version)) => format!("{product}:{version}"),
        (product, None) => product.to_owned(),
    }
}

/// SUSE publishes per product (`Linux Enterprise Server 15 SP5-LTSS`,
/// `Linux Enterprise Module for Basesystem 15 SP5`); one installation
/// draws from all of those of its release: `15.5`. Micro counts from 5,
/// where no server is.
fn suse(product: &str) -> String {
    let release = suse_release(product);
    if release.is_empty() {
        product.to_owned()
    } else {
        release
    }
}

fn open_suse(product: &str) -> String {
    if product.contains("Tumbleweed") {
        return "Tumbleweed".to_owned();
    }
    let release = suse_release(product);
    if product.contains("Micro") {
        format!("Leap Micro {release}")
    } else if release.is_empty() {
        product.to_owned()
    } else {
        release
    }
}

/// The last number in a product's name, with its service pack as the
/// part after the dot: `15 SP5-LTSS` and `15.5` are both `15.5`.
fn suse_release(product: &str) -> String {
    let mut release = String::new();
    for word in product.split([' ', '-']) {
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            word.clone_into(&mut release);
        } else if let Some(pack) = word.strip_prefix("SP")
            && pack.bytes().all(|digit| digit.is_ascii_digit())
            && !pack.is_empty()
            && !release.is_empty()
        {
            release.push('.');
            release.push_str(pack);
        }
    }
    release
}

/// The canonical spelling of a package's name in an ecosystem.
pub(crate) fn package<'a>(ecosystem: &str, name: &'a str) -> Cow<'a, str> {
    match ecosystem {
        "PyPI" => pep503(name),
        "NuGet" | "Packagist" | "GitHub Actions"
            if name.bytes().any(|c| c.is_ascii_uppercase()) =>
        {
            Cow::Owned(name.to_ascii_lowercase())
        }
        _ => Cow::Borrowed(name),
    }
}

/// PEP 503: runs of `-`, `_` and `.` are one `-`, and case is nothing.
fn pep503(name: &str) -> Cow<'_, str> {
    let is_canonical = name
        .bytes()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !name.contains("--");
    if is_canonical {
        return Cow::Borrowed(name);
    }
    let mut canonical = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if canonical.ends_with('-') => {}
            '-' | '_' | '.' => canonical.push('-'),
            c => canonical.extend(c.to_lowercase()),
        }
    }
    Cow::Owned(canonical)
}

/// Writes the key under which an advisory for `name` is kept; both are
/// canonical.
pub(crate) fn key(ecosystem: &str, name: &str, out: &mut String) {
    out.clear();
    out.push_str(ecosystem);
    out.push('\0');
    out.push_str(name);
}

/// One question to put to the advisories for a package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    pub(crate) ecosystem: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) version: &'a str,
    /// Ubuntu's Extended Security Maintenance: what it says of a
    /// vulnerability replaces what the plain release says.
    pub(crate) overrides: bool,
}

/// What of a package decides which questions are put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) kind: PackageKind,
    pub(crate) ecosystem: Option<&'a Ecosystem>,
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Name and version of the source package.
    pub(crate) source: Option<(&'a str, &'a str)>,
}

impl<'a> From<&'a Package> for Named<'a> {
    fn from(package: &'a Package) -> Self {
        Self {
            kind: package.kind,
            ecosystem: package.ecosystem.as_ref(),
            name: &package.name,
            version: &package.version,
            source: package
                .source
                .as_ref()
                .map(|source| (source.name.as_str(), source.version.as_str())),
        }
    }
}

/// The questions to put for one package; `ecosystem` is the canonical
/// spelling of its own.
pub(crate) fn queries<'a>(package: Named<'a>, ecosystem: &'a str) -> Vec<Query<'a>> {
    let base = ecosystem.split(':').next().unwrap_or(ecosystem);
    let mut queries = Vec::with_capacity(2);
    let mut ask = |name: &'a str, version: &'a str| {
        queries.push(Query {
            ecosystem: Cow::Borrowed(ecosystem),
            name: self::package(base, name),
            version,
            overrides: false,
        });
    };
    let source = package.source;
    match package.kind {
        // Debian, Ubuntu and Alpine publish against source names, the
        // rolling distributions against either.
        PackageKind::Deb | PackageKind::Apk => {
            let is_rolling = matches!(base, "Wolfi" | "Chainguard" | "MinimOS");
            if let Some((name, version)) = source {
                ask(name, version);
            }
            if source.is_none_or(|(name, _)| is_rolling && name != package.name) {
                ask(package.name, package.version);
            }
        }
        PackageKind::Rpm => {
            ask(package.name, package.version);
            // These two list every binary package by name; of the
            // others some feeds name sources.
            let lists_binaries = matches!(base, "AlmaLinux" | "Red Hat");
            if let Some((name, version)) = source
                && !lists_binaries
                && name != package.name
            {
                ask(name, version);
            }
        }
        _ => ask(package.name, package.version),
    }
    if base == "Ubuntu" {
        add_extended_maintenance(ecosystem, &mut queries);
    }
    queries
}

fn add_extended_maintenance<'a>(ecosystem: &str, queries: &mut Vec<Query<'a>>) {
    let Some(release) = ecosystem.strip_prefix("Ubuntu:") else {
        return;
    };
    let extended: Vec<Query<'a>> = queries
        .iter()
        .filter(|query| query.version.contains("esm") && !release.starts_with("Pro:"))
        .map(|query| Query {
            ecosystem: Cow::Owned(format!("Ubuntu:Pro:{release}")),
            name: query.name.clone(),
            version: query.version,
            overrides: true,
        })
        .collect();
    queries.splice(0..0, extended);
}

/// Whether a distribution package holds the kernel's headers or build
/// files only: it is built from the kernel's sources and named in every
/// kernel advisory, but none of the kernel's code runs from it.
pub(crate) fn is_kernel_build_files(kind: PackageKind, name: &str) -> bool {
    let is_named_so = name == "linux-libc-dev"
        || name == "linux-glibc-devel"
        || name == "linux-headers"
        || [
            "linux-headers-",
            "linux-libc-dev-",
            "linux-kbuild-",
            "linux-compiler-",
            "linux-config-",
            "linux-doc",
            "linux-source-",
            "kernel-headers",
            "kernel-devel",
            "kernel-default-devel",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    kind.is_distribution() && is_named_so
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_release_share_one_spelling() {
        for (text, expected) in [
            ("Debian:12", "Debian:12"),
            ("Debian:12.5", "Debian:12"),
            ("Debian:3.1", "Debian:3.1"),
            ("Ubuntu:22.04:LTS", "Ubuntu:22.04"),
            ("Ubuntu:24.10", "Ubuntu:24.10"),
            ("Ubuntu:Pro:14.04:LTS", "Ubuntu:Pro:14.04"),
            ("Alpine:v3.18", "Alpine:v3.18"),
            ("Alpine:3.18.4", "Alpine:v3.18"),
            ("Alpine:edge", "Alpine:edge"),
            ("Wolfi", "Wolfi"),
            ("Wolfi:20230201", "Wolfi"),
            ("AlmaLinux:9.3", "AlmaLinux:9"),
            ("Rocky Linux:8", "Rocky Linux:8"),
            ("Red Hat:enterprise_linux:9::baseos", "Red Hat:9"),
            ("Red Hat:9.4", "Red Hat:9"),
            ("Red Hat:rhel_eus:9.2::appstream", "Red Hat:rhel_eus:9.2"),
            ("SUSE:Linux Enterprise Server 15 SP5-LTSS", "SUSE:15.5"),
            (
                "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
                "SUSE:15.5",
            ),
            ("SUSE:Linux Enterprise Micro 5.3", "SUSE:5.3"),
            ("SUSE:15.5", "SUSE:15.5"),
            ("openSUSE:Leap 15.5", "openSUSE:15.5"),
            ("openSUSE:Tumbleweed", "openSUSE:Tumbleweed"),
            ("Maven:https://repo1.maven.org/maven2", "Maven"),
            ("npm", "npm"),
        ] {
            assert_eq!(ecosystem(text), expected, "{text}");
            assert_eq!(ecosystem(&ecosystem(text)), expected, "{text} twice");
        }
    }

    #[test]
    fn names_follow_their_registry() {
        assert_eq!(package("PyPI", "Foo__Bar.baz"), "foo-bar-baz");
        assert_eq!(package("NuGet", "Newtonsoft.Json"), "newtonsoft.json");
        assert_eq!(package("npm", "JSONStream"), "JSONStream");
    }
}
