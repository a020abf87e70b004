//! How other tools say what the standards have no field for: package-URL
//! qualifiers, and the properties of Syft and Trivy.

use model::{OperatingSystem, PackageKind, SourcePackage, purl::PurlParts};

use super::component::Component;

pub(super) const TRIVY_DIFF_ID: &str = "aquasecurity:trivy:DiffID";
pub(super) const TRIVY_IMAGE_ID: &str = "aquasecurity:trivy:ImageID";
pub(super) const TRIVY_REPOSITORY_TAG: &str = "aquasecurity:trivy:RepoTag";

/// The version with its epoch, which some write as a qualifier.
pub(super) fn version(kind: PackageKind, parts: &PurlParts) -> Option<String> {
    let version = parts.version.as_deref()?;
    match parts.qualifiers.get("epoch").map(String::as_str) {
        Some(epoch) if kind.is_distribution() && epoch != "0" && !version.contains(':') => {
            Some(format!("{epoch}:{version}"))
        }
        _ => Some(version.to_owned()),
    }
}

/// The system in a `distro` qualifier: `debian-12`, `alpine-3.18.4`,
/// `opensuse-leap-15.5`, `wolfi`.
pub(super) fn distribution(parts: &PurlParts) -> Option<OperatingSystem> {
    let distro = parts.qualifiers.get("distro")?;
    let (id, version) = match distro.rsplit_once('-') {
        Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => (id, version),
        _ => (distro.as_str(), ""),
    };
    (!id.is_empty()).then(|| OperatingSystem {
        id: system_id(id).to_owned(),
        version: version.to_owned(),
        ..OperatingSystem::default()
    })
}

/// The `ID` of `os-release` for the names in use.
pub(super) fn system_id(name: &str) -> &str {
    match name {
        "alma" => "almalinux",
        "amazon" => "amzn",
        "cbl-mariner" => "mariner",
        "opensuse.leap" => "opensuse-leap",
        "opensuse.tumbleweed" => "opensuse-tumbleweed",
        "oracle" => "ol",
        "redhat" => "rhel",
        "suse linux enterprise server" => "sles",
        name => name,
    }
}

/// The source package: Trivy's properties, or the `upstream` qualifier.
pub(super) fn source(
    component: &Component,
    kind: PackageKind,
    parts: &PurlParts,
    version: &str,
) -> Option<SourcePackage> {
    let trivy = |name: &str| component.fact(&format!("aquasecurity:trivy:{name}"));
    if let (Some(name), Some(version)) = (trivy("SrcName"), trivy("SrcVersion")) {
        let mut version = version.to_owned();
        if let Some(release) = trivy("SrcRelease") {
            version = format!("{version}-{release}");
        }
        if let Some(epoch) = trivy("SrcEpoch").filter(|epoch| *epoch != "0") {
            version = format!("{epoch}:{version}");
        }
        return Some(SourcePackage {
            name: name.to_owned(),
            version,
        });
    }
    if !kind.is_distribution() {
        return None;
    }
    let upstream = parts.qualifiers.get("upstream")?;
    // Several are separated by commas; the first is the package's own.
    let upstream = upstream.split(',').next().unwrap_or(upstream);
    if let Some(file) = upstream.strip_suffix(".src.rpm") {
        let mut parts = file.rsplitn(3, '-');
        let (release, upstream_version, name) = (parts.next()?, parts.next()?, parts.next()?);
        let epoch = version.split_once(':').map(|(epoch, _)| epoch);
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        return Some(SourcePackage {
            name: name.to_owned(),
            version: format!("{epoch}{upstream_version}-{release}"),
        });
    }
    Some(match upstream.split_once('@') {
        Some((name, version)) => SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        },
        None => SourcePackage {
            name: upstream.to_owned(),
            version: without_rebuild(kind, version).to_owned(),
        },
    })
}

/// Debian rebuilds a binary package without changing its source:
/// `1.2-3+b4` is built from `1.2-3`.
fn without_rebuild(kind: PackageKind, version: &str) -> &str {
    if kind != PackageKind::Deb {
        return version;
    }
    match version.rsplit_once("+b") {
        Some((source, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            source
        }
        _ => version,
    }
}

/// The file the component was found in.
pub(super) fn path(component: &Component) -> Option<&str> {
    component
        .fact("syft:location:0:path")
        .or_else(|| component.fact("aquasecurity:trivy:FilePath"))
}

/// The uncompressed digest of the layer the component came with.
pub(super) fn layer(component: &Component) -> Option<&str> {
    component
        .fact("aquasecurity:trivy:LayerDiffID")
        .or_else(|| component.fact("syft:location:0:layerID"))
}

#[cfg(test)]
mod tests {
    use model::Purl;

    use super::*;

    fn parts(purl: &str) -> PurlParts {
        purl.parse::<Purl>().unwrap().parts()
    }

    #[test]
    fn epochs_are_put_back() {
        let cases = [
            ("pkg:rpm/redhat/bash@5.1-6.el9?epoch=1", "1:5.1-6.el9"),
            ("pkg:rpm/redhat/bash@5.1-6.el9?epoch=0", "5.1-6.el9"),
            ("pkg:deb/debian/bash@2.3-1?epoch=1", "1:2.3-1"),
            ("pkg:deb/debian/bash@1:2.3-1?epoch=1", "1:2.3-1"),
            ("pkg:npm/bash@1.0.0?epoch=1", "1.0.0"),
        ];
        for (purl, expected) in cases {
            let parts = parts(purl);
            let kind = PackageKind::from_purl_type(&parts.kind).unwrap();
            assert_eq!(version(kind, &parts).as_deref(), Some(expected), "{purl}");
        }
    }

    #[test]
    fn distributions_are_read_from_the_qualifier() {
        let cases = [
            ("debian-12", "debian", "12"),
            ("opensuse-leap-15.5", "opensuse-leap", "15.5"),
            ("redhat-9.3", "rhel", "9.3"),
            ("wolfi", "wolfi", ""),
        ];
        for (distro, id, version) in cases {
            let os = distribution(&parts(&format!("pkg:deb/x/y@1?distro={distro}"))).unwrap();
            assert_eq!((os.id.as_str(), os.version.as_str()), (id, version));
        }
        assert_eq!(distribution(&parts("pkg:deb/x/y@1")), None);
    }

    #[test]
    fn sources_are_read_from_the_qualifier() {
        let cases = [
            (
                "pkg:deb/debian/libssl3@3.0.11-1?upstream=openssl%403.0.10-1",
                "openssl 3.0.10-1",
            ),
            (
                "pkg:deb/debian/libc6@2.36-9+b2?upstream=glibc",
                "glibc 2.36-9",
            ),
            (
                "pkg:rpm/redhat/openssl-libs@3.0.7-24.el9?epoch=1&upstream=openssl-3.0.7-24.el9.src.rpm",
                "openssl 1:3.0.7-24.el9",
            ),
            (
                "pkg:apk/alpine/libssl3@3.1.4-r5?upstream=openssl",
                "openssl 3.1.4-r5",
            ),
        ];
        for (purl, expected) in cases {
            let parts = parts(purl);
            let kind = PackageKind::from_purl_type(&parts.kind).unwrap();
            let version = version(kind, &parts).unwrap();
            let source = source(&Component::default(), kind, &parts, &version).unwrap();
            assert_eq!(format!("{} {}", source.name, source.version), expected);
        }
    }
}
