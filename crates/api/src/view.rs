//! Saved views: a page with its filters, under a name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One saved view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct View {
    pub id: String,
    pub name: String,
    /// The dashboard's path: `/alerts`.
    pub page: String,
    /// The part of the address behind `?`.
    pub search: String,
    /// Everybody sees it.
    pub shared: bool,
    pub owner: String,
    /// The asker may change it.
    pub mine: bool,
    pub created: Timestamp,
}

/// A view to save; one of the same name and owner is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewView {
    pub name: String,
    pub page: String,
    pub search: String,
    #[serde(default)]
    pub shared: bool,
}
