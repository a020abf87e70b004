//! Sets of policies for tests.

use serde_json::Value;

use crate::{Document, Policies};

/// The set these documents make, which have no problem.
pub(super) fn policies(documents: &[Value]) -> Policies {
    let documents: Vec<Document> = documents
        .iter()
        .map(|value| Document {
            source: "test".to_owned(),
            value: value.clone(),
        })
        .collect();
    let (policies, problems) = Policies::load(&documents);
    assert_eq!(problems, []);
    policies
}
