//! Two replicas of admission behind one address, in front of a real API
//! server, failing closed: one leaves, one dies and certificates are
//! renewed while objects are made; then the API server goes and comes
//! back. Nothing goes through unjudged, and what is sound is refused by
//! nobody but an API server that did not reach a replica.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fetch::{Client, Settings, Trust, Url};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Options};

use crate::{
    admission::{
        Admission, DAY_BEFORE, done, kubectl, namespace, pod, refusing, said, set, trial, until,
    },
    program::Seawall,
    server::Server,
};

/// Requests at once.
const AT_ONCE: usize = 4;
/// How long a Service takes to hear of a pod that ended.
const HEARD: Duration = Duration::from_secs(1);
/// How long requests are made before and after something happens.
const CALM: Duration = Duration::from_secs(3);
/// A request that was under way has come to its end by then.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// An authority of that age, at [`DAY_BEFORE`], is renewed a day later
/// and not sooner.
const AUTHORITY_AGE: i64 = 59 * 86_400 + 12 * 3_600;
/// A new authority signs after a minute.
const SIGNS: i64 = 70;

/// Leads each connection to one of the replicas that are in, as a
/// Service does.
struct Balancer {
    address: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    replicas: Mutex<Vec<String>>,
    connections: Mutex<Vec<(String, TcpStream)>>,
    turn: AtomicUsize,
}

impl Balancer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let address = listener.local_addr().expect("it has an address");
        let inside = Arc::new(Inside::default());
        let leading = Arc::clone(&inside);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                leading.lead(client);
            }
        });
        Self { address, inside }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Connections are made anew, to these.
    fn lead_to(&self, replicas: &[String]) {
        *self.inside.replicas.lock().expect("no panic") = replicas.to_vec();
        let mut connections = self.inside.connections.lock().expect("no panic");
        for (_, stream) in connections.drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
        drop(connections);
        // The API server sees it, and uses none of them any more.
        thread::sleep(HEARD);
    }

    /// New connections go elsewhere; those there are stay.
    fn take_out(&self, replica: &str) {
        let mut replicas = self.inside.replicas.lock().expect("no panic");
        replicas.retain(|known| known != replica);
    }

    /// Whether somebody was led there since.
    fn is_used(&self, replica: &str) -> bool {
        let connections = self.inside.connections.lock().expect("no panic");
        connections.iter().any(|(known, _)| known == replica)
    }
}

impl Inside {
    /// Where there is nobody, or whoever there is does not answer, the
    /// connection is closed.
    fn lead(&self, client: TcpStream) {
        let replicas = self.replicas.lock().expect("no panic").clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let Some(replica) = replicas.get(turn % replicas.len().max(1)) else {
            return;
        };
        let Ok(server) = TcpStream::connect(replica) else {
            return;
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true).ok();
        }
        let clone = |stream: &TcpStream| stream.try_clone().expect("a socket has two owners");
        let kept = (replica.clone(), clone(&server));
        self.connections.lock().expect("no panic").push(kept);
        let (back, forth) = (clone(&server), clone(&client));
        thread::spawn(move || pipe(client, server));
        thread::spawn(move || pipe(back, forth));
    }
}

fn pipe(mut from: TcpStream, mut to: TcpStream) {
    io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Both).ok();
}

/// What became of one request to make a pod.
struct Asked {
    ended: Instant,
    is_bad: bool,
    /// What it was refused with.
    refused: Option<String>,
}

impl Asked {
    /// A replica judged it, and rightly.
    fn is_judged(&self) -> bool {
        match &self.refused {
            Some(told) => self.is_bad && told.contains("[pods-not-privileged]"),
            None => !self.is_bad,
        }
    }
}

/// The API server, asked over kept connections as controllers ask it.
struct ApiServer {
    client: Client,
    pods: Url,
}

