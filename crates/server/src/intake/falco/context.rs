//! Who, from where and what, from what Falco's fields tell.

use model::{AlertAction, AlertChange, AlertContext, Principal, Whence, alert::redact};
use serde_json::Value;

use super::fields::Fields;

/// Groups and addresses that are read of one event.
const MAX_LISTED: usize = 32;
/// The longest object that is kept as what changed.
const MAX_CHANGE: usize = 8 << 10;

pub(super) fn of(fields: &Fields<'_>, source: &str) -> AlertContext {
    if source == "k8s_audit" {
        return audited(fields);
    }
    AlertContext {
        principal: fields.text("user.name").map(|name| {
            let uid = fields.text("user.uid");
            Principal {
                uid,
                ..Principal::local(name)
            }
        }),
        ..AlertContext::default()
    }
}

/// An event of the Kubernetes API's audit log.
fn audited(fields: &Fields<'_>) -> AlertContext {
    let principal = fields.text("ka.user.name").map(|name| {
        let acting_as = fields
            .text("ka.impuser.name")
            .map(|name| Box::new(Principal::of_kubernetes(name)));
        Principal {
            groups: listed(fields.text("ka.user.groups")),
            acting_as,
            ..Principal::of_kubernetes(name)
        }
    });
    let code = fields.text("ka.response.code");
    let resource = fields.text("ka.target.resource").unwrap_or_default();
    let action = fields.text("ka.verb").map(|verb| AlertAction {
        verb,
        subresource: fields.text("ka.target.subresource"),
        namespace: fields.text("ka.target.namespace"),
        name: fields.text("ka.target.name"),
        path: fields.text("ka.uri").filter(|_| resource.is_empty()),
        code: code.and_then(|code| code.parse().ok()),
        decision: fields.text("ka.auth.decision"),
        resource: resource.clone(),
        ..AlertAction::default()
    });
    AlertContext {
        principal,
        whence: Whence {
            addresses: listed(fields.text("ka.sourceips")),
            user_agent: fields.text("ka.useragent"),
        },
        action,
        change: change(fields, resource == "secrets"),
    }
}

/// What a rule's output shows of the object asked for.
fn change(fields: &Fields<'_>, is_secret: bool) -> Option<AlertChange> {
    let names = [
        "ka.req.binding.subjects",
        "ka.req.role.rules",
        "ka.req.configmap.obj",
    ];
    let mut new = serde_json::Map::new();
    for name in names {
        let Some(text) = fields.text(name).filter(|text| text.len() <= MAX_CHANGE) else {
            continue;
        };
        let mut value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        redact(&mut value, is_secret);
        let name = name.trim_start_matches("ka.req.").to_owned();
        new.insert(name, value);
    }
    (!new.is_empty()).then(|| AlertChange {
        new: Some(new.into()),
        ..AlertChange::default()
    })
}

/// `(a,b)` and `["a","b"]`, as Falco writes lists.
fn listed(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let inner = text.trim_matches(|c| matches!(c, '(' | ')' | '[' | ']'));
    inner
        .split(',')
        .map(|item| item.trim().trim_matches('"').to_owned())
        .filter(|item| !item.is_empty() && item != "<NA>")
        .take(MAX_LISTED)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_audit_event_says_who_from_where_and_what() {
        let event = json!({
            "ka.user.name": "system:serviceaccount:shop:ci",
            "ka.user.groups": "(system:serviceaccounts,system:authenticated)",
            "ka.impuser.name": "admin",
            "ka.sourceips": "[\"203.0.113.9\",\"10.0.0.1\"]",
            "ka.useragent": "kubectl/v1.31",
            "ka.verb": "create",
            "ka.target.resource": "pods",
            "ka.target.subresource": "exec",
            "ka.target.namespace": "shop",
            "ka.target.name": "web-1",
            "ka.response.code": "101",
            "ka.auth.decision": "allow",
            "ka.uri": "/api/v1/namespaces/shop/pods/web-1/exec",
        });
        let context = of(&Fields(event.as_object().unwrap()), "k8s_audit");
        let principal = context.principal.unwrap();
        assert_eq!(principal.shown(), "shop/ci");
        assert_eq!(
            principal.groups,
            ["system:serviceaccounts", "system:authenticated"]
        );
        assert_eq!(principal.acting_as.unwrap().name, "admin");
        assert_eq!(context.whence.source(), Some("203.0.113.9"));
        let action = context.action.unwrap();
        assert_eq!(action.object(), "pods/exec shop/web-1");
        assert_eq!((action.code, action.path), (Some(101), None));
    }

    #[test]
    fn the_root_of_a_container_is_nobody_elsewhere() {
        let event = json!({ "user.name": "root", "user.uid": 0 });
        let context = of(&Fields(event.as_object().unwrap()), "syscall");
        let principal = context.principal.unwrap();
        assert!(!principal.is_identity());
        assert_eq!(principal.uid.as_deref(), Some("0"));
        assert!(context.action.is_none() && context.whence.is_empty());
    }
}
