//! What the text of a policy means must be what OPA says it means, on
//! the interpreter and on the virtual machine.

use serde_json::{Value, json};

use super::engine::{Module, Program};
use super::rewrite::{Choice, rewrite};
use super::{Dialect, Joined, RegoTemplate, from_rego, scan, to_rego};
use crate::suite::RegoEngine;

fn program(text: &str, dialect: Dialect) -> Result<Program, String> {
    let module = Module {
        name: "t.rego".to_owned(),
        text: text.to_owned(),
    };
    Program::compile(&[module], dialect, "violation")
}

/// The violations of `text`, which both engines must agree on.
#[track_caller]
fn said(text: &str, dialect: Dialect, input: &Value) -> Value {
    let program = program(text, dialect).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let by_interpreter = program.interpret(to_rego(input), None, true);
    let by_machine = program.run(to_rego(input), true);
    let by_machine = by_machine.expect("the virtual machine can run it");
    assert_eq!(by_interpreter, by_machine, "{text}");
    from_rego(&by_interpreter.unwrap())
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "cases read better")]
fn check(body: &str, input: Value, expected: Value) {
    let text = format!("package t\n{body}");
    assert_eq!(said(&text, Dialect::V0, &input), expected, "{body}");
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "cases read better")]
fn check_v1(body: &str, input: Value, expected: Value) {
    let text = format!("package t\nimport rego.v1\n{body}");
    assert_eq!(said(&text, Dialect::V1, &input), expected, "{body}");
}

#[test]
fn chained_bodies_are_rules_of_one_head() {
    check(
        "violation[x] { x := input.a } { x := input.b }\n{ x := input.c }\nother = 1 { true }",
        json!({"a": 1, "c": 3}),
        json!([1, 3]),
    );
    check(
        "violation[x] { x := f(input.a) }\nf(x) = \"low\" { x < 5 } else = \"high\" { true }",
        json!({"a": 7}),
        json!(["high"]),
    );
    check(
        "names = {\"a\", \"b\"}\nviolation[x] {\n  names[x]\n  set := {\"a\": {1}}\n  set[x]\n}",
        json!({}),
        json!(["a"]),
    );
    check(
        "f(x) { x == 1 } { x == 2 }\nviolation[x] { x := input.xs[_]; f(x) }",
        json!({"xs": [1, 2, 3]}),
        json!([1, 2]),
    );
}

#[test]
fn a_parenthesis_on_a_new_line_does_not_call() {
    check(
        "violation[1] {\n  input.a.b\n  (input.x == 1)\n}",
        json!({"a": {"b": true}, "x": 1}),
        json!([1]),
    );
}

#[test]
fn a_negated_call_on_nothing_is_undefined() {
    let f = "f(x) { x == 1 }\n";
    let absent = json!({"other": 1});
    for body in [
        "violation[1] { not f(input.a) }",
        "violation[1] { not f(input.a.b[0]) }",
        "violation[1] { not input.a > 3 }",
        "violation[1] { not count(input.a) == 0 }",
        "violation[1] { not startswith(input.a, \"x\") }",
        "violation[1] { x := input.a; not f(x) }",
        "r = input.a\nviolation[1] { not f(r) }",
        "s = {1}\nviolation[1] { not s[input.a] }",
        "violation[1] { not f(input.a + 1) }",
        "violation[1] { x := input.a; count([y | y := 1; not f(x)]) == 1 }",
    ] {
        check(&format!("{f}{body}"), absent.clone(), json!([]));
    }
    // What is compared for equality is not evaluated before.
    check(
        "violation[1] { not input.a == 3 }",
        absent.clone(),
        json!([1]),
    );
    check("violation[1] { not input.a.b }", absent.clone(), json!([1]));
    check(
        &format!("{f}violation[1] {{ not f(input.a) }}"),
        json!({"a": 2}),
        json!([1]),
    );
    check_v1(
        "f(x) if x == 1\nviolation contains 1 if not f(input.a)",
        json!({"a": 2}),
        json!([1]),
    );
    check_v1(
        "violation contains 1 if not \"a\" in input.xs",
        absent.clone(),
        json!([]),
    );
    check_v1(
        "violation contains 1 if not \"a\" in input.xs",
        json!({"xs": ["b"]}),
        json!([1]),
    );
    check_v1(
        "violation contains 1 if { not startswith(input.x, \"a\") }",
        json!({"x": "b"}),
        json!([1]),
    );
}

