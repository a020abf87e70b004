//! The screen as it is drawn, and what keys do to it.

use api::{
    Finding, FindingDetail,
    sensor::{Sensor, SensorDetail},
};
use jiff::Timestamp;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use serde_json::json;

use super::{
    draw::{self, Palette},
    look::{Look, Running},
    screen::{List, Screen, Turn},
    words,
};
use crate::args::top::Sort;

const NOW: &str = "2026-11-25T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn sensor(node: &str, state: &str, events: f64, dropped: u64) -> SensorDetail {
    let containers: Vec<serde_json::Value> = (0..3_u8)
        .map(|index| {
            let name = ["web", "worker", ""][usize::from(index)];
            json!({
                "id": format!("{node}-{index}-0123456789abcdef"),
                "name": name,
                "image": format!("registry.example/shop/{node}:1.{index}"),
                "namespace": (index < 2).then_some("shop"),
                "pod": (index < 2).then(|| format!("web-{node}-{index}")),
                "runtime": "containerd",
                "processes": 3 + index,
                "events": events / f64::from(1 + index),
                "cpu": 1.5 * f64::from(index),
                "alerts": u64::from(index == 1),
            })
        })
        .collect();
    let status = json!({
        "version": "0.1.0", "boot": "b", "cluster": "prod", "kernel": "6.12.48",
        "architecture": "x86_64", "os": "Debian 13", "started": "2026-11-23T12:00:00Z",
        "cpu": 1.2, "memory": 38_000_000, "memory_limit": 64_000_000, "spool": 1_000_000,
        "spool_limit": 268_000_000, "processes": 212,
        "features": [
            {"name": "files", "state": "active", "detail": "LSM file_open"},
            {"name": "io_uring", "state": "absent", "detail": "needs LSM",
             "lost": "files opened through io_uring"},
        ],
        "classes": [
            {"name": "process", "seen": 5_000, "filtered": 4_000, "delivered": 1_000,
             "dropped": 0, "rate": events, "shed": false},
            {"name": "file", "seen": 70_000, "filtered": 21_790, "delivered": 0,
             "dropped": dropped, "rate": 0.0, "shed": dropped > 0},
        ],
        "containers": containers, "rules": 96, "policy": "4", "notes": [],
    });
    let reasons = match state {
        "healthy" => json!([]),
        "degraded" => json!(["48,210 events were dropped."]),
        _ => json!(["Nothing was heard of it for 2 hours."]),
    };
    let gaps = if dropped > 0 {
        json!([{"received": NOW, "gap": {"stage": "governor", "class": "file",
            "reason": "the processor budget was used up", "count": dropped,
            "from": "2026-11-25T11:50:00Z", "to": "2026-11-25T11:55:00Z"}}])
    } else {
        json!([])
    };
    serde_json::from_value(json!({
        "environment": "local", "node": node, "cluster": "prod", "state": state,
        "reasons": reasons, "version": "0.1.0", "kernel": "6.12.48", "architecture": "x86_64",
        "os": "Debian 13", "started": "2026-11-23T12:00:00Z",
        "first_seen": "2026-11-20T12:00:00Z",
        "last_seen": if state == "silent" { "2026-11-25T10:00:00Z" } else { NOW },
        "cpu": 1.2, "memory": 38_000_000, "memory_limit": 64_000_000, "spool": 1_000_000,
        "spool_limit": 268_000_000, "processes": 212, "containers": 3, "rules": 96,
        "events": events, "dropped": dropped, "shed": [], "policy_current": true,
        "status": status, "history": [], "gaps": gaps,
    }))
    .unwrap()
}

fn alert(id: &str, severity: &str, pod: &str, minutes: u64) -> Finding {
    serde_json::from_value(json!({
        "id": id, "fingerprint": "f", "kind": "alert", "state": "open", "severity": severity,
        "rule": "K8S.NODE_ReverseShell", "title": "Shell connected to a remote socket",
        "summary": "bash to 203.0.113.66:4444 \u{1b}[31m",
        "asset": {"id": "1", "kind": "pod", "name": pod, "environment": "local",
            "cluster": "prod", "namespace": "shop"},
        "occurrences": 2, "first_seen": "2026-11-25T09:00:00Z",
        "last_seen": format!("2026-11-25T11:{:02}:00Z", 60 - minutes),
    }))
    .unwrap()
}

