//! Admission in front of a real API server, by policies of a real server:
//! what is refused, warned of, changed, exempted, and what never is.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use model::Clock as _;
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Options};

use crate::{program::Seawall, server::Server};

/// A setting is in force after two polls and a bundle's age.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(300);
pub(crate) const DAY_BEFORE: i64 = -20 * 3_600;

pub(crate) struct Admission {
    child: Child,
    clock: PathBuf,
    log: PathBuf,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let told = std::fs::read_to_string(&self.log).unwrap_or_default();
            println!("admission said:\n{told}");
        }
    }
}

impl Admission {
    pub(crate) fn start(
        seawall: &Seawall,
        server: &Server,
        cluster: &Cluster,
        more: &[&str],
    ) -> Self {
        let address = format!("127.0.0.1:{}", testkit::service::spare_port());
        Self::replica(seawall, server, cluster, ("admission", &address), more)
    }

    /// One of several: its name, and where it listens.
    pub(crate) fn replica(
        seawall: &Seawall,
        server: &Server,
        cluster: &Cluster,
        (name, address): (&str, &str),
        more: &[&str],
    ) -> Self {
        let folder = seawall.folder();
        let token = folder.join("admission.token");
        if !token.exists() {
            std::fs::write(&token, server.token("ingest")).expect("the token is written");
        }
        let clock = folder.join("admission.clock");
        if !clock.exists() {
            std::fs::write(&clock, DAY_BEFORE.to_string()).expect("the clock is set");
        }
        let log = folder.join(format!("{name}.log"));
        let mut command = seawall.command();
        command
            .args(["admission", "--cluster", "test", "--listen", address])
            .arg("--kubeconfig")
            .arg(cluster.place.kubeconfig("admin"))
            .args(["--server", &server.url()])
            .arg("--token-file")
            .arg(token)
            .arg("--state-dir")
            .arg(folder.join(name))
            .args(
                server
                    .authority()
                    .map(|file| format!("--ca-file={}", file.display())),
            )
            .args(more)
            .env("SEAWALL_CLOCK_FILE", &clock)
            .env("HOSTNAME", name)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"));
        let mut child = command.spawn().expect("admission starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let said = out.lines().map_while(Result::ok).next();
        let told = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(said.is_some_and(|line| line.contains(address)), "{told}");
        Self { child, clock, log }
    }

    /// Asks it to end; by when it has, it answered what it was asked.
    pub(crate) fn end(&mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("kill is installed").success());
        let ended = self.child.wait().expect("it can be waited for");
        assert!(ended.success(), "{ended}");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn move_clock(&self, seconds: i64) {
        std::fs::write(&self.clock, seconds.to_string()).expect("the clock is moved");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// kubectl with something on its standard input.
pub(crate) fn kubectl(cluster: &Cluster, arguments: &[&str], input: &Value) -> Output {
    let mut child = cluster
        .kubectl("admin")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(input.to_string().as_bytes()).ok();
    drop(pipe);
    child.wait_with_output().expect("kubectl ends")
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn done(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

pub(crate) fn pod(name: &str, namespace: &str, is_privileged: bool) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "web", "image": "registry.example/web:1",
            "securityContext": {"privileged": is_privileged}}]}})
}

pub(crate) fn namespace(cluster: &Cluster, name: &str, labels: &Value) {
    let object = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": labels}});
    done(&kubectl(cluster, &["apply", "-f", "-"], &object));
}

/// Asks to make a pod, without making it.
pub(crate) fn trial(cluster: &Cluster, pod: &Value) -> Output {
    kubectl(cluster, &["create", "--dry-run=server", "-f", "-"], pod)
}

/// Tries until it goes as it should.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(LOOK);
    }
}

pub(crate) fn set(server: &Server, setting: &Value) {
    let told = server.put("/api/v1/policies/pods-not-privileged/setting", setting);
    assert_eq!(told["policy"]["id"], "pods-not-privileged", "{told}");
}

fn is_refused(cluster: &Cluster, pod: &Value) -> bool {
    !trial(cluster, pod).status.success()
}

fn decisions(server: &Server, verdict: &str) -> u64 {
    let page = server.get(&format!("/api/v1/decisions?verdict={verdict}"));
    page["total"].as_u64().unwrap_or(0)
}

const MUTATOR: &str = "\
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: testlabel}
spec:
  match: {scope: Namespaced, kinds: [{apiGroups: [''], kinds: [Pod]}]}
  location: metadata.labels.checked
  parameters: {assign: {value: 'yes'}}
";

