//! A real Docker Engine: over TLS with certificates of both sides, with
//! each thing wrong that can be, and without TLS.

use std::path::Path;

use host::{Access, Address, Credentials, Look, Machine, look};
use jiff::Timestamp;
use policy::{Facts, Verdict, judge};
use testkit::{
    authority::{Authority, For, Pair},
    service::{Engine, spare_port},
};

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn daemon_options(folder: &Path, port: u16, ca: &str, server: &Pair) -> Vec<String> {
    for (name, text) in [
        ("ca.pem", ca),
        ("cert.pem", &server.certificate),
        ("key.pem", &server.key),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let at = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
    vec![
        format!("--host=tcp://127.0.0.1:{port}"),
        at("tlscacert", "ca.pem"),
        at("tlscert", "cert.pem"),
        at("tlskey", "key.pem"),
    ]
}

fn try_with(host: &str, port: u16, ca: &str, client: Option<&Pair>) -> Look {
    let credentials = Credentials::new(
        ca,
        client.map(|pair| pair.certificate.as_str()),
        client.map(|pair| pair.key.as_str()),
    )
    .unwrap();
    let address: Address = format!("tcp://{host}:{port}").parse().unwrap();
    look(
        "build-1",
        &Access::new(address, Some(credentials)),
        None,
        now(),
    )
}

/// The word for what is wrong, which must be said in the message, too.
fn fault(look: &Look, words: &str) -> &'static str {
    let error = look.error.as_ref().expect("it is reached");
    let text = error.explain();
    assert!(text.contains(words), "{text}");
    assert!(!error.advice().is_empty());
    error.code()
}

fn verdict(look: &Look, rule: &str) -> Verdict {
    judge(rule, &Facts::Host(Box::new(look.facts.clone())), now())
}

