//! Licences: which are shipped, by whom, and whether they may be.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ImageRef;

/// What a licence asks of whoever ships software under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenseClass {
    Permissive,
    WeakCopyleft,
    StrongCopyleft,
    NetworkCopyleft,
    /// It forbids some uses, or asks for a contract.
    Restricted,
    /// Nobody says, or in words nobody knows.
    Unknown,
}

impl From<model::LicenseClass> for LicenseClass {
    fn from(class: model::LicenseClass) -> Self {
        match class {
            model::LicenseClass::Permissive => Self::Permissive,
            model::LicenseClass::WeakCopyleft => Self::WeakCopyleft,
            model::LicenseClass::StrongCopyleft => Self::StrongCopyleft,
            model::LicenseClass::NetworkCopyleft => Self::NetworkCopyleft,
            model::LicenseClass::Restricted => Self::Restricted,
            model::LicenseClass::Unknown => Self::Unknown,
        }
    }
}

/// Licences over the images in scope, and what may be shipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Licenses {
    /// Most images first.
    pub licenses: Vec<LicenseUse>,
    /// Images that ship something of each class.
    pub classes: Vec<LicenseClassCount>,
    /// Absent: nobody said what may be shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<LicensePolicyText>,
}

/// One licence over the images in scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseUse {
    /// SPDX's identifier, or the words packages use.
    pub license: String,
    pub class: LicenseClass,
    /// What the policy says of it by itself; of a choice between licences
    /// one that is allowed is enough.
    pub forbidden: bool,
    pub images: u64,
    /// Packages in all of them; one in two images counts twice.
    pub packages: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseClassCount {
    pub class: LicenseClass,
    /// Different licences of it.
    pub licenses: u64,
    /// Packages under one of them.
    pub packages: u64,
}

/// What may be shipped, as the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicensePolicyText {
    pub allowed: Vec<String>,
    pub forbidden: Vec<String>,
    pub exceptions: Vec<String>,
}

/// An image that ships something under a licence or a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseHolder {
    pub image: ImageRef,
    pub packages: u64,
    /// The first few of them, by name.
    pub named: Vec<String>,
}

/// The licences of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageLicenses {
    /// What asks most first.
    pub licenses: Vec<ImageLicense>,
    /// Packages that the policy does not allow.
    pub violations: Vec<LicenseViolation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageLicense {
    pub license: String,
    pub class: LicenseClass,
    pub packages: u64,
    /// The first few of them, by name.
    pub named: Vec<String>,
}

/// A package with a licence that may not be shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenseViolation {
    pub package: String,
    pub version: String,
    /// As one expression, or in the package's words.
    pub license: String,
    /// Nobody knows the licence, and only some are allowed.
    pub unclear: bool,
}

/// Which licences to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LicenseQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// Text in the licence's name.
    pub q: Option<String>,
    /// Several separated by commas.
    pub class: Option<String>,
}

/// Whose images to list: those under a licence, or under any of a class.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LicenseHolderQuery {
    pub environment: Option<String>,
    /// Exactly this one, as `GET /licenses` names it.
    pub license: Option<String>,
    /// Several separated by commas.
    pub class: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}
