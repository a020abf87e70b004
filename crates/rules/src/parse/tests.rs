//! The grammar, by example and at random.

use proptest::prelude::*;

use super::{MAX_BYTES, MAX_DEPTH, condition, is_bare, is_identifier, item, values};
use crate::ast::{
    Check, Condition, FieldName, Name, Operand, Operator, Quantifier, Right, Span, Transformer,
    Value,
};

/// What `text` is read as, written out again.
#[track_caller]
fn reads(text: &str, printed: &str) {
    let read = condition(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(read.to_string(), printed, "{text}");
}

#[track_caller]
fn refuses(text: &str, message: &str, at: &str) {
    let error = condition(text).expect_err(text);
    assert!(error.message.contains(message), "{text}: {}", error.message);
    let span = error.span.start as usize..error.span.end as usize;
    assert_eq!(text.get(span), Some(at), "{text}: {error:?}");
}

#[test]
fn or_binds_less_than_and_and_that_less_than_not() {
    let read = condition("a and not b or c").unwrap();
    let Condition::Or(parts) = read else {
        panic!("{read:?}")
    };
    assert!(matches!(&parts[0], Condition::And(parts) if matches!(parts[1], Condition::Not(_))));
    reads("a and (b or c)", "a and (b or c)");
    reads("(a and b) and c", "(a and b) and c");
    reads("not (a or b) and c", "not (a or b) and c");
    reads("a or(b)and c", "a or b and c");
    reads("((a))", "a");
}

#[test]
fn not_toggles_and_may_touch_a_parenthesis() {
    reads("not not a", "a");
    reads("not not not a", "not a");
    reads("not(a)", "not a");
    reads("not not(a)", "a");
    reads("not (not a)", "not (not a)");
    // A name that only begins like one.
    reads(
        "nothing and orchid or android",
        "nothing and orchid or android",
    );
}

#[test]
fn blanks_are_spaces_tabs_and_line_breaks() {
    reads("\n\ta.b\r\n=\tx\nand\n\tc.d=y\n", "a.b = x and c.d = y");
    reads("a.b=x", "a.b = x");
    reads("a.b==x", "a.b = x");
    reads("a.b!=x", "a.b != x");
    reads("a.b contains\nx", "a.b contains x");
    reads("a.b in(x,y)", "a.b in (x, y)");
    reads(
        "a.b<-1 and c.d>=0x1F and e.f<=1.5e+3",
        "a.b < -1 and c.d >= 0x1F and e.f <= 1.5e+3",
    );
}

#[test]
fn every_operator_is_read() {
    for operator in Operator::ALL {
        let right = match operator {
            Operator::Exists => "",
            Operator::In | Operator::Intersects | Operator::PathMatch => " (x)",
            _ => " 1",
        };
        let text = format!("proc.name {operator}{right}");
        reads(&text, &text);
    }
}

#[test]
fn bare_words_go_as_far_as_they_can() {
    reads("a.b = <NA>", "a.b = <NA>");
    reads("a.b = /etc/[x]*.d and c", "a.b = /etc/[x]*.d and c");
    reads("a.b=1or", "a.b = 1or");
    reads("a.b = and", "a.b = and");
    assert!(is_bare("a:b|c") && !is_bare("a b") && !is_bare("a=b") && !is_bare(""));
    assert!(is_identifier("a_1") && !is_identifier("1a") && !is_identifier("a-b"));
}

#[test]
fn quotes_and_escapes() {
    let text = |condition_text: &str| match condition(condition_text).unwrap() {
        Condition::Check(Check {
            right: Right::Value(value),
            ..
        }) => {
            assert!(value.is_quoted);
            value.text
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(text(r#"a.b = "x \"y\" 'z'""#), "x \"y\" 'z'");
    assert_eq!(text(r"a.b = 'it\'s'"), "it's");
    assert_eq!(
        text(r#"a.b = "\b\f\n\r\t\\\/\x41\xc3\xa9""#),
        "\u{8}\u{c}\n\r\t\\/Aé"
    );
    // Wrongly escaped, and in use.
    assert_eq!(text(r#"a.b = "x\ y""#), "x\\y");
    assert_eq!(text(r#"a.b = "ends with \\""#), "ends with \\");
    assert_eq!(text("a.b = ''"), "");
    refuses(r#"a.b = "x\'""#, "unknown escape", r"\'");
    refuses(r#"a.b = "\xg1""#, "two hexadecimal digits", r"\xg1");
    refuses(r#"a.b = "\xff""#, "do not make UTF-8", r#""\xff""#);
    refuses("a.b = 'x", "never closed", "'");
}

#[test]
fn fields_take_arguments_bare_or_quoted() {
    reads("proc.aname[2] = x", "proc.aname[2] = x");
    reads("jevt.value[/a/b.c] exists", "jevt.value[/a/b.c] exists");
    reads("a.b['x y'] = z", "a.b[\"x y\"] = z");
    reads("a.b[\"x\"] = z", "a.b[x] = z");
    refuses("a.b[] = x", "brackets are empty", "[");
    refuses("a.b[x = y", "never closed", "[");
}

#[test]
fn transformers_take_fields_values_lists_and_each_other() {
    reads("tolower(proc.name) = x", "tolower(proc.name) = x");
    reads(
        "len( join( ',' , (a.b, 'c', 1) ) ) >= 3",
        "len(join(\",\", (a.b, \"c\", 1))) >= 3",
    );
    reads(
        "getopt(proc.args, 'ab:')[b] = x",
        "getopt(proc.args, \"ab:\")[b] = x",
    );
    reads("a.b = val(c.d[1])", "a.b = val(c.d[1])");
    reads("a.b in tolower(c.d)", "a.b in tolower(c.d)");
    reads("a.b < len(c.d)", "a.b < len(c.d)");
    refuses("val(a.b) = x", "right side only", "val(");
    refuses("lower(a.b) = x", "unknown transformer", "lower");
    refuses("concat(a.b, ((c.d))) = x", "does not hold lists", "(");
    assert_eq!(
        condition("lower(a.b) = x").unwrap_err().help.as_deref(),
        Some("did you mean `tolower`?")
    );
}

#[test]
fn quantifiers_are_words_unless_a_list_follows() {
    reads("a.b startswith anyof (x, y)", "a.b startswith anyof (x, y)");
    reads("a.b = oneof list_name", "a.b = oneof (list_name)");
    reads("a.b = oneof", "a.b = oneof");
    reads("a.b = oneof and c", "a.b = oneof and c");
    reads("a.b =oneof", "a.b = oneof");
    reads("a.b contains allof", "a.b contains allof");
}

#[test]
fn lists_may_be_empty_and_named() {
    reads("a.b in ()", "a.b in ()");
    reads("a.b in ( )", "a.b in ()");
    reads("a.b in names", "a.b in (names)");
    reads("a.b in (x, \"y z\", 'w')", "a.b in (x, \"y z\", \"w\")");
    refuses("a.b in (x,)", "expected a value", ")");
    refuses("a.b in (x y)", "expected `,` or `)`", "y");
    refuses("a.b in (x", "never closed", "(");
    refuses("a.b in 'x'", "expected a list", "'");
    refuses("a.b in (x=y)", "expected `,` or `)`", "=");
}

#[test]
fn what_is_no_condition_is_refused_where_it_goes_wrong() {
    refuses("", "empty", "");
    refuses("  ", "empty", "");
    refuses("a.b", "expected an operator", "");
    refuses("a.b and c", "expected an operator", "and");
    refuses("a.b equals c", "unknown operator", "equals");
    refuses("a.b startwith c", "unknown operator", "startwith");
    refuses("a.b not in (c)", "unknown operator", "not");
    refuses("a.b =", "expected a value", "");
    refuses("a.b = (c)", "expected a value", "(");
    refuses("a.b > big", "expected a number", "big");
    refuses("a.b > '1'", "expected a number", "'");
    refuses("a.b contains(x)", "expected a space", "(");
    refuses("a and", "expected a space or `(`", "");
    refuses("a and and b", "expected a check", "and");
    refuses("a and or", "expected a check", "or");
    refuses("a b", "expected `and`, `or`", "b");
    refuses("a && b", "expected `and`, `or`", "&&");
    refuses("a.b = x=y", "expected `and`, `or`", "=");
    refuses("(a", "never closed", "(");
    refuses("a)", "never opened", ")");
    refuses("!a", "expected a check", "!");
    refuses("name = x", "is compared but is no field", "name");
    refuses("a AND b", "expected `and`, `or`", "AND");
}

#[test]
fn depth_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(condition(&nested(MAX_DEPTH as usize)).is_ok());
    let error = condition(&nested(MAX_DEPTH as usize + 1)).unwrap_err();
    assert!(error.message.contains("100 deep"), "{error}");
    let calls = format!("{}a.b{} = x", "tolower(".repeat(500), ")".repeat(500));
    assert!(condition(&calls).unwrap_err().message.contains("deep"));
    let nots = format!("{}a", "not(".repeat(500));
    assert!(condition(&nots).unwrap_err().message.contains("deep"));
    let long = format!("a.b = {}", "x".repeat(MAX_BYTES));
    assert!(condition(&long).unwrap_err().message.contains("256 KiB"));
    // Wide is not deep.
    assert!(condition(&vec!["a.b = x"; 10_000].join(" or ")).is_ok());
    assert!(condition(&format!("{}a", "not ".repeat(10_001))).is_ok());
}

#[test]
fn items_and_values_stand_alone() {
    assert_eq!(item("'a b'").unwrap().text, "a b");
    assert_eq!(item("a b").unwrap().text, "a b");
    assert!(item("a b").unwrap().is_quoted && !item("a").unwrap().is_quoted);
    assert_eq!(item("it's").unwrap().text, "it's");
    assert!(item("'a' b").is_err() && item("\"a").is_err());
    let texts = |text: &str| -> Vec<String> {
        values(text)
            .unwrap()
            .into_iter()
            .map(|value| value.text)
            .collect()
    };
    assert_eq!(texts("a, 'b c'"), ["a", "b c"]);
    assert_eq!(texts("(a,b)"), ["a", "b"]);
    assert!(texts("()").is_empty());
    assert!(values("(a").is_err() && values("(a) b").is_err());
}

const NOWHERE: Span = Span { start: 0, end: 0 };

/// Places aside, which differ when a condition is written otherwise.
fn forget(condition: &mut Condition) {
    fn operand(one: &mut Operand) {
        match one {
            Operand::Field(field) => field.span = NOWHERE,
            Operand::Call {
                arguments, span, ..
            } => {
                *span = NOWHERE;
                arguments.iter_mut().for_each(operand);
            }
            Operand::List(parts) => parts.iter_mut().for_each(operand),
            Operand::Value(value) => value.span = NOWHERE,
        }
    }
    match condition {
        Condition::Or(parts) | Condition::And(parts) => parts.iter_mut().for_each(forget),
        Condition::Not(inner) => forget(inner),
        Condition::Macro(name) => name.span = NOWHERE,
        Condition::Check(check) => {
            check.span = NOWHERE;
            operand(&mut check.left);
            match &mut check.right {
                Right::None => {}
                Right::Value(value) => value.span = NOWHERE,
                Right::List(values) => values.iter_mut().for_each(|value| value.span = NOWHERE),
                Right::Operand(right) => operand(right),
            }
        }
    }
}

fn field() -> impl Strategy<Value = FieldName> {
    let argument = prop_oneof![
        3 => Just(None),
        1 => "[a-z0-9/._-]{1,6}".prop_map(Some),
        1 => ".{0,6}".prop_map(Some),
    ];
    (
        "[a-z][a-z0-9_]{0,4}",
        "[a-z][a-z0-9_]{0,4}(\\.[a-z]{1,3})?",
        argument,
    )
        .prop_map(|(first, rest, argument)| FieldName {
            name: format!("{first}.{rest}"),
            argument,
            span: NOWHERE,
        })
}

fn number() -> impl Strategy<Value = Value> {
    "[+-]?[0-9]{1,4}(\\.[0-9]{0,3})?(e[+-][0-9]{1,2})?|0x[0-9a-f]{1,6}".prop_map(|text| Value {
        text,
        is_quoted: false,
        span: NOWHERE,
    })
}

fn quoted() -> impl Strategy<Value = Value> {
    "(?s).{0,8}".prop_map(|text| Value {
        text,
        is_quoted: true,
        span: NOWHERE,
    })
}

fn value() -> impl Strategy<Value = Value> {
    let bare = "[a-z0-9/<>*?!.\\[\\]{}|é_-]{1,8}"
        .prop_filter("a word that means something", |word| {
            Quantifier::parse(word).is_none()
        })
        .prop_map(|text| Value {
            text,
            is_quoted: false,
            span: NOWHERE,
        });
    prop_oneof![3 => bare, 2 => quoted()]
}

fn operand() -> impl Strategy<Value = Operand> {
    let leaf = field().prop_map(Operand::Field);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let plain = prop_oneof![
            inner.clone(),
            number().prop_map(Operand::Value),
            quoted().prop_map(Operand::Value),
        ];
        let argument = prop_oneof![
            4 => plain.clone(),
            1 => prop::collection::vec(plain, 0..3).prop_map(Operand::List),
        ];
        let transformer = prop::sample::select(Transformer::ALL)
            .prop_filter("not on the left", |one| *one != Transformer::Value);
        (
            transformer,
            prop::collection::vec(argument, 1..4),
            prop::option::weighted(0.2, "[a-z]"),
        )
            .prop_map(|(transformer, arguments, argument)| Operand::Call {
                transformer,
                arguments,
                argument,
                span: NOWHERE,
            })
    })
}

fn check() -> impl Strategy<Value = Condition> {
    (operand(), prop::sample::select(Operator::ALL)).prop_flat_map(|(left, operator)| {
        let call = operand().prop_map(|operand| match operand {
            Operand::Field(_) => Operand::Call {
                transformer: Transformer::Value,
                arguments: vec![operand],
                argument: None,
                span: NOWHERE,
            },
            other => other,
        });
        let call = call.prop_map(|operand| (None, Right::Operand(operand)));
        let list = prop::collection::vec(value(), 0..4).prop_map(Right::List);
        let right: BoxedStrategy<(Option<Quantifier>, Right)> = match operator {
            Operator::Exists => Just((None, Right::None)).boxed(),
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => {
                prop_oneof![number().prop_map(|value| (None, Right::Value(value))), call].boxed()
            }
            Operator::In | Operator::Intersects | Operator::PathMatch => {
                prop_oneof![list.prop_map(|list| (None, list)), call].boxed()
            }
            _ => prop_oneof![
                value().prop_map(|value| (None, Right::Value(value))),
                (prop::sample::select(Quantifier::ALL), list)
                    .prop_map(|(quantifier, list)| (Some(quantifier), list)),
                call,
            ]
            .boxed(),
        };
        (Just(left), Just(operator), right).prop_map(|(left, operator, (quantifier, right))| {
            Condition::Check(Check {
                left,
                operator,
                quantifier,
                right,
                span: NOWHERE,
            })
        })
    })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let name = "[a-z][a-z0-9_]{0,8}"
        .prop_filter("a word of the grammar", |word| {
            !matches!(word.as_str(), "and" | "or" | "not")
        })
        .prop_map(|text| {
            Condition::Macro(Name {
                text,
                span: NOWHERE,
            })
        });
    let leaf = prop_oneof![1 => name, 4 => check()];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_it_was(written in any_condition()) {
        let printed = written.to_string();
        let mut read = condition(&printed)
            .map_err(|error| TestCaseError::fail(format!("{printed}: {error:?}")))?;
        forget(&mut read);
        prop_assert_eq!(&read, &written, "{}", printed);
        prop_assert_eq!(read.to_string(), printed);
    }

    #[test]
    fn no_text_is_too_odd(text in "(?s)(and |or |not |\\(|\\)|a\\.b|=|in|exists|'|\"|\\\\|,|\\[|\\]|tolower\\(|val\\(|x|1|é| ){0,40}") {
        if let Ok(read) = condition(&text) {
            let printed = read.to_string();
            prop_assert_eq!(condition(&printed).unwrap().to_string(), printed);
        } else if let Err(error) = condition(&text) {
            prop_assert!(error.span.start <= error.span.end);
            prop_assert!(error.span.end as usize <= text.len());
        }
    }
}
