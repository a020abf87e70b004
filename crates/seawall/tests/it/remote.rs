//! Commands that talk to a server, against a real one.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
};

use serde_json::json;

use crate::harness::Place;

mod kept;

/// A server of its own, and a token for it.
struct Server {
    child: Child,
    address: String,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    fn start(place: &Place) -> Self {
        let mut child = place
            .command(&["server", "--listen", "127.0.0.1:0", "--offline"])
            .env("SEAWALL__SCAN__MACHINE", "false")
            .env("SEAWALL__SCAN__IMAGES", "false")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let link = lines
            .find_map(|line| {
                line.unwrap()
                    .trim()
                    .strip_prefix("http://")
                    .map(str::to_owned)
            })
            .unwrap();
        let (address, rest) = link.split_once('/').unwrap();
        let (_, link_token) = rest.split_once("token=").unwrap();
        let mut server = Self {
            child,
            address: address.to_owned(),
            token: String::new(),
        };
        let body = format!(r#"{{"token": "{link_token}"}}"#);
        let (head, _) = server.post("/api/v1/session", "", &body);
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .and_then(|cookie| cookie.split(';').next())
            .unwrap()
            .to_owned();
        let body = r#"{"name": "test", "expires": "2099-01-01T00:00:00Z", "permissions":
            ["view", "triage", "exempt", "scan", "configure", "ingest", "administer"]}"#;
        let year = format!(
            "{}-12-31T00:00:00Z",
            // Within the longest lifetime, whenever this runs.
            model::Clock::now(&model::SystemClock)
                .to_string()
                .get(..4)
                .unwrap()
        );
        let body = body.replace("2099-01-01T00:00:00Z", &year);
        let (_, body) = server.post("/api/v1/tokens", &format!("cookie: {cookie}"), &body);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        server.token = body["secret"]
            .as_str()
            .unwrap_or_else(|| panic!("{body}"))
            .to_owned();
        server
    }

    fn post(&self, path: &str, header: &str, body: &str) -> (String, String) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let header = if header.is_empty() {
            String::new()
        } else {
            format!("{header}\r\n")
        };
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             sec-fetch-site: none\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Two alerts, as Falco tells them.
    fn alert(&self) {
        let event = |rule: &str, priority: &str, namespace: &str| {
            format!(
                r#"{{"rule": "{rule}", "priority": "{priority}", "time": "2026-11-25T10:00:00Z",
                "output": "{rule} happened", "source": "syscall", "tags": ["T1059"],
                "output_fields": {{"k8s.ns.name": "{namespace}", "k8s.pod.name": "web-1",
                "container.id": "0123456789ab", "container.name": "web"}}}}"#
            )
        };
        let body = format!(
            "[{}, {}]",
            event("Terminal shell in container", "Critical", "shop"),
            event("Read sensitive file", "Notice", "kube-system")
        );
        let authorization = format!("authorization: Bearer {}", self.token);
        let (head, body) = self.post("/api/v1/alerts/falco?cluster=c1", &authorization, &body);
        assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    }
}

/// What was said, without what differs each time.
fn said(place: &Place, server: &Server, arguments: &[&str]) -> String {
    place.run(arguments).replace(&server.address, "[SERVER]")
}

#[test]
fn a_token_signs_in_and_is_forgotten() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    let refused = said(&place, &server, &["findings", "list"]);
    assert!(refused.starts_with("exit: 2\n"), "{refused}");
    assert!(refused.contains("help: seawall login"), "{refused}");

    let wrong = place.run_with_input(&["login", &url], "sw_nobody_nothing\n");
    assert!(wrong.starts_with("exit: 3\n"), "{wrong}");
    let signed = place.run_with_input(&["login", &url], &server.token);
    assert!(signed.contains("Signed in to http://"), "{signed}");
    assert!(!signed.contains(&server.token), "{signed}");
    let whoami = said(&place, &server, &["whoami"]);
    assert!(whoami.starts_with("exit: 0\n"), "{whoami}");
    assert!(whoami.contains("test (token)"), "{whoami}");

    let forgotten = said(&place, &server, &["logout"]);
    assert!(forgotten.contains("Forgot the token"), "{forgotten}");
    assert!(said(&place, &server, &["whoami"]).starts_with("exit: 2\n"));
    let clear = place.run(&["whoami", "--server", "http://seawall.example"]);
    assert!(!clear.contains("exit: 0"), "{clear}");
}

