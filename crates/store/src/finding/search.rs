//! Searching: text is looked for in the small tables that findings share
//! (rules, packages, assets, images), and the roll-ups tell how many
//! findings that means. Few of them are looked up; of many some are near
//! the front of the queue, and walking it meets them soon.

use model::query::{Condition, Node, Pattern};

use super::{Asked, FindingFilter, kind_number, list::Run};
use crate::{
    Scope, Store, StoreError,
    db::{Dialect, Sql, lines::LETTERS, sql},
    query,
};

/// Findings that are few: rather looked up than met on the way.
const FEW: i64 = 3000;
/// Rules, packages or assets whose findings are looked up.
const NAMES: usize = 400;

/// Findings looked at to learn whether many have a text, and how many of
/// them are many: walking the queue meets a page of them soon.
const SAMPLE: i64 = 500;
const COMMON: i64 = 25;

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

        // What most have, their own lines say soonest.
        let Some(findings) = self.lines(filter, pattern, &text, runs).await? else {
            return Ok(None);
        };

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

    /// Findings whose own line has it: looked up, or read where few have
    /// a line at all. Vulnerabilities have none. `None`: many have it, or
    /// nothing knows.
    async fn lines(
        &self,
        filter: &FindingFilter,
        pattern: &Pattern,
        text: &str,
        runs: &[Run],
    ) -> Result<Option<Vec<i64>>, StoreError> {
        let mut found = Vec::new();
        let with_lines: Vec<&Run> = runs.iter().filter(|run| run.kind != 0).collect();
        if with_lines.is_empty() {
            return Ok(Some(found));
        }
        let are_few = with_lines.iter().map(|run| run.findings).sum::<i64>() <= FEW;
        let indexed = Indexed::of(pattern).filter(|_| self.has_lines && !are_few);
        if !are_few && indexed.is_none() {
            return Ok(None);
        }
        if indexed.is_some() && self.dialect() == Dialect::Postgres {
            // Its index finds all before it tells any.
            let largest = with_lines.iter().max_by_key(|run| run.findings);
            let Some(run) = largest else {
                return Ok(None);
            };
            let hits: i64 = sample(run, text).scalar().fetch_one(&self.readers).await?;
            if hits >= COMMON {
                return Ok(None);
            }
        } else if let Some(indexed) = &indexed
            && indexed
                .count(FEW * 2)
                .scalar::<i64>()
                .fetch_one(&self.readers)
                .await?
                > FEW * 2
        {
            return Ok(None);
        }
        for run in with_lines {
            let mut query = sql("SELECT finding.id FROM ");
            match &indexed {
                Some(indexed) => indexed.join(&mut query, self.dialect()),
                None => {
                    query.push("finding WHERE finding.state = 0");
                }
            }
            query
                .push(" AND finding.suppressed = 0 AND finding.environment_id = ")
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
            query.push(format_args!(" LIMIT {}", FEW + 1));
            let ids: Vec<i64> = query.scalar().fetch_all(&self.readers).await?;
            found.extend(ids);
            if i64::try_from(found.len()).unwrap_or(i64::MAX) > FEW {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }
}

/// How many of the first of a run have it in their lines.
fn sample(run: &Run, text: &str) -> Sql {
    let mut query = sql("SELECT COUNT(*) FROM (SELECT finding.summary FROM finding
         WHERE finding.state = 0 AND finding.suppressed = 0 AND finding.environment_id = ");
    query
        .push_bind(run.environment)
        .push(" AND finding.kind = ")
        .push_bind(run.kind)
        .push(format_args!(
            " ORDER BY finding.rank DESC, finding.id DESC LIMIT {SAMPLE}) AS first WHERE 1 = 1"
        ));
    any_like(&mut query, &["first.summary"], text);
    query
}

/// What the index of lines knows of a pattern: pieces that are long
/// enough. It ignores more than the case of letters, and where the
/// pieces stand: what it finds is compared again.
#[derive(Debug)]
struct Indexed {
    /// In the words of SQLite's full-text search.
    phrases: String,
}

impl Indexed {
    fn of(pattern: &Pattern) -> Option<Self> {
        let phrases: Vec<String> = pattern
            .pieces()
            .iter()
            .filter(|piece| piece.chars().count() >= LETTERS)
            .map(|piece| format!("\"{}\"", piece.replace('"', "\"\"")))
            .collect();
        (!phrases.is_empty()).then(|| Self {
            phrases: phrases.join(" AND "),
        })
    }

    /// How many lines may have it, as far as `most` and one.
    fn count(&self, most: i64) -> Sql {
        let mut query = sql("SELECT COUNT(*) FROM (SELECT 1 FROM finding_line
             WHERE finding_line MATCH ");
        query
            .push_bind(&self.phrases)
            .push(format_args!(" LIMIT {}) AS counted", most + 1));
        query
    }

    /// Appends the open findings whose lines may have it.
    fn join(&self, query: &mut Sql, dialect: Dialect) {
        match dialect {
            Dialect::Sqlite => query
                .push(
                    "finding_line CROSS JOIN finding ON finding.id = finding_line.rowid
                     WHERE finding_line MATCH ",
                )
                .push_bind(&self.phrases)
                .push(" AND +finding.state = 0"),
            // It finds the index by the comparison itself.
            Dialect::Postgres => {
                query.push("finding WHERE finding.summary IS NOT NULL AND finding.state + 0 = 0")
            }
        };
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
