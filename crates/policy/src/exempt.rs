//! Exemptions as they hold at the door: the same records, in the same
//! words, that hold findings.

use std::borrow::Cow;

use jiff::Timestamp;
use model::{
    Query, Severity,
    query::{Asking, Field, Flag, Subject},
};

/// One exemption that was in force when the bundle was made.
#[derive(Clone, Debug)]
pub struct Exemption {
    pub id: String,
    pub scope: Query,
    pub expires: Option<Timestamp>,
}

/// What one policy is against, in one container or in the whole.
#[derive(Clone, Debug)]
pub struct Offence<'a> {
    pub policy: &'a str,
    pub title: &'a str,
    pub severity: Severity,
    pub environment: &'a str,
    pub cluster: &'a str,
    pub namespace: &'a str,
    /// The object, and the workload it is part of: each by name, and by
    /// kind and name.
    pub workloads: &'a [String],
    pub container: Option<&'a str>,
    pub images: &'a [&'a str],
    pub labels: &'a [(&'a str, &'a str)],
    pub message: &'a str,
}

impl Exemption {
    /// Whether it holds now, for this.
    pub fn holds(&self, offence: &Offence<'_>, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
            && self.scope.matches(offence, &Asking { now, me: None })
    }
}

impl Subject for Offence<'_> {
    fn severity(&self) -> Severity {
        self.severity
    }

    fn texts(&self, field: Field) -> Vec<Cow<'_, str>> {
        let one = |text: &'_ str| match text {
            "" => Vec::new(),
            text => vec![Cow::Owned(text.to_owned())],
        };
        match field {
            Field::Kind => one("misconfiguration"),
            Field::State => one("open"),
            Field::Rule => one(self.policy),
            Field::Environment => one(self.environment),
            Field::Cluster => one(self.cluster),
            Field::Namespace => one(self.namespace),
            Field::Workload => self.workloads.iter().map(Into::into).collect(),
            Field::Container => self.container.map_or_else(Vec::new, one),
            Field::Image => self.images.iter().map(|image| Cow::from(*image)).collect(),
            Field::Repository => {
                let names = self.images.iter().map(|image| repository(image));
                names.map(Cow::from).collect()
            }
            Field::Digest => {
                let digests = self.images.iter().filter_map(|image| image.split_once('@'));
                digests.map(|(_, digest)| Cow::from(digest)).collect()
            }
            Field::Asset => {
                let mut all: Vec<Cow<'_, str>> = vec![Cow::from(self.cluster)];
                if !self.namespace.is_empty() {
                    all.push(Cow::from(self.namespace));
                }
                all.extend(self.workloads.iter().map(Cow::from));
                all.extend(self.container.map(Cow::from));
                all.extend(self.images.iter().map(|image| Cow::from(*image)));
                all
            }
            _ => Vec::new(),
        }
    }

    fn searched(&self) -> Vec<Cow<'_, str>> {
        let mut all = vec![
            Cow::from(self.title),
            Cow::from(self.policy),
            Cow::from(self.message),
        ];
        all.extend(self.texts(Field::Asset));
        all
    }

    fn labels(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let labels = self.labels.iter();
        labels
            .map(|(key, value)| (Cow::from(*key), Cow::from(*value)))
            .collect()
    }

    fn number(&self, _: Field) -> Option<f64> {
        None
    }

    fn time(&self, _: Field) -> Option<Timestamp> {
        None
    }

    fn is(&self, _: Flag) -> bool {
        false
    }
}

/// An image's name without tag and digest.
fn repository(image: &str) -> &str {
    model::query::repository(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offence<'a>(workloads: &'a [String], images: &'a [&'a str]) -> Offence<'a> {
        Offence {
            policy: "pods-not-privileged",
            title: "Privileged containers",
            severity: Severity::High,
            environment: "local",
            cluster: "prod",
            namespace: "shop",
            workloads,
            container: Some("agent"),
            images,
            labels: &[("team", "payments")],
            message: "must not be privileged",
        }
    }

    #[test]
    fn an_exemption_holds_for_what_it_says_until_it_ends() {
        let workloads = ["checkout".to_owned(), "Deployment/checkout".to_owned()];
        let images = ["registry.example/shop/agent:1@sha256:aa"];
        let offence = offence(&workloads, &images);
        let end: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let just_before = end - jiff::SignedDuration::from_secs(1);
        for (scope, holds) in [
            ("rule:pods-not-privileged ns:shop", true),
            (
                "policy:pods-not-privileged cluster:prod workload:checkout container:agent",
                true,
            ),
            ("rule:pods-not-privileged container:web", false),
            ("rule:other", false),
            ("rule:pods-* -ns:shop", false),
            ("repository:registry.example/shop/agent", true),
            ("image:registry.example/*", true),
            ("digest:sha256:aa", true),
            ("label:team=payments", true),
            ("label:team=ops", false),
            ("severity:>=critical", false),
            // What a request does not tell, it is not.
            ("finding:9f86d081884c7d65", false),
        ] {
            let exemption = Exemption {
                id: "e".to_owned(),
                scope: Query::parse_scope(scope).unwrap(),
                expires: Some(end),
            };
            assert_eq!(exemption.holds(&offence, just_before), holds, "{scope}");
            assert!(!exemption.holds(&offence, end), "{scope}");
        }
    }
}