#[test]
fn what_stands_in_quotes_is_moved_whole() {
    check(
        "violation[1] { not concat(\"\", [\"a\", input.x]) == \"ab\" }",
        json!({"x": "c"}),
        json!([1]),
    );
    check_v1(
        "violation contains 1 if not \"x\" != lower(input.x)",
        json!({"x": "X"}),
        json!([1]),
    );
    check_v1(
        "violation contains 1 if not lower(input.x) > \"b\"",
        json!({"x": "A"}),
        json!([1]),
    );
}

#[test]
fn formats_print_what_go_prints() {
    check(
        "violation[x] { x := sprintf(\"%v of %v, %d%%\", [input.a]) }",
        json!({"a": 1}),
        json!(["1 of %!v(MISSING), %!d(MISSING)%"]),
    );
    check(
        "violation[x] { x := sprintf(\"mode %o for %s\", [input.a, \"f\"]) }",
        json!({"a": 384}),
        json!(["mode 600 for f"]),
    );
    check(
        "violation[x] { x := sprintf(`%o %v`, [input.a]) }",
        json!({"a": 8}),
        json!(["10 %!v(MISSING)"]),
    );
    // An argument too many is no reason to say nothing.
    check(
        "violation[x] { x := sprintf(\"%v of 3%%\", [input.a, input.a, input.b, input.c, \"d\"]) }",
        json!({"a": 3, "b": 1.5, "c": [true]}),
        json!(["3 of 3%%!(EXTRA int=3, float64=1.5, string=[true], string=d)"]),
    );
    check(
        "violation[x] { x := sprintf(\"mode %o\", [input.a, f(input.b)]) }\nf(x) = x { x > 1 }",
        json!({"a": 8, "b": 2}),
        json!(["mode 10%!(EXTRA int=2)"]),
    );
    check_v1(
        "violation contains sprintf(`none`, [input.a])",
        json!({"a": null}),
        json!(["none%!(EXTRA string=null)"]),
    );
}

#[test]
fn no_format_silences_a_rule() {
    check(
        "violation[x] { x := sprintf(\"%d of %5d\", [input.a, input.a]) }",
        json!({"a": 3}),
        json!(["3 of     3"]),
    );
    for (format, said) in [
        ("%d", "%d [1.5]"),
        ("%+v", "%+v [1.5]"),
        ("%q", "%q [1.5]"),
        ("%5.2f of %v", "%5.2f of %%!v(MISSING) [1.5]"),
        ("%v of 100%", "%v of 100% [1.5]"),
    ] {
        check(
            &format!("violation[x] {{ x := sprintf(\"{format}\", [input.a]) }}"),
            json!({"a": 1.5}),
            json!([said]),
        );
    }
    check(
        "violation[x] { x := sprintf(input.format, [input.a]) }",
        json!({"a": 1, "format": "%v %v"}),
        json!(["%v %v [1]"]),
    );
    // What is no format, or lacks a value, is undefined as before.
    let absent = "violation[x] { x := sprintf(\"%d\", [input.b]) }";
    check(absent, json!({"a": 1}), json!([]));
    let number = "violation[x] { x := sprintf(input.a, [1]) }";
    check(number, json!({"a": 1}), json!([]));
    check_v1(
        "violation contains x if x := sprintf(\"%x\", [input.a])",
        json!({"a": 1.5}),
        json!(["%x [1.5]"]),
    );
}

