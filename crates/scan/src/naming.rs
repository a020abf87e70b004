//! How packages are named: each registry's spelling, and package URLs.
//!
//! Said once, for extractors, for the squash and for reading SBOMs.

use model::{Ecosystem, OperatingSystem, PackageKind, Purl, VersionScheme, purl::PurlParts};

use crate::extract::Found;

/// A Python distribution's name, normalised: lower-case, runs of `-`,
/// `_` and `.` as one `-` (PEP 503).
pub(crate) fn pypi(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('-');
        }
        normal.push_str(&part.to_lowercase());
    }
    normal
}

/// Whose advisories speak for packages of this kind. A distribution's
/// package belongs to the image's release, but only where the release's
/// own package manager is of that kind: a stray dpkg database on Alpine
/// is matched against nothing.
pub(crate) fn ecosystem(kind: PackageKind, os: Option<&OperatingSystem>) -> Option<Ecosystem> {
    let scheme = match kind {
        PackageKind::Deb => VersionScheme::Dpkg,
        PackageKind::Apk => VersionScheme::Apk,
        PackageKind::Rpm => VersionScheme::Rpm,
        _ => return kind.registry(),
    };
    os?.ecosystem()
        .filter(|ecosystem| ecosystem.version_scheme() == Some(scheme))
}

/// The package URL of what was found on `os`; `None` where its name
/// cannot be put into one.
pub(crate) fn purl(found: &Found, os: Option<&OperatingSystem>) -> Option<Purl> {
    let mut parts = PurlParts {
        kind: found.kind.as_str().to_owned(),
        name: found.name.clone(),
        version: Some(found.version.clone()),
        qualifiers: found.qualifiers.iter().cloned().collect(),
        ..PurlParts::default()
    };
    match found.kind {
        PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm => {
            parts.namespace = Some(vendor(found.kind, os));
            if let Some(architecture) = &found.architecture {
                parts
                    .qualifiers
                    .insert("arch".to_owned(), architecture.clone());
            }
            if let Some(os) = os {
                let distro = [os.id.as_str(), os.version.as_str()]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join("-");
                parts.qualifiers.insert("distro".to_owned(), distro);
            }
            // Only rpm URLs keep the epoch out of the version.
            if found.kind == PackageKind::Rpm
                && let Some((epoch, version)) = found.version.split_once(':')
            {
                parts.version = Some(version.to_owned());
                parts
                    .qualifiers
                    .insert("epoch".to_owned(), epoch.to_owned());
            }
            // Not of the specification, but what other scanners write
            // and read: advisories are published against sources.
            if let Some(source) = &found.source
                && (source.name != found.name || source.version != found.version)
            {
                let upstream = if source.version == found.version {
                    source.name.clone()
                } else {
                    format!("{}@{}", source.name, source.version)
                };
                parts.qualifiers.insert("upstream".to_owned(), upstream);
            }
        }
        PackageKind::Maven => {
            if let Some((group, artifact)) = found.name.split_once(':') {
                parts.namespace = Some(group.to_owned());
                artifact.clone_into(&mut parts.name);
            }
        }
        PackageKind::Npm | PackageKind::Golang | PackageKind::Composer => {
            if let Some((namespace, name)) = found.name.rsplit_once('/') {
                parts.namespace = Some(namespace.to_owned());
                name.clone_into(&mut parts.name);
            }
        }
        PackageKind::Pypi
        | PackageKind::Cargo
        | PackageKind::Gem
        | PackageKind::Nuget
        | PackageKind::Generic => {}
    }
    parts.build().ok()
}

/// The package's name from its URL, as the registry spells it.
pub(crate) fn name(kind: PackageKind, parts: &PurlParts) -> String {
    match (kind, &parts.namespace) {
        (PackageKind::Maven, Some(group)) => format!("{group}:{}", parts.name),
        (PackageKind::Npm | PackageKind::Golang | PackageKind::Composer, Some(namespace)) => {
            format!("{namespace}/{}", parts.name)
        }
        (PackageKind::Pypi, _) => pypi(&parts.name),
        _ => parts.name.clone(),
    }
}

