//! What the findings of the small world say as alerts.

use model::alert::context::Term;

use super::{Dice, Finding, NAMES};
use crate::{
    alert::term_number,
    db::{Connection, sql},
};

/// Words under some of the fields, each once.
pub(super) fn terms(dice: &mut Dice) -> Vec<(Term, String)> {
    let mut terms = Vec::new();
    for _ in 0..dice.roll(4) {
        let term = (dice.pick(&Term::ALL), dice.pick(NAMES).to_owned());
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms
}

pub(super) async fn incident(
    connection: &mut Connection,
    environment_id: i64,
    environment: &str,
) -> (i64, String) {
    let uid = format!("incident-{environment}");
    let id = sql(
        "INSERT INTO incident (uid, environment_id, cluster, title, severity, worst, tactics,
             techniques, principals, workloads, alerts, events, shown, state, first_seen,
             last_seen, opened)
         VALUES (?, ?, '', '', 0, 0, 0, '[]', '[]', '[]', 0, 0, 1, 0, 0, 0, 0) RETURNING id",
    )
    .bind(&uid)
    .bind(environment_id)
    .scalar()
    .fetch_one(connection)
    .await
    .unwrap();
    (id, uid)
}

pub(super) async fn put(connection: &mut Connection, incident: i64, finding: &Finding) {
    for (term, value) in &finding.terms {
        sql("INSERT INTO alert_term (finding_id, field, value) VALUES (?, ?, ?)")
            .bind(finding.id)
            .bind(term_number(*term))
            .bind(value)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    if finding.incident.is_some() {
        sql(
            "INSERT INTO incident_alert (incident_id, finding_id, first_seen, last_seen, events)
             VALUES (?, ?, 0, 0, 1)",
        )
        .bind(incident)
        .bind(finding.id)
        .execute(connection)
        .await
        .unwrap();
    }
}
