//! Configuration files that components were started with.

use policy::facts::Process;
use serde_json::Value;

use super::{file::Root, process::flag};

const MAX_FILE: u64 = 1 << 20;

/// The configuration of a component; `null` where it has none, or one
/// that could not be read.
pub(super) fn of(
    root: &Root,
    processes: &[Process],
    component: &str,
    gaps: &mut Vec<String>,
) -> Value {
    let Some(path) = flag(processes, component, "config") else {
        return Value::Null;
    };
    read(root, &path, gaps)
}

/// What new secrets are written with, by the API server's configuration:
/// names of providers only.
pub(super) fn encryption(
    root: &Root,
    processes: &[Process],
    gaps: &mut Vec<String>,
) -> Option<Vec<String>> {
    let path = flag(processes, "kube-apiserver", "encryption-provider-config")?;
    let config = read(root, &path, gaps);
    let entries = config.get("resources")?.as_array()?;
    let first = entries.iter().filter_map(|entry| {
        let provider = entry.get("providers")?.get(0)?.as_object()?;
        provider.keys().next().cloned()
    });
    Some(first.collect())
}

/// YAML, of which JSON is a part.
fn read(root: &Root, path: &str, gaps: &mut Vec<String>) -> Value {
    let bytes = match root.read(path, MAX_FILE) {
        Ok(bytes) => bytes,
        Err(error) => {
            gaps.push(format!("{path} could not be read: {error}"));
            return Value::Null;
        }
    };
    match serde_norway::from_slice::<Value>(&bytes) {
        Ok(Value::Null) => Value::Object(serde_json::Map::new()),
        Ok(value) => value,
        // The error may quote the file, keys and all.
        Err(error) => {
            let place = error
                .location()
                .map_or_else(String::new, |at| format!(", line {}", at.line()));
            gaps.push(format!("{path} is no YAML{place}"));
            Value::Null
        }
    }
}
