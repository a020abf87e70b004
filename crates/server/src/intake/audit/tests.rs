//! Audit events: forms of bodies, faults, bounds.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

fn context() -> Context {
    Context {
        received: now(),
        is_live: true,
    }
}

fn event(id: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": id,
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods", "verb": "list",
        "user": {"username": "ada"}, "stageTimestamp": "2026-03-02T11:59:59.5Z"
    })
}

fn with(id: &str, field: &str, value: Value) -> Value {
    let mut event = event(id);
    event[field] = value;
    event
}

fn without(id: &str, field: &str) -> Value {
    let mut event = event(id);
    event.as_object_mut().unwrap().remove(field);
    event
}

/// Ids and faults, as a person would tell them.
fn told(body: &str) -> String {
    let parsed = parse(body, context());
    let ids: Vec<&str> = parsed
        .events
        .iter()
        .map(|event| event.id.as_str())
        .collect();
    let faults: Vec<String> = parsed
        .faults
        .iter()
        .map(|(fault, count)| format!("{} {count}", fault.as_str()))
        .collect();
    format!("{} | {}", ids.join(" "), faults.join(", "))
}

#[test]
fn every_form_of_body_gives_its_events() {
    let list = |items: Vec<Value>| {
        json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {},
            "items": items})
    };
    // Items of a list need not say what they are.
    let mut bare = event("b");
    bare.as_object_mut().unwrap().remove("kind");
    bare.as_object_mut().unwrap().remove("apiVersion");
    assert_eq!(told(&list(vec![event("a"), bare]).to_string()), "a b | ");
    assert_eq!(told(&json!([event("a"), event("b")]).to_string()), "a b | ");
    assert_eq!(told(&event("a").to_string()), "a | ");
    let lines = format!(
        "{}\n\n{}\r\n{}",
        event("a"),
        event("b"),
        list(vec![event("c")])
    );
    assert_eq!(told(&lines), "a b c | ");
    assert_eq!(told(" \n"), " | ");
}

#[test]
fn an_item_cut_out_of_a_list_is_an_event() {
    let item = without("a", "apiVersion");
    assert_eq!(told(&item.to_string()), "a | ");
    let mut other = without("a", "apiVersion");
    other.as_object_mut().unwrap().remove("auditID");
    assert_eq!(told(&other.to_string()), " | wrong_kind 1");
}

