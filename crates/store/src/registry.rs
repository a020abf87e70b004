//! Registries: where they are, how they are asked, and how that went.
//!
//! Their credentials are sealed before they come here. What they hold is
//! in [`content`], how that is walked in [`walk`], what they told by
//! themselves in [`told`], which of their images are due in [`due`].

pub(crate) mod content;
pub(crate) mod due;
pub(crate) mod told;
pub(crate) mod walk;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Author, Note, Scope, Store, StoreError, audit,
    db::{Connection, Row, sql},
    environment,
    row::json,
    scan::mint,
};

/// A registry, its secrets sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    pub(crate) row: i64,
    pub id: String,
    pub environment: String,
    pub name: String,
    pub kind: String,
    /// `host` or `host:port`.
    pub address: String,
    pub settings: RegistrySettings,
    /// Which of its secrets are set.
    pub secrets: Vec<String>,
    /// As the vault gave it; this room cannot read it.
    pub sealed: Option<String>,
    pub paused: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub polled: Option<Timestamp>,
    pub reached: Option<Timestamp>,
    pub told: Option<Timestamp>,
    /// Why it was not reached: JSON, as whoever tried wrote it.
    pub error: Option<String>,
    /// Nothing is asked of it before.
    pub hold_until: Option<Timestamp>,
    pub repositories: u64,
    pub tags: u64,
    /// Repositories that could not be read at their last turn.
    pub failing: u64,
    pub losses: Losses,
}

/// What a registry told to no avail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Events that could not be looked up, of those still kept.
    pub given_up: u64,
    /// Deliveries nobody could read.
    pub misread: u64,
    /// The last of either: when, and why.
    pub last: Option<(Timestamp, String)>,
}

/// What may be chosen about a registry, no secret among it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistrySettings {
    /// Repositories that are looked at: whole names, or beginnings that
    /// end with `*`. None: all of its catalogue.
    pub repositories: Vec<String>,
    /// Newest tags of a repository that are looked at.
    pub tags: u32,
    /// Minutes between two walks of its catalogue; 0: never.
    pub poll_minutes: u32,
    /// Images pulled or running within so many days …
    pub recent_days: u32,
    /// … are read again after so many.
    pub again_days: u32,
    /// Images read in a minute; 0: no limit.
    pub per_minute: u32,
    /// Images read at once.
    pub concurrency: u32,
    /// Certificates of authorities it is trusted by, PEM.
    pub authorities: Option<String>,
    /// It is spoken to without TLS.
    pub plain_http: bool,
    /// It is on a private network.
    pub allow_private: bool,
    /// Where its events are queued, for those that have a queue.
    pub queue: Option<String>,
    /// Another address than the cloud's own for its interface.
    pub endpoint: Option<String>,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            repositories: Vec::new(),
            tags: 100,
            poll_minutes: 15,
            recent_days: 30,
            again_days: 7,
            per_minute: 60,
            concurrency: 2,
            authorities: None,
            plain_http: false,
            allow_private: false,
            queue: None,
            endpoint: None,
        }
    }
}

/// What is written of a registry.
#[derive(Clone, Debug)]
pub struct RegistryRecord {
    pub name: String,
    pub kind: String,
    pub address: String,
    pub settings: RegistrySettings,
    pub secrets: Vec<String>,
    pub sealed: Option<String>,
    pub paused: bool,
}

/// How a walk went.
#[derive(Clone, Debug, Default)]
pub struct RegistryLook {
    /// JSON; none: it was reached.
    pub error: Option<String>,
    /// Nothing is asked of it before.
    pub hold_until: Option<Timestamp>,
}

const SELECT: &str = "SELECT registry.*, environment.name AS environment,
         (SELECT COUNT(*) FROM repository
          WHERE repository.registry_id = registry.id AND repository.gone IS NULL) AS repositories,
         (SELECT COUNT(*) FROM repository
          WHERE repository.registry_id = registry.id AND repository.gone IS NULL
            AND repository.error IS NOT NULL) AS failing,
         COALESCE(lost.given_up, 0) AS given_up,
         final.done AS given_up_at, final.error AS given_up_why,
         (SELECT COUNT(*) FROM repository JOIN tag ON tag.repository_id = repository.id
          WHERE repository.registry_id = registry.id AND tag.gone IS NULL) AS tags
     FROM registry JOIN environment ON environment.id = registry.environment_id
     LEFT JOIN (SELECT registry_id, COUNT(*) AS given_up, MAX(id) AS last FROM registry_event
         WHERE done IS NOT NULL AND error IS NOT NULL GROUP BY registry_id) AS lost
       ON lost.registry_id = registry.id
     LEFT JOIN registry_event AS final ON final.id = lost.last WHERE ";

