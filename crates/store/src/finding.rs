//! Findings: of one image, and across images.

use jiff::Timestamp;
use model::{AffectedState, Fix, PackageKind, Severity, Suppression};

use crate::{
    ImageKey, Page, PageRequest, Scope, Store, StoreError, Tally,
    counts::{severity_number, severity_of},
    db::{Row, Sql, sql},
    image::{maybe_key_of, tallies},
    package::constrain_kinds,
    page::{Key, Order, Total},
    row::like,
};

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub fingerprint: String,
    pub open: bool,
    pub severity: Severity,
    pub vulnerability: String,
    pub title: String,
    pub cvss: Option<f64>,
    pub epss: Option<f64>,
    pub kev: bool,
    pub image: ImageKey,
    pub package_kind: PackageKind,
    pub package: String,
    pub version: String,
    pub purl: String,
    pub path: String,
    pub layer: Option<u32>,
    pub fix: Fix,
    pub advisories: Vec<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub resolved: Option<Timestamp>,
    pub suppression: Option<Suppression>,
    number: i64,
    rank: i64,
}

/// Which findings.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    pub image: Option<String>,
    pub text: Option<String>,
    pub severities: Vec<Severity>,
    /// `None`: open and resolved.
    pub open: Option<bool>,
    pub suppressed: bool,
    pub fixable: Option<bool>,
    pub kev: Option<bool>,
    pub kinds: Vec<PackageKind>,
    pub layer: Option<u32>,
    pub vulnerability: Option<String>,
    pub package: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingSort {
    #[default]
    Severity,
    Newest,
    Epss,
    Package,
}

/// What an image's findings are tallied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingColumn {
    Severity,
    Kind,
    Layer,
    Fixable,
}

impl FindingSort {
    pub(crate) fn order(self) -> Order {
        let (name, expression, descending) = match self {
            Self::Severity => ("severity", "finding.rank", true),
            Self::Newest => ("-first_seen", "finding.first_seen", true),
            // Within a severity the rank already follows likelihood.
            Self::Epss => ("-epss", "finding.rank % 2000000", true),
            Self::Package => ("package", "package.name", false),
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
            Self::Newest => Key::Int(finding.first_seen.as_microsecond()),
            Self::Epss => Key::Int(finding.rank % 2_000_000),
            Self::Package => Key::Text(finding.package.clone()),
        }
    }
}

const FROM: &str = " FROM finding
    JOIN image ON image.id = finding.image_id
    JOIN environment ON environment.id = finding.environment_id
    JOIN rule ON rule.id = finding.rule_id
    JOIN package ON package.id = finding.package_id
    WHERE ";

const COLUMNS: &str = "SELECT finding.*, rule.name AS vulnerability, rule.title,
    rule.cvss, rule.epss, rule.kev,
    package.kind AS package_kind, package.name AS package_name, package.version AS package_version,
    package.purl AS package_purl,
    image.uid, image.kind AS image_kind, image.name AS image_name, image.assessed,
    environment.name AS environment";

impl FindingFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        // With a sign in front it is no column of the queue's index: the
        // planner must not prefer that to the few rows of one image.
        let is_narrow = self.image.is_some() || self.vulnerability.is_some();
        scope.constrain(
            query,
            if is_narrow {
                "+finding.environment_id"
            } else {
                "finding.environment_id"
            },
        );
        // Literal, not bound: only so does the planner know that the
        // partial index covers the query.
        match self.open {
            Some(true) => {
                query.push(" AND finding.state = 0");
            }
            Some(false) => {
                query.push(" AND finding.state = 1");
            }
            None => {}
        }
        query.push(if self.suppressed {
            " AND finding.suppressed = 1"
        } else {
            " AND finding.suppressed = 0"
        });
        if let Some(image) = &self.image {
            query
                .push(" AND finding.asset_id = (SELECT id FROM asset WHERE uid = ")
                .push_bind(image.clone())
                .push(")");
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            query
                .push(" AND (LOWER(rule.name) LIKE ")
                .push_bind(pattern.clone())
                .push(" ESCAPE '\\' OR LOWER(package.name) LIKE ")
                .push_bind(pattern.clone())
                .push(" ESCAPE '\\' OR LOWER(rule.title) LIKE ")
                .push_bind(pattern)
                .push(" ESCAPE '\\')");
        }
        if !self.severities.is_empty() {
            query
                .push(" AND finding.severity IN ")
                .push_list(self.severities.iter().copied().map(severity_number));
        }
        if let Some(fixable) = self.fixable {
            query
                .push(" AND finding.fixable = ")
                .push_bind(i64::from(fixable));
        }
        if let Some(kev) = self.kev {
            query.push(" AND rule.kev = ").push_bind(i64::from(kev));
        }
        constrain_kinds(query, "package.kind", &self.kinds);
        if let Some(layer) = self.layer {
            query
                .push(" AND finding.layer = ")
                .push_bind(i64::from(layer));
        }
        if let Some(vulnerability) = &self.vulnerability {
            query
                .push(" AND finding.rule_id IN (SELECT id FROM rule WHERE name = ")
                .push_bind(vulnerability.clone())
                .push(")");
        }
        if let Some(package) = &self.package {
            query
                .push(" AND package.name = ")
                .push_bind(package.clone());
        }
    }
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
        let query = list_query(scope, filter, order, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1");
        count.push(FROM);
        filter.narrow(scope, &mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(order.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |finding| (sort.key(finding), finding.number),
        ))
    }

    /// One image's open, unsuppressed findings by a column.
    pub async fn finding_tallies(
        &self,
        scope: &Scope,
        image: &str,
        column: FindingColumn,
    ) -> Result<Vec<Tally>, StoreError> {
        let (expression, order) = match column {
            FindingColumn::Severity => ("finding.severity", "finding.severity DESC"),
            FindingColumn::Kind => ("package.kind", "COUNT(*) DESC"),
            FindingColumn::Layer => ("finding.layer", "finding.layer"),
            FindingColumn::Fixable => ("finding.fixable", "finding.fixable DESC"),
        };
        let filter = FindingFilter {
            image: Some(image.to_owned()),
            open: Some(true),
            ..FindingFilter::default()
        };
        let mut query = sql("SELECT ");
        query.push(format_args!(
            "CAST({expression} AS TEXT) AS value, COUNT(*) AS number"
        ));
        query.push(FROM);
        filter.narrow(scope, &mut query);
        query.push(format_args!(
            " AND {expression} IS NOT NULL GROUP BY {expression} ORDER BY {order}"
        ));
        let mut tallies = tallies(&query.fetch_all(&self.readers).await?)?;
        for tally in &mut tallies {
            match column {
                FindingColumn::Severity => {
                    let number = tally.value.parse().unwrap_or(0);
                    tally.value = severity_of(number).to_string();
                }
                FindingColumn::Fixable => tally.value = (tally.value == "1").to_string(),
                FindingColumn::Kind | FindingColumn::Layer => {}
            }
        }
        Ok(tallies)
    }
}

