//! A cluster filled with pods: real controllers make those of
//! deployments, others are made by nothing, and kwok says of all that
//! they run.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{
    cluster::{Cluster, Options, Place, build},
    line::Line,
    skipped,
};

use super::size::Ended;

/// What the cluster is called at the server.
pub(super) const CLUSTER: &str = "large";
/// The namespace of pods that are changed, and how many they are.
pub(super) const NAMESPACE: &str = "flip";
pub(super) const FLIPS: u32 = 200;
/// The policy they hold or break.
pub(super) const FLIPPED: &str = "pods-images-not-latest";

const NAMESPACES: u32 = 25;
/// Pods of one deployment.
const COPIES: u32 = 20;
/// Pods of one node, roughly.
const ON_A_NODE: u32 = 100;
const TEMPLATES: u32 = 100;
const WRITERS: u32 = 6;
const PATIENCE: Duration = Duration::from_mins(30);

/// What kwok says of a pod: as a kubelet's words, containers with their
/// ids among them.
const STAGES: &str = r#"
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-runs}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
      - {key: .status.podIP, operator: DoesNotExist}
  next:
    statusTemplate: |
      {{ $now := Now }}
      {{ $uid := .metadata.uid }}
      phase: Running
      startTime: {{ $now | Quote }}
      hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
      podIP: {{ PodIPWith .spec.nodeName false $uid .metadata.name .metadata.namespace | Quote }}
      conditions:
      {{ range $type := list "Initialized" "PodScheduled" "ContainersReady" "Ready" }}
      - {type: {{ $type }}, status: "True", lastTransitionTime: {{ $now | Quote }}}
      {{ end }}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}
        imageID: {{ printf "registry.example/by-digest@sha256:%s" (sha256sum .image) | Quote }}
        containerID: {{ printf "containerd://%s" (sha256sum (printf "%s/%s" $uid .name)) | Quote }}
        ready: true
        started: true
        restartCount: 0
        state: {running: {startedAt: {{ $now | Quote }}}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-ends}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - {key: .metadata.deletionTimestamp, operator: Exists}
  next:
    finalizers: {empty: true}
    delete: true
"#;

/// How much is wanted.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) pods: u32,
    /// Of them, made by nothing.
    pub(super) naked: u32,
}

impl Size {
    fn deployments(self) -> u32 {
        (self.pods - self.naked) / COPIES
    }

    fn nodes(self) -> u32 {
        self.pods.div_ceil(ON_A_NODE)
    }
}

/// Ends with the test, or stays for the next one.
enum Kept {
    Ours(Box<Cluster>),
    Stays(Place),
}

/// A cluster that is full, and what is wrong in it.
pub(super) struct Filled {
    kept: Kept,
    /// Where kubectl hands requests on.
    address: String,
    /// How many findings each query is to have.
    pub(super) expected: Vec<(String, u64)>,
    _kubectl: Ended,
    _kwok: Option<Ended>,
}

impl Filled {
    /// `None`, after saying so, where a part is missing.
    pub(super) fn cluster(size: Size) -> Option<Self> {
        let binary = build::built().expect("the program's place is known")?;
        let Some(kwok) = kwok() else {
            skipped(
                "kwok is missing: go install sigs.k8s.io/kwok/cmd/kwok@v0.7.0, and SEAWALL_KWOK",
            );
            return None;
        };
        let options = Options {
            nodes: 0,
            is_bare: true,
            ..Options::default()
        };
        let kept = match std::env::var_os("SEAWALL_POSTURE_PLACE") {
            Some(folder) => {
                let place = Place::new(PathBuf::from(folder));
                if !place.is_ready() {
                    place.up(&binary, &options).expect("the cluster starts");
                }
                Kept::Stays(place)
            }
            None => Kept::Ours(Box::new(
                Cluster::start(&options).expect("the cluster starts")?,
            )),
        };
        let place = match &kept {
            Kept::Ours(cluster) => &cluster.place,
            Kept::Stays(place) => place,
        };
        let kwok = run(&kwok, place, matches!(kept, Kept::Stays(_)));
        let (kubectl, address) = proxy(&binary, place);
        let filled = Self {
            address,
            expected: expected(size),
            _kubectl: kubectl,
            _kwok: kwok,
            kept,
        };
        filled.fill(size);
        Some(filled)
    }

    fn place(&self) -> &Place {
        match &self.kept {
            Kept::Ours(cluster) => &cluster.place,
            Kept::Stays(place) => place,
        }
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.place().kubeconfig("admin")
    }

