//! What is open over the lists: one sensor, one container, one alert, or
//! the keys.

use api::{FindingDetail, sensor::SensorDetail};
use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Padding, Paragraph, Wrap},
};

use super::{
    draw::{Palette, clean},
    look::Running,
    screen::{Over, Screen, container_id, sensor_id},
    words,
};
use crate::cmd::{
    finding::place,
    remote::output::{age, word},
};

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// Alerts of a container that are listed with it.
const ALERTS: usize = 10;
/// Facts of an alert's evidence that are listed.
const FACTS: usize = 40;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    screen: &Screen,
    open: &Over,
    palette: Palette,
    now: Timestamp,
) {
    let (title, lines) = match open {
        Over::Help => ("Keys".to_owned(), help()),
        Over::Sensor(id) => sensor(screen, id, palette, now),
        Over::Container(id) => container(screen, id, palette, now),
        Over::Alert {
            detail, problem, ..
        } => alert(detail.as_deref(), problem.as_deref(), palette, now),
    };
    let area = area.inner(ratatui::layout::Margin {
        horizontal: (area.width / 16).min(6),
        vertical: (area.height / 12).min(3),
    });
    let block = Block::new()
        .borders(Borders::ALL)
        .padding(Padding::horizontal(1))
        .title(Span::styled(format!(" {} ", clean(&title)), BOLD))
        .title_bottom(" Esc closes, ↑↓ scroll ");
    // Nobody scrolls past the last line.
    let most = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_sub(1);
    let text = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .scroll((screen.scroll.min(most), 0))
        .block(block);
    frame.render_widget(Clear, area);
    frame.render_widget(text, area);
}

fn head(text: &'static str) -> Line<'static> {
    Line::styled(text, BOLD)
}

fn fact(name: &str, value: &str) -> Line<'static> {
    Line::raw(format!("{name:<12} {}", clean(value)))
}

fn help() -> Vec<Line<'static>> {
    [
        (
            "↑ ↓, j k",
            "the row before, the next; the first press chooses the first",
        ),
        ("Home End, g G", "the first row, the last"),
        (
            "Tab, ← →, 1 2 3",
            "the next list; sensors, containers, alerts",
        ),
        ("Enter", "all that is known of the row"),
        (
            "s",
            "another order: by events, CPU, alerts, processes, name",
        ),
        ("r", "the order reversed"),
        (
            "/",
            "only what has these letters in its name, image, pod or node",
        ),
        ("p", "pause, and go on"),
        ("Space", "look now"),
        ("q, Esc", "close what is open, clear the filter, leave"),
    ]
    .into_iter()
    .map(|(keys, does)| {
        Line::from(vec![
            Span::styled(format!("{keys:<17}"), BOLD),
            Span::raw(does),
        ])
    })
    .collect()
}

fn gone(what: &str) -> (String, Vec<Line<'static>>) {
    (
        what.to_owned(),
        vec![Line::raw(
            "It is no longer there, or has not said more yet.",
        )],
    )
}

fn sensor(
    screen: &Screen,
    id: &str,
    palette: Palette,
    now: Timestamp,
) -> (String, Vec<Line<'static>>) {
    let found = screen
        .look()
        .details
        .iter()
        .find(|detail| sensor_id(&detail.sensor) == id);
    let Some(SensorDetail {
        sensor,
        status,
        gaps,
        ..
    }) = found
    else {
        return gone(id);
    };
    let mut lines = vec![
        fact("State", words::state(sensor.state)),
        fact(
            "Cluster",
            sensor.cluster.as_deref().unwrap_or("a host of its own"),
        ),
        fact(
            "System",
            &format!("{}, {} ({})", sensor.os, sensor.kernel, sensor.architecture),
        ),
        fact("Version", &sensor.version),
        fact(
            "Processor",
            &format!("{} of a core", words::cpu(sensor.cpu)),
        ),
        fact("Memory", &words::memory(sensor.memory, sensor.memory_limit)),
        fact("On disk", &words::memory(sensor.spool, sensor.spool_limit)),
        fact("Heard of", &age(sensor.last_seen, now)),
    ];
    for text in sensor.reasons.iter().chain(&status.notes) {
        lines.push(Line::styled(clean(text), palette.warn()));
    }
    lines.push(Line::default());
    lines.push(head("What it sees"));
    lines.push(Line::styled(
        format!(
            "{:<12}{:>14}{:>14}{:>14}{:>12}{:>10}",
            "", "seen", "filtered", "delivered", "dropped", "now/s"
        ),
        palette.quiet(),
    ));
    for class in &status.classes {
        let text = format!(
            "{:<12}{:>14}{:>14}{:>14}{:>12}{:>10}{}",
            clean(&class.name),
            class.seen,
            class.filtered,
            class.delivered,
            class.dropped,
            words::rate(class.rate),
            if class.shed { "  shed for now" } else { "" }
        );
        let style = if class.shed || class.dropped > 0 {
            palette.warn()
        } else {
            Style::new()
        };
        lines.push(Line::styled(text, style));
    }
    lines.push(Line::default());
    lines.push(head("What its kernel allows"));
    for feature in &status.features {
        let lost = if feature.lost.is_empty() {
            String::new()
        } else {
            format!("; lost: {}", feature.lost)
        };
        lines.push(fact(
            &feature.name,
            &format!("{}, {}{lost}", feature.state, feature.detail),
        ));
    }
    if !gaps.is_empty() {
        lines.push(Line::default());
        lines.push(head("What was lost"));
    }
    for loss in gaps.iter().take(ALERTS) {
        let gap = &loss.gap;
        lines.push(Line::styled(
            clean(&format!(
                "{:<6} {} of {} in {}: {}",
                age(gap.to, now),
                gap.count,
                gap.class,
                gap.stage,
                gap.reason
            )),
            palette.bad(),
        ));
    }
    (sensor.node.clone(), lines)
}

