//! Deliveries: what was, is or could not be told to a sink.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sink::{Answer, SinkKind};

/// `dead`: given up; it can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Dead,
}

/// One delivery: one notice, or a batch for sinks that take many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    pub id: String,
    pub sink: SinkRef,
    pub state: DeliveryState,
    /// Notices in it.
    pub notices: u64,
    /// The first of them in one line.
    pub headline: String,
    /// Names of the routes it came by.
    pub routes: Vec<String>,
    pub attempts: u32,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// A sink, as others mention it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SinkRef {
    pub id: String,
    pub name: String,
    pub kind: SinkKind,
}

/// How many deliveries were put back in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    pub count: u64,
}
