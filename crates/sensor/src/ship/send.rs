//! Sends the spool's items, in order, until the server has dealt with
//! them.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Shared, aside,
    backoff::Backoff,
    link::{Link, MAX_ANSWER},
    verdict::{self, Verdict},
};
use crate::spool::{Batch, Item};

/// The most that is sent at once: what the server takes, with room.
const MOST: usize = 500;
const MOST_BYTES: usize = 2 << 20;
/// Looked at so often even where nobody says that there is more.
const AT_LEAST: Duration = Duration::from_secs(5);

/// How much is sent at once for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    items: usize,
    bytes: usize,
}

impl Bounds {
    const FULL: Self = Self {
        items: MOST,
        bytes: MOST_BYTES,
    };

    /// Half of what was too much.
    fn halved(batch: &Batch) -> Self {
        let bytes: usize = batch.items.iter().map(|item| item.payload.len() + 1).sum();
        Self {
            items: (batch.items.len() / 2).max(1),
            bytes: (bytes / 2).max(1),
        }
    }

    fn grown(self) -> Self {
        Self {
            items: (self.items * 2).min(MOST),
            bytes: (self.bytes * 2).min(MOST_BYTES),
        }
    }
}

/// Sends until told to stop.
pub(super) fn run(shared: &Shared, link: &Link) {
    let mut sender = Sender {
        shared,
        link,
        backoff: shared.backoff("alerts"),
        bounds: Bounds::FULL,
        token: link.token().ok(),
    };
    while !shared.is_stopping.load(Ordering::SeqCst) {
        let bounds = sender.bounds;
        match shared.spool.next(bounds.items, bounds.bytes) {
            Some(batch) => sender.send(&batch),
            None => shared.spool.wait(AT_LEAST),
        }
    }
}

struct Sender<'a> {
    shared: &'a Shared,
    link: &'a Link,
    backoff: Backoff,
    bounds: Bounds,
    token: Option<String>,
}

impl Sender<'_> {
    fn send(&mut self, batch: &Batch) {
        match self.ask(batch) {
            Verdict::Taken(receipt) => {
                for refused in &receipt.refused {
                    let mut items = batch.items.iter();
                    if let Some(item) = items.find(|item| item.sequence == refused.sequence) {
                        self.set_aside(item, &refused.reason);
                    }
                }
                self.shared.heard(receipt.policy);
                self.shared.spool.acknowledge(batch);
                self.is_well();
            }
            Verdict::TooLarge | Verdict::Poisonous(_) if batch.items.len() > 1 => {
                self.bounds = Bounds::halved(batch);
            }
            Verdict::TooLarge => self.drop_alone(batch, "larger than the server takes"),
            Verdict::Poisonous(why) => self.drop_alone(batch, &why),
            Verdict::Later { why, asked } => {
                let wait = self.backoff.failed(asked);
                self.is_unwell(&why, wait);
            }
            Verdict::Mend(why) => {
                let wait = self.backoff.slow();
                self.is_unwell(&why, wait);
                // Perhaps that was the mending.
                self.token = self.link.token().ok();
            }
        }
    }

    fn ask(&mut self, batch: &Batch) -> Verdict {
        if self.token.is_none() {
            self.token = self.link.token().ok();
        }
        let Some(token) = &self.token else {
            let path = self.shared.settings.token_file.display();
            return Verdict::Mend(format!("the token file {path} cannot be read"));
        };
        let body = body(batch, self.shared.settings.cluster.as_deref());
        let answer = self.link.post("batches", token, body).and_then(|answer| {
            let status = answer.status;
            let asked = answer.header("retry-after").map(str::to_owned);
            Ok((status, asked, answer.bytes(MAX_ANSWER)?))
        });
        match answer {
            Ok((status, asked, body)) => verdict::of(status, asked.as_deref(), &body),
            Err(error) => Verdict::Later {
                why: format!("cannot {}", model::error::chain(&error)),
                asked: None,
            },
        }
    }

    fn is_well(&mut self) {
        self.backoff.succeeded();
        self.bounds = self.bounds.grown();
        if self.shared.told().alerts.take().is_some() {
            tracing::info!("alerts reach the server again");
        }
    }

    fn is_unwell(&self, why: &str, wait: Duration) {
        let before = self.shared.told().alerts.replace(why.to_owned());
        if before.is_none() {
            tracing::warn!(
                why,
                "alerts do not reach the server; they wait in the spool"
            );
        }
        self.shared.pause(wait);
    }

    /// Gives up on a single item, so that others are not held up.
    fn drop_alone(&mut self, batch: &Batch, why: &str) {
        for item in &batch.items {
            self.set_aside(item, why);
        }
        self.shared.spool.acknowledge(batch);
        self.is_well();
    }

    fn set_aside(&self, item: &Item, why: &str) {
        let outcome = aside::put(&self.shared.settings.state_dir, item, why);
        let is_kept = matches!(outcome, Ok(true));
        tracing::warn!(
            sequence = item.sequence,
            why,
            is_kept,
            "the server refuses an item"
        );
        self.shared.told().set_aside += 1;
        let class = if is_gap(item) { "loss" } else { "alert" };
        let reason = format!("refused by the server: {why}");
        // A refused gap that made a gap that is refused would never end.
        if class == "alert" {
            self.shared.spool.lose("spool", class, &reason, 1);
        }
    }
}

fn is_gap(item: &Item) -> bool {
    serde_json::from_slice::<api::sensor::SensorItem>(&item.payload)
        .is_ok_and(|item| matches!(item.what, api::sensor::SensorNews::Gap(_)))
}

/// The body of a batch; its items are JSON already.
fn body(batch: &Batch, cluster: Option<&str>) -> Vec<u8> {
    let text = |text: &str| serde_json::to_string(text).expect("invariant: plain data");
    let bytes: usize = batch.items.iter().map(|item| item.payload.len() + 1).sum();
    let mut body = Vec::with_capacity(bytes + 300);
    let origin = &batch.origin;
    let head = format!(
        "{{\"boot\":{},\"run\":{},",
        text(&origin.boot),
        text(&origin.run)
    );
    body.extend_from_slice(head.as_bytes());
    if let Some(cluster) = cluster {
        body.extend_from_slice(format!("\"cluster\":{},", text(cluster)).as_bytes());
    }
    body.extend_from_slice(b"\"items\":[");
    for (index, item) in batch.items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&item.payload);
    }
    body.extend_from_slice(b"]}");
    body
}
