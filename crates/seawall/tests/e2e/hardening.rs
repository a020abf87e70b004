//! A cluster with planted faults in front of a real API server, and its
//! twin without them: each fault is found, and the twin is quiet.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::Stdio,
};

use serde_json::{Value, json};
use testkit::{
    Image, Layer,
    cluster::{Cluster, Options},
    hardening::{Planted, bad, images, key, twin},
};

use crate::{admission::until, posture::Running, program::Seawall, server::Server};

/// What scans said of images is the server's to know: a connector beside
/// one tells what these find.
const OF_IMAGES: [&str; 2] = ["pods-images-not-vulnerable", "pods-images-scanned"];

/// Says that what the vulnerable image has in it is critical, and mended
/// since.
const ADVISORY: &str = r#"{"schema_version": "1.6.0", "id": "GHSA-aaaa-bbbb-cccc",
  "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2024-99999"], "summary": "Pads too much",
  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
  "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"},
    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]}]}]}"#;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Objects of the real cluster, at least.
const SEEDED: usize = 150;

type Found = BTreeMap<String, BTreeSet<String>>;

/// A server that knows the images: what is scanned was handed in, and the
/// others run in a cluster of whose images nobody read any.
fn server_of_images(seawall: &Seawall) -> Server {
    let advisory = seawall.folder().join("advisory.json");
    std::fs::write(&advisory, ADVISORY).expect("the advisory is written");
    seawall.import(&[advisory]);
    let server = Server::start(seawall);
    let bearer = format!("authorization: Bearer {}", server.token("ingest"));
    let tell = |path: &str, body: &Value| {
        let body = body.to_string();
        let (head, told) = server.ask_as("POST", path, &bearer, body.as_bytes());
        assert!(head.starts_with("HTTP/1.1 2"), "{path}: {head}\n{told}");
    };
    let hand_in = |image: Image, tag: &str, digest: &str| {
        let archive = seawall.folder().join("image.tar");
        image.tag(tag).write_docker_archive(&archive);
        let mut report = seawall.scan(&[], &format!("archive:{}", archive.display()));
        let findings = report.findings.len();
        // As it is called where it was pushed.
        let image = report.sbom.image.as_mut().expect("an archive has an image");
        image.manifest = Some(digest.parse().expect("a digest"));
        tell("/api/v1/reports", &json!({"report": report}));
        findings
    };
    let mut running = Vec::new();
    for (name, state) in images() {
        let (repository, digest) = name.split_once('@').expect("images are named by digest");
        if state["scanned"] == true {
            let found = hand_in(Image::example(), &format!("{repository}:1"), digest);
            assert!(found > 0, "nothing is wrong with it");
        } else {
            running.push(json!({"name": "web", "image": name, "image_id": name,
                "id": format!("containerd://{}", "c0ffee".repeat(10)), "running": true}));
        }
    }
    // What everything else runs: what is quiet about it knows it.
    let sound = Image::new().layer("COPY web /web # buildkit", Layer::new().file("web", "web"));
    let digest = format!("sha256:{}", "a".repeat(64));
    assert_eq!(hand_in(sound, "registry.example/web:1.4", &digest), 0);
    let pod = json!({"key": {"kind": "Pod", "namespace": "web", "name": "web"}, "version": "v1",
        "pod": {"node": "n1", "phase": "Running", "containers": running}});
    let batch = json!({"session": "a", "number": 1, "completes": true, "objects": [pod]});
    tell("/api/v1/clusters/elsewhere/objects", &batch);
    server
}

