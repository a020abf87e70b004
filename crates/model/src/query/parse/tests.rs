//! What people write, and what they are told about it.

use super::super::{Condition, Field, Query};

/// The plainest form, or the errors with what they point at.
fn read(text: &str) -> String {
    match Query::parse(text) {
        Ok(query) => query.to_string(),
        Err(errors) => errors
            .0
            .iter()
            .map(|error| {
                let pointed: String = text
                    .chars()
                    .skip(error.place.start)
                    .take(error.place.end - error.place.start)
                    .collect();
                format!("[{pointed}] {error}")
            })
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn what_people_write_has_one_plain_form() {
    for (text, plain) in [
        ("", ""),
        ("  ", ""),
        (
            "severity:high,critical kind:alert ns:shop \"reverse shell\"",
            "severity:high,critical kind:alert namespace:shop \"reverse shell\"",
        ),
        ("Severity:>=HIGH", "severity:>=high"),
        ("sev:important", "severity:high"),
        ("a AND b", "a b"),
        ("a b OR c d", "a b OR c d"),
        ("(a OR b) c", "(a OR b) c"),
        ("((a)) (b c)", "a b c"),
        ("a OR (b OR c)", "a OR b OR c"),
        (
            "!ns:kube-system NOT is:kev -(a b)",
            "-namespace:kube-system -is:kev -(a b)",
        ),
        ("--a NOT NOT b", "a b"),
        ("NOT (a)", "-a"),
        (
            "CVE:CVE-2021-44228+Namespace:shop",
            "cve:CVE-2021-44228 namespace:shop",
        ),
        (
            "package:libstdc++6 + version:1.2+dfsg-1",
            "package:\"libstdc++6\" version:\"1.2+dfsg-1\"",
        ),
        ("first-seen:<120m", "first_seen:<2h"),
        ("epss:>50% cvss:9.80", "epss:>0.5 cvss:9.8"),
        (
            "kind:recommendation,vuln",
            "kind:misconfiguration,vulnerability",
        ),
        ("progress:in-progress", "progress:in_progress"),
        ("assignee:ME,none,\"none\"", "assignee:me,none,\"none\""),
        (
            "label:team=pay*,tier label:*",
            "label:team=pay*,tier label:*",
        ),
        ("due:* state:*", "due:* state:*"),
        (
            "image:reg.example:5000/a@sha256:0f*",
            "image:reg.example:5000/a@sha256:0f*",
        ),
        (
            r#"package:"a \"b\" \\ c" x\*y"#,
            r#"package:"a \"b\" \\ c" "x*y""#,
        ),
        (r"a\ b* \-c*", r"a\ b* \-c*"),
        ("or and not", "or and not"),
        ("\"OR\" \"-x\" \"a:b\"", "\"OR\" \"-x\" \"a:b\""),
        ("is:exploited has:exploit,fix", "is:kev has:exploit,fix"),
        ("a,b", "\"a,b\""),
        ("日本 ns:日本", "日本 namespace:日本"),
        ("' OR 1=1 --", "\"'\" OR \"1=1\" --"),
    ] {
        let got = read(text);
        if text.starts_with('\'') {
            // Hostile for others, two harmless words and a lone sign here.
            assert!(got.contains("could be negated"), "{got}");
            continue;
        }
        assert_eq!(got, plain, "{text}");
        assert_eq!(read(&got), plain, "again: {text}");
    }
}

#[test]
fn errors_point_and_suggest() {
    let texts = [
        "sevrity:high x",
        "severity:hihg,critical",
        "kind:vulnerable",
        "is:fixabel",
        "has:",
        "severity:high, critical",
        "nginx:1.25",
        "kind:>alert",
        "epss>0.5",
        "epss:lots",
        "last_seen:<2y",
        "severity:>high,low",
        "a OR",
        "OR a",
        "a OR OR b",
        "()",
        "(a",
        "a)",
        "ns:!kube-system",
        "ns:(a OR b)",
        "\"open",
        "\"\"",
        "*",
        "a - b",
        "label:=x",
        "label:a*=x",
        "a\u{0}b",
        "due:>*",
        "package:a*b*c*d*e*f*g*h*i*j",
    ];
    let read: Vec<String> = texts
        .iter()
        .map(|text| format!("{text:?}\n    {}", read(text).replace('\n', "\n    ")))
        .collect();
    insta::assert_snapshot!(read.join("\n"));
}

#[test]
fn a_query_is_bounded_in_length_terms_values_and_depth() {
    for (text, bound) in [
        ("x".repeat(4097), "4096 bytes"),
        ("x ".repeat(65), "64 terms"),
        (format!("ns:{}", "a,".repeat(300)), "256 values"),
        (format!("{}a{}", "(".repeat(17), ")".repeat(17)), "16 deep"),
    ] {
        let errors = Query::parse(&text).unwrap_err();
        assert!(errors.0[0].message.contains(bound), "{errors}");
        assert_eq!(errors.0.len(), 1, "{errors}");
    }
    assert!(Query::parse(&"x ".repeat(64)).is_ok());
    assert!(Query::parse(&format!("{}a{}", "(".repeat(16), ")".repeat(16))).is_ok());
    assert!(Query::parse(&format!("{}a", "-".repeat(4000))).is_ok());
}

#[test]
fn a_scope_names_what_a_finding_is() {
    assert!(Query::parse_scope("cve:CVE-2021-44228 repo:shop/* -env:production").is_ok());
    for (text, why) in [
        ("", "everything"),
        ("log4j", "free text"),
        ("is:fixable rule:x", "is: says"),
        ("rule:x epss:<0.1", "epss: says"),
        ("label:a assignee:me", "assignee: says"),
    ] {
        let errors = Query::parse_scope(text).unwrap_err();
        assert!(errors.to_string().contains(why), "{errors}");
    }
}

#[test]
fn a_query_knows_whether_it_speaks_of_state() {
    for (text, speaks) in [
        ("severity:high", false),
        ("state:*", true),
        ("-is:open", true),
        ("a OR (b is:exempted)", true),
        ("is:fixable", false),
    ] {
        assert_eq!(
            Query::parse(text).unwrap().speaks_of_state(),
            speaks,
            "{text}"
        );
    }
}

#[test]
fn queries_are_put_together() {
    let query = Query::parse("a OR b")
        .unwrap()
        .and_exactly(Field::Rule, "x \"y\" *");
    assert_eq!(query.to_string(), r#"(a OR b) rule:"x \"y\" *""#);
    assert_eq!(Query::parse(&query.to_string()), Ok(query));
    let condition = Condition::Present(Field::Due);
    let both = Query::everything().and(condition.into());
    assert_eq!(both.to_string(), "due:*");
}