#[test]
fn withdrawn_builtins_still_answer() {
    check(
        "violation[\"any\"] { any(input.some) }\nviolation[\"all\"] { all(input.every) }\n\
         violation[\"none\"] { not any([false]); not all([true, false]); all([]) }\n\
         violation[x] { x := set_diff({1, 2}, {2})[_] }\n\
         violation[\"match\"] { re_match(\"^a+$\", input.text) }\n\
         violation[x] { x := cast_array({7})[_] }\n\
         violation[x] { x := cast_string(\"text\") }",
        json!({"some": [false, true], "every": [true, true], "text": "aa"}),
        json!([1, 7, "all", "any", "match", "none", "text"]),
    );
    // A function of the policy's own is not one of them.
    check(
        "any(x) = 5 { x == 1 }\nviolation[x] { x := any(1) }",
        json!({}),
        json!([5]),
    );
}

#[test]
fn a_function_may_be_a_fact() {
    check_v1(
        "is_known(\"a\")\nis_known(\"b\")\nviolation contains x if { some x in input.xs; \
         not is_known(x) }",
        json!({"xs": ["a", "c"]}),
        json!(["c"]),
    );
}

#[test]
fn the_time_and_the_inventory_come_with_the_input() {
    check(
        "violation[x] { x := time.now_ns() }\n\
         violation[x] { data.inventory.cluster[\"v1\"][\"Namespace\"][x] }\n\
         violation[x] { x := data[\"inventory\"].cluster.v1.Namespace.a.n }",
        json!({"__seawall": {"now_ns": 5}, "__inventory": {"cluster": {"v1": {"Namespace":
            {"a": {"n": 1}}}}}}),
        json!([1, 5, "a"]),
    );
}

#[test]
fn recursion_is_refused_by_name() {
    let refused = |text: &str| program(text, Dialect::V0).unwrap_err();
    let error = refused(
        "package t\nviolation[x] { x := f(3) }\nf(n) = m { m := g(n) }\n\
         g(n) = m { m := f(n - 1) }",
    );
    assert!(
        error.contains("rule t.f is recursive: t.f -> t.g -> t.f"),
        "{error}"
    );
    let error = refused("package t\nviolation[x] { x := violation[_] }");
    assert!(error.contains("t.violation is recursive"), "{error}");
    // A parameter of a rule's name is not the rule.
    program(
        "package t\nviolation[x] { x := f(1) }\nf(violation) = violation { true }",
        Dialect::V0,
    )
    .unwrap();
}

#[test]
fn what_would_not_fit_is_refused_with_the_reason() {
    let refused = |text: String| program(&text, Dialect::V0).unwrap_err();
    let head = "package t\nviolation[x] { x := ";
    let nested = format!("{head}{}1{} }}", "(".repeat(200), ")".repeat(200));
    assert!(refused(nested).contains("brackets within each other"));
    // Well before that, each of these would take twice as long as the
    // one with a bracket less.
    for (open, close) in [
        ("[", "]"),
        ("{", "}"),
        ("{1: ", "}"),
        ("[{", "}]"),
        ("[(", ")]"),
        ("count([1 | ", "])"),
        ("{1 | ", "}"),
    ] {
        let nested = format!("{head}{}1{} }}", open.repeat(30), close.repeat(30));
        let refusal = refused(nested);
        assert!(refusal.contains("first items"), "{open}: {refusal}");
        let broken = format!("package t\nviolation{}\n", open.repeat(30));
        let refusal = refused(broken);
        assert!(refusal.contains("first items"), "{open}: {refusal}");
    }
    let chain = format!("{head}input{} }}", ".a".repeat(5_000));
    assert!(refused(chain).contains("operators in one expression"));
    let sum = format!("{head}1{} }}", "+1".repeat(5_000));
    assert!(refused(sum).contains("operators in one expression"));
    let long = format!("{head}\"{}\" }}", "a".repeat(2_000_000));
    assert!(refused(long).contains("bytes of Rego"));
    let many = format!("{head}1 }}\n{}", "r { true }\n".repeat(6_000));
    assert!(refused(many).contains("rules; at most"));
    assert!(
        refused("package t\nviolation[x] { x := http.send({}) }".to_owned())
            .contains("undefined function http.send")
    );
    assert!(
        refused("package t\nviolation[x] { x := data.secrets.a }".to_owned())
            .contains("disallowed ref data.secrets")
    );
    assert!(
        refused("package t\nimport input.x\nviolation[x] { x := 1 }".to_owned())
            .contains("bad import")
    );
    assert!(refused("package t\nother { true }".to_owned()).contains("missing required rules"));
    assert!(refused("package t\nviolation[x] {".to_owned()).contains("t.rego:"));
    assert!(refused(String::new()).contains("package"));
}

