//! Suites of our own, written as users write theirs.

use policy::suite::{Outcome, RegoEngine, RegoFile, Tally, run_rego, run_suite};

fn read(path: &str) -> Result<String, String> {
    let place = format!("{}/tests/it/testdata/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&place).map_err(|error| format!("{path}: {error}"))
}

#[track_caller]
fn check(path: &str, passed: usize, skipped: usize) {
    for engine in [
        RegoEngine::Chosen,
        RegoEngine::Interpreter,
        RegoEngine::Bytecode,
    ] {
        let report = run_suite(path, &read(path).unwrap(), &read, engine);
        let expected = Tally {
            passed,
            skipped,
            failed: 0,
        };
        assert_eq!(report.tally(), expected, "{engine:?}: {report:#?}");
    }
}

#[test]
fn owners_are_asked_for_where_the_constraint_says() {
    check("owner/suite.yaml", 8, 1);
}

#[test]
fn hosts_are_compared_with_the_inventory() {
    check("unique/suite.yaml", 2, 0);
}

#[test]
fn a_suite_that_does_not_hold_says_what_was_said() {
    let text = read("unique/suite.yaml").unwrap();
    let text = text.replace("violations: no", "violations: yes");
    let report = run_suite("unique/suite.yaml", &text, &read, RegoEngine::Chosen);
    let Outcome::Failed(fault) = &report.tests[0].cases[0].outcome else {
        panic!("{report:#?}");
    };
    assert_eq!(
        fault,
        "got 0 violations but want at least 1: got messages []"
    );
    let text = text.replace("template.yaml", "absent.yaml");
    let report = run_suite("unique/suite.yaml", &text, &read, RegoEngine::Chosen);
    let Outcome::Failed(fault) = &report.tests[0].outcome else {
        panic!("{report:#?}");
    };
    assert!(fault.starts_with("unique/absent.yaml"), "{fault}");
}

#[test]
fn tests_in_rego_are_run_with_what_lies_beside_them() {
    let files: Vec<RegoFile> = ["rego/src.rego", "rego/src_test.rego"]
        .map(|path| RegoFile {
            path: path.to_owned(),
            text: read(path).unwrap(),
        })
        .to_vec();
    let report = run_rego("rego", &files, false);
    let expected = Tally {
        passed: 2,
        skipped: 1,
        failed: 0,
    };
    assert_eq!(report.tally(), expected, "{report:#?}");
}
