//! The screen as it is drawn: a line about all, three lists, and what is
//! open over them. Colour only says again what a word says.

use api::{
    Finding, Severity,
    sensor::{Sensor, SensorState},
};
use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Paragraph, Row, Table, TableState},
};

use super::{
    look::{Running, SensorSort},
    over,
    screen::{List, Screen},
    words,
};
use crate::{
    args::top::Sort,
    cmd::{
        finding::place,
        remote::output::{age, word},
    },
};

/// Colours, where there may be any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) is_colored: bool,
}

impl Palette {
    fn of(self, color: Color) -> Style {
        if self.is_colored {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    pub(super) fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn warn(self) -> Style {
        self.of(Color::Yellow)
    }

    fn good(self) -> Style {
        self.of(Color::Green)
    }

    pub(super) fn quiet(self) -> Style {
        self.of(Color::DarkGray)
    }

    fn state(self, state: SensorState) -> Style {
        match state {
            SensorState::Silent => self.bad(),
            SensorState::Degraded => self.warn(),
            SensorState::Healthy => self.good(),
        }
    }

    pub(super) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Critical | Severity::High => self.bad(),
            Severity::Medium => self.warn(),
            _ => Style::new(),
        }
    }
}

/// Text from outside, without what would steer a terminal.
pub(super) fn clean(text: &str) -> String {
    report::plain(text).into_owned()
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen, palette: Palette, now: Timestamp) {
    let area = frame.area();
    // Few sensors need little room; the rest is shared by the other two.
    let wanted = u16::try_from(screen.sensors.len()).unwrap_or(u16::MAX);
    let sensors = wanted.saturating_add(2).clamp(3, (area.height / 4).max(3));
    let [head, top, middle, bottom, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(sensors),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(header(screen, palette, now)), head);
    sensor_list(frame, top, screen, palette, now);
    container_list(frame, middle, screen, palette);
    alert_list(frame, bottom, screen, palette, now);
    frame.render_widget(Paragraph::new(footer(screen, palette)), foot);
    if let Some(open) = &screen.over {
        over::draw(frame, area, screen, open, palette, now);
    }
}

/// How it stands with all of them.
fn header(screen: &Screen, palette: Palette, now: Timestamp) -> Vec<Line<'static>> {
    let look = screen.look();
    let of = |state: SensorState| {
        let number = look.sensors.iter().filter(|each| each.state == state);
        number.count()
    };
    let mut spans = vec![
        Span::styled("seawall top", BOLD),
        Span::raw(format!("  {}  ", clean(&screen.server))),
    ];
    for state in [
        SensorState::Silent,
        SensorState::Degraded,
        SensorState::Healthy,
    ] {
        let number = of(state);
        let style = if number > 0 {
            palette.state(state)
        } else {
            palette.quiet()
        };
        spans.push(Span::styled(
            format!("{number} {}  ", words::state(state)),
            style,
        ));
    }
    let events: f64 = look.sensors.iter().map(|sensor| sensor.events).sum();
    let dropped: u64 = look.sensors.iter().map(|sensor| sensor.dropped).sum();
    let containers: u64 = look.sensors.iter().map(|sensor| sensor.containers).sum();
    spans.push(Span::raw(format!(
        "{containers} containers  {} events/s  ",
        words::rate(events)
    )));
    if dropped > 0 {
        spans.push(Span::styled(
            format!("{} dropped", words::compact(dropped)),
            palette.bad(),
        ));
    }
    let second = if look.sensors.is_empty() && screen.problem.is_none() {
        Line::styled(
            "No sensor reports to this server. On a node: sudo seawall-sensor run --server URL",
            palette.warn(),
        )
    } else if let Some(problem) = &screen.problem {
        let shown = format!(
            "what is shown is {} old: {}",
            seconds(look.time, now),
            clean(problem)
        );
        Line::styled(shown, palette.bad())
    } else if screen.is_paused {
        Line::styled(
            format!(
                "paused: what is shown is {} old; p goes on",
                seconds(look.time, now)
            ),
            palette.warn(),
        )
    } else if look.unasked > 0 {
        Line::styled(
            format!("the containers of {} sensors are not listed", look.unasked),
            palette.warn(),
        )
    } else {
        Line::default()
    };
    vec![Line::from(spans), second]
}

