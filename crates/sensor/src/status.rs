//! How the sensor is, in words for the server and for people.

use std::{collections::HashMap, fs};

use api::sensor::{SensorClass, SensorContainer, SensorStatus};
use jiff::Timestamp;
use rules::syscall::{Bytes, Container};

use crate::{
    context::Known,
    governor::Bulk,
    kernel::{Class, ClassCounters, Report},
    spool::Origin,
};

/// Containers told of; the busiest.
const MAX_CONTAINERS: usize = 500;

/// What was counted when it was told last, so that rates can be told.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    classes: HashMap<Class, ClassCounters>,
    containers: HashMap<Bytes, u64>,
}

/// More of a class than was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) class: Class,
    /// No room between the kernel and here.
    pub(crate) dropped: u64,
    /// More than one control group may send.
    pub(crate) suppressed: u64,
}

impl Rates {
    /// Classes as they are told, and what was lost since the last time.
    pub(crate) fn classes(
        &mut self,
        counters: &[ClassCounters],
        shed: &[Bulk],
        seconds: f64,
    ) -> (Vec<SensorClass>, Vec<Lost>) {
        let mut told = Vec::new();
        let mut lost = Vec::new();
        for now in counters {
            let before = self.classes.insert(now.class, *now);
            let since = |count: fn(&ClassCounters) -> u64| {
                count(now).saturating_sub(before.as_ref().map_or(0, count))
            };
            let (dropped, suppressed) = (since(|it| it.dropped), since(|it| it.suppressed));
            if dropped + suppressed > 0 {
                lost.push(Lost {
                    class: now.class,
                    dropped,
                    suppressed,
                });
            }
            if now.class == Class::Synthetic {
                continue;
            }
            told.push(SensorClass {
                name: now.class.as_str().to_owned(),
                seen: now.seen,
                filtered: now.filtered,
                delivered: now.delivered,
                dropped: now.dropped + now.suppressed,
                rate: rate(since(|it| it.delivered), seconds),
                shed: shed.iter().any(|each| each.class() == now.class.as_str()),
            });
        }
        (told, lost)
    }

    /// Containers as they are told, the busiest first.
    pub(crate) fn containers<'a>(
        &mut self,
        known: impl Iterator<Item = &'a Known>,
        alerts: impl Fn(&Container) -> u64,
        cpu: impl Fn(&Container) -> Option<f64>,
        seconds: f64,
    ) -> Vec<SensorContainer> {
        let mut counts = HashMap::new();
        let mut told: Vec<_> = known
            .map(|each| {
                let id = &each.container.full_id;
                let before = self.containers.get(id).copied().unwrap_or(each.events);
                counts.insert(id.clone(), each.events);
                let since = each.events.saturating_sub(before);
                let alerts = alerts(&each.container);
                let cpu = cpu(&each.container).unwrap_or_default();
                container(each, rate(since, seconds), alerts, cpu)
            })
            .collect();
        self.containers = counts;
        told.sort_by(|a, b| b.events.total_cmp(&a.events).then_with(|| a.id.cmp(&b.id)));
        told.truncate(MAX_CONTAINERS);
        told
    }
}

fn container(known: &Known, events: f64, alerts: u64, cpu: f64) -> SensorContainer {
    let it = &known.container;
    let pod = it.pod.as_ref();
    SensorContainer {
        id: text(&it.full_id),
        name: text(&it.name),
        image: text(&it.image),
        digest: some(&it.digest),
        namespace: pod.and_then(|pod| some(&pod.namespace)),
        pod: pod.and_then(|pod| some(&pod.name)),
        runtime: text(&it.runtime),
        processes: known.processes.into(),
        events,
        cpu,
        alerts,
    }
}

fn rate(count: u64, seconds: f64) -> f64 {
    if seconds <= 0.0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate is no count")]
    let count = count as f64;
    (count / seconds * 10.0).round() / 10.0
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn some(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| text(bytes))
}

/// How a sensor is before it has seen anything.
pub(crate) fn first(
    cluster: Option<&str>,
    origin: &Origin,
    report: &Report,
    started: Timestamp,
) -> SensorStatus {
    let system = rustix::system::uname();
    SensorStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot: origin.boot.clone(),
        cluster: cluster.map(str::to_owned),
        kernel: system.release().to_string_lossy().into_owned(),
        architecture: system.machine().to_string_lossy().into_owned(),
        os: os_name(),
        started,
        cpu: 0.0,
        memory: 0,
        memory_limit: 0,
        spool: 0,
        spool_limit: 0,
        processes: 0,
        features: report.to_wire(),
        classes: Vec::new(),
        containers: Vec::new(),
        rules: 0,
        policy: String::new(),
        notes: Vec::new(),
    }
}

/// As `/etc/os-release` names it.
fn os_name() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(delivered: u64, dropped: u64) -> ClassCounters {
        ClassCounters {
            class: Class::File,
            seen: 100,
            filtered: 3,
            suppressed: 0,
            sent: delivered,
            dropped,
            delivered,
        }
    }

    #[test]
    fn rates_and_losses_are_of_the_time_between() {
        let mut rates = Rates::default();
        let (_, lost) = rates.classes(&[counters(10, 0)], &[], 1.0);
        assert!(lost.is_empty());
        let (told, lost) = rates.classes(&[counters(30, 5)], &[Bulk::FileRead], 2.0);
        assert!((told[0].rate - 10.0).abs() < 1e-9);
        assert!(told[0].shed);
        assert_eq!((lost[0].class, lost[0].dropped), (Class::File, 5));
    }

    #[test]
    fn no_time_is_no_rate() {
        assert!(rate(5, 0.0).abs() < 1e-9);
    }
}
