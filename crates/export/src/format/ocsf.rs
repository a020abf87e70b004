//! The Open Cybersecurity Schema Framework, version 1.5: Detection,
//! Vulnerability, Compliance and Incident Finding.
//!
//! A finding's life is one object under one `finding_info.uid`, told by
//! activity: created, updated, closed.

mod context;

use model::{
    Notice, NoticeEvent, Severity,
    notice::{NoticedFinding, NoticedIncident},
};
use serde_json::{Map, Value, json};

use super::link;

/// The version of the schema that is written.
pub const VERSION: &str = "1.5.0";

const FINDINGS: u32 = 2;
const VULNERABILITY: u32 = 2002;
const COMPLIANCE: u32 = 2003;
const DETECTION: u32 = 2004;
const INCIDENT: u32 = 2005;

/// The object of one notice.
pub fn write(notice: &Notice) -> Value {
    let (class, name) = class(notice);
    let (activity, activity_name) = activity(notice.event);
    let (severity, severity_name) = severity(notice.severity());
    let (status, status_name) = status(notice);
    let mut object = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_name": "Findings",
        "category_uid": FINDINGS,
        "class_name": name,
        "class_uid": class,
        "message": notice.headline(),
        "metadata": {
            "product": {
                "name": "Seawall",
                "vendor_name": "Seawall",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "uid": notice.id,
            "version": VERSION,
            "labels": [format!("environment:{}", notice.environment)],
        },
        "severity": severity_name,
        "severity_id": severity,
        "status": status_name,
        "status_id": status,
        "time": notice.time.as_millisecond(),
        "type_name": format!("{name}: {activity_name}"),
        "type_uid": class * 100 + activity,
    });
    let Some(fields) = object.as_object_mut() else {
        return object;
    };
    let told = finding_info(notice);
    if let Some(incident) = &notice.incident {
        put_incident(incident, &told, fields);
        return object;
    }
    fields.insert("finding_info".to_owned(), told);
    if let Some(finding) = &notice.finding {
        if class == DETECTION
            && let Some(evidence) = finding.context.as_deref().and_then(context::evidence)
        {
            fields.insert("evidences".to_owned(), json!([evidence]));
        }
        let resources = resources(notice, finding);
        if !resources.is_empty() {
            fields.insert("resources".to_owned(), resources.into());
        }
        if class == VULNERABILITY {
            fields.insert(
                "vulnerabilities".to_owned(),
                json!([vulnerability(finding)]),
            );
        }
        if let Some(reason) = &finding.reason {
            fields.insert("comment".to_owned(), reason.as_str().into());
        }
    }
    if class == COMPLIANCE {
        let open = !notice.event.closes();
        let control = notice.finding.as_ref().map_or_else(
            || notice.subject().to_owned(),
            |finding| finding.rule.clone(),
        );
        fields.insert(
            "compliance".to_owned(),
            json!({
                "control": control,
                "standards": ["Seawall"],
                "status": if open { "Fail" } else { "Pass" },
                "status_id": if open { 3 } else { 1 },
            }),
        );
    }
    let fix = notice.finding.as_ref().and_then(|f| f.fix.as_ref());
    if let Some(fix) = fix
        && class != DETECTION
    {
        let remediation = json!({ "desc": fix });
        if class == COMPLIANCE {
            fields.insert("remediation".to_owned(), remediation);
        } else if let Some(vulnerability) = fields
            .get_mut("vulnerabilities")
            .and_then(|list| list.get_mut(0))
            .and_then(Value::as_object_mut)
        {
            vulnerability.insert("remediation".to_owned(), remediation);
        }
    }
    object
}

fn class(notice: &Notice) -> (u32, &'static str) {
    let kind = notice.finding.as_ref().map(|finding| finding.kind.as_str());
    match kind {
        Some("vulnerability") => (VULNERABILITY, "Vulnerability Finding"),
        Some("misconfiguration") => (COMPLIANCE, "Compliance Finding"),
        None if notice.incident.is_some() => (INCIDENT, "Incident Finding"),
        None if notice.recommendation.is_some() => (COMPLIANCE, "Compliance Finding"),
        _ => (DETECTION, "Detection Finding"),
    }
}

