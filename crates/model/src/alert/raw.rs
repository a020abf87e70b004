//! What may be kept of an event as it came: no secrets, and not without
//! bounds.

use serde_json::{Map, Value};

/// The longest event that is kept, in bytes of JSON.
pub const MAX_RAW: usize = 64 << 10;
/// What stands where a secret was.
const REDACTED: &str = "(redacted)";

/// How deep an event is looked into; what is deeper is left out.
const DEPTH: usize = 48;
/// A string is cut to this where an event is too long.
const SHORT: usize = 512;

/// Names whose value is a secret, wherever they stand. In lower case
/// with all but letters left out; `secretName` and its like are names of
/// secrets, not secrets.
const SECRET_KEYS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "bearertoken",
    "clientsecret",
    "secretkey",
    "secretaccesskey",
    "apikey",
    "privatekey",
    "clientkeydata",
    "authorization",
];

/// Parts of the name of an environment variable whose value is a secret.
const SECRET_VARIABLES: [&str; 7] = [
    "PASSWORD",
    "PASSWD",
    "TOKEN",
    "SECRET",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
];

/// An annotation that repeats the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes the secrets out of an event or a part of one: what a Secret
/// holds, tokens that were given out, values whose name says so, and
/// environment variables whose name does. `is_secret`: it is about a
/// Secret, whatever its own words say.
pub fn redact(value: &mut Value, is_secret: bool) {
    let is_secret = is_secret || asks_for_secrets(value);
    walk(value, is_secret, 0);
}

/// An audit event names what was asked for, so that a patch, which does
/// not say of what it is one, is known too.
fn asks_for_secrets(event: &Value) -> bool {
    event
        .pointer("/objectRef/resource")
        .and_then(Value::as_str)
        .is_some_and(|resource| resource == "secrets")
}

fn walk(value: &mut Value, is_secret: bool, depth: usize) {
    if depth == DEPTH {
        if value.is_object() || value.is_array() {
            *value = Value::String("(too deep)".to_owned());
        }
        return;
    }
    match value {
        Value::Object(fields) => object(fields, is_secret, depth),
        Value::Array(items) => {
            for item in items {
                walk(item, is_secret, depth + 1);
            }
        }
        Value::String(text) if text.starts_with("Bearer ") || text.starts_with("Basic ") => {
            REDACTED.clone_into(text);
        }
        _ => {}
    }
}

fn object(fields: &mut Map<String, Value>, is_secret: bool, depth: usize) {
    let kind = fields.get("kind").and_then(Value::as_str);
    let is_secret = is_secret || matches!(kind, Some("Secret" | "SecretList"));
    // One step of a JSON patch.
    let is_step = fields.contains_key("op") && fields.contains_key("path");
    // An environment variable.
    let is_hidden = fields
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| {
            let name = name.to_ascii_uppercase();
            SECRET_VARIABLES.iter().any(|word| name.contains(word))
        });
    for (name, value) in fields.iter_mut() {
        let hides = match name.as_str() {
            "data" | "stringData" | "binaryData" => is_secret,
            LAST_APPLIED => true,
            "value" => is_hidden || (is_secret && is_step),
            _ => is_secret_key(name),
        };
        if hides {
            hide(value, depth);
        } else {
            walk(value, is_secret, depth + 1);
        }
    }
}

fn is_secret_key(name: &str) -> bool {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    SECRET_KEYS.contains(&letters.as_str())
}

/// The names in it stay: that `password` was set tells what happened.
fn hide(value: &mut Value, depth: usize) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Object(fields) if depth < DEPTH => {
            for value in fields.values_mut() {
                hide(value, depth + 1);
            }
        }
        _ => *value = Value::String(REDACTED.to_owned()),
    }
}