/// Adds what a connector beside the server finds of images, once it told
/// everything, and everything that is `wanted` is among it.
fn beside(
    seawall: &Seawall,
    server: &Server,
    cluster: &Cluster,
    name: &str,
    wanted: &[(String, &str)],
    found: &mut Found,
) {
    let token = seawall.folder().join("token");
    std::fs::write(&token, server.token("ingest")).expect("the token is written");
    let mut command = seawall.command();
    command
        .args(["connector", "--cluster", name, "--server", &server.url()])
        .arg("--token-file")
        .arg(token)
        .arg("--kubeconfig")
        .arg(cluster.place.kubeconfig("admin"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _connector = Running(command.spawn().expect("the connector starts"));
    until("everything is told", || {
        let clusters = server.get("/api/v1/clusters");
        let all = clusters.as_array().into_iter().flatten();
        let mut own = all.filter(|one| one["cluster"] == name);
        own.next().is_some_and(|one| {
            let status = &one["posture"]["status"];
            status["synced"] == true && status["to_judge"] == 0 && status["to_send"] == 0
        })
    });
    // What is known of images may come a moment after the policies.
    until("what scans said is found", || {
        for policy in OF_IMAGES {
            let asked = format!("rule:{policy}%20cluster:{name}");
            let page = server.get(&format!("/api/v1/findings?limit=200&q={asked}"));
            for finding in page["items"].as_array().into_iter().flatten() {
                let asset = &finding["asset"];
                let object = json!({"kind": "Deployment", "metadata": {
                    "name": asset["workload"], "namespace": asset["namespace"]}});
                let said = found.entry(key(&object)).or_default();
                said.insert(policy.to_owned());
            }
        }
        let has = |(place, policy): &(String, &str)| {
            found.get(place).is_some_and(|said| said.contains(*policy))
        };
        wanted.iter().all(has)
    });
}

/// Makes the objects, and says what is found of each. Nothing where the
/// cluster cannot be had.
fn assess(planted: &[Planted], name: &str, seawall: &Seawall, server: &Server) -> Option<Found> {
    let options = Options {
        nodes: 0,
        is_bare: true,
        ..Options::default()
    };
    let cluster = Cluster::start(&options).expect("the cluster starts")?;
    let objects: Vec<&Value> = planted
        .iter()
        .filter(|one| one.real)
        .map(|one| &one.object)
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let mut child = cluster
        .kubectl("admin")
        .args([
            "apply",
            "--server-side",
            "--force-conflicts",
            "--validate=false",
            "-f",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(list.to_string().as_bytes()).ok();
    drop(pipe);
    let made = child.wait_with_output().expect("kubectl ends");
    let refused: Vec<String> = String::from_utf8_lossy(&made.stderr)
        .lines()
        .filter(|line| !line.contains("Warning"))
        .map(str::to_owned)
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    settle(&cluster, &objects);
    let output = seawall
        .command()
        .args(["connector", "--once", "--format", "json", "--kubeconfig"])
        .arg(cluster.place.kubeconfig("admin"))
        .output()
        .expect("the command starts");
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut found = Found::new();
    for item in told["items"].as_array().into_iter().flatten() {
        let object = json!({"kind": item["object"]["kind"],
            "metadata": {"name": item["object"]["name"], "namespace": item["object"]["namespace"]}});
        let said = found.entry(key(&object)).or_default();
        for violation in item["violations"].as_array().into_iter().flatten() {
            // Ours are named by their policy.
            said.insert(violation["constraint"].as_str().unwrap_or("?").to_owned());
        }
    }
    let of_images = |one: &Planted| {
        let place = key(&one.object);
        let asked = OF_IMAGES.iter().copied();
        let wanted = asked.filter(|policy| one.policies.iter().any(|known| known == policy));
        wanted
            .map(|policy| (place.clone(), policy))
            .collect::<Vec<_>>()
    };
    let wanted: Vec<_> = planted
        .iter()
        .filter(|one| one.real)
        .flat_map(of_images)
        .collect();
    beside(seawall, server, &cluster, name, &wanted, &mut found);
    Some(found)
}

/// Brings about what making objects does not.
fn settle(cluster: &Cluster, objects: &[&Value]) {
    let kubectl = |arguments: &[&str]| {
        let output = cluster.kubectl("admin").args(arguments).output();
        let output = output.expect("kubectl starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    for object in objects {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
        let (Some(kind), Some(name)) = (text("/kind"), text("/metadata/name")) else {
            continue;
        };
        let namespace = text("/metadata/namespace").unwrap_or("default");
        // kubectl writes its own over it.
        if let Some(applied) = object["metadata"]["annotations"][LAST_APPLIED].as_str() {
            let note = format!("{LAST_APPLIED}={applied}");
            let change = ["annotate", "--overwrite", kind, name, &note];
            kubectl(&[&["-n", namespace], change.as_slice()].concat());
        }
        // Tokens are made a moment later, and whose they are is written then.
        if text("/type") == Some("kubernetes.io/service-account-token") {
            until("a token is made", || {
                let asked = ["-n", namespace, "get", kind, name, "-o", "json"];
                let secret: Value = serde_json::from_slice(&kubectl(&asked)).expect("JSON");
                let notes = &secret["metadata"]["annotations"];
                notes["kubernetes.io/service-account.uid"].is_string()
            });
        }
    }
}

#[test]
fn each_planted_fault_is_found_and_the_twin_is_quiet() {
    let planted = bad().expect("the plants are read");
    let seawall = Seawall::new();
    let server = server_of_images(&seawall);
    let Some(found) = assess(&planted, "bad", &seawall, &server) else {
        return;
    };
    let none = BTreeSet::new();
    let mut faults = Vec::new();
    let (mut objects, mut seen) = (0, 0);
    for one in planted.iter().filter(|one| one.real) {
        objects += 1;
        let place = key(&one.object);
        let told = found.get(&place).unwrap_or(&none);
        for policy in told.iter().filter(|known| !one.policies.contains(known)) {
            faults.push(format!("{place}: nobody planted {policy}"));
        }
        for policy in &one.policies {
            if told.contains(policy) {
                seen += 1;
            } else {
                faults.push(format!("{place}: {policy} does not find it"));
            }
        }
    }
    let quiet = twin().expect("the twin is read");
    let Some(found) = assess(&quiet, "twin", &seawall, &server) else {
        return;
    };
    for one in quiet.iter().filter(|one| one.real) {
        if let Some(told) = found.get(&key(&one.object)) {
            faults.push(format!("{} of the twin: {told:?}", key(&one.object)));
        }
    }
    assert!(
        objects >= SEEDED,
        "only {objects} objects in a real cluster"
    );
    println!("{objects} objects in a real cluster, {seen} planted faults found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
