//! Secrets found in what was scanned: where each is and what kind of one,
//! never what it is.

use serde::{Deserialize, Serialize};

use crate::Severity;

/// A secret somebody left in an image or a folder. Its value is gone
/// before this is made: what is kept of it names it to whoever owns it,
/// and is of no use to anybody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FoundSecret {
    /// The kind of secret, by its id: `github-personal-token`.
    pub rule: String,
    pub severity: Severity,
    pub place: SecretPlace,
    /// The file, relative to the root; of an image's configuration, the
    /// entry in words (`ENV DB_PASSWORD`, `step 4`, `LABEL build`).
    pub path: String,
    /// In the file, from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What it looks like, with all but a few letters left out.
    pub redacted: String,
    /// Tells one value of this kind from another: a slow hash, cut short
    /// where people choose such values.
    pub mark: String,
    /// What could be told of it without asking anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The layer it came with; absent where there are none, and for what
    /// the configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// The layer that removed or replaced the file. Whoever can pull the
    /// image still has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_in: Option<u32>,
}

/// What of a target holds a secret.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    #[default]
    File,
    /// A variable every container of the image is given.
    Environment,
    /// A step the image was built by, build arguments among them.
    BuildStep,
    Label,
    /// What is run when a container starts.
    Command,
}

impl SecretPlace {
    pub const ALL: [Self; 5] = [
        Self::File,
        Self::Environment,
        Self::BuildStep,
        Self::Label,
        Self::Command,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Environment => "environment",
            Self::BuildStep => "build_step",
            Self::Label => "label",
            Self::Command => "command",
        }
    }
}

/// Letters of what is shown of a secret, and of its mark.
const MOST_SHOWN: usize = 40;

impl FoundSecret {
    /// Whether it is as one that was honestly found: short enough that no
    /// value hides in it.
    pub fn is_sound(&self) -> bool {
        self.redacted.chars().count() <= MOST_SHOWN
            && self.mark.len() <= MOST_SHOWN
            && self.mark.bytes().all(|byte| byte.is_ascii_hexdigit())
            && self.proof.as_ref().is_none_or(|proof| proof.len() <= 300)
            && self.path.len() <= 4096
    }

    /// One line about it, for lists.
    pub fn summary(&self) -> String {
        let mut text = match self.line {
            Some(line) => format!("{} in {}:{line}", self.redacted, self.path),
            None => format!("{} in {}", self.redacted, self.path),
        };
        if let Some(proof) = &self.proof {
            text.push_str("; ");
            text.push_str(proof);
        }
        if self.removed_in.is_some() {
            text.push_str("; deleted later, still in the layer");
        }
        text
    }
}
