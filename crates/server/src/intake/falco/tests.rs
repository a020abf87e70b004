//! Events as Falco and falcosidekick send them, and as nobody should.

use model::AssetKind;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn read(body: &str) -> Parsed {
    let context = Context {
        cluster: None,
        now: NOW,
    };
    parse(body.as_bytes(), context).unwrap()
}

fn one(body: &str) -> Alert {
    let mut parsed = read(body);
    assert_eq!(parsed.refused, []);
    assert_eq!(parsed.alerts.len(), 1);
    parsed.alerts.remove(0)
}

fn evidence(alert: &Alert) -> Value {
    serde_json::from_str(&alert.evidence).unwrap()
}

fn steps(alert: &Alert) -> Vec<(AssetKind, &str)> {
    let steps = alert.place.steps.iter();
    steps.map(|step| (step.kind, step.name.as_str())).collect()
}

/// As Falco itself sends it from a cluster's node.
const SHELL: &str = r#"{"hostname":"node-7",
    "output":"09:12:31.104512211: Notice A shell was opened in a container with a terminal (user=root shell=bash parent=runc)",
    "output_fields":{"container.id":"3ad7b26ded6d","container.image.repository":"registry.example/shop/cart",
        "container.image.tag":"2.1","container.name":"cart","evt.time":1767258751104512211,
        "k8s.ns.name":"shop","k8s.pod.name":"cart-6d5f9c7b8-x2x9z","proc.cmdline":"bash","proc.exepath":"/usr/bin/bash",
        "proc.name":"bash","proc.pname":"runc","proc.tty":34816,"user.name":"root","user.loginuid":-1,"fd.name":null},
    "priority":"Notice","rule":"Terminal shell in container","source":"syscall",
    "tags":["T1059","container","maturity_stable","mitre_execution","shell"],
    "time":"2026-01-01T09:12:31.104512211Z"}"#;

#[test]
fn an_event_of_a_pod_is_placed_in_its_cluster() {
    let alert = one(SHELL);
    assert_eq!(alert.rule.id, "terminal-shell-in-container");
    assert_eq!(alert.rule.title, "Terminal shell in container");
    assert_eq!(alert.rule.severity, Severity::Low);
    assert_eq!(alert.rule.tactics, ["execution"]);
    assert_eq!(alert.rule.techniques, ["T1059"]);
    assert_eq!(
        alert.rule.references,
        ["https://attack.mitre.org/techniques/T1059/"]
    );
    assert_eq!(alert.time.to_string(), "2026-01-01T09:12:31.104512211Z");
    assert_eq!(
        alert.summary,
        "A shell was opened in a container with a terminal (user=root shell=bash parent=runc)"
    );
    assert_eq!(
        steps(&alert),
        [
            (AssetKind::Cluster, "kubernetes"),
            (AssetKind::Namespace, "shop"),
            (AssetKind::Pod, "cart-6d5f9c7b8-x2x9z"),
            (AssetKind::Container, "cart"),
        ]
    );
    let image = alert.place.image.as_ref().unwrap();
    assert_eq!(image.name, "registry.example/shop/cart:2.1");
    let fields = &evidence(&alert)["fields"];
    assert_eq!(fields["proc.tty"], 34816);
    assert!(fields.get("fd.name").is_none());
}

#[test]
fn the_cluster_is_called_what_the_request_says() {
    let context = Context {
        cluster: Some("production"),
        now: NOW,
    };
    let parsed = parse(SHELL.as_bytes(), context).unwrap();
    assert_eq!(parsed.alerts[0].place.steps[0].name, "production");
}

#[test]
fn an_event_of_a_plain_container_or_of_the_host_is_placed_on_the_host() {
    let event = |id: &str| {
        format!(
            r#"{{"rule":"Write below etc","priority":"Error","hostname":"build-1","time":"2026-01-01T00:00:00Z",
            "output_fields":{{"container.id":"{id}","container.name":"{id}","k8s.ns.name":"<NA>","k8s.pod.name":null}}}}"#
        )
    };
    let alert = one(&event("3ad7b26ded6d"));
    assert_eq!(alert.rule.severity, Severity::High);
    let expected = [
        (AssetKind::Host, "build-1"),
        (AssetKind::Container, "3ad7b26ded6d"),
    ];
    assert_eq!(steps(&alert), expected);
    assert_eq!(steps(&one(&event("host"))), [(AssetKind::Host, "build-1")]);
}

#[test]
fn an_audit_event_is_about_what_was_asked_for() {
    let alert = one(
        r#"{"rule":"Attach/Exec Pod","priority":"Warning","source":"k8s_audit","hostname":"falco-0",
        "time":"2026-01-01T00:00:00Z","tags":["k8s","mitre_t1609","mitre_execution"],
        "output_fields":{"ka.target.resource":"pods","ka.target.name":"cart-1","ka.target.namespace":"shop",
        "ka.user.name":"eve@example.org"}}"#,
    );
    assert_eq!(alert.rule.id, "attach-exec-pod");
    assert_eq!(alert.rule.techniques, ["T1609"]);
    assert_eq!(alert.rule.tactics, ["execution"]);
    let expected = [
        (AssetKind::Cluster, "kubernetes"),
        (AssetKind::Namespace, "shop"),
        (AssetKind::Pod, "cart-1"),
    ];
    assert_eq!(steps(&alert), expected);
}