#[test]
fn requests_of_a_real_cluster_are_judged_as_was_set() {
    let seawall = Seawall::new();
    let server = Server::start(&seawall);
    let options = Options {
        is_bare: true,
        ..Options::default()
    };
    let Some(cluster) = Cluster::start(&options).expect("the cluster starts") else {
        return;
    };
    // Where the authority is kept.
    namespace(&cluster, "seawall", &json!({}));
    namespace(&cluster, "shop", &json!({}));
    namespace(&cluster, "vault", &json!({"tier": "prod"}));
    let mut admission = Admission::start(&seawall, &server, &cluster, &[]);
    let of_webhook = [
        "get",
        "validatingwebhookconfiguration",
        "seawall-admission",
        "-o",
        "json",
    ];
    until("the webhook is registered", || {
        let output = kubectl(&cluster, &of_webhook, &Value::Null);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        told["webhooks"][0]["rules"]
            .as_array()
            .is_some_and(|rules| !rules.is_empty())
    });

    // Audit: nothing is refused, and it is noted.
    until("an audited decision is kept", || {
        let name = format!("audited-{}", decisions(&server, "audited"));
        done(&kubectl(
            &cluster,
            &["apply", "-f", "-"],
            &pod(&name, "shop", true),
        ));
        decisions(&server, "audited") > 0
    });

    // Deny, with what is wrong and how to mend it.
    set(
        &server,
        &json!({"cluster": "test", "action": "deny", "reason": "agreed"}),
    );
    let bad = pod("bad", "shop", true);
    until("it is refused", || is_refused(&cluster, &bad));
    let told = said(&kubectl(&cluster, &["create", "-f", "-"], &bad));
    assert!(told.contains("[pods-not-privileged]"), "{told}");
    assert!(told.contains("fix:"), "{told}");
    done(&trial(&cluster, &pod("good", "shop", false)));
    until("the refusal is kept", || decisions(&server, "denied") == 1);
    // A dry run leaves no trace; one that is meant does.
    assert!(is_refused(&cluster, &bad));
    done(&kubectl(
        &cluster,
        &["create", "-f", "-"],
        &pod("system", "kube-system", true),
    ));

    // A Deployment is judged by the pod it will make.
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": bad["spec"]}}});
    assert!(is_refused(&cluster, &deployment), "a Deployment");

    // A certificate of a new day is shown, and trusted.
    let ends = |server: &Server| {
        let replicas = server.get("/api/v1/admissions");
        replicas[0]["status"]["certificate_ends"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    until("it tells how it is", || !ends(&server).is_empty());
    let before = ends(&server);
    admission.move_clock(0);
    until("the certificate is another", || ends(&server) != before);
    let output = trial(&cluster, &bad);
    assert!(
        said(&output).contains("[pods-not-privileged]"),
        "{}",
        said(&output)
    );

    // Only where a selector says.
    set(
        &server,
        &json!({"cluster": "test", "action": "deny",
        "scope": {"namespace_selector": {"matchLabels": {"tier": "prod"}}}}),
    );
    until("elsewhere it goes through", || !is_refused(&cluster, &bad));
    assert!(is_refused(&cluster, &pod("bad", "vault", true)));

    // Warn.
    set(&server, &json!({"cluster": "test", "action": "warn"}));
    until("it is warned of", || {
        let output = trial(&cluster, &bad);
        output.status.success() && said(&output).contains("Warning: [pods-not-privileged]")
    });

    // An exemption, until it ends.
    set(&server, &json!({"cluster": "test", "action": "deny"}));
    until("it is refused again", || is_refused(&cluster, &bad));
    let end = model::SystemClock.now() + Duration::from_hours(1);
    let exemption = json!({"scope": "rule:pods-not-privileged cluster:test ns:shop workload:bad",
        "environment": "local", "reason": "accepted_risk", "note": "for an hour",
        "expires": end.to_string()});
    let made = server.post("/api/v1/exemptions", &exemption);
    assert!(made["id"].is_string(), "{made}");
    until("it is exempted", || !is_refused(&cluster, &bad));
    assert!(is_refused(&cluster, &pod("other", "shop", true)));
    admission.move_clock(2 * 3_600);
    assert!(is_refused(&cluster, &bad), "the exemption is over");
    admission.move_clock(0);

    // Mutation.
    let made = server.post(
        "/api/v1/policies",
        &json!({"text": MUTATOR, "environment": "local"}),
    );
    assert_eq!(made["policy"]["id"], "testlabel", "{made}");
    until("a pod is changed", || {
        let output = kubectl(
            &cluster,
            &["create", "--dry-run=server", "-o", "json", "-f", "-"],
            &pod("good", "shop", false),
        );
        let made: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        made["metadata"]["labels"]["checked"] == "yes"
    });

    deletions_and_connections(&server, &cluster);

    // Gone, it is in nobody's way.
    admission.kill();
    until("it goes through", || !is_refused(&cluster, &bad));
    // The server gone as well, the last bundle decides.
    drop(server);
    closed(&seawall, &cluster, &bad);
}

/// A policy about requests that make nothing.
pub(crate) fn refusing(kind: &str, of: &str, operation: &str) -> String {
    let name = kind.to_lowercase();
    format!(
        "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\n\
         metadata: {{name: {name}}}\nspec:\n  crd: {{spec: {{names: {{kind: {kind}}}}}}}\n  \
         targets:\n  - target: admission.k8s.gatekeeper.sh\n    operations: [{operation}]\n    \
         rego: |\n      package {name}\n      violation[{{\"msg\": msg}}] {{\n        \
         msg := sprintf(\"%v of %v\", [input.review.operation, input.review.name])\n      }}\n\
         ---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: {kind}\n\
         metadata: {{name: {name}}}\nspec:\n  enforcementAction: deny\n  match:\n    \
         kinds: [{{apiGroups: [''], kinds: [{of}]}}]\n"
    )
}

/// Who deletes and who opens a shell is asked about once a policy is for
/// that, and not before.
fn deletions_and_connections(server: &Server, cluster: &Cluster) {
    done(&kubectl(
        cluster,
        &["create", "-f", "-"],
        &pod("kept", "shop", false),
    ));
    let of_pod = ["delete", "pod", "kept", "-n", "shop", "--dry-run=server"];
    let delete = || kubectl(cluster, &of_pod, &Value::Null);
    let enter = || {
        let asked = ["exec", "kept", "-n", "shop", "--", "ls"];
        said(&kubectl(cluster, &asked, &Value::Null))
    };
    done(&delete());
    assert!(!enter().contains("[shutpods]"));
    for text in [
        refusing("KeepPods", "Pod", "DELETE"),
        refusing("ShutPods", "PodExecOptions", "CONNECT"),
    ] {
        let made = server.post(
            "/api/v1/policies",
            &json!({"text": text, "environment": "local"}),
        );
        assert!(made["policy"]["id"].is_string(), "{made}");
    }
    until("a deletion is refused", || {
        said(&delete()).contains("[keeppods] DELETE of kept")
    });
    until("a shell is refused", || {
        enter().contains("[shutpods] CONNECT of kept")
    });
    until("who was kept out is told", || {
        let page = server.get("/api/v1/decisions?policy=shutpods&verdict=denied");
        page["items"][0]["decision"]["operation"] == "CONNECT"
    });
}

/// Failing closed, and taken away; without a server.
fn closed(seawall: &Seawall, cluster: &Cluster, bad: &Value) {
    let folder = seawall.folder();
    let policies = folder.join("policies");
    std::fs::create_dir_all(&policies).expect("a folder");
    let constraint = "apiVersion: constraints.gatekeeper.sh/v1beta1\n\
        kind: SeawallPodsNotPrivileged\nmetadata: {name: all}\n\
        spec: {enforcementAction: deny, match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}\n";
    std::fs::write(policies.join("constraint.yaml"), constraint).expect("a policy");
    let address = format!("127.0.0.1:{}", testkit::service::spare_port());
    let start = |more: &[&str]| {
        let mut command = seawall.command();
        command
            .args(["admission", "--cluster", "test", "--listen", &address])
            .arg("--kubeconfig")
            .arg(cluster.place.kubeconfig("admin"))
            .arg("--bundle")
            .arg(&policies)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let mut child = start(&["--fail", "closed"]).spawn().expect("it starts");
    until("it is refused by the folder's policy", || {
        said(&trial(cluster, bad)).contains("[pods-not-privileged]")
    });
    child.kill().ok();
    child.wait().ok();
    let output = trial(cluster, bad);
    assert!(
        !output.status.success(),
        "the webhook is away, and fails closed"
    );
    done(&trial(cluster, &pod("another", "kube-system", true)));
    let uninstalled = seawall
        .command()
        .args(["admission", "--uninstall", "--kubeconfig"])
        .arg(cluster.place.kubeconfig("admin"))
        .output()
        .expect("it starts");
    done(&uninstalled);
    done(&trial(cluster, bad));
    beside_gatekeeper(cluster, &mut start(&[]));
}

/// It does not fight a Gatekeeper.
fn beside_gatekeeper(cluster: &Cluster, start: &mut Command) {
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gatekeeper-validating-webhook-configuration"},
        "webhooks": [{"name": "validation.gatekeeper.sh", "sideEffects": "None",
            "failurePolicy": "Ignore", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:1/"}}]});
    done(&kubectl(cluster, &["apply", "-f", "-"], &webhook));
    let output = start.stderr(Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let told = said(&output);
    assert!(
        told.contains("Gatekeeper is at work") && told.contains("--audit-only"),
        "{told}"
    );
}

#[test]
fn the_manifest_of_admission_is_taken() {
    let options = Options {
        is_bare: true,
        ..Options::default()
    };
    let Some(cluster) = Cluster::start(&options).expect("the cluster starts") else {
        return;
    };
    namespace(
        &cluster,
        "seawall",
        &json!({"pod-security.kubernetes.io/enforce": "restricted"}),
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/admission/admission.yaml");
    let file = root.display().to_string();
    done(&kubectl(&cluster, &["apply", "-f", &file], &Value::Null));
    let output = kubectl(
        &cluster,
        &[
            "-n",
            "seawall",
            "get",
            "deployment",
            "seawall-admission",
            "-o",
            "json",
        ],
        &Value::Null,
    );
    let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(made["spec"]["replicas"], 2);
    let container = &made["spec"]["template"]["spec"]["containers"][0]["securityContext"];
    assert_eq!(container["readOnlyRootFilesystem"], true);
}