    /// A connection of the administrator's to the API server.
    pub(super) fn line(&self) -> Line {
        Line::to(&self.address)
    }

    fn fill(&self, size: Size) {
        let mark = self.place().folder().join("filled");
        let whole = format!("{} {}", size.pods, size.naked);
        match std::fs::read_to_string(&mark) {
            Ok(known) if known == whole => return,
            Ok(known) => panic!("the cluster is filled otherwise: {known}, not {whole}"),
            Err(_) => {}
        }
        let begun = Instant::now();
        let namespaces = (0..NAMESPACES).map(team).chain([NAMESPACE.to_owned()]);
        let namespaces: Vec<_> = namespaces
            .map(|name| ("/api/v1/namespaces".to_owned(), namespace(&name)))
            .collect();
        self.make(&namespaces);
        let nodes = (0..size.nodes()).map(|number| ("/api/v1/nodes".to_owned(), node(number)));
        self.make(&nodes.collect::<Vec<_>>());
        let deployments = (0..size.deployments()).flat_map(|number| {
            let namespace = team(number % NAMESPACES);
            [
                (
                    format!("/api/v1/namespaces/{namespace}/services"),
                    service(number, &namespace),
                ),
                (
                    format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
                    deployment(number, &namespace),
                ),
            ]
        });
        self.make(&deployments.collect::<Vec<_>>());
        let naked = (0..size.naked).map(|number| {
            let is_flip = number < FLIPS;
            let namespace = if is_flip {
                NAMESPACE.to_owned()
            } else {
                team(number % NAMESPACES)
            };
            let node = node_name(number % size.nodes());
            (
                format!("/api/v1/namespaces/{namespace}/pods"),
                pod(number, &namespace, &node),
            )
        });
        self.make(&naked.collect::<Vec<_>>());
        println!("made in {:.0?}; waiting until all run", begun.elapsed());
        self.wait_for_pods(size.pods);
        println!("filled in {:.0?}", begun.elapsed());
        std::fs::write(mark, whole).expect("it is noted that the cluster is full");
    }

    fn make(&self, objects: &[(String, Value)]) {
        let next = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    let mut line = self.line();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed) as usize;
                        let Some((path, object)) = objects.get(number) else {
                            return;
                        };
                        let (status, body) = line
                            .ask("POST", path, &[], &object.to_string())
                            .expect("the API server answers");
                        // What an interrupted run made is there already.
                        assert!(matches!(status, 200..=299 | 409), "{path}: {status} {body}");
                    }
                });
            }
        });
    }

    fn wait_for_pods(&self, pods: u32) {
        let begun = Instant::now();
        let mut line = self.line();
        let accept = (
            "accept",
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
        );
        loop {
            let path = "/api/v1/pods?fieldSelector=status.phase%3DRunning&resourceVersion=0";
            let (_, body) = line
                .ask("GET", path, &[accept], "")
                .expect("the API server answers");
            let listed: Value = serde_json::from_str(&body).expect("answers are JSON");
            let running = listed["items"].as_array().map_or(0, Vec::len);
            if running == pods as usize {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{running} of {pods} pods run");
            thread::sleep(Duration::from_secs(3));
        }
    }
}

fn kwok() -> Option<PathBuf> {
    let named = std::env::var_os("SEAWALL_KWOK").map(PathBuf::from);
    named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        let mut found = std::env::split_paths(&path).map(|folder| folder.join("kwok"));
        found.find(|file| file.exists())
    })
}

