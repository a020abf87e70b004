//! What the items of rule files do to each other.

use rules::{
    Loader, diagnostic,
    rule::{Maturity, Priority, Ruleset, Suppress, Term},
};

/// Loads files that have nothing wrong with them.
#[track_caller]
fn load(files: &[&str]) -> Ruleset {
    let (ruleset, diagnostics) = all(files);
    let errors: Vec<_> = diagnostics
        .into_iter()
        .filter(rules::Diagnostic::is_error)
        .collect();
    assert!(errors.is_empty(), "{}", diagnostic::render(&errors, false));
    ruleset
}

fn all(files: &[&str]) -> (Ruleset, Vec<rules::Diagnostic>) {
    let mut loader = Loader::new();
    for (index, text) in files.iter().enumerate() {
        loader = loader.file(&format!("{index}.yaml"), text);
    }
    loader.finish()
}

fn rule(condition: &str) -> String {
    format!(
        "- rule: It happened\n  desc: It.\n  condition: {condition}\n  output: it\n  priority: INFO\n"
    )
}

#[track_caller]
fn resolves(files: &[&str], expected: &str) {
    let ruleset = load(files);
    assert_eq!(ruleset.rules[0].condition.to_string(), expected);
}

#[test]
fn macros_and_lists_stand_for_what_they_mean() {
    let names = "
- list: shells
  items: [bash, zsh, 'a shell']
- list: programs
  items: [shells, perl, \"'quoted one'\"]
- macro: started
  condition: evt.type in (execve, execveat) and program
- macro: program
  condition: (proc.name in (programs) or proc.name in (shells, ruby))
";
    let shells = "bash, zsh, \"a shell\"";
    resolves(
        &[names, &rule("started and not proc.pname in (shells)")],
        &format!(
            "evt.type in (execve, execveat) and (proc.name in ({shells}, perl, \"quoted one\") or \
             proc.name in ({shells}, ruby)) and not proc.pname in ({shells})"
        ),
    );
    // Also where the definition comes later, and where a list stands bare.
    resolves(
        &[&rule("evt.type = execve and proc.name in shells"), names],
        &format!("evt.type = execve and proc.name in ({shells})"),
    );
}

#[test]
fn a_list_of_one_may_stand_for_a_value() {
    let list = "- list: only\n  items: [bash]\n";
    resolves(
        &[list, &rule("evt.type = execve and proc.name = only")],
        "evt.type = execve and proc.name = bash",
    );
    resolves(
        &[list, &rule("evt.type = execve and proc.name = \"only\"")],
        "evt.type = execve and proc.name = only",
    );
}

#[test]
fn empty_lists_and_placeholders_leave_nothing() {
    let names = "
- list: none
  items: []
- macro: never_true
  condition: (evt.num = 0)
- macro: always_true
  condition: (evt.num >= 0)
";
    resolves(
        &[
            names,
            &rule(
                "evt.type = execve and not proc.name in (none) and not never_true and always_true",
            ),
        ],
        "evt.type = execve",
    );
    resolves(
        &[
            names,
            &rule("evt.type = execve and (never_true or proc.name = a)"),
        ],
        "evt.type = execve and proc.name = a",
    );
    resolves(
        &[names, &rule("evt.type = execve and proc.name in (none, b)")],
        "evt.type = execve and proc.name = b"
            .replace("= b", "in (b)")
            .as_str(),
    );
}

#[test]
fn later_definitions_win_and_are_seen_by_earlier_users() {
    let first = "
- macro: user
  condition: (user.name = root)
- list: names
  items: [a]
";
    let later = "
- macro: user
  condition: (user.name = jane)
- list: names
  items: [b]
  override: {items: append}
- rule: It happened
  desc: Differently.
  condition: evt.type = execve and user and proc.name in (names)
  output: it
  priority: ERROR
";
    let ruleset = load(&[first, &rule("evt.type = execve and user"), later]);
    assert_eq!(ruleset.rules.len(), 1);
    let rule = &ruleset.rules[0];
    assert_eq!(
        rule.condition.to_string(),
        "evt.type = execve and user.name = jane and proc.name in (a, b)"
    );
    assert_eq!(
        (rule.priority, rule.description.as_str()),
        (Priority::Error, "Differently.")
    );
    assert_eq!(rule.origin, "2.yaml:7");
}

#[test]
fn overrides_add_and_replace_each_key() {
    let own = "
- rule: It happened
  desc: First.
  condition: evt.type = execve
  output: it
  priority: notice
  tags: [a, b]
  enabled: false
";
    let change = "
- rule: It happened
  desc: Second.
  condition: and proc.name = a or proc.name = b
  output: (%proc.name)
  tags: [b, c]
  override: {desc: append, condition: append, output: append, tags: append}
- rule: It happened
  priority: Critical
  enabled: true
  override:
    priority: replace
    enabled: replace
";
    let ruleset = load(&[own, change]);
    let rule = &ruleset.rules[0];
    assert_eq!(rule.description, "First. Second.");
    // Texts are joined before they are read.
    assert_eq!(
        rule.condition.to_string(),
        "evt.type = execve and proc.name = a or proc.name = b"
    );
    assert_eq!(
        rule.written,
        "evt.type = execve and proc.name = a or proc.name = b"
    );
    assert_eq!(rule.output, "it (%proc.name)");
    assert_eq!(rule.tags, ["a", "b", "c"]);
    assert_eq!((rule.priority, rule.is_enabled), (Priority::Critical, true));

    let replace = "
- rule: It happened
  desc: Third.
  condition: evt.type = open
  output: other
  tags: []
  override: {desc: replace, condition: replace, output: replace, tags: replace}
";
    let ruleset = load(&[own, change, replace]);
    let rule = &ruleset.rules[0];
    assert_eq!(
        (rule.description.as_str(), rule.output.as_str()),
        ("Third.", "other")
    );
    assert_eq!(rule.condition.to_string(), "evt.type = open");
    assert!(rule.tags.is_empty());
}

#[test]
fn the_older_words_still_change_things() {
    let change = "
- rule: It happened
  append: true
  condition: and proc.name = a
- rule: It happened
  enabled: false
- macro: m
  condition: (proc.name = a)
- macro: m
  append: true
  condition: or proc.name = b
- list: l
  items: [a]
- list: l
  append: true
  items: [b]
- rule: Other
  desc: Uses them.
  condition: evt.type = open and m and proc.pname in (l)
  output: it
  priority: INFO
";
    let (ruleset, diagnostics) = all(&[&rule("evt.type = execve"), change]);
    assert!(diagnostics.iter().all(|each| each.code == "deprecated-key"));
    assert_eq!(diagnostics.len(), 4);
    assert!(!ruleset.rules[0].is_enabled);
    assert_eq!(
        ruleset.rules[0].condition.to_string(),
        "evt.type = execve and proc.name = a"
    );
    assert_eq!(
        ruleset.rules[1].condition.to_string(),
        "evt.type = open and (proc.name = a or proc.name = b) and proc.pname in (a, b)"
    );
}

#[test]
fn exceptions_are_rows_of_what_is_left_alone() {
    let own = rule("evt.type = execve")
        + "  exceptions:
    - name: parents
      fields: proc.pname
      values: [cron, 'at d']
    - name: pairs
      fields: [proc.pname, proc.cmdline]
      values:
        - [sshd, run me]
        - [init, go]
    - name: mixed
      fields: [proc.pname, proc.cmdline, fd.name]
      comps: [in, startswith, startswith anyof]
      values:
        - [[a, b], go, '/etc, /usr']
        - ['(c, d)', stop, [/tmp]]
    - name: later
      fields: [proc.exe]
      comps: [contains]
";
    let more = "
- list: users
  items: [root, jane]
- rule: It happened
  exceptions:
    - name: later
      values: [[x]]
    - name: new
      fields: user.name
      comps: in
      values: [users, joe]
  override: {exceptions: append}
";
    resolves(
        &[&own, more],
        "evt.type = execve and not proc.pname in (cron, \"at d\") and \
         not (proc.pname = sshd and proc.cmdline = \"run me\" or proc.pname = init and proc.cmdline = go) \
         and not (proc.pname in (a, b) and proc.cmdline startswith go and fd.name startswith anyof \
         (/etc, /usr) or proc.pname in (c, d) and proc.cmdline startswith stop and fd.name startswith \
         anyof (/tmp)) and not proc.exe contains x and not user.name in (root, jane, joe)",
    );
}

#[test]
fn sources_keep_to_their_fields_and_macros_do_not() {
    let files = "
- macro: by_root
  condition: (evt.rawtime > 0)
- rule: Kernel
  desc: One.
  condition: evt.type = open and by_root
  output: one
  priority: INFO
- rule: Cluster
  desc: Other.
  condition: ka.verb = get and by_root
  output: other
  priority: INFO
  source: k8s_audit
";
    let ruleset = load(&[files]);
    assert_eq!(ruleset.rules.len(), 2);
    assert_ne!(ruleset.rules[0].source, ruleset.rules[1].source);
}

#[test]
fn numbers_have_one_form_whatever_is_written() {
    resolves(
        &[&rule(
            "evt.type = execve and proc.pid in (0x10, +7) and proc.vpid >= 1.0e+2",
        )],
        "evt.type = execve and proc.pid in (16, 7) and proc.vpid >= 100",
    );
}

#[test]
fn requirements_are_read() {
    let head = "
- required_engine_version: 0.57.0
- required_engine_version: 31
- required_plugin_versions:
    - name: container
      version: 0.4.0
      alternatives:
        - name: other
          version: 1.0.0-rc1
";
    assert_eq!(load(&[head, &rule("evt.type = execve")]).rules.len(), 1);
}

#[test]
fn our_own_keys_are_read_whole() {
    let text = "
- rule: Secrets read in bulk
  desc: One user reads many secrets.
  condition: ka.verb = get and ka.target.resource = secrets
  output: secrets (user=%ka.user.name)
  priority: WARNING
  source: k8s_audit
  tags: [k8s]
  seawall:
    id: K8S_SecretsInBulk
    title: Secrets read in bulk
    severity: high
    maturity: incubating
    why: Stolen tokens are used this way.
    fix: Ask the user.
    false_positives: Backups.
    references: [https://example.org]
    attack: [T1552.007]
    matrix: [MS-TA9021]
    threshold: {count: 5, within: 10m, by: [ka.user.name, ka.sourceips], distinct: ka.target.name}
    suppress: {by: ka.user.name, for: 1h}
    dedup: ['jevt.value[/user/username]']
    cases:
      - name: five secrets
        expect: match
        events:
          - {verb: get, code: 200, ok: true, none: null, text: '7', list: [1, 2.5]}
          - '{\"verb\": \"list\"}'
      - name: nothing
        expect: none
        events: []
";
    let ruleset = load(&[text]);
    let rule = &ruleset.rules[0];
    assert_eq!(rule.id, "K8S_SecretsInBulk");
    assert_eq!(rule.severity(), model::Severity::High);
    let own = &rule.extension;
    assert_eq!(own.maturity, Some(Maturity::Incubating));
    assert_eq!(own.attack, ["T1552.007"]);
    let threshold = own.threshold.as_ref().unwrap();
    assert_eq!(
        (
            threshold.count,
            threshold.within.as_secs(),
            threshold.by.len()
        ),
        (5, 600, 2)
    );
    assert!(
        matches!(&threshold.distinct, Some(Term::Field { field, .. }) if field.name == "ka.target.name")
    );
    assert!(
        matches!(&own.suppress, Some(Suppress { by, within }) if by.len() == 1 && within.as_secs() == 3600)
    );
    assert_eq!(own.dedup[0].to_string(), "jevt.value[/user/username]");
    assert_eq!(own.cases.len(), 2);
    assert!(own.cases[0].expects_match && !own.cases[1].expects_match);
    assert_eq!(
        own.cases[0].events,
        [
            r#"{"code":200,"list":[1,2.5],"none":null,"ok":true,"text":"7","verb":"get"}"#,
            r#"{"verb":"list"}"#
        ]
    );
    let told = rules::print::windows(rule);
    assert!(told.contains("5 different values of ka.target.name within 10m for each ka.user.name"));
    assert!(told.contains("then silent for 1h"));
}

#[test]
fn a_set_that_would_blow_up_is_refused() {
    let mut bomb = String::from("- macro: m0\n  condition: (proc.name = a or proc.name = b)\n");
    for level in 1..40 {
        let before = level - 1;
        bomb.extend([format!(
            "- macro: m{level}\n  condition: (m{before} and m{before} or m{before})\n"
        )]);
    }
    let (ruleset, diagnostics) = all(&[
        &bomb,
        &rule("evt.type = execve and m39"),
        &rule("evt.type = open").replace("It happened", "Other"),
    ]);
    assert_eq!(ruleset.rules.len(), 1);
    assert!(diagnostics.iter().any(|each| each.code == "too-large"));

    let mut lists = format!("- list: l0\n  items: [{}]\n", "x, ".repeat(50));
    for level in 1..40 {
        let before = format!("l{}, ", level - 1).repeat(10);
        lists.extend([format!("- list: l{level}\n  items: [{before}]\n")]);
    }
    let (_, diagnostics) = all(&[&lists, &rule("evt.type = execve and proc.name in (l39)")]);
    assert!(diagnostics.iter().any(|each| each.code == "too-large"));

    let mut deep = String::from("- macro: d0\n  condition: (proc.name = a)\n");
    for level in 1..400 {
        deep.extend([format!(
            "- macro: d{level}\n  condition: not (proc.pid = 1 and d{})\n",
            level - 1
        )]);
    }
    let (_, diagnostics) = all(&[&deep, &rule("evt.type = execve and d399")]);
    assert!(
        diagnostics.iter().any(|each| each.code == "too-large"),
        "{diagnostics:?}"
    );
}

#[test]
fn one_bad_rule_does_not_lose_the_others() {
    let bad = rule("evt.type = ").replace("It happened", "Bad");
    let (ruleset, diagnostics) = all(&[
        &(rule("evt.type = execve") + &bad),
        "- list: a\n  items: [",
        &rule("evt.type = open").replace("It happened", "Good"),
    ]);
    let names: Vec<&str> = ruleset
        .rules
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(names, ["It happened", "Good"]);
    assert!(diagnostics.len() >= 2);
}

#[test]
fn conditions_are_printed_for_reading() {
    let ruleset = load(&[&rule(
        "evt.type = execve and not (proc.name = a or proc.name in (bbbbbbbbbbbbbbbbbbbbbbbbbb, \
         cccccccccccccccccccccccccccccccccccc, ddddddddddddddddd)) and (proc.pname = e or proc.pname = f)",
    )]);
    assert_eq!(
        rules::print::pretty(&ruleset.rules[0].condition),
        "evt.type = execve
and not (
  proc.name = a
  or proc.name in (bbbbbbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccccccccccccccccccc, ddddddddddddddddd)
)
and (proc.pname = e or proc.pname = f)
"
    );
}

#[test]
fn a_rule_may_have_another_id_on_a_host() {
    let two = "
- rule: It happened
  desc: Something.
  condition: evt.type = execve
  output: it
  priority: ERROR
  seawall: {id: K8S.NODE_It, on_host: VM_It.Linux}
";
    let ruleset = load(&[
        two,
        &rule("evt.type = open").replace("It happened", "Other"),
    ]);
    let (two, one) = (&ruleset.rules[0], &ruleset.rules[1]);
    assert_eq!(
        (two.id_of(false), two.id_of(true)),
        ("K8S.NODE_It", "VM_It.Linux")
    );
    assert_eq!((one.id_of(false), one.id_of(true)), ("other", "other"));
    assert_eq!(ruleset.nearest("VM_It.Linus"), Some("VM_It.Linux"));
}
