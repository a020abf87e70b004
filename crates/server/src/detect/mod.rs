//! Audit events judged: parsed, told from what was judged before, and
//! given to the rules, cluster by cluster.
//!
//! Pure: bodies and times in, alerts and counts out. The work `detection`
//! feeds it from the spool, the command line from a file.

mod alert;
mod seen;

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use model::{Alert, AlertRule};
use rules::{
    audit::{Error, Event, Tape},
    engine::{Engine, State, Windows},
    rule::Ruleset,
};
use serde::{Deserialize, Serialize};

use self::seen::Seen;
use crate::intake::audit::{self, Fault, Faults};

/// How much later than something newer an event may come untold: stages
/// of long requests and batches of several API servers cross each other.
const ORDER: SignedDuration = SignedDuration::from_mins(1);

/// Where a body came from, and when.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub environment: &'a str,
    pub cluster: &'a str,
    pub received: Timestamp,
    /// It was sent a moment after it happened.
    pub is_live: bool,
}

/// What became of a body.
#[derive(Debug, Default)]
pub struct Judged {
    pub alerts: Vec<Alert>,
    /// Good and bad.
    pub events: u64,
    pub faults: Faults,
    /// When the newest event happened.
    pub newest: Option<Timestamp>,
}

/// Judges the events of every cluster.
#[derive(Debug)]
pub struct Detector {
    engine: Arc<Engine>,
    /// What the record keeps of each rule, by its id.
    rules: HashMap<String, AlertRule>,
    clusters: HashMap<(String, String), Cluster>,
    tape: Tape,
}

/// What rules remember of a cluster: half-filled thresholds, sequences
/// that began, what is kept quiet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClusterWindows {
    environment: String,
    cluster: String,
    windows: Windows,
}

/// What is remembered of a cluster.
#[derive(Debug)]
struct Cluster {
    state: State,
    seen: Seen,
    newest: Timestamp,
}

impl Detector {
    pub fn new(engine: Arc<Engine>) -> Self {
        let mut detector = Self {
            engine: Arc::clone(&engine),
            rules: HashMap::new(),
            clusters: HashMap::new(),
            tape: Tape::default(),
        };
        detector.replace(engine);
        detector
    }

    /// The rules that came with this program.
    pub fn embedded() -> Self {
        Self::of(&rules::content::pack().ruleset)
    }

    /// Rules, compiled.
    pub fn of(ruleset: &Ruleset) -> Self {
        let (engine, warnings) = Engine::compile(ruleset);
        for warning in warnings {
            tracing::debug!(warning = %model::error::chain(&warning), "a rule is odd");
        }
        Self::new(Arc::new(engine))
    }

    /// Goes on with other rules; what is remembered for those that stay
    /// the same stays.
    pub fn replace(&mut self, engine: Arc<Engine>) {
        self.rules = engine
            .rules()
            .iter()
            .map(|rule| (rule.id.clone(), alert::rule(rule)))
            .collect();
        self.engine = engine;
    }

    /// What rules remember of each cluster, to be written down.
    pub(crate) fn windows(&self) -> Vec<ClusterWindows> {
        self.clusters
            .iter()
            .map(|((environment, cluster), known)| ClusterWindows {
                environment: environment.clone(),
                cluster: cluster.clone(),
                windows: known.state.windows().clone(),
            })
            .collect()
    }

    /// Goes on with what was written down.
    pub(crate) fn recall(&mut self, windows: Vec<ClusterWindows>) {
        for known in windows {
            let cluster = self.cluster(known.environment, known.cluster);
            cluster.state = State::with_windows(known.windows);
        }
    }

    fn cluster(&mut self, environment: String, cluster: String) -> &mut Cluster {
        self.clusters
            .entry((environment, cluster))
            .or_insert_with(|| Cluster {
                state: State::default(),
                seen: Seen::default(),
                newest: Timestamp::MIN,
            })
    }