#[test]
fn an_evaluation_that_would_not_end_is_stopped() {
    let text = "package t\nviolation[x] { r := numbers.range(1, 20000); a := r[_]; b := r[_]; \
                c := r[_]; a + b + c == 0; x := 1 }";
    let program = program(text, Dialect::V0).unwrap();
    let error = program
        .interpret(to_rego(&json!({})), None, true)
        .unwrap_err();
    assert!(error.contains("time") || error.contains("limit"), "{error}");
    if let Some(result) = program.run(to_rego(&json!({})), true) {
        let error = result.unwrap_err();
        assert!(error.contains("time") || error.contains("limit"), "{error}");
    }
    // The next evaluation is not the worse for it.
    assert!(program.interpret(to_rego(&json!({})), None, true).is_err());
}

#[test]
fn what_a_policy_reads_is_known() {
    let reads = |body: &str| {
        let text = format!("package t\n{body}");
        program(&text, Dialect::V0).unwrap().reads().clone()
    };
    let pods = reads(
        "violation[x] { c := input.review.object.spec.containers[_]; x := c.name; \
         input.review.object.spec.containers[_].image; input.parameters.a }",
    );
    assert!(pods.is_pure());
    assert_eq!(
        pods.parts,
        [["object", "spec", "containers"].map(str::to_owned)]
    );
    assert!(!reads("violation[x] { x := data.inventory.cluster }").is_pure());
    assert!(!reads("violation[x] { x := time.now_ns() }").is_pure());
    assert!(!reads("violation[x] { x := input }").is_pure());
    assert!(!reads("violation[x] { x := input.review }").is_pure());
    assert!(reads("violation[x] { x := input[\"review\"].object[input.parameters.f] }").is_pure());
    let external =
        reads("violation[x] { x := external_data({\"provider\": \"p\", \"keys\": []}) }");
    assert!(external.external && !external.is_pure());
}

#[test]
fn rewriting_ends_and_changes_nothing_twice() {
    let choice = Choice {
        dialect: Dialect::V0,
        guarded: true,
        from_input: true,
    };
    let text = "package t\nviolation[x] { y := input.a; not f(input.b, [g(input.c) | not \
                h(input.d)]); x := sprintf(\"%v %v\", [y]) }\nf(a, b) { true }\ng(a) = 1 { true \
                }\nh(a) { true }";
    let text = scan::prepare("t", text, Dialect::V0).unwrap();
    let once = rewrite("t", &text, choice).unwrap();
    let twice = rewrite("t", &once, choice).unwrap();
    assert_eq!(once, twice);
    assert!(once.contains("%!v(MISSING)"), "{once}");
}

#[test]
fn external_data_is_off_unless_somebody_answers() {
    let text = "package t\nviolation[x] { r := external_data({\"provider\": \"p\", \"keys\": \
                [\"k\"]}); x := r.system_error }";
    let program = program(text, Dialect::V0).unwrap();
    assert!(!program.has_bytecode());
    let value = program.interpret(to_rego(&json!({})), None, true).unwrap();
    let said = from_rego(&value)[0].to_string();
    assert!(
        said.contains("external data is off") && said.contains("--external-data"),
        "{said}"
    );
}

