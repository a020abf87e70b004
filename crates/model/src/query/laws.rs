//! What must be true of every query: it reads back what it prints, and
//! no text is too strange.

use proptest::prelude::*;

use super::*;
use crate::Severity;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9._/@:=+-]{1,8}",
        1 => "[ -~]{1,6}",
        1 => "[\\PC]{1,4}",
        1 => prop::sample::select(vec!["OR", "NOT", "me", "none", "-", "\\", "\"", "*", "a\tb"])
            .prop_map(str::to_owned),
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        3 => text().prop_map(Pattern::exact),
        1 => (prop::option::of(text()), text(), prop::option::of(text())).prop_map(|(a, b, c)| {
            Pattern::of_pieces(vec![a.unwrap_or_default(), b, c.unwrap_or_default()])
        }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Is, Op::Above, Op::AtLeast, Op::Below, Op::AtMost])
}

fn field(kind: FieldKind) -> impl Strategy<Value = Field> {
    let fields: Vec<Field> = Field::catalogue()
        .iter()
        .filter(|known| {
            known.kind == kind && !matches!(known.field, Field::Label | Field::Assignee)
        })
        .map(|known| known.field)
        .collect();
    prop::sample::select(fields)
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        (0..100_000_000i64).prop_map(When::Away),
        (0..20_000i32).prop_map(|days| {
            let start = jiff::civil::date(1970, 1, 1);
            When::Day(start.checked_add(jiff::Span::new().days(days)).unwrap())
        }),
        (0..2_000_000_000_000_000i64).prop_map(When::At),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let some = 1..4usize;
    prop_oneof![
        pattern().prop_map(Condition::Contains),
        prop::sample::select(vec![Field::Due, Field::State, Field::Label, Field::Package])
            .prop_map(Condition::Present),
        field(FieldKind::Word).prop_flat_map(|field| {
            prop::collection::vec(prop::sample::select(field.catalogued().values), 1..3)
                .prop_map(move |words| Condition::Words(field, words))
        }),
        field(FieldKind::Flag).prop_flat_map(|field| {
            let flags: Vec<Flag> = field
                .catalogued()
                .values
                .iter()
                .filter_map(|word| Flag::read(field, word))
                .collect();
            prop::collection::vec(prop::sample::select(flags), 1..3)
                .prop_map(move |flags| Condition::Flags(field, flags))
        }),
        (op(), prop::sample::select(&Severity::WORST_FIRST[..]))
            .prop_map(|(op, severity)| Condition::Severity(op, vec![severity])),
        (
            field(FieldKind::Text),
            prop::collection::vec(pattern(), some.clone())
        )
            .prop_map(|(field, patterns)| Condition::Text(field, patterns)),
        ("[a-z./-]{1,6}", prop::option::of(pattern()))
            .prop_map(|(key, value)| Condition::Label(vec![Label { key, value }])),
        prop::collection::vec(
            prop_oneof![
                Just(Person::Me),
                Just(Person::Nobody),
                pattern().prop_map(Person::Named)
            ],
            some
        )
        .prop_map(Condition::Assignee),
        (field(FieldKind::Number), op(), 0.0..1000.0f64)
            .prop_map(|(field, op, number)| Condition::Number(field, op, vec![number])),
        (field(FieldKind::Time), op(), when()).prop_map(|(field, op, when)| Condition::Time(
            field,
            op,
            vec![when]
        )),
    ]
}

pub(super) fn query() -> impl Strategy<Value = Query> {
    let test = condition().prop_map(|condition| {
        Node::Test(Test {
            condition,
            place: Place::default(),
        })
    });
    let node = test.prop_recursive(4, 12, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some().prop_filter_map("empty", Node::all),
            some().prop_filter_map("empty", Node::any),
            inner.clone().prop_map(Node::not),
        ]
    });
    prop::option::of(node).prop_map(|root| Query { root })
}

proptest! {
    #[test]
    fn a_query_reads_back_what_it_prints(query in query()) {
        let printed = query.to_string();
        prop_assume!(printed.len() <= MAX_LENGTH);
        prop_assert_eq!(Query::parse(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn every_text_is_a_query_or_has_errors_within_it(text in "\\PC{0,60}") {
        match Query::parse(&text) {
            Ok(query) => {
                let printed = query.to_string();
                prop_assert_eq!(Query::parse(&printed), Ok(query), "{}", printed);
            }
            Err(errors) => {
                let length = text.chars().count();
                prop_assert!(!errors.0.is_empty());
                for error in errors.0 {
                    prop_assert!(error.place.start <= error.place.end, "{error}");
                    prop_assert!(error.place.end <= length, "{error}");
                }
            }
        }
    }

    #[test]
    fn grammatical_noise_never_trips_the_parser(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", "\"", "-", "!", "OR", "AND", "NOT", " ", ",", ":", "*", "\\", "+", "a",
                "severity:", ">=", "high", "is:", "kev", "ns:", "label:", "=", "é",
            ]),
            0..24,
        )
    ) {
        let text = parts.concat();
        if let Ok(query) = Query::parse(&text) {
            let printed = query.to_string();
            prop_assert_eq!(Query::parse(&printed), Ok(query), "{} {}", text, printed);
        }
    }
}