/// The namespace of distribution packages is who built them.
fn vendor(kind: PackageKind, os: Option<&OperatingSystem>) -> String {
    let id = os.map_or("", |os| os.id.as_str());
    let vendor = match (id, kind) {
        ("", PackageKind::Deb) => "debian",
        ("", PackageKind::Apk) => "alpine",
        ("", _) => "unknown",
        ("rhel", _) => "redhat",
        ("ol", _) => "oracle",
        ("amzn", _) => "amazon",
        ("sles" | "sled" | "sle-micro", _) => "suse",
        ("opensuse-leap" | "opensuse-tumbleweed", _) => "opensuse",
        (id, _) => id,
    };
    vendor.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: PackageKind, name: &str, version: &str) -> Found {
        Found::new(kind, name, version)
    }

    #[test]
    fn python_names_are_normalised() {
        for (name, normal) in [
            ("Jinja2", "jinja2"),
            ("zope.interface", "zope-interface"),
            ("ruamel__yaml-.clib", "ruamel-yaml-clib"),
            ("_private", "private"),
        ] {
            assert_eq!(pypi(name), normal);
        }
    }

    #[test]
    fn package_urls_follow_each_types_rules() {
        let debian = OperatingSystem {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            ..OperatingSystem::default()
        };
        let mut openssl = found(PackageKind::Deb, "openssl", "3.0.11-1~deb12u2");
        openssl.architecture = Some("amd64".to_owned());
        let rhel = OperatingSystem {
            id: "rhel".to_owned(),
            version: "9.3".to_owned(),
            ..OperatingSystem::default()
        };
        let bash = found(PackageKind::Rpm, "bash", "1:5.1.8-6.el9");
        let cases = [
            (
                &openssl,
                Some(&debian),
                "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
            ),
            (
                &bash,
                Some(&rhel),
                "pkg:rpm/redhat/bash@5.1.8-6.el9?distro=rhel-9.3&epoch=1",
            ),
            (
                &found(PackageKind::Npm, "@hapi/boom", "9.1.0"),
                None,
                "pkg:npm/%40hapi/boom@9.1.0",
            ),
            (
                &found(PackageKind::Maven, "org.yaml:snakeyaml", "1.30"),
                None,
                "pkg:maven/org.yaml/snakeyaml@1.30",
            ),
            (
                &found(PackageKind::Golang, "golang.org/x/net", "v0.7.0"),
                None,
                "pkg:golang/golang.org/x/net@v0.7.0",
            ),
            (
                &found(PackageKind::Golang, "stdlib", "go1.21.3"),
                None,
                "pkg:golang/stdlib@go1.21.3",
            ),
            (
                &found(PackageKind::Pypi, "jinja2", "3.1.2"),
                None,
                "pkg:pypi/jinja2@3.1.2",
            ),
        ];
        for (found, os, expected) in cases {
            let purl = purl(found, os).unwrap();
            assert_eq!(purl.as_str(), expected);
            if !found.kind.is_distribution() {
                assert_eq!(name(found.kind, &purl.parts()), found.name);
            }
        }
    }

    #[test]
    fn a_source_that_differs_is_kept_in_the_url() {
        let mut libssl = found(PackageKind::Deb, "libssl3", "3.0.11-1+b1");
        libssl.source = Some(model::SourcePackage {
            name: "openssl".to_owned(),
            version: "3.0.11-1".to_owned(),
        });
        let parts = purl(&libssl, None).unwrap().parts();
        let upstream = parts.qualifiers.get("upstream").map(String::as_str);
        assert_eq!(upstream, Some("openssl@3.0.11-1"));
    }

    #[test]
    fn a_stray_database_belongs_to_nobody() {
        let alpine = OperatingSystem {
            id: "alpine".to_owned(),
            version: "3.18.4".to_owned(),
            ..OperatingSystem::default()
        };
        let of = |kind, os| ecosystem(kind, os).map(|ecosystem| ecosystem.to_string());
        assert_eq!(of(PackageKind::Deb, Some(&alpine)), None);
        assert_eq!(of(PackageKind::Deb, None), None);
        assert_eq!(
            of(PackageKind::Apk, Some(&alpine)).as_deref(),
            Some("Alpine:v3.18")
        );
        assert_eq!(of(PackageKind::Npm, Some(&alpine)).as_deref(), Some("npm"));
    }

    #[test]
    fn a_name_that_fits_no_package_url_has_none() {
        for odd in [
            found(PackageKind::Npm, "", "1.0.0"),
            found(PackageKind::Composer, "lonely", "1.0.0"),
        ] {
            assert_eq!(purl(&odd, None), None, "{odd:?}");
        }
    }
}