#[test]
fn what_is_no_event_is_left_out_and_counted() {
    let cases = [
        (json!("text"), " | wrong_kind 1"),
        (json!(7), " | wrong_kind 1"),
        (json!({}), " | wrong_kind 1"),
        (
            with("a", "apiVersion", json!("audit.k8s.io/v7")),
            " | unknown_version 1",
        ),
        (json!({"items": []}), " | wrong_kind 1"),
        (json!({"kind": "EventList", "items": 7}), " | wrong_shape 1"),
        (with("a", "kind", json!("Pod")), " | wrong_kind 1"),
        (with("a", "apiVersion", json!("v1")), " | wrong_kind 1"),
        (with("a", "auditID", json!(7)), " | wrong_shape 1"),
        (
            with("a", "stageTimestamp", json!("noon")),
            " | wrong_shape 1",
        ),
        (without("a", "auditID"), " | missing_field 1"),
        (with("a", "auditID", json!("")), " | missing_field 1"),
        (
            with(&"i".repeat(201), "stage", json!("Panic")),
            " | missing_field 1",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(told(&body.to_string()), expected, "{body}");
    }
    let mut event = without("a", "verb");
    event.as_object_mut().unwrap().remove("requestURI");
    assert_eq!(told(&event.to_string()), " | missing_field 1");
}

#[test]
fn what_is_odd_is_judged_all_the_same() {
    let cases = [
        (
            with("a", "apiVersion", json!("audit.k8s.io/v1beta1")),
            "a | ",
        ),
        (without("a", "stageTimestamp"), "a | missing_field 1"),
        (without("a", "verb"), "a | "),
        (
            with("a", "stageTimestamp", json!("2026-03-02T11:54:59Z")),
            "a | clock_skew 1",
        ),
        (
            with("a", "stageTimestamp", json!("2026-03-02T12:05:01Z")),
            "a | clock_skew 1",
        ),
        (with("a", "userAgent", json!("k\u{fffd}")), "a | not_utf8 1"),
    ];
    for (body, expected) in cases {
        assert_eq!(told(&body.to_string()), expected, "{body}");
    }
}

#[test]
fn what_comes_from_a_file_may_be_old_but_not_of_tomorrow() {
    let late = Context {
        received: now(),
        is_live: false,
    };
    let old = with("a", "stageTimestamp", json!("2020-01-01T00:00:00Z")).to_string();
    assert_eq!(parse(&old, late).faults.total(), 0);
    let ahead = with("a", "stageTimestamp", json!("2026-03-03T12:00:00Z")).to_string();
    let parsed = parse(&ahead, late);
    assert_eq!(parsed.faults.get(Fault::ClockSkew), 1);
    assert_eq!(parsed.events[0].time, now());
}

#[test]
fn a_list_that_breaks_off_gives_what_is_whole() {
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1",
        "items": [event("a"), event("b"), event("c")]})
    .to_string();
    let cut = list.find("\"c\"").unwrap();
    assert_eq!(told(list.get(..cut).unwrap()), "a b | not_json 1");
    // What follows on the next line is no part of it.
    let lines = format!("{}\n{}", list.get(..cut).unwrap(), event("d"));
    assert_eq!(told(&lines), "a b d | not_json 1");
    let lines = format!("{}\n{{\"kind\":\n{}\n<html>", event("a"), event("b"));
    assert_eq!(told(&lines), "a b | not_json 2");
}

#[test]
fn an_event_of_nine_megabytes_is_judged_and_a_larger_one_is_counted() {
    let large = |bytes: usize| with("a", "requestObject", json!("x".repeat(bytes))).to_string();
    assert_eq!(told(&large(9 << 20)), "a | ");
    assert_eq!(told(&large(MAX_EVENT)), " | too_large 1");
    // Depth is no way to break in.
    let deep = format!(
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"a\",\"verb\":\
         \"get\",\"stageTimestamp\":\"2026-03-02T11:59:59Z\",\"requestObject\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(told(&deep), "a | ");
}

#[test]
fn faults_read_back_by_their_words() {
    for fault in Fault::ALL {
        assert_eq!(Fault::parse(fault.as_str()), Some(*fault));
    }
}

#[test]
fn recorded_events_are_all_understood() {
    let Some(folder) = testkit::data("audit") else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("audit2rbac-demo.jsonl")).unwrap();
    let rows = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["event"].to_string()
    });
    let text = rows.collect::<Vec<_>>().join("\n");
    let late = Context {
        received: now(),
        is_live: false,
    };
    let parsed = parse(&text, late);
    assert_eq!(
        (parsed.events.len(), parsed.faults.total()),
        (37, 0),
        "{:?}",
        parsed.faults
    );
}

proptest! {
    #[test]
    fn anything_at_all_is_read_without_harm(body: String) {
        let parsed = parse(&body, context());
        prop_assert!(parsed.events.is_empty());
    }

    /// However a body is cut, whole events before the cut are found, and
    /// none twice.
    #[test]
    fn a_cut_loses_no_whole_event(place in 0_usize..2000) {
        let events: Vec<String> = ["a", "b", "c", "d"].iter().map(|id| event(id).to_string()).collect();
        let body = format!(
            "{{\"apiVersion\":\"audit.k8s.io/v1\",\"kind\":\"EventList\",\"items\":[{}]}}",
            events.join(",")
        );
        let cut = place.min(body.len());
        let parsed = parse(body.get(..cut).unwrap(), context());
        let whole = events.iter().filter(|event| {
            body.find(event.as_str()).unwrap() + event.len() <= cut
        });
        prop_assert_eq!(parsed.events.len(), whole.count());
    }
}