impl ApiServer {
    fn of(cluster: &Cluster) -> Self {
        let read = |template: &str| {
            let asked = ["config", "view", "--raw", "-o"];
            let template = format!("go-template={template}");
            let output = kubectl(cluster, &[&asked[..], &[&template]].concat(), &Value::Null);
            done(&output);
            String::from_utf8(output.stdout).expect("text")
        };
        let of_user = |field: &str| {
            read(&format!(
                "{{{{range .users}}}}{{{{index .user \"{field}\" | base64decode}}}}{{{{end}}}}"
            ))
        };
        let trust = Trust {
            roots: read(
                "{{range .clusters}}\
                 {{index .cluster \"certificate-authority-data\" | base64decode}}{{end}}",
            ),
            identity: Some((
                of_user("client-certificate-data"),
                of_user("client-key-data"),
            )),
        };
        let settings = Settings {
            retries: 0,
            ..Settings::default()
        };
        let address = read("{{range .clusters}}{{.cluster.server}}{{end}}");
        let pods = format!("{address}/api/v1/namespaces/shop/pods?dryRun=All");
        Self {
            client: Client::with_trust(&trust, &settings).expect("a client"),
            pods: Url::parse(&pods).expect("an address"),
        }
    }

    fn ask(&self, is_bad: bool) -> Asked {
        let response = self
            .client
            .post(&self.pods)
            .header("content-type", "application/json")
            .body(pod("load", "shop", is_bad).to_string())
            .send()
            .expect("the API server answers");
        let is_made = response.status == 201;
        let told = response.text(1 << 20).expect("an answer has a body");
        Asked {
            ended: Instant::now(),
            is_bad,
            refused: (!is_made).then_some(told),
        }
    }

    /// Makes sound pods and others, dry, while something happens; what
    /// became of them. Nothing bad was made, whatever happened.
    fn while_asked(&self, what: &str, happens: impl FnOnce()) -> Vec<Asked> {
        let is_over = AtomicBool::new(false);
        let asked: Vec<Asked> = thread::scope(|scope| {
            let asking: Vec<_> = (0..AT_ONCE)
                .map(|_| {
                    scope.spawn(|| {
                        let mut asked = Vec::new();
                        while !is_over.load(Ordering::Relaxed) {
                            asked.push(self.ask(asked.len() % 2 == 0));
                        }
                        asked
                    })
                })
                .collect();
            thread::sleep(CALM);
            happens();
            thread::sleep(CALM);
            is_over.store(true, Ordering::Relaxed);
            let joined = asking.into_iter();
            joined
                .flat_map(|thread| thread.join().expect("it does not panic"))
                .collect()
        });
        let unjudged = asked
            .iter()
            .filter(|one| one.is_bad && one.refused.is_none());
        assert_eq!(unjudged.count(), 0, "{what}: bad pods went through");
        let wrong = asked.iter().filter(|one| !one.is_judged()).count();
        println!(
            "measured: {what}: {} requests, {wrong} refused because no replica was reached",
            asked.len()
        );
        asked
    }
}

fn none_is_refused_wrongly(asked: &[Asked]) {
    let wrong: Vec<_> = asked.iter().filter(|one| !one.is_judged()).collect();
    let told: Vec<_> = wrong.iter().map(|one| &one.refused).collect();
    assert!(wrong.is_empty(), "{told:?}");
}

/// Two replicas, where they listen, and what leads to them.
struct Pair<'a> {
    seawall: &'a Seawall,
    server: &'a Server,
    cluster: &'a Cluster,
    balancer: &'a Balancer,
    addresses: [String; 2],
}

const NAMES: [&str; 2] = ["one", "two"];