#[test]
fn findings_are_listed_by_query_in_every_form() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);
    server.alert();

    let table = said(&place, &server, &["findings", "list", "kind:alert"]);
    assert!(table.starts_with("exit: 0\n"), "{table}");
    assert!(table.contains("ID\tSEVERITY\tKIND\tRULE"), "{table}");
    assert!(table.contains("Terminal shell in container"), "{table}");
    assert!(
        table.ends_with("----- stderr -----\n2 findings."),
        "{table}"
    );

    let narrow = said(
        &place,
        &server,
        &[
            "findings",
            "list",
            "ns:shop",
            "severity:>=high",
            "-f",
            "jsonl",
            "-q",
        ],
    );
    let lines: Vec<&str> = narrow
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    assert_eq!(lines.len(), 1, "{narrow}");
    let finding: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(finding["asset"]["namespace"], "shop");

    let csv = said(
        &place,
        &server,
        &["findings", "list", "-ns:shop kind:alert", "--format", "csv"],
    );
    assert!(csv.contains("id,severity,kind,state,rule,title"), "{csv}");
    assert!(csv.contains("kube-system"), "{csv}");

    let file = said(
        &place,
        &server,
        &[
            "export",
            "findings",
            "kind:alert",
            "--format",
            "ndjson",
            "-o",
            "out.ndjson",
        ],
    );
    assert!(file.starts_with("exit: 0\n"), "{file}");
    assert_eq!(
        String::from_utf8(place.read("out.ndjson"))
            .unwrap()
            .lines()
            .count(),
        2
    );

    let images = said(&place, &server, &["images", "list"]);
    assert!(images.ends_with("No images."), "{images}");
    let recommendations = said(
        &place,
        &server,
        &["recommendations", "list", "--state", "all"],
    );
    assert!(
        recommendations.starts_with("exit: 0\n"),
        "{recommendations}"
    );
}

#[test]
fn a_query_that_cannot_be_read_is_underlined() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);
    insta::assert_snapshot!(said(&place, &server, &["findings", "list", "ns:shop sevrity:high is:fixabel"]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the query cannot be read

      ns:shop sevrity:high is:fixabel
              ^^^^^^^ no field 'sevrity'; did you mean severity?
                              ^^^^^^^ 'fixabel' is no word for is: (expected open, fixable, kev, exploited, running, new, overdue, assigned, suppressed, resolved, dismissed, exempted); did you mean fixable?
    ");
    let unknown = said(&place, &server, &["images", "show", "nothing"]);
    assert!(unknown.contains("error: no such image"), "{unknown}");
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);
    let list = said(&place, &server, &["tokens", "list", "--all"]);
    assert!(
        list.starts_with("exit: 0\n") && list.contains("\ttest\t"),
        "{list}"
    );
    let (_, rest) = server.token.split_once('_').unwrap();
    let (id, _) = rest.split_once('_').unwrap();
    let revoked = said(&place, &server, &["tokens", "revoke", id]);
    assert!(revoked.starts_with("exit: 0\n"), "{revoked}");
    let after = said(&place, &server, &["findings", "list"]);
    assert!(after.starts_with("exit: 3\n"), "{after}");
    assert!(after.contains("help: the token does not work"), "{after}");
}

