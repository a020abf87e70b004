//! Container hosts that somebody named, and what was last seen of them.
//!
//! Their certificates and keys are sealed before they come here. What a
//! look found of the host itself is kept by its asset, where the
//! recommendations find it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::AssetKind;
use serde::Serialize;

use crate::{
    Author, Counts, Note, Scope, Store, StoreError,
    asset::{self, Described, Placed},
    audit,
    counts::severity_of,
    db::{Connection, Row, sql},
    environment,
    row::json,
    scan::mint,
};

/// A host, its secrets sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerHost {
    row: i64,
    pub id: String,
    pub environment: String,
    pub name: String,
    /// `tcp://host:2376`.
    pub address: String,
    /// Which of its secrets are set: `ca`, `certificate`, `key`.
    pub secrets: Vec<String>,
    /// As the vault gave it; this room cannot read it.
    pub sealed: Option<String>,
    pub paused: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// When it was last looked at, and when it was last reached.
    pub looked: Option<Timestamp>,
    pub reached: Option<Timestamp>,
    /// Why the last look did not reach it: JSON, as whoever looked wrote
    /// it.
    pub error: Option<String>,
    /// What the last look could not ask.
    pub gaps: Vec<String>,
    /// Its asset, once there is one.
    pub asset: Option<String>,
}

/// What is written of a host.
#[derive(Clone, Debug)]
pub struct HostRecord {
    pub name: String,
    pub address: String,
    pub secrets: Vec<String>,
    pub sealed: Option<String>,
    pub paused: bool,
}

/// How a look went.
#[derive(Clone, Debug, Default)]
pub struct HostLook {
    pub error: Option<String>,
    pub gaps: Vec<String>,
    /// What was seen of it, as JSON; `None`: nothing.
    pub facts: Option<String>,
}

const SELECT: &str = "SELECT container_host.*, environment.name AS environment,
         asset.uid AS asset
     FROM container_host
     JOIN environment ON environment.id = container_host.environment_id
     LEFT JOIN asset ON asset.environment_id = container_host.environment_id
         AND asset.kind = 'host' AND asset.identity = container_host.name
         AND asset.parent_id = (SELECT top.id FROM asset AS top
             WHERE top.environment_id = container_host.environment_id
               AND top.kind = 'environment' AND top.parent_id = 0)
     WHERE ";

fn read(row: &Row) -> Result<ContainerHost, StoreError> {
    Ok(ContainerHost {
        row: row.int("id")?,
        id: row.text("uid")?,
        environment: row.text("environment")?,
        name: row.text("name")?,
        address: row.text("address")?,
        secrets: row.json("secrets")?,
        sealed: row.maybe_text("sealed")?,
        paused: row.flag("paused")?,
        created: row.time("created")?,
        updated: row.time("updated")?,
        looked: row.maybe_time("looked")?,
        reached: row.maybe_time("reached")?,
        error: row.maybe_text("error")?,
        gaps: row.json("gaps")?,
        asset: row.maybe_text("asset")?,
    })
}

/// What the audit trail shows of a host: never a secret, sealed or not.
#[derive(Serialize)]
struct Shown {
    name: String,
    address: String,
    secrets: Vec<String>,
    secrets_changed: bool,
    paused: bool,
}

