//! Files of a target that matter for how they are, not for what they
//! hold.

use serde::{Deserialize, Serialize};

/// Packages of distributions that checks of images ask about.
pub const PACKAGES: [&str; 6] = [
    "doas",
    "dropbear",
    "dropbear-bin",
    "opendoas",
    "openssh-server",
    "sudo",
];

/// A file that checks look at, or several of a sort.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotableFile {
    pub sort: NotableSort,
    /// Relative to the root; of leftovers, the folder they are in.
    pub path: String,
    /// The permission bits.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mode: u32,
    /// Of leftovers, all of them.
    #[serde(default, skip_serializing_if = "is_zero_bytes")]
    pub bytes: u64,
    /// The distribution's package that put it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// The layer it came with, the last of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero_bytes(number: &u64) -> bool {
    *number == 0
}

/// Why a file is notable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotableSort {
    /// Runs as its owner or its group, whoever starts it.
    SetId,
    /// A program that everybody may write to.
    WorldWritable,
    /// What a package manager downloaded and needs no more.
    PackageCache,
}
