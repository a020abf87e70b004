//! Audit events judged: parsed, told from what was judged before, and
//! given to the rules, cluster by cluster.
//!
//! Pure: bodies and times in, alerts and counts out. The work `detection`
//! feeds it from the spool, the command line from a file.

mod seen;

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use model::Alert;

use self::seen::Seen;
use crate::intake::audit::{self, Event, Fault, Faults};

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

/// Rules, as they judge one cluster: what they remember of it is theirs.
pub(crate) trait Rules: Send {
    /// The alerts an event raises; events come in the order they are in.
    fn judge(&mut self, event: &Event<'_>, origin: Origin<'_>, alerts: &mut Vec<Alert>);
}

/// Raises nothing.
struct NoRules;

impl Rules for NoRules {
    fn judge(&mut self, _: &Event<'_>, _: Origin<'_>, _: &mut Vec<Alert>) {}
}

/// Makes the rules for one more cluster.
pub(crate) type MakeRules = Box<dyn Fn() -> Box<dyn Rules> + Send>;

/// Judges the events of every cluster.
pub struct Detector {
    make: MakeRules,
    clusters: HashMap<(String, String), Cluster>,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").finish_non_exhaustive()
    }
}

struct Cluster {
    rules: Box<dyn Rules>,
    seen: Seen,
    newest: Timestamp,
}

impl Detector {
    pub(crate) fn with(make: MakeRules) -> Self {
        Self {
            make,
            clusters: HashMap::new(),
        }
    }

    /// The rules that came with this program.
    pub fn embedded() -> Self {
        Self::with(Box::new(|| Box::new(NoRules)))
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
            rules: (self.make)(),
            seen: Seen::default(),
            newest: Timestamp::MIN,
        });
        let mut alerts = Vec::new();
        for event in &parsed.events {
            if !cluster.seen.is_new(&event.id, &event.stage) {
                parsed.faults.add(Fault::Duplicate);
                continue;
            }
            if event.time.duration_since(cluster.newest) < -ORDER {
                parsed.faults.add(Fault::OutOfOrder);
            }
            cluster.newest = cluster.newest.max(event.time);
            cluster.rules.judge(event, origin, &mut alerts);
        }
        Judged {
            alerts,
            events: parsed.count,
            faults: parsed.faults,
            newest: parsed.events.iter().map(|event| event.time).max(),
        }
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
        let mut detector = Detector::with(Box::new(|| Box::new(NoRules)));
        let time = "2026-03-02T12:00:00Z";
        assert_eq!(judge(&mut detector, "a", "1", time).total(), 0);
        assert_eq!(judge(&mut detector, "a", "2", time).total(), 0);
        let again = judge(&mut detector, "a", "1", time);
        assert_eq!(again.get(Fault::Duplicate), 1);
        assert_eq!(judge(&mut detector, "b", "1", time).total(), 0);
    }

    #[test]
    fn what_comes_much_too_late_is_told() {
        let mut detector = Detector::with(Box::new(|| Box::new(NoRules)));
        judge(&mut detector, "a", "1", "2026-03-02T12:00:00Z");
        let late = judge(&mut detector, "a", "2", "2026-03-02T11:59:10Z");
        assert_eq!(late.get(Fault::OutOfOrder), 0);
        let late = judge(&mut detector, "a", "3", "2026-03-02T11:58:59Z");
        assert_eq!(late.get(Fault::OutOfOrder), 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_told() {
        let mut detector = Detector::with(Box::new(|| Box::new(NoRules)));
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