#[test]
fn findings_are_decided_about_and_taken_back() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);
    server.alert();
    let count = |query: &str| {
        let list = said(&place, &server, &["findings", "list", query, "-f", "jsonl"]);
        list.lines().filter(|line| line.starts_with('{')).count()
    };
    let dismiss = ["findings", "dismiss", "ns:shop", "--reason", "benign"];
    let unasked = said(&place, &server, &dismiss);
    assert!(unasked.starts_with("exit: 2\n"), "{unasked}");
    assert!(unasked.contains("Dismiss 1 finding?"), "{unasked}");
    let done = said(&place, &server, &[&dismiss[..], &["--yes"]].concat());
    assert!(done.starts_with("exit: 0\n"), "{done}");
    assert_eq!((count("kind:alert"), count("is:dismissed")), (1, 1));
    let (_, rest) = done.split_once("findings undo ").unwrap();
    let undone = said(&place, &server, &["findings", "undo", rest.trim()]);
    assert!(undone.starts_with("exit: 0\n"), "{undone}");
    assert_eq!(count("kind:alert"), 2);

    let scope = "rule:terminal-shell-in-container ns:shop";
    let preview = said(&place, &server, &["exempt", "preview", scope]);
    assert!(preview.contains("1 critical"), "{preview}");
    let made = said(
        &place,
        &server,
        &[
            "exempt",
            "create",
            scope,
            "--reason",
            "mitigated",
            "--note",
            "debugging",
            "--expires",
            "30d",
            "--yes",
        ],
    );
    assert!(made.contains("It holds 1 findings until"), "{made}");
    assert_eq!(
        (count("kind:alert"), count("is:exempted exemption:*")),
        (1, 1)
    );
    let id = made.lines().nth(2).unwrap();
    let list = said(&place, &server, &["exempt", "list", "--format", "csv"]);
    assert!(list.contains(id) && list.contains("debugging"), "{list}");
    assert!(
        said(
            &place,
            &server,
            &["exempt", "extend", id, "--expires", "60d"]
        )
        .starts_with("exit: 0\n")
    );
    let ended = said(&place, &server, &["exempt", "end", id]);
    assert!(ended.starts_with("exit: 0\n"), "{ended}");
    assert_eq!(count("kind:alert"), 2);

    let shown = said(&place, &server, &["findings", "show", "1"]);
    assert!(
        shown.contains("What to do") || shown.contains("Rule"),
        "{shown}"
    );
    let wide = said(&place, &server, &["exempt", "preview", "is:fixable"]);
    assert!(
        wide.starts_with("exit: 2\n") && wide.contains("^^^^"),
        "{wide}"
    );
}

/// How a sensor tells that it is.
const STATUS: &str = r#"{"version": "0.1.0", "boot": "b", "cluster": "c1", "kernel": "6.12.48",
    "architecture": "x86_64", "os": "Debian 13", "started": "2026-11-25T10:00:00Z", "cpu": 1.2,
    "memory": 38000000, "memory_limit": 64000000, "spool": 0, "spool_limit": 1000000,
    "processes": 20, "features": [], "classes": [], "rules": 9, "policy": "none", "notes": [],
    "containers": [{"id": "c0ffee", "name": "web", "image": "shop/web:1", "namespace": "shop",
        "pod": "web-1", "runtime": "containerd", "processes": 3, "events": 12.5, "cpu": 0.5,
        "alerts": 0}]}"#;

