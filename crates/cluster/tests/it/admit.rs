//! Admission over TLS, asked as an API server asks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use api::{
    Severity,
    decision::Verdict,
    policy::{Bundle, BundleDocument, BundleExemption, BundlePolicy, PolicyAction},
};
use cluster::admit::{Door, DoorSettings, Fail, Keys, Place, Rules};
use jiff::Timestamp;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

const START: &str = "2026-01-01T00:00:00Z";

pub(crate) struct MovedClock(pub(crate) AtomicI64);

impl model::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Says no to privileged containers, and how to mend them.
pub(crate) fn template(rego: &str) -> Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
        "metadata": {"name": "testprivileged"},
        "spec": {"crd": {"spec": {"names": {"kind": "TestPrivileged"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}]},
    })
}

const REGO: &str = r#"package testprivileged
violation[{"msg": msg, "details": {"container": c.name, "patch": patch}}] {
  c := input.review.object.spec.containers[i]
  c.securityContext.privileged
  msg := sprintf("container %v must not be privileged", [c.name])
  patch := [{"op": "replace", "path": sprintf("/spec/containers/%d/securityContext/privileged", [i]), "value": false}]
}"#;

pub(crate) fn policy(action: &str) -> BundlePolicy {
    let constraint = json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "TestPrivileged",
        "metadata": {"name": "no-privileged"},
        "spec": {"enforcementAction": action,
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}]}},
    });
    let document = |source: &str, value| BundleDocument {
        source: source.to_owned(),
        value,
    };
    BundlePolicy {
        id: "pods-not-privileged".to_owned(),
        title: "No privileged containers".to_owned(),
        severity: Severity::High,
        action: PolicyAction::Deny,
        fix: String::new(),
        documents: vec![
            document("template.yaml", template(REGO)),
            document("constraint.yaml", constraint),
        ],
    }
}

pub(crate) fn bundle(action: &str) -> Bundle {
    Bundle {
        mark: action.to_owned(),
        environment: "local".to_owned(),
        cluster: "prod".to_owned(),
        policies: vec![policy(action)],
        ..Bundle::default()
    }
}

pub(crate) struct Running {
    pub(crate) door: Arc<Door>,
    keys: Arc<Keys>,
    clock: Arc<MovedClock>,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    tasks: JoinSet<std::io::Result<()>>,
}

pub(crate) fn settings() -> DoorSettings {
    DoorSettings {
        place: Place {
            own_namespace: Some("seawall".to_owned()),
            exempt_namespaces: Vec::new(),
        },
        fail: Fail::Open,
        audit_only: false,
        timeout: Duration::from_secs(30),
        judges: 2,
        external: None,
    }
}

pub(crate) async fn start(settings: DoorSettings) -> Running {
    let now: Timestamp = START.parse().unwrap();
    let clock = Arc::new(MovedClock(AtomicI64::new(now.as_second())));
    let door = Arc::new(Door::new(settings, clock.clone()));
    // The client's clock is the machine's.
    let made = model::Clock::now(&model::SystemClock) - Duration::from_hours(20);
    let keys = Arc::new(Keys::alone(vec!["127.0.0.1".to_owned()], made).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&door).serve(listener, Arc::clone(&keys), shutdown.clone()));
    Running {
        door,
        keys,
        clock,
        address,
        shutdown,
        tasks,
    }
}

impl Running {
    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.keys.trusted().as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }

    /// Status and body.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = self.connect().await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come before all of it is sent.
        stream.write_all(body).await.ok();
        // What a full socket did not take waits in the session until then.
        stream.flush().await.ok();
        read(stream).await
    }

    pub(crate) async fn ask(&self, review: &Value) -> Value {
        let body = review.to_string();
        let (status, text) = self
            .send("POST", "/validate?timeout=10s", body.as_bytes())
            .await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn end(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

async fn read(mut stream: TlsStream<TcpStream>) -> (u16, String) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or(0), body.to_owned())
}

pub(crate) fn pod(is_privileged: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-7d4b9c-x", "namespace": "shop",
            "labels": {"pod-template-hash": "7d4b9c"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d4b9c", "controller": true}]},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1",
            "securityContext": {"privileged": is_privileged}}]},
    })
}

