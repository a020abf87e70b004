//! Reading events, whole and broken.

use super::*;

const EXEC: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"a-1",
"stage":"ResponseStarted","requestURI":"/api/v1/namespaces/shop/pods/web/exec?command=sh&command=-c","verb":"create",
"user":{"username":"jane","groups":["dev","system:authenticated"],"extra":{"k/x":["v"]}},
"impersonatedUser":{"username":"root","groups":["system:masters"]},
"sourceIPs":["10.0.0.1","10.9.9.9"],"userAgent":"kubectl/v1.35","objectRef":{"resource":"pods","namespace":"shop",
"name":"web","apiVersion":"v1","subresource":"exec"},"responseStatus":{"code":101},
"requestReceivedTimestamp":"2026-11-01T10:00:00.250000Z","stageTimestamp":"2026-11-01T10:00:01.000000Z",
"annotations":{"authorization.k8s.io/decision":"allow"}}"#;

fn error(text: &[u8]) -> Error {
    Event::read(text, &mut Tape::default()).unwrap_err()
}

#[test]
fn what_every_alert_needs_is_read() {
    let mut tape = Tape::default();
    let event = Event::read(EXEC.as_bytes(), &mut tape).unwrap();
    assert_eq!(event.audit_id(), "a-1");
    assert_eq!(event.user().as_deref(), Some("jane"));
    assert_eq!(event.groups(), ["dev", "system:authenticated"]);
    assert_eq!(event.extra("k/x"), ["v"]);
    assert_eq!(event.impersonated_user().as_deref(), Some("root"));
    assert_eq!(event.impersonated_groups(), ["system:masters"]);
    assert_eq!(event.source_ips(), ["10.0.0.1", "10.9.9.9"]);
    assert_eq!(event.resource().as_deref(), Some("pods"));
    assert_eq!(event.subresource().as_deref(), Some("exec"));
    assert_eq!(event.namespace().as_deref(), Some("shop"));
    assert_eq!(event.name().as_deref(), Some("web"));
    assert_eq!(event.api_group(), None);
    assert_eq!(event.response_code(), Some(101));
    assert_eq!(event.decision().as_deref(), Some("allow"));
    assert_eq!(
        event.time().map(|time| time.to_string()).as_deref(),
        Some("2026-11-01T10:00:00.25Z")
    );
}

#[test]
fn missing_facts_are_nothing_and_never_a_panic() {
    let mut tape = Tape::default();
    let event = Event::read(br#"{"auditID":"x","user":null,"verb":null}"#, &mut tape).unwrap();
    assert_eq!(event.user(), None);
    assert_eq!(event.verb(), None);
    assert_eq!(event.time(), None);
    assert!(event.groups().is_empty() && event.source_ips().is_empty());
}

#[test]
fn what_is_no_event_is_an_error_that_says_why() {
    assert_eq!(error(b"[]"), Error::NotAnObject);
    assert_eq!(error(b"{}"), Error::Missing { field: "auditID" });
    assert_eq!(error(b"{\"auditID\":\"\xff\"}"), Error::NotUtf8 { at: 12 });
    assert_eq!(
        error(br#"{"auditID":"x","verb":7}"#).to_string(),
        "read an event whose `verb` is not text"
    );
    assert_eq!(
        error(br#"{"auditID":"x","apiVersion":"audit.k8s.io/v9"}"#).label(),
        "unknown_version"
    );
    assert_eq!(
        error(br#"{"auditID":"x","kind":"Pod"}"#).label(),
        "unknown_kind"
    );
    assert_eq!(error(&vec![b' '; MAX_BYTES + 1]).label(), "too_large");
    assert_eq!(error(b"{\"auditID\":").label(), "syntax");
}

#[test]
fn a_patch_body_may_be_a_list() {
    let text =
        br#"{"auditID":"x","verb":"patch","requestObject":[{"op":"add","path":"/a","value":1}]}"#;
    let mut tape = Tape::default();
    let event = Event::read(text, &mut tape).unwrap();
    assert_eq!(
        event.request_object(),
        Some(r#"[{"op":"add","path":"/a","value":1}]"#)
    );
}