#[test]
fn admission_is_shown_as_the_server_knows_it() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);
    let empty = said(&place, &server, &["admission", "status"]);
    assert!(empty.contains("No admission has told of itself"), "{empty}");
    let empty = said(&place, &server, &["admission", "decisions"]);
    assert!(empty.contains("No decisions."), "{empty}");

    let now = model::Clock::now(&model::SystemClock);
    let decision = |uid: &str, ago: i64, verdict: &str, namespace: &str, policy: &str| {
        json!({"uid": uid, "time": now - jiff::SignedDuration::from_hours(ago),
            "verdict": verdict, "operation": "CREATE", "kind": "Pod", "namespace": namespace,
            "name": uid, "user": "alice", "violations": [{"policy": policy, "constraint": "c",
                "verdict": verdict, "message": format!("{uid} is against it")}]})
    };
    let body = json!({
        "items": [
            decision("web", 1, "denied", "shop", "pods-not-privileged"),
            decision("till", 2, "warned", "shop", "pods-probes"),
            decision("vault", 30, "denied", "bank", "pods-probes"),
        ],
        "status": {"replica": "admission-1", "version": "1.2.3", "bundle": "old",
            "fail": "open", "requests": 41, "denied": 2, "p99_us": 2400,
            "problems": ["the webhook could not be registered"]},
    });
    let authorization = format!("authorization: Bearer {}", server.token);
    let path = "/api/v1/clusters/prod/decisions";
    let (head, told) = server.post(path, &authorization, &body.to_string());
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {told}");

    let status = said(&place, &server, &["admission", "status"]);
    for part in ["prod", "admission-1", "behind", "judges", "41", "2.4 ms"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert!(
        status.contains("admission-1: the webhook could not be registered"),
        "{status}"
    );
    let other = said(
        &place,
        &server,
        &["admission", "status", "--cluster", "lab"],
    );
    assert!(other.contains("No admission has told"), "{other}");

    let listed = |filters: &[&str]| {
        let mut arguments = vec!["admission", "decisions", "--format", "json"];
        arguments.extend(filters);
        let told = said(&place, &server, &arguments);
        assert!(told.starts_with("exit: 0\n"), "{told}");
        let (_, rest) = told.split_once("----- stdout -----\n").unwrap();
        let (out, _) = rest.split_once("----- stderr -----").unwrap();
        let all: Vec<serde_json::Value> = serde_json::from_str(out).unwrap();
        let names = all
            .iter()
            .map(|one| one["decision"]["name"].as_str().unwrap());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed(&[]), "web till vault");
    assert_eq!(listed(&["--verdict", "denied"]), "web vault");
    assert_eq!(
        listed(&["--verdict", "denied,warned", "--since", "24h"]),
        "web till"
    );
    assert_eq!(listed(&["--until", "24h"]), "vault");
    assert_eq!(listed(&["--namespace", "shop", "--limit", "1"]), "web");
    assert_eq!(listed(&["--policy", "pods-probes"]), "till vault");
    assert_eq!(listed(&["--user", "bob"]), "");
    assert_eq!(listed(&["vault"]), "vault");

    let table = said(
        &place,
        &server,
        &["admission", "decisions", "--namespace", "bank"],
    );
    assert!(table.contains("vault is against it"), "{table}");
    assert!(table.contains("1 decision."), "{table}");
    let wrong = said(
        &place,
        &server,
        &["admission", "decisions", "--since", "soon"],
    );
    assert!(wrong.starts_with("exit: 2\n"), "{wrong}");
    assert!(wrong.contains("--since: 'soon' is no time"), "{wrong}");
}

#[test]
fn top_prints_once_where_there_is_no_terminal() {
    let place = Place::new();
    let server = Server::start(&place);
    let url = format!("http://{}", server.address);
    place.run_with_input(&["login", &url], &server.token);

    let nothing = said(&place, &server, &["top"]);
    assert!(nothing.starts_with("exit: 0\n"), "{nothing}");
    assert!(nothing.contains("sudo seawall-sensor run"), "{nothing}");

    let authorization = format!("authorization: Bearer {}", server.token);
    let (head, body) = server.post("/api/v1/sensors/node-1/status", &authorization, STATUS);
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    server.alert();
    let seen = said(&place, &server, &["top"]);
    for text in [
        "1 sensor\nNODE\tCLUSTER\tSTATE",
        "node-1\tc1\t",
        "1 container\n",
        "web\tshop/web-1\tshop/web:1\tnode-1\t12\t0.5%\t3\t0",
        "Terminal shell in container",
        "Printed once",
    ] {
        assert!(seen.contains(text), "{text}: {seen}");
    }
    let narrow = said(&place, &server, &["top", "--once", "--filter", "nothing"]);
    assert!(narrow.contains("No containers"), "{narrow}");

    // Nobody listens on the discard port.
    let nobody = place
        .command(&["top", "--server", "http://127.0.0.1:9"])
        .env("SEAWALL_TOKEN", "sw_a_b")
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(3));
    let told = String::from_utf8_lossy(&nobody.stderr);
    assert!(told.contains("help: is the server running there"), "{told}");

    let json = said(&place, &server, &["top", "--format", "json", "-q"]);
    let (_, rest) = json.split_once("----- stdout -----\n").unwrap();
    let (text, _) = rest.split_once("----- stderr -----").unwrap();
    let seen: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(seen["sensors"][0]["node"], "node-1");
    assert_eq!(seen["containers"][0]["name"], "web");
    assert_eq!(seen["alerts"].as_array().unwrap().len(), 2);
}
