//! A finding of the small world, as a query sees it.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use model::{
    Severity,
    query::{Field, Flag, Subject, repository},
};

use super::Finding;

fn all<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<Cow<'a, str>> {
    texts
        .into_iter()
        .map(|text| Cow::Borrowed(text.as_str()))
        .collect()
}

impl Subject for Finding {
    fn severity(&self) -> Severity {
        self.severity
    }

    fn texts(&self, field: Field) -> Vec<Cow<'_, str>> {
        let asset = &self.assets[0];
        let of_kind = |kind: &'static str| {
            all(self
                .assets
                .iter()
                .filter(|asset| asset.kind == kind)
                .map(|asset| &asset.name))
        };
        match field {
            Field::Kind => vec![Cow::Borrowed(
                Field::Kind.catalogued().values[self.rule.kind],
            )],
            Field::State => vec![Cow::Borrowed(self.state)],
            Field::Progress => vec![Cow::Borrowed(self.progress)],
            Field::Rule => all([&self.rule.name]),
            Field::Cve if self.rule.kind == 0 => {
                all(std::iter::once(&self.rule.name).chain(&self.rule.aliases))
            }
            Field::Package => all(self.package.as_ref().map(|package| &package.name)),
            Field::Version => all(self.package.as_ref().map(|package| &package.version)),
            Field::Purl => all(self.package.as_ref().map(|package| &package.purl)),
            Field::Ecosystem => {
                let package = self.package.as_ref();
                let kind = package.map(|package| &package.kind);
                all(kind
                    .into_iter()
                    .chain(package.and_then(|package| package.ecosystem.as_ref())))
            }
            Field::Path => all(&self.path),
            Field::Image => all(self
                .image
                .iter()
                .flat_map(|image| [&image.uid, &image.name])),
            Field::Repository => self
                .image
                .iter()
                .map(|image| Cow::Borrowed(repository(&image.name)))
                .collect(),
            Field::Digest => all(self.image.as_ref().and_then(|image| image.digest.as_ref())),
            Field::Asset => all(self
                .assets
                .iter()
                .flat_map(|asset| [&asset.uid, &asset.name])),
            Field::Environment => all([&self.environment]),
            Field::Cluster => all(&asset.cluster),
            Field::Namespace => all(&asset.namespace),
            Field::Workload => all(&asset.workload),
            Field::Host => of_kind("host"),
            Field::Pod => of_kind("pod"),
            Field::Container => {
                let mut all = of_kind("container");
                all.extend(self.container.as_deref().map(Cow::Borrowed));
                all
            }
            Field::Tactic => {
                let slugs = Field::Tactic.catalogued().values.iter().enumerate();
                slugs
                    .filter(|(index, _)| self.rule.tactics & (1 << index) != 0)
                    .map(|(_, slug)| Cow::Borrowed(*slug))
                    .collect()
            }
            Field::Technique => {
                let parents = self
                    .rule
                    .techniques
                    .iter()
                    .filter_map(|id| id.split_once('.'));
                let parents = parents.map(|(parent, _)| Cow::Borrowed(parent));
                all(&self.rule.techniques)
                    .into_iter()
                    .chain(parents)
                    .collect()
            }
            Field::Assignee => all(&self.assignee),
            Field::Finding => vec![
                Cow::Owned(self.id.to_string()),
                Cow::Borrowed(&self.fingerprint),
            ],
            Field::Exemption => all(&self.exemption),
            Field::Incident => all(&self.incident),
            Field::User
            | Field::Groups
            | Field::ServiceAccount
            | Field::SourceIp
            | Field::Verb
            | Field::Resource => {
                let known = self.terms.iter();
                all(known
                    .filter(|(term, _)| Field::from(*term) == field)
                    .map(|(_, value)| value))
            }
            _ => Vec::new(),
        }
    }

    fn searched(&self) -> Vec<Cow<'_, str>> {
        let asset = &self.assets[0];
        let place = [
            &asset.cluster,
            &asset.namespace,
            &asset.workload,
            &self.summary,
        ];
        let mut texts = all([&self.rule.name, &self.rule.title, &asset.name]);
        texts.extend(all(place.into_iter().flatten()));
        texts.extend(self.texts(Field::Package));
        texts.extend(all(self.image.as_ref().map(|image| &image.name)));
        texts
    }

    fn labels(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let labels = self.assets.iter().flat_map(|asset| &asset.labels);
        labels
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    }

    fn number(&self, field: Field) -> Option<f64> {
        match field {
            Field::Epss => self.rule.epss,
            Field::Cvss => self.rule.cvss,
            #[expect(clippy::cast_precision_loss, reason = "few layers")]
            _ => self.layer.map(|layer| layer as f64),
        }
    }

    fn time(&self, field: Field) -> Option<Timestamp> {
        match field {
            Field::FirstSeen => Some(self.first_seen),
            Field::LastSeen => Some(self.last_seen.unwrap_or(self.assets[0].last_seen)),
            Field::Resolved => self.resolved,
            _ => self
                .due
                .map(|due| due.to_zoned(TimeZone::UTC).unwrap().timestamp()),
        }
    }

    fn is(&self, flag: Flag) -> bool {
        match flag {
            Flag::Fixable => self.fixable,
            Flag::Kev => self.rule.kev,
            Flag::Suppressed => self.suppressed,
            Flag::Running => self.assets[0].runs || self.image_runs,
            Flag::Commented => self.comments > 0,
            _ => false,
        }
    }
}
