//! A real Docker Engine, assessed without a server: over its socket,
//! over TLS, and without TLS.

use serde_json::Value;
use testkit::{
    authority::{Authority, For},
    service::{Engine, spare_port},
};

use crate::program::Seawall;

/// The exit code, and what was printed where.
fn run(seawall: &Seawall, arguments: &[&str]) -> (i32, String, String) {
    let mut command = seawall.command();
    command.env_remove("DOCKER_HOST").args(["host", "assess"]);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn status(assessment: &Value, id: &str) -> String {
    let controls = assessment["controls"].as_array().unwrap();
    let control = controls.iter().find(|control| control["id"] == id);
    control.unwrap()["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_docker_host_is_assessed_however_it_is_reached() {
    let Some(mut engine) = Engine::start().unwrap() else {
        return;
    };
    let seawall = Seawall::new();
    let folder = seawall.folder().to_owned();
    let socket = format!("unix://{}", engine.socket.display());
    let (code, text, complaints) = run(&seawall, &[&socket]);
    assert_eq!(code, 0, "{complaints}");
    assert!(
        text.contains("2.15") && text.contains("\"live-restore\": true"),
        "{text}"
    );
    let (_, json, _) = run(&seawall, &[&socket, "--format", "json"]);
    let local: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(local["controls"].as_array().unwrap().len(), 117);
    assert_eq!(status(&local, "2.7"), "pass");
    assert_eq!(
        status(&local, "2.4"),
        "fail",
        "it was told not to write rules"
    );
    assert_eq!(status(&local, "1.2.1"), "manual");
    assert_eq!(status(&local, "5.11"), "not_applicable", "nothing runs");

    let port = spare_port();
    let ours = Authority::new("ours");
    let server = ours.issue(&For::Server(&["127.0.0.1"]));
    let client = ours.issue(&For::Client);
    for (name, text) in [
        ("ca.pem", &ours.pem()),
        ("cert.pem", &server.certificate),
        ("key.pem", &server.key),
        ("other.pem", &Authority::new("other").pem()),
        ("client.pem", &client.certificate),
        ("client-key.pem", &client.key),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let at = |name: &str| folder.join(name).display().to_string();
    let options = [
        format!("--host=tcp://127.0.0.1:{port}"),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", at("ca.pem")),
        format!("--tlscert={}", at("cert.pem")),
        format!("--tlskey={}", at("key.pem")),
    ];
    let address = format!("tcp://127.0.0.1:{port}");
    let (cert, key) = (at("client.pem"), at("client-key.pem"));
    if engine.restart(&options).unwrap() {
        let with = |ca: &str| {
            let ca = at(ca);
            let arguments = [
                &address,
                "--ca",
                &ca,
                "--cert",
                &cert,
                "--key",
                &key,
                "--format",
                "json",
                "--fail-on",
                "critical",
            ];
            run(&seawall, &arguments)
        };
        let (code, json, complaints) = with("ca.pem");
        assert_eq!(code, 0, "{complaints}");
        let remote: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(status(&remote, "2.7"), "pass");
        assert_eq!(status(&remote, "3.17"), "not_applicable");
        assert_eq!(remote["tls"]["version"], "1.3");
        let (code, _, complaints) = with("other.pem");
        assert_eq!(code, 3);
        assert!(complaints.contains("another authority"), "{complaints}");
        assert!(!json.contains("PRIVATE KEY"));
    }
    if engine.restart(&options[..1]).unwrap() {
        let (code, text, complaints) = run(&seawall, &[&address, "--fail-on", "critical"]);
        assert_eq!(code, 1, "{complaints}");
        assert!(text.contains("without TLS"), "{text}");
    }
}

#[test]
fn a_host_that_is_not_there_ends_with_three_and_nonsense_with_two() {
    let seawall = Seawall::new();
    let socket = format!("unix://{}/none.sock", seawall.folder().display());
    let (code, text, complaints) = run(&seawall, &[&socket]);
    assert_eq!((code, text.as_str()), (3, ""));
    assert!(
        complaints.contains("none.sock") && complaints.contains("help:"),
        "{complaints}"
    );
    assert_eq!(run(&seawall, &["ftp://x"]).0, 2);
    assert_eq!(run(&seawall, &["tcp://x", "--cert", "a"]).0, 2);
}
