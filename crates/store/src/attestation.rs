//! What somebody answers for, of controls that no check answers: with a
//! note, and until a day.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Row, sql},
    environment,
};

/// Somebody's word that a control holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    pub environment: String,
    /// Empty: for the environment as a whole.
    pub cluster: String,
    pub standard: String,
    pub control: String,
    pub note: String,
    pub made: Timestamp,
    pub made_by: String,
    pub expires: Timestamp,
}

/// A new one; it takes the place of one for the same control and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttestation {
    pub environment: String,
    pub cluster: String,
    pub standard: String,
    pub control: String,
    pub note: String,
    pub expires: Timestamp,
}

impl Store {
    /// Every attestation in scope of a standard, those that expired
    /// among them, newest first.
    pub async fn attestations(
        &self,
        scope: &Scope,
        standard: Option<&str>,
    ) -> Result<Vec<Attestation>, StoreError> {
        let mut query = sql(
            "SELECT attestation.*, environment.name AS environment FROM attestation
             JOIN environment ON environment.id = attestation.environment_id WHERE ",
        );
        scope.constrain(&mut query, "attestation.environment_id");
        if let Some(standard) = standard {
            query
                .push(" AND attestation.standard = ")
                .push_bind(standard);
        }
        query.push(
            " ORDER BY attestation.made DESC, environment.name, attestation.cluster,
             attestation.standard, attestation.control",
        );
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Keeps what somebody answers for.
    pub async fn attest(
        &self,
        author: Author,
        attestation: NewAttestation,
    ) -> Result<Attestation, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = environment::id(connection, &attestation.environment).await?;
                    sql(
                        "INSERT INTO attestation (environment_id, cluster, standard, control,
                             note, made, made_by, expires)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                         ON CONFLICT (environment_id, cluster, standard, control) DO UPDATE SET
                             note = excluded.note, made = excluded.made,
                             made_by = excluded.made_by, expires = excluded.expires",
                    )
                    .bind(id)
                    .bind(&attestation.cluster)
                    .bind(&attestation.standard)
                    .bind(&attestation.control)
                    .bind(&attestation.note)
                    .bind(author.time)
                    .bind(&author.name)
                    .bind(attestation.expires)
                    .execute(&mut *connection)
                    .await?;
                    let object = format!("{} {}", attestation.standard, attestation.control);
                    let entry = Note::of("compliance.attest", "control", &object)
                        .within(&attestation.environment)
                        .made(&json!({
                            "cluster": attestation.cluster,
                            "note": attestation.note,
                            "expires": attestation.expires,
                        }));
                    audit::note(connection, &author, entry).await?;
                    Ok(Attestation {
                        environment: attestation.environment,
                        cluster: attestation.cluster,
                        standard: attestation.standard,
                        control: attestation.control,
                        note: attestation.note,
                        made: author.time,
                        made_by: author.name,
                        expires: attestation.expires,
                    })
                })
            })
            .await
    }

    /// Takes a word back. `false`: there was none.
    pub async fn withdraw_attestation(
        &self,
        author: Author,
        environment: &str,
        cluster: &str,
        (standard, control): (&str, &str),
    ) -> Result<bool, StoreError> {
        let environment = environment.to_owned();
        let cluster = cluster.to_owned();
        let (standard, control) = (standard.to_owned(), control.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = environment::id(connection, &environment).await?;
                    let gone = sql("DELETE FROM attestation WHERE environment_id = ?
                           AND cluster = ? AND standard = ? AND control = ?")
                    .bind(id)
                    .bind(&cluster)
                    .bind(&standard)
                    .bind(&control)
                    .execute(&mut *connection)
                    .await?;
                    if gone == 0 {
                        return Ok(false);
                    }
                    let object = format!("{standard} {control}");
                    let entry = Note::of("compliance.withdraw", "control", &object)
                        .within(&environment)
                        .removed(&json!({ "cluster": cluster }));
                    audit::note(connection, &author, entry).await?;
                    Ok(true)
                })
            })
            .await
    }
}

fn read(row: &Row) -> Result<Attestation, StoreError> {
    Ok(Attestation {
        environment: row.text("environment")?,
        cluster: row.text("cluster")?,
        standard: row.text("standard")?,
        control: row.text("control")?,
        note: row.text("note")?,
        made: row.time("made")?,
        made_by: row.text("made_by")?,
        expires: row.time("expires")?,
    })
}
