//! Lists of findings, page by page.
//!
//! A page is picked first, by ids and without joins, then dressed. The
//! queue (open findings, worst first) is picked by walking one index:
//! it begins with environment and kind, so each pair is one sorted run,
//! and the page is the head of all runs merged.

use model::FindingKind;

use super::{COLUMNS, Finding, FindingFilter, JOINS, read, search::Search};
use crate::{
    Page, PageRequest, Scope, Store, StoreError,
    db::{Dialect, Sql, sql},
    page::{Key, Order, TOTAL_CAP, Total},
};

/// Runs merged into one page; more are one walk with a sort.
const MAX_RUNS: usize = 64;
/// Values all runs of a query bind; SQLite takes 32,766 in a statement.
const MAX_VALUES: usize = 20_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingSort {
    #[default]
    Severity,
    /// Most pressing first; of vulnerabilities alone.
    Priority,
    /// Newest in the record first.
    Newest,
    Epss,
    Package,
    LastSeen,
}

impl FindingSort {
    pub(super) fn order(self) -> Order {
        let (name, expression, descending) = match self {
            Self::Severity => ("severity", "finding.rank", true),
            Self::Priority => ("-priority", "finding.priority", true),
            // Ids are given out in the order findings come.
            Self::Newest => ("-first_seen", "finding.id", true),
            // Within a severity the rank already follows likelihood.
            Self::Epss => ("-epss", "finding.rank % 2000000", true),
            Self::Package => (
                "package",
                "COALESCE((SELECT name FROM package WHERE package.id = finding.package_id), '')",
                false,
            ),
            Self::LastSeen => (
                "-last_seen",
                "COALESCE(finding.last_seen,
                    (SELECT last_seen FROM asset WHERE asset.id = finding.asset_id))",
                true,
            ),
        };
        Order {
            name,
            expression,
            id: "finding.id",
            descending,
        }
    }

    fn key(self, finding: &Finding) -> Key {
        match self {
            Self::Severity => Key::Int(finding.rank),
            Self::Priority => Key::Int(i64::from(finding.priority)),
            Self::Newest => Key::Int(finding.id),
            Self::Epss => Key::Int(finding.rank % 2_000_000),
            Self::Package => Key::Text(
                finding
                    .package
                    .as_ref()
                    .map(|package| package.name.clone())
                    .unwrap_or_default(),
            ),
            Self::LastSeen => Key::Int(finding.last_seen.as_microsecond()),
        }
    }
}

/// One sorted stretch of the queue's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub environment: i64,
    pub kind: i64,
    /// Findings in it that the roll-ups know the filter to mean.
    pub findings: i64,
}

impl Store {
    pub async fn findings(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
        sort: FindingSort,
        request: &PageRequest,
    ) -> Result<Page<Finding>, StoreError> {
        let order = sort.order();
        let dialect = self.dialect();
        let narrowed;
        let filter = match sort {
            FindingSort::Priority => {
                // Nothing else has one.
                let mut of_vulnerabilities = filter.clone();
                let is_vulnerability = |kind: &FindingKind| *kind == FindingKind::Vulnerability;
                if !filter.kinds.is_empty() && !filter.kinds.iter().any(is_vulnerability) {
                    return Ok(order.cut(Vec::new(), request, Total(0), |_: &Finding| {
                        (Key::Int(0), 0)
                    }));
                }
                of_vulnerabilities.kinds = vec![FindingKind::Vulnerability];
                narrowed = of_vulnerabilities;
                &narrowed
            }
            _ => filter,
        };
        let (runs, known) = self.runs(scope, filter).await?;
        if filter.is_counted() {
            let query = list_query(scope, filter, sort, &runs, request, dialect)?;
            return self.page(query, sort, request, Total(known)).await;
        }
        let (search, rest) = self.search(scope, filter, &runs).await?;
        let (count, query) = match &search {
            Search::Walk => (
                filter.count(scope, TOTAL_CAP, dialect),
                list_query(scope, filter, sort, &runs, request, dialect)?,
            ),
            Search::Few(hits) => {
                let mut count = sql("SELECT COUNT(*) FROM finding WHERE ");
                hits.constrain(&mut count);
                rest.narrow(scope, &mut count, "+finding.environment_id", dialect);
                let mut query = picked();
                query.push("SELECT finding.id FROM finding WHERE ");
                hits.constrain(&mut query);
                rest.narrow(scope, &mut query, "+finding.environment_id", dialect);
                order.page(&mut query, request)?;
                dress(&mut query, order);
                (count, query)
            }
        };
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        self.page(query, sort, request, total).await
    }