#[expect(clippy::needless_pass_by_value, reason = "a test says it in place")]
pub(crate) fn review(object: Value, namespace: &str) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u-1", "operation": "CREATE", "namespace": namespace,
            "name": object["metadata"]["name"],
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "userInfo": {"username": "dana"}, "object": object},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_pod_is_refused_with_what_is_wrong_and_how_to_mend_it() {
    let running = start(settings()).await;
    running.door.put_rules(Rules::load(&bundle("deny"), None));
    let answer = running.ask(&review(pod(true), "shop")).await;
    let response = &answer["response"];
    assert_eq!(response["allowed"], false, "{answer}");
    assert_eq!(response["uid"], "u-1");
    assert_eq!(response["status"]["code"], 403);
    let message = response["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("[pods-not-privileged] container web must not be privileged"),
        "{message}"
    );
    assert!(message.contains("-      privileged: true"), "{message}");
    assert!(message.contains("+      privileged: false"), "{message}");
    assert_eq!(
        response["auditAnnotations"],
        json!({"denied": "pods-not-privileged"})
    );
    let decision = running.door.line.first(1).remove(0);
    assert_eq!(decision.verdict, Verdict::Denied);
    assert_eq!(decision.workload, "Deployment/web");
    assert_eq!(decision.violations[0].container.as_deref(), Some("web"));
    assert!(decision.violations[0].patch.is_some());
    assert_eq!(decision.images, ["registry.example/web:1"]);

    let answer = running.ask(&review(pod(false), "shop")).await;
    assert_eq!(answer["response"], json!({"allowed": true, "uid": "u-1"}));
    let mut old = review(pod(true), "shop");
    old["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let answer = running.ask(&old).await;
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1beta1");
    assert_eq!(answer["response"]["allowed"], false);
    let (_, metrics) = running.send("GET", "/metrics", b"").await;
    assert!(
        metrics.contains("seawall_admission_denied_total 2\n"),
        "{metrics}"
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_heard_and_a_dry_run_leaves_no_trace() {
    let running = start(settings()).await;
    running.door.put_rules(Rules::load(&bundle("warn"), None));
    let mut dry = review(pod(true), "shop");
    dry["request"]["dryRun"] = json!(true);
    let answer = running.ask(&dry).await;
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(
        answer["response"]["warnings"],
        json!(["[pods-not-privileged] container web must not be privileged"])
    );
    assert!(running.door.line.is_empty());
    running.ask(&review(pod(true), "shop")).await;
    assert_eq!(running.door.line.first(1)[0].verdict, Verdict::Warned);

    running.door.put_rules(Rules::load(&bundle("dryrun"), None));
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert!(answer["response"].get("warnings").is_none(), "{answer}");
    assert_eq!(
        answer["response"]["auditAnnotations"]["audited"],
        "pods-not-privileged"
    );
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_about_to_leave_lets_go_of_its_connections() {
    let running = start(settings()).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = running.connect().await;
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let mut bytes = [0; 1_024];
    let read_so_far = stream.read(&mut bytes).await.unwrap();
    let head = String::from_utf8_lossy(&bytes[..read_so_far]).to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(!head.contains("connection: close"), "{head}");
    running.door.leave();
    // What is asked all the same is answered, and nothing after it.
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let closing = tokio::time::timeout(Duration::from_secs(20), read(stream)).await;
    let (status, body) = closing.expect("the connection is closed");
    assert_eq!((status, body.as_str()), (200, "ok"));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_lives_on_is_never_refused() {
    let running = start(settings()).await;
    running.door.put_rules(Rules::load(&bundle("deny"), None));
    running.door.around(|world| {
        let labels = json!({"metadata": {"name": "legacy",
            "labels": {"admission.seawall.dev/exempt": "true"}}});
        world
            .namespaces
            .insert("legacy".to_owned(), Arc::new(labels));
    });
    for namespace in [
        "kube-system",
        "kube-node-lease",
        "kube-public",
        "seawall",
        "legacy",
    ] {
        let answer = running.ask(&review(pod(true), namespace)).await;
        assert_eq!(answer["response"]["allowed"], true, "{namespace}");
    }
    // What is on its way out is let go.
    let mut leaving = pod(true);
    leaving["metadata"]["deletionTimestamp"] = json!(START);
    let answer = running.ask(&review(leaving, "shop")).await;
    assert_eq!(answer["response"]["allowed"], true);
    assert!(running.door.line.is_empty());
    running.door.stop_refusing();
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(running.door.line.first(1)[0].verdict, Verdict::Audited);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_holds_until_its_end_and_no_longer() {
    let running = start(settings()).await;
    let start: Timestamp = START.parse().unwrap();
    let bundle = Bundle {
        exemptions: vec![BundleExemption {
            id: "e-1".to_owned(),
            scope: "rule:pods-not-privileged ns:shop workload:web container:web".to_owned(),
            expires: Some(start + Duration::from_mins(1)),
        }],
        ..bundle("deny")
    };
    running.door.put_rules(Rules::load(&bundle, None));
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let decision = running.door.line.first(1).remove(0);
    assert_eq!(decision.verdict, Verdict::Exempted);
    assert_eq!(decision.violations[0].exemption.as_deref(), Some("e-1"));
    let elsewhere = running.ask(&review(pod(true), "bank")).await;
    assert_eq!(elsewhere["response"]["allowed"], false);
    running.clock.0.fetch_add(60, Ordering::Relaxed);
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_new_version_leaves_the_old_one_in_force() {
    let running = start(settings()).await;
    running.door.put_rules(Rules::load(&bundle("deny"), None));
    let mut broken = bundle("deny");
    broken.mark = "broken".to_owned();
    broken.policies[0].documents[0].value = template("package x\nviolation[ {");
    let rules = Rules::load(&broken, Some(&running.door.rules()));
    let told = rules.problems.join("\n");
    assert!(
        told.contains("pods-not-privileged: template.yaml"),
        "{told}"
    );
    assert!(told.contains("its last version stays in force"), "{told}");
    running.door.put_rules(rules);
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], false, "{answer}");
    // Without one before, the rest is in force and this is told.
    let alone = Rules::load(&broken, None);
    assert!(!alone.problems.is_empty() && alone.loaded().policies == 0);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_judged_goes_as_was_chosen_and_says_so() {
    for (fail, is_allowed) in [(Fail::Open, true), (Fail::Closed, false)] {
        let running = start(DoorSettings { fail, ..settings() }).await;
        assert_eq!(running.send("GET", "/readyz", b"").await.0, 503);
        assert_eq!(running.send("GET", "/healthz", b"").await.0, 200);
        let answer = running.ask(&review(pod(true), "shop")).await;
        let response = &answer["response"];
        assert_eq!(response["allowed"], is_allowed);
        let told = if is_allowed {
            &response["warnings"][0]
        } else {
            &response["status"]["message"]
        };
        let told = told.as_str().unwrap();
        assert!(
            told.starts_with("seawall could not judge this: it has no policies"),
            "{told}"
        );
        assert_eq!(running.door.line.first(1)[0].verdict, Verdict::Failed);
        running.door.put_rules(Rules::load(&bundle("deny"), None));
        assert_eq!(running.send("GET", "/readyz", b"").await.0, 200);
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_finds_bounded_room_and_large_objects_are_judged() {
    let running = start(settings()).await;
    running.door.put_rules(Rules::load(&bundle("deny"), None));
    // Three megabytes of annotations, twice in the request.
    let mut large = pod(true);
    large["metadata"]["annotations"] = json!({"note": "x".repeat(3_000_000)});
    let mut asked = review(large.clone(), "shop");
    asked["request"]["oldObject"] = large;
    let answer = running.ask(&asked).await;
    assert_eq!(answer["response"]["allowed"], false);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.len() < 13_000, "{}", message.len());

    let too_long = vec![b' '; (8 << 20) + 1];
    assert_eq!(running.send("POST", "/validate", &too_long).await.0, 413);
    let (status, told) = running.send("POST", "/validate", b"{}").await;
    assert_eq!(status, 400);
    assert!(told.contains("AdmissionReview"), "{told}");

    // Six that never come take all the room there is.
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut stream = running.connect().await;
        let line = format!(
            "POST /validate?timeout=30s HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
             content-length: {}\r\n\r\n",
            (8 << 20) - 1
        );
        stream.write_all(line.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        // Told to go on: it has its room.
        let mut line = [0; 12];
        stream.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"HTTP/1.1 100");
        held.push(stream);
    }
    let body = review(pod(true), "shop").to_string();
    let (status, told) = running
        .send("POST", "/validate?timeout=200ms", body.as_bytes())
        .await;
    assert_eq!(status, 429, "{told}");
    assert!(told.contains("not judged"), "{told}");
    drop(held);
    let answer = running.ask(&review(pod(true), "shop")).await;
    assert_eq!(answer["response"]["allowed"], false);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_restart() {
    let running = start(settings()).await;
    running.door.put_rules(Rules::load(&bundle("deny"), None));
    let (first, _) = running.keys.shown().unwrap();
    assert_eq!(running.send("GET", "/healthz", b"").await.0, 200);
    let now = model::Clock::now(&model::SystemClock);
    assert!(!running.keys.renew_alone(now).unwrap());
    assert_ne!(running.keys.shown().unwrap().0, first);
    let presented = running.connect().await;
    let (_, session) = presented.get_ref();
    let shown = session.peer_certificates().unwrap()[0].clone();
    let now = running.keys.shown().unwrap().0;
    assert_eq!(
        CertificateDer::from_pem_slice(now.as_bytes()).unwrap(),
        shown
    );
    running.end().await;
}

/// Says no to whatever it is asked about; the template names operations.
fn refusing(kind: &str, of: &str, operations: &[&str]) -> BundlePolicy {
    let template = json!({
        "apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
        "metadata": {"name": kind.to_lowercase()},
        "spec": {"crd": {"spec": {"names": {"kind": kind}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "operations": operations,
                "rego": "package x\nviolation[{\"msg\": msg}] { msg := sprintf(\"%v of %v\", \
                    [input.review.operation, input.review.name]) }"}]},
    });
    let constraint = json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
        "metadata": {"name": kind.to_lowercase()},
        "spec": {"match": {"kinds": [{"apiGroups": [""], "kinds": [of]}]}},
    });
    let document = |value| BundleDocument {
        source: kind.to_owned(),
        value,
    };
    BundlePolicy {
        id: kind.to_lowercase(),
        documents: vec![document(template), document(constraint)],
        ..policy("deny")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_and_connections_are_refused_by_those_who_ask_for_them() {
    let running = start(settings()).await;
    let mut bundle = bundle("deny");
    let deleted = || {
        let mut asked = review(pod(true), "shop");
        let object = asked["request"]["object"].take();
        asked["request"]["oldObject"] = object;
        asked["request"]["operation"] = json!("DELETE");
        asked
    };
    // A policy about what is made keeps nobody from deleting it.
    running.door.put_rules(Rules::load(&bundle, None));
    let answer = running.ask(&deleted()).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");

    bundle.policies.extend([
        refusing("KeepPods", "Pod", &["DELETE"]),
        refusing("ShutPods", "PodExecOptions", &[]),
    ]);
    running.door.put_rules(Rules::load(&bundle, None));
    let answer = running.ask(&deleted()).await;
    assert_eq!(
        answer["response"]["status"]["message"], "[keeppods] DELETE of web-7d4b9c-x",
        "{answer}"
    );
    let mut leaving = deleted();
    leaving["request"]["oldObject"]["metadata"]["deletionTimestamp"] = json!(START);
    let answer = running.ask(&leaving).await;
    assert_eq!(answer["response"]["allowed"], true, "it goes already");
    let options = json!({"apiVersion": "v1", "kind": "PodExecOptions", "container": "web",
        "command": ["sh"]});
    let mut connected = review(options, "shop");
    connected["request"]["operation"] = json!("CONNECT");
    connected["request"]["name"] = json!("web-7d4b9c-x");
    connected["request"]["subResource"] = json!("exec");
    connected["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "PodExecOptions"});
    let answer = running.ask(&connected).await;
    assert_eq!(
        answer["response"]["status"]["message"], "[shutpods] CONNECT of web-7d4b9c-x",
        "{answer}"
    );

    // What goes with its namespace is let go.
    running.door.around(|world| {
        let object = json!({"metadata": {"name": "shop", "deletionTimestamp": START}});
        world.namespaces.insert("shop".to_owned(), Arc::new(object));
    });
    let answer = running.ask(&deleted()).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    running.end().await;
}
