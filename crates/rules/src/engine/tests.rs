//! Rules run over events, end to end.

use std::time::Duration;

use super::*;
use crate::{
    ast::Operator,
    audit::{Event, Tape},
    rule::{Comparand, Extension, Predicate, Priority, Sequence, Step, Suppress, Threshold},
};

pub(super) fn field(name: &str) -> Term {
    Term::Field {
        field: Source::K8sAudit.field(name).unwrap(),
        argument: None,
    }
}

pub(super) fn is(name: &str, value: &str) -> Expression {
    Expression::Predicate(Predicate {
        left: field(name),
        operator: Operator::Equal,
        quantifier: None,
        right: Comparand::Value(value.to_owned()),
    })
}

fn one_of(name: &str, operator: Operator, values: &[&str]) -> Expression {
    Expression::Predicate(Predicate {
        left: field(name),
        operator,
        quantifier: None,
        right: Comparand::List(values.iter().map(|it| (*it).to_owned()).collect()),
    })
}

fn not(inner: Expression) -> Expression {
    Expression::Not(Box::new(inner))
}

pub(super) fn rule(id: &str, condition: Expression) -> Rule {
    Rule {
        id: id.to_owned(),
        on_host: None,
        name: id.to_owned(),
        description: String::new(),
        source: Source::K8sAudit,
        condition,
        written: String::new(),
        output: "%ka.user.name did %ka.verb".to_owned(),
        priority: Priority::Warning,
        tags: Vec::new(),
        is_enabled: true,
        extension: Extension::default(),
        origin: String::new(),
    }
}

fn engine(rules: Vec<Rule>) -> Engine {
    Engine::compile(&Ruleset { rules }).0
}

fn run(engine: &Engine, state: &mut State, event: &str) -> Vec<String> {
    let mut tape = Tape::default();
    let event = Event::read(event.as_bytes(), &mut tape).unwrap();
    let now = "2026-11-25T12:00:00Z".parse().unwrap();
    let mut found = Vec::new();
    engine.audit(state, &event, now, &mut |it| {
        let repeat = if it.is_repeat { "again " } else { "" };
        found.push(format!(
            "{repeat}{} x{}: {}",
            it.rule.id,
            it.count,
            it.output()
        ));
    });
    found
}

fn event(id: u32, second: u32, user: &str, verb: &str) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        r#"{{"auditID":"{id}","stage":"ResponseComplete","verb":"{verb}","user":{{"username":"{user}","groups":["a","b"]}},
        "requestReceivedTimestamp":"2026-11-25T10:{minute:02}:{second:02}.000000Z"}}"#
    )
}

#[test]
fn conditions_hold_as_written() {
    let engine = engine(vec![
        rule(
            "both",
            Expression::And(vec![is("ka.verb", "get"), is("ka.user.name", "jane")]),
        ),
        rule(
            "any",
            Expression::Or(vec![is("ka.verb", "list"), is("ka.user.name", "joe")]),
        ),
        rule("not", not(is("ka.verb", "get"))),
        rule(
            "groups",
            one_of("ka.user.groups", Operator::Intersects, &["b", "x"]),
        ),
        rule(
            "all-groups",
            one_of("ka.user.groups", Operator::In, &["b", "x"]),
        ),
    ]);
    let mut state = State::default();
    assert_eq!(
        run(&engine, &mut state, &event(1, 0, "jane", "get")),
        ["both x1: jane did get", "groups x1: jane did get"]
    );
    assert_eq!(
        run(&engine, &mut state, &event(2, 0, "joe", "delete")),
        [
            "any x1: joe did delete",
            "not x1: joe did delete",
            "groups x1: joe did delete"
        ]
    );
    let held: Vec<_> = state.held(&engine).collect();
    assert_eq!(
        held,
        [
            ("both", 1),
            ("any", 1),
            ("not", 1),
            ("groups", 2),
            ("all-groups", 0)
        ]
    );
}

#[test]
fn what_is_absent_compares_with_nothing() {
    let different = Expression::Predicate(Predicate {
        left: field("ka.target.name"),
        operator: Operator::NotEqual,
        quantifier: None,
        right: Comparand::Value("x".to_owned()),
    });
    let engine = engine(vec![
        rule("different", different.clone()),
        rule("not", not(different)),
    ]);
    let found = run(&engine, &mut State::default(), &event(1, 0, "jane", "get"));
    assert_eq!(found, ["not x1: jane did get"]);
}

#[test]
fn another_stage_of_a_request_does_not_match_again_but_another_request_of_that_id_does() {
    let engine = engine(vec![rule("get", is("ka.verb", "get"))]);
    let mut state = State::default();
    let first = event(1, 0, "jane", "get");
    assert_eq!(run(&engine, &mut state, &first).len(), 1);
    let later = first.replace("ResponseComplete", "Panic");
    assert!(run(&engine, &mut state, &later).is_empty());
    assert_eq!(state.counters().duplicates, 1);
    assert_eq!(
        run(&engine, &mut state, &event(1, 1, "jane", "get")).len(),
        1
    );
}

