//! Notices to write and deliver.

use std::collections::BTreeMap;

use export::{Answer, Batch, Kind, Sink, Site};
use jiff::Timestamp;
use model::{
    AlertAction, AlertContext, Notice, NoticeEvent, Principal, Severity, Whence,
    notice::{NoticeDigest, NoticedFinding, NoticedIncident, NoticedRecommendation},
};
use serde_json::Value;

pub(crate) fn time() -> Timestamp {
    "2026-11-25T13:30:00.123456Z".parse().unwrap()
}

fn finding() -> NoticedFinding {
    NoticedFinding {
        id: "5f0c2b7a9d3e4f60718293a4b5c6d7e8".to_owned(),
        kind: "vulnerability".to_owned(),
        severity: Severity::Critical,
        title: "CVE-2021-44228 in log4j-core: remote code execution".to_owned(),
        description: String::new(),
        rule: "CVE-2021-44228".to_owned(),
        state: "open".to_owned(),
        cluster: Some("prod".to_owned()),
        host: None,
        namespace: Some("shop".to_owned()),
        workload: Some("cart".to_owned()),
        container: None,
        image: Some("registry.example/shop/cart:1.4".to_owned()),
        image_digest: Some(format!("sha256:{}", "a1".repeat(32))),
        package: Some("log4j-core".to_owned()),
        package_version: Some("2.14.1".to_owned()),
        purl: Some("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1".to_owned()),
        path: Some("app/lib/log4j-core-2.14.1.jar".to_owned()),
        first_seen: "2026-11-20T08:00:00Z".parse().unwrap(),
        last_seen: "2026-11-25T13:00:00Z".parse().unwrap(),
        resolved: None,
        fix: Some("Update log4j-core to 2.17.1 or newer.".to_owned()),
        fix_versions: vec!["2.17.1".to_owned()],
        attack: vec!["T1190".to_owned(), "T1059.004".to_owned()],
        tactics: Vec::new(),
        context: None,
        cvss: Some(10.0),
        epss: Some(0.97),
        kev: true,
        actor: None,
        reason: None,
    }
}

pub(crate) fn opened() -> Notice {
    Notice {
        id: "01936b1e-7b7e-7000-8000-000000000001".to_owned(),
        event: NoticeEvent::FindingOpened,
        time: time(),
        environment: "production".to_owned(),
        finding: Some(finding()),
        recommendation: None,
        incident: None,
        digest: None,
        link: Some("https://seawall.example/findings/5f0c2b7a".to_owned()),
    }
}

pub(crate) fn resolved() -> Notice {
    let mut notice = opened();
    notice.id = String::from("01936b1e-7b7e-7000-8000-000000000002");
    notice.event = NoticeEvent::FindingResolved;
    if let Some(finding) = &mut notice.finding {
        finding.state = String::from("resolved");
        finding.resolved = Some(time());
    }
    notice
}

/// Everything an attacker may choose, chosen badly.
pub(crate) fn hostile() -> Notice {
    let mut notice = opened();
    notice.id = String::from("01936b1e-7b7e-7000-8000-000000000003");
    notice.event = NoticeEvent::FindingDismissed;
    notice.link = Some("javascript:alert(1)".to_owned());
    if let Some(finding) = &mut notice.finding {
        finding.kind = String::from("alert");
        finding.state = String::from("dismissed");
        finding.title = String::from(
            "a|b\\c=d\r\nCEF:0|x ]\" <!channel> <script>alert(1)</script> [x](http://evil) \
             *bold* {noformat} \u{202e}txt",
        );
        finding.image = Some("=cmd|' /C calc'!A0,\"x\"".to_owned());
        finding.namespace = Some("shop\tkey=value".to_owned());
        finding.actor = Some("@mallory <@U123>".to_owned());
        finding.reason = Some("because & why > not".to_owned());
    }
    notice
}

pub(crate) fn misconfigured() -> Notice {
    let mut notice = opened();
    notice.id = String::from("01936b1e-7b7e-7000-8000-000000000004");
    notice.event = NoticeEvent::FindingReopened;
    if let Some(finding) = &mut notice.finding {
        finding.kind = String::from("misconfiguration");
        finding.rule = String::from("kubernetes-privileged");
        finding.title = String::from("container runs privileged");
        finding.package = None;
        finding.fix_versions.clear();
    }
    notice
}

pub(crate) fn recommended() -> Notice {
    Notice {
        id: "01936b1e-7b7e-7000-8000-000000000005".to_owned(),
        event: NoticeEvent::RecommendationChanged,
        time: time(),
        environment: "production".to_owned(),
        finding: None,
        incident: None,
        recommendation: Some(NoticedRecommendation {
            id: "images.fixable".to_owned(),
            title: "Running images should have no fixable critical vulnerabilities".to_owned(),
            severity: Severity::High,
            affected: 3,
            total: 12,
            points: 6.0,
            state: "open".to_owned(),
        }),
        digest: None,
        link: None,
    }
}

pub(crate) fn digest() -> Notice {
    let mut digest = NoticeDigest {
        route: "critical to chat".to_owned(),
        ..NoticeDigest::default()
    };
    for _ in 0..1263 {
        digest.add(&opened());
    }
    digest.worst.truncate(2);
    Notice {
        id: "01936b1e-7b7e-7000-8000-000000000006".to_owned(),
        event: NoticeEvent::Digest,
        time: time(),
        environment: String::new(),
        finding: None,
        recommendation: None,
        incident: None,
        digest: Some(digest),
        link: Some("https://seawall.example/findings".to_owned()),
    }
}

