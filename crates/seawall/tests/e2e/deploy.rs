//! What is in `deploy/`: taken by a real API server and by systemd, and
//! asking for no more than it says why.

use std::{path::Path, process::Command, thread, time::Duration};

use serde_json::{Value, json};
use testkit::{
    cluster::{Cluster, Options},
    service::program,
};

/// What the sensor may do beyond any process; its guide has the reasons.
const CAPABILITIES: [&str; 6] = [
    "BPF",
    "PERFMON",
    "NET_ADMIN",
    "SYS_PTRACE",
    "DAC_READ_SEARCH",
    "KILL",
];

fn deploy(file: &str) -> String {
    format!("{}/../../deploy/sensor/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn kubectl(cluster: &Cluster, arguments: &[&str]) -> Value {
    let output = cluster
        .kubectl("admin")
        .args(arguments)
        .output()
        .expect("kubectl starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn the_manifest_is_taken_and_asks_for_little() {
    let Some(cluster) = Cluster::start(&Options::default()).expect("the cluster starts") else {
        return;
    };
    kubectl(&cluster, &["apply", "-f", &deploy("daemonset.yaml")]);
    let set = kubectl(
        &cluster,
        &[
            "get",
            "daemonset",
            "-n",
            "seawall",
            "seawall-sensor",
            "-o",
            "json",
        ],
    );
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    for share in ["hostNetwork", "hostIPC"] {
        assert_ne!(pod[share], true, "{share}");
    }
    let own = &pod["containers"][0]["securityContext"];
    assert_ne!(own["privileged"], true);
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(own["capabilities"]["add"], json!(CAPABILITIES));
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    for volume in list(&pod["volumes"]) {
        let Some(path) = volume["hostPath"]["path"].as_str() else {
            continue;
        };
        for mount in list(&pod["containers"][0]["volumeMounts"]) {
            if mount["name"] == volume["name"] {
                let is_own = path == "/var/lib/seawall-sensor";
                assert!(is_own || mount["readOnly"] == true, "{path} may be written");
            }
        }
    }
    // Admission lets its pods in, and one is placed on every node.
    let nodes = list(&kubectl(&cluster, &["get", "nodes", "-o", "json"])["items"]).len();
    for _ in 0..300 {
        let pods = kubectl(&cluster, &["get", "pods", "-n", "seawall", "-o", "json"]);
        let placed = list(&pods["items"]);
        let placed = placed
            .iter()
            .filter(|pod| pod["spec"]["nodeName"].is_string());
        if nodes > 0 && placed.count() == nodes {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("not one pod on each of {nodes} nodes");
}

#[test]
fn the_unit_is_taken_and_confines_what_it_starts() {
    let Some(analyze) = program("systemd-analyze") else {
        return;
    };
    let text = std::fs::read_to_string(deploy("seawall-sensor.service")).expect("the unit is read");
    for capability in text
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="))
        .expect("it bounds its capabilities")
        .split(' ')
    {
        let name = capability.trim_start_matches("CAP_");
        assert!(CAPABILITIES.contains(&name), "{capability} has no reason");
    }
    // The program need not be installed where this runs.
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("seawall-sensor.service");
    std::fs::write(&unit, text.replace("/usr/bin/seawall-sensor", "/bin/true"))
        .expect("the unit is written");
    let run = |arguments: &[&str], unit: &Path| {
        let output = Command::new(&analyze)
            .args(arguments)
            .arg(unit)
            .output()
            .expect("systemd-analyze starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    };
    let (is_well, said) = run(&["verify", "--man=no"], &unit);
    assert!(
        is_well && !said.contains("seawall-sensor.service:"),
        "{said}"
    );
    let (is_well, said) = run(&["security", "--offline=yes", "--threshold=35"], &unit);
    if said.contains("unrecognized option") {
        testkit::skipped("systemd-analyze is too old to judge a unit that is not loaded");
        return;
    }
    assert!(is_well, "{said}");
    println!("measured: {}", said.lines().last().unwrap_or_default());
}