fn shown(host: &ContainerHost) -> Shown {
    Shown {
        name: host.name.clone(),
        address: host.address.clone(),
        secrets: host.secrets.clone(),
        secrets_changed: false,
        paused: host.paused,
    }
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<ContainerHost>, StoreError> {
    let mut query = sql(SELECT);
    query.push("container_host.uid = ").push_bind(id);
    let row = query.fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

async fn is_taken(
    connection: &mut Connection,
    environment_id: i64,
    name: &str,
    but: &str,
) -> Result<bool, StoreError> {
    let taken: Option<String> = sql("SELECT uid FROM container_host
         WHERE environment_id = ? AND name = ? AND uid <> ?")
    .bind(environment_id)
    .bind(name)
    .bind(but)
    .scalar()
    .fetch_optional(connection)
    .await?;
    Ok(taken.is_some())
}

/// Keeps what an asset is judged by; nothing where `facts` is empty.
pub(crate) async fn put_posture(
    connection: &mut Connection,
    asset_id: i64,
    facts: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if facts.is_empty() {
        sql("DELETE FROM asset_posture WHERE asset_id = ?")
            .bind(asset_id)
            .execute(connection)
            .await?;
        return Ok(());
    }
    sql(
        "INSERT INTO asset_posture (asset_id, facts, noted) VALUES (?, ?, ?)
         ON CONFLICT (asset_id) DO UPDATE SET facts = excluded.facts, noted = excluded.noted",
    )
    .bind(asset_id)
    .bind(facts)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// The asset of a host of an environment, made where there is none.
async fn put_asset(
    connection: &mut Connection,
    environment: &str,
    name: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let top = asset::of_environment(connection, environment_id, environment).await?;
    let known: Option<i64> = sql("SELECT id FROM asset
         WHERE environment_id = ? AND kind = 'host' AND parent_id = ? AND identity = ?")
    .bind(environment_id)
    .bind(top)
    .bind(name)
    .scalar()
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(id) = known {
        sql("UPDATE asset SET last_seen = ?, gone = NULL WHERE id = ?")
            .bind(now)
            .bind(id)
            .execute(connection)
            .await?;
        return Ok(id);
    }
    let described = Described {
        place: Placed::default().with(AssetKind::Host, name),
        ..Described::new(environment_id, top, AssetKind::Host, name, name)
    };
    asset::put(connection, &described, &mint(), now).await
}

impl Store {
    /// Every container host in scope, by name.
    pub async fn container_hosts(&self, scope: &Scope) -> Result<Vec<ContainerHost>, StoreError> {
        let mut query = sql(SELECT);
        scope.constrain(&mut query, "container_host.environment_id");
        query.push(" ORDER BY container_host.name, environment.name");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// One of them by id.
    pub async fn container_host(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<ContainerHost>, StoreError> {
        let mut query = sql(SELECT);
        scope.constrain(&mut query, "container_host.environment_id");
        query.push(" AND container_host.uid = ").push_bind(id);
        let row = query.fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a host. `Ok(None)`: the environment has one of this name.
    pub async fn add_container_host(
        &self,
        author: Author,
        environment: &str,
        record: HostRecord,
    ) -> Result<Option<ContainerHost>, StoreError> {
        let (environment, now) = (environment.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    if is_taken(connection, environment_id, &record.name, "").await? {
                        return Ok(None);
                    }
                    let id = uuid::Uuid::now_v7().to_string();
                    sql(
                        "INSERT INTO container_host (uid, environment_id, name, address, secrets,
                             sealed, paused, created, updated, gaps)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')",
                    )
                    .bind(&id)
                    .bind(environment_id)
                    .bind(record.name)
                    .bind(record.address)
                    .bind(json(&record.secrets))
                    .bind(record.sealed)
                    .bind(record.paused)
                    .bind(now)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                    let host = find(connection, &id).await?;
                    if let Some(host) = &host {
                        let note = Note::of("host.create", "host", &id)
                            .within(&environment)
                            .made(&shown(host));
                        audit::note(connection, &author, note).await?;
                    }
                    Ok(host)
                })
            })
            .await
    }

    /// Changes a host. `Ok(None)`: the name is another's, or the host is
    /// gone.
    pub async fn change_container_host(
        &self,
        author: Author,
        id: &str,
        record: HostRecord,
    ) -> Result<Option<ContainerHost>, StoreError> {
        let (id, now) = (id.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(None);
                    };
                    let environment_id = environment::id(connection, &before.environment).await?;
                    if is_taken(connection, environment_id, &record.name, &id).await? {
                        return Ok(None);
                    }
                    if record.name != before.name {
                        // What was seen was seen under the other name.
                        leave(connection, &before, now).await?;
                    }
                    sql(
                        "UPDATE container_host SET name = ?, address = ?, secrets = ?,
                             sealed = ?, paused = ?, updated = ?, error = NULL
                         WHERE uid = ?",
                    )
                    .bind(record.name)
                    .bind(record.address)
                    .bind(json(&record.secrets))
                    .bind(record.sealed)
                    .bind(record.paused)
                    .bind(now)
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                    let Some(host) = find(connection, &id).await? else {
                        return Ok(None);
                    };
                    let mut after = shown(&host);
                    // That a secret is another one shows; which it is does not.
                    after.secrets_changed = before.sealed != host.sealed;
                    let note = Note::of("host.change", "host", &id)
                        .within(&host.environment)
                        .changed(&shown(&before), &after);
                    audit::note(connection, &author, note).await?;
                    Ok(Some(host))
                })
            })
            .await
    }

    /// Forgets a host: its containers are gone, and what was wrong with
    /// it is nobody's to say any more.
    pub async fn remove_container_host(
        &self,
        author: Author,
        id: &str,
    ) -> Result<bool, StoreError> {
        let (id, now) = (id.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(false);
                    };
                    leave(connection, &before, now).await?;
                    sql("DELETE FROM container_host WHERE uid = ?")
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("host.remove", "host", &id)
                        .within(&before.environment)
                        .removed(&shown(&before));
                    audit::note(connection, &author, note).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Writes down how a look at a host went. A host that is gone by now
    /// is left alone.
    pub async fn note_host_look(
        &self,
        id: &str,
        look: HostLook,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(host) = find(connection, &id).await? else {
                        return Ok(());
                    };
                    let reached = look.error.is_none().then_some(now).or(host.reached);
                    sql(
                        "UPDATE container_host SET looked = ?, reached = ?, error = ?, gaps = ?
                         WHERE uid = ?",
                    )
                    .bind(now)
                    .bind(reached)
                    .bind(look.error)
                    .bind(json(&look.gaps))
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                    if let Some(facts) = look.facts {
                        let asset =
                            put_asset(connection, &host.environment, &host.name, now).await?;
                        put_posture(connection, asset, &facts, now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Keeps what was seen of a host that needs no address: this machine.
    pub async fn put_host_facts(
        &self,
        environment: &str,
        name: &str,
        facts: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (environment, name) = (environment.to_owned(), name.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let asset = put_asset(connection, &environment, &name, now).await?;
                    put_posture(connection, asset, &facts, now).await
                })
            })
            .await
    }

    /// Puts a host's secrets under another seal, if they still are as
    /// they were read.
    pub async fn reseal_container_host(
        &self,
        host: &ContainerHost,
        sealed: String,
    ) -> Result<bool, StoreError> {
        let (row, before) = (host.row, host.sealed.clone().unwrap_or_default());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let touched =
                        sql("UPDATE container_host SET sealed = ? WHERE id = ? AND sealed = ?")
                            .bind(sealed)
                            .bind(row)
                            .bind(before)
                            .execute(connection)
                            .await?;
                    Ok(touched > 0)
                })
            })
            .await
    }

    /// What was last seen of a host, as JSON.
    pub async fn seen_of_host(&self, host: &ContainerHost) -> Result<Option<String>, StoreError> {
        let Some(asset) = &host.asset else {
            return Ok(None);
        };
        sql("SELECT asset_posture.facts FROM asset_posture
             JOIN asset ON asset.id = asset_posture.asset_id WHERE asset.uid = ?")
        .bind(asset)
        .scalar()
        .fetch_optional(&self.readers)
        .await
    }
}

