//! Decisions, taken once: each is known by its cluster and uid.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use crate::{
    Store, StoreError,
    db::{Connection, insert, sql},
    environment,
};

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAdmissionDecision {
    pub uid: String,
    pub time: Timestamp,
    /// In the wire's words.
    pub verdict: String,
    pub namespace: String,
    /// The workload it is part of, or itself: `Deployment/checkout`.
    pub object: String,
    pub user: String,
    /// What free text is looked for in.
    pub searched: String,
    /// All of it, as JSON.
    pub document: String,
    pub hits: Vec<AdmissionHit>,
}

/// A policy that had something to say, and what came of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionHit {
    pub policy: String,
    pub verdict: String,
}

/// What became of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenDecisions {
    pub taken: u64,
    /// Known already.
    pub repeated: u64,
}

impl Store {
    /// Keeps what admission of a cluster decided; answered once it is
    /// durable.
    pub async fn put_decisions(
        &self,
        environment: &str,
        cluster: &str,
        decisions: Vec<NewAdmissionDecision>,
    ) -> Result<TakenDecisions, StoreError> {
        let (environment, cluster) = (environment.to_owned(), cluster.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &environment, &cluster, decisions).await })
            })
            .await
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    cluster: &str,
    decisions: Vec<NewAdmissionDecision>,
) -> Result<TakenDecisions, StoreError> {
    let id = environment::id(connection, environment).await?;
    let sent = decisions.len();
    // One statement must not meet one row twice.
    let mut seen = HashSet::new();
    let fresh: Vec<NewAdmissionDecision> = decisions
        .into_iter()
        .filter(|decision| seen.insert(decision.uid.clone()))
        .collect();
    let rows = insert(
        "INSERT INTO admission_decision (environment_id, cluster, uid, time, verdict, namespace,
             object, username, searched, document) ",
    )
    .ending(" ON CONFLICT (environment_id, cluster, uid) DO NOTHING RETURNING id, uid")
    .returning(connection, &fresh, |row, decision| {
        row.push_bind(id)
            .push_bind(cluster)
            .push_bind(decision.uid.as_str())
            .push_bind(decision.time)
            .push_bind(decision.verdict.as_str())
            .push_bind(decision.namespace.as_str())
            .push_bind(decision.object.as_str())
            .push_bind(decision.user.as_str())
            .push_bind(decision.searched.as_str())
            .push_bind(decision.document.as_str());
    })
    .await?;
    let mut numbers = BTreeMap::new();
    for row in &rows {
        numbers.insert(row.text("uid")?, row.int("id")?);
    }
    let mut hits = BTreeMap::new();
    for decision in &fresh {
        let Some(number) = numbers.get(&decision.uid) else {
            continue;
        };
        for hit in &decision.hits {
            hits.insert((*number, hit.policy.as_str()), (decision, hit));
        }
    }
    insert(
        "INSERT INTO admission_hit (decision_id, policy, verdict, environment_id, cluster, time) ",
    )
    .rows(
        connection,
        &hits,
        |row, ((number, policy), (decision, hit))| {
            row.push_bind(*number)
                .push_bind(*policy)
                .push_bind(hit.verdict.as_str())
                .push_bind(id)
                .push_bind(cluster)
                .push_bind(decision.time);
        },
    )
    .await?;
    let taken = numbers.len();
    Ok(TakenDecisions {
        taken: taken as u64,
        repeated: (sent - taken) as u64,
    })
}

/// Removes what is older than it is kept, by the index that is for it.
pub(crate) const PRUNE: &str = "DELETE FROM admission_decision WHERE id IN (
     SELECT id FROM admission_decision WHERE time < ? LIMIT ?)";

/// Says that replicas not heard of since are gone.
pub(crate) async fn forget_replicas(
    connection: &mut Connection,
    before: Timestamp,
) -> Result<u64, StoreError> {
    sql("DELETE FROM admission_replica WHERE last_seen < ?")
        .bind(before)
        .execute(connection)
        .await
}
