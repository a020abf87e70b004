//! Lists and counts of decisions.

use jiff::Timestamp;

use crate::{
    Page, PageRequest, Scope, Store, StoreError,
    db::{Row, Sql, sql},
    page::{Key, Order, TOTAL_CAP, Total},
    row::like,
};

/// One decision, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionDecision {
    pub environment: String,
    pub cluster: String,
    pub uid: String,
    pub time: Timestamp,
    /// All of it, as JSON.
    pub document: String,
    number: i64,
}

/// Which decisions.
#[derive(Clone, Debug, Default)]
pub struct AdmissionFilter {
    pub cluster: Option<String>,
    /// Clusters that are left out: of counts only.
    pub except: Vec<String>,
    pub namespace: Option<String>,
    pub policy: Option<String>,
    /// Empty: all.
    pub verdicts: Vec<String>,
    pub user: Option<String>,
    pub text: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// What came of requests a policy was against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdmissionTally {
    pub denied: u64,
    pub warned: u64,
    pub audited: u64,
    pub exempted: u64,
}

/// The tally of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDecisionCount {
    pub policy: String,
    pub tally: AdmissionTally,
}

/// Whose objects a policy is against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionOffender {
    pub environment: String,
    pub cluster: String,
    pub namespace: String,
    pub object: String,
    pub user: String,
    pub policy: String,
    pub tally: AdmissionTally,
    pub last: Timestamp,
}

const NEWEST: Order = Order {
    name: "newest",
    expression: "admission_decision.time",
    id: "admission_decision.id",
    descending: true,
};

/// Sums of what came of requests, for any rows of hits.
const TALLY: &str = "
    CAST(SUM(CASE admission_hit.verdict WHEN 'denied' THEN 1 ELSE 0 END) AS BIGINT) AS denied,
    CAST(SUM(CASE admission_hit.verdict WHEN 'warned' THEN 1 ELSE 0 END) AS BIGINT) AS warned,
    CAST(SUM(CASE admission_hit.verdict WHEN 'audited' THEN 1 ELSE 0 END) AS BIGINT) AS audited,
    CAST(SUM(CASE admission_hit.verdict WHEN 'exempted' THEN 1 ELSE 0 END) AS BIGINT) AS exempted";

fn tally(row: &Row) -> Result<AdmissionTally, StoreError> {
    Ok(AdmissionTally {
        denied: row.count("denied")?,
        warned: row.count("warned")?,
        audited: row.count("audited")?,
        exempted: row.count("exempted")?,
    })
}

impl AdmissionFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        scope.constrain(query, "admission_decision.environment_id");
        for (column, value) in [
            ("cluster", &self.cluster),
            ("namespace", &self.namespace),
            ("username", &self.user),
        ] {
            if let Some(value) = value {
                query
                    .push(format_args!(" AND admission_decision.{column} = "))
                    .push_bind(value);
            }
        }
        if !self.verdicts.is_empty() {
            query
                .push(" AND admission_decision.verdict IN ")
                .push_list(self.verdicts.iter().map(String::as_str));
        }
        if let Some(since) = self.since {
            query
                .push(" AND admission_decision.time >= ")
                .push_bind(since);
        }
        if let Some(until) = self.until {
            query
                .push(" AND admission_decision.time < ")
                .push_bind(until);
        }
        if let Some(policy) = &self.policy {
            query
                .push(
                    " AND EXISTS (SELECT 1 FROM admission_hit
                     WHERE admission_hit.decision_id = admission_decision.id
                       AND admission_hit.policy = ",
                )
                .push_bind(policy)
                .push(")");
        }
        if let Some(text) = &self.text {
            query
                .push(" AND LOWER(admission_decision.searched) LIKE ")
                .push_bind(like(text))
                .push(" ESCAPE '\\'");
        }
    }

    /// For hits alone: place, policy and time.
    fn narrow_hits(&self, scope: &Scope, query: &mut Sql) {
        scope.constrain(query, "admission_hit.environment_id");
        if let Some(cluster) = &self.cluster {
            query
                .push(" AND admission_hit.cluster = ")
                .push_bind(cluster);
        }
        if !self.except.is_empty() {
            query
                .push(" AND admission_hit.cluster NOT IN ")
                .push_list(self.except.iter().map(String::as_str));
        }
        if let Some(policy) = &self.policy {
            query.push(" AND admission_hit.policy = ").push_bind(policy);
        }
        if let Some(since) = self.since {
            query.push(" AND admission_hit.time >= ").push_bind(since);
        }
    }
}

