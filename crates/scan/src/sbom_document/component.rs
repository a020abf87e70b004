//! What every SBOM format states about a component, and how that becomes
//! a package.

use std::collections::BTreeMap;

use model::{
    Digest, Ecosystem, ImageConfig, ImageIdentity, Layer, OperatingSystem, Package, PackageKind,
    Purl, Sbom, SourcePackage, Warning, purl::PurlParts,
};

use super::foreign;
use crate::naming;

/// A document, whatever its format.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// What the document is about.
    pub subject: Option<Component>,
    /// What that holds, without nesting.
    pub components: Vec<Component>,
}

/// What kind of component it says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    Package,
    OperatingSystem,
    Container,
    /// Files, devices, data: nothing to match.
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Component {
    pub role: Role,
    pub group: Option<String>,
    pub name: String,
    pub version: Option<String>,
    pub description: Option<String>,
    pub purl: Option<String>,
    pub licenses: Vec<String>,
    /// The first file it was found in, as the format's own field says.
    pub location: Option<String>,
    /// Named properties, ours (`seawall:path`) and other tools'.
    pub facts: Vec<(String, String)>,
}

impl Component {
    /// The first fact called `name`.
    pub(super) fn fact(&self, name: &str) -> Option<&str> {
        self.facts
            .iter()
            .find(|(fact, value)| fact == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn facts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.facts
            .iter()
            .filter(move |(fact, value)| fact == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether this very program wrote the document.
    fn is_own(&self) -> bool {
        self.facts
            .iter()
            .any(|(name, _)| name.starts_with("seawall:"))
    }
}

impl Document {
    pub(super) fn into_sbom(self) -> Sbom {
        let layers = self.subject.iter().flat_map(layers).collect::<Vec<_>>();
        let mut warnings: Vec<Warning> = self
            .subject
            .iter()
            .flat_map(|subject| subject.facts("seawall:warning"))
            .map(Warning::new)
            .collect();
        let os = self
            .components
            .iter()
            .find(|component| component.role == Role::OperatingSystem)
            .map(operating_system)
            .or_else(|| self.components.iter().find_map(distribution_of));
        let indices: BTreeMap<Digest, u32> =
            layers.iter().map(|layer| layer.diff_id).zip(0..).collect();
        let mut packages = Vec::new();
        let mut nameless = 0_usize;
        for component in &self.components {
            match package(component, os.as_ref(), &indices) {
                Some(Ok(package)) => packages.push(package),
                Some(Err(Unusable)) => nameless += 1,
                None => {}
            }
        }
        if nameless > 0 {
            warnings.push(Warning::new(format!(
                "{nameless} components of the SBOM have no usable name and version"
            )));
        }
        packages.sort();
        packages.dedup();
        Sbom {
            os,
            image: self.subject.as_ref().and_then(image),
            config: self.subject.as_ref().and_then(config),
            layers,
            packages,
            files: None,
            secrets: None,
            malware: None,
            notable: None,
            warnings,
        }
    }
}

/// A component that ought to be a package and cannot be one.
struct Unusable;

fn package(
    component: &Component,
    os: Option<&OperatingSystem>,
    layers: &BTreeMap<Digest, u32>,
) -> Option<Result<Package, Unusable>> {
    if component.role != Role::Package {
        return None;
    }
    let purl: Option<Purl> = component.purl.as_deref().and_then(|text| text.parse().ok());
    let parts = purl.as_ref().map(Purl::parts);
    // Groupings such as "everything in app/package-lock.json" have
    // neither version nor package URL.
    if parts.is_none() && component.version.is_none() {
        return None;
    }
    Some(match parts {
        Some(parts) => identified(component, purl?, &parts, os, layers),
        None => generic(component, layers),
    })
}

fn identified(
    component: &Component,
    purl: Purl,
    parts: &PurlParts,
    os: Option<&OperatingSystem>,
    layers: &BTreeMap<Digest, u32>,
) -> Result<Package, Unusable> {
    let kind = PackageKind::from_purl_type(&parts.kind).unwrap_or(PackageKind::Generic);
    let is_own = component.is_own();
    let version = if is_own {
        component.version.clone()
    } else {
        foreign::version(kind, parts).or_else(|| component.version.clone())
    };
    let version = version
        .filter(|version| !version.is_empty())
        .ok_or(Unusable)?;
    let ecosystem = if is_own {
        component
            .fact("seawall:ecosystem")
            .and_then(|text| text.parse::<Ecosystem>().ok())
    } else if kind.is_distribution() {
        foreign::distribution(parts)
            .as_ref()
            .or(os)
            .and_then(OperatingSystem::ecosystem)
    } else {
        kind.registry()
    };
    let source = match (
        component.fact("seawall:source-name"),
        component.fact("seawall:source-version"),
    ) {
        (Some(name), Some(version)) => Some(SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        }),
        _ if is_own => None,
        _ => foreign::source(component, kind, parts, &version),
    };
    let architecture = component
        .fact("seawall:architecture")
        .or_else(|| parts.qualifiers.get("arch").map(String::as_str))
        .filter(|_| is_own || kind.is_distribution());
    Ok(Package {
        kind,
        name: name(component, kind, parts, is_own),
        version,
        ecosystem,
        source,
        architecture: architecture.map(str::to_owned),
        licenses: component.licenses.clone(),
        path: path(component),
        layer: layer(component, layers),
        owned_by: component.fact("seawall:owned-by").map(str::to_owned),
        purl,
    })
}

/// A component without a (valid) package URL is listed by its name, and
/// nothing is ever matched to it.
fn generic(component: &Component, layers: &BTreeMap<Digest, u32>) -> Result<Package, Unusable> {
    let version = component.version.clone().ok_or(Unusable)?;
    let parts = PurlParts {
        kind: PackageKind::Generic.as_str().to_owned(),
        namespace: component.group.clone(),
        name: component.name.clone(),
        version: Some(version.clone()),
        ..PurlParts::default()
    };
    let purl = match parts.build() {
        Ok(purl) if !version.is_empty() => purl,
        _ => return Err(Unusable),
    };
    Ok(Package {
        kind: PackageKind::Generic,
        name: match &component.group {
            Some(group) => format!("{group}/{}", component.name),
            None => component.name.clone(),
        },
        version,
        ecosystem: None,
        source: None,
        architecture: None,
        licenses: component.licenses.clone(),
        path: path(component),
        layer: layer(component, layers),
        owned_by: None,
        purl,
    })
}

/// The registry's spelling. Package URLs put Go and npm names into lower
/// case, which the registries themselves do not.
fn name(component: &Component, kind: PackageKind, parts: &PurlParts, is_own: bool) -> String {
    let from_purl = naming::name(kind, parts);
    let grouped = component.group.as_deref().map(|group| match kind {
        PackageKind::Maven => format!("{group}:{}", component.name),
        _ => format!("{group}/{}", component.name),
    });
    let stated = grouped.as_deref().unwrap_or(&component.name);
    let is_finer = matches!(kind, PackageKind::Golang | PackageKind::Npm)
        && stated.eq_ignore_ascii_case(&from_purl);
    if is_own && !stated.is_empty() || is_finer {
        stated.to_owned()
    } else {
        from_purl
    }
}

fn path(component: &Component) -> String {
    component
        .fact("seawall:path")
        .or_else(|| foreign::path(component))
        .or(component.location.as_deref())
        .unwrap_or_default()
        .trim_start_matches('/')
        .to_owned()
}

fn layer(component: &Component, layers: &BTreeMap<Digest, u32>) -> Option<u32> {
    let digest = component
        .fact("seawall:layer")
        .or_else(|| foreign::layer(component))?;
    layers.get(&digest.parse().ok()?).copied()
}

/// Lowest first, as the subject lists them.
fn layers(subject: &Component) -> Vec<Layer> {
    ["seawall:layer", foreign::TRIVY_DIFF_ID]
        .into_iter()
        .flat_map(|name| subject.facts(name))
        .filter_map(|text| text.parse().ok())
        .map(|diff_id| Layer {
            diff_id,
            digest: None,
            size: None,
            created_by: None,
            created: None,
        })
        .collect()
}

fn image(subject: &Component) -> Option<ImageIdentity> {
    let purl: Option<Purl> = subject.purl.as_deref().and_then(|text| text.parse().ok());
    let manifest = [
        subject.version.clone(),
        purl.and_then(|purl| purl.parts().version),
    ]
    .into_iter()
    .flatten()
    .find_map(|text| text.parse().ok());
    let config = subject
        .fact("seawall:config")
        .or_else(|| subject.fact(foreign::TRIVY_IMAGE_ID))
        .and_then(|text| text.parse().ok());
    let tags: Vec<String> = ["seawall:tag", foreign::TRIVY_REPOSITORY_TAG]
        .into_iter()
        .flat_map(|name| subject.facts(name))
        .map(str::to_owned)
        .collect();
    let identity = ImageIdentity {
        manifest,
        config,
        tags,
    };
    (subject.role == Role::Container && identity != ImageIdentity::default()).then_some(identity)
}

fn config(subject: &Component) -> Option<ImageConfig> {
    let platform = subject.fact("seawall:platform")?.parse().ok()?;
    Some(ImageConfig {
        platform: Some(platform),
        ..ImageConfig::default()
    })
}

fn operating_system(component: &Component) -> OperatingSystem {
    OperatingSystem {
        id: foreign::system_id(&component.name).to_owned(),
        version: component.version.clone().unwrap_or_default(),
        name: component.description.clone().unwrap_or_default(),
        codename: component.fact("seawall:os-codename").map(str::to_owned),
        like: component
            .facts("seawall:os-like")
            .map(str::to_owned)
            .collect(),
    }
}

/// The system a distribution package says it belongs to.
fn distribution_of(component: &Component) -> Option<OperatingSystem> {
    let purl: Purl = component.purl.as_deref()?.parse().ok()?;
    foreign::distribution(&purl.parts())
}
