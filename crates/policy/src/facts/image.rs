//! An image's facts, from what was read of it.

use model::{
    ImageConfig, LicensePolicy, LicenseVerdict, Licensed, Package, Sbom, TargetKind, scan::Target,
};
use serde::{Deserialize, Serialize};

use super::{ImageFacts, ImageSettings};

/// Where builders write which image one is built on (OCI image
/// specification, annotations.md).
const BASE: &str = "org.opencontainers.image.base.name";

/// A package with a licence that may not be shipped, or that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlicensed {
    pub package: String,
    pub version: String,
    pub license: String,
    /// Whether it may be shipped cannot be told.
    #[serde(default)]
    pub is_unclear: bool,
}

impl Unlicensed {
    /// What `policy` has to say of a package, if anything.
    pub fn of(policy: &LicensePolicy, package: &Package) -> Option<Self> {
        (policy.judge(package) != LicenseVerdict::Allowed).then(|| {
            let (name, version) = (package.name.clone(), package.version.clone());
            Self::named(policy, name, version, &package.licenses)
        })
    }

    /// A package whose licences `policy` does not allow.
    pub fn named(
        policy: &LicensePolicy,
        package: String,
        version: String,
        licenses: &[String],
    ) -> Self {
        let terms = Licensed::of(licenses);
        Self {
            package,
            version,
            is_unclear: policy.judge_text(licenses) == LicenseVerdict::Unclear,
            license: match terms.expression {
                Some(expression) => expression,
                None if terms.names.is_empty() => "none named".to_owned(),
                None => terms.names.join(", "),
            },
        }
    }
}

impl From<ImageConfig> for ImageSettings {
    fn from(mut config: ImageConfig) -> Self {
        Self {
            user: config.user,
            health_check: config.health_check,
            steps: config.steps,
            ports: config.ports,
            secret_variables: config.secret_variables,
            base: config.labels.remove(BASE),
        }
    }
}

impl ImageFacts {
    /// What a scan alone tells; nothing is known of what runs. `None`: it
    /// is no image.
    pub fn of(sbom: &Sbom, target: &Target, policy: Option<&LicensePolicy>) -> Option<Self> {
        if target.kind != TargetKind::Image {
            return None;
        }
        let system = sbom
            .packages
            .iter()
            .filter(|package| package.kind.is_distribution());
        let asked =
            system.filter(|package| model::notable::PACKAGES.contains(&package.name.as_str()));
        Some(Self {
            name: target.name.clone(),
            unread: sbom.warnings.iter().map(ToString::to_string).collect(),
            os: sbom.os.clone(),
            config: sbom.config.clone().map(Into::into),
            files: sbom.notable.clone(),
            packages: Some(asked.map(|package| package.name.clone()).collect()),
            unlicensed: policy.filter(|policy| !policy.is_empty()).map(|policy| {
                let packages = sbom.packages.iter();
                packages
                    .filter_map(|package| Unlicensed::of(policy, package))
                    .collect()
            }),
            ..Self::default()
        })
    }
}