fn template(text: &str, lib: &str, by: RegoEngine) -> RegoTemplate {
    RegoTemplate::compile(text, &[lib.to_owned()], Dialect::V1, by).unwrap()
}

#[test]
fn templates_are_asked_at_once_where_they_fit_together() {
    let lib = "package lib.a\nname := input.review.object.name\nxs := input.review.object.xs";
    let text = |package: &str| {
        format!(
            "package {package}\nimport data.lib.a\nviolation contains {{\"msg\": msg}} if {{\n\
             some x in a.xs\n msg := sprintf(\"%s %s {package}\", [a.name, x])\n}}"
        )
    };
    // A package of the name that what comes with the input goes by.
    for (one, two) in [("seawall.one", "seawall.two"), ("one", "other.one")] {
        for by in [RegoEngine::Interpreter, RegoEngine::Bytecode] {
            let (first, second) = (template(&text(one), lib, by), template(&text(two), lib, by));
            let joined = Joined::compile(&[&first, &second]).unwrap();
            let input = to_rego(&json!({"review": {"object": {"name": "n", "xs": ["p", "q"]}}}));
            let apart = [&first, &second].map(|each| each.evaluate_alone(input.clone()).unwrap());
            assert_eq!(apart.concat().len(), 4);
            assert_eq!(joined.said(input).unwrap(), apart);
        }
    }
    let by = RegoEngine::Chosen;
    let one = template(&text("seawall.one"), lib, by);
    for (what, other) in [
        ("the same package", template(&text("seawall.one"), lib, by)),
        (
            "one within another",
            template(&text("seawall.one.two"), lib, by),
        ),
        ("a library of another text", {
            let lib = format!("{lib}\nmore := 1");
            template(&text("seawall.two"), &lib, by)
        }),
    ] {
        assert!(Joined::compile(&[&one, &other]).is_none(), "{what}");
    }
}

#[test]
fn definitions_that_exclude_each_other_run_on_the_virtual_machine() {
    let runs = |rules: &str| {
        let text =
            format!("package t\nimport rego.v1\nviolation contains r if r := f(input.x)\n{rules}");
        program(&text, Dialect::V1).unwrap().has_bytecode()
    };
    for rules in [
        "f(x) := x.a if x.kind == \"a\"\nf(x) := x.b if x.kind == \"b\"",
        "f(x) := x.a if x.kind == \"a\"\nf(x) := x.b if x.kind != \"a\"",
        "f(x) := x.a if x.kind == \"a\"\nf(x) := x.b if not x.kind in {\"a\", \"c\"}",
        "f(x) := x.a if x.is == true\nf(x) := x.b if x.is == false",
        "f(x) := x.a if g(x)\nf(x) := x.b if not g(x)\ng(x) if x.is",
    ] {
        assert!(runs(rules), "{rules}");
    }
    for rules in [
        "f(x) := x.a if x.kind == \"a\"\nf(x) := x.b if x.sort == \"b\"",
        "f(x) := x.a if x.kind == \"a\"\nf(x) := x.b if not x.kind in {\"b\"}",
        "f(x) := x.a if x.kinds[_] == \"a\"\nf(x) := x.b if x.kinds[_] == \"b\"",
        "f(x) := x.a if x.size == 1\nf(x) := x.b if x.size == 1.0",
        "f(x) := x.a if x.kind == \"a\"\nf(x) := x.b if x.kind == \"\\u0061\"",
        // The words are the same, what they stand for is not.
        "f(x) := x.a if { y := x.one; y == \"a\" }\nf(x) := x.b if { y := x.two; y == \"b\" }",
        "f(x) := x.a if { y := x.one; g(y) }\nf(x) := x.b if { y := x.two; not g(y) }\ng(y) if y",
    ] {
        assert!(!runs(rules), "{rules}");
    }
}
