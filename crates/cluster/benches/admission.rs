//! What an answer takes: 50 constraints, a pod of 7 KB, over TLS, at 200
//! requests a second.
//!
//! `cargo bench -p cluster --bench admission -- --seconds 300 --rate 200`

#![expect(clippy::print_stdout, reason = "a measurement is told on the terminal")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::{
    Severity,
    policy::{Bundle, BundleDocument, BundlePolicy, PolicyAction},
};
use cluster::admit::{Door, DoorSettings, Fail, Keys, Place, Rules};
use model::Clock as _;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

mod common;

use common::processor;

const CONSTRAINTS: usize = 50;
/// Connections, as an API server keeps them.
const CONNECTIONS: usize = 8;

/// The first 50 of the product's policies that ask about pods.
fn bundle() -> Bundle {
    let pods = policy::policies()
        .iter()
        .filter(|policy| policy.constraint.to_string().contains("Pod") && policy.needs.is_none());
    let mut policies: Vec<BundlePolicy> = pods.take(CONSTRAINTS).map(of).collect();
    // Where there are fewer, some are asked twice.
    let mut round = 0;
    while policies.len() < CONSTRAINTS && !policies.is_empty() {
        let mut again = policies[round].clone();
        again.id = format!("{}-again-{round}", again.id);
        again.documents.remove(0);
        again.documents[0].value["metadata"]["name"] = json!(again.id);
        policies.push(again);
        round += 1;
    }
    Bundle {
        mark: "bench".to_owned(),
        environment: "local".to_owned(),
        cluster: "bench".to_owned(),
        policies,
        ..Bundle::default()
    }
}

fn of(policy: &policy::Policy) -> BundlePolicy {
    let documents = policy.documents().into_iter();
    BundlePolicy {
        id: policy.id.clone(),
        title: policy.id.clone(),
        severity: Severity::High,
        action: PolicyAction::Audit,
        fix: String::new(),
        documents: documents
            .map(|document| BundleDocument {
                source: document.source,
                value: document.value,
            })
            .collect(),
    }
}

/// Bytes of the pod that is asked about, at least and at most.
const POD: std::ops::Range<usize> = 7_000..8_000;

/// A pod of three containers, about 7 KB; each another.
fn body(number: u64) -> Vec<u8> {
    let container = |name: &str| {
        let env: Vec<Value> = (0..14)
            .map(|at| {
                json!({"name": format!("SETTING_{at}"),
                    "value": format!("a value that is of some length, number {at}")})
            })
            .collect();
        json!({"name": name, "image": format!("registry.example/shop/{name}:1.{number}"),
            "args": ["--listen=0.0.0.0:8080", "--config=/etc/shop/settings.yaml", "--verbose"],
            "env": env, "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "imagePullPolicy": "IfNotPresent",
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": [{"name": "settings", "mountPath": "/etc/shop", "readOnly": true},
                {"name": "scratch", "mountPath": "/tmp"}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "500m", "memory": "256Mi"}},
            "securityContext": {"runAsNonRoot": true, "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
                "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080, "scheme": "HTTP"},
                "periodSeconds": 5, "timeoutSeconds": 1, "failureThreshold": 3}})
    };
    let object = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("web-{number}"), "namespace": "shop",
            "labels": {"app": "web", "team": "shop", "number": number.to_string()},
            "annotations": {"note": "x".repeat(600)}},
        "spec": {"serviceAccountName": "web", "automountServiceAccountToken": false,
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "securityContext": {"fsGroup": 10_001, "seccompProfile": {"type": "RuntimeDefault"}},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": 300}],
            "volumes": [{"name": "settings", "configMap": {"name": "shop-settings"}},
                {"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}}],
            "containers": [container("web"), container("proxy"), container("logs")]}});
    let length = object.to_string().len();
    assert!(POD.contains(&length), "a pod of {length} bytes");
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": format!("u-{number}"), "operation": "CREATE", "namespace": "shop",
            "name": format!("web-{number}"), "userInfo": {"username": "dana"},
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": object}});
    review.to_string().into_bytes()
}

async fn connect(address: std::net::SocketAddr, trusted: &str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
        let certificate = certificate.expect("a certificate");
        roots.add(certificate).expect("it is taken");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("it answers");
    stream.set_nodelay(true).expect("a socket");
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.expect("TLS")
}

/// One request on a connection that stays; whether it was judged.
async fn ask(stream: &mut TlsStream<TcpStream>, body: &[u8]) -> bool {
    let mut request = format!(
        "POST /validate?timeout=5s HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request).await.expect("it is sent");
    stream.flush().await.expect("it is sent");
    let mut read = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let count = stream.read(&mut buffer).await.expect("an answer");
        assert!(count > 0, "the connection ended");
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .expect("a length");
        if rest.len() >= length {
            return head.starts_with("HTTP/1.1 200") && !rest.contains("could not judge");
        }
    }
}

fn option(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args();
    arguments
        .find(|argument| argument == name)
        .and_then(|_| arguments.next()?.parse().ok())
        .unwrap_or(default)
}

#[tokio::main]
async fn main() {
    let (seconds, rate) = (option("--seconds", 10), option("--rate", 200));
    let settings = DoorSettings {
        place: Place::default(),
        fail: Fail::Open,
        audit_only: false,
        timeout: Duration::from_secs(5),
        judges: 4,
        external: None,
    };
    let clock = Arc::new(model::SystemClock);
    let door = Arc::new(Door::new(settings, clock.clone()));
    let names = vec!["127.0.0.1".to_owned()];
    let keys = Arc::new(Keys::alone(names, clock.now()).expect("keys"));
    let rules = Rules::load(&bundle(), None);
    println!(
        "{} policies, {} problems, a body of {} bytes",
        rules.loaded().policies,
        rules.loaded().problems,
        body(0).len()
    );
    door.put_rules(rules);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = tokio::task::JoinSet::new();
    let serving = Arc::clone(&door).serve(listener, Arc::clone(&keys), CancellationToken::new());
    tasks.spawn(async move {
        serving.await.expect("it answers");
    });

    let before = processor();
    let total = seconds * rate;
    let (out, mut taken) = mpsc::channel(4_096);
    let step = Duration::from_secs(1) / u32::try_from(rate).expect("a rate");
    let start = Instant::now();
    for lane in 0..CONNECTIONS as u64 {
        let (out, trusted) = (out.clone(), keys.trusted());
        tasks.spawn(async move {
            let mut stream = connect(address, &trusted).await;
            let mut number = lane;
            while number < total {
                let due = start + step * u32::try_from(number).expect("a count");
                tokio::time::sleep_until(due.into()).await;
                let body = body(number);
                let judged = Box::pin(ask(&mut stream, &body)).await;
                // From when it was due: who waits behind another waits.
                out.send((due.elapsed(), judged)).await.expect("a listener");
                number += CONNECTIONS as u64;
            }
        });
    }
    drop(out);
    let mut times = Vec::new();
    let mut unjudged = 0;
    while let Some((time, judged)) = taken.recv().await {
        times.push(time);
        unjudged += u64::from(!judged);
    }
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 1_000).min(times.len() - 1)];
    println!(
        "{} requests in {:.1?}: p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, slowest {:.2?}; {unjudged} \
         not judged; {:.2} ms of processor each, asking and TLS of both sides in it",
        times.len(),
        start.elapsed(),
        at(500),
        at(990),
        at(999),
        at(1_000),
        (processor() - before) * 1e3 / f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX))
    );
}