    async fn page(
        &self,
        query: Sql,
        sort: FindingSort,
        request: &PageRequest,
        total: Total,
    ) -> Result<Page<Finding>, StoreError> {
        let order = sort.order();
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(order.cut(items, request, total, |finding| {
            (sort.key(finding), finding.id)
        }))
    }

    /// The runs that hold anything, and how many findings the filter
    /// means as far as the roll-ups know.
    async fn runs(
        &self,
        scope: &Scope,
        filter: &FindingFilter,
    ) -> Result<(Vec<Run>, u64), StoreError> {
        let mut query = sql("SELECT environment_id, kind, SUM(findings) AS findings
             FROM finding_count WHERE findings > 0 AND ");
        scope.constrain(&mut query, "environment_id");
        filter.narrow_counts(&mut query);
        query.push(" GROUP BY environment_id, kind ORDER BY environment_id, kind");
        let mut total = 0;
        let mut runs = Vec::new();
        for row in &query.fetch_all(&self.readers).await? {
            total += row.count("findings")?;
            runs.push(Run {
                environment: row.int("environment_id")?,
                kind: row.int("kind")?,
                findings: row.int("findings")?,
            });
        }
        Ok((runs, total))
    }
}

pub(crate) fn list_query(
    scope: &Scope,
    filter: &FindingFilter,
    sort: FindingSort,
    runs: &[Run],
    request: &PageRequest,
    dialect: Dialect,
) -> Result<Sql, StoreError> {
    let order = sort.order();
    let mut query = picked();
    // Which index a run of the queue is read off.
    let walked = match sort {
        FindingSort::Severity => Some("rank"),
        FindingSort::Priority => Some("priority"),
        _ => None,
    };
    let is_walk = walked.is_some()
        && filter.is_queue()
        && !filter.is_narrow()
        && (1..=MAX_RUNS).contains(&runs.len())
        && runs.len() * filter.weight() <= MAX_VALUES;
    if let Some(column) = walked.filter(|_| is_walk) {
        query.push("SELECT id FROM (");
        for (step, run) in runs.iter().enumerate() {
            if step > 0 {
                query.push(" UNION ALL ");
            }
            query
                .push(format_args!(
                    "SELECT id, {column} FROM (SELECT finding.id, finding.{column} FROM finding
                     WHERE finding.environment_id = "
                ))
                .push_bind(run.environment);
            if sort == FindingSort::Priority {
                // As its partial index says it.
                query.push(format_args!(" AND finding.kind = {}", run.kind));
            } else {
                query.push(" AND finding.kind = ").push_bind(run.kind);
            }
            if let Some((least, most)) = filter.ranks() {
                query
                    .push(" AND finding.rank BETWEEN ")
                    .push_bind(least)
                    .push(" AND ")
                    .push_bind(most);
            }
            filter.narrow_run(&mut query, dialect);
            order.page(&mut query, request)?;
            query.push(format_args!(") AS run{step}"));
        }
        query
            .push(format_args!(
                ") AS merged ORDER BY {column} DESC, id DESC LIMIT "
            ))
            .push_bind(i64::from(request.limit) + 1);
    } else {
        query.push("SELECT finding.id FROM finding WHERE ");
        // With a sign in front it is no column of the queue's index: the
        // planner must not prefer that to the few rows of one image.
        let environment = if filter.is_narrow() || sort == FindingSort::Newest {
            "+finding.environment_id"
        } else {
            "finding.environment_id"
        };
        filter.narrow(scope, &mut query, environment, dialect);
        order.page(&mut query, request)?;
    }
    dress(&mut query, order);
    Ok(query)
}

/// Begins a list; the ids of the page follow.
fn picked() -> Sql {
    let mut query = sql("SELECT ");
    query.push(COLUMNS).push(" FROM (");
    query
}

/// Ends a list: what was picked is dressed, in order.
fn dress(query: &mut Sql, order: Order) {
    query
        .push(") AS picked JOIN finding ON finding.id = picked.id")
        .push(JOINS);
    order.sort(query);
}

#[cfg(test)]
mod tests {
    use model::FindingState;

