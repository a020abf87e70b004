//! Which kinds policies may look up: `Config` and `SyncSet`.

use serde_json::Value;

use crate::review::Kind;

/// The kinds a document asks for, where it is one of the two.
pub(crate) fn synced(value: &Value) -> Option<Vec<Kind>> {
    let version = value["apiVersion"].as_str()?;
    let group = version.split('/').next()?;
    let spec = &value["spec"];
    let entries = match (group, value["kind"].as_str()?) {
        ("config.gatekeeper.sh", "Config") => &spec["sync"]["syncOnly"],
        ("syncset.gatekeeper.sh", "SyncSet") => &spec["gvks"],
        _ => return None,
    };
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    Some(
        entries
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| Kind {
                group: text(entry, "group"),
                version: text(entry, "version"),
                kind: text(entry, "kind"),
            })
            .collect(),
    )
}
