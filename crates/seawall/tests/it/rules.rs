//! `seawall rules`: exit codes, and what is said where.

use crate::harness::Place;

const GOOD: &str = "- rule: Shell started
  desc: Somebody opened a shell.
  condition: evt.type = execve and proc.name = bash
  output: shell (user=%user.name)
  priority: WARNING
";

#[test]
fn files_without_a_mistake_are_clean() {
    let place = Place::new();
    place.write("rules.d/a.yaml", GOOD);
    place.write("rules.d/notes.txt", "not read");
    let said = place.run(&["rules", "check", "rules.d"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("1 rule, 0 errors, 0 warnings"), "{said}");
}

#[test]
fn a_mistake_is_a_usage_error_with_its_place() {
    let place = Place::new();
    place.write("a.yaml", GOOD.replace("proc.name", "proc.nmae"));
    let said = place.run(&["rules", "check", "a.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(
        said.contains("--> a.yaml:3:36 (rule `Shell started`)"),
        "{said}"
    );
    assert!(said.contains("help: did you mean `proc.name`?"), "{said}");
    let said = place.run(&["rules", "check", "--format", "json", "a.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(said.contains("\"code\": \"unknown-field\""), "{said}");
    let said = place.run(&["rules", "check", "absent.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
}

#[test]
fn warnings_count_when_asked() {
    let place = Place::new();
    place.write("a.yaml", format!("{GOOD}- list: unused\n  items: []\n"));
    let said = place.run(&["rules", "check", "a.yaml"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    let said = place.run(&["rules", "check", "--strict", "a.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
}

#[test]
fn our_own_rules_are_listed_and_a_user_s_come_behind() {
    let place = Place::new();
    place.write("a.yaml", GOOD);
    let said = place.run(&["rules", "list", "--rules", "a.yaml"]);
    assert!(said.contains("K8S_ExecIntoPod"), "{said}");
    assert!(said.contains("shell-started"), "{said}");
    let said = place.run(&["rules", "list", "--source", "syscal"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    let only = ["rules", "list", "--only", "--rules", "a.yaml"];
    assert!(!place.run(&only).contains("K8S_"));
}

#[test]
fn a_rule_is_explained_by_id_or_name() {
    let place = Place::new();
    place.write("a.yaml", GOOD);
    let explain = |rule: &str| place.run(&["rules", "explain", "--rules", "a.yaml", rule]);
    for rule in ["shell-started", "Shell started"] {
        let said = explain(rule);
        assert!(said.starts_with("exit: 0\n"), "{said}");
        assert!(
            said.contains("evt.type = execve\n  and proc.name = bash"),
            "{said}"
        );
    }
    let said = explain("shell-strated");
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(said.contains("did you mean 'shell-started'?"), "{said}");
}
