//! `input.review`, as Gatekeeper shows it to policies: an
//! `AdmissionRequest` of version 1 as Go writes it, and the namespace.

use std::collections::BTreeMap;

use regorus::Value as Rego;
use serde_json::{Value, json};

use crate::rego::to_rego;
use crate::review::{Moment, Operation, Review};
use crate::world::World;

/// The object a review is about: of a deletion, what is deleted.
pub(crate) fn object<'a>(review: &Review<'a>) -> Option<&'a Value> {
    match review.operation {
        Operation::Delete => review.old_object.or(review.object),
        _ => review.object,
    }
}

/// The `Namespace` the object is in, where it is known.
pub(crate) fn namespace<'a>(review: &Review<'a>, world: &'a World) -> Option<&'a Value> {
    review
        .namespace_object
        .or_else(|| world.namespace(review.namespace))
}

/// The word for what a request does. Files and what is in a cluster
/// already were not asked for.
pub(crate) fn operation(review: &Review<'_>) -> &'static str {
    if review.moment != Moment::Admission && review.request.is_none() {
        return "";
    }
    review.operation.word()
}

/// Everything of the request but objects; the keys that Go leaves out
/// when they are empty are absent.
pub(crate) fn request(review: &Review<'_>) -> Vec<(&'static str, Value)> {
    let given = |field: &str| {
        review
            .request
            .and_then(|request| request.get(field))
            .cloned()
    };
    let kind = &review.kind;
    let mut fields = vec![
        ("uid", given("uid").unwrap_or_else(|| json!(""))),
        (
            "kind",
            json!({"group": kind.group, "version": kind.version, "kind": kind.kind}),
        ),
        (
            "resource",
            given("resource")
                .unwrap_or_else(|| json!({"group": "", "version": "", "resource": ""})),
        ),
        ("operation", json!(operation(review))),
        ("userInfo", given("userInfo").unwrap_or_else(|| json!({}))),
        ("options", given("options").unwrap_or(Value::Null)),
    ];
    for optional in [
        "subResource",
        "requestKind",
        "requestResource",
        "requestSubResource",
        "dryRun",
    ] {
        if let Some(value) = given(optional)
            && !value.is_null()
            && value != json!("")
        {
            fields.push((optional, value));
        }
    }
    for (key, value) in [("name", review.name), ("namespace", review.namespace)] {
        if !value.is_empty() {
            fields.push((key, json!(value)));
        }
    }
    fields
}

/// `input.review`.
pub(crate) fn review(review: &Review<'_>, world: &World) -> Rego {
    let mut fields: BTreeMap<Rego, Rego> = request(review)
        .into_iter()
        .map(|(key, value)| (Rego::from(key), to_rego(&value)))
        .collect();
    let mut put = |key: &str, value: Option<&Value>| {
        fields.insert(Rego::from(key), value.map_or(Rego::Null, to_rego));
    };
    put("object", object(review));
    put("oldObject", review.old_object);
    put("namespaceObject", namespace(review, world));
    Rego::from(fields)
}
