//! A provider of external data on loopback, and policies that ask it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicI64},
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

use crate::admit::MovedClock;

pub(crate) fn clock() -> Arc<MovedClock> {
    Arc::new(MovedClock(AtomicI64::new(1_800_000_000)))
}

type Answer = dyn Fn(&[String]) -> (u16, String) + Send + Sync;

/// A provider on loopback; it goes when it is dropped.
pub(crate) struct Provider {
    authority: Authority,
    address: SocketAddr,
    /// The keys of each question.
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    /// Answers it may give; without one it is silent.
    pub(crate) may: Arc<Semaphore>,
    _tasks: JoinSet<()>,
}

impl Provider {
    pub(crate) async fn start(
        answer: impl Fn(&[String]) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
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
    pub(crate) async fn of_images() -> Self {
        Self::start(|keys| (200, items(keys, true))).await
    }

    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn document(&self) -> Value {
        self.document_with(&self.authority)
    }

    pub(crate) fn document_with(&self, authority: &Authority) -> Value {
        json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "Provider",
            "metadata": {"name": "images"},
            "spec": {"url": format!("https://localhost:{}/validate", self.address.port()),
                "timeout": 1, "caBundle": authority.bundle()}})
    }
}

pub(crate) fn items(keys: &[String], is_idempotent: bool) -> String {
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
        let sent = stream.write_all(reply.as_bytes()).await;
        // What a full socket did not take waits in the session until then.
        if sent.and(stream.flush().await).is_err() {
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

pub(crate) fn documents(provider: Value) -> Vec<Value> {
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

/// A pod that runs these.
pub(crate) fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": containers}})
}
