//! What is seen at one look, for a pipe or a paper.

use api::{Finding, sensor::Sensor};
use jiff::Timestamp;
use report::Heading;

use super::{
    look::{Look, Running},
    words,
};
use crate::{
    cmd::{
        Context,
        finding::place,
        remote::output::{age, json, word},
        write_stdout,
    },
    exit::Failure,
};

pub(super) fn print_json(look: &Look) -> Result<(), Failure> {
    write_stdout(&json(look)?)
}

/// Three tables, each under its name.
pub(super) fn print(context: &Context, look: &Look) -> Result<(), Failure> {
    let mut out = Vec::new();
    let mut table = |title: &str, headings: &[Heading], rows: &[Vec<String>]| {
        if !out.is_empty() {
            out.push(b'\n');
        }
        out.extend(format!("{title}\n").into_bytes());
        if rows.is_empty() {
            return Ok(());
        }
        report::write_list(
            headings,
            rows,
            context.terminal.width,
            context.terminal.color_stdout,
            &mut out,
        )
    };
    let now = look.time;
    table(
        &titled("sensor", look.sensors.len()),
        SENSORS,
        &rows(&look.sensors, |sensor| sensor_row(sensor, now)),
    )
    .and_then(|()| {
        table(
            &titled("container", look.containers.len()),
            CONTAINERS,
            &rows(&look.containers, container_row),
        )
    })
    .and_then(|()| {
        table(
            &titled("alert", look.alerts.len()),
            ALERTS,
            &rows(&look.alerts, |alert| alert_row(alert, now)),
        )
    })
    .map_err(Failure::failed)?;
    write_stdout(&out)
}

fn titled(noun: &str, number: usize) -> String {
    match number {
        0 => format!("No {noun}s"),
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

fn rows<T>(items: &[T], row: impl Fn(&T) -> Vec<String>) -> Vec<Vec<String>> {
    items.iter().map(row).collect()
}

const SENSORS: &[Heading] = &[
    Heading::whole("NODE").cut(12, 0),
    Heading::whole("CLUSTER").cut(6, 4),
    Heading::whole("STATE"),
    Heading::whole("CPU"),
    Heading::whole("MEMORY").cut(7, 3),
    Heading::whole("EVENTS/S"),
    Heading::whole("DROPPED"),
    Heading::whole("CONTAINERS").cut(10, 2),
    Heading::whole("KERNEL").cut(8, 5),
    Heading::whole("HEARD").cut(5, 1),
];

fn sensor_row(sensor: &Sensor, now: Timestamp) -> Vec<String> {
    vec![
        sensor.node.clone(),
        sensor.cluster.clone().unwrap_or_else(|| "-".to_owned()),
        words::state(sensor.state).to_owned(),
        words::cpu(sensor.cpu),
        words::memory(sensor.memory, sensor.memory_limit),
        words::rate(sensor.events),
        sensor.dropped.to_string(),
        sensor.containers.to_string(),
        sensor.kernel.clone(),
        age(sensor.last_seen, now),
    ]
}

const CONTAINERS: &[Heading] = &[
    Heading::whole("CONTAINER").cut(12, 0),
    Heading::whole("POD").cut(8, 3),
    Heading::whole("IMAGE").cut(12, 4).ends_matter(),
    Heading::whole("NODE").cut(8, 5),
    Heading::whole("EVENTS/S"),
    Heading::whole("CPU"),
    Heading::whole("PROCESSES").cut(9, 2),
    Heading::whole("ALERTS"),
];

fn container_row(each: &Running) -> Vec<String> {
    let container = &each.container;
    vec![
        words::name(container).to_owned(),
        words::pod(container),
        container.image.clone(),
        each.node.clone(),
        words::rate(container.events),
        words::cpu(container.cpu),
        container.processes.to_string(),
        container.alerts.to_string(),
    ]
}

const ALERTS: &[Heading] = &[
    Heading::whole("LAST"),
    Heading::whole("SEVERITY"),
    Heading::whole("ID").cut(6, 4),
    Heading::whole("WHERE").cut(12, 1).ends_matter(),
    Heading::whole("TIMES").cut(5, 3),
    Heading::whole("ALERT").cut(16, 0),
];

fn alert_row(alert: &Finding, now: Timestamp) -> Vec<String> {
    vec![
        age(alert.last_seen, now),
        word(&alert.severity),
        alert.id.clone(),
        place(alert),
        alert.occurrences.to_string(),
        words::said(alert),
    ]
}
