//! Container hosts, through the door and to a real Docker Engine.

use std::{path::Path, process::Command, time::Duration};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{
    Image, Layer,
    authority::{Authority, For, Pair},
    service::{Engine, spare_port},
};

use crate::test_server::{Answer, Person, start};

fn new_host(name: &str, port: u16, ca: &str, client: &Pair) -> Value {
    json!({
        "name": name,
        "address": format!("tcp://127.0.0.1:{port}"),
        "ca": ca,
        "certificate": client.certificate,
        "key": client.key,
    })
}

async fn change(person: &Person, path: &str, body: Value) -> Answer {
    let body = axum::body::Body::from(body.to_string());
    let headers = [("content-type", "application/json")];
    person.ask(Method::PATCH, path, body, &headers).await
}

async fn remove(person: &Person, path: &str) -> Answer {
    person
        .ask(Method::DELETE, path, axum::body::Body::empty(), &[])
        .await
}

/// Asks until the answer pleases: hosts are looked at in the background.
async fn until(person: &Person, path: &str, pleases: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..1200 {
        last = person.get(path).await.json();
        if pleases(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} stays at {last:#}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_its_name() {
    let server = start().await;
    let person = server.signed_in().await;
    let ours = Authority::new("ours");
    let (one, other) = (ours.issue(&For::Client), ours.issue(&For::Client));
    let mut wrong_key = new_host("a", 1, &ours.pem(), &one);
    wrong_key["key"] = other.key.into();
    let mut half = new_host("a", 1, &ours.pem(), &one);
    half["key"] = Value::Null;
    let with_address = |address: &str| json!({"name": "a", "address": address});
    for (body, place, words) in [
        (wrong_key, "/ca", "not the key of the certificate"),
        (half, "/ca", "without its key"),
        (with_address("build-1"), "/address", "tcp://"),
        (with_address("ssh://build-1"), "/address", "tcp://"),
        (
            with_address("unix:///var/run/docker.sock"),
            "/address",
            "without being added",
        ),
        (
            json!({"name": "", "address": "tcp://a"}),
            "/name",
            "1 to 100",
        ),
    ] {
        let answer = person.post("/api/v1/hosts", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        let text = answer.text;
        assert!(text.contains(place) && text.contains(words), "{text}");
    }
    let missing = json!({"name": "a", "address": "tcp://a", "environment": "no-such"});
    let answer = person.post("/api/v1/hosts", missing).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_go_in_and_never_come_out() {
    let server = start().await;
    let person = server.signed_in().await;
    let ours = Authority::new("ours");
    let client = ours.issue(&For::Client);
    let body = new_host("build-1", spare_port(), &ours.pem(), &client);
    let made = person.post("/api/v1/hosts", body.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let host = made.json();
    assert_eq!(host["secrets"], json!(["ca", "certificate", "key"]));
    assert_eq!(host["state"], "new");
    let again = person.post("/api/v1/hosts", body).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let path = format!("/api/v1/hosts/{}", host["id"].as_str().unwrap());
    let changed = change(&person, &path, json!({"paused": true})).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json()["state"], "paused");
    assert_eq!(changed.json()["secrets"], host["secrets"], "they stay");
    let checked = person.post(&format!("{path}/check"), json!({})).await;
    assert_eq!(checked.json()["error"]["code"], "unreachable");
    let answers = [
        made.text,
        changed.text,
        checked.text,
        person.get(&path).await.text,
        person.get("/api/v1/hosts").await.text,
        person.get("/api/v1/audit").await.text,
    ];
    for text in answers {
        assert!(
            !text.contains("PRIVATE KEY") && !text.contains("BEGIN"),
            "{text}"
        );
    }
    let bare = change(
        &person,
        &path,
        json!({"ca": "", "certificate": "", "key": ""}),
    )
    .await;
    assert_eq!(bare.json()["secrets"], json!([]));
    assert_eq!(remove(&person, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(remove(&person, &path).await.status, StatusCode::NOT_FOUND);
}

fn docker(engine: &Engine, arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .arg("--host")
        .arg(format!("unix://{}", engine.socket.display()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// An image with busybox and something that is vulnerable.
fn load(engine: &Engine, folder: &Path) -> bool {
    let Some(busybox) = testkit::vm::busybox() else {
        testkit::skipped("a static busybox is not installed");
        return false;
    };
    let image = Image::new().tag("registry.test/shop:1").layer(
        "COPY . /",
        Layer::new()
            .executable("bin/sleep", std::fs::read(busybox).unwrap())
            .file(
                "app/node_modules/minimist/package.json",
                json!({"name": "minimist", "version": "1.2.5"}).to_string(),
            ),
    );
    let path = folder.join("shop.tar");
    image.write_docker_archive(&path);
    docker(engine, &["load", "--input", path.to_str().unwrap()]);
    true
}

fn secure(engine: &mut Engine, folder: &Path, port: u16, ours: &Authority) -> bool {
    let server = ours.issue(&For::Server(&["127.0.0.1"]));
    for (name, text) in [
        ("ca.pem", &ours.pem()),
        ("cert.pem", &server.certificate),
        ("key.pem", &server.key),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let at = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    engine
        .restart(&[
            format!("--host=tcp://127.0.0.1:{port}"),
            "--tlsverify".to_owned(),
            at("tlscacert", "ca.pem"),
            at("tlscert", "cert.pem"),
            at("tlskey", "key.pem"),
        ])
        .unwrap()
}

#[tokio::test]
async fn a_remote_engine_is_listed_scanned_and_judged() {
    let Some(mut engine) = Engine::start().unwrap() else {
        return;
    };
    let server = start().await;
    let folder = server.folder.path().to_owned();
    let ours = Authority::new("ours");
    let port = spare_port();
    if !secure(&mut engine, &folder, port, &ours) || !load(&engine, &folder) {
        return;
    }
    docker(
        &engine,
        &[
            "run",
            "--detach",
            "--network",
            "none",
            "--name",
            "shop",
            "--user",
            "0",
            "--entrypoint",
            "/bin/sleep",
            "registry.test/shop:1",
            "1000000",
        ],
    );
    server.server.start_jobs().await.unwrap();
    let person = server.signed_in().await;
    let client = ours.issue(&For::Client);
    // Two hosts with a container of the same name, as two machines have.
    let mut paths = Vec::new();
    for name in ["build-1", "build-2"] {
        let made = person
            .post("/api/v1/hosts", new_host(name, port, &ours.pem(), &client))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        paths.push(format!(
            "/api/v1/hosts/{}",
            made.json()["id"].as_str().unwrap()
        ));
    }
    let runs = |detail: &Value| {
        detail["containers"][0]["name"] == "shop" && detail["containers"][0]["image_id"].is_string()
    };
    let first = until(&person, &paths[0], runs).await;
    let second = until(&person, &paths[1], runs).await;
    assert_eq!(first["host"]["state"], "reached");
    assert_eq!(first["tls"]["version"], "1.3");
    assert!(first["host"]["engine"]["version"].is_string());
    assert_ne!(
        first["containers"][0]["asset"], second["containers"][0]["asset"],
        "each host has its own"
    );
    assert_eq!(
        first["containers"][0]["image_id"],
        second["containers"][0]["image_id"]
    );
    // The image was exported over TLS and read.
    let images = until(&person, "/api/v1/images", |images| {
        images["items"]
            .as_array()
            .is_some_and(|items| !items.is_empty())
    })
    .await;
    assert_eq!(images["items"][0]["running"], 2, "{images:#}");

    // What is wrong is the host's, or the container's, each on its own.
    let findings = until(
        &person,
        "/api/v1/findings?q=rule:containers-memory-limited",
        |page| page["total"] == 2,
    )
    .await;
    let mut hosts: Vec<&str> = findings["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["asset"]["cluster"].as_str().unwrap_or("?"))
        .collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["build-1", "build-2"], "{findings:#}");
    let live = until(
        &person,
        "/api/v1/findings?q=rule:hosts-live-restore",
        |page| page["total"] == 2,
    )
    .await;
    assert_eq!(live["items"][0]["asset"]["kind"], "host", "{live:#}");

    // News: a container that ends is gone without waiting for a round.
    docker(&engine, &["rm", "--force", "shop"]);
    until(&person, &paths[0], |detail| {
        detail["containers"].as_array().is_some_and(Vec::is_empty)
    })
    .await;

    // What nobody looks at any more, nothing is said of.
    let gone = remove(&person, &paths[1]).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    until(
        &person,
        "/api/v1/findings?q=rule:hosts-live-restore",
        |page| page["total"] == 1,
    )
    .await;
    server.shutdown.cancel();
}
