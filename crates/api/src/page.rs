//! One page of a list, and how to ask for the next.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list. Pages are walked by key, not by offset: a row
/// added meanwhile never shifts the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Hand this back as `cursor`; absent on the last page. Valid only
    /// with the same filters and sort order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many rows match the filters, counted up to 10 000.
    pub total: u64,
    /// There are more than `total`: show it as "10 000+".
    pub total_capped: bool,
}

/// The most rows one page may hold.
pub const MAX_LIMIT: u32 = 1000;
/// The rows of a page when nothing is said.
pub const DEFAULT_LIMIT: u32 = 100;
