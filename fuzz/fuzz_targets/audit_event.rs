//! Audit events: any body is taken apart, read or refused, every field of
//! what was read is asked, and all our rules are run over it.

#![no_main]

use std::{cell::RefCell, sync::LazyLock};

use rules::{
    audit::{Event, Tape, events},
    content,
    engine::{Engine, State},
    field::Source,
    value::Facts,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::compile(&content::pack().ruleset).0);

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn run(bytes: &[u8]) {
    let mut tape = Tape::default();
    let Ok(event) = Event::read(bytes, &mut tape) else {
        return;
    };
    for field in Source::K8sAudit.fields() {
        for argument in [None, Some("0"), Some("/user/*/0"), Some("a*")] {
            event.visit(field, argument, &mut |value| drop(value.to_text()));
        }
    }
    let now = jiff::Timestamp::UNIX_EPOCH;
    STATE.with_borrow_mut(|state| {
        ENGINE.audit(state, &event, now, &mut |found| drop(found.output()));
    });
}

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    run(body);
    for event in events(body).flatten() {
        run(event);
    }
});
