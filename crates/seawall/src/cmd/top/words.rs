//! How figures and names are written in the few columns there are.

use api::{
    Finding,
    sensor::{SensorContainer, SensorState},
};

pub(super) fn state(state: SensorState) -> &'static str {
    match state {
        SensorState::Silent => "silent",
        SensorState::Degraded => "degraded",
        SensorState::Healthy => "healthy",
    }
}

/// Events a second: `0`, `1.4`, `212`, `12k`.
pub(super) fn rate(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => format!("{:.0}k", value / 1000.0),
        value if value >= 10.0 => format!("{value:.0}"),
        value if value > 0.0 => format!("{value:.1}"),
        _ => "0".to_owned(),
    }
}

/// Percent of one core.
pub(super) fn cpu(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}%")
    } else {
        format!("{value:.1}%")
    }
}

/// `38/64 MB`.
pub(super) fn memory(used: u64, limit: u64) -> String {
    format!("{}/{} MB", used / 1_000_000, limit / 1_000_000)
}

/// `48k`, where room is short.
pub(super) fn compact(value: u64) -> String {
    match value {
        0..10_000 => value.to_string(),
        10_000..10_000_000 => format!("{}k", value / 1000),
        _ => format!("{}M", value / 1_000_000),
    }
}

/// Its name, or the part of its id that people quote.
pub(super) fn name(container: &SensorContainer) -> &str {
    if container.name.is_empty() {
        container.id.get(..12).unwrap_or(&container.id)
    } else {
        &container.name
    }
}

/// An image's name without its registry, which says least.
pub(super) fn image(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => name,
    }
}

/// `namespace/pod`, or nothing outside of Kubernetes.
pub(super) fn pod(container: &SensorContainer) -> String {
    let parts = [container.namespace.as_deref(), container.pod.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// What an alert says: its title, and this time's line where there is one.
pub(super) fn said(alert: &Finding) -> String {
    match &alert.summary {
        Some(summary) if !summary.is_empty() => format!("{}: {summary}", alert.title),
        _ => alert.title.clone(),
    }
}
