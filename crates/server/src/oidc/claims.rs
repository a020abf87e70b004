//! What a provider's claims come to here: groups, roles and a name.

use model::permission::{Binding, Reach};
use serde_json::Value;

use crate::config::OidcConfig;

/// The most groups that are looked at.
const MAX_GROUPS: usize = 5000;

/// Adds what was not said yet.
pub(super) fn add(said: &mut Value, more: Value) {
    if let (Value::Object(said), Value::Object(more)) = (said, more) {
        for (claim, value) in more {
            said.entry(claim).or_insert(value);
        }
    }
}

/// A list of words, or words with spaces or commas between.
pub(super) fn groups(claim: &Value) -> Vec<String> {
    match claim {
        Value::Array(items) => items
            .iter()
            .filter_map(|item| Some(item.as_str()?.to_owned()))
            .take(MAX_GROUPS)
            .collect(),
        Value::String(text) => text
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .take(MAX_GROUPS)
            .collect(),
        _ => Vec::new(),
    }
}

pub(super) fn roles(config: &OidcConfig, groups: &[String]) -> Vec<Binding> {
    let mut roles: Vec<Binding> = Vec::new();
    for line in &config.roles {
        let is_in = line.group == "*" || groups.contains(&line.group);
        let binding = Binding {
            role: line.role.into(),
            reach: Reach::from_names(line.environments.iter().cloned()),
        };
        if is_in && !roles.contains(&binding) {
            roles.push(binding);
        }
    }
    roles
}

/// A sign-in name like the one it uses.
pub(super) fn plain_name(wanted: &str) -> String {
    let name: String = wanted
        .to_lowercase()
        .chars()
        .map(|character| match character {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' | '@' => character,
            _ => '-',
        })
        .take(64)
        .collect();
    match name.as_str() {
        "" => "somebody".to_owned(),
        // Names the audit trail uses for those without an account.
        "owner" | "seawall" => format!("{name}-1"),
        _ => name,
    }
}