impl Pair<'_> {
    fn start(&self, which: usize) -> Admission {
        let more = ["--url", &self.balancer.url(), "--fail", "closed"];
        let address = &self.addresses[which];
        let one = (NAMES[which], address.as_str());
        let replica = Admission::replica(self.seawall, self.server, self.cluster, one, &more);
        until("the replica is ready", || self.is_ready(which));
        replica
    }

    fn is_ready(&self, which: usize) -> bool {
        let address = &self.addresses[which];
        let asked = Command::new("curl")
            .args(["--silent", "--insecure", "--fail", "--max-time", "5"])
            .arg(format!("https://{address}/readyz"))
            .output();
        asked.expect("curl is installed").status.success()
    }

    /// Who signed what it shows to whoever trusts what the API server
    /// was told to trust.
    fn issuer(&self, which: usize) -> String {
        let trusted = self.seawall.folder().join("trusted.pem");
        std::fs::write(&trusted, trusted_of(self.cluster)).expect("it is written");
        let output = Command::new("openssl")
            .args(["s_client", "-verify_return_error", "-connect"])
            .arg(&self.addresses[which])
            .arg("-CAfile")
            .arg(&trusted)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "{}", said(&output));
        let told = String::from_utf8_lossy(&output.stdout);
        let issuer = told.lines().find(|line| line.starts_with("issuer="));
        issuer.expect("it names an issuer").to_owned()
    }
}

/// What the API server trusts, PEM.
fn trusted_of(cluster: &Cluster) -> String {
    let template =
        "go-template={{range .webhooks}}{{.clientConfig.caBundle | base64decode}}{{end}}";
    let name = "seawall-admission";
    let asked = [
        "get",
        "validatingwebhookconfiguration",
        name,
        "-o",
        template,
    ];
    String::from_utf8(kubectl(cluster, &asked, &Value::Null).stdout).expect("text")
}

fn certificates(pem: &str) -> usize {
    pem.matches("BEGIN CERTIFICATE").count()
}

#[test]
fn two_replicas_judge_everything_whichever_of_them_is_away() {
    let seawall = Seawall::new();
    let server = Server::start(&seawall);
    let options = Options {
        is_bare: true,
        ..Options::default()
    };
    let Some(mut cluster) = Cluster::start(&options).expect("the cluster starts") else {
        return;
    };
    namespace(&cluster, "seawall", &json!({}));
    namespace(&cluster, "shop", &json!({}));
    let balancer = Balancer::start();
    found(&seawall, &server, &cluster, &balancer);

    let addresses = [(); 2].map(|()| format!("127.0.0.1:{}", testkit::service::spare_port()));
    let pair = Pair {
        seawall: &seawall,
        server: &server,
        cluster: &cluster,
        balancer: &balancer,
        addresses: addresses.clone(),
    };
    let mut replicas = [pair.start(0), pair.start(1)];
    set(&server, &json!({"cluster": "test", "action": "deny"}));
    let api = ApiServer::of(&cluster);
    for address in &addresses {
        balancer.lead_to(std::slice::from_ref(address));
        until("each replica judges", || api.ask(true).is_judged());
    }
    balancer.lead_to(&addresses);
    renewed(&pair, &api, &replicas[0]);
    left(&pair, &api, &mut replicas[0]);
    killed(&pair, &api, &mut replicas[1]);
    let told = server.get("/api/v1/admissions");
    let is_there = |name: &&str| {
        let all = told.as_array().into_iter().flatten();
        all.clone()
            .any(|one| one["status"]["replica"] == **name && one["is_silent"] == false)
    };
    assert!(NAMES.iter().all(is_there), "{told}");

    cluster.restart().expect("the API server comes back");
    came_back(&server, &cluster, &balancer, &addresses);
    assert!(replicas.iter_mut().all(Admission::is_running));
}

/// Somebody made the authority long ago.
fn found(seawall: &Seawall, server: &Server, cluster: &Cluster, balancer: &Balancer) {
    let clock = seawall.folder().join("admission.clock");
    std::fs::write(&clock, (DAY_BEFORE - AUTHORITY_AGE).to_string()).expect("a clock");
    let address = format!("127.0.0.1:{}", testkit::service::spare_port());
    let more = ["--url", &balancer.url(), "--fail", "closed"];
    let founder = Admission::replica(seawall, server, cluster, ("founder", &address), &more);
    until("the webhook is registered", || {
        certificates(&trusted_of(cluster)) == 1
    });
    drop(founder);
    std::fs::write(&clock, DAY_BEFORE.to_string()).expect("a clock");
}