fn activity(event: NoticeEvent) -> (u32, &'static str) {
    match event {
        NoticeEvent::FindingOpened
        | NoticeEvent::IncidentOpened
        | NoticeEvent::Test
        | NoticeEvent::Digest => (1, "Create"),
        NoticeEvent::FindingChanged
        | NoticeEvent::FindingReopened
        | NoticeEvent::IncidentEscalated
        | NoticeEvent::RecommendationChanged => (2, "Update"),
        NoticeEvent::FindingResolved
        | NoticeEvent::FindingDismissed
        | NoticeEvent::IncidentClosed
        | NoticeEvent::FindingExempted => (3, "Close"),
    }
}

fn status(notice: &Notice) -> (u32, &'static str) {
    match notice.event {
        NoticeEvent::FindingResolved => (4, "Resolved"),
        NoticeEvent::IncidentClosed => (5, "Closed"),
        NoticeEvent::IncidentEscalated
            if notice
                .incident
                .as_ref()
                .is_some_and(|known| known.state == "acknowledged") =>
        {
            (2, "In Progress")
        }
        NoticeEvent::FindingDismissed | NoticeEvent::FindingExempted => (3, "Suppressed"),
        _ => (1, "New"),
    }
}

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Critical => (5, "Critical"),
        Severity::High => (4, "High"),
        Severity::Medium => (3, "Medium"),
        Severity::Low => (2, "Low"),
        Severity::Info => (1, "Informational"),
        Severity::Unknown => (0, "Unknown"),
    }
}

fn finding_info(notice: &Notice) -> Value {
    let mut info = Map::new();
    let mut put = |key: &str, value: Value| info.insert(key.to_owned(), value);
    put("uid", notice.subject().into());
    if let Some(finding) = &notice.finding {
        put("title", finding.title.as_str().into());
        put("types", json!([finding.kind.as_str()]));
        put("created_time", finding.first_seen.as_millisecond().into());
        put(
            "first_seen_time",
            finding.first_seen.as_millisecond().into(),
        );
        put("last_seen_time", finding.last_seen.as_millisecond().into());
        put("modified_time", notice.time.as_millisecond().into());
        put(
            "analytic",
            json!({"type": "Rule", "type_id": 1, "uid": finding.rule, "name": finding.rule}),
        );
        if !finding.description.is_empty() {
            put("desc", finding.description.as_str().into());
        }
        if !finding.attack.is_empty() {
            let attacks: Vec<_> = finding.attack.iter().map(|id| attack(id)).collect();
            put("attacks", attacks.into());
        }
    } else if let Some(incident) = &notice.incident {
        put("title", incident.title.as_str().into());
        put("types", json!(["incident"]));
        let (first, last) = (incident.first_seen, incident.last_seen);
        put("created_time", first.as_millisecond().into());
        put("first_seen_time", first.as_millisecond().into());
        put("last_seen_time", last.as_millisecond().into());
        put("modified_time", notice.time.as_millisecond().into());
        if !incident.techniques.is_empty() {
            let attacks: Vec<_> = incident.techniques.iter().map(|id| attack(id)).collect();
            put("attacks", attacks.into());
        }
    } else {
        put("title", notice.headline().into());
        put("created_time", notice.time.as_millisecond().into());
    }
    if let Some(link) = link(notice) {
        put("src_url", link.into());
    }
    info.into()
}