    use super::*;
    use crate::finding::kind_number;

    fn open() -> FindingFilter {
        FindingFilter {
            states: vec![FindingState::Open],
            ..FindingFilter::default()
        }
    }

    /// How the planner would run the list.
    async fn plan(filter: &FindingFilter, sort: FindingSort) -> String {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("seawall.db"))
            .await
            .unwrap();
        store
            .ensure_environment("local", "This machine", false)
            .await
            .unwrap();
        let scope = store.scope(None).await.unwrap();
        let runs: Vec<Run> = FindingKind::ALL
            .into_iter()
            .map(|kind| Run {
                environment: 1,
                kind: kind_number(kind),
                findings: 1,
            })
            .collect();
        let request = PageRequest::first(50);
        let query = list_query(&scope, filter, sort, &runs, &request, store.dialect()).unwrap();
        query.plan(&store.readers).await
    }

    #[tokio::test]
    async fn the_queue_is_read_off_its_index_without_sorting_runs() {
        let filter = FindingFilter {
            severities: vec![model::Severity::High],
            ..open()
        };
        for filter in [open(), filter] {
            let plan = plan(&filter, FindingSort::Severity).await;
            let walks = plan.matches("INDEX finding_queue (environment_id=? AND kind=?");
            assert_eq!(walks.count(), 5, "{plan}");
            // The merged page and its dress are sorted, no run is.
            assert!(plan.matches("TEMP B-TREE").count() <= 2, "{plan}");
            assert!(!plan.contains("SCAN finding"), "{plan}");
        }
    }

    #[tokio::test]
    async fn the_most_pressing_are_read_off_an_index() {
        let filter = FindingFilter {
            kinds: vec![FindingKind::Vulnerability],
            ..open()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seawall.db");
        let store = Store::open(&path).await.unwrap();
        let scope = store.scope(None).await.unwrap();
        let runs = [Run {
            environment: 1,
            kind: kind_number(FindingKind::Vulnerability),
            findings: 1,
        }];
        let request = PageRequest::first(50);
        let sort = FindingSort::Priority;
        let query = list_query(&scope, &filter, sort, &runs, &request, store.dialect()).unwrap();
        let plan = query.plan(&store.readers).await;
        assert!(
            plan.contains("finding_priority (environment_id=?"),
            "{plan}"
        );
        assert!(plan.matches("TEMP B-TREE").count() <= 2, "{plan}");
    }

    #[tokio::test]
    async fn one_image_and_one_vulnerability_are_looked_up_not_searched_for() {
        let filter = FindingFilter {
            image: Some("x".to_owned()),
            ..open()
        };
        let by_image = plan(&filter, FindingSort::Package).await;
        assert!(
            by_image.contains("SEARCH finding USING INDEX finding_by_asset (asset_id=?"),
            "{by_image}"
        );
        let filter = FindingFilter {
            rule: Some("x".to_owned()),
            ..open()
        };
        let by_name = plan(&filter, FindingSort::Newest).await;
        assert!(by_name.contains("finding_by_rule (rule_id=?"), "{by_name}");
    }

    #[tokio::test]
    async fn the_newest_are_read_off_the_end() {
        let plan = plan(&open(), FindingSort::Newest).await;
        assert!(!plan.contains("TEMP B-TREE FOR ORDER BY\nSCAN"), "{plan}");
        assert!(plan.contains("SCAN finding"), "{plan}");
    }
}
