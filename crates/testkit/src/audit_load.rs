//! Audit events as an API server's webhook sends them, as fast as it
//! can: batches of 400, ten a second, some 2.5 KB an event; with marks
//! in them whose alerts can be counted afterwards.
//!
//! A batch that is not acknowledged is sent again, as an API server does
//! it, so that whatever was acknowledged must be there, and once.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use jiff::Timestamp;
use model::Clock;
use serde_json::Value;

use crate::line::Line;

/// Batches that may be on their way at once.
const SENDERS: usize = 4;
/// How long an answer may take, as an API server waits.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a batch is sent again.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// The rule that marks raise: a command run in a pod.
pub const RULE: &str = "K8S_ExecIntoPod";

/// What is sent, how fast, for how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// `127.0.0.1:8470`
    pub address: String,
    pub cluster: String,
    /// May hand in audit events.
    pub token: String,
    /// Events in a batch.
    pub batch: usize,
    /// Batches a second.
    pub rate: u32,
    pub batches: u32,
    /// Bytes of an event.
    pub size: usize,
    /// Tells this run's events from another's.
    pub run: String,
}

/// What was acknowledged, and how fast.
#[derive(Debug, Default)]
pub struct Sent {
    pub events: u64,
    pub bytes: u64,
    /// Each batch carries one mark.
    pub marks: u64,
    /// Times a batch was sent again.
    pub again: u64,
    pub took: Duration,
    /// From sending a batch to its acknowledgement, shortest first;
    /// of tries that were acknowledged.
    pub latencies: Vec<Duration>,
}

impl Sent {
    /// The latency this part of the batches stays under.
    pub fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().max(1) - 1);
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

impl Load {
    /// The default form of the API server's audit webhook at its limit.
    pub fn full(address: String, cluster: String, token: String, seconds: u32) -> Self {
        Self {
            address,
            cluster,
            token,
            batch: 400,
            rate: 10,
            batches: seconds * 10,
            size: 2_500,
            run: "load".to_owned(),
        }
    }

    /// Sends everything; an error where a batch was never acknowledged.
    pub fn run(&self, clock: &dyn Clock) -> anyhow::Result<Sent> {
        let begun = Instant::now();
        let sent = Mutex::new(Sent::default());
        let (to_senders, batches) = mpsc::sync_channel::<String>(SENDERS);
        let batches = Mutex::new(Some(batches));
        thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut line = Line::to(&self.address);
                        loop {
                            let next = batches
                                .lock()
                                .ok()
                                .and_then(|next| next.as_ref()?.recv().ok());
                            let Some(body) = next else {
                                return anyhow::Ok(());
                            };
                            let outcome = self.deliver(&mut line, &body, &sent);
                            if outcome.is_err() {
                                // Nobody reads on: whoever writes must not wait.
                                if let Ok(mut batches) = batches.lock() {
                                    *batches = None;
                                }
                                return outcome;
                            }
                        }
                    })
                })
                .collect();
            for number in 0..self.batches {
                let due = Duration::from_secs(1) * number / self.rate;
                thread::sleep(due.saturating_sub(begun.elapsed()));
                if to_senders.send(self.body(number, clock.now())).is_err() {
                    break;
                }
            }
            drop(to_senders);
            for sender in senders {
                match sender.join() {
                    Ok(outcome) => outcome?,
                    Err(_) => bail!("a sender panicked"),
                }
            }
            anyhow::Ok(())
        })?;
        let mut sent = sent.into_inner().unwrap_or_default();
        sent.took = begun.elapsed();
        sent.latencies.sort_unstable();
        Ok(sent)
    }

    fn deliver(&self, line: &mut Line, body: &str, sent: &Mutex<Sent>) -> anyhow::Result<()> {
        let path = format!("/api/v1/clusters/{}/audit?timeout=30s", self.cluster);
        let token = format!("Bearer {}", self.token);
        let headers = [("authorization", token.as_str())];
        let mut last = String::new();
        for attempt in 0..TRIES {
            let begun = Instant::now();
            let answer = line.ask("POST", &path, &headers, body);
            let took = begun.elapsed();
            let mut sent = sent
                .lock()
                .map_err(|_poisoned| anyhow::anyhow!("another sender panicked"))?;
            match answer {
                Ok((200..=299, _)) => {
                    sent.events += self.batch as u64;
                    sent.bytes += body.len() as u64;
                    sent.marks += 1;
                    sent.again += u64::from(attempt);
                    sent.latencies.push(took);
                    return Ok(());
                }
                Ok((status, text)) if !(status == 429 || status >= 500) => {
                    bail!("the server answers {status}: {text}");
                }
                Ok((status, text)) => last = format!("{status}: {text}"),
                Err(error) => last = format!("{error:#}"),
            }
            drop(sent);
            thread::sleep(PAUSE);
        }
        bail!("a batch was not acknowledged: {last}")
    }

    /// A batch: its first event is a mark, the others are what a busy
    /// cluster does all day.
    fn body(&self, number: u32, now: Timestamp) -> String {
        let mut body = String::with_capacity(self.batch * (self.size + 8));
        body.push_str(
            r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#,
        );
        for index in 0..self.batch {
            if index > 0 {
                body.push(',');
            }
            let start = body.len();
            let run = &self.run;
            // Writing to a string does not fail.
            write!(
                body,
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"{run}-{number}-{index}","stage":"ResponseComplete","sourceIPs":["10.0.0.9"],"requestReceivedTimestamp":"{now}","stageTimestamp":"{now}","annotations":{{"authorization.k8s.io/decision":"allow"}},"#
            )
            .ok();
            if index == 0 {
                write!(
                    body,
                    r#""requestURI":"/api/v1/namespaces/{run}/pods/mark-{number}/exec?command=id","verb":"create","user":{{"username":"{run}-{number}","groups":["system:authenticated"]}},"userAgent":"kubectl/v1.35.4","objectRef":{{"resource":"pods","namespace":"{run}","name":"mark-{number}","apiVersion":"v1","subresource":"exec"}},"responseStatus":{{"code":101}}"#
                )
                .ok();
            } else {
                let node = index % 50;
                write!(
                    body,
                    r#""requestURI":"/api/v1/nodes/node-{node}/status?timeout=10s","verb":"patch","user":{{"username":"system:node:node-{node}","groups":["system:nodes","system:authenticated"]}},"userAgent":"kubelet/v1.35.4 (linux/amd64) kubernetes/unknown","objectRef":{{"resource":"nodes","name":"node-{node}","apiVersion":"v1","subresource":"status"}},"responseStatus":{{"metadata":{{}},"code":200}},"requestObject":{{"status":{{"conditions":[{{"type":"Ready","status":"True","message":""#
                )
                .ok();
                let room = self.size.saturating_sub(body.len() - start + 16);
                body.extend(std::iter::repeat_n('k', room));
                body.push_str(r#""}]}}"#);
            }
            body.push('}');
        }
        body.push_str("]}");
        body
    }
}

