//! Live events inside one process: numbered, remembered for a while,
//! handed to every listener.

use std::{collections::VecDeque, sync::Mutex};

use api::Event;
use jiff::Timestamp;
use tokio::sync::broadcast;

/// Events a listener may be behind before it has to read everything
/// again.
const REMEMBERED: usize = 1024;

/// One numbered event, already written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) name: &'static str,
    /// Whose it is; `None`: everybody's.
    pub(crate) environment: Option<std::sync::Arc<str>>,
    pub(crate) data: std::sync::Arc<str>,
}

#[derive(Debug)]
pub(crate) struct Bus {
    /// Tells the numbers of this run from those of another.
    epoch: i64,
    past: Mutex<Past>,
    listeners: broadcast::Sender<Numbered>,
}

#[derive(Debug, Default)]
struct Past {
    last: u64,
    events: VecDeque<Numbered>,
}

/// What a new listener gets.
pub(crate) struct Subscription {
    /// Missed events, oldest first; `None`: no longer known.
    pub(crate) missed: Option<Vec<Numbered>>,
    /// The last number given out so far.
    pub(crate) last: u64,
    pub(crate) live: broadcast::Receiver<Numbered>,
}

impl Bus {
    pub(crate) fn new(started: Timestamp) -> Self {
        Self {
            epoch: started.as_microsecond(),
            past: Mutex::default(),
            listeners: broadcast::channel(REMEMBERED).0,
        }
    }

    pub(crate) fn publish(&self, event: &Event) {
        let data = serde_json::to_string(event).expect("invariant: events are plain data");
        let mut past = self
            .past
            .lock()
            .expect("invariant: no panic under the lock");
        past.last += 1;
        let numbered = Numbered {
            number: past.last,
            name: event.name(),
            environment: event.environment().map(Into::into),
            data: data.into(),
        };
        if past.events.len() == REMEMBERED {
            past.events.pop_front();
        }
        past.events.push_back(numbered.clone());
        // Sent under the lock, so that numbers arrive in order. Nobody
        // listening is no fault.
        drop(self.listeners.send(numbered));
    }

    /// The `id` of a number.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.epoch)
    }

    /// Listens from now on; `last_seen` is the last `id` heard before.
    pub(crate) fn subscribe(&self, last_seen: Option<&str>) -> Subscription {
        let past = self
            .past
            .lock()
            .expect("invariant: no panic under the lock");
        let missed = match last_seen {
            None => Some(Vec::new()),
            Some(id) => self.after(&past, id),
        };
        Subscription {
            missed,
            last: past.last,
            live: self.listeners.subscribe(),
        }
    }

    fn after(&self, past: &Past, id: &str) -> Option<Vec<Numbered>> {
        let (epoch, number) = id.split_once('.')?;
        let number: u64 = number.parse().ok()?;
        if epoch.parse() != Ok(self.epoch) || number > past.last {
            return None;
        }
        let oldest = past
            .events
            .front()
            .map_or(past.last + 1, |event| event.number);
        if number + 1 < oldest {
            return None;
        }
        Some(
            past.events
                .iter()
                .filter(|event| event.number > number)
                .cloned()
                .collect(),
        )
    }

    pub(crate) fn listeners(&self) -> usize {
        self.listeners.receiver_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus() -> Bus {
        Bus::new(Timestamp::UNIX_EPOCH)
    }

    fn removed(id: &str) -> Event {
        Event::ImageRemoved { id: id.to_owned() }
    }

    #[test]
    fn what_was_missed_is_told_in_order() {
        let bus = bus();
        for id in ["a", "b", "c"] {
            bus.publish(&removed(id));
        }
        let missed = bus.subscribe(Some(&bus.id(1))).missed.unwrap();
        let numbers: Vec<_> = missed.iter().map(|event| event.number).collect();
        assert_eq!(numbers, [2, 3]);
        assert_eq!(bus.subscribe(Some(&bus.id(3))).missed, Some(Vec::new()));
    }

    #[test]
    fn a_number_too_old_or_of_another_run_asks_for_everything_again() {
        let bus = bus();
        for _ in 0..=REMEMBERED {
            bus.publish(&removed("x"));
        }
        assert_eq!(bus.subscribe(Some(&bus.id(0))).missed, None);
        assert!(bus.subscribe(Some(&bus.id(1))).missed.is_some());
        assert_eq!(bus.subscribe(Some("99.1")).missed, None);
        assert_eq!(bus.subscribe(Some("nonsense")).missed, None);
        assert_eq!(bus.subscribe(Some(&bus.id(1 << 40))).missed, None);
    }
}
