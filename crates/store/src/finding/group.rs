//! Findings gathered by what they have in common, worst first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Query, Severity, query::Field};

use super::{FindingFilter, kind_number};
use crate::{
    Counts, Page, PageRequest, Scope, Store, StoreError, counts::severity_of, db::sql,
    page::CursorError,
};

/// Findings gathered where the roll-ups do not know; as far as is quick.
const CAP: u64 = 50_000;

/// What findings are gathered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Rule,
    Asset,
    Workload,
    Namespace,
    Image,
    Package,
}

/// Findings that have something in common.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingGroup {
    /// What means its members.
    pub query: Query,
    pub label: String,
    pub severity: Severity,
    pub counts: Counts,
    pub last_seen: Timestamp,
}

impl GroupBy {
    /// What names a group in a query, how it is called, and what else
    /// must be joined.
    fn parts(self) -> (&'static str, &'static str, &'static str, Field) {
        match self {
            Self::Rule => (
                "rule.name",
                "CASE rule.title WHEN '' THEN rule.name ELSE rule.title END",
                "JOIN rule ON rule.id = part.rule_id",
                Field::Rule,
            ),
            Self::Asset => (
                "asset.uid",
                "asset.name",
                "JOIN asset ON asset.id = part.asset_id",
                Field::Asset,
            ),
            Self::Workload => (
                "asset.workload",
                "asset.workload",
                "JOIN asset ON asset.id = part.asset_id AND asset.workload IS NOT NULL",
                Field::Workload,
            ),
            Self::Namespace => (
                "asset.namespace",
                "asset.namespace",
                "JOIN asset ON asset.id = part.asset_id AND asset.namespace IS NOT NULL",
                Field::Namespace,
            ),
            Self::Image => (
                "image.uid",
                "image.name",
                "JOIN image ON image.id = part.image_id",
                Field::Image,
            ),
            Self::Package => (
                "package.name",
                "package.name",
                "JOIN package ON package.id = part.package_id",
                Field::Package,
            ),
        }
    }
}

impl Store {
    /// Groups of findings, worst first.
    pub async fn finding_groups(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        by: GroupBy,
        request: &PageRequest,
    ) -> Result<Page<FindingGroup>, StoreError> {
        let offset: usize = match &request.cursor {
            None => 0,
            Some(cursor) => cursor.parse().map_err(|_not_a_number| CursorError)?,
        };
        let is_plain = filter.is_counted()
            && filter.is_queue()
            && filter.severities.is_empty()
            && filter.fixable.is_none()
            && filter.kev.is_none();
        let mut groups = if is_plain && by == GroupBy::Rule {
            self.groups_of_rules(scope, filter).await?
        } else {
            self.groups_counted(scope, filter, by).await?
        };
        groups.sort_by(|a, b| {
            (b.counts.risk(), b.counts.total())
                .cmp(&(a.counts.risk(), a.counts.total()))
                .then_with(|| a.label.cmp(&b.label))
        });
        let total = groups.len();
        let end = offset.saturating_add(request.limit as usize);
        Ok(Page {
            items: groups
                .into_iter()
                .skip(offset)
                .take(request.limit as usize)
                .collect(),
            next_cursor: (end < total).then(|| end.to_string()),
            total: total as u64,
            total_capped: false,
        })
    }

    async fn groups_of_rules(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
    ) -> Result<Vec<FindingGroup>, StoreError> {
        let mut query = sql(
            "SELECT rule.name AS name, CASE rule.title WHEN '' THEN rule.name ELSE rule.title END
                 AS label, MAX(rule_use.last_seen) AS last_seen,
                 SUM(rule_use.critical) AS critical, SUM(rule_use.high) AS high,
                 SUM(rule_use.medium) AS medium, SUM(rule_use.low) AS low,
                 SUM(rule_use.info) AS info, SUM(rule_use.unknown) AS unknown
             FROM rule_use JOIN rule ON rule.id = rule_use.rule_id WHERE ",
        );
        scope.constrain(&mut query, "rule_use.environment_id");
        if !filter.kinds.is_empty() {
            query
                .push(" AND rule_use.kind IN ")
                .push_list(filter.kinds.iter().copied().map(kind_number));
        }
        query.push(" GROUP BY rule.id, rule.name, rule.title");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let counts = Counts::read(row)?;
                Ok(FindingGroup {
                    query: Query::everything().and_exactly(Field::Rule, &row.text("name")?),
                    label: row.text("label")?,
                    severity: counts.worst(),
                    counts,
                    last_seen: row.time("last_seen")?,
                })
            })
            .collect()
    }

    async fn groups_counted(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        by: GroupBy,
    ) -> Result<Vec<FindingGroup>, StoreError> {
        let (name, label, join, field) = by.parts();
        let mut query = sql("SELECT ");
        query.push(format_args!(
            "{name} AS name, {label} AS label, part.severity, COUNT(*) AS findings,
                 MAX(COALESCE(part.last_seen, part.first_seen)) AS last_seen
             FROM (SELECT finding.rule_id, finding.asset_id, finding.image_id, finding.package_id,
                 finding.severity, finding.first_seen, finding.last_seen FROM finding WHERE "
        ));
        filter.narrow(
            scope,
            &mut query,
            filter.environment_column(),
            self.dialect(),
        );
        query.push(format_args!(
            " LIMIT {CAP}) AS part {join} GROUP BY {name}, {label}, part.severity"
        ));
        let mut groups: BTreeMap<String, FindingGroup> = BTreeMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let name = row.text("name")?;
            let seen = row.time("last_seen")?;
            let group = match groups.get_mut(&name) {
                Some(group) => group,
                None => groups.entry(name.clone()).or_insert(FindingGroup {
                    query: Query::everything().and_exactly(field, &name),
                    label: row.text("label")?,
                    severity: Severity::Unknown,
                    counts: Counts::default(),
                    last_seen: seen,
                }),
            };
            let severity = severity_of(row.int("severity")?);
            *group.counts.of(severity) += row.count("findings")?;
            group.severity = group.counts.worst();
            group.last_seen = group.last_seen.max(seen);
        }
        Ok(groups.into_values().collect())
    }
}
