//! Google's Cloud Logging.
//!
//! What: entries whose `protoPayload` is an audit log of `k8s.io`, told
//! anew as the event the API server wrote.
//! Why: GKE gives its audit log in this form only.
//! Limits: groups are not in it; those every principal of its sort is in
//! are added. A status is one of RPC's codes, and becomes HTTP's.
//! Entries of other services are counted and left out.
//! References: cloud.google.com, "GKE audit logging information",
//! `AuditLog`, `LogEntry`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Batch;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    proto_payload: Payload,
    #[serde(default)]
    insert_id: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    operation: Operation,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Operation {
    id: String,
    first: bool,
    last: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Payload {
    service_name: String,
    method_name: String,
    resource_name: String,
    authentication_info: Authentication,
    request_metadata: Caller,
    authorization_info: Vec<Authorization>,
    request: Option<Map<String, Value>>,
    response: Option<Map<String, Value>>,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Authentication {
    principal_email: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Caller {
    caller_ip: String,
    caller_supplied_user_agent: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Authorization {
    granted: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: i64,
    message: String,
}

pub(super) fn take(raw: &str, batch: &mut Batch) {
    match serde_json::from_str::<Entry>(raw) {
        Ok(entry) if entry.proto_payload.service_name == "k8s.io" => {
            batch.push(&event(entry).to_string());
        }
        Ok(_other) => batch.skipped.others += 1,
        Err(_) => batch.skipped.broken += 1,
    }
}

fn event(entry: Entry) -> Value {
    let payload = entry.proto_payload;
    let verb = payload.method_name.rsplit('.').next().unwrap_or_default();
    let target = Target::of(&payload.resource_name);
    let user = payload.authentication_info.principal_email;
    let (code, reason) = answer(&payload.status, payload.response.as_ref());
    let level = match (&payload.request, &payload.response) {
        (_, Some(_)) => "RequestResponse",
        (Some(_), None) => "Request",
        (None, None) => "Metadata",
    };
    let is_begun = entry.operation.first && !entry.operation.last;
    let id = if entry.operation.id.is_empty() {
        entry.insert_id
    } else {
        entry.operation.id
    };
    let mut annotations = entry.labels;
    annotations.retain(|name, value| name.contains(".k8s.io/") && value.is_string());
    if let Some(first) = payload.authorization_info.first() {
        let decision = if first.granted { "allow" } else { "forbid" };
        annotations
            .entry("authorization.k8s.io/decision")
            .or_insert_with(|| decision.into());
    }
    let mut event = json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": level,
        "auditID": id,
        "stage": if is_begun { "ResponseStarted" } else { "ResponseComplete" },
        "requestURI": target.path(),
        "verb": verb,
        "user": { "groups": groups(&user), "username": user },
        "objectRef": target.reference(),
        "responseStatus": { "code": code, "reason": reason, "message": payload.status.message },
        "requestReceivedTimestamp": entry.timestamp,
        "stageTimestamp": entry.timestamp,
        "annotations": annotations,
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            event[name] = value;
        }
    };
    let caller = payload.request_metadata;
    let address = Some(caller.caller_ip).filter(|address| !address.is_empty());
    put("sourceIPs", address.map(|address| json!([address])));
    let agent = Some(caller.caller_supplied_user_agent).filter(|agent| !agent.is_empty());
    put("userAgent", agent.map(Value::String));
    put("requestObject", payload.request.map(object));
    put("responseObject", payload.response.map(object));
    event
}

/// `@type` says in Google's words what `kind` and `apiVersion` say.
fn object(mut object: Map<String, Value>) -> Value {
    if let Some(Value::String(kind)) = object.remove("@type")
        && !object.contains_key("kind")
        && let Some((_, name)) = kind.rsplit_once('.')
    {
        object.insert("kind".to_owned(), name.into());
    }
    Value::Object(object)
}

/// The groups everybody of a sort is in.
fn groups(user: &str) -> Vec<String> {
    let everybody = "system:authenticated".to_owned();
    if user.is_empty() || user == "system:anonymous" {
        return vec!["system:unauthenticated".to_owned()];
    }
    if let Some((namespace, _)) = user
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
    {
        let of_namespace = format!("system:serviceaccounts:{namespace}");
        return vec!["system:serviceaccounts".to_owned(), of_namespace, everybody];
    }
    if user.starts_with("system:node:") {
        return vec!["system:nodes".to_owned(), everybody];
    }
    vec![everybody]
}

/// HTTP's status for RPC's, and the word Kubernetes has for it.
fn answer(status: &Status, response: Option<&Map<String, Value>>) -> (u16, &'static str) {
    let told = response.and_then(|response| {
        let is_status = response.get("@type")?.as_str()?.ends_with("Status");
        let code = response.get("code")?.as_u64()?;
        is_status.then(|| u16::try_from(code).ok()).flatten()
    });
    let (code, reason) = match status.code {
        0 => (200, ""),
        3 => (422, "Invalid"),
        5 => (404, "NotFound"),
        6 => (409, "AlreadyExists"),
        7 => (403, "Forbidden"),
        8 => (429, "TooManyRequests"),
        9 | 10 => (409, "Conflict"),
        16 => (401, "Unauthorized"),
        _ => (500, "InternalError"),
    };
    (told.unwrap_or(code), reason)
}

/// What `resourceName` names: `core/v1/namespaces/shop/pods/web-1/exec`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Target<'a> {
    /// Empty: the core group.
    group: &'a str,
    version: &'a str,
    namespace: &'a str,
    resource: &'a str,
    name: &'a str,
    subresource: &'a str,
    /// All of it, where it is no resource.
    whole: &'a str,
}

impl<'a> Target<'a> {
    fn of(resource_name: &'a str) -> Self {
        let parts: Vec<&str> = resource_name.split('/').collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        let is_version = part(1).starts_with('v') && part(1).len() > 1;
        if !is_version || part(2).is_empty() {
            return Self {
                whole: resource_name,
                ..Self::default()
            };
        }
        let group = if part(0) == "core" { "" } else { part(0) };
        let (group, version) = (group, part(1));
        // `namespaces/shop/finalize` is about the namespace itself.
        let is_namespaced = part(2) == "namespaces"
            && parts.len() > 4
            && !["finalize", "status"].contains(&part(4));
        let (namespace, at) = if is_namespaced { (part(3), 4) } else { ("", 2) };
        let resource = part(at);
        let name = part(at + 1);
        let is_namespace = resource == "namespaces" && !is_namespaced;
        Self {
            group,
            version,
            namespace: if is_namespace { name } else { namespace },
            resource,
            name,
            subresource: part(at + 2),
            whole: "",
        }
    }

    fn path(&self) -> String {
        if self.resource.is_empty() {
            return format!("/{}", self.whole.trim_start_matches('/'));
        }
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        let parts = if self.namespace.is_empty() || self.resource == "namespaces" {
            [self.resource, self.name, self.subresource, "", ""]
        } else {
            let of_it = [self.resource, self.name, self.subresource];
            ["namespaces", self.namespace, of_it[0], of_it[1], of_it[2]]
        };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
        }
        path
    }

    fn reference(&self) -> Value {
        let fields = [
            ("resource", self.resource),
            ("subresource", self.subresource),
            ("namespace", self.namespace),
            ("name", self.name),
            ("apiGroup", self.group),
            ("apiVersion", self.version),
        ];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        fields
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<Map<_, _>>()
            .into()
    }
}
