//! Notices as subjects, so that a route can say which it is for.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Field, Flag, Subject};
use crate::{Notice, Severity, notice::NoticedIncident};

impl Subject for Notice {
    fn severity(&self) -> Severity {
        Self::severity(self)
    }

    fn texts(&self, field: Field) -> Vec<Cow<'_, str>> {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        if field == Field::Environment {
            texts.push(Cow::Borrowed(&self.environment));
        }
        if let Some(recommendation) = &self.recommendation {
            match field {
                Field::Kind => texts.push(Cow::Borrowed("misconfiguration")),
                Field::Rule => texts.push(Cow::Borrowed(&recommendation.id)),
                Field::State => texts.push(Cow::Borrowed(&recommendation.state)),
                _ => {}
            }
        }
        if let Some(incident) = &self.incident {
            told_of(incident, field, &mut texts);
        }
        let Some(finding) = &self.finding else {
            return texts;
        };
        let image = finding.image.as_deref();
        let only = |text: &'_ str| vec![Cow::Owned(text.to_owned())];
        let known = match field {
            Field::Kind => return only(finding.kind.as_str()),
            Field::State => Some(finding.state.as_str()),
            Field::Rule => Some(finding.rule.as_str()),
            Field::Cve => (finding.kind.as_str() == "vulnerability").then_some(&*finding.rule),
            Field::Finding => Some(finding.id.as_str()),
            Field::Package => finding.package.as_deref(),
            Field::Version => finding.package_version.as_deref(),
            Field::Purl => finding.purl.as_deref(),
            Field::Ecosystem => finding
                .purl
                .as_deref()
                .and_then(|purl| purl.strip_prefix("pkg:")?.split('/').next()),
            Field::Path => finding.path.as_deref(),
            Field::Image => image,
            Field::Repository => image.map(repository),
            Field::Digest => finding.image_digest.as_deref(),
            Field::Cluster => finding.cluster.as_deref(),
            Field::Host => finding.host.as_deref(),
            Field::Namespace => finding.namespace.as_deref(),
            Field::Workload => finding.workload.as_deref(),
            Field::Container => finding.container.as_deref(),
            _ => None,
        };
        texts.extend(known.map(Cow::Borrowed));
        match field {
            Field::Asset => {
                texts.extend(
                    [
                        &finding.cluster,
                        &finding.host,
                        &finding.namespace,
                        &finding.workload,
                        &finding.container,
                        &finding.image,
                    ]
                    .into_iter()
                    .flatten()
                    .map(|name| Cow::Borrowed(name.as_str())),
                );
            }
            Field::User
            | Field::Groups
            | Field::ServiceAccount
            | Field::SourceIp
            | Field::Verb
            | Field::Resource => {
                let known = finding.context.iter().flat_map(|context| context.terms());
                let known = known.filter(|(term, _)| Field::from(*term) == field);
                texts.extend(known.map(|(_, value)| Cow::Owned(value)));
            }
            Field::Tactic => texts.extend(
                finding
                    .tactics
                    .iter()
                    .map(|tactic| Cow::Borrowed(tactic.as_str())),
            ),
            Field::Technique => {
                for technique in &finding.attack {
                    texts.push(Cow::Borrowed(technique));
                    if let Some((parent, _)) = technique.split_once('.') {
                        texts.push(Cow::Borrowed(parent));
                    }
                }
            }
            _ => {}
        }
        texts
    }

    fn searched(&self) -> Vec<Cow<'_, str>> {
        if let Some(recommendation) = &self.recommendation {
            return vec![
                Cow::Borrowed(&recommendation.title),
                Cow::Borrowed(&recommendation.id),
            ];
        }
        if let Some(incident) = &self.incident {
            let mut texts = self.texts(Field::User);
            texts.extend(self.texts(Field::Asset));
            texts.push(Cow::Borrowed(&incident.title));
            return texts;
        }
        let Some(finding) = &self.finding else {
            return Vec::new();
        };
        let mut texts = self.texts(Field::Asset);
        texts.extend(self.texts(Field::Package));
        texts.extend([&finding.title, &finding.rule].map(|text| Cow::Borrowed(text.as_str())));
        texts
    }

    fn labels(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        Vec::new()
    }

    fn number(&self, field: Field) -> Option<f64> {
        let finding = self.finding.as_ref()?;
        match field {
            Field::Epss => finding.epss,
            Field::Cvss => finding.cvss,
            _ => None,
        }
    }

    fn time(&self, field: Field) -> Option<Timestamp> {
        if let Some(incident) = &self.incident {
            return match field {
                Field::FirstSeen => Some(incident.first_seen),
                Field::LastSeen => Some(incident.last_seen),
                _ => None,
            };
        }
        let finding = self.finding.as_ref()?;
        match field {
            Field::FirstSeen => Some(finding.first_seen),
            Field::LastSeen => Some(finding.last_seen),
            Field::Resolved => finding.resolved,
            _ => None,
        }
    }

    fn is(&self, flag: Flag) -> bool {
        self.finding.as_ref().is_some_and(|finding| match flag {
            Flag::Fixable => !finding.fix_versions.is_empty(),
            Flag::Kev => finding.kev,
            _ => false,
        })
    }
}