/// `12 s`, `3 min`.
fn seconds(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds / 60)
    }
}

fn footer(screen: &Screen, palette: Palette) -> Line<'static> {
    if screen.is_typing {
        return Line::from(vec![
            Span::styled("/", BOLD),
            Span::raw(clean(&screen.filter)),
            Span::styled("█", BOLD),
            Span::styled("  Enter keeps it, Esc clears it", palette.quiet()),
        ]);
    }
    let mut spans = Vec::new();
    if !screen.filter.is_empty() {
        spans.push(Span::styled(
            format!("only “{}” (Esc clears)  ", clean(&screen.filter)),
            palette.warn(),
        ));
    }
    for (key, does) in [
        ("q", "leave"),
        ("Tab", "next list"),
        ("↑↓", "move"),
        ("Enter", "details"),
        ("s", "order"),
        ("r", "reverse"),
        ("/", "filter"),
        ("p", "pause"),
        ("?", "help"),
    ] {
        spans.push(Span::styled(key, BOLD));
        spans.push(Span::styled(format!(" {does}  "), palette.quiet()));
    }
    Line::from(spans)
}

/// A column, and how wide the terminal has to be for it.
struct Column {
    name: &'static str,
    width: Constraint,
    least: u16,
}

const fn column(name: &'static str, width: Constraint, least: u16) -> Column {
    Column { name, width, least }
}

/// A list with its frame; the steered one is bold.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a table, each named where it is called"
)]
fn list(
    frame: &mut Frame<'_>,
    area: Rect,
    screen: &Screen,
    palette: Palette,
    which: List,
    title: String,
    columns: &[Column],
    rows: Vec<Vec<Cell<'static>>>,
) {
    let is_shown = |column: &&Column| area.width >= column.least;
    let heads: Vec<&Column> = columns.iter().filter(is_shown).collect();
    let rows = rows.into_iter().map(|cells| {
        let shown = cells.into_iter().zip(columns);
        Row::new(shown.filter_map(|(cell, column)| is_shown(&column).then_some(cell)))
    });
    let is_steered = screen.list == which && screen.over.is_none();
    let edge = if screen.list == which {
        BOLD
    } else {
        palette.quiet()
    };
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(edge)
        .title(Span::styled(title, edge));
    let header = Row::new(heads.iter().map(|column| column.name)).style(palette.quiet());
    let table = Table::new(rows, heads.iter().map(|column| column.width))
        .header(header)
        .block(block)
        .column_spacing(1)
        .row_highlight_style(if is_steered {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new()
        });
    let mut state = TableState::new().with_selected(screen.at(which));
    frame.render_stateful_widget(table, area, &mut state);
}

fn titled(noun: &str, shown: usize, all: usize, by: &str, is_reversed: bool) -> String {
    let number = if shown == all {
        shown.to_string()
    } else {
        format!("{shown} of {all}")
    };
    let turned = if is_reversed { ", reversed" } else { "" };
    format!(" {noun} ({number}), by {by}{turned} ")
}

fn sensor_list(
    frame: &mut Frame<'_>,
    area: Rect,
    screen: &Screen,
    palette: Palette,
    now: Timestamp,
) {
    let by = match screen.sensor_sort {
        SensorSort::State => "state",
        SensorSort::Node => "node",
        SensorSort::Events => "events",
        SensorSort::Cpu => "CPU",
        SensorSort::Dropped => "dropped",
    };
    let title = titled(
        "Sensors",
        screen.sensors.len(),
        screen.look().sensors.len(),
        by,
        screen.is_reversed(List::Sensors),
    );
    let heads = [
        column("NODE", Constraint::Fill(3), 0),
        column("CLUSTER", Constraint::Fill(2), 80),
        column("STATE", Constraint::Length(9), 0),
        column("CPU", Constraint::Length(6), 0),
        column("MEMORY", Constraint::Length(10), 100),
        column("EVENTS/S", Constraint::Length(8), 0),
        column("DROPPED", Constraint::Length(8), 40),
        column("HEARD", Constraint::Length(7), 60),
    ];
    let rows = screen
        .sensors
        .iter()
        .map(|sensor| sensor_row(sensor, palette, now))
        .collect();
    list(
        frame,
        area,
        screen,
        palette,
        List::Sensors,
        title,
        &heads,
        rows,
    );
}

