//! The engine against the reference interpreter: random rules, random
//! events of both sources, the same verdicts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::{prelude::*, sample::select};
use rules::{
    ast::{Operator, Quantifier, Transformer},
    audit::{Event, Tape},
    engine::{Engine, State},
    field::{Argument, Field, Kind, Source},
    reference,
    rule::{Comparand, Expression, Extension, Predicate, Priority, Rule, Ruleset, Term},
    syscall::synthetic::Stream,
};

/// Words that turn up in events and in rules.
const WORDS: &[&str] = &[
    "get",
    "list",
    "create",
    "delete",
    "pods",
    "secrets",
    "exec",
    "web",
    "kube-system",
    "jane",
    "system:masters",
    "system:serviceaccount:ns:bot",
    "200",
    "403",
    "true",
    "false",
    "nginx",
    "reg:5000/app:1",
    "SYS_ADMIN",
    "/etc/shadow",
    "/var/lib/app/3/data-3.bin",
    "/tmp/tmp8f3k",
    "sh",
    "bash",
    "containerd-shim",
    "systemd",
    "host",
    "docker.io/library/nginx",
    "openat",
    "connect",
    "execve",
    "f",
    "4",
    "tcp",
    "SUCCESS",
    "",
    "a",
    "e",
    "/",
    "*e*",
    "/v[ao]r/*",
    "CAP_KILL",
    "root",
    "Z2V0",
    "10.0.3.4:30001->10.96.0.1:443",
];
const NUMBERS: &[&str] = &["0", "1", "7", "-1", "443", "31000", "1007", "40"];
const ADDRESSES: &[&str] = &[
    "10.0.3.4",
    "10.96.0.1",
    "10.0.0.0/8",
    "10.96.0.0/16",
    "fd00::/8",
    "0.0.0.0/0",
];
const AUDIT_FIELDS: &[&str] = &[
    "ka.verb",
    "ka.stage",
    "ka.user.name",
    "ka.user.groups",
    "ka.target.resource",
    "ka.target.name",
    "ka.target.namespace",
    "ka.response.code",
    "ka.uri",
    "ka.auth.decision",
    "ka.req.pod.containers.image",
    "ka.req.pod.containers.privileged",
    "ka.req.pod.volumes.hostpath",
    "ka.req.podspec.containers.add_capabilities",
    "ka.req.patch.ops",
    "ka.user.serviceaccount",
    "jevt.value",
    "jevt.rawtime",
    "ka.uri.param",
    "ka.sourceips",
];
const SYSCALL_FIELDS: &[&str] = &[
    "evt.type",
    "evt.dir",
    "evt.res",
    "evt.rawres",
    "evt.failed",
    "evt.is_open_read",
    "evt.is_open_write",
    "evt.arg.path",
    "evt.arg",
    "fd.name",
    "fd.nameraw",
    "fd.directory",
    "fd.filename",
    "fd.typechar",
    "fd.num",
    "fd.ip",
    "fd.sip",
    "fd.net",
    "fd.snet",
    "fd.port",
    "fd.sport",
    "fd.l4proto",
    "proc.name",
    "proc.pname",
    "proc.aname",
    "proc.cmdline",
    "proc.args",
    "proc.tty",
    "proc.vpid",
    "proc.exepath",
    "container.id",
    "container.image.repository",
    "container.privileged",
    "user.loginuid",
    "user.name",
    "thread.cap_permitted",
    "k8s.ns.name",
    "proc.duration",
    "container.mount.dest",
];
const POINTERS: &[&str] = &[
    "/verb",
    "/user/username",
    "/requestObject/spec/containers/*/image",
    "/objectRef/name",
];

fn arguments(field: &Field, source: Source) -> BoxedStrategy<Option<String>> {
    let given = match (field.argument, source) {
        (Argument::None, _) => return Just(None).boxed(),
        (_, Source::K8sAudit) if field.name == "jevt.value" => select(POINTERS).boxed(),
        (_, Source::K8sAudit) if field.name == "ka.uri.param" => {
            select(&["command", "x"][..]).boxed()
        }
        (_, Source::Syscall) if field.name == "evt.arg" => select(&["path", "flags"][..]).boxed(),
        (_, Source::Syscall) if field.name == "container.mount.dest" => {
            select(&["/*", "0"][..]).boxed()
        }
        _ => select(&["0", "1", "2"][..]).boxed(),
    };
    let given = given.prop_map(|it| Some(it.to_owned()));
    if field.argument == Argument::Required {
        given.boxed()
    } else {
        prop_oneof![Just(None), given].boxed()
    }
}