    /// Notes which events a body had, which the windows know already.
    pub(crate) fn remember(&mut self, origin: Origin<'_>, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        let context = audit::Context {
            received: origin.received,
            is_live: origin.is_live,
        };
        let cluster = self.cluster(origin.environment.to_owned(), origin.cluster.to_owned());
        for event in audit::parse(&text, context).events {
            cluster.seen.is_new(&event.id, &event.stage);
            cluster.newest = cluster.newest.max(event.time);
        }
    }

    /// Judges a body; what is remembered of its cluster is brought up to
    /// date.
    pub fn judge(&mut self, origin: Origin<'_>, body: &[u8]) -> Judged {
        let text = String::from_utf8_lossy(body);
        let context = audit::Context {
            received: origin.received,
            is_live: origin.is_live,
        };
        let mut parsed = audit::parse(&text, context);
        let key = (origin.environment.to_owned(), origin.cluster.to_owned());
        let cluster = self.clusters.entry(key).or_insert_with(|| Cluster {
            state: State::default(),
            seen: Seen::default(),
            newest: Timestamp::MIN,
        });
        let mut alerts = Vec::new();
        for known in &parsed.events {
            if !cluster.seen.is_new(&known.id, &known.stage) {
                parsed.faults.add(Fault::Duplicate);
                continue;
            }
            let event = match Event::read(known.raw.as_bytes(), &mut self.tape) {
                Ok(event) => event,
                Err(error) => {
                    parsed.faults.add(fault(&error));
                    continue;
                }
            };
            if known.time.duration_since(cluster.newest) < -ORDER {
                parsed.faults.add(Fault::OutOfOrder);
            }
            cluster.newest = cluster.newest.max(known.time);
            let rules = &self.rules;
            self.engine
                .audit(&mut cluster.state, &event, known.time, &mut |found| {
                    if let Some(rule) = rules.get(&found.rule.id) {
                        alerts.push(alert::alert(&found, rule, &event, origin, known.time));
                    }
                });
        }
        Judged {
            alerts,
            events: parsed.count,
            faults: parsed.faults,
            newest: parsed.events.iter().map(|event| event.time).max(),
        }
    }
}

/// What the engine cannot read, in the words that are counted.
fn fault(error: &Error) -> Fault {
    match error {
        Error::TooLarge { .. } | Error::TooDeep { .. } | Error::TooManyValues { .. } => {
            Fault::TooLarge
        }
        Error::NotUtf8 { .. } => Fault::NotUtf8,
        Error::Syntax { .. } => Fault::NotJson,
        Error::NotAnObject | Error::UnknownKind { .. } => Fault::WrongKind,
        Error::UnknownVersion { .. } => Fault::UnknownVersion,
        Error::Missing { .. } => Fault::MissingField,
        Error::WrongKind { .. } => Fault::WrongShape,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judge(detector: &mut Detector, cluster: &str, id: &str, time: &str) -> Faults {
        let body = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id,
            "stage": "ResponseComplete", "verb": "get", "stageTimestamp": time});
        let origin = Origin {
            environment: "local",
            cluster,
            received: "2026-03-02T12:00:00Z".parse().unwrap(),
            is_live: true,
        };
        detector.judge(origin, body.to_string().as_bytes()).faults
    }

    #[test]
    fn a_stage_counts_once_in_its_cluster() {
        let mut detector = Detector::embedded();
        let time = "2026-03-02T12:00:00Z";
        assert_eq!(judge(&mut detector, "a", "1", time).total(), 0);
        assert_eq!(judge(&mut detector, "a", "2", time).total(), 0);
        let again = judge(&mut detector, "a", "1", time);
        assert_eq!(again.get(Fault::Duplicate), 1);
        assert_eq!(judge(&mut detector, "b", "1", time).total(), 0);
    }

    #[test]
    fn what_comes_much_too_late_is_told() {
        let mut detector = Detector::embedded();
        judge(&mut detector, "a", "1", "2026-03-02T12:00:00Z");
        let late = judge(&mut detector, "a", "2", "2026-03-02T11:59:10Z");
        assert_eq!(late.get(Fault::OutOfOrder), 0);
        let late = judge(&mut detector, "a", "3", "2026-03-02T11:58:59Z");
        assert_eq!(late.get(Fault::OutOfOrder), 1);
    }

    /// An API server's webhook says no more of each event in its list.
    #[test]
    fn a_rule_that_holds_is_an_alert_with_all_there_is_to_say() {
        let mut detector = Detector::embedded();
        let body = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [{
            "level": "RequestResponse", "auditID": "a", "stage": "ResponseComplete",
            "requestURI": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            "verb": "create",
            "user": {"username": "mallory", "groups": ["system:authenticated"]},
            "sourceIPs": ["203.0.113.9"], "userAgent": "kubectl/v1.36.1",
            "objectRef": {"resource": "clusterrolebindings", "name": "owner",
                "apiGroup": "rbac.authorization.k8s.io", "apiVersion": "v1"},
            "responseStatus": {"code": 201},
            "requestObject": {"kind": "ClusterRoleBinding",
                "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "owner"},
                "subjects": [{"kind": "User", "name": "mallory"}],
                "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}},
            "stageTimestamp": "2026-03-02T11:59:59Z",
            "annotations": {"authorization.k8s.io/decision": "allow"}
        }]})
        .to_string();
        let origin = Origin {
            environment: "local",
            cluster: "prod",
            received: "2026-03-02T12:00:00Z".parse().unwrap(),
            is_live: true,
        };
        let judged = detector.judge(origin, body.as_bytes());
        assert_eq!((judged.events, judged.faults.total()), (1, 0));
        let alert = judged
            .alerts
            .iter()
            .find(|alert| alert.rule.id == "K8S_ClusterAdminBinding")
            .unwrap_or_else(|| panic!("{:?}", judged.alerts));
        assert_eq!(alert.place.steps.len(), 1);
        assert_eq!(alert.place.steps[0].name, "prod");
        let principal = alert.context.principal.as_ref().unwrap();
        assert_eq!(principal.name, "mallory");
        assert_eq!(alert.context.whence.addresses, ["203.0.113.9"]);
        let action = alert.context.action.as_ref().unwrap();
        assert_eq!(action.object(), "clusterrolebindings owner");
        assert_eq!(action.code, Some(201));
        assert!(alert.context.change.as_ref().unwrap().new.is_some());
        assert!(!alert.rule.steps.is_empty() && !alert.rule.tactics.is_empty());
        // Delivered again to somebody who remembers nothing, it is the
        // same.
        let again = Detector::embedded().judge(origin, body.as_bytes());
        let events = |judged: &Judged| -> Vec<_> {
            judged
                .alerts
                .iter()
                .map(|alert| alert.event.clone())
                .collect()
        };
        assert_eq!(events(&again), events(&judged));
        assert!(detector.judge(origin, body.as_bytes()).alerts.is_empty());
    }

    const THREE: &str = "