#[test]
fn every_priority_has_a_severity_and_a_made_up_one_is_refused() {
    let severities = [
        ("Emergency", Severity::Critical),
        ("Alert", Severity::Critical),
        ("Critical", Severity::Critical),
        ("Error", Severity::High),
        ("Warning", Severity::Medium),
        ("Notice", Severity::Low),
        ("Informational", Severity::Info),
        ("Debug", Severity::Info),
    ];
    for (priority, expected) in severities {
        let alert = one(&format!(r#"{{"rule":"x","priority":"{priority}"}}"#));
        assert_eq!(alert.rule.severity, expected, "{priority}");
        assert_eq!(alert.time, NOW);
    }
    let parsed = read(r#"{"rule":"x","priority":"Dreadful"}"#);
    assert!(
        parsed.refused[0]
            .reason
            .contains("'Dreadful' is none of Falco's")
    );
}

#[test]
fn lines_and_arrays_are_read_and_a_broken_line_spoils_no_other() {
    let good = r#"{"rule":"x","priority":"Debug"}"#;
    let parsed = read(&format!("{good}\n{{\"rule\":\n{good}\r\n\n[1]\n{good}"));
    assert_eq!(parsed.alerts.len(), 3);
    let indices: Vec<_> = parsed.refused.iter().map(|refused| refused.index).collect();
    assert_eq!(indices, [1, 3]);
    let parsed = read(&format!("[{good}, {{}}, {good}]"));
    assert_eq!((parsed.alerts.len(), parsed.refused.len()), (2, 1));
    assert_eq!(parsed.refused[0].reason, "rule: expected the rule's name");
}

#[test]
fn too_many_events_and_none_are_errors() {
    let context = Context {
        cluster: None,
        now: NOW,
    };
    let many = r#"{"rule":"x","priority":"Debug"}"#.repeat(MAX_EVENTS + 1);
    let parse = |body: &str| parse(body.as_bytes(), context).unwrap_err();
    assert_eq!(parse(&many), FalcoError::TooMany);
    assert_eq!(parse(" \n"), FalcoError::Empty);
    assert_eq!(parse("[]"), FalcoError::Empty);
}

#[test]
fn the_same_program_repeats_an_alert_and_another_raises_its_own() {
    let first = one(SHELL);
    let later = one(&SHELL.replace("09:12:31", "10:00:00"));
    assert_eq!(first.fingerprint, later.fingerprint);
    assert_ne!(first.event, later.event);
    let other = one(&SHELL.replace("/usr/bin/bash", "/bin/dash"));
    assert_ne!(first.fingerprint, other.fingerprint);
    let elsewhere = one(&SHELL.replace("cart-6d5f9c7b8-x2x9z", "cart-6d5f9c7b8-aaaaa"));
    assert_ne!(first.fingerprint, elsewhere.fingerprint);
    // The published vector.
    assert_eq!(
        first.fingerprint.as_str(),
        "99912c275a05b40ff0e1f015080094c9"
    );
}

#[test]
fn an_event_delivered_twice_is_told_by_its_uuid_or_its_words() {
    assert_eq!(one(SHELL).event, one(SHELL).event);
    let with = |uuid: &str| {
        one(&SHELL.replace(
            r#"{"hostname""#,
            &format!(r#"{{"uuid":"{uuid}","hostname""#),
        ))
    };
    assert_eq!(with("a").event, with("a").event);
    assert_ne!(with("a").event, with("b").event);
}

#[test]
fn hostile_values_are_cut_and_said_to_be() {
    let long = "y".repeat(100_000);
    let alert = one(&format!(
        r#"{{"rule":"x","priority":"Debug","output":"{long}","tags":["{long}"],"time":"2999-01-01T00:00:00Z",
        "hostname":"a\u0000b","output_fields":{{"a":"{long}","b":{{"c":[1]}},"d":"\u0000"}}}}"#
    ));
    assert_eq!(alert.time, NOW, "a time to come is now");
    assert_eq!(alert.summary.len(), MAX_SUMMARY);
    assert_eq!(alert.place.steps[0].name, "a\u{fffd}b");
    assert_eq!(
        evidence(&alert)["fields"]["a"].as_str().unwrap().len(),
        4096
    );
    assert_eq!(evidence(&alert)["fields"]["b"], r#"{"c":[1]}"#);
    let many: Vec<String> = (0..20)
        .map(|n| format!(r#""f{n}":"{}""#, "z".repeat(4_000)))
        .collect();
    let alert = one(&format!(
        r#"{{"rule":"x","priority":"Debug","output_fields":{{{}}}}}"#,
        many.join(",")
    ));
    assert_eq!(evidence(&alert)["fields"]["seawall.cut"], true);
    assert!(alert.evidence.len() < MAX_EVIDENCE + 2_000);
    let deep = "[".repeat(10_000);
    assert_eq!(read(&deep).refused.len(), 1);
    assert!(
        read(&format!(r#"{{"rule":"{long}","priority":"Debug"}}"#))
            .alerts
            .is_empty()
    );
}

#[test]
fn a_rule_named_in_another_script_still_has_an_id() {
    assert_eq!(
        slug("  Read /etc/shadow (sensitive)!"),
        "read-etc-shadow-sensitive"
    );
    assert!(slug("シェル").starts_with("rule-"));
    assert_ne!(slug("シェル"), slug("ファイル"));
}

proptest! {
    #[test]
    fn any_bytes_are_understood_or_refused(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let context = Context { cluster: None, now: NOW };
        drop(parse(&body, context));
    }
}
