//! `AdmissionReview`, in and out.

use policy::review::{Kind, Moment, Operation, Origin, Review};
use serde_json::{Value, json};

/// One question of the API server's.
#[derive(Clone, Debug)]
pub struct Request {
    api_version: String,
    pub uid: String,
    pub operation: Operation,
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
    pub user: String,
    /// Nothing shall come of it but the answer.
    pub is_dry_run: bool,
    asked: Value,
}

/// Why a body is no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    #[error("the body is not JSON: {0}")]
    Json(String),
    #[error("expected an AdmissionReview of admission.k8s.io/v1 or v1beta1, not {0}")]
    Kind(String),
    #[error("the AdmissionReview has no {0}")]
    Lacks(&'static str),
    #[error("there is no operation '{0}'")]
    Operation(String),
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

impl Request {
    /// Reads a body, which is as long as it may be.
    pub fn read(body: &[u8]) -> Result<Self, ReviewError> {
        let mut review: Value =
            serde_json::from_slice(body).map_err(|error| ReviewError::Json(error.to_string()))?;
        let api_version = text(&review, "/apiVersion").to_owned();
        let is_known = matches!(
            api_version.as_str(),
            "admission.k8s.io/v1" | "admission.k8s.io/v1beta1"
        );
        if !is_known || text(&review, "/kind") != "AdmissionReview" {
            let told = format!("{api_version}, {}", text(&review, "/kind"));
            return Err(ReviewError::Kind(told));
        }
        let request = review
            .get_mut("request")
            .map(Value::take)
            .filter(Value::is_object)
            .ok_or(ReviewError::Lacks("request"))?;
        let uid = text(&request, "/uid").to_owned();
        if uid.is_empty() {
            return Err(ReviewError::Lacks("request.uid"));
        }
        let operation = text(&request, "/operation");
        let operation = match operation {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            other => return Err(ReviewError::Operation(other.chars().take(50).collect())),
        };
        let named = Kind {
            group: text(&request, "/kind/group").to_owned(),
            version: text(&request, "/kind/version").to_owned(),
            kind: text(&request, "/kind/kind").to_owned(),
        };
        // What an object says of itself counts: a webhook may be asked in
        // another version than the request was made in.
        let object = request.get("object").filter(|object| object.is_object());
        let old = request.get("oldObject").filter(|object| object.is_object());
        let kind = object.or(old).and_then(Kind::of).unwrap_or(named);
        if kind.kind.is_empty() {
            return Err(ReviewError::Lacks("request.kind"));
        }
        let metadata = |key| object.or(old).map_or("", |object| text(object, key));
        let name = match text(&request, "/name") {
            "" => match metadata("/metadata/name") {
                "" => metadata("/metadata/generateName"),
                name => name,
            },
            name => name,
        };
        Ok(Self {
            uid,
            operation,
            kind,
            namespace: text(&request, "/namespace").to_owned(),
            name: name.to_owned(),
            user: text(&request, "/userInfo/username").to_owned(),
            is_dry_run: request.get("dryRun").and_then(Value::as_bool) == Some(true),
            api_version,
            asked: request,
        })
    }

    fn part(&self, name: &str) -> Option<&Value> {
        self.asked.get(name).filter(|part| part.is_object())
    }

    pub fn object(&self) -> Option<&Value> {
        self.part("object")
    }

    /// What it is about: what shall be, or what was.
    pub fn subject(&self) -> Option<&Value> {
        self.object().or_else(|| self.part("oldObject"))
    }

    /// Whether the object is on its way out: what changes it then only
    /// lets it go, and must never be refused.
    pub fn is_leaving(&self) -> bool {
        self.subject()
            .and_then(|object| object.pointer("/metadata/deletionTimestamp"))
            .is_some_and(|time| !time.is_null())
    }

    /// As policies take it.
    pub fn review<'a>(&'a self, namespace: Option<&'a Value>) -> Review<'a> {
        Review {
            moment: Moment::Admission,
            operation: self.operation,
            kind: self.kind.clone(),
            object: self.object(),
            old_object: self.part("oldObject"),
            name: &self.name,
            namespace: &self.namespace,
            namespace_object: namespace,
            origin: Origin::Original,
            request: Some(&self.asked),
        }
    }

    /// The review the API server wants back.
    pub(super) fn reply(&self, response: Value) -> Value {
        reply(&self.api_version, &self.uid, response)
    }
}

fn reply(api_version: &str, uid: &str, mut response: Value) -> Value {
    response["uid"] = json!(uid);
    json!({"apiVersion": api_version, "kind": "AdmissionReview", "response": response})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u", "operation": "CREATE", "name": "", "namespace": "shop",
                "kind": {"group": "", "version": "v1", "kind": "Pod"}, "dryRun": true,
                "userInfo": {"username": "dana"},
                "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}},
                "oldObject": null,
            },
        });
        change(&mut review);
        review.to_string().into_bytes()
    }

    #[test]
    fn a_question_is_read_in_either_version() {
        for version in ["v1", "v1beta1"] {
            let version = format!("admission.k8s.io/{version}");
            let request =
                Request::read(&body(|review| review["apiVersion"] = json!(version))).unwrap();
            assert_eq!(
                (
                    request.name.as_str(),
                    request.user.as_str(),
                    request.is_dry_run
                ),
                ("web-", "dana", true)
            );
            let reply = request.reply(json!({"allowed": true}));
            assert_eq!(reply["apiVersion"], version);
            assert_eq!(reply["response"]["uid"], "u");
        }
    }

    #[test]
    fn the_object_says_what_kind_it_is() {
        let request = Request::read(&body(|review| {
            review["request"]["kind"] =
                json!({"group": "extensions", "version": "v1beta1", "kind": "Deployment"});
            review["request"]["object"] = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
        }))
        .unwrap();
        assert_eq!(request.kind.group, "apps");
    }

    #[test]
    fn what_is_no_question_is_told_by_what_is_missing() {
        let told = |change: fn(&mut Value)| Request::read(&body(change)).unwrap_err().to_string();
        assert_eq!(
            told(|review| review["request"] = Value::Null),
            "the AdmissionReview has no request"
        );
        assert_eq!(
            told(|review| review["request"]["uid"] = json!("")),
            "the AdmissionReview has no request.uid"
        );
        assert_eq!(
            told(|review| review["request"]["operation"] = json!("EAT")),
            "there is no operation 'EAT'"
        );
        assert!(told(|review| review["kind"] = json!("Pod")).contains("Pod"));
        assert!(matches!(Request::read(b"{"), Err(ReviewError::Json(_))));
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Request::read(deep.as_bytes()),
            Err(ReviewError::Json(_))
        ));
    }

    #[test]
    fn what_is_on_its_way_out_is_known() {
        let request = Request::read(&body(|review| {
            review["request"]["object"]["metadata"]["deletionTimestamp"] =
                json!("2026-01-01T00:00:00Z");
        }))
        .unwrap();
        assert!(request.is_leaving());
    }
}
