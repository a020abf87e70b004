//! Common Event Format 0, as `ArcSight`, Sentinel and others read it.
//!
//! A header of seven fields separated by `|` and an extension of
//! `key=value` pairs. In the header `\` and `|` are escaped, in a value
//! `\`, `=` and line ends; a header cannot hold a line end at all.

use std::{fmt::Write as _, net::Ipv4Addr};

use model::{Notice, Severity};

use super::{line, link};
use crate::answer::shorten;

/// The longest value receivers are sure to keep (CEF guide, `msg`).
const LONGEST: usize = 1023;

/// The line of one notice.
pub fn write(notice: &Notice) -> String {
    let name = notice
        .finding
        .as_ref()
        .map_or_else(|| notice.headline(), |finding| finding.title.clone());
    let mut text = format!(
        "CEF:0|Seawall|Seawall|{}|{}|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        header(notice.event.as_str()),
        header(&shorten(&name, 512)),
        severity(notice.severity()),
    );
    let mut pairs = Pairs {
        text: &mut text,
        is_first: true,
    };
    pairs.put("rt", &notice.time.as_millisecond().to_string());
    pairs.put("externalId", notice.subject());
    pairs.put("act", notice.event.word());
    if let Some(finding) = &notice.finding {
        pairs.put("cat", finding.kind.as_str());
        pairs.put("outcome", &finding.state);
        pairs.maybe("dvchost", finding.host.as_deref());
        pairs.maybe("filePath", finding.path.as_deref());
        pairs.put("start", &finding.first_seen.as_millisecond().to_string());
        pairs.put("end", &finding.last_seen.as_millisecond().to_string());
        let context = finding.context.as_deref();
        let principal = context.and_then(|context| context.principal.as_ref());
        let who = principal.map(|principal| principal.name.as_str());
        // Who decided, where somebody did; else who set it off.
        pairs.maybe("suser", finding.actor.as_deref().or(who));
        if let Some(context) = context {
            let source = context.whence.addresses.first();
            let source = source.filter(|text| text.parse::<Ipv4Addr>().is_ok());
            pairs.maybe("src", source.map(String::as_str));
            let agent = context.whence.user_agent.as_deref();
            pairs.maybe("requestClientApplication", agent);
            if let Some(action) = &context.action {
                pairs.put("requestMethod", &action.verb);
                pairs.put("fname", &action.object());
            }
        }
        pairs.maybe("reason", finding.reason.as_deref());
        let package = finding.installed();
        let place = [&finding.cluster, &finding.namespace, &finding.workload]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("/");
        let custom = [
            ("cs1", "rule", Some(finding.rule.as_str())),
            ("cs2", "image", finding.image.as_deref()),
            ("cs3", "package", package.as_deref()),
            ("cs4", "workload", Some(place.as_str())),
            ("cs5", "environment", Some(notice.environment.as_str())),
            ("cs6", "attack", Some(&*finding.attack.join(","))),
        ]
        .map(|(key, label, value)| (key, label, value.map(str::to_owned)));
        for (key, label, value) in custom {
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            pairs.put(&format!("{key}Label"), label);
            pairs.put(key, &value);
        }
    } else if let Some(incident) = &notice.incident {
        pairs.put("cat", "incident");
        pairs.put("outcome", &incident.state);
        pairs.put("cnt", &incident.events.to_string());
        pairs.put("start", &incident.first_seen.as_millisecond().to_string());
        pairs.put("end", &incident.last_seen.as_millisecond().to_string());
        pairs.put("suser", &incident.principals.join(","));
        pairs.maybe("reason", incident.reason.as_deref());
        for (key, label, value) in [
            ("cs4", "workload", incident.workloads.join(",")),
            ("cs5", "environment", notice.environment.clone()),
            ("cs6", "attack", incident.techniques.join(",")),
        ] {
            if !value.is_empty() {
                pairs.put(&format!("{key}Label"), label);
                pairs.put(key, &value);
            }
        }
    } else if !notice.environment.is_empty() {
        pairs.put("cs5Label", "environment");
        pairs.put("cs5", &notice.environment);
    }
    pairs.put("msg", &notice.headline());
    pairs.maybe("request", link(notice));
    text
}

struct Pairs<'a> {
    text: &'a mut String,
    is_first: bool,
}

impl Pairs<'_> {
    fn put(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        write!(
            self.text,
            "{space}{key}={}",
            extension(&shorten(value, LONGEST))
        )
        .expect("invariant: writing to a string cannot fail");
    }

    fn maybe(&mut self, key: &str, value: Option<&str>) {
        self.put(key, value.unwrap_or_default());
    }
}

fn header(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('|', "\\|")
}

fn extension(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('=', "\\=")
        .replace("\r\n", "\\n")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    line(&escaped)
}

/// CEF counts to ten.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 10,
        Severity::High => 8,
        Severity::Medium => 5,
        Severity::Low => 3,
        Severity::Info => 1,
        Severity::Unknown => 0,
    }
}
