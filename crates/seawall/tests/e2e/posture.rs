//! The connector beside a real API server and a real server of ours: what
//! is wrong is found at once and resolved once it is mended, whoever is
//! away meanwhile; and a cluster assessed without any server.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    cluster::{Options, Place, build},
    skipped,
};

use crate::{program::Seawall, server::Server};

/// How long a finding may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(50);

/// A cluster that can go away and come back.
struct Away {
    place: Place,
    binary: PathBuf,
    options: Options,
    _folder: TempDir,
}

impl Away {
    fn start() -> Option<Self> {
        let binary = build::built().expect("the program's place is known")?;
        let folder = tempfile::Builder::new()
            .prefix("seawall-posture-")
            .tempdir()
            .expect("a folder for the cluster");
        let cluster = Self {
            place: Place::new(folder.path()),
            binary,
            options: Options {
                nodes: 1,
                is_bare: true,
                ..Options::default()
            },
            _folder: folder,
        };
        cluster.up();
        Some(cluster)
    }

    fn up(&self) {
        self.place
            .up(&self.binary, &self.options)
            .expect("the cluster starts");
    }

    fn down(&self) {
        self.place.down().expect("the cluster ends");
    }

    fn kubectl(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.place.kubectl(&self.binary, "admin");
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("the input is a pipe");
        stdin.write_all(input.as_bytes()).expect("kubectl reads");
        drop(stdin);
        child.wait_with_output().expect("kubectl ends")
    }

    fn apply(&self, manifest: &str) {
        let done = self.kubectl(&["apply", "-f", "-"], manifest);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.place.down().ok();
    }
}

/// A program that ends with its test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn deployment(name: &str, privileged: bool) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: default}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: registry.example/shop:1.4
          securityContext: {{privileged: {privileged}}}
"
    )
}

/// Findings that a workload is privileged.
fn privileged(server: &Server, workload: &str) -> u64 {
    let q = format!("kind:misconfiguration%20rule:pods-not-privileged%20workload:{workload}");
    let page = server.get(&format!("/api/v1/findings?q={q}"));
    page["total"].as_u64().unwrap_or_default()
}

/// Waits until there are so many; how long that took.
fn until(server: &Server, workload: &str, count: u64) -> Duration {
    let begun = Instant::now();
    while privileged(server, workload) != count {
        assert!(
            begun.elapsed() < PATIENCE,
            "{workload}: not {count} findings; the connector says {}",
            server
                .find("/api/v1/clusters/test/posture")
                .unwrap_or_default()
        );
        thread::sleep(LOOK);
    }
    begun.elapsed()
}

