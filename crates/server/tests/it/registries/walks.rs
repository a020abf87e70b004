//! Walks: everybody's turn, lists that are long, and registries that stop
//! in the midst of them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicI64, AtomicUsize},
};

use jiff::Timestamp;

use super::*;
use crate::test_server::start_at;

/// Advanced by the test.
struct MovedClock(AtomicI64);

impl model::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Nothing to be scanned, so that a walk is all there is.
const CHART: &str = r#"{"schemaVersion":2,"artifactType":"application/x-chart","layers":[]}"#;

fn catalogue(names: &[String]) -> Reply {
    Reply::new(200, json!({"repositories": names}).to_string())
}

fn tag_list(tags: &[String]) -> Reply {
    Reply::new(200, json!({"name": "x", "tags": tags}).to_string())
}

/// The answer to whatever asks for a manifest.
fn chart(request: &Request) -> Option<Reply> {
    request.target.contains("/manifests/").then(|| {
        Reply::new(200, CHART)
            .header("content-type", OCI_MANIFEST)
            .header(
                "docker-content-digest",
                &model::Digest::of(CHART.as_bytes()).to_string(),
            )
    })
}

/// `HEAD`s of manifests so far, how often each.
fn asked_for(server: &Server) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in server.asked() {
        if request.method == "HEAD" && request.target.contains("/manifests/") {
            *counts.entry(request.target).or_default() += 1;
        }
    }
    counts
}