/// A container that runs on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostContainer {
    pub asset: String,
    pub name: String,
    /// As whoever started it named it.
    pub image: Option<String>,
    pub image_id: Option<String>,
}

impl Store {
    /// What runs on a host, by name.
    pub async fn containers_on_host(
        &self,
        asset: &str,
        limit: u32,
    ) -> Result<Vec<HostContainer>, StoreError> {
        let rows = sql(
            "SELECT asset.uid, asset.name, asset.facts, image.uid AS image
             FROM asset LEFT JOIN image ON image.id = asset.image_id
             WHERE asset.kind = 'container' AND asset.gone IS NULL
               AND asset.parent_id = (SELECT id FROM asset WHERE uid = ?)
             ORDER BY asset.name, asset.id LIMIT ?",
        )
        .bind(asset)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let facts: BTreeMap<String, String> = row.json("facts")?;
                Ok(HostContainer {
                    asset: row.text("uid")?,
                    name: row.text("name")?,
                    image: facts.get("image").cloned(),
                    image_id: row.maybe_text("image")?,
                })
            })
            .collect()
    }

    /// Open findings of a host and of what runs on it.
    pub async fn open_on_host(&self, asset: &str) -> Result<Counts, StoreError> {
        let rows = sql("SELECT finding.severity, COUNT(*) AS findings
             FROM finding JOIN asset ON asset.id = finding.asset_id
             WHERE finding.state = 0 AND finding.suppressed = 0
               AND (asset.uid = ? OR asset.parent_id = (SELECT id FROM asset WHERE uid = ?))
             GROUP BY finding.severity")
        .bind(asset)
        .bind(asset)
        .fetch_all(&self.readers)
        .await?;
        let mut counts = Counts::default();
        for row in &rows {
            *counts.of(severity_of(row.int("severity")?)) += row.count("findings")?;
        }
        Ok(counts)
    }
}

/// Nobody looks at the host under this name any more.
async fn leave(
    connection: &mut Connection,
    host: &ContainerHost,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(asset) = &host.asset else {
        return Ok(());
    };
    sql(
        "UPDATE asset SET gone = ? WHERE kind = 'container' AND gone IS NULL
         AND parent_id = (SELECT id FROM asset WHERE uid = ?)",
    )
    .bind(now)
    .bind(asset)
    .execute(&mut *connection)
    .await?;
    sql("DELETE FROM asset_posture WHERE asset_id = (SELECT id FROM asset WHERE uid = ?)")
        .bind(asset)
        .execute(connection)
        .await?;
    Ok(())
}