fn connector(seawall: &Seawall, cluster: &Away, server: &Server) -> Running {
    let token = seawall.folder().join("connector-token");
    std::fs::write(&token, server.token("ingest")).expect("the token is written");
    let mut command = seawall.command();
    command
        .args(["connector", "--cluster", "test", "--server", &server.url()])
        .arg("--kubeconfig")
        .arg(cluster.place.kubeconfig("admin"))
        .arg("--token-file")
        .arg(token)
        .arg("--status-file")
        .arg(seawall.folder().join("status.json"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Running(command.spawn().expect("the connector starts"))
}

fn has_policies() -> bool {
    let has = !policy::bundle().is_empty();
    if !has {
        skipped("there are no policies to judge by");
    }
    has
}

#[test]
fn what_is_wrong_is_found_and_resolved_whoever_was_away() {
    if !has_policies() {
        return;
    }
    let Some(cluster) = Away::start() else { return };
    cluster.apply(&deployment("first", true));
    cluster.apply(&deployment("sound", false));
    let seawall = Seawall::new();
    let mut server = Server::start(&seawall);
    let _connector = connector(&seawall, &cluster, &server);
    let cold = until(&server, "first", 1);
    assert_eq!(privileged(&server, "sound"), 0);

    cluster.apply(&deployment("second", true));
    let found = until(&server, "second", 1);
    cluster.apply(&deployment("second", false));
    let mended = until(&server, "second", 0);
    println!(
        "measured: first picture {cold:?}, change to finding {found:?}, mend to resolved {mended:?}"
    );

    // The API server goes, and comes back with another history: watches
    // begin anew.
    cluster.down();
    cluster.up();
    cluster.apply(&deployment("third", true));
    cluster.kubectl(&["delete", "deployment", "first"], "");
    println!(
        "measured: after the API server came back {:?}",
        until(&server, "third", 1)
    );
    until(&server, "first", 0);

    // Ours is killed, and the cluster changes meanwhile.
    server.kill();
    cluster.apply(&deployment("third", false));
    cluster.apply(&deployment("fourth", true));
    server.restart(&seawall);
    println!(
        "measured: after our server came back {:?}",
        until(&server, "fourth", 1)
    );
    until(&server, "third", 0);

    pictured(&server);
}

/// What the record shows of the cluster by then.
fn pictured(server: &Server) {
    let clusters = server.get("/api/v1/clusters");
    let test = &clusters[0];
    assert_eq!(test["cluster"], "test", "{clusters}");
    let posture = &test["posture"];
    assert_eq!(posture["status"]["synced"], true, "{posture}");
    assert_eq!(posture["nodes"], 1, "{posture}");
    let page = server.get("/api/v1/clusters/test/workloads?namespace=default&q=fourth");
    assert_eq!(page["total"], 1, "{page}");
    let workload = &page["items"][0];
    assert_eq!(workload["key"]["kind"], "Deployment");
    let id = workload["id"].as_str().expect("a workload has an id");
    let detail = server.get(&format!("/api/v1/clusters/test/workloads/{id}"));
    let rules: Vec<&str> = detail["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    assert!(rules.contains(&"pods-not-privileged"), "{rules:?}");
    assert_eq!(detail["images"][0]["name"], "registry.example/shop:1.4");
    assert_eq!(detail["service_account"]["name"], "default");
    let object = server.get(&format!("/api/v1/clusters/test/objects/{id}"));
    assert_eq!(object["body"]["kind"], "Deployment");
    // The score is counted anew a moment after.
    let begun = Instant::now();
    loop {
        let standing = server.get("/api/v1/recommendations/pods-not-privileged");
        let count = |what: &str| standing["recommendation"][what].as_u64();
        if count("affected") == Some(1) && count("assessed") >= Some(3) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{standing}");
        thread::sleep(LOOK);
    }
}

fn once(seawall: &Seawall, kubeconfig: &PathBuf, arguments: &[&str]) -> Output {
    let mut command: Command = seawall.command();
    command
        .args(["connector", "--once", "--kubeconfig"])
        .arg(kubeconfig)
        .args(arguments)
        .output()
        .expect("the command starts")
}

/// The kind of providers, as its owners define it, as far as it matters.
const PROVIDERS: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: providers.externaldata.gatekeeper.sh}
spec:
  group: externaldata.gatekeeper.sh
  names: {kind: Provider, plural: providers, singular: provider, listKind: ProviderList}
  scope: Cluster
  versions:
    - name: v1beta1
      served: true
      storage: true
      schema:
        openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

/// Asks the provider `teams` whose a deployment is.
const ASKS: &str = r#"apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: hasteam}
spec:
  crd: {spec: {names: {kind: HasTeam}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package hasteam
        violation[{"msg": msg}] {
          name := input.review.object.metadata.name
          said := external_data({"provider": "teams", "keys": [name]})
          said.system_error != ""
          msg := sprintf("nobody says whose %v is: %v", [name, said.system_error])
        }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: HasTeam
metadata: {name: has-team}
spec: {match: {kinds: [{apiGroups: [apps], kinds: [Deployment]}]}}
"#;

/// A provider of the cluster is known by the rights of the manifest, and
/// one that nobody reaches is told of.
fn providers_are_seen(seawall: &Seawall, cluster: &Away, account: &PathBuf) {
    cluster.apply(PROVIDERS);
    let asked = ["wait", "--for=condition=established", "--timeout=60s"];
    let kind = "customresourcedefinition/providers.externaldata.gatekeeper.sh";
    let waited = cluster.kubectl(&[&asked[..], &[kind]].concat(), "");
    let said = String::from_utf8_lossy(&waited.stderr);
    assert!(waited.status.success(), "{said}");
    let authority = testkit::authority::Authority::new("providers");
    let port = testkit::service::spare_port();
    let provider = serde_json::json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "Provider", "metadata": {"name": "teams"},
        "spec": {"url": format!("https://127.0.0.1:{port}/"),
            "caBundle": authority.bundle()}});
    cluster.apply(&provider.to_string());
    let policies = seawall.folder().join("asks.yaml");
    std::fs::write(&policies, ASKS).expect("the policy is written");
    let policies = policies.to_str().expect("a path of ours");
    let judged = |arguments: &[&str]| -> (Option<i32>, Value) {
        let common = ["--format", "json", "--policies", policies];
        let done = once(seawall, account, &[&common[..], arguments].concat());
        let told: Value = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&done.stderr)));
        (done.status.code(), told)
    };
    let said = |told: &Value| -> String {
        let text = told["items"][0]["violations"][0]["message"].as_str();
        text.unwrap_or_else(|| panic!("{told:#}")).to_owned()
    };
    let (code, off) = judged(&[]);
    assert!(said(&off).contains("external data is off"), "{off:#}");
    assert_eq!((code, &off["problems"]), (Some(0), &serde_json::json!([])));
    let (code, on) = judged(&["--external-data"]);
    let unreached = format!("reach https://127.0.0.1:{port}/");
    assert!(said(&on).contains(&unreached), "{on:#}");
    let problems = on["problems"].as_array().map_or(&[][..], Vec::as_slice);
    let [problem] = problems else {
        panic!("{on:#}");
    };
    assert_eq!(problem["about"], "Provider/teams");
    let message = problem["message"].as_str().unwrap_or_default();
    assert!(message.contains(&unreached), "{message}");
    assert_eq!(code, Some(4), "told as part of the whole");
}