/// Added, walked when the test says so.
async fn watch(person: &Person, server: &Server) -> String {
    let mut body = body_of("team", &server.host());
    body["credential"] = json!({"type": "anonymous"});
    let made = add(person, body).await;
    made["registry"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_repository_has_its_turn_and_no_tag_is_asked_for_twice() {
    let names: Vec<String> = (0..30).map(|number| format!("team/r{number:02}")).collect();
    let tags: Vec<String> = (0..100).map(|number| format!("v{number}")).collect();
    let server = Server::start(move |request: &Request| {
        if let Some(reply) = chart(request) {
            return reply;
        }
        if request.target.starts_with("/v2/_catalog") {
            return catalogue(&names);
        }
        tag_list(&tags)
    });
    let test = start().await;
    let person = test.signed_in().await;
    let id = watch(&person, &server).await;

    test.server.look_at_registries(true).await.unwrap();
    let counts = asked_for(&server);
    assert_eq!(counts.len(), 2_000, "one walk is bounded");
    // It goes on by itself until nothing is left.
    test.server.start_jobs().await.unwrap();
    let is_over = |registry: &Value| registry["polled"].is_string() && registry["tags"] == 3_000;
    let path = format!("/api/v1/registries/{id}");
    for _ in 0..1_200 {
        if asked_for(&server).len() == 3_000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until(&person, &path, is_over).await;
    let counts = asked_for(&server);
    assert_eq!(counts.len(), 3_000, "all of them");
    assert!(counts.values().all(|&count| count == 1), "and none twice");
}

/// A list of tags in pages of so many.
fn page_of(request: &Request, size: usize, count: usize) -> Reply {
    let last = request.target.split("last=v").nth(1).unwrap_or("0");
    let last: usize = last.split('&').next().unwrap().parse().unwrap();
    let end = (last + size).min(count);
    let tags: Vec<String> = (last + 1..=end).map(|tag| format!("v{tag:06}")).collect();
    let reply = tag_list(&tags);
    if end == count {
        return reply;
    }
    let link = format!("</v2/team/shop/tags/list?last=v{end:06}&n={size}>; rel=\"next\"");
    reply.header("link", &link)
}

/// The pages of tags asked for since the last call.
fn pages(server: &Server) -> Vec<String> {
    let lines = server.take_lines().into_iter();
    lines
        .filter_map(|line| {
            line.split_once("/tags/list?")
                .map(|(_, page)| page.to_owned())
        })
        .collect()
}

async fn tags_of(person: &Person, registry: &str) -> u64 {
    let registry = person.get(&format!("/api/v1/registries/{registry}")).await;
    registry.json()["tags"].as_u64().unwrap()
}

#[tokio::test]
async fn a_hundred_thousand_tags_are_read_in_two_walks() {
    let server = Server::start(|request: &Request| {
        if let Some(reply) = chart(request) {
            return reply;
        }
        if request.target.starts_with("/v2/_catalog") {
            return catalogue(&["team/shop".to_owned()]);
        }
        page_of(request, 1_000, 100_000)
    });
    let test = start().await;
    let person = test.signed_in().await;
    let id = watch(&person, &server).await;
    test.server.look_at_registries(true).await.unwrap();
    assert!(
        asked_for(&server).is_empty(),
        "the newest are not known yet"
    );
    let first = pages(&server);
    assert_eq!((first.len(), first[0].as_str()), (64, "n=1000"));
    assert_eq!(tags_of(&person, &id).await, 64_000, "written as they came");
    test.server.look_at_registries(true).await.unwrap();
    let asked = asked_for(&server);
    assert_eq!(asked.len(), 100, "the newest");
    assert!(
        asked
            .keys()
            .all(|target| target.contains("/v0999") || target.contains("/v100000"))
    );
    let second = pages(&server);
    assert_eq!(
        (second.len(), second[0].as_str()),
        (36, "last=v064000&n=1000")
    );
    assert_eq!(tags_of(&person, &id).await, 100_000);
}

#[tokio::test]
async fn a_list_goes_on_after_a_429_and_begins_anew_where_its_page_is_none_any_more() {
    // Pages that are refused, one by one: with which status.
    let refused: Arc<AtomicUsize> = Arc::default();
    let with = Arc::clone(&refused);
    let server = Server::start(move |request: &Request| {
        if let Some(reply) = chart(request) {
            return reply;
        }
        if request.target.starts_with("/v2/_catalog") {
            return catalogue(&["team/shop".to_owned()]);
        }
        match with.load(Ordering::Relaxed) {
            status if status > 0 && request.target.contains("last=v000070") => {
                let status = u16::try_from(status).unwrap();
                Reply::new(status, "").header("retry-after", "60")
            }
            _ => page_of(request, 10, 100),
        }
    });
    let begun = 1_790_000_000;
    let clock = Arc::new(MovedClock(AtomicI64::new(begun)));
    let test = start_at(clock.clone()).await;
    let person = test.signed_in().await;
    let id = watch(&person, &server).await;
    let path = format!("/api/v1/registries/{id}");

    refused.store(429, Ordering::Relaxed);
    test.server.look_at_registries(true).await.unwrap();
    assert_eq!(person.get(&path).await.json()["state"], "waiting");
    assert_eq!(tags_of(&person, &id).await, 70, "what came is kept");
    pages(&server);
    clock.0.store(begun + 100, Ordering::Relaxed);
    refused.store(0, Ordering::Relaxed);
    test.server.look_at_registries(true).await.unwrap();
    let went_on = pages(&server);
    assert_eq!(went_on.len(), 3, "{went_on:?}");
    assert_eq!(went_on[0], "last=v000070&n=10");
    assert_eq!(person.get(&path).await.json()["state"], "working");
    assert_eq!(tags_of(&person, &id).await, 100);

    // The page it would go on from is refused for good.
    clock.0.store(begun + 200, Ordering::Relaxed);
    refused.store(429, Ordering::Relaxed);
    test.server.look_at_registries(true).await.unwrap();
    refused.store(400, Ordering::Relaxed);
    clock.0.store(begun + 300, Ordering::Relaxed);
    test.server.look_at_registries(true).await.unwrap();
    pages(&server);
    refused.store(0, Ordering::Relaxed);
    test.server.look_at_registries(true).await.unwrap();
    assert_eq!(pages(&server)[0], "n=1000", "from its beginning");
    assert_eq!(tags_of(&person, &id).await, 100, "and none is lost");
}

#[tokio::test]
async fn a_repository_that_cannot_be_read_keeps_nobody_from_the_others() {
    // What is answered for the tags of one, and of the others.
    let (one, others): (Arc<AtomicUsize>, Arc<AtomicUsize>) = (Arc::default(), Arc::default());
    let (of_one, of_others) = (Arc::clone(&one), Arc::clone(&others));
    let names = ["a", "b", "c"].map(|name| format!("team/{name}")).to_vec();
    let server = Server::start(move |request: &Request| {
        if let Some(reply) = chart(request) {
            return reply;
        }
        if request.target.starts_with("/v2/_catalog") {
            return catalogue(&names);
        }
        let is_one = request.target.contains("/team/b/");
        let status = if is_one { &of_one } else { &of_others };
        match u16::try_from(status.load(Ordering::Relaxed)).unwrap() {
            0 => tag_list(&["1".to_owned()]),
            status => Reply::new(status, ""),
        }
    });
    let begun = 1_790_000_000;
    let clock = Arc::new(MovedClock(AtomicI64::new(begun)));
    let test = start_at(clock.clone()).await;
    let person = test.signed_in().await;
    let id = watch(&person, &server).await;
    let (path, list) = (
        format!("/api/v1/registries/{id}"),
        format!("/api/v1/registries/{id}/repositories"),
    );
    let walk = async |later: i64| {
        clock.0.store(begun + later, Ordering::Relaxed);
        server.take_lines();
        test.server.look_at_registries(true).await.unwrap();
        let registry = person.get(&path).await.json();
        (registry["state"].clone(), registry["failing"].clone())
    };

    one.store(403, Ordering::Relaxed);
    assert_eq!(walk(10).await, (json!("working"), json!(1)));
    assert_eq!(asked_for(&server).len(), 2, "the others were read");
    let repositories = person.get(&list).await.json();
    let items = repositories["items"].as_array().unwrap();
    let told: Vec<bool> = items.iter().map(|item| item["error"].is_object()).collect();
    assert_eq!(told, [false, true, false], "{repositories}");
    let error = &items[1]["error"];
    assert!(
        error["message"].as_str().unwrap().contains("403"),
        "{error}"
    );
    assert!(
        error["advice"].as_str().unwrap().contains("credentials"),
        "{error}"
    );

    // None of them can be read: it is the registry that is ill.
    others.store(403, Ordering::Relaxed);
    assert_eq!(walk(20).await, (json!("failing"), json!(3)));
    others.store(0, Ordering::Relaxed);
    one.store(0, Ordering::Relaxed);
    assert_eq!(walk(30).await, (json!("working"), json!(0)));

    // A registry that breaks is not asked on, and whoever broke it goes to
    // the end of the line.
    one.store(500, Ordering::Relaxed);
    assert_eq!(walk(40).await.0, "failing");
    let asked = |name: &str| {
        let part = format!("/team/{name}/tags/");
        server
            .asked()
            .iter()
            .any(|request| request.target.contains(&part))
    };
    assert!(asked("a") && asked("b") && !asked("c"));
    assert_eq!(walk(50).await.0, "failing");
    assert!(asked("c"), "it had its turn before the broken one");
}
