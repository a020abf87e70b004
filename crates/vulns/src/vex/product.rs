//! What a statement is about: images, packages, packages in either.

use std::fmt;

use model::{
    Digest, OperatingSystem, Package, Sbom, TargetKind,
    purl::{Purl, PurlParts},
    scan::Target,
};

/// How one thing is identified; every means given must agree with at
/// least one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) purls: Vec<PurlParts>,
    /// SHA-256, lower-case hex.
    pub(crate) hashes: Vec<String>,
    /// An image reference, or an id only its author knows.
    pub(crate) name: Option<String>,
    pub(crate) cpe: Option<String>,
}

/// A thing, and the parts of it that are meant; all of it when none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) identity: Identity,
    pub(crate) parts: Vec<Identity>,
}

/// What was scanned, as statements may name it.
#[derive(Debug)]
pub(crate) struct Scene<'s> {
    digests: Vec<Digest>,
    names: Vec<ImageName>,
    os: Option<&'s OperatingSystem>,
    packages: Vec<(&'s str, PurlParts)>,
}

/// An image's name taken apart.
#[derive(Debug, PartialEq, Eq)]
struct ImageName {
    /// Registry and path: `docker.io/library/nginx`.
    repository: String,
    tag: Option<String>,
}

impl<'s> Scene<'s> {
    pub(crate) fn of(target: &'s Target, sbom: &'s Sbom) -> Self {
        let image = sbom.image.as_ref();
        let mut names: Vec<ImageName> = image
            .into_iter()
            .flat_map(|image| &image.tags)
            .map(|tag| ImageName::parse(tag))
            .collect();
        if target.kind == TargetKind::Image {
            names.push(ImageName::parse(&target.name));
        }
        Self {
            digests: image
                .into_iter()
                .flat_map(|image| [image.manifest, image.config])
                .flatten()
                .collect(),
            names,
            os: sbom.os.as_ref(),
            packages: Vec::new(),
        }
        .with_packages(&sbom.packages)
    }

    fn with_packages(mut self, packages: &'s [Package]) -> Self {
        self.packages = packages
            .iter()
            .map(|package| (package.path.as_str(), package.purl.parts()))
            .collect();
        self
    }
}

impl ImageName {
    fn parse(text: &str) -> Self {
        let name = text.split('@').next().unwrap_or(text);
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let colon = name.get(last..).and_then(|part| part.find(':'));
        let end = colon.map_or(name.len(), |colon| last + colon);
        Self {
            repository: full_repository(name.get(..end).unwrap_or(name)),
            tag: colon.and_then(|_| name.get(end + 1..)).map(str::to_owned),
        }
    }
}

/// Docker's short forms written out: `nginx` is
/// `docker.io/library/nginx`.
fn full_repository(name: &str) -> String {
    let name = name.trim_end_matches('/').to_ascii_lowercase();
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("docker.io", name.as_str()),
    };
    let registry = match registry {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io",
        registry => registry,
    };
    if registry == "docker.io" && !path.contains('/') {
        format!("docker.io/library/{path}")
    } else {
        format!("{registry}/{path}")
    }
}

impl Product {
    /// Whether a package, in what was scanned, is meant.
    pub(crate) fn is(&self, package: &Package, scene: &Scene<'_>) -> bool {
        let purl = package.purl.parts();
        if self.parts.is_empty() {
            return self.identity.is_image(scene) || self.identity.is_package(&purl, scene);
        }
        if !self.parts.iter().any(|part| part.is_package(&purl, scene)) {
            return false;
        }
        // A library inside a program: both are named by one file.
        self.identity.is_image(scene)
            || scene.packages.iter().any(|(path, product)| {
                *path == package.path && self.identity.is_package(product, scene)
            })
    }
}

/// The best name it has, for people; package URLs without their escapes.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(purl) = self.purls.first() {
            return write_purl(purl, f);
        }
        let name = self.name.as_ref().or(self.cpe.as_ref());
        match (name, self.hashes.first()) {
            (Some(name), _) => f.write_str(name),
            (None, Some(hash)) => write!(f, "sha256:{hash}"),
            (None, None) => f.write_str("not named"),
        }
    }
}

fn write_purl(purl: &PurlParts, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "pkg:{}/", purl.kind)?;
    if let Some(namespace) = &purl.namespace {
        write!(f, "{namespace}/")?;
    }
    f.write_str(&purl.name)?;
    if let Some(version) = &purl.version {
        write!(f, "@{version}")?;
    }
    for (step, (key, value)) in purl.qualifiers.iter().enumerate() {
        let sign = if step == 0 { '?' } else { '&' };
        write!(f, "{sign}{key}={value}")?;
    }
    match &purl.subpath {
        Some(subpath) => write!(f, "#{subpath}"),
        None => Ok(()),
    }
}

impl Identity {
    pub(crate) fn of_purl(purl: &Purl) -> Self {
        Self {
            purls: vec![purl.parts()],
            ..Self::default()
        }
    }

