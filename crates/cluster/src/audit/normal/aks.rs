//! Azure's diagnostic settings.
//!
//! What: records of the categories `kube-audit` and `kube-audit-admin`,
//! whose `properties.log` is the event, as a string or as an object.
//! Why: that is all AKS gives of its API server's audit log.
//! Limits: records of other categories are counted and left out.
//! References: learn.microsoft.com, "Monitor Azure Kubernetes Service
//! control plane", "Resource logs".

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Batch;

const CATEGORIES: [&str; 2] = ["kube-audit", "kube-audit-admin"];

#[derive(Deserialize)]
struct Record<'b> {
    category: Option<String>,
    #[serde(borrow)]
    properties: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct Properties<'b> {
    #[serde(borrow)]
    log: Option<&'b RawValue>,
}

pub(super) fn take(raw: &str, batch: &mut Batch) {
    let Ok(record) = serde_json::from_str::<Record<'_>>(raw) else {
        batch.skipped.broken += 1;
        return;
    };
    let category = record.category.unwrap_or_default();
    if !CATEGORIES
        .iter()
        .any(|known| category.eq_ignore_ascii_case(known))
    {
        batch.skipped.others += 1;
        return;
    }
    let properties = record.properties.map_or("", RawValue::get);
    // Some exports write the properties as a string, too.
    let unwrapped: Option<String> = serde_json::from_str(properties).ok();
    let properties = unwrapped.as_deref().unwrap_or(properties);
    let log = serde_json::from_str::<Properties<'_>>(properties)
        .ok()
        .and_then(|properties| properties.log);
    let event = log.and_then(|log| {
        let text = log.get();
        if text.starts_with('{') {
            return Some(text.to_owned());
        }
        let text: String = serde_json::from_str(text).ok()?;
        // What is no JSON would break its neighbours.
        let is_whole = serde_json::from_str::<&RawValue>(&text).is_ok();
        is_whole.then_some(text)
    });
    match event {
        Some(event) => batch.push(&event),
        None => batch.skipped.broken += 1,
    }
}