fn sensor_row(sensor: &Sensor, palette: Palette, now: Timestamp) -> Vec<Cell<'static>> {
    let dropped = if sensor.dropped > 0 {
        Span::styled(words::compact(sensor.dropped), palette.bad())
    } else {
        Span::raw("0")
    };
    vec![
        Cell::from(clean(&sensor.node)),
        Cell::from(clean(sensor.cluster.as_deref().unwrap_or("-"))),
        Cell::from(Span::styled(
            words::state(sensor.state),
            palette.state(sensor.state),
        )),
        Cell::from(words::cpu(sensor.cpu)),
        Cell::from(words::memory(sensor.memory, sensor.memory_limit)),
        Cell::from(words::rate(sensor.events)),
        Cell::from(dropped),
        Cell::from(age(sensor.last_seen, now)),
    ]
}

fn container_list(frame: &mut Frame<'_>, area: Rect, screen: &Screen, palette: Palette) {
    let by = match screen.sort {
        Sort::Events => "events",
        Sort::Cpu => "CPU",
        Sort::Alerts => "alerts",
        Sort::Processes => "processes",
        Sort::Name => "name",
    };
    let title = titled(
        "Containers",
        screen.containers.len(),
        screen.look().containers.len(),
        by,
        screen.is_reversed(List::Containers),
    );
    let heads = [
        column("CONTAINER", Constraint::Fill(3), 0),
        column("POD", Constraint::Fill(3), 80),
        column("IMAGE", Constraint::Fill(4), 60),
        column("NODE", Constraint::Fill(2), 100),
        column("EVENTS/S", Constraint::Length(8), 0),
        column("CPU", Constraint::Length(6), 0),
        column("PROCS", Constraint::Length(5), 90),
        column("ALERTS", Constraint::Length(6), 50),
    ];
    let rows = screen
        .containers
        .iter()
        .map(|each| container_row(each, palette))
        .collect();
    list(
        frame,
        area,
        screen,
        palette,
        List::Containers,
        title,
        &heads,
        rows,
    );
}

fn container_row(each: &Running, palette: Palette) -> Vec<Cell<'static>> {
    let container = &each.container;
    let alerts = container.alerts.to_string();
    vec![
        Cell::from(clean(words::name(container))),
        Cell::from(clean(&words::pod(container))),
        Cell::from(clean(words::image(&container.image))),
        Cell::from(clean(&each.node)),
        Cell::from(words::rate(container.events)),
        Cell::from(words::cpu(container.cpu)),
        Cell::from(container.processes.to_string()),
        Cell::from(if container.alerts > 0 {
            Span::styled(alerts, palette.bad())
        } else {
            Span::raw(alerts)
        }),
    ]
}

fn alert_list(
    frame: &mut Frame<'_>,
    area: Rect,
    screen: &Screen,
    palette: Palette,
    now: Timestamp,
) {
    let title = titled(
        "Open alerts",
        screen.alerts.len(),
        screen.look().alerts.len(),
        "time",
        screen.is_reversed(List::Alerts),
    );
    let heads = [
        column("LAST", Constraint::Length(6), 0),
        column("SEVERITY", Constraint::Length(8), 0),
        column("TIMES", Constraint::Length(5), 80),
        column("WHERE", Constraint::Fill(3), 60),
        column("ALERT", Constraint::Fill(6), 0),
    ];
    let rows = screen
        .alerts
        .iter()
        .map(|alert| alert_row(alert, palette, now))
        .collect();
    list(
        frame,
        area,
        screen,
        palette,
        List::Alerts,
        title,
        &heads,
        rows,
    );
}

fn alert_row(alert: &Finding, palette: Palette, now: Timestamp) -> Vec<Cell<'static>> {
    vec![
        Cell::from(age(alert.last_seen, now)),
        Cell::from(Span::styled(
            word(&alert.severity),
            palette.severity(alert.severity),
        )),
        Cell::from(alert.occurrences.to_string()),
        Cell::from(clean(&place(alert))),
        Cell::from(clean(&words::said(alert))),
    ]
}
