//! A real control plane on this machine, looked at as a node job does:
//! its own processes alone, since others may run beside it.

use std::{path::Path, process::Command};

use policy::{Verdict, facts::FileRole, node};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Options};

#[test]
fn a_real_control_plane_is_looked_at_and_takes_the_manifest() {
    let Some(cluster) = Cluster::start(&Options::default()).expect("the cluster starts") else {
        return;
    };
    judged_by_its_processes(&cluster);
    takes_the_manifest(&cluster);
}

fn judged_by_its_processes(cluster: &Cluster) {
    let folder = cluster.place.folder().display().to_string();
    let own = |_: u32, words: &[String]| words.iter().any(|word| word.contains(&folder));
    let (facts, _) = host::node::look(Path::new("/"), "here", &own);
    let mut components: Vec<&str> = facts
        .processes
        .iter()
        .map(|process| process.component.as_str())
        .collect();
    components.sort_unstable();
    assert_eq!(
        components,
        [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler"
        ]
    );
    let judged = |id: &str| node::check(id).expect("a check").judge(&facts);
    // As testkit/cluster/up.go starts them.
    for (id, is_affected) in [
        ("node-apiserver-rbac", false),
        ("node-apiserver-token-auth-file", false),
        ("node-apiserver-client-authority", false),
        ("node-apiserver-profiling", true),
        ("node-apiserver-audit-log", true),
        ("node-apiserver-encryption-configured", true),
        ("node-scheduler-bind-address", false),
        ("node-scheduler-profiling", true),
        ("node-etcd-certificate", true),
        ("node-etcd-no-auto-tls", false),
    ] {
        assert_eq!(
            judged(id).is_affected(),
            is_affected,
            "{id}: {:?}",
            judged(id)
        );
        assert_ne!(judged(id), Verdict::NotApplicable, "{id}");
    }
    for id in ["node-kubelet-anonymous-auth", "node-proxy-metrics"] {
        assert_eq!(judged(id), Verdict::NotApplicable, "{id}: no such process");
    }
    let data = facts
        .files
        .iter()
        .find(|file| file.role == FileRole::EtcdData);
    assert!(
        data.is_some_and(|file| file.path.starts_with(&folder)),
        "found by --data-dir: {data:?}"
    );
}

/// It asks for less than root.
fn takes_the_manifest(cluster: &Cluster) {
    let file = format!(
        "{}/../../deploy/node/daemonset.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let kubectl = |arguments: &[&str]| -> Value {
        let output = cluster.kubectl("admin").args(arguments).output();
        let output = output.expect("kubectl starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    };
    kubectl(&["apply", "-f", &file]);
    let set = kubectl(&[
        "get",
        "daemonset",
        "-n",
        "seawall",
        "seawall-node",
        "-o",
        "json",
    ]);
    let pod = &set["spec"]["template"]["spec"];
    for share in ["hostNetwork", "hostIPC", "hostPID"] {
        assert_ne!(pod[share], true, "{share}");
    }
    assert_eq!(pod["automountServiceAccountToken"], false);
    let container = &pod["containers"][0];
    let own = &container["securityContext"];
    assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}));
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    for mount in container["volumeMounts"].as_array().expect("mounts") {
        assert_eq!(mount["readOnly"], true, "{mount}");
    }
    // Its command line is one the program knows.
    let arguments: Vec<&str> = container["args"]
        .as_array()
        .expect("arguments")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let help = Command::new(env!("CARGO_BIN_EXE_seawall"))
        .args(["node", "assess", "--help"])
        .output()
        .expect("it starts");
    let help = String::from_utf8_lossy(&help.stdout);
    for flag in arguments.iter().filter_map(|word| word.strip_prefix("--")) {
        let name = flag.split('=').next().unwrap_or(flag);
        assert!(help.contains(&format!("--{name}")), "{name}");
    }
}