/// An event as text of at most `most` bytes: first what the API server
/// adds for its own use is left out, then long strings are cut, then the
/// bodies go, the longest first. `None`: there is nothing left to leave
/// out.
pub fn bounded(mut event: Value, most: usize) -> Option<String> {
    let text = event.to_string();
    if text.len() <= most {
        return Some(text);
    }
    without(&mut event, "managedFields", 0);
    shorten(&mut event);
    loop {
        let text = event.to_string();
        if text.len() <= most {
            return Some(text);
        }
        let fields = event.as_object_mut()?;
        let longest = fields
            .iter_mut()
            .filter(|(_, value)| value.is_object() || value.is_array() || value.is_string())
            .map(|(_, value)| (value.to_string().len(), value))
            .max_by_key(|(length, _)| *length);
        let (length, value) = longest.filter(|(length, _)| *length > 40)?;
        *value = Value::String(format!("(left out: {length} bytes)"));
    }
}

fn without(value: &mut Value, name: &str, depth: usize) {
    if depth == DEPTH {
        return;
    }
    match value {
        Value::Object(fields) => {
            fields.remove(name);
            for value in fields.values_mut() {
                without(value, name, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                without(item, name, depth + 1);
            }
        }
        _ => {}
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::String(text) if text.len() > SHORT => {
            let end = text.floor_char_boundary(SHORT);
            text.truncate(end);
            text.push('…');
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(mut value: Value) -> Value {
        redact(&mut value, false);
        value
    }

    #[test]
    fn what_a_secret_holds_is_not_kept_but_what_it_is_called_is() {
        let event = json!({
            "objectRef": { "resource": "secrets", "name": "db" },
            "requestObject": [
                { "op": "replace", "path": "/data/password", "value": "c2VjcmV0" },
            ],
            "responseObject": {
                "kind": "Secret",
                "metadata": { "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":…}",
                } },
                "data": { "password": "c2VjcmV0" },
                "stringData": { "other": "s3cret" },
            },
        });
        let text = redacted(event).to_string();
        assert!(
            !text.contains("c2VjcmV0") && !text.contains("s3cret"),
            "{text}"
        );
        for kept in ["\"password\"", "/data/password", "\"name\":\"db\""] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }

    #[test]
    fn a_list_of_secrets_and_a_token_are_not_kept() {
        let event = json!({
            "responseObject": { "kind": "SecretList", "items": [{ "data": { "a": "QUJD" } }] },
            "requestObject": { "kind": "TokenRequest", "status": { "token": "eyJhbGci" } },
            "header": "Bearer abcdef",
            "env": [
                { "name": "DB_PASSWORD", "value": "hunter2" },
                { "name": "MODE", "value": "fast" },
            ],
            "volumes": [{ "secret": { "secretName": "db" } }],
            "automountServiceAccountToken": true,
        });
        let text = redacted(event).to_string();
        for gone in ["QUJD", "eyJhbGci", "abcdef", "hunter2"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        for kept in [
            "fast",
            "\"secretName\":\"db\"",
            "automountServiceAccountToken\":true",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }

    #[test]
    fn a_config_map_stays_readable() {
        let event =
            json!({ "requestObject": { "kind": "ConfigMap", "data": { "Corefile": "." } } });
        assert_eq!(redacted(event.clone()), event);
    }

    #[test]
    fn an_event_that_nests_for_ever_ends() {
        let mut event = json!("end");
        for _ in 0..500 {
            event = json!({ "a": event });
        }
        redact(&mut event, true);
        assert!(event.to_string().contains("(too deep)"));
    }

    #[test]
    fn a_long_event_loses_its_bodies_not_its_head() {
        let event = json!({
            "verb": "create",
            "requestObject": { "items": vec!["x".repeat(600); 200] },
            "responseObject": { "items": vec!["y".repeat(600); 300] },
        });
        let text = bounded(event, 1000).unwrap();
        assert!(text.len() <= 1000);
        assert!(text.contains("\"verb\":\"create\"") && text.contains("left out:"));
        let long = json!({ "a": "é".repeat(1000) });
        assert!(bounded(long, 1100).unwrap().contains('…'));
        assert_eq!(bounded(json!("x".repeat(100_000)), 10), None);
    }
}