/// An incident is asked of as the alerts in it.
fn told_of<'a>(incident: &'a NoticedIncident, field: Field, texts: &mut Vec<Cow<'a, str>>) {
    let mut all = |list: &'a [String]| texts.extend(list.iter().map(|text| Cow::Borrowed(&**text)));
    match field {
        Field::User => all(&incident.principals),
        Field::Tactic => all(&incident.tactics),
        Field::Technique => {
            all(&incident.techniques);
            let parents = incident
                .techniques
                .iter()
                .filter_map(|id| id.split_once('.'));
            texts.extend(parents.map(|(parent, _)| Cow::Borrowed(parent)));
        }
        Field::Kind => texts.push(Cow::Borrowed("alert")),
        // One that is closed was seen to; the rest want work.
        Field::State => texts.push(Cow::Borrowed(if incident.state == "closed" {
            "resolved"
        } else {
            "open"
        })),
        Field::Incident => texts.push(Cow::Borrowed(&incident.id)),
        Field::Assignee => texts.extend(incident.assignee.as_deref().map(Cow::Borrowed)),
        Field::Cluster => texts.extend(incident.cluster.as_deref().map(Cow::Borrowed)),
        Field::Asset => {
            texts.extend(incident.cluster.as_deref().map(Cow::Borrowed));
            texts.extend(incident.workloads.iter().map(|name| Cow::Borrowed(&**name)));
        }
        Field::Namespace | Field::Workload => {
            for (namespace, workload) in incident
                .workloads
                .iter()
                .filter_map(|name| name.split_once('/'))
            {
                let part = if field == Field::Namespace {
                    namespace
                } else {
                    workload
                };
                texts.push(Cow::Borrowed(part));
            }
        }
        _ => {}
    }
}

/// An image's name without tag and digest.
pub fn repository(name: &str) -> &str {
    let name = name.rsplit_once('@').map_or(name, |(name, _)| name);
    match name.rsplit_once(':') {
        // A colon before the last slash is a port.
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FindingKind, NoticeEvent, Query, notice::NoticedFinding, query::Asking};

    fn notice() -> Notice {
        let time: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        let finding: NoticedFinding = serde_json::from_value(serde_json::json!({
            "id": "9f86d081884c7d65",
            "kind": FindingKind::Vulnerability,
            "severity": "critical",
            "title": "Remote code execution by lookups",
            "rule": "CVE-2021-44228",
            "state": "open",
            "namespace": "shop",
            "image": "reg.example:5000/shop/web:1.2",
            "package": "log4j-core",
            "purl": "pkg:maven/org.apache/log4j-core@2.14",
            "first_seen": time,
            "last_seen": time,
            "fix_versions": ["2.17.1"],
            "attack": ["T1059.004"],
            "epss": 0.97,
        }))
        .unwrap();
        Notice {
            id: "n".to_owned(),
            event: NoticeEvent::FindingOpened,
            time,
            environment: "production".to_owned(),
            finding: Some(finding),
            recommendation: None,
            incident: None,
            digest: None,
            link: None,
        }
    }

    fn means(query: &str) -> bool {
        let asking = Asking {
            now: "2026-11-25T12:00:00Z".parse().unwrap(),
            me: Some("ada"),
        };
        Query::parse(query).unwrap().matches(&notice(), &asking)
    }

    #[test]
    fn a_route_can_say_which_notices_it_is_for() {
        for query in [
            "",
            "severity:>=high kind:vulnerability",
            "CVE:cve-2021-44228",
            "repo:reg.example:5000/shop/* -ns:kube-*",
            "env:production technique:T1059 is:fixable",
            "ecosystem:maven epss:>90%",
            "\"code execution\" LOG4J",
            "first_seen:<3h first_seen:>1h is:new",
            "assignee:none -is:assigned -due:*",
            "asset:shop image:*:1.2",
            "severity:low OR ns:shop",
        ] {
            assert!(means(query), "{query}");
        }
        for query in [
            "severity:<critical",
            "kind:alert",
            "cve:CVE-2021-4422",
            "repo:shop/web",
            "first_seen:<2h",
            "is:kev",
            "assignee:me",
            "due:<1d",
            "label:team",
            "cluster:*",
            "state:resolved,dismissed",
            "-log4j",
        ] {
            assert!(!means(query), "{query}");
        }
    }

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(repository("reg.example:5000/a"), "reg.example:5000/a");
        assert_eq!(repository("a:1@sha256:00"), "a");
    }
}
