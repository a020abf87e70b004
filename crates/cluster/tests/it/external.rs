//! Providers of external data, asked over TLS as policies ask them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use api::policy::{Bundle, BundleDocument, BundlePolicy, PolicyAction};
use base64::Engine as _;
use cluster::{
    admit::{DoorSettings, Rules},
    external::{Asker, KEPT},
};
use policy::{
    Document, Policies, World,
    review::{Kind, Moment, Operation, Origin, Review},
};
use serde_json::{Value, json};
use testkit::authority::Authority;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    admit,
    provider::{Provider, clock, documents, items, pod},
};

fn mutator(on_failure: &Value) -> Value {
    json!({"apiVersion": "mutations.gatekeeper.sh/v1", "kind": "Assign",
        "metadata": {"name": "digests"},
        "spec": {"applyTo": [{"groups": [""], "versions": ["v1"], "kinds": ["Pod"]}],
            "location": "spec.containers[name: *].image",
            "parameters": {"assign": {"externalData": on_failure}}}})
}

struct Judging {
    policies: Policies,
    world: World,
}

impl Judging {
    fn by(documents: Vec<Value>, asker: Option<&Arc<Asker>>) -> Self {
        let documents: Vec<Document> = documents
            .into_iter()
            .map(|value| Document {
                source: "here".to_owned(),
                value,
            })
            .collect();
        let (policies, problems) = Policies::load(&documents);
        assert_eq!(problems, []);
        let world = World {
            external: asker.map(|asker| asker.of(&policies)),
            ..World::default()
        };
        Self { policies, world }
    }

    /// What is said of a pod with these images, off the runtime's threads
    /// as everywhere.
    fn said(&self, images: &[&str]) -> Vec<String> {
        tokio::task::block_in_place(|| {
            let object = pod(images);
            let said = self.policies.review(&review(&object), &self.world);
            said.into_iter().map(|one| one.message).collect()
        })
    }

    fn mutated(&self, images: &[&str]) -> Result<Vec<Value>, String> {
        tokio::task::block_in_place(|| {
            let object = pod(images);
            let made = self.policies.mutate(&review(&object), &self.world);
            let made = made.map_err(|error| error.to_string())?.unwrap_or(object);
            let containers = made["spec"]["containers"].as_array().unwrap();
            Ok(containers.iter().map(|one| one["image"].clone()).collect())
        })
    }
}