/// What an Incident Finding says beside what all do.
fn put_incident(incident: &NoticedIncident, told: &Value, fields: &mut Map<String, Value>) {
    let alerts = incident.alerts;
    let principals = incident.principals.join(", ");
    let place = incident.workloads.join(", ");
    let mut about = format!("{alerts} alerts");
    for (word, names) in [("by", principals), ("on", place)] {
        if !names.is_empty() {
            for part in [" ", word, " ", &names] {
                about.push_str(part);
            }
        }
    }
    fields.insert("finding_info_list".to_owned(), json!([told]));
    fields.insert("desc".to_owned(), about.into());
    fields.insert("count".to_owned(), incident.events.into());
    let times = [
        ("start_time", incident.first_seen),
        ("end_time", incident.last_seen),
    ];
    for (key, time) in times {
        fields.insert(key.to_owned(), time.as_millisecond().into());
    }
    if let Some(assignee) = &incident.assignee {
        fields.insert("assignee".to_owned(), json!({ "name": assignee }));
    }
    if let Some(reason) = &incident.reason {
        fields.insert("comment".to_owned(), reason.as_str().into());
    }
}

/// `T1611`, or a sub-technique `T1059.004` with its parent.
fn attack(id: &str) -> Value {
    match id.split_once('.') {
        Some((technique, _)) => json!({
            "technique": {"uid": technique},
            "sub_technique": {"uid": id},
        }),
        None => json!({"technique": {"uid": id}}),
    }
}

fn resources(notice: &Notice, finding: &NoticedFinding) -> Vec<Value> {
    let mut resources = Vec::new();
    let mut put = |kind: &str, name: &Option<String>, uid: &Option<String>| {
        let Some(name) = name else { return };
        let mut resource = json!({
            "type": kind,
            "name": name,
            "uid": uid.as_ref().unwrap_or(name),
            "labels": [format!("environment:{}", notice.environment)],
        });
        if let Some(fields) = resource.as_object_mut() {
            if let Some(cluster) = &finding.cluster {
                fields.insert("group".to_owned(), json!({"name": cluster}));
            }
            if let Some(namespace) = &finding.namespace {
                fields.insert("namespace".to_owned(), namespace.as_str().into());
            }
        }
        resources.push(resource);
    };
    put("Workload", &finding.workload, &None);
    put("Container", &finding.container, &None);
    put("Container Image", &finding.image, &finding.image_digest);
    put("Host", &finding.host, &None);
    resources
}

fn vulnerability(finding: &NoticedFinding) -> Value {
    let (_, severity) = severity(finding.severity);
    let mut object = json!({
        "title": finding.title,
        "severity": severity,
        "is_fix_available": !finding.fix_versions.is_empty(),
        "is_exploit_available": finding.kev,
        "first_seen_time": finding.first_seen.as_millisecond(),
        "last_seen_time": finding.last_seen.as_millisecond(),
    });
    let Some(fields) = object.as_object_mut() else {
        return object;
    };
    if finding.rule.starts_with("CVE-") {
        let mut cve = json!({"uid": finding.rule});
        if let Some(fields) = cve.as_object_mut() {
            if let Some(score) = finding.cvss {
                fields.insert(
                    "cvss".to_owned(),
                    json!([{"base_score": score, "version": "3.1"}]),
                );
            }
            if let Some(score) = finding.epss {
                fields.insert("epss".to_owned(), json!({"score": score.to_string()}));
            }
        }
        fields.insert("cve".to_owned(), cve);
    } else {
        fields.insert("advisory".to_owned(), json!({"uid": finding.rule}));
    }
    if let Some(package) = &finding.package {
        let mut affected = json!({
            "name": package,
            "version": finding.package_version.as_deref().unwrap_or("unknown"),
        });
        if let Some(fields) = affected.as_object_mut() {
            let optional = [
                ("purl", finding.purl.as_deref()),
                ("path", finding.path.as_deref()),
                (
                    "fixed_in_version",
                    finding.fix_versions.first().map(String::as_str),
                ),
            ];
            for (key, value) in optional {
                if let Some(value) = value {
                    fields.insert(key.to_owned(), value.into());
                }
            }
        }
        fields.insert("affected_packages".to_owned(), json!([affected]));
    }
    object
}