- rule: Three
  desc: d
  condition: ka.verb = get
  output: three by %ka.user.name
  priority: WARNING
  source: k8s_audit
  seawall:
    id: three
    threshold: { count: 3, within: 1m, by: [ka.user.name] }
";

    #[test]
    fn what_rules_remember_outlives_a_restart() {
        let (ruleset, _) = rules::Loader::new().file("three.yaml", THREE).finish();
        let (engine, _) = Engine::compile(&ruleset);
        let engine = Arc::new(engine);
        let origin = Origin {
            environment: "local",
            cluster: "a",
            received: "2026-03-02T12:00:00Z".parse().unwrap(),
            is_live: true,
        };
        let body = |id: &str| {
            json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id,
                "stage": "ResponseComplete", "verb": "get", "user": {"username": "ada"},
                "stageTimestamp": "2026-03-02T12:00:00Z"})
            .to_string()
        };
        let mut before = Detector::new(Arc::clone(&engine));
        for id in ["1", "2"] {
            let judged = before.judge(origin, body(id).as_bytes());
            assert!(judged.alerts.is_empty());
        }
        let text = serde_json::to_string(&before.windows()).unwrap();
        let mut after = Detector::new(Arc::clone(&engine));
        after.recall(serde_json::from_str(&text).unwrap());
        // What is in the windows already counts no second time.
        after.remember(origin, body("2").as_bytes());
        assert!(after.judge(origin, body("2").as_bytes()).alerts.is_empty());
        assert_eq!(after.judge(origin, body("3").as_bytes()).alerts.len(), 1);
        let mut forgetful = Detector::new(engine);
        assert!(
            forgetful
                .judge(origin, body("3").as_bytes())
                .alerts
                .is_empty()
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_told() {
        let mut detector = Detector::embedded();
        let mut body = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","#.to_vec();
        body.extend_from_slice(br#""verb":"get","stageTimestamp":"2026-03-02T12:00:00Z","#);
        body.extend_from_slice(b"\"userAgent\":\"curl/\xff\xfe\"}");
        let origin = Origin {
            environment: "local",
            cluster: "a",
            received: "2026-03-02T12:00:00Z".parse().unwrap(),
            is_live: true,
        };
        let judged = detector.judge(origin, &body);
        assert_eq!((judged.events, judged.faults.get(Fault::NotUtf8)), (1, 1));
    }
}
