//! Providers of external data, asked over TLS as policies ask them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
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
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use testkit::authority::{Authority, For};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::admit::{self, MovedClock};

fn clock() -> Arc<MovedClock> {
    Arc::new(MovedClock(AtomicI64::new(1_800_000_000)))
}

type Answer = dyn Fn(&[String]) -> (u16, String) + Send + Sync;

/// A provider on loopback; it goes when it is dropped.
struct Provider {
    authority: Authority,
    address: SocketAddr,
    /// The keys of each question.
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    /// Answers it may give; without one it is silent.
    may: Arc<Semaphore>,
    _tasks: JoinSet<()>,
}

impl Provider {
    async fn start(answer: impl Fn(&[String]) -> (u16, String) + Send + Sync + 'static) -> Self {
        let authority = Authority::new("providers");
        let pair = authority.issue(&For::Server(&["localhost"]));
        let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let may = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let answer: Arc<Answer> = Arc::new(answer);
        let mut tasks = JoinSet::new();
        let (log, gate) = (Arc::clone(&asked), Arc::clone(&may));
        tasks.spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
                let (log, gate) = (Arc::clone(&log), Arc::clone(&gate));
                conversations.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    converse(stream, &log, &gate, answer.as_ref()).await;
                });
            }
        });
        Self {
            authority,
            address,
            asked,
            may,
            _tasks: tasks,
        }
    }

    /// Knows whose image it is that has `good` in its name.
    async fn of_images() -> Self {
        Self::start(|keys| (200, items(keys, true))).await
    }

    fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }

    fn document(&self) -> Value {
        self.document_with(&self.authority)
    }

    fn document_with(&self, authority: &Authority) -> Value {
        let bundle = base64::engine::general_purpose::STANDARD.encode(authority.pem());
        json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "Provider",
            "metadata": {"name": "images"},
            "spec": {"url": format!("https://localhost:{}/validate", self.address.port()),
                "timeout": 1, "caBundle": bundle}})
    }
}

fn items(keys: &[String], is_idempotent: bool) -> String {
    let items: Vec<Value> = keys
        .iter()
        .map(|key| {
            if key.contains("good") {
                json!({"key": key, "value": format!("{key}@sha256:1")})
            } else {
                json!({"key": key, "error": "nobody knows it"})
            }
        })
        .collect();
    json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderResponse",
        "response": {"idempotent": is_idempotent, "items": items}})
    .to_string()
}

async fn converse(
    mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    log: &Mutex<Vec<Vec<String>>>,
    gate: &Semaphore,
    answer: &Answer,
) {
    let mut bytes = Vec::new();
    loop {
        let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let whole = head_end.and_then(|end| {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.split("content-length:").nth(1)?;
            let length: usize = length.lines().next()?.trim().parse().ok()?;
            (bytes.len() >= end + 4 + length).then_some((end + 4, length))
        });
        let Some((start, length)) = whole else {
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        };
        let request: Value = serde_json::from_slice(&bytes[start..start + length]).unwrap();
        bytes.clear();
        assert_eq!(request["kind"], "ProviderRequest");
        let keys: Vec<String> = serde_json::from_value(request["request"]["keys"].clone()).unwrap();
        log.lock().unwrap().push(keys.clone());
        gate.acquire().await.unwrap().forget();
        let (status, body) = answer(&keys);
        let reply = format!(
            "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Refuses pods whose images the provider does not know, or cannot say.
const REGO: &str = r#"package knownimages
violation[{"msg": msg}] {
  images := [c.image | c := input.review.object.spec.containers[_]]
  response := external_data({"provider": "images", "keys": images})
  count(response.errors) > 0
  msg := sprintf("not known: %v", [response.errors])
}
violation[{"msg": msg}] {
  images := [c.image | c := input.review.object.spec.containers[_]]
  response := external_data({"provider": "images", "keys": images})
  response.system_error != ""
  msg := sprintf("cannot say (%v): %v", [response.status_code, response.system_error])
}
violation[{"msg": "too much is told"}] {
  response := external_data({"provider": "images", "keys": []})
  response.idempotent == response.idempotent
}"#;

fn documents(provider: Value) -> Vec<Value> {
    vec![
        json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
            "metadata": {"name": "knownimages"},
            "spec": {"crd": {"spec": {"names": {"kind": "KnownImages"}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": REGO}]}}),
        json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "KnownImages",
            "metadata": {"name": "known"},
            "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}}}),
        provider,
    ]
}

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

fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": containers}})
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
    let documents = documents.into_iter().map(|value| BundleDocument {
        source: "here".to_owned(),
        value,
    });
    let bundle = Bundle {
        policies: vec![BundlePolicy {
            id: "known-images".to_owned(),
            title: "Images somebody knows".to_owned(),
            severity: api::Severity::High,
            action: PolicyAction::Deny,
            fix: String::new(),
            documents: documents.collect(),
        }],
        ..Bundle::default()
    };
    running.door.put_rules(Rules::load(&bundle, None));
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
async fn an_evaluation_may_take_as_long_as_the_providers_it_asks() {
    let provider = Provider::of_images().await;
    let asker = Asker::new(clock());
    let judging = Judging::by(documents(provider.document()), Some(&asker));
    let external = judging.world.external.unwrap();
    assert_eq!(external.patience(), Duration::from_secs(2));
}