#[test]
fn a_real_engine_over_tls_is_assessed_and_what_is_wrong_is_named() {
    let Some(mut engine) = Engine::start().unwrap() else {
        return;
    };
    let ours = Authority::new("ours");
    let others = Authority::new("others");
    let server = ours.issue(&For::Server(&["127.0.0.1"]));
    let client = ours.issue(&For::Client);
    let folder = tempfile::tempdir().unwrap();
    let port = spare_port();
    let mut options = daemon_options(folder.path(), port, &ours.pem(), &server);
    options.push("--tlsverify".to_owned());
    if !engine.restart(&options).unwrap() {
        return;
    }

    let seen = try_with("127.0.0.1", port, &ours.pem(), Some(&client));
    assert!(seen.error.is_none(), "{:?}", seen.error);
    assert_eq!(seen.gaps, [""; 0]);
    let daemon = seen.facts.daemon.as_ref().unwrap();
    assert!(!daemon.version.is_empty());
    assert_eq!(daemon.storage_driver.as_deref(), Some("vfs"));
    let tls = seen.facts.tls.as_ref().unwrap();
    assert_eq!(tls.version.as_deref(), Some("1.3"));
    assert_eq!(tls.old_versions, Some(Vec::new()));
    for rule in [
        "hosts-tls-only",
        "hosts-clients-verified",
        "hosts-tls-strong",
        "hosts-certificates-valid",
        "hosts-storage-driver",
    ] {
        assert_eq!(verdict(&seen, rule), Verdict::Healthy, "{rule}");
    }
    assert!(verdict(&seen, "hosts-live-restore").is_affected());
    // What needs files is not said from afar.
    for rule in [
        "hosts-audited",
        "hosts-settings-protected",
        "hosts-log-level",
    ] {
        assert_eq!(verdict(&seen, rule), Verdict::NotApplicable, "{rule}");
    }

    let seen = try_with("127.0.0.1", port, &others.pem(), Some(&client));
    assert_eq!(fault(&seen, "another authority"), "wrong_authority");
    // The same name on another key is another authority.
    let impostor = Authority::new("ours");
    let seen = try_with("127.0.0.1", port, &impostor.pem(), Some(&client));
    assert_eq!(fault(&seen, "another authority"), "wrong_authority");
    let seen = try_with("localhost", port, &ours.pem(), Some(&client));
    assert_eq!(fault(&seen, "for another host: 127.0.0.1"), "wrong_host");
    let stranger = others.issue(&For::Client);
    let seen = try_with("127.0.0.1", port, &ours.pem(), Some(&stranger));
    assert_eq!(
        fault(&seen, "refused our certificate"),
        "client_certificate_refused"
    );
    let seen = try_with("127.0.0.1", port, &ours.pem(), None);
    assert_eq!(
        fault(&seen, "wants a certificate"),
        "client_certificate_wanted"
    );
    let expired = ours.issue_until(&For::Client, 2021);
    let seen = try_with("127.0.0.1", port, &ours.pem(), Some(&expired));
    assert_eq!(
        fault(&seen, "expired on 2021-01-01"),
        "client_certificate_expired"
    );
    let plainly = Access::new(format!("tcp://127.0.0.1:{port}").parse().unwrap(), None);
    let seen = look("build-1", &plainly, None, now());
    assert_eq!(fault(&seen, "wants TLS"), "wants_tls");

    // Encrypted, and open to everybody.
    options.pop();
    options.extend(["--tls".to_owned(), "--tlsverify=false".to_owned()]);
    if engine.restart(&options).unwrap() {
        let seen = try_with("127.0.0.1", port, &ours.pem(), Some(&client));
        assert!(seen.error.is_none(), "{:?}", seen.error);
        assert!(verdict(&seen, "hosts-clients-verified").is_affected());
        assert_eq!(verdict(&seen, "hosts-tls-only"), Verdict::Healthy);
    }

    let ended = ours.issue_until(&For::Server(&["127.0.0.1"]), 2021);
    let mut options = daemon_options(folder.path(), port, &ours.pem(), &ended);
    options.push("--tlsverify".to_owned());
    if engine.restart(&options).unwrap() {
        let seen = try_with("127.0.0.1", port, &ours.pem(), Some(&client));
        assert_eq!(
            fault(&seen, "expired on 2021-01-01"),
            "server_certificate_expired"
        );
        // Seen all the same, and a finding.
        assert!(verdict(&seen, "hosts-certificates-valid").is_affected());
        assert_eq!(verdict(&seen, "hosts-live-restore"), Verdict::NotApplicable);
    }

    let elsewhere = ours.issue(&For::Server(&["build-2.example.org"]));
    let mut options = daemon_options(folder.path(), port, &ours.pem(), &elsewhere);
    options.push("--tlsverify".to_owned());
    if engine.restart(&options).unwrap() {
        let seen = try_with("127.0.0.1", port, &ours.pem(), Some(&client));
        assert_eq!(fault(&seen, "build-2.example.org"), "wrong_host");
    }

    // The same engine without TLS.
    if engine
        .restart(&[format!("--host=tcp://127.0.0.1:{port}")])
        .unwrap()
    {
        let seen = look("build-1", &plainly, None, now());
        assert!(seen.error.is_none(), "{:?}", seen.error);
        let Verdict::Affected(fault) = verdict(&seen, "hosts-tls-only") else {
            panic!("{:?}", seen.facts)
        };
        assert!(
            fault.summary.contains(&format!("tcp://127.0.0.1:{port}")),
            "{}",
            fault.summary
        );
        let over_tls = try_with("127.0.0.1", port, &ours.pem(), Some(&client));
        assert_eq!(self::fault(&over_tls, "answers without TLS"), "not_tls");

        // From the machine itself its command line and files tell, too.
        let socket = format!("unix://{}", engine.socket.display());
        let access = Access::new(socket.parse().unwrap(), None);
        let seen = look("here", &access, Some(&Machine::default()), now());
        assert!(seen.error.is_none(), "{:?}", seen.error);
        assert!(verdict(&seen, "hosts-tls-only").is_affected());
        let options = seen.facts.options.as_ref().unwrap();
        assert_eq!(options["iptables"], serde_json::json!(false));
        assert!(verdict(&seen, "hosts-firewall").is_affected());
        assert!(seen.facts.files.is_some() && seen.facts.audit.is_some());
    }
}