pub(crate) fn list_query(
    scope: &Scope,
    filter: &FindingFilter,
    order: Order,
    request: &PageRequest,
) -> Result<Sql, StoreError> {
    let mut query = sql(COLUMNS);
    query.push(FROM);
    filter.narrow(scope, &mut query);
    order.page(&mut query, request)?;
    Ok(query)
}

pub(crate) fn state(text: &str) -> AffectedState {
    [
        AffectedState::Fixed,
        AffectedState::WillNotFix,
        AffectedState::UnderInvestigation,
        AffectedState::NotAffected,
    ]
    .into_iter()
    .find(|state| state.as_str() == text)
    .unwrap_or(AffectedState::Unfixed)
}

fn read(row: &Row) -> Result<Finding, StoreError> {
    let assessed = row.time("assessed")?;
    let open = row.int("state")? == 0;
    Ok(Finding {
        fingerprint: row.text("fingerprint")?,
        open,
        severity: severity_of(row.int("severity")?),
        vulnerability: row.text("vulnerability")?,
        title: row.text("title")?,
        cvss: row.real("cvss")?,
        epss: row.real("epss")?,
        kev: row.flag("kev")?,
        image: maybe_key_of(row, "uid")?.expect("invariant: findings are joined with their image"),
        package_kind: crate::package::kind(&row.text("package_kind")?),
        package: row.text("package_name")?,
        version: row.text("package_version")?,
        purl: row.text("package_purl")?,
        path: row.text("path")?,
        layer: row
            .maybe_int("layer")?
            .and_then(|layer| layer.try_into().ok()),
        fix: Fix {
            state: state(&row.text("fix_state")?),
            versions: row.json("fix_versions")?,
        },
        advisories: row.json("advisories")?,
        first_seen: row.time("first_seen")?,
        last_seen: if open {
            assessed
        } else {
            row.maybe_time("last_seen")?.unwrap_or(assessed)
        },
        resolved: row.maybe_time("resolved")?,
        suppression: row.maybe_json("suppression")?,
        number: row.int("id")?,
        rank: row.int("rank")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let query = list_query(&scope, filter, sort.order(), &PageRequest::first(50)).unwrap();
        query.plan(&store.readers).await
    }

    #[tokio::test]
    async fn the_queue_is_read_off_an_index() {
        let filter = FindingFilter {
            open: Some(true),
            ..FindingFilter::default()
        };
        let plan = plan(&filter, FindingSort::Severity).await;
        assert!(plan.contains("SEARCH finding USING"), "{plan}");
    }

    #[tokio::test]
    async fn one_image_and_one_vulnerability_are_looked_up_not_searched_for() {
        let filter = FindingFilter {
            open: Some(true),
            image: Some("x".to_owned()),
            ..FindingFilter::default()
        };
        let by_image = plan(&filter, FindingSort::Package).await;
        assert!(by_image.contains("SEARCH finding USING"), "{by_image}");
        let filter = FindingFilter {
            open: Some(true),
            vulnerability: Some("x".to_owned()),
            ..FindingFilter::default()
        };
        let by_name = plan(&filter, FindingSort::Newest).await;
        assert!(by_name.contains("finding_by_rule"), "{by_name}");
    }
}
