//! Secrets found in images, as their own list shows them.

use jiff::Timestamp;
use model::{FindingKind, FindingState, Severity};

use crate::{
    ImageKey, Page, PageRequest, Scope, Store, StoreError,
    counts::{severity_number, severity_of},
    db::{Row, Sql, sql},
    finding::kind_number,
    image,
    page::{Key, Order, TOTAL_CAP, Total},
    row::{like, number},
};

/// One secret in one image.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretEntry {
    /// The finding's number.
    pub finding: i64,
    pub rule: String,
    pub title: String,
    pub severity: Severity,
    pub state: FindingState,
    pub image: ImageKey,
    pub path: String,
    pub layer: Option<u32>,
    /// JSON, as whoever found it wrote it.
    pub evidence: String,
    pub first_seen: Timestamp,
    pub assignee: Option<String>,
    rank: i64,
}

/// Which secrets; open ones when no state is named.
#[derive(Clone, Debug, Default)]
pub struct SecretFilter {
    /// The image's id.
    pub image: Option<String>,
    pub rules: Vec<String>,
    pub severities: Vec<Severity>,
    pub states: Vec<FindingState>,
    /// In a path, a kind's title or an image's name.
    pub text: Option<String>,
}

/// How many open secrets there are of one sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretTally {
    pub rule: String,
    pub title: String,
    pub severity: Severity,
    pub findings: u64,
    pub images: u64,
}

const WORST: Order = Order {
    name: "severity",
    expression: "finding.rank",
    id: "finding.id",
    descending: true,
};

impl SecretFilter {
    fn narrow(&self, query: &mut Sql) {
        let states = self.states.iter().map(|state| state_number(*state));
        let states: Vec<i64> = states.collect();
        query
            .push(" AND finding.state IN ")
            .push_list(if states.is_empty() { vec![0] } else { states });
        if let Some(image) = &self.image {
            query.push(" AND image.uid = ").push_bind(image.clone());
        }
        if !self.rules.is_empty() {
            query
                .push(" AND rule.name IN ")
                .push_list(self.rules.iter().map(String::as_str));
        }
        if !self.severities.is_empty() {
            let numbers = self.severities.iter().map(|one| severity_number(*one));
            query.push(" AND finding.severity IN ").push_list(numbers);
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            for (begin, column) in [
                (" AND (", "finding.path"),
                (" OR ", "rule.title"),
                (" OR ", "image.name"),
            ] {
                query
                    .push(format_args!("{begin}LOWER({column}) LIKE "))
                    .push_bind(pattern.clone())
                    .push(" ESCAPE '\\'");
            }
            query.push(")");
        }
    }
}

fn state_number(state: FindingState) -> i64 {
    FindingState::ALL
        .iter()
        .position(|known| *known == state)
        .map_or(0, number)
}

fn from(query: &mut Sql, scope: &Scope) {
    query
        .push(
            " FROM finding JOIN rule ON rule.id = finding.rule_id
              JOIN image ON image.id = finding.image_id
              JOIN environment ON environment.id = finding.environment_id
              LEFT JOIN finding_evidence ON finding_evidence.finding_id = finding.id
              WHERE finding.kind = ",
        )
        .push_bind(kind_number(FindingKind::Secret))
        .push(" AND ");
    scope.constrain(query, "finding.environment_id");
}

impl Store {
    /// Secrets of images, worst first.
    pub async fn secrets(
        &self,
        scope: &Scope,
        filter: &SecretFilter,
        request: &PageRequest,
    ) -> Result<Page<SecretEntry>, StoreError> {
        let mut query = sql(
            "SELECT finding.id AS finding, finding.severity, finding.state, finding.path,
                    finding.layer, finding.first_seen, finding.assignee, finding.rank,
                    rule.name AS rule, rule.title, finding_evidence.evidence,
                    image.uid, image.kind, image.name, environment.name AS environment",
        );
        from(&mut query, scope);
        filter.narrow(&mut query);
        WORST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1");
        from(&mut count, scope);
        filter.narrow(&mut count);
        count.push(format_args!(" LIMIT {}) AS counted", TOTAL_CAP + 1));
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(WORST.cut(items, request, total, |entry| {
            (Key::Int(entry.rank), entry.finding)
        }))
    }

    /// Open secrets by kind, worst and most first.
    pub async fn secret_tallies(&self, scope: &Scope) -> Result<Vec<SecretTally>, StoreError> {
        let mut query = sql(
            "SELECT rule.name, rule.title, MAX(finding.severity) AS severity,
                    COUNT(*) AS findings, COUNT(DISTINCT finding.image_id) AS images",
        );
        from(&mut query, scope);
        query.push(
            " AND finding.state = 0 GROUP BY rule.name, rule.title
              ORDER BY MAX(finding.severity) DESC, COUNT(*) DESC, rule.name",
        );
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(SecretTally {
                    rule: row.text("name")?,
                    title: row.text("title")?,
                    severity: severity_of(row.int("severity")?),
                    findings: row.count("findings")?,
                    images: row.count("images")?,
                })
            })
            .collect()
    }
}

fn read(row: &Row) -> Result<SecretEntry, StoreError> {
    let state = usize::try_from(row.int("state")?).unwrap_or(0);
    Ok(SecretEntry {
        finding: row.int("finding")?,
        rule: row.text("rule")?,
        title: row.text("title")?,
        severity: severity_of(row.int("severity")?),
        state: FindingState::ALL.get(state).copied().unwrap_or_default(),
        image: image::key_of(row)?,
        path: row.maybe_text("path")?.unwrap_or_default(),
        layer: row
            .maybe_int("layer")?
            .and_then(|layer| layer.try_into().ok()),
        evidence: row.maybe_text("evidence")?.unwrap_or_default(),
        first_seen: row.time("first_seen")?,
        assignee: row.maybe_text("assignee")?,
        rank: row.int("rank")?,
    })
}
