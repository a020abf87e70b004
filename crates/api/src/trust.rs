//! Trust policies: whose signatures images must have, and which have one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::ImageRef;

/// Whose signatures images of some repositories must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustPolicy {
    pub id: String,
    pub environment: String,
    pub name: String,
    pub description: String,
    /// Names with their registry; `*` stands for anything.
    pub repositories: Vec<String>,
    /// Any one of them suffices.
    pub signers: Vec<TrustSigner>,
    /// Authorities whose timestamps notation's signatures are believed.
    pub stampers: Vec<TrustStamper>,
    /// Sigstore's trusted root is set.
    pub has_root: bool,
    pub enabled: bool,
    /// Grows with every change.
    pub revision: u64,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub updated_by: String,
    pub counts: TrustCounts,
}

/// Images a policy holds for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustCounts {
    /// Signed as is asked for.
    pub signed: u64,
    /// Not signed so.
    pub refused: u64,
    /// Not looked at yet, or not since the policy changed.
    pub pending: u64,
    /// The registry could not be asked.
    pub unknown: u64,
}

/// Somebody whose signature will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TrustSigner {
    /// cosign, with a key.
    Key {
        /// What people know it by.
        name: String,
        /// `-----BEGIN PUBLIC KEY-----`
        pem: String,
        /// SHA-256 of the key; answered, never asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
    },
    /// Sigstore, as somebody who logged in; needs the trusted root.
    Identity {
        /// Exactly: `https://token.actions.githubusercontent.com`
        issuer: String,
        /// `*` stands for anything.
        subject: String,
    },
    /// Notation, by a certificate that one of these authorities vouches
    /// for, or that is one of these.
    Certificate {
        name: String,
        /// `-----BEGIN CERTIFICATE-----`, one or more.
        pem: String,
        /// The signer's name, as the certificate writes it; `*` stands
        /// for anything. Absent: whoever the authority vouches for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// SHA-256 of the first; answered, never asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
        /// When the first ends; answered, never asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<Timestamp>,
    },
}

/// The root of a timestamp authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustStamper {
    pub name: String,
    /// `-----BEGIN CERTIFICATE-----`
    pub pem: String,
}

/// A policy to be made, or what one is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTrustPolicy {
    #[schema(max_length = 100)]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub description: String,
    /// Where it holds; only when it is made. The one a token is for, else
    /// the server's own, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Names with their registry, as `registry.example/team/*`.
    #[schema(min_items = 1, max_items = 200)]
    pub repositories: Vec<String>,
    #[schema(min_items = 1, max_items = 64)]
    pub signers: Vec<TrustSigner>,
    #[serde(default)]
    pub stampers: Vec<TrustStamper>,
    /// Sigstore's `trusted_root.json`. Absent in a change: the one that
    /// is set stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub trusted_root: Option<Value>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// What came of looking at an image's signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustVerdict {
    Pending,
    Signed,
    Refused,
    Unknown,
}

/// An image, and whether it is signed as a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustOutcome {
    /// The policy's id and name.
    pub policy: String,
    pub policy_name: String,
    /// With its registry.
    pub repository: String,
    pub digest: String,
    pub verdict: TrustVerdict,
    /// A word for why not: `unsigned`, `other_key`, `other_signer`,
    /// `other_image`, `expired`, `not_logged`, `not_vouched_for`,
    /// `attested_only`, `broken`, `not_asked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The same in words, and what would mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// Who signed; where the verdict is `refused`, who did instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// `cosign`, `bundle` or `notation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The index that is signed, where the image itself is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// When it was signed, as the log or a timestamp authority says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
    /// Until when the signature counts, where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// Since when it is so.
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Timestamp>,
    pub next_check: Timestamp,
    /// The image, where it was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
}

/// Whose policies.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrustQuery {
    pub environment: Option<String>,
}

/// Which of the images a policy holds for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrustImageQuery {
    /// Text in the repository or the digest.
    pub q: Option<String>,
    #[param(inline)]
    pub verdict: Option<TrustVerdict>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}
