//! What is seen at one look: sensors, their containers, the latest alerts.

use std::cmp::Ordering;

use api::{
    Finding,
    client::{ClientError, Parameters},
    sensor::{Sensor, SensorContainer, SensorDetail},
};
use fetch::FetchError;
use jiff::Timestamp;
use serde::Serialize;

use crate::{args::top::Sort, cmd::remote::Server};

/// Sensors asked for their containers at each look.
const SENSORS: usize = 64;
/// Alerts looked at, the latest first.
const ALERTS: usize = 60;

/// One look at everything.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Look {
    pub(super) time: Timestamp,
    pub(super) sensors: Vec<Sensor>,
    /// Of all sensors that were asked.
    pub(super) containers: Vec<Running>,
    pub(super) alerts: Vec<Finding>,
    /// Sensors whose containers are not listed: there are too many, or
    /// they did not answer.
    pub(super) unasked: usize,
    /// What is known of the asked sensors beyond the list.
    #[serde(skip)]
    pub(super) details: Vec<SensorDetail>,
}

/// A container, and where it runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Running {
    pub(super) node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<String>,
    #[serde(flatten)]
    pub(super) container: SensorContainer,
}

pub(super) fn look(
    server: &Server,
    environment: Option<&str>,
    now: Timestamp,
) -> Result<Look, ClientError<FetchError>> {
    let place = ("environment", environment.map(str::to_owned));
    let sensors = server.sensors(std::slice::from_ref(&place))?;
    let mut found = Look {
        time: now,
        unasked: sensors.len().saturating_sub(SENSORS),
        ..Look::default()
    };
    for sensor in sensors.iter().take(SENSORS) {
        let asked: &Parameters<'_> = &[("environment", Some(sensor.environment.clone()))];
        match server.sensor(&sensor.node, asked) {
            Ok(detail) => found.take(detail),
            // It may just have been forgotten; the others are told of.
            Err(ClientError::Refused(_)) => found.unasked += 1,
            Err(error) => return Err(error),
        }
    }
    found.sensors = sensors;
    let page = server.findings(&[
        ("q", Some("kind:alert".to_owned())),
        place,
        ("sort", Some("-last_seen".to_owned())),
        ("limit", Some(ALERTS.to_string())),
    ])?;
    found.alerts = page.items;
    Ok(found)
}

impl Look {
    fn take(&mut self, detail: SensorDetail) {
        self.containers
            .extend(detail.status.containers.iter().map(|container| Running {
                node: detail.sensor.node.clone(),
                cluster: detail.sensor.cluster.clone(),
                container: container.clone(),
            }));
        self.details.push(detail);
    }

    /// As the command line asks for it.
    pub(super) fn narrowed(mut self, filter: &str, sort: Sort) -> Self {
        self.sensors.retain(|sensor| fits_sensor(sensor, filter));
        self.containers.retain(|each| fits_container(each, filter));
        self.alerts.retain(|alert| fits_alert(alert, filter));
        order_sensors(&mut self.sensors, SensorSort::State, false);
        order(&mut self.containers, sort, false);
        self
    }
}

/// By what sensors are ordered on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SensorSort {
    /// The worst off first.
    #[default]
    State,
    Node,
    Events,
    Cpu,
    Dropped,
}

pub(super) fn order_sensors(sensors: &mut [Sensor], sort: SensorSort, reversed: bool) {
    let by = |a: &Sensor, b: &Sensor| match sort {
        SensorSort::State => a.state.cmp(&b.state),
        SensorSort::Node => Ordering::Equal,
        SensorSort::Events => b.events.total_cmp(&a.events),
        SensorSort::Cpu => b.cpu.total_cmp(&a.cpu),
        SensorSort::Dropped => b.dropped.cmp(&a.dropped),
    };
    sensors.sort_by(|a, b| {
        let order = by(a, b).then_with(|| a.node.cmp(&b.node));
        if reversed { order.reverse() } else { order }
    });
}

pub(super) fn order(containers: &mut [Running], sort: Sort, reversed: bool) {
    let by = |a: &SensorContainer, b: &SensorContainer| match sort {
        Sort::Events => b.events.total_cmp(&a.events),
        Sort::Cpu => b.cpu.total_cmp(&a.cpu),
        Sort::Alerts => b.alerts.cmp(&a.alerts),
        Sort::Processes => b.processes.cmp(&a.processes),
        Sort::Name => Ordering::Equal,
    };
    containers.sort_by(|a, b| {
        let order = by(&a.container, &b.container)
            .then_with(|| a.container.name.cmp(&b.container.name))
            .then_with(|| a.container.id.cmp(&b.container.id));
        if reversed { order.reverse() } else { order }
    });
}

/// Any of the texts has the words, letters' case aside.
fn has<'a>(texts: impl IntoIterator<Item = &'a str>, filter: &str) -> bool {
    let wanted = filter.trim().to_lowercase();
    wanted.is_empty()
        || texts
            .into_iter()
            .any(|text| text.to_lowercase().contains(&wanted))
}

pub(super) fn fits_sensor(sensor: &Sensor, filter: &str) -> bool {
    let cluster = sensor.cluster.as_deref().unwrap_or_default();
    has(
        [&*sensor.node, cluster, &*sensor.kernel, &*sensor.version],
        filter,
    )
}

pub(super) fn fits_container(each: &Running, filter: &str) -> bool {
    let container = &each.container;
    has(
        [
            &*container.name,
            &*container.image,
            container.namespace.as_deref().unwrap_or_default(),
            container.pod.as_deref().unwrap_or_default(),
            &*container.id,
            &*each.node,
            each.cluster.as_deref().unwrap_or_default(),
        ],
        filter,
    )
}

pub(super) fn fits_alert(alert: &Finding, filter: &str) -> bool {
    let asset = &alert.asset;
    has(
        [
            &*alert.title,
            alert.summary.as_deref().unwrap_or_default(),
            &*alert.rule,
            &*asset.name,
            asset.cluster.as_deref().unwrap_or_default(),
            asset.namespace.as_deref().unwrap_or_default(),
            alert.image.as_ref().map_or("", |image| &image.name),
        ],
        filter,
    )
}