fn review(object: &Value) -> Review<'_> {
    Review {
        moment: Moment::Audit,
        operation: Operation::Create,
        kind: Kind::of(object).unwrap(),
        object: Some(object),
        old_object: None,
        name: "web",
        namespace: "shop",
        namespace_object: None,
        origin: Origin::Original,
        request: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_unless_told_to() {
    let provider = Provider::of_images().await;
    let judging = Judging::by(documents(provider.document()), None);
    let said = judging.said(&["good/a"]);
    assert!(
        said.len() == 1 && said[0].contains("external data is off"),
        "{said:?}"
    );
    assert!(said[0].contains("--external-data"), "{said:?}");
    assert!(provider.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_asked_once_for_what_is_not_known_until_it_is_too_old() {
    let provider = Provider::of_images().await;
    let clock = clock();
    let asker = Asker::new(clock.clone());
    let judging = Judging::by(documents(provider.document()), Some(&asker));
    assert!(judging.said(&["good/a"]).is_empty());
    assert!(judging.said(&["good/a", "good/a"]).is_empty());
    let unknown = judging.said(&["good/a", "bad/b"]);
    assert_eq!(unknown, [r#"not known: [["bad/b", "nobody knows it"]]"#]);
    assert_eq!(judging.said(&["bad/b"]), unknown);
    assert_eq!(provider.asked(), [["good/a"], ["bad/b"]]);

    // New policies with the same provider know what the old ones heard.
    let judging = Judging::by(documents(provider.document()), Some(&asker));
    assert!(judging.said(&["good/a"]).is_empty());
    assert_eq!(provider.asked().len(), 2);
    let kept = i64::try_from(KEPT.as_secs()).unwrap();
    clock.0.fetch_add(kept, Ordering::Relaxed);
    assert!(judging.said(&["good/a"]).is_empty());
    assert_eq!(provider.asked().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_the_same_at_once_one_goes() {
    let provider = Provider::of_images().await;
    let asker = Asker::new(clock());
    let judging = Arc::new(Judging::by(documents(provider.document()), Some(&asker)));
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let judging = Arc::clone(&judging);
        asking.spawn_blocking(move || {
            let object = pod(&["good/a"]);
            judging.policies.review(&review(&object), &judging.world)
        });
    }
    while let Some(said) = asking.join_next().await {
        assert_eq!(said.unwrap(), []);
    }
    assert_eq!(provider.asked(), [["good/a"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_provider_is_waited_for_as_long_as_it_says_and_then_left_alone() {
    let provider = Provider::of_images().await;
    provider.may.forget_permits(Semaphore::MAX_PERMITS);
    let clock = clock();
    let asker = Asker::new(clock.clone());
    let judging = Judging::by(documents(provider.document()), Some(&asker));
    let said = judging.said(&["good/a"]);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("cannot say (500): failed to send external data request: ")
            && said[0].contains("within 1 s"),
        "{said:?}"
    );
    assert_eq!(judging.said(&["good/b"]), said);
    assert_eq!(provider.asked(), [["good/a"]]);
    // It comes back, and so does who asks.
    provider.may.add_permits(100);
    clock.0.fetch_add(2, Ordering::Relaxed);
    assert!(judging.said(&["good/b"]).is_empty());
    assert_eq!(provider.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_a_foreign_certificate_is_told_nothing() {
    let provider = Provider::of_images().await;
    let foreign = provider.document_with(&Authority::new("somebody else"));
    let asker = Asker::new(clock());
    let said = Judging::by(documents(foreign), Some(&asker)).said(&["good/a"]);
    assert!(
        said.len() == 1 && said[0].contains("establish trust in https://localhost:"),
        "{said:?}"
    );
    assert!(provider.asked().is_empty());
    // Put right, it is another provider, and asked at once.
    let right = Judging::by(documents(provider.document()), Some(&asker));
    assert!(right.said(&["good/a"]).is_empty());

    let mut nameless = documents(provider.document());
    nameless.pop();
    let said = Judging::by(nameless, Some(&asker)).said(&["good/a"]);
    assert!(
        said.len() == 1 && said[0].contains("there is no Provider named \"images\""),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_answers_are_told_as_what_they_are() {
    for (status, body, expected) in [
        (
            502,
            "<html>",
            "failed to unmarshal external data response: images answered 502: ",
        ),
        (
            404,
            r#"{"error": "no"}"#,
            "images answered 404: there is no \"response\" in it",
        ),
        (
            200,
            r#"{"response": {"systemError": "the registry is away", "items": []}}"#,
            "cannot say (200): the registry is away",
        ),
    ] {
        let provider = Provider::start(move |_| (status, body.to_owned())).await;
        let asker = Asker::new(clock());
        let judging = Judging::by(documents(provider.document()), Some(&asker));
        let said = judging.said(&["good/a"]);
        assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
    }
    let provider = Provider::start(|_| (200, "x".repeat((4 << 20) + 1))).await;
    let asker = Asker::new(clock());
    let said = Judging::by(documents(provider.document()), Some(&asker)).said(&["good/a"]);
    assert!(
        said[0].contains("failed to read external data response: ")
            && said[0].contains("larger than 4194304 bytes"),
        "{said:?}"
    );

    // More keys than are asked for at once.
    let provider = Provider::of_images().await;
    let judging = Judging::by(documents(provider.document()), Some(&asker));
    let many: Vec<String> = (0..1_001).map(|index| format!("good/{index}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let said = judging.said(&many);
    assert!(
        said.len() == 1 && said[0].contains("more than 1000 keys at once"),
        "{said:?}"
    );
    assert!(provider.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mutators_fill_in_what_a_provider_knows() {
    let provider = Provider::of_images().await;
    let asker = Asker::new(clock());
    let with = |on_failure: Value, asker| {
        Judging::by(vec![mutator(&on_failure), provider.document()], asker)
    };
    let images = ["good/a", "bad/b", "good/a"];
    let lenient = with(
        json!({"provider": "images", "failurePolicy": "Ignore"}),
        Some(&asker),
    );
    assert_eq!(
        lenient.mutated(&images).unwrap(),
        ["good/a@sha256:1", "bad/b", "good/a@sha256:1"]
    );
    assert_eq!(provider.asked(), [["bad/b", "good/a"]]);
    let strict = with(json!({"provider": "images"}), Some(&asker));
    let error = strict.mutated(&images).unwrap_err();
    assert!(
        error.contains("from provider images: nobody knows it"),
        "{error}"
    );
    // Both from memory.
    assert_eq!(provider.asked().len(), 1);
    let off = with(json!({"provider": "images"}), None);
    let error = off.mutated(&images).unwrap_err();
    assert!(error.contains("external data is off"), "{error}");

    let moody = Provider::start(|keys| (200, items(keys, false))).await;
    let judging = Judging::by(
        vec![mutator(&json!({"provider": "images"})), moody.document()],
        Some(&asker),
    );
    let error = judging.mutated(&["good/a"]).unwrap_err();
    assert!(error.contains("non-idempotent response"), "{error}");
}

fn bundle(documents: Vec<Value>) -> Bundle {
    let documents = documents.into_iter().map(|value| BundleDocument {
        source: "here".to_owned(),
        value,
    });
    Bundle {
        policies: vec![BundlePolicy {
            id: "known-images".to_owned(),
            title: "Images somebody knows".to_owned(),
            severity: api::Severity::High,
            action: PolicyAction::Deny,
            fix: String::new(),
            documents: documents.collect(),
        }],
        ..Bundle::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admission_asks_while_it_judges_and_mends() {
    let provider = Provider::of_images().await;
    let running = admit::start(DoorSettings {
        external: Some(Asker::new(clock())),
        ..admit::settings()
    })
    .await;
    let lenient = json!({"provider": "images", "failurePolicy": "Ignore"});
    let mut documents = documents(provider.document());
    documents.push(mutator(&lenient));
    running
        .door
        .put_rules(Rules::load(&bundle(documents), None));
    let asked = |image: &str| admit::review(pod(&[image]), "shop");
    let answer = running.ask(&asked("bad/b")).await;
    assert_eq!(
        answer["response"]["status"]["message"],
        r#"[known-images] not known: [["bad/b", "nobody knows it"]]"#,
        "{answer}"
    );
    let answer = running.ask(&asked("good/a")).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let body = asked("good/a").to_string();
    let (_, text) = running.send("POST", "/mutate", body.as_bytes()).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let patch = answer["response"]["patch"].as_str().unwrap();
    let patch = base64::engine::general_purpose::STANDARD
        .decode(patch)
        .unwrap();
    let patch = String::from_utf8(patch).unwrap();
    assert!(patch.contains("good/a@sha256:1"), "{patch}");
    assert_eq!(provider.asked(), [["bad/b"], ["good/a"]]);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admission_tells_of_a_provider_that_does_not_answer_until_it_does() {
    let provider = Provider::of_images().await;
    provider.may.forget_permits(Semaphore::MAX_PERMITS);
    let clock = clock();
    let running = admit::start(DoorSettings {
        external: Some(Asker::new(clock.clone())),
        ..admit::settings()
    })
    .await;
    let bundle = bundle(documents(provider.document()));
    running.door.put_rules(Rules::load(&bundle, None));
    assert!(running.door.troubles().is_empty());
    let asked = admit::review(pod(&["good/a"]), "shop");
    let answer = running.ask(&asked).await;
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    let told = running.door.troubles();
    let beginning = "Provider/images does not answer: failed to send external data request: ";
    assert!(
        told.len() == 1 && told[0].starts_with(beginning),
        "{told:?}"
    );
    // New rules with the same provider know of it.
    running.door.put_rules(Rules::load(&bundle, None));
    assert_eq!(running.door.troubles(), told);

    provider.may.add_permits(100);
    clock.0.fetch_add(2, Ordering::Relaxed);
    let answer = running.ask(&asked).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    assert!(running.door.troubles().is_empty());
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_may_take_as_long_as_the_providers_it_asks() {
    let provider = Provider::of_images().await;
    let asker = Asker::new(clock());
    let judging = Judging::by(documents(provider.document()), Some(&asker));
    let external = judging.world.external.unwrap();
    assert_eq!(external.patience(), Duration::from_secs(2));
}