fn term(source: Source) -> BoxedStrategy<(Term, Kind, bool)> {
    let names = match source {
        Source::K8sAudit => AUDIT_FIELDS,
        Source::Syscall => SYSCALL_FIELDS,
    };
    let fields = select(names).prop_flat_map(move |name| {
        let field = source.field(name).unwrap();
        arguments(field, source).prop_map(move |argument| Term::Field { field, argument })
    });
    let transformers = select(
        &[
            Transformer::Lower,
            Transformer::Upper,
            Transformer::Base64,
            Transformer::Basename,
            Transformer::Length,
        ][..],
    );
    (fields, prop::option::weighted(0.2, transformers))
        .prop_map(|(term, transformer)| {
            let Term::Field { field, .. } = &term else {
                unreachable!()
            };
            let (kind, is_list) = (field.kind, field.is_list);
            let is_text = matches!(kind, Kind::Text | Kind::Path);
            match transformer {
                Some(Transformer::Length) if is_text || is_list => (
                    Term::Call(Transformer::Length, vec![term]),
                    Kind::Number,
                    false,
                ),
                Some(transformer) if is_text && transformer != Transformer::Length => {
                    (Term::Call(transformer, vec![term]), Kind::Text, is_list)
                }
                _ => (term, kind, is_list),
            }
        })
        .boxed()
}

fn predicate(source: Source) -> impl Strategy<Value = Expression> {
    term(source).prop_flat_map(|(left, kind, is_list)| {
        use Operator as Op;
        let (operators, values): (&[Op], &[&str]) = match kind {
            _ if is_list => (&[Op::Exists, Op::In, Op::Intersects], WORDS),
            Kind::Text | Kind::Path => (
                &[
                    Op::Exists,
                    Op::Equal,
                    Op::NotEqual,
                    Op::Less,
                    Op::GreaterOrEqual,
                    Op::Contains,
                    Op::ContainsAnyCase,
                    Op::StartsWith,
                    Op::EndsWith,
                    Op::Glob,
                    Op::GlobAnyCase,
                    Op::In,
                    Op::Intersects,
                    Op::PathMatch,
                ],
                WORDS,
            ),
            Kind::Number | Kind::Time | Kind::Port => (
                &[
                    Op::Exists,
                    Op::Equal,
                    Op::NotEqual,
                    Op::Less,
                    Op::LessOrEqual,
                    Op::Greater,
                    Op::GreaterOrEqual,
                    Op::In,
                ],
                NUMBERS,
            ),
            Kind::Boolean => (&[Op::Exists, Op::Equal, Op::NotEqual], &["true", "false"]),
            Kind::Address => (&[Op::Equal, Op::NotEqual, Op::In], &ADDRESSES[..2]),
            Kind::Network => (&[Op::Equal, Op::NotEqual, Op::In], &ADDRESSES[2..]),
        };
        let quantifiers = if matches!(kind, Kind::Text | Kind::Path) && !is_list {
            prop::option::weighted(0.1, select(Quantifier::ALL)).boxed()
        } else {
            Just(None).boxed()
        };
        (
            select(operators),
            prop::collection::vec(select(values), 1..4),
            quantifiers,
        )
            .prop_map(move |(operator, values, quantifier)| {
                let takes_list = matches!(operator, Op::In | Op::Intersects | Op::PathMatch);
                let quantifier = quantifier.filter(|_| !takes_list && operator != Op::Exists);
                let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
                let right = if operator == Op::Exists {
                    Comparand::None
                } else if takes_list || quantifier.is_some() {
                    Comparand::List(values)
                } else {
                    Comparand::Value(values[0].clone())
                };
                Expression::Predicate(Predicate {
                    left: left.clone(),
                    operator,
                    quantifier,
                    right,
                })
            })
    })
}