/// An alert of the API's audit log: who, from where and what.
pub(crate) fn audited() -> Notice {
    let mut notice = opened();
    notice.id = String::from("01936b1e-7b7e-7000-8000-000000000007");
    if let Some(finding) = &mut notice.finding {
        finding.kind = String::from("alert");
        finding.severity = Severity::High;
        finding.rule = String::from("K8S_SecretsRead");
        finding.title = String::from("Secrets read in bulk");
        finding.package = None;
        finding.package_version = None;
        finding.purl = None;
        finding.path = None;
        finding.image = None;
        finding.image_digest = None;
        finding.fix = None;
        finding.fix_versions.clear();
        finding.cvss = None;
        finding.epss = None;
        finding.kev = false;
        finding.attack = vec!["T1552.007".to_owned()];
        finding.tactics = vec!["credential-access".to_owned()];
        let mut principal = Principal::of_kubernetes("system:serviceaccount:shop:ci");
        principal.uid = Some("5d0c".to_owned());
        principal.groups = vec!["system:serviceaccounts".to_owned()];
        principal.acting_as = Some(Box::new(Principal::of_kubernetes("admin")));
        finding.context = Some(Box::new(AlertContext {
            principal: Some(principal),
            whence: Whence {
                addresses: vec!["203.0.113.9".to_owned(), "10.0.0.1".to_owned()],
                user_agent: Some("kubectl/v1.33.1".to_owned()),
            },
            action: Some(AlertAction {
                verb: "list".to_owned(),
                resource: "secrets".to_owned(),
                version: Some("v1".to_owned()),
                namespace: Some("shop".to_owned()),
                code: Some(200),
                decision: Some("allow".to_owned()),
                ..AlertAction::default()
            }),
            change: None,
        }));
    }
    notice
}

pub(crate) fn incident() -> Notice {
    Notice {
        id: "01936b1e-7b7e-7000-8000-000000000008".to_owned(),
        event: NoticeEvent::IncidentEscalated,
        time: time(),
        environment: "production".to_owned(),
        finding: None,
        recommendation: None,
        incident: Some(NoticedIncident {
            id: "01936b1e-7b7e-7000-8000-00000000000a".to_owned(),
            title: "3 techniques by alice in cluster prod".to_owned(),
            severity: Severity::Critical,
            state: "acknowledged".to_owned(),
            cluster: Some("prod".to_owned()),
            alerts: 3,
            events: 41,
            tactics: vec!["execution".to_owned(), "credential-access".to_owned()],
            techniques: vec!["T1609".to_owned(), "T1552.007".to_owned()],
            principals: vec!["alice".to_owned()],
            workloads: vec!["shop/web".to_owned()],
            first_seen: "2026-11-25T13:00:00Z".parse().unwrap(),
            last_seen: "2026-11-25T13:29:00Z".parse().unwrap(),
            assignee: Some("ada".to_owned()),
            actor: None,
            reason: None,
        }),
        digest: None,
        link: Some("https://seawall.example/incidents/a".to_owned()),
    }
}

pub(crate) fn all() -> Vec<Notice> {
    vec![
        opened(),
        resolved(),
        hostile(),
        misconfigured(),
        recommended(),
        digest(),
        audited(),
        incident(),
    ]
}

/// So many notices of different findings, told apart by their ids.
pub(crate) fn many(from: usize, count: usize) -> Vec<Notice> {
    (from..from + count)
        .map(|number| {
            let mut notice = opened();
            notice.id = format!("notice-{number:05}");
            if let Some(finding) = &mut notice.finding {
                finding.id = format!("finding-{number:05}");
            }
            notice
        })
        .collect()
}

pub(crate) fn open(kind: Kind, settings: Value) -> Sink {
    try_open(kind, settings).unwrap()
}

pub(crate) fn try_open(kind: Kind, settings: Value) -> Result<Sink, String> {
    let Value::Object(settings) = settings else {
        panic!("settings are an object");
    };
    let site = Site {
        export_dir: std::env::temp_dir().join(format!("seawall-export-{}", std::process::id())),
    };
    Sink::open(kind, &settings, &site).map_err(|invalid| invalid.to_string())
}

pub(crate) async fn deliver(sink: &Sink, id: &str, notices: &[Notice]) -> Answer {
    deliver_knowing(sink, id, notices, 0, &BTreeMap::new()).await
}

pub(crate) async fn deliver_knowing(
    sink: &Sink,
    id: &str,
    notices: &[Notice],
    attempts: u32,
    known: &BTreeMap<String, String>,
) -> Answer {
    let batch = Batch {
        id,
        created: time(),
        now: time(),
        attempts,
        notices,
        known,
    };
    sink.deliver(&batch).await
}

/// Delivers as the server does: until the receiver has taken it.
pub(crate) async fn insist(sink: &Sink, id: &str, notices: &[Notice]) -> u32 {
    for attempt in 1..200 {
        if deliver(sink, id, notices).await.is_delivered() {
            return attempt;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("never delivered");
}
