//! Searching: text is looked for in the small tables that findings share
//! (rules, packages, assets, images), and the roll-ups tell how many
//! findings that means. Few of them are looked up; of many some are near
//! the front of the queue, and walking it meets them soon.

use model::query::{Condition, Node, Pattern};

use super::{Asked, FindingFilter, kind_number, list::Run};
use crate::{
    Scope, Store, StoreError,
    db::{Sql, sql},
    query,
};

/// Findings that are few: rather looked up than met on the way.
const FEW: i64 = 3000;
/// Rules, packages or assets whose findings are looked up.
const NAMES: usize = 400;

/// How to get at the findings of a search.
#[derive(Debug)]
pub(super) enum Search {
    /// No text is looked for, or too much has it.
    Walk,
    /// These have it, before the rest of the filter.
    Few(Hits),
}

/// What has the text.
#[derive(Debug, Default)]
pub(super) struct Hits {
    rules: Vec<i64>,
    assets: Vec<i64>,
    packages: Vec<i64>,
    /// Findings whose own line has it.
    findings: Vec<i64>,
}

impl FindingFilter {
    /// The text looked for, and the filter without it.
    fn split_text(&self) -> Option<(Pattern, Self)> {
        let asked = self.asked.as_ref()?;
        let mut nodes = match asked.query().root.clone()? {
            Node::All(nodes) => nodes,
            node => vec![node],
        };
        let place = nodes.iter().position(|node| {
            matches!(node, Node::Test(test) if matches!(test.condition, Condition::Contains(_)))
        })?;
        let Node::Test(test) = nodes.remove(place) else {
            return None;
        };
        let Condition::Contains(pattern) = test.condition else {
            return None;
        };
        let rest = Self {
            asked: Node::all(nodes).map(|root| Asked::with_root(asked, root)),
            ..self.clone()
        };
        Some((pattern, rest))
    }
}

impl Store {
    /// How to get at what the filter's text means, and what is left of
    /// the filter then.
    pub(super) async fn search(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        runs: &[Run],
    ) -> Result<(Search, FindingFilter), StoreError> {
        if !filter.is_queue() || filter.is_narrow() {
            return Ok((Search::Walk, filter.clone()));
        }
        let Some((pattern, rest)) = filter.split_text() else {
            return Ok((Search::Walk, filter.clone()));
        };
        match self.hits(scope, filter, &pattern, runs).await? {
            Some(hits) => Ok((Search::Few(hits), rest)),
            None => Ok((Search::Walk, filter.clone())),
        }
    }

    /// `None`: too much has it.
    async fn hits(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        pattern: &Pattern,
        runs: &[Run],
    ) -> Result<Option<Hits>, StoreError> {
        let text = query::anywhere(pattern);
        let mut left = FEW;

        let mut rules = sql(
            "SELECT rule_use.rule_id AS id, rule_use.findings FROM rule_use
             JOIN rule ON rule.id = rule_use.rule_id WHERE ",
        );
        scope.constrain(&mut rules, "rule_use.environment_id");
        if !filter.kinds.is_empty() {
            rules
                .push(" AND rule_use.kind IN ")
                .push_list(filter.kinds.iter().copied().map(kind_number));
        }
        any_like(&mut rules, &["rule.name", "rule.title"], &text);
        let Some(rules) = self.few(rules, &mut left).await? else {
            return Ok(None);
        };

        let mut assets = sql(
            "SELECT asset.id, own_critical + own_high + own_medium + own_low
                 + own_info + own_unknown AS findings FROM asset
             LEFT JOIN image ON image.id = asset.image_id
             WHERE own_critical + own_high + own_medium + own_low + own_info + own_unknown > 0
               AND ",
        );
        scope.constrain(&mut assets, "asset.environment_id");
        let columns = [
            "asset.name",
            "asset.cluster",
            "asset.namespace",
            "asset.workload",
            "image.name",
        ];
        any_like(&mut assets, &columns, &text);
        let Some(assets) = self.few(assets, &mut left).await? else {
            return Ok(None);
        };

        let mut packages = sql("SELECT id, 0 AS findings FROM package WHERE 1 = 1");
        any_like(&mut packages, &["name"], &text);
        let Some(packages) = self.few(packages, &mut left).await? else {
            return Ok(None);
        };
        if !packages.is_empty() {
            let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM finding
                 WHERE finding.state = 0 AND finding.suppressed = 0 AND finding.package_id IN ");
            count
                .push_list(&packages)
                .push(format_args!(" LIMIT {}) AS counted", FEW + 1));
            left -= count.scalar::<i64>().fetch_one(&self.readers).await?;
            if left < 0 {
                return Ok(None);
            }
        }
        let Some(findings) = self.lines(filter, &text, runs).await? else {
            return Ok(None);
        };
        Ok(Some(Hits {
            rules,
            assets,
            packages,
            findings,
        }))
    }

    /// The ids found, if they and their findings are few.
    async fn few(&self, mut query: Sql, left: &mut i64) -> Result<Option<Vec<i64>>, StoreError> {
        query.push(format_args!(" LIMIT {}", NAMES + 1));
        let rows = query.fetch_all(&self.readers).await?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            *left -= row.int("findings")?;
            ids.push(row.int("id")?);
        }
        let is_few = ids.len() <= NAMES && *left >= 0;
        Ok(is_few.then_some(ids))
    }

    /// Findings whose own line has it, where few have a line at all.
    /// Vulnerabilities have none.
    async fn lines(
        &self,
        filter: &FindingFilter,
        text: &str,
        runs: &[Run],
    ) -> Result<Option<Vec<i64>>, StoreError> {
        let mut found = Vec::new();
        let with_lines: Vec<&Run> = runs.iter().filter(|run| run.kind != 0).collect();
        if with_lines.iter().map(|run| run.findings).sum::<i64>() > FEW {
            return Ok(None);
        }
        for run in with_lines {
            let mut query = sql("SELECT finding.id FROM finding
                 WHERE finding.state = 0 AND finding.suppressed = 0
                   AND finding.environment_id = ");
            query
                .push_bind(run.environment)
                .push(" AND finding.kind = ")
                .push_bind(run.kind);
            if let Some((least, most)) = filter.ranks() {
                query
                    .push(" AND finding.rank BETWEEN ")
                    .push_bind(least)
                    .push(" AND ")
                    .push_bind(most);
            }
            any_like(&mut query, &["finding.summary"], text);
            let ids: Vec<i64> = query.scalar().fetch_all(&self.readers).await?;
            found.extend(ids);
        }
        Ok(Some(found))
    }
}

fn any_like(query: &mut Sql, columns: &[&str], text: &str) {
    for (step, column) in columns.iter().enumerate() {
        query.push(if step == 0 { " AND (" } else { " OR " });
        query::is_like(query, column, text);
    }
    query.push(")");
}

impl Hits {
    /// Adds `finding.id IN (…)`.
    pub(super) fn constrain(&self, query: &mut Sql) {
        let counted = "hit.state = 0 AND hit.suppressed = 0";
        query.push("finding.id IN (SELECT 0");
        for (column, ids) in [
            ("rule_id", &self.rules),
            ("asset_id", &self.assets),
            ("package_id", &self.packages),
            ("id", &self.findings),
        ] {
            if !ids.is_empty() {
                query
                    .push(format_args!(
                        " UNION SELECT hit.id FROM finding AS hit WHERE {counted} AND hit.{column}
                          IN "
                    ))
                    .push_list(ids);
            }
        }
        query.push(") AND ");
    }
}
