//! Live events: the `data` of each server-sent event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Database, FindingKind, ImageRef, Scan};

/// One live event. The server-sent event's `event` field equals `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A scan was queued, moved on or ended.
    Scan { scan: Box<Scan> },
    /// An image or its findings changed: read it again.
    Image { image: ImageRef },
    /// An image is gone.
    ImageRemoved { id: String },
    /// The database changed or is being worked on.
    Database { database: Box<Database> },
    /// Findings of a kind came, went or were worked on: counts moved.
    Findings {
        environment: String,
        kind: FindingKind,
        /// Findings that came.
        new: u64,
    },
    /// Incidents opened, grew or were worked on.
    Incidents { environment: String },
    /// The score or a recommendation changed.
    Score { environment: String },
    /// A sensor told how it is, or fell silent. At most one in a few
    /// seconds.
    Sensors { environment: String },
    /// Admission of a cluster decided, or what is done about policies
    /// changed.
    Admission { environment: String },
    /// A registry, or what is known of what it holds, changed.
    Registry { environment: String, id: String },
    /// Events were lost: read everything again.
    Resync,
}

impl Event {
    /// Whose it is; `None`: everybody's. Listeners hear of environments
    /// within their reach only.
    pub fn environment(&self) -> Option<&str> {
        match self {
            Self::Scan { scan } => Some(&scan.environment),
            Self::Image { image } => Some(&image.environment),
            Self::Findings { environment, .. }
            | Self::Incidents { environment }
            | Self::Score { environment }
            | Self::Sensors { environment }
            | Self::Admission { environment }
            | Self::Registry { environment, .. } => Some(environment),
            Self::ImageRemoved { .. } | Self::Database { .. } | Self::Resync => None,
        }
    }

    /// The server-sent event's `event` field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scan { .. } => "scan",
            Self::Image { .. } => "image",
            Self::ImageRemoved { .. } => "image_removed",
            Self::Database { .. } => "database",
            Self::Findings { .. } => "findings",
            Self::Incidents { .. } => "incidents",
            Self::Score { .. } => "score",
            Self::Sensors { .. } => "sensors",
            Self::Admission { .. } => "admission",
            Self::Registry { .. } => "registry",
            Self::Resync => "resync",
        }
    }
}
