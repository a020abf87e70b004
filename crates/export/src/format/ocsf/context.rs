//! Who did what an alert is about, from where: the evidence of a
//! Detection Finding.

use model::{AlertContext, Principal, PrincipalKind};
use serde_json::{Map, Value, json};

/// One evidence artifact; `None` where nothing is known.
pub(super) fn evidence(context: &AlertContext) -> Option<Value> {
    let mut evidence = Map::new();
    let mut put = |key: &str, value: Value| evidence.insert(key.to_owned(), value);
    if let Some(principal) = &context.principal {
        let mut actor = json!({ "user": user(principal) });
        if let (Some(acting_as), Some(fields)) = (&principal.acting_as, actor.as_object_mut()) {
            // What was done, was done in that name.
            fields.insert("invoked_by".to_owned(), principal.name.as_str().into());
            fields.insert("user".to_owned(), user(acting_as));
        }
        put("actor", actor);
    }
    if let Some(action) = &context.action {
        let mut api = json!({
            "operation": action.verb,
            "service": { "name": "kubernetes" },
        });
        if let Some(fields) = api.as_object_mut() {
            if let Some(code) = action.code {
                let message = action.decision.as_deref().unwrap_or_default();
                let response = if message.is_empty() {
                    json!({ "code": code })
                } else {
                    json!({ "code": code, "message": message })
                };
                fields.insert("response".to_owned(), response);
            }
            if let Some(version) = &action.version {
                fields.insert("version".to_owned(), version.as_str().into());
            }
            if let Some(group) = &action.group {
                fields.insert("group".to_owned(), json!({ "name": group }));
            }
        }
        put("api", api);
        if !action.resource.is_empty() {
            let name = action.name.as_deref().unwrap_or(&action.resource);
            let mut resource = json!({ "type": action.resource(), "name": name });
            if let (Some(namespace), Some(fields)) = (&action.namespace, resource.as_object_mut()) {
                fields.insert("namespace".to_owned(), namespace.as_str().into());
            }
            put("resources", json!([resource]));
        }
    }
    if let Some(address) = context.whence.addresses.first() {
        let mut endpoint = json!({ "ip": address });
        let rest = context.whence.addresses.get(1..).unwrap_or_default();
        if let (false, Some(fields)) = (rest.is_empty(), endpoint.as_object_mut()) {
            fields.insert("intermediate_ips".to_owned(), json!(rest));
        }
        put("src_endpoint", endpoint);
    }
    if let Some(agent) = &context.whence.user_agent {
        put("http_request", json!({ "user_agent": agent }));
    }
    (!evidence.is_empty()).then(|| evidence.into())
}

fn user(principal: &Principal) -> Value {
    let (kind, id) = match principal.kind {
        PrincipalKind::User | PrincipalKind::Local => ("User", 1),
        PrincipalKind::Node | PrincipalKind::Component => ("System", 3),
        PrincipalKind::Anonymous => ("Unknown", 0),
        PrincipalKind::ServiceAccount => ("ServiceAccount", 99),
    };
    let mut user = json!({ "name": principal.name, "type": kind, "type_id": id });
    if let Some(fields) = user.as_object_mut() {
        if let Some(uid) = &principal.uid {
            fields.insert("uid".to_owned(), uid.as_str().into());
        }
        if !principal.groups.is_empty() {
            let groups: Vec<Value> = principal
                .groups
                .iter()
                .map(|name| json!({ "name": name }))
                .collect();
            fields.insert("groups".to_owned(), groups.into());
        }
    }
    user
}