#[test]
fn a_cluster_is_assessed_once_with_no_more_than_the_manifest_grants() {
    if !has_policies() {
        return;
    }
    let Some(cluster) = Away::start() else { return };
    cluster.apply(&deployment("bad", true));
    let manifest = format!(
        "{}/../../deploy/connector/connector.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let applied = cluster.kubectl(&["apply", "-f", &manifest], "");
    let said = String::from_utf8_lossy(&applied.stderr);
    assert!(applied.status.success(), "{said}");
    let token = cluster.kubectl(
        &["create", "token", "-n", "seawall", "seawall-connector"],
        "",
    );
    let token = String::from_utf8_lossy(&token.stdout).trim().to_owned();
    // The administrator's file, with the account's token.
    let admin = std::fs::read_to_string(cluster.place.kubeconfig("admin"))
        .expect("the kubeconfig is there");
    let mut config: Value = serde_norway::from_str(&admin).expect("a kubeconfig is YAML");
    config["users"][0]["user"] = serde_json::json!({"token": token});
    let seawall = Seawall::new();
    let account = seawall.folder().join("account.yaml");
    std::fs::write(&account, config.to_string()).expect("the kubeconfig is written");

    let done = once(&seawall, &account, &["--format", "json"]);
    let said = String::from_utf8_lossy(&done.stderr);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
        panic!("{error}: {said}");
    });
    assert_eq!(told["problems"], serde_json::json!([]), "{said}");
    assert_eq!(done.status.code(), Some(0), "{said}");
    let bad = told["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|item| item["object"]["name"] == "bad" && item["object"]["kind"] == "Deployment");
    assert!(bad.is_some(), "{told:#}");

    providers_are_seen(&seawall, &cluster, &account);

    let gate = once(&seawall, &account, &["--fail-on", "high"]);
    assert_eq!(gate.status.code(), Some(1));
    println!("{}", String::from_utf8_lossy(&gate.stdout));

    // Somebody without rights is told which are missing.
    let outsider = cluster.place.kubeconfig("outsider");
    let done = once(&seawall, &outsider, &[]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_ne!(done.status.code(), Some(0), "{said}");
}