fn read_losses(row: &Row) -> Result<Losses, StoreError> {
    let mut last = None;
    for (at, why) in [
        ("given_up_at", "given_up_why"),
        ("misread_at", "misread_why"),
    ] {
        last = last.max(row.maybe_time(at)?.zip(row.maybe_text(why)?));
    }
    Ok(Losses {
        given_up: row.count("given_up")?,
        misread: row.count("misread")?,
        last,
    })
}

fn read(row: &Row) -> Result<Registry, StoreError> {
    Ok(Registry {
        row: row.int("id")?,
        id: row.text("uid")?,
        environment: row.text("environment")?,
        name: row.text("name")?,
        kind: row.text("kind")?,
        address: row.text("address")?,
        settings: row.json("settings")?,
        secrets: row.json("secrets")?,
        sealed: row.maybe_text("sealed")?,
        paused: row.flag("paused")?,
        created: row.time("created")?,
        updated: row.time("updated")?,
        polled: row.maybe_time("polled")?,
        reached: row.maybe_time("reached")?,
        told: row.maybe_time("told")?,
        error: row.maybe_text("error")?,
        hold_until: row
            .maybe_time("hold_until")?
            .filter(|time| *time > Timestamp::UNIX_EPOCH),
        repositories: row.count("repositories")?,
        tags: row.count("tags")?,
        failing: row.count("failing")?,
        losses: read_losses(row)?,
    })
}

/// What the audit trail shows of a registry: never a secret.
#[derive(Serialize)]
struct Shown {
    name: String,
    kind: String,
    address: String,
    settings: RegistrySettings,
    secrets: Vec<String>,
    secrets_changed: bool,
    paused: bool,
}

