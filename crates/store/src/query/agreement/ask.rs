//! Random queries about the small world.

use model::{
    Severity,
    query::{Condition, Field, FieldKind, Label, Node, Op, Pattern, Person, Place, Query, Test},
};
use proptest::prelude::*;

use super::world::{ALIASES, IMAGES, KEYS, NAMES, PEOPLE, REPOSITORIES, TECHNIQUES};

fn word() -> impl Strategy<Value = String> {
    let words: Vec<&str> = [NAMES, IMAGES, REPOSITORIES, ALIASES, TECHNIQUES, PEOPLE]
        .concat()
        .into_iter()
        .chain([
            "CVE-2024-5",
            "ghsa-7",
            "production",
            "Debian:12",
            "deb",
            "sha256:01ff",
            "impact",
        ])
        .chain([
            "image-1-1",
            "exemption-it's",
            "asset-1-3",
            "1",
            "pkg:deb/shop",
            "nothing",
        ])
        .collect();
    prop::sample::select(words).prop_map(str::to_owned)
}

/// A word, in any case, perhaps with gaps.
fn pattern() -> impl Strategy<Value = Pattern> {
    (word(), 0..8_usize, 0..6_usize).prop_map(|(word, shape, cut)| {
        let letters: Vec<char> = word.chars().collect();
        let cut = cut.min(letters.len());
        let begin: String = letters[..cut].iter().collect();
        let end: String = letters[cut..].iter().collect();
        match shape {
            0 => Pattern::of_pieces(vec![begin, String::new()]),
            1 => Pattern::of_pieces(vec![String::new(), end]),
            2 => Pattern::of_pieces(vec![String::new(), begin, String::new()]),
            3 => Pattern::of_pieces(vec![begin, end]),
            4 => Pattern::exact(word.to_ascii_uppercase()),
            _ => Pattern::exact(word),
        }
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Is, Op::Above, Op::AtLeast, Op::Below, Op::AtMost])
}

fn field(kind: FieldKind) -> impl Strategy<Value = Field> {
    let known = Field::catalogue()
        .iter()
        .filter(move |known| known.kind == kind);
    let fields: Vec<Field> = known
        .map(|known| known.field)
        .filter(|field| !matches!(field, Field::Label | Field::Assignee))
        .collect();
    prop::sample::select(fields)
}

/// Whatever stands behind one of a field's words, by the parser.
fn worded(kind: FieldKind) -> impl Strategy<Value = Condition> {
    field(kind).prop_flat_map(|field| {
        let values = prop::collection::vec(prop::sample::select(field.catalogued().values), 1..3);
        values.prop_map(move |words| parsed(&format!("{}:{}", field.name(), words.join(","))))
    })
}

fn parsed(written: &str) -> Condition {
    match Query::parse(written).unwrap().root {
        Some(Node::Test(test)) => test.condition,
        other => panic!("{written}: {other:?}"),
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let some = || prop::collection::vec(pattern(), 1..3);
    let times = vec![
        "0s",
        "1s",
        "1h",
        "1d",
        "7d",
        "3d",
        "2026-11-24",
        "2026-11-25",
        "2026-11-28",
        "2026-11-25T12:00:00Z",
        "2026-11-28T00:00:00Z",
    ];
    let label = (
        prop::sample::select(KEYS),
        prop::option::of(pattern()),
        any::<bool>(),
    );
    prop_oneof![
        3 => pattern()
            .prop_filter("the parser refuses it", |pattern| !pattern.is_any())
            .prop_map(Condition::Contains),
        2 => prop::sample::select(Field::catalogue().iter().map(|known| known.field)
            .filter(|field| field.kind() != FieldKind::Flag).collect::<Vec<_>>())
            .prop_map(Condition::Present),
        2 => worded(FieldKind::Word),
        2 => worded(FieldKind::Flag),
        1 => (op(), prop::sample::select(&Severity::WORST_FIRST[..]))
            .prop_map(|(op, severity)| Condition::Severity(op, vec![severity])),
        9 => (field(FieldKind::Text), some())
            .prop_map(|(field, patterns)| Condition::Text(field, patterns)),
        2 => label.prop_map(|(key, value, upper)| {
            let key = if upper { key.to_uppercase() } else { key.to_owned() };
            Condition::Label(vec![Label { key, value }])
        }),
        1 => prop_oneof![
            Just(Person::Me),
            Just(Person::Nobody),
            pattern().prop_map(Person::Named)
        ]
        .prop_map(|person| Condition::Assignee(vec![person])),
        2 => (field(FieldKind::Number), op(), prop::sample::select(vec![0.0, 0.1, 1.0, 5.5, 9.8]))
            .prop_map(|(field, op, number)| Condition::Number(field, op, vec![number])),
        3 => (field(FieldKind::Time), op(), prop::sample::select(times)).prop_map(
            |(field, op, time)| parsed(&format!("{}:{}{time}", field.name(), op.as_str()))
        ),
    ]
}

pub(super) fn query() -> impl Strategy<Value = Query> {
    let test = condition().prop_map(|condition| {
        Node::Test(Test {
            condition,
            place: Place::default(),
        })
    });
    let node = test.prop_recursive(3, 8, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some().prop_filter_map("empty", Node::all),
            some().prop_filter_map("empty", Node::any),
            inner.clone().prop_map(Node::not),
        ]
    });
    node.prop_map(|root| Query { root: Some(root) })
}
