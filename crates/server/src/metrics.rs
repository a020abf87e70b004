//! Every number the server exports, by name, in the Prometheus text
//! format. None has a label that grows with what is scanned.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

/// Counters kept while running.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) requests: AtomicU64,
    pub(crate) request_failures: AtomicU64,
    pub(crate) scans_done: AtomicU64,
    pub(crate) scans_failed: AtomicU64,
    pub(crate) scan_milliseconds: AtomicU64,
    pub(crate) scans_retried: AtomicU64,
    pub(crate) registry_walks: AtomicU64,
    pub(crate) registry_failures: AtomicU64,
    pub(crate) registry_events: AtomicU64,
    pub(crate) registry_hooks_refused: AtomicU64,
    pub(crate) database_updates: AtomicU64,
    pub(crate) database_failures: AtomicU64,
    pub(crate) deliveries_done: AtomicU64,
    pub(crate) deliveries_retried: AtomicU64,
    pub(crate) deliveries_dead: AtomicU64,
    pub(crate) notices_delivered: AtomicU64,
    pub(crate) audit_requests: AtomicU64,
    pub(crate) audit_refused: AtomicU64,
    pub(crate) audit_events: AtomicU64,
    pub(crate) audit_faults: AtomicU64,
    pub(crate) audit_alerts: AtomicU64,
    pub(crate) sensor_batches: AtomicU64,
    pub(crate) sensor_alerts: AtomicU64,
    pub(crate) sensor_repeated: AtomicU64,
    pub(crate) sensor_losses: AtomicU64,
}

/// Values read when asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) images: u64,
    pub(crate) findings_open: u64,
    pub(crate) scans_active: u64,
    pub(crate) scans_given_up: u64,
    pub(crate) advisories: u64,
    pub(crate) event_listeners: u64,
    pub(crate) deliveries_pending: u64,
    pub(crate) deliveries_given_up: u64,
    pub(crate) delivery_lag_seconds: u64,
    pub(crate) audit_spool_bytes: u64,
    pub(crate) audit_spool_waiting: u64,
    pub(crate) audit_lag_seconds: u64,
}

pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = [
            (
                "seawall_http_requests_total",
                "Requests answered.",
                read(&self.requests),
            ),
            (
                "seawall_http_failures_total",
                "Requests answered with a fault of the server.",
                read(&self.request_failures),
            ),
            (
                "seawall_scans_done_total",
                "Scans that gave a result.",
                read(&self.scans_done),
            ),
            (
                "seawall_scans_failed_total",
                "Scans that gave none.",
                read(&self.scans_failed),
            ),
            (
                "seawall_scan_milliseconds_total",
                "Time spent in scans that gave a result.",
                read(&self.scan_milliseconds),
            ),
            (
                "seawall_scans_retried_total",
                "Tries of scans that failed and will be made again.",
                read(&self.scans_retried),
            ),
            (
                "seawall_registry_walks_total",
                "Walks of what registries hold.",
                read(&self.registry_walks),
            ),
            (
                "seawall_registry_failures_total",
                "Times a registry could not be asked.",
                read(&self.registry_failures),
            ),
            (
                "seawall_registry_events_total",
                "Events that registries told, each once.",
                read(&self.registry_events),
            ),
            (
                "seawall_registry_hooks_refused_total",
                "Webhooks that proved nothing or were not understood.",
                read(&self.registry_hooks_refused),
            ),
            (
                "seawall_database_updates_total",
                "Advisory updates and imports that succeeded.",
                read(&self.database_updates),
            ),
            (
                "seawall_database_failures_total",
                "Advisory updates and imports that failed.",
                read(&self.database_failures),
            ),
            (
                "seawall_deliveries_done_total",
                "Deliveries to other systems that were taken.",
                read(&self.deliveries_done),
            ),
            (
                "seawall_deliveries_retried_total",
                "Tries of deliveries that failed and will be made again.",
                read(&self.deliveries_retried),
            ),
            (
                "seawall_deliveries_dead_total",
                "Deliveries that were given up.",
                read(&self.deliveries_dead),
            ),
            (
                "seawall_notices_delivered_total",
                "Notices in deliveries that were taken.",
                read(&self.notices_delivered),
            ),
            (
                "seawall_audit_requests_total",
                "Bodies of audit events handed in.",
                read(&self.audit_requests),
            ),
            (
                "seawall_audit_refused_total",
                "Bodies of audit events told to come again.",
                read(&self.audit_refused),
            ),
            (
                "seawall_audit_events_total",
                "Audit events judged or left out.",
                read(&self.audit_events),
            ),
            (
                "seawall_audit_faults_total",
                "Faults of audit events.",
                read(&self.audit_faults),
            ),
            (
                "seawall_audit_alerts_total",
                "Matches of audit rules.",
                read(&self.audit_alerts),
            ),
            (
                "seawall_sensor_batches_total",
                "Batches taken from sensors.",
                read(&self.sensor_batches),
            ),
            (
                "seawall_sensor_alerts_total",
                "Alerts taken from sensors.",
                read(&self.sensor_alerts),
            ),
            (
                "seawall_sensor_repeated_total",
                "Items sensors sent again and that were known.",
                read(&self.sensor_repeated),
            ),
            (
                "seawall_sensor_losses_total",
                "Losses that sensors told of.",
                read(&self.sensor_losses),
            ),
        ];
        let gauges = [
            ("seawall_images", "Targets known.", gauges.images),
            (
                "seawall_findings_open",
                "Open findings.",
                gauges.findings_open,
            ),
            (
                "seawall_scans_active",
                "Scans queued or running.",
                gauges.scans_active,
            ),
            (
                "seawall_scans_given_up",
                "Scans that failed and are not tried again by themselves.",
                gauges.scans_given_up,
            ),
            (
                "seawall_advisories",
                "Advisories in the database in use.",
                gauges.advisories,
            ),
            (
                "seawall_event_listeners",
                "Open event streams.",
                gauges.event_listeners,
            ),
            (
                "seawall_deliveries_pending",
                "Deliveries that wait.",
                gauges.deliveries_pending,
            ),
            (
                "seawall_deliveries_dead",
                "Deliveries that were given up and not replayed.",
                gauges.deliveries_given_up,
            ),
            (
                "seawall_delivery_lag_seconds",
                "How long the oldest waiting delivery waits.",
                gauges.delivery_lag_seconds,
            ),
            (
                "seawall_audit_spool_bytes",
                "Disk that audit events take.",
                gauges.audit_spool_bytes,
            ),
            (
                "seawall_audit_spool_waiting",
                "Bodies of audit events that were not judged yet.",
                gauges.audit_spool_waiting,
            ),
            (
                "seawall_audit_lag_seconds",
                "How long the body judged last had waited, while others wait.",
                gauges.audit_lag_seconds,
            ),
        ];
        let mut text = String::new();
        let kinds = [("counter", &counters[..]), ("gauge", &gauges[..])];
        for (kind, values) in kinds {
            for (name, help, value) in values {
                writeln!(
                    text,
                    "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
                )
                .expect("invariant: writing to a string cannot fail");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_golden_file() {
        let text = Metrics::default().text(&Gauges::default());
        let names: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(' ').next())
            .collect();
        insta::assert_snapshot!(names.join("\n"));
    }
}