impl Store {
    /// Decisions of the scope, newest first.
    pub async fn admission_decisions(
        &self,
        scope: &Scope,
        filter: &AdmissionFilter,
        request: &PageRequest,
    ) -> Result<Page<AdmissionDecision>, StoreError> {
        let mut query = sql(
            "SELECT admission_decision.*, environment.name AS environment FROM admission_decision
             JOIN environment ON environment.id = admission_decision.environment_id WHERE ",
        );
        filter.narrow(scope, &mut query);
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows
            .iter()
            .map(|row| {
                Ok(AdmissionDecision {
                    environment: row.text("environment")?,
                    cluster: row.text("cluster")?,
                    uid: row.text("uid")?,
                    time: row.time("time")?,
                    document: row.text("document")?,
                    number: row.int("id")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM admission_decision WHERE ");
        filter.narrow(scope, &mut count);
        count.push(format_args!(" LIMIT {}) AS counted", TOTAL_CAP + 1));
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(NEWEST.cut(items, request, total, |decision| {
            (Key::Int(decision.time.as_microsecond()), decision.number)
        }))
    }

    /// What came of requests, by policy.
    pub async fn policy_decisions(
        &self,
        scope: &Scope,
        filter: &AdmissionFilter,
    ) -> Result<Vec<PolicyDecisionCount>, StoreError> {
        let mut query = sql("SELECT admission_hit.policy, ");
        query.push(TALLY).push(" FROM admission_hit WHERE ");
        filter.narrow_hits(scope, &mut query);
        query.push(" GROUP BY admission_hit.policy ORDER BY admission_hit.policy");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(PolicyDecisionCount {
                    policy: row.text("policy")?,
                    tally: tally(row)?,
                })
            })
            .collect()
    }

    /// Whose objects policies were against most, and how many there are
    /// of different ones.
    pub async fn admission_offenders(
        &self,
        scope: &Scope,
        filter: &AdmissionFilter,
        limit: u32,
    ) -> Result<(Vec<AdmissionOffender>, u64), StoreError> {
        const FROM: &str = " FROM admission_hit
            JOIN admission_decision ON admission_decision.id = admission_hit.decision_id
            JOIN environment ON environment.id = admission_hit.environment_id WHERE ";
        const GROUP: &str = " GROUP BY environment.name, admission_decision.cluster,
            admission_decision.namespace, admission_decision.object, admission_hit.policy";
        let mut query = sql(
            "SELECT environment.name AS environment, admission_decision.cluster,
                 admission_decision.namespace, admission_decision.object, admission_hit.policy,
                 MAX(admission_decision.username) AS username,
                 MAX(admission_decision.time) AS last, COUNT(*) AS hits, ",
        );
        query.push(TALLY).push(FROM);
        filter.narrow_hits(scope, &mut query);
        query
            .push(GROUP)
            .push(" ORDER BY COUNT(*) DESC, MAX(admission_decision.time) DESC LIMIT ")
            .push_bind(i64::from(limit));
        let offenders = query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(AdmissionOffender {
                    environment: row.text("environment")?,
                    cluster: row.text("cluster")?,
                    namespace: row.text("namespace")?,
                    object: row.text("object")?,
                    user: row.text("username")?,
                    policy: row.text("policy")?,
                    tally: tally(row)?,
                    last: row.time("last")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 AS one");
        count.push(FROM);
        filter.narrow_hits(scope, &mut count);
        count
            .push(GROUP)
            .push(format_args!(" LIMIT {TOTAL_CAP}) AS counted"));
        let objects: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok((offenders, objects.try_into().unwrap_or(0)))
    }
}