/// Both take up the authority one of them makes, and nobody notices.
fn renewed(pair: &Pair<'_>, api: &ApiServer, clock: &Admission) {
    let before = pair.issuer(0);
    assert_eq!(pair.issuer(1), before, "one authority for both");
    let asked = api.while_asked("a new authority", || {
        clock.move_clock(0);
        until("a new authority is trusted", || {
            certificates(&trusted_of(pair.cluster)) == 2
        });
        assert_eq!(pair.issuer(0), before, "it signs too soon");
        // As long as the API server has in fact: the clock is moved.
        thread::sleep(HEARD);
        clock.move_clock(SIGNS);
        until("the new authority signs for both", || {
            let issuer = pair.issuer(0);
            issuer != before && pair.issuer(1) == issuer
        });
    });
    none_is_refused_wrongly(&asked);
    assert_eq!(certificates(&trusted_of(pair.cluster)), 2);
}

/// Who is told to end is in nobody's way.
fn left(pair: &Pair<'_>, api: &ApiServer, replica: &mut Admission) {
    pair.balancer.lead_to(&pair.addresses);
    let asked = api.while_asked("SIGTERM", || {
        assert!(pair.balancer.is_used(&pair.addresses[0]));
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(HEARD);
                pair.balancer.take_out(&pair.addresses[0]);
            });
            replica.end();
        });
    });
    none_is_refused_wrongly(&asked);
    *replica = pair.start(0);
}

/// Until it is known that a replica died, requests that would have gone
/// to it are refused by the API server, and no others.
fn killed(pair: &Pair<'_>, api: &ApiServer, replica: &mut Admission) {
    pair.balancer.lead_to(&pair.addresses);
    let mut lacking = None;
    let asked = api.while_asked("SIGKILL", || {
        assert!(pair.balancer.is_used(&pair.addresses[1]));
        let died = Instant::now();
        replica.kill();
        thread::sleep(HEARD);
        pair.balancer.take_out(&pair.addresses[1]);
        lacking = Some(died..Instant::now() + UNDER_WAY);
    });
    let lacking = lacking.expect("it was killed");
    for one in asked.iter().filter(|one| !one.is_judged()) {
        let told = one.refused.as_deref().unwrap_or_default();
        assert!(told.contains("failed calling webhook"), "{told}");
        assert!(lacking.contains(&one.ended), "long after: {told}");
    }
    *replica = pair.start(1);
}

/// After the API server was away, each of the two judges by itself, by
/// policies and namespaces that came after that.
fn came_back(server: &Server, cluster: &Cluster, balancer: &Balancer, addresses: &[String]) {
    namespace(cluster, "vault", &json!({"tier": "prod"}));
    let scope = json!({"namespace_selector": {"matchLabels": {"tier": "prod"}}});
    let setting = json!({"cluster": "test", "action": "deny", "scope": scope});
    set(server, &setting);
    let text = refusing("KeepPods", "Pod", "DELETE");
    let made = server.post(
        "/api/v1/policies",
        &json!({"text": text, "environment": "local"}),
    );
    assert!(made["policy"]["id"].is_string(), "{made}");
    let mut kept = false;
    for address in addresses {
        balancer.lead_to(std::slice::from_ref(address));
        until("a new namespace is known by its labels", || {
            let told = said(&trial(cluster, &pod("bad", "vault", true)));
            told.contains("[pods-not-privileged]")
        });
        until("elsewhere it goes through", || {
            trial(cluster, &pod("bad", "shop", true)).status.success()
        });
        if !std::mem::replace(&mut kept, true) {
            let sound = pod("kept", "shop", false);
            done(&kubectl(cluster, &["create", "-f", "-"], &sound));
        }
        until("a deletion is refused by the new policy", || {
            let asked = ["delete", "pod", "kept", "-n", "shop", "--dry-run=server"];
            said(&kubectl(cluster, &asked, &Value::Null)).contains("[keeppods] DELETE of kept")
        });
    }
}
