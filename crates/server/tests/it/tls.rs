//! TLS, as a client sees it that checks what it is shown.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use server::{Config, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

struct Running {
    port: u16,
    fingerprint: Option<String>,
    url: String,
    shutdown: CancellationToken,
    job: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

async fn run(change: impl FnOnce(&mut Config, &Path)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config {
        listen: "0.0.0.0:0".parse().unwrap(),
        data_dir: folder.path().join("data"),
        cache_dir: folder.path().join("cache"),
        ..Config::default()
    };
    config.scan.machine = false;
    config.scan.images = false;
    config.advisories.update = false;
    change(&mut config, folder.path());
    let shutdown = CancellationToken::new();
    let server = Server::start(config, Arc::new(model::SystemClock), shutdown.clone())
        .await
        .unwrap();
    let ready = server.ready().await.unwrap();
    let port = server.address().port();
    #[expect(
        clippy::disallowed_methods,
        reason = "the server of this test, awaited at its end"
    )]
    let job = tokio::spawn(async move { server.run().await.unwrap() });
    Running {
        port,
        fingerprint: ready.fingerprint,
        url: ready.url,
        shutdown,
        job,
        folder,
    }
}

impl Running {
    async fn stop(self) {
        self.shutdown.cancel();
        self.job.await.unwrap();
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Asks for /health over TLS, trusting `certificate` alone; what it
    /// was shown, and the answer.
    async fn ask(&self, certificate: &Path) -> std::io::Result<(Vec<u8>, String)> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(certificate).unwrap() {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, self.tcp().await)
            .await?;
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().unwrap()[0].to_vec();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok((shown, text))
    }
}

/// A certificate and key for localhost, in these files.
fn make(certificate: &Path, key: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
}

fn fingerprint(der: &[u8]) -> String {
    let digest = model::Digest::of(der).to_string();
    let digits = digest.trim_start_matches("sha256:").to_uppercase();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).into_owned())
        .collect::<Vec<_>>()
        .join(":")
}

#[tokio::test]
async fn beyond_loopback_it_speaks_tls_under_the_fingerprint_it_printed() {
    use std::os::unix::fs::PermissionsExt as _;
    let running = run(|_, _| {}).await;
    assert!(running.url.starts_with("https://"), "{}", running.url);
    let tls = running.folder.path().join("data/tls");
    let mode = std::fs::metadata(tls.join("key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let (shown, text) = running.ask(&tls.join("certificate.pem")).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert_eq!(running.fingerprint, Some(fingerprint(&shown)));
    // Browsers would have to be talked into it, so it promises nothing.
    assert!(!text.contains("strict-transport-security"), "{text}");

    // Plain HTTP is told so, and a client that says nothing is no bother.
    let silent = running.tcp().await;
    let mut plain = running.tcp().await;
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    plain.read_to_string(&mut text).await.ok();
    assert!(
        text.contains("400 Bad Request") && text.contains("https://"),
        "{text}"
    );
    drop(silent);
    running.stop().await;
}

#[tokio::test]
async fn a_certificate_that_changes_is_shown_without_a_restart() {
    let running = run(|config, folder| {
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.tls.certificate = folder.join("own.pem");
        config.tls.key = folder.join("own.key");
        make(&config.tls.certificate, &config.tls.key);
    })
    .await;
    assert_eq!(running.fingerprint, None);
    let certificate = running.folder.path().join("own.pem");
    let (first, text) = running.ask(&certificate).await.unwrap();
    assert!(
        text.contains("strict-transport-security: max-age="),
        "{text}"
    );

    // Half a change changes nothing.
    std::fs::write(&certificate, "no certificate").unwrap();
    let next = running.folder.path().join("next.pem");
    make(&next, &running.folder.path().join("own.key"));
    std::fs::rename(&next, &certificate).unwrap();
    let changed = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            if let Ok((shown, _)) = running.ask(&certificate).await {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await
    .unwrap();
    assert_ne!(changed, first);
    running.stop().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_keeps_the_server_down_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.listen.set_port(0);
    config.data_dir = folder.path().join("data");
    config.cache_dir = folder.path().join("cache");
    config.tls.certificate = folder.path().join("own.pem");
    config.tls.key = folder.path().join("own.key");
    make(&config.tls.certificate, &folder.path().join("other.key"));
    make(&folder.path().join("other.pem"), &config.tls.key);
    let error = Server::start(
        config,
        Arc::new(model::SystemClock),
        CancellationToken::new(),
    )
    .await
    .unwrap_err();
    let text = model::error::chain(&error);
    assert!(
        text.contains("own.pem") && text.contains("own.key"),
        "{text}"
    );
}