    /// Reads what may be a package URL, an image reference or a name.
    pub(crate) fn of_text(text: &str) -> Self {
        match text.parse::<Purl>() {
            Ok(purl) => Self::of_purl(&purl),
            Err(_) => Self {
                name: Some(text.to_owned()),
                ..Self::default()
            },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn is_package(&self, package: &PurlParts, scene: &Scene<'_>) -> bool {
        !self.purls.is_empty()
            && self.purls.iter().any(|purl| purl_matches(purl, package))
            && self.is_this_system(scene)
    }

    /// A platform given only as a CPE narrows a statement to systems of
    /// that vendor and release.
    fn is_this_system(&self, scene: &Scene<'_>) -> bool {
        self.cpe
            .as_deref()
            .is_none_or(|cpe| scene.os.is_some_and(|os| cpe_is(cpe, os)))
    }

    fn is_image(&self, scene: &Scene<'_>) -> bool {
        let is_hash = |hash: &String| scene.digests.iter().any(|digest| digest.hex() == *hash);
        if !self.hashes.is_empty() {
            return self.hashes.iter().any(is_hash);
        }
        if self.purls.iter().any(|purl| is_oci(purl, scene)) {
            return true;
        }
        if let Some(name) = &self.name {
            return is_reference(name, scene);
        }
        self.purls.is_empty()
            && self
                .cpe
                .as_deref()
                .is_some_and(|cpe| scene.os.is_some_and(|os| cpe_is(cpe, os)))
    }
}

/// Whether a VEX package URL means a package: same type, namespace and
/// name; version and qualifiers only where the statement gives them.
pub(crate) fn purl_matches(said: &PurlParts, package: &PurlParts) -> bool {
    let is_same_name = said.kind == package.kind
        && said.name == package.name
        && said.namespace.as_deref().unwrap_or_default()
            == package.namespace.as_deref().unwrap_or_default();
    let version = said.version.as_deref();
    is_same_name
        && version.is_none_or(|version| Some(version) == package.version.as_deref())
        && said
            .qualifiers
            .iter()
            .filter(|(key, _)| matches!(key.as_str(), "arch" | "distro" | "epoch"))
            .all(|(key, value)| {
                let ours = package.qualifiers.get(key);
                // What we do not know cannot contradict.
                ours.is_none_or(|ours| ours == value)
            })
}

/// `pkg:oci/nginx@sha256%3A…?repository_url=docker.io/library/nginx&tag=1.25`
fn is_oci(purl: &PurlParts, scene: &Scene<'_>) -> bool {
    if !matches!(purl.kind.as_str(), "oci" | "docker") {
        return false;
    }
    if let Some(version) = purl.version.as_deref()
        && let Ok(digest) = version.parse::<Digest>()
    {
        return scene.digests.contains(&digest);
    }
    let repository = purl.qualifiers.get("repository_url");
    let repository = repository.map(|url| {
        let url = url.trim_start_matches("https://");
        full_repository(url)
    });
    let tag = purl.qualifiers.get("tag").or(purl.version.as_ref());
    scene.names.iter().any(|name| {
        let path = &name.repository;
        let is_name = match &repository {
            // The URL may or may not end in the image's own name.
            Some(repository) => {
                path == repository || *path == format!("{repository}/{}", purl.name)
            }
            None => match &purl.namespace {
                Some(namespace) => path.ends_with(&format!("/{namespace}/{}", purl.name)),
                None => path.rsplit('/').next() == Some(purl.name.as_str()),
            },
        };
        is_name && tag.is_none_or(|tag| name.tag.as_ref() == Some(tag))
    })
}

/// An image reference in so many words.
fn is_reference(text: &str, scene: &Scene<'_>) -> bool {
    if let Some((_, digest)) = text.split_once('@')
        && let Ok(digest) = digest.parse::<Digest>()
    {
        return scene.digests.contains(&digest);
    }
    if text.contains("://") || text.is_empty() {
        return false;
    }
    let said = ImageName::parse(text);
    scene.names.iter().any(|name| {
        name.repository == said.repository
            && said
                .tag
                .as_ref()
                .is_none_or(|tag| name.tag.as_ref() == Some(tag))
    })
}

/// Whether a CPE (2.2 URI or 2.3 string) names this operating system.
fn cpe_is(cpe: &str, os: &OperatingSystem) -> bool {
    let rest = cpe
        .strip_prefix("cpe:2.3:")
        .or_else(|| cpe.strip_prefix("cpe:/"))
        .unwrap_or_default();
    let mut parts = rest.split(':').skip(1);
    let (vendor, product) = (parts.next(), parts.next());
    let version = parts.next().unwrap_or_default();
    let ids: &[&str] = match (vendor, product) {
        (Some("redhat"), Some("enterprise_linux")) => &["rhel", "centos"],
        (Some("suse"), _) => &["sles", "sled"],
        (Some("debian"), _) => &["debian"],
        (Some("canonical"), _) => &["ubuntu"],
        (Some("alpinelinux"), _) => &["alpine"],
        (Some("oracle"), Some("linux")) => &["ol"],
        _ => return false,
    };
    let is_release = matches!(version, "" | "*" | "-")
        || os.version == version
        || os
            .version
            .strip_prefix(version)
            .is_some_and(|rest| rest.starts_with('.'));
    ids.contains(&os.id.as_str()) && is_release
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_image_names_are_written_out() {
        assert_eq!(
            ImageName::parse("nginx:1.25"),
            ImageName {
                repository: "docker.io/library/nginx".to_owned(),
                tag: Some("1.25".to_owned())
            }
        );
        assert_eq!(
            ImageName::parse("localhost:5000/app@sha256:0").repository,
            "localhost:5000/app"
        );
    }

    #[test]
    fn a_cpe_names_a_system_by_vendor_and_release() {
        let os = OperatingSystem {
            id: "rhel".to_owned(),
            version: "9.4".to_owned(),
            ..OperatingSystem::default()
        };
        assert!(cpe_is("cpe:/o:redhat:enterprise_linux:9", &os));
        assert!(!cpe_is("cpe:/o:redhat:enterprise_linux:8", &os));
        assert!(!cpe_is(
            "cpe:2.3:o:debian:debian_linux:9:*:*:*:*:*:*:*",
            &os
        ));
    }
}