fn burst() -> Rule {
    let mut rule = rule("burst", is("ka.verb", "get"));
    rule.extension.threshold = Some(Threshold {
        count: 3,
        within: Duration::from_mins(1),
        by: vec![field("ka.user.name")],
        distinct: None,
    });
    rule.extension.suppress = Some(Suppress {
        by: vec![field("ka.user.name")],
        within: Duration::from_mins(10),
    });
    rule
}

#[test]
fn a_burst_is_one_match_and_then_counts() {
    let engine = engine(vec![burst()]);
    let mut state = State::default();
    let mut found = Vec::new();
    for number in 0..9 {
        found.extend(run(
            &engine,
            &mut state,
            &event(number, number, "jane", "get"),
        ));
        found.extend(run(
            &engine,
            &mut state,
            &event(100 + number, number * 100, "joe", "get"),
        ));
    }
    assert_eq!(
        found,
        [
            "burst x3: jane did get",
            "again burst x6: jane did get",
            "again burst x9: jane did get"
        ]
    );
    assert_eq!(state.counters().repeats, 2);
}

#[test]
fn windows_outlive_reloading_and_restarting() {
    let (first, second) = (
        engine(vec![burst()]),
        engine(vec![burst(), rule("x", is("ka.verb", "x"))]),
    );
    let mut state = State::default();
    assert!(run(&first, &mut state, &event(1, 1, "jane", "get")).is_empty());
    assert!(run(&second, &mut state, &event(2, 2, "jane", "get")).is_empty());
    let text = serde_json::to_string(state.windows()).unwrap();
    let mut state = State::with_windows(serde_json::from_str(&text).unwrap());
    assert_eq!(
        run(&second, &mut state, &event(3, 3, "jane", "get")).len(),
        1
    );
}

#[test]
fn steps_by_one_user_in_order_are_a_sequence() {
    let mut rule = rule("sequence", Expression::Constant(true));
    rule.extension.sequence = Some(Sequence {
        within: Duration::from_mins(1),
        by: vec![field("ka.user.name")],
        steps: ["create", "delete"]
            .map(|verb| Step {
                name: verb.to_owned(),
                condition: is("ka.verb", verb),
            })
            .into(),
    });
    let engine = engine(vec![rule]);
    let mut state = State::default();
    assert!(run(&engine, &mut state, &event(1, 0, "jane", "create")).is_empty());
    assert!(run(&engine, &mut state, &event(2, 1, "joe", "delete")).is_empty());
    assert_eq!(
        run(&engine, &mut state, &event(3, 2, "jane", "delete")),
        ["sequence x2: jane did delete"]
    );
    assert!(run(&engine, &mut state, &event(4, 3, "jane", "delete")).is_empty());
}

#[test]
fn odd_rules_are_said_and_the_others_run() {
    let number = Expression::Predicate(Predicate {
        left: field("evt.rawtime"),
        operator: Operator::Equal,
        quantifier: None,
        right: Comparand::Value("soon".to_owned()),
    });
    let exists = Expression::Predicate(Predicate {
        left: field("jevt.rawtime"),
        operator: Operator::Exists,
        quantifier: None,
        right: Comparand::None,
    });
    let mut off = rule("off", is("ka.verb", "get"));
    off.is_enabled = false;
    let (engine, warnings) = Engine::compile(&Ruleset {
        rules: vec![
            rule("number", Expression::Or(vec![number, is("ka.verb", "get")])),
            rule("all", exists),
            rule("never", Expression::Constant(false)),
            off,
        ],
    });
    let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "rule \"number\" compares with something that cannot be: it never holds there",
            "rule \"all\" matches every event",
            "rule \"never\" can match no event"
        ]
    );
    let found = run(&engine, &mut State::default(), &event(1, 0, "jane", "get"));
    assert_eq!(found, ["number x1: jane did get", "all x1: jane did get"]);
}

#[test]
fn an_event_without_or_with_an_odd_time_gets_one() {
    let engine = engine(vec![rule("get", is("ka.verb", "get"))]);
    let mut state = State::default();
    for event in [
        r#"{"auditID":"1","verb":"get"}"#,
        r#"{"auditID":"2","verb":"get","requestReceivedTimestamp":"9999-01-01T00:00:00Z"}"#,
    ] {
        let mut tape = Tape::default();
        let event = Event::read(event.as_bytes(), &mut tape).unwrap();
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        engine.audit(&mut state, &event, now, &mut |it| assert_eq!(it.time, now));
    }
    assert_eq!(state.counters().matches, 2);
    assert_eq!(state.counters().skewed, 1);
}