fn container(
    screen: &Screen,
    id: &str,
    palette: Palette,
    now: Timestamp,
) -> (String, Vec<Line<'static>>) {
    let mut all = screen.look().containers.iter();
    let Some(
        each @ Running {
            node, container, ..
        },
    ) = all.find(|each| container_id(each) == id)
    else {
        return gone("The container");
    };
    let name = words::name(container).to_owned();
    let mut lines = vec![
        fact("Id", &container.id),
        fact("Image", &container.image),
        fact("Digest", container.digest.as_deref().unwrap_or("not known")),
        fact("Pod", &words::pod(container)),
        fact("Node", node),
        fact(
            "Cluster",
            each.cluster.as_deref().unwrap_or("a host of its own"),
        ),
        fact("Runtime", &container.runtime),
        fact("Processes", &container.processes.to_string()),
        fact("Events/s", &words::rate(container.events)),
        fact(
            "Processor",
            &format!("{} of a core", words::cpu(container.cpu)),
        ),
        Line::default(),
        head("Its latest alerts"),
    ];
    // An alert names the pod where there is one, else the container.
    let is_of = |alert: &&api::Finding| {
        let asset = &alert.asset;
        let names = [Some(&*name), container.pod.as_deref()];
        names.into_iter().flatten().any(|each| each == asset.name)
            && (container.namespace.is_none() || container.namespace == asset.namespace)
    };
    let before = lines.len();
    for alert in screen.look().alerts.iter().filter(is_of).take(ALERTS) {
        lines.push(Line::styled(
            clean(&format!(
                "{:<6} {:<8} {}",
                age(alert.last_seen, now),
                word(&alert.severity),
                words::said(alert)
            )),
            palette.severity(alert.severity),
        ));
    }
    if lines.len() == before {
        lines.push(Line::styled("none among the latest", palette.quiet()));
    }
    (name, lines)
}

fn alert(
    detail: Option<&FindingDetail>,
    problem: Option<&str>,
    palette: Palette,
    now: Timestamp,
) -> (String, Vec<Line<'static>>) {
    let Some(detail) = detail else {
        let line = match problem {
            Some(why) => Line::styled(clean(why), palette.bad()),
            None => Line::raw("Asking…"),
        };
        return ("The alert".to_owned(), vec![line]);
    };
    let finding = &detail.finding;
    let mut lines = vec![
        Line::from(vec![
            Span::raw(format!("{:<12} ", "Severity")),
            Span::styled(word(&finding.severity), palette.severity(finding.severity)),
        ]),
        fact("Rule", &finding.rule),
        fact("Id", &finding.id),
        fact("Where", &place(finding)),
        fact(
            "Image",
            finding.image.as_ref().map_or("", |image| &image.name),
        ),
        fact("What", finding.summary.as_deref().unwrap_or_default()),
        fact(
            "Seen",
            &format!(
                "first {}, last {}, {} times",
                finding.first_seen, finding.last_seen, finding.occurrences
            ),
        ),
        fact("Age", &age(finding.last_seen, now)),
    ];
    if !detail.why.is_empty() {
        lines.push(Line::default());
        lines.push(head("Why it matters"));
        lines.push(Line::raw(clean(&detail.why)));
    }
    if let Some(serde_json::Value::Object(facts)) = &detail.evidence {
        lines.push(Line::default());
        lines.push(head("Evidence"));
        for (name, value) in facts.iter().take(FACTS) {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            lines.push(fact(&clean(name), &text));
        }
    }
    for (index, step) in detail.remediation.iter().enumerate() {
        if index == 0 {
            lines.push(Line::default());
            lines.push(head("What to do"));
        }
        lines.push(Line::raw(format!("{}. {}", index + 1, clean(&step.text))));
        for code in step.code.iter().flat_map(|code| code.lines()) {
            lines.push(Line::styled(format!("   {}", clean(code)), palette.quiet()));
        }
    }
    (finding.title.clone(), lines)
}
