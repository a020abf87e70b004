//! Log Event Extended Format 2.0, as `QRadar` reads it.
//!
//! Five header fields and the separator's code, then `key=value` pairs
//! between tabs. LEEF knows no escape: what would end a field or a pair
//! becomes a space.

use std::fmt::Write as _;

use model::{Notice, Severity};

use super::{line, link};
use crate::answer::shorten;

const LONGEST: usize = 1023;

/// The line of one notice.
pub fn write(notice: &Notice) -> String {
    let mut text = format!(
        "LEEF:2.0|Seawall|Seawall|{}|{}|x09|",
        env!("CARGO_PKG_VERSION"),
        notice.event,
    );
    let mut is_first = true;
    let mut put = |key: &str, value: &str| {
        if value.is_empty() {
            return;
        }
        let tab = if is_first { "" } else { "\t" };
        is_first = false;
        write!(text, "{tab}{key}={}", line(&shorten(value, LONGEST)))
            .expect("invariant: writing to a string cannot fail");
    };
    put(
        "devTime",
        &notice.time.strftime("%b %d %Y %H:%M:%S").to_string(),
    );
    put("devTimeFormat", "MMM dd yyyy HH:mm:ss");
    put("sev", &severity(notice.severity()).to_string());
    put("cat", notice.event.word());
    put("noticeId", &notice.id);
    put("environment", &notice.environment);
    if let Some(finding) = &notice.finding {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        put("findingId", &finding.id);
        put("kind", finding.kind.as_str());
        put("title", &finding.title);
        put("rule", &finding.rule);
        put("state", &finding.state);
        put("cluster", &text(&finding.cluster));
        put("identHostName", &text(&finding.host));
        put("namespace", &text(&finding.namespace));
        put("workload", &text(&finding.workload));
        put("image", &text(&finding.image));
        put("package", &finding.installed().unwrap_or_default());
        put("filePath", &text(&finding.path));
        put("fixedIn", &finding.fix_versions.join(","));
        put("attack", &finding.attack.join(","));
        let context = finding.context.as_deref();
        let principal = context.and_then(|context| context.principal.as_ref());
        let who = principal.map(|principal| principal.name.clone());
        put("usrName", &text(&finding.actor.clone().or(who)));
        if let Some(context) = context {
            let source = context.whence.addresses.first();
            put("src", source.map_or("", String::as_str));
            if let Some(action) = &context.action {
                put("verb", &action.verb);
                put("resource", &action.object());
            }
        }
        put("reason", &text(&finding.reason));
    } else if let Some(incident) = &notice.incident {
        put("incidentId", &incident.id);
        put("title", &incident.title);
        put("state", &incident.state);
        put("cluster", incident.cluster.as_deref().unwrap_or_default());
        put("usrName", &incident.principals.join(","));
        put("workload", &incident.workloads.join(","));
        put("attack", &incident.techniques.join(","));
        put("alerts", &incident.alerts.to_string());
        put("reason", incident.reason.as_deref().unwrap_or_default());
    } else {
        put("title", &notice.headline());
    }
    put("url", link(notice).unwrap_or_default());
    text
}

/// LEEF counts from one to ten.
fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 10,
        Severity::High => 8,
        Severity::Medium => 5,
        Severity::Low => 3,
        Severity::Info | Severity::Unknown => 1,
    }
}