fn shown(registry: &Registry) -> Shown {
    Shown {
        name: registry.name.clone(),
        kind: registry.kind.clone(),
        address: registry.address.clone(),
        settings: registry.settings.clone(),
        secrets: registry.secrets.clone(),
        secrets_changed: false,
        paused: registry.paused,
    }
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<Registry>, StoreError> {
    let mut query = sql(SELECT);
    query.push("registry.uid = ").push_bind(id);
    let row = query.fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

async fn is_taken(
    connection: &mut Connection,
    environment_id: i64,
    name: &str,
    but: &str,
) -> Result<bool, StoreError> {
    let taken: Option<String> = sql("SELECT uid FROM registry
         WHERE environment_id = ? AND name = ? AND uid <> ?")
    .bind(environment_id)
    .bind(name)
    .bind(but)
    .scalar()
    .fetch_optional(connection)
    .await?;
    Ok(taken.is_some())
}

impl Store {
    /// Every registry in scope, by name.
    pub async fn registries(&self, scope: &Scope) -> Result<Vec<Registry>, StoreError> {
        let mut query = sql(SELECT);
        scope.constrain(&mut query, "registry.environment_id");
        query.push(" ORDER BY registry.name, environment.name");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// One of them by id.
    pub async fn registry(&self, scope: &Scope, id: &str) -> Result<Option<Registry>, StoreError> {
        let mut query = sql(SELECT);
        scope.constrain(&mut query, "registry.environment_id");
        query.push(" AND registry.uid = ").push_bind(id);
        let row = query.fetch_optional(&self.readers).await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a registry. `Ok(None)`: the environment has one of this name.
    pub async fn add_registry(
        &self,
        author: Author,
        environment: &str,
        record: RegistryRecord,
    ) -> Result<Option<Registry>, StoreError> {
        let (environment, now) = (environment.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    if is_taken(connection, environment_id, &record.name, "").await? {
                        return Ok(None);
                    }
                    let id = mint();
                    sql(
                        "INSERT INTO registry (uid, environment_id, name, kind, address,
                             settings, secrets, sealed, paused, created, updated, hold_until,
                             minute_began, minute_taken, lease_holder, lease_until)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '', 0)",
                    )
                    .bind(&id)
                    .bind(environment_id)
                    .bind(record.name)
                    .bind(record.kind)
                    .bind(record.address)
                    .bind(json(&record.settings))
                    .bind(json(&record.secrets))
                    .bind(record.sealed)
                    .bind(record.paused)
                    .bind(now)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                    let registry = find(connection, &id).await?;
                    if let Some(registry) = &registry {
                        let note = Note::of("registry.create", "registry", &id)
                            .within(&environment)
                            .made(&shown(registry));
                        audit::note(connection, &author, note).await?;
                    }
                    Ok(registry)
                })
            })
            .await
    }

    /// Changes a registry. `Ok(None)`: the name is another's, or it is
    /// gone.
    pub async fn change_registry(
        &self,
        author: Author,
        id: &str,
        record: RegistryRecord,
    ) -> Result<Option<Registry>, StoreError> {
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
                    sql(
                        "UPDATE registry SET name = ?, address = ?, settings = ?, secrets = ?,
                             sealed = ?, paused = ?, updated = ?, error = NULL, hold_until = 0
                         WHERE uid = ?",
                    )
                    .bind(record.name)
                    .bind(record.address)
                    .bind(json(&record.settings))
                    .bind(json(&record.secrets))
                    .bind(record.sealed)
                    .bind(record.paused)
                    .bind(now)
                    .bind(&id)
                    .execute(&mut *connection)
                    .await?;
                    let Some(registry) = find(connection, &id).await? else {
                        return Ok(None);
                    };
                    let mut after = shown(&registry);
                    // That a secret is another one shows; which it is does not.
                    after.secrets_changed = before.sealed != registry.sealed;
                    let note = Note::of("registry.change", "registry", &id)
                        .within(&registry.environment)
                        .changed(&shown(&before), &after);
                    audit::note(connection, &author, note).await?;
                    Ok(Some(registry))
                })
            })
            .await
    }

    /// Forgets a registry and what it holds. Images that were scanned
    /// stay; what waits to be read from it is called off.
    pub async fn remove_registry(&self, author: Author, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(false);
                    };
                    sql("UPDATE scan SET state = 'cancelled', finished = ?
                         WHERE registry_id = ? AND state = 'queued'")
                    .bind(author.time)
                    .bind(before.row)
                    .execute(&mut *connection)
                    .await?;
                    sql("UPDATE scan SET registry_id = NULL, dead = 0 WHERE registry_id = ?")
                        .bind(before.row)
                        .execute(&mut *connection)
                        .await?;
                    sql("DELETE FROM registry WHERE id = ?")
                        .bind(before.row)
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("registry.remove", "registry", &id)
                        .within(&before.environment)
                        .removed(&shown(&before));
                    audit::note(connection, &author, note).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Puts the secrets under another seal, if they still are as they
    /// were read.
    pub async fn reseal_registry(
        &self,
        registry: &Registry,
        sealed: String,
    ) -> Result<bool, StoreError> {
        let (row, before) = (registry.row, registry.sealed.clone().unwrap_or_default());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let touched = sql("UPDATE registry SET sealed = ? WHERE id = ? AND sealed = ?")
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

    /// Writes down how a walk of a registry went.
    pub async fn note_registry_look(
        &self,
        registry: &Registry,
        look: RegistryLook,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = registry.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let reached = look.error.is_none().then_some(now);
                    sql(
                        "UPDATE registry SET polled = ?, reached = COALESCE(?, reached),
                             error = ?, hold_until = ?
                         WHERE id = ?",
                    )
                    .bind(now)
                    .bind(reached)
                    .bind(look.error)
                    .bind(look.hold_until.unwrap_or(Timestamp::UNIX_EPOCH))
                    .bind(row)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Takes, or keeps, the right to walk a registry until `until`. One
    /// server at a time has it.
    pub async fn lease_registry(
        &self,
        registry: &Registry,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.claim("registry", registry.row, holder, now, until)
            .await
    }

    /// Takes every lease away where that is nobody else's.
    pub async fn free_registry_leases(&self) -> Result<(), StoreError> {
        self.free_claims("registry").await
    }
}