/// What became of a run's marks.
#[derive(Debug, Default)]
pub struct Marks {
    pub there: u64,
    /// Alerts that were counted more than once.
    pub doubled: Vec<String>,
}

impl Load {
    /// Waits until all events are judged, and counts the alerts of the
    /// marks. `header` lets it see them: a token's, or a cookie.
    pub fn marks(&self, header: (&str, &str), sent: &Sent) -> anyhow::Result<Marks> {
        let mut line = Line::to(&self.address);
        let mut get = |path: &str| -> anyhow::Result<Value> {
            let (status, text) = line.ask("GET", path, &[header], "")?;
            if status != 200 {
                bail!("{path}: the server answers {status}: {text}");
            }
            Ok(serde_json::from_str(&text)?)
        };
        let mut marks = BTreeMap::new();
        let mut moved = (Instant::now(), Value::Null);
        loop {
            marks.clear();
            let mut cursor = String::new();
            loop {
                let page = get(&format!(
                    "/api/v1/findings?state=all&limit=1000&q=rule:{RULE}{cursor}"
                ))?;
                for alert in page["items"].as_array().into_iter().flatten() {
                    let user = alert["alert"]["principal"]["name"].as_str();
                    let user = user.unwrap_or_default();
                    if user.starts_with(&format!("{}-", self.run)) {
                        let count = alert["occurrences"].as_u64().unwrap_or_default();
                        *marks.entry(user.to_owned()).or_insert(0) += count;
                    }
                }
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let health = get(&format!("/api/v1/clusters/{}/audit", self.cluster))?;
            // What is slow is not lost: given up only when nothing moves.
            if moved.1 != health["events"] {
                moved = (Instant::now(), health["events"].clone());
            }
            let is_judged = health["spool"]["waiting"] == 0;
            if (is_judged && marks.len() as u64 >= sent.marks) || moved.0.elapsed() > PATIENCE {
                break;
            }
            thread::sleep(PAUSE);
        }
        Ok(Marks {
            there: marks.len() as u64,
            doubled: marks
                .into_iter()
                .filter(|(_, count)| *count != 1)
                .map(|(user, count)| format!("{user} × {count}"))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_is_as_large_as_an_api_servers() {
        let load = Load::full(String::new(), String::new(), String::new(), 1);
        let body = load.body(7, Timestamp::UNIX_EPOCH);
        let list: Value = serde_json::from_str(&body).unwrap();
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 400);
        assert_eq!(items[0]["user"]["username"], "load-7");
        assert_eq!(items[399]["auditID"], "load-7-399");
        assert!((950_000..1_050_000).contains(&body.len()), "{}", body.len());
    }

    #[test]
    fn percentile_of_nothing_is_nothing() {
        assert_eq!(Sent::default().percentile(99), Duration::ZERO);
    }
}