/// Starts kwok; where it is to stay, unless it runs already.
fn run(program: &Path, place: &Place, stays: bool) -> Option<Ended> {
    let folder = place.folder();
    let config = folder.join("kwok.yaml");
    let number = folder.join("kwok.pid");
    if let Ok(known) = std::fs::read_to_string(&number) {
        let arguments = std::fs::read(format!("/proc/{known}/cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments);
        if folder
            .to_str()
            .is_some_and(|folder| arguments.contains(folder))
        {
            return None;
        }
    }
    std::fs::write(&config, STAGES).expect("kwok's stages are written");
    let log = File::create(folder.join("kwok.log")).expect("a log");
    let mut command = Command::new(program);
    command
        .arg(format!(
            "--kubeconfig={}",
            place.kubeconfig("admin").display()
        ))
        .arg(format!("--config={}", config.display()))
        .args([
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
        ])
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    if stays {
        command.process_group(0);
    }
    #[expect(clippy::zombie_processes, reason = "it is to stay when this ends")]
    let child = command.spawn().expect("kwok starts");
    if stays {
        std::fs::write(number, child.id().to_string()).expect("kwok's number is noted");
        return None;
    }
    Some(Ended(child))
}

/// Requests on a connection that is kept, without a certificate for each.
fn proxy(binary: &Path, place: &Place) -> (Ended, String) {
    let mut child = place
        .kubectl(binary, "admin")
        .args(["proxy", "--port=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("kubectl starts");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let said = out.lines().map_while(Result::ok).next();
    let address = said.and_then(|line| Some(line.rsplit_once(' ')?.1.to_owned()));
    (
        Ended(child),
        address.expect("kubectl says where it listens"),
    )
}

fn team(number: u32) -> String {
    format!("team-{number}")
}

fn node_name(number: u32) -> String {
    format!("large-{number}")
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn node(number: u32) -> Value {
    let name = node_name(number);
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64"}}})
}

fn service(number: u32, namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("web-{number}"), "namespace": namespace},
        "spec": {"selector": {"app": format!("web-{number}")},
            "ports": [{"port": 80, "targetPort": 8080}]}})
}

fn is_privileged(number: u32) -> bool {
    (number % TEMPLATES).is_multiple_of(17)
}

fn is_latest(number: u32) -> bool {
    number >= FLIPS && (number % TEMPLATES).is_multiple_of(13)
}

/// One of a hundred sorts of pods: some as they should be, most with
/// something amiss.
fn spec(number: u32) -> Value {
    let template = number % TEMPLATES;
    let container = |index: u32| {
        let tag = match (index, is_latest(number)) {
            (0, true) => "latest".to_owned(),
            _ => format!("1.{template}"),
        };
        json!({"name": format!("c{index}"),
            "image": format!("registry.example/team-{template}/service-{index}:{tag}"),
            "imagePullPolicy": "IfNotPresent",
            "command": ["/usr/bin/service", "--config", "/etc/service/config.yaml"],
            "env": (0..8).map(|env| json!({"name": format!("SETTING_{env}"),
                "value": format!("value-{env}-of-{template}")})).collect::<Vec<_>>(),
            "ports": [{"containerPort": 8080 + index, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "1m", "memory": "1Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"}},
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 10},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
            "securityContext": {"privileged": index == 0 && is_privileged(number),
                "runAsNonRoot": template.is_multiple_of(2),
                "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/service"}]})
    };
    json!({"containers": (0..2 + template % 2).map(container).collect::<Vec<_>>(),
        "volumes": [{"name": "config", "configMap": {"name": "config", "optional": true}}]})
}

fn deployment(number: u32, namespace: &str) -> Value {
    let app = json!({"app": format!("web-{number}")});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": format!("web-{number}"), "namespace": namespace, "labels": app},
        "spec": {"replicas": COPIES, "selector": {"matchLabels": app},
            "template": {"metadata": {"labels": app}, "spec": spec(number)}}})
}

fn pod(number: u32, namespace: &str, node: &str) -> Value {
    let name = if number < FLIPS {
        format!("flip-{number}")
    } else {
        format!("naked-{number}")
    };
    let mut spec = spec(number);
    spec["nodeName"] = json!(node);
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace,
            "labels": {"app": format!("naked-{}", number % TEMPLATES)},
            "annotations": {"example.org/checksum": format!("{number:064x}")}},
        "spec": spec})
}

/// What was planted, as somebody asks for it: totals are told up to ten
/// thousand, and objects are told of in the order of their namespaces.
fn expected(size: Size) -> Vec<(String, u64)> {
    let count = |is: fn(u32) -> bool| {
        let naked = (0..size.naked).filter(|number| is(*number)).count();
        let made = (0..size.deployments()).filter(|number| is(*number)).count();
        (naked + made) as u64
    };
    let last = |number: &u32| number % NAMESPACES == 9;
    let containers = |number: u32| u64::from(2 + number % TEMPLATES % 2);
    let naked = (FLIPS..size.naked).filter(last).map(containers);
    let made = (0..size.deployments()).filter(last).map(containers);
    let asked = |query: &str, many| (format!("kind:misconfiguration {query}"), many);
    vec![
        asked("rule:pods-not-naked", u64::from(size.naked)),
        asked("rule:pods-not-privileged", count(is_privileged)),
        asked(
            "rule:pods-images-by-digest namespace:team-9",
            naked.sum::<u64>() + made.sum::<u64>(),
        ),
    ]
}