fn look() -> Look {
    let details = vec![
        sensor("node-1", "healthy", 212.0, 0),
        sensor("node-2", "degraded", 98.4, 48_210),
        sensor("node-3", "silent", 0.0, 0),
    ];
    let sensors: Vec<Sensor> = details.iter().map(|detail| detail.sensor.clone()).collect();
    let containers = details.iter().flat_map(|detail| {
        detail.status.containers.iter().map(|container| Running {
            node: detail.sensor.node.clone(),
            cluster: detail.sensor.cluster.clone(),
            container: container.clone(),
        })
    });
    Look {
        time: now(),
        sensors,
        containers: containers.collect(),
        alerts: vec![
            alert("101", "critical", "web-node-1-0", 1),
            alert("102", "low", "web-node-2-1", 12),
        ],
        unasked: 0,
        details,
    }
}

fn screen() -> Screen {
    Screen::new(
        "https://seawall.example".to_owned(),
        look(),
        Sort::Events,
        String::new(),
    )
}

fn press(screen: &mut Screen, code: KeyCode) -> Turn {
    screen.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn type_in(screen: &mut Screen, text: &str) {
    for letter in text.chars() {
        press(screen, KeyCode::Char(letter));
    }
}

/// What stands on the screen, line by line.
fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let palette = Palette { is_colored: false };
    let frame = terminal
        .draw(|frame| draw::draw(frame, screen, palette, now()))
        .unwrap();
    let buffer = frame.buffer;
    let mut text = String::new();
    for y in 0..height {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn all_is_seen_at_a_glance() {
    insta::assert_snapshot!(drawn(&screen(), 110, 30));
}

#[test]
fn a_narrow_terminal_still_shows_what_matters() {
    insta::assert_snapshot!(drawn(&screen(), 60, 20));
    // However small, it is drawn without a panic.
    for (width, height) in [(1, 1), (10, 3), (200, 5)] {
        let mut small = screen();
        drawn(&small, width, height);
        press(&mut small, KeyCode::Char('?'));
        drawn(&small, width, height);
    }
}

#[test]
fn without_sensors_it_says_how_to_have_one() {
    let empty = Screen::new(String::new(), Look::default(), Sort::Events, String::new());
    let shown = drawn(&empty, 100, 16);
    assert!(shown.contains("sudo seawall-sensor"), "{shown}");
}

#[test]
fn a_sensor_opens_with_what_its_kernel_lacks_and_what_was_lost() {
    let mut screen = screen();
    press(&mut screen, KeyCode::Char('1'));
    type_in(&mut screen, "jj");
    press(&mut screen, KeyCode::Enter);
    insta::assert_snapshot!(drawn(&screen, 110, 34));
    press(&mut screen, KeyCode::Esc);
    assert!(screen.over.is_none());
}

#[test]
fn a_container_opens_with_its_alerts() {
    let mut screen = screen();
    press(&mut screen, KeyCode::Enter);
    let shown = drawn(&screen, 110, 30);
    assert!(
        shown.contains("registry.example/shop/node-1:1.0"),
        "{shown}"
    );
    assert!(shown.contains("critical Shell connected"), "{shown}");
    assert!(!shown.contains("low      Shell connected"), "{shown}");
}

#[test]
fn an_alert_is_asked_for_and_shown_when_it_comes() {
    let mut screen = screen();
    press(&mut screen, KeyCode::Char('3'));
    assert_eq!(
        press(&mut screen, KeyCode::Enter),
        Turn::Fetch("101".to_owned())
    );
    assert!(drawn(&screen, 110, 30).contains("Asking…"));
    let detail: FindingDetail = serde_json::from_value(json!({
        "finding": look().alerts[0], "description": "d",
        "why": "Whoever is at the other end has a prompt.",
        "remediation": [{"text": "Cut the pod off.", "code": "kubectl label pod web"}],
        "because": [], "evidence": {"proc.cmdline": "bash -i"}, "references": [], "chain": [],
        "history": [], "same_rule": 0, "same_asset": 0,
    }))
    .unwrap();
    // What was asked for before and is not open any more changes nothing.
    screen.take_alert("102", Err("gone".to_owned()));
    screen.take_alert("101", Ok(Box::new(detail)));
    let shown = drawn(&screen, 110, 34);
    for text in [
        "bash -i",
        "Whoever is at the other end",
        "kubectl label pod web",
    ] {
        assert!(shown.contains(text), "{shown}");
    }
}

#[test]
fn what_comes_from_outside_steers_no_terminal() {
    let shown = drawn(&screen(), 200, 30);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn the_choice_stays_on_its_row_when_rows_move() {
    let mut screen = screen();
    type_in(&mut screen, "j");
    assert_eq!(screen.at(List::Containers), Some(0));
    let chosen = screen.containers[0].container.id.clone();
    press(&mut screen, KeyCode::Char('r'));
    let at = screen.at(List::Containers).unwrap();
    assert_eq!(screen.containers[at].container.id, chosen);
    assert_eq!(at, screen.containers.len() - 1);
    // It is gone with its sensor; the next step begins anew.
    let mut less = look();
    less.containers.retain(|each| each.container.id != chosen);
    screen.take(less);
    assert_eq!(screen.at(List::Containers), None);
    press(&mut screen, KeyCode::Down);
    assert_eq!(screen.at(List::Containers), Some(0));
    press(&mut screen, KeyCode::End);
    press(&mut screen, KeyCode::PageDown);
    assert_eq!(
        screen.at(List::Containers),
        Some(screen.containers.len() - 1)
    );
}

#[test]
fn letters_go_to_the_filter_while_it_is_typed() {
    let mut screen = screen();
    type_in(&mut screen, "/NODE-2 q");
    assert_eq!(screen.filter, "NODE-2 q");
    assert!(screen.containers.is_empty());
    press(&mut screen, KeyCode::Backspace);
    press(&mut screen, KeyCode::Backspace);
    assert_eq!((screen.sensors.len(), screen.containers.len()), (1, 3));
    press(&mut screen, KeyCode::Enter);
    let shown = drawn(&screen, 110, 24);
    assert!(shown.contains("Containers (3 of 9)"), "{shown}");
    assert!(shown.contains("only “NODE-2”"), "{shown}");
    // The first Esc takes the filter away, the second leaves.
    assert_eq!(press(&mut screen, KeyCode::Esc), Turn::Stay);
    assert_eq!(screen.containers.len(), 9);
    assert_eq!(press(&mut screen, KeyCode::Esc), Turn::Leave);
}

#[test]
fn each_list_has_its_own_order() {
    let mut screen = screen();
    assert_eq!(screen.sensors[0].node, "node-3", "the worst off first");
    type_in(&mut screen, "s");
    assert_eq!(screen.sort, Sort::Cpu);
    assert!(screen.containers[0].container.cpu > 2.0);
    type_in(&mut screen, "1ss");
    assert_eq!(screen.sensors[0].node, "node-1", "the most events first");
    press(&mut screen, KeyCode::Tab);
    assert_eq!(screen.list, List::Containers);
    press(&mut screen, KeyCode::BackTab);
    assert_eq!(screen.list, List::Sensors);
}

#[test]
fn an_unreachable_server_leaves_what_was_seen_and_says_how_old_it_is() {
    let mut screen = screen();
    screen.problem = Some("failed to connect to seawall.example".to_owned());
    let shown = drawn(&screen, 110, 24);
    assert!(shown.contains("0 s old: failed to connect"), "{shown}");
    assert!(shown.contains("node-1"), "{shown}");
    screen.take(look());
    assert!(!drawn(&screen, 110, 24).contains("old:"));
}

#[test]
fn control_c_leaves_from_everywhere() {
    let mut screen = screen();
    let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for keys in ["", "?", "/abc"] {
        type_in(&mut screen, keys);
        assert_eq!(screen.key(leave), Turn::Leave, "{keys}");
    }
}

#[test]
fn figures_fit_their_columns() {
    let rates = [0.0, 0.04, 1.44, 10.4, 9999.4, 12_345.0];
    assert_eq!(
        rates.map(words::rate),
        ["0", "0.0", "1.4", "10", "9999", "12k"]
    );
    assert_eq!(words::image("localhost:5000/shop/web:1"), "shop/web:1");
    assert_eq!(words::image("shop/web:1"), "shop/web:1");
    assert_eq!(words::memory(38_400_000, 64_000_000), "38/64 MB");
    assert_eq!(
        [0, 9_999, 48_210, 99_000_000].map(words::compact),
        ["0", "9999", "48k", "99M"]
    );
}
