//! `seawall policy`: exit codes, and what is said where.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::Place;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  containers:
  - image: registry.example/web:1
    name: app
    securityContext:
      privileged: true
";

const TEMPLATE: &str = "\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: needsteam
spec:
  crd:
    spec:
      names: {kind: NeedsTeam}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package needsteam

      violation[{\"msg\": msg}] {
        not input.review.object.metadata.labels.team
        msg := sprintf(\"%v belongs to no team\", [input.review.name])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NeedsTeam
metadata:
  name: team
spec:
  match:
    kinds:
    - {apiGroups: [\"\"], kinds: [Pod]}
";

/// A certificate as PEM, in base64.
const AUTHORITY: &str = "\
    LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJmekNDQVNXZ0F3SUJBZ0lVTUlZUVphcmdXWnR1bHhr\
    UmF2Y2U0Q1ovK2U0d0NnWUlLb1pJemowRUF3SXcKRkRFU01CQUdBMVVFQXd3SmNISnZkbWxrWlhKek1DQVhE\
    VEkyTVRFeU5qSXlNRFV4TmxvWUR6SXhNall4TVRBeQpNakl3TlRFMldqQVVNUkl3RUFZRFZRUUREQWx3Y205\
    MmFXUmxjbk13V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPClBRTUJCd05DQUFScjgvbmU0OTdsR2VaYjdseTl3\
    QytYUFZyS3RUVGRYV0ZUVldEbTMwaWVGU0pHRVNTZTlMdlIKVkdPWjZLY2p3V1RPSE1TMnpmVyswTllZUU1y\
    UXd6bEJvMU13VVRBZEJnTlZIUTRFRmdRVWs0MEprY3Q0aVUxNgo5Z3FEUFJCQTcvMmRJVTB3SHdZRFZSMGpC\
    Qmd3Rm9BVWs0MEprY3Q0aVUxNjlncURQUkJBNy8yZElVMHdEd1lEClZSMFRBUUgvQkFVd0F3RUIvekFLQmdn\
    cWhrak9QUVFEQWdOSUFEQkZBaUFSU2N6YUNLckt2dWZxQmRQY2dwYkUKeTl2aHdWM3kxQ1BmRVpxdE55QVNG\
    QUloQU5xZVFJT29ibEhWa2VNclBNV2xhaGxlbXdtU2RLZUJtanZRa3FCaApWcGlRCi0tLS0tRU5EIENFUlRJ\
    RklDQVRFLS0tLS0K";

fn json(said: &str) -> Value {
    let (_, rest) = said.split_once("----- stdout -----\n").unwrap();
    let (out, _) = rest.split_once("----- stderr -----").unwrap();
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn a_violation_is_shown_with_its_reason_and_its_fix() {
    let place = Place::new();
    place.write("manifests/pod.yaml", POD);
    let said = place.run(&["policy", "check", "manifests"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(
        said.contains("manifests/pod.yaml:1  Pod shop/web"),
        "{said}"
    );
    assert!(
        said.contains("pods-not-privileged (dryrun), line 9"),
        "{said}"
    );
    assert!(said.contains("-      privileged: true"), "{said}");
    assert!(said.contains("+      privileged: false"), "{said}");

    let told = json(&place.run(&["policy", "check", "--format", "json", "manifests"]));
    let violations = told["violations"].as_array().unwrap();
    let found = violations
        .iter()
        .find(|violation| violation["policy"] == "pods-not-privileged")
        .unwrap();
    assert_eq!(found["object"]["name"], "web");
    assert_eq!(found["line"], 9);
    assert!(found["why"].as_str().unwrap().len() > 40);
    assert!(
        found["fix"]
            .as_str()
            .unwrap()
            .contains("+      privileged: false")
    );

    let sarif = json(&place.run(&["policy", "check", "--format", "sarif", "manifests"]));
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), violations.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            run["tool"]["driver"]["rules"][index]["id"],
            result["ruleId"]
        );
    }
}

#[test]
fn a_pipeline_fails_where_it_asked_to() {
    let place = Place::new();
    place.write("pod.yaml", POD);
    place.write("team.yaml", TEMPLATE);
    let run = |more: &[&str]| place.run(&[&["policy", "check", "pod.yaml"], more].concat());
    assert!(run(&["--fail-on", "high"]).starts_with("exit: 1\n"));
    assert!(run(&["--fail-on", "deny"]).starts_with("exit: 0\n"));
    let own = ["--only", "--policies", "team.yaml"];
    let said = run(&own);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("web belongs to no team"), "{said}");
    assert!(said.contains("1 object, 1 violation in 1 object"), "{said}");
    assert!(run(&[&own[..], &["--fail-on", "deny"]].concat()).starts_with("exit: 1\n"));
    assert!(run(&[&own[..], &["--fail-on", "high"]].concat()).starts_with("exit: 0\n"));
    assert!(run(&[&own[..], &["--fail-on", "medium"]].concat()).starts_with("exit: 1\n"));
    let said = run(&["--fail-on", "severe"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(said.contains("expected a severity"), "{said}");
}

#[test]
fn what_helm_prints_is_read_from_standard_input() {
    let place = Place::new();
    let mut child = place
        .command(&["policy", "check", "-", "--namespace", "shop"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!(
        "---\n# Source: web/templates/pod.yaml\n{}",
        POD.replace("  namespace: shop\n", "")
    );
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("web/templates/pod.yaml:3  Pod shop/web"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    let place = Place::new();
    place.write("a.yaml", format!("{POD}---\nkind: [\n"));
    let said = place.run(&["policy", "check", "a.yaml"]);
    assert!(said.starts_with("exit: 4\n"), "{said}");
    assert!(said.contains("a.yaml:1"), "{said}");
    assert!(said.contains("not read:"), "{said}");
    let said = place.run(&["policy", "check", "--allow-partial", "a.yaml"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    place.write("empty.yaml", "just: data\n");
    let said = place.run(&["policy", "check", "empty.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    let said = place.run(&["policy", "check", "absent.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
}

/// What these policies alone say of `pod.yaml`.
fn check_pod(place: &Place, policies: &str) -> String {
    let check = ["policy", "check", "--only", "--policies"];
    place.run(&[&check[..], &[policies, "pod.yaml"]].concat())
}

#[test]
fn what_a_policy_says_and_nobody_does_is_a_warning() {
    let place = Place::new();
    place.write("pod.yaml", POD);
    let scoped = "spec:\n  enforcementAction: scoped\n  scopedEnforcementActions:\n  - \
                  action: deny\n    enforcementPoints: [{name: vap.k8s.io}, \
                  {name: gator.gatekeeper.sh}]\n  match:\n";
    place.write("p.yaml", TEMPLATE.replace("spec:\n  match:\n", scoped));
    let said = check_pod(&place, "p.yaml");
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("web belongs to no team"), "{said}");
    assert!(
        said.contains(
            "warning: p.yaml: NeedsTeam team: spec.scopedEnforcementActions: nothing is done at \
             the enforcement point 'vap.k8s.io'"
        ),
        "{said}"
    );
    assert!(
        said.contains("(there are audit.gatekeeper.sh, gator.gatekeeper.sh, validation."),
        "{said}"
    );
}

#[test]
fn a_config_of_gatekeeper_is_read_and_a_wrong_one_named() {
    let place = Place::new();
    place.write("pod.yaml", POD);
    let config = "---\napiVersion: config.gatekeeper.sh/v1alpha1\nkind: Config\nmetadata: \
                  {name: config}\nspec: {match: [{excludedNamespaces: [shop], processes: \
                  [PROCESS]}]}\n";
    let with = |process: &str| {
        let config = config.replace("PROCESS", process);
        place.write("p.yaml", format!("{TEMPLATE}{config}"));
        check_pod(&place, "p.yaml")
    };
    let said = with("audit");
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("web belongs to no team"), "{said}");
    let wrong = with("audits");
    assert!(wrong.starts_with("exit: 2\n"), "{wrong}");
    assert!(
        wrong.contains("Config config: spec.match[0].processes: 'audits' is not known"),
        "{wrong}"
    );
}

#[test]
fn a_broken_policy_is_named_and_the_rest_is_judged_by() {
    let place = Place::new();
    place.write("pod.yaml", POD);
    let broken = TEMPLATE
        .replace("needsteam", "broken")
        .replace("NeedsTeam", "Broken");
    let broken = broken.replace("sprintf(", "sprntf(");
    place.write("p/a.yaml", TEMPLATE);
    place.write("p/b.yaml", broken);
    let said = check_pod(&place, "p");
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(said.contains("web belongs to no team"), "{said}");
    assert!(
        said.contains("p/b.yaml: ConstraintTemplate broken: template:5: rego_type_error: undefined function sprntf"),
        "{said}"
    );
}

#[test]
fn providers_of_external_data_are_asked_only_when_told_to() {
    let place = Place::new();
    place.write("pod.yaml", POD);
    let template = TEMPLATE.replace(
        "not input.review.object.metadata.labels.team",
        "r := external_data({\"provider\": \"teams\", \"keys\": [\"web\"]})\n        r.system_error != \"\"",
    );
    let template = template.replace(
        "sprintf(\"%v belongs to no team\", [input.review.name])",
        "r.system_error",
    );
    let provider = format!(
        "---\napiVersion: externaldata.gatekeeper.sh/v1beta1\nkind: Provider\n\
         metadata: {{name: teams}}\n\
         spec: {{url: \"https://127.0.0.1:1/\", timeout: 1, caBundle: {AUTHORITY}}}\n"
    );
    place.write("p.yaml", template + &provider);
    let check = [
        "policy",
        "check",
        "--only",
        "--policies",
        "p.yaml",
        "--format",
        "json",
    ];
    let off = place.run(&[&check[..], &["pod.yaml"]].concat());
    assert!(off.contains("external data is off"), "{off}");
    assert!(
        off.contains("The policies name providers of external data: --external-data asks them."),
        "{off}"
    );
    let on = place.run(&[&check[..], &["--external-data", "pod.yaml"]].concat());
    assert!(
        on.contains("failed to send external data request: reach https://127.0.0.1:1/"),
        "{on}"
    );
    assert!(!on.contains("external data is off"), "{on}");
}

#[test]
fn suites_are_run_and_failures_say_why() {
    let place = Place::new();
    let (template, constraint) = TEMPLATE.split_once("---\n").unwrap();
    place.write("s/template.yaml", template);
    place.write("s/constraint.yaml", constraint);
    place.write("s/pod.yaml", POD);
    let suite = "\
apiVersion: test.gatekeeper.sh/v1alpha1
kind: Suite
tests:
- name: team
  template: template.yaml
  constraint: constraint.yaml
  cases:
  - name: nobody's
    object: pod.yaml
    assertions:
    - violations: yes
";
    place.write("s/suite.yaml", suite);
    place.write("s/a.rego", "package a\n\none = 1\n");
    place.write("s/a_test.rego", "package a\n\ntest_one { one == 1 }\n");
    let said = place.run(&["policy", "test", "s"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(
        said.contains("2 cases of 2 files: 2 passed, 0 failed"),
        "{said}"
    );
    place.write("s/suite.yaml", suite.replace("yes", "no"));
    let said = place.run(&["policy", "test", "s"]);
    assert!(said.starts_with("exit: 1\n"), "{said}");
    assert!(
        said.contains("FAILED  s/suite.yaml › team › nobody's"),
        "{said}"
    );
    assert!(said.contains("web belongs to no team"), "{said}");
    let said = place.run(&["policy", "test", "s/pod.yaml"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
}

#[test]
fn policies_are_listed_and_shown() {
    let place = Place::new();
    place.write("team.yaml", TEMPLATE);
    let said = place.run(&["policy", "list", "--policies", "team.yaml"]);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("pods-not-privileged"), "{said}");
    assert!(said.contains("NeedsTeam"), "{said}");
    let said = place.run(&["policy", "show", "pods-not-privileged"]);
    assert!(said.contains("Why") && said.contains("In bundle"), "{said}");
    let said = place.run(&["policy", "show", "pods-not-privilegd"]);
    assert!(said.starts_with("exit: 2\n"), "{said}");
    assert!(said.contains("did you mean"), "{said}");

    // What is shown can be read again.
    let output = place
        .command(&["policy", "show", "pods-not-privileged", "--yaml"])
        .output()
        .unwrap();
    place.write("mine.yaml", output.stdout);
    place.write("pod.yaml", POD);
    let own = [
        "policy",
        "check",
        "--only",
        "--policies",
        "mine.yaml",
        "pod.yaml",
    ];
    let said = place.run(&own);
    assert!(said.starts_with("exit: 0\n"), "{said}");
    assert!(said.contains("pods-not-privileged"), "{said}");
}