fn condition(source: Source) -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        12 => predicate(source).boxed(),
        1 => any::<bool>().prop_map(Expression::Constant).boxed(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expression::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expression::Or),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn ruleset(source: Source) -> impl Strategy<Value = Ruleset> {
    prop::collection::vec(condition(source), 1..12).prop_map(move |conditions| Ruleset {
        rules: conditions
            .into_iter()
            .enumerate()
            .map(|(number, condition)| Rule {
                id: number.to_string(),
                on_host: None,
                name: number.to_string(),
                description: String::new(),
                source,
                condition,
                written: String::new(),
                output: String::new(),
                priority: Priority::Notice,
                tags: Vec::new(),
                is_enabled: true,
                extension: Extension::default(),
                origin: String::new(),
            })
            .collect(),
    })
}

fn word() -> impl Strategy<Value = serde_json::Value> {
    select(WORDS).prop_map(|word| serde_json::json!(word))
}

/// An audit event with any of its parts absent.
fn audit_event() -> impl Strategy<Value = serde_json::Value> {
    let words = prop::collection::vec(word(), 9);
    let images = prop::collection::vec(word(), 0..3);
    (words, images, any::<u16>(), any::<bool>()).prop_map(|(words, images, parts, is_patch)| {
        let has = |part: u16| parts & (1 << part) != 0;
        let mut event = serde_json::json!({"auditID": "x"});
        if has(0) {
            event["verb"] = words[0].clone();
        }
        if has(1) {
            event["user"] =
                serde_json::json!({"username": words[1], "groups": [words[2], words[3]]});
        }
        if has(2) {
            event["objectRef"] =
                serde_json::json!({"resource": words[4], "name": words[5], "namespace": "ns"});
        }
        if has(3) {
            event["responseStatus"] = serde_json::json!({"code": if has(4) { 200 } else { 403 }});
        }
        if has(5) {
            event["requestURI"] =
                serde_json::json!(format!("/api?command={}", words[6].as_str().unwrap()));
        }
        if has(6) {
            event["requestObject"] = if is_patch {
                serde_json::json!([{"op": words[7], "path": "/a"}])
            } else {
                let containers: Vec<_> = images
                    .iter()
                    .map(|image| {
                        serde_json::json!({"image": image, "securityContext":
                            {"privileged": has(7), "capabilities": {"add": [words[8]]}}})
                    })
                    .collect();
                serde_json::json!({"spec": {"containers": containers,
                    "volumes": [{"name": "v", "hostPath": {"path": words[7]}}]}})
            };
        }
        if has(8) {
            event["stage"] = serde_json::json!("ResponseComplete");
            event["sourceIPs"] = serde_json::json!(["10.0.0.1", words[3]]);
            event["requestReceivedTimestamp"] = serde_json::json!("2026-01-01T00:00:00Z");
        }
        if has(9) {
            event["annotations"] = serde_json::json!({"authorization.k8s.io/decision": "allow"});
        }
        event
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_says_of_audit_events_what_the_reference_says(
        ruleset in ruleset(Source::K8sAudit),
        events in prop::collection::vec(audit_event(), 1..12),
    ) {
        let (engine, _) = Engine::compile(&ruleset);
        let mut state = State::default();
        let mut tape = Tape::default();
        for (number, mut event) in events.into_iter().enumerate() {
            event["auditID"] = serde_json::json!(number.to_string());
            let text = event.to_string();
            let event = Event::read(text.as_bytes(), &mut tape).unwrap();
            let mut found = BTreeSet::new();
            engine.audit(&mut state, &event, Timestamp::MAX, &mut |it| {
                found.insert(it.rule.id.clone());
            });
            for rule in &ruleset.rules {
                prop_assert_eq!(
                    found.contains(&rule.id),
                    reference::evaluate(&rule.condition, &event),
                    "{} on {}", rule.condition, text
                );
            }
        }
    }

    #[test]
    fn the_engine_says_of_system_calls_what_the_reference_says(
        ruleset in ruleset(Source::Syscall),
        seed in any::<u64>(),
    ) {
        let (engine, _) = Engine::compile(&ruleset);
        let mut state = State::default();
        let mut stream = Stream::new(seed, 5, 10);
        for event in stream.events(60) {
            let mut found = BTreeSet::new();
            engine.syscall(&mut state, &event, Timestamp::MAX, &mut |it| {
                found.insert(it.rule.id.clone());
            });
            for rule in &ruleset.rules {
                prop_assert_eq!(
                    found.contains(&rule.id),
                    reference::evaluate(&rule.condition, &event),
                    "{} on {:?}", rule.condition, event
                );
            }
        }
    }
}
