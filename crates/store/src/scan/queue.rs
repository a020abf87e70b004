//! The queue: what is put in, and what waits there.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{NewScan, Scan, ScanOrigin, Unless, mint, origin_of};
use crate::{
    ImageKey, Scope, Store, StoreError,
    db::{Connection, Row, sql},
    environment,
    image::key_of,
    image_event::{self, Subject},
    row::json,
};

/// What became of a wish to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queued {
    New(Box<Scan>),
    /// The same image waits or is read already.
    Waiting(Box<Scan>),
    /// What is known of it will do.
    Known(ImageKey),
    /// It was tried not long ago.
    Tried,
}

impl Queued {
    /// The scan that answers the wish.
    pub fn scan(self) -> Option<Scan> {
        match self {
            Self::New(scan) | Self::Waiting(scan) => Some(*scan),
            Self::Known(_) | Self::Tried => None,
        }
    }
}

/// What waits, by why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub counts: Vec<QueueCount>,
    pub dead: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCount {
    pub origin: ScanOrigin,
    pub registry: Option<(String, String)>,
    pub queued: u64,
    pub running: u64,
    /// Of those queued, the ones whose last try failed.
    pub retrying: u64,
}

enum Found {
    New(String),
    Waiting(String),
    Known(ImageKey),
    Tried,
}

/// Puts a scan in, in whose transaction it may be.
async fn enqueue(connection: &mut Connection, scan: &NewScan) -> Result<Found, StoreError> {
    let environment_id = environment::id(connection, &scan.environment).await?;
    let priority = scan.origin.priority(scan.exposed);
    let mut subject = Subject {
        environment_id,
        digest: scan.digest.as_deref(),
        name: &scan.name,
        ..Subject::default()
    };
    let mut query = sql(
        "SELECT id, uid, name FROM scan WHERE state IN ('queued', 'running')
           AND environment_id = ",
    );
    query
        .push_bind(environment_id)
        .push(" AND ((target = ")
        .push_bind(&scan.target)
        .push(" AND COALESCE(platform, '') = ")
        .push_bind(scan.platform.as_deref().unwrap_or_default())
        .push(")");
    if let Some(digest) = &scan.digest {
        query.push(" OR digest = ").push_bind(digest);
    }
    query.push(") ORDER BY id LIMIT 1");
    if let Some(row) = query.fetch_optional(&mut *connection).await? {
        let uid = row.text("uid")?;
        if row.text("name")?.contains("@sha256:") && !scan.name.contains("@sha256:") {
            // A name people know is better than none.
            sql("UPDATE scan SET name = ? WHERE uid = ? AND state = 'queued'")
                .bind(&scan.name)
                .bind(&uid)
                .execute(&mut *connection)
                .await?;
        }
        sql("UPDATE scan SET priority = ?, exposed = ? WHERE uid = ? AND priority > ?")
            .bind(priority)
            .bind(scan.exposed)
            .bind(&uid)
            .bind(priority)
            .execute(&mut *connection)
            .await?;
        subject.scan_id = Some(row.int("id")?);
        note(connection, subject, scan, "").await?;
        return Ok(Found::Waiting(uid));
    }
    if let Some(key) = known(connection, environment_id, scan).await? {
        subject.image_id = Some(key.1);
        tag_too(connection, key.1, &scan.name).await?;
        note(connection, subject, scan, "; it was known already").await?;
        return Ok(Found::Known(key.0));
    }
    if let Some(since) = scan.unless.tried
        && tried(connection, environment_id, scan, since).await?
    {
        return Ok(Found::Tried);
    }
    let uid = mint();
    let id: i64 = sql(
        "INSERT INTO scan (uid, environment_id, image_id, target, name,
             platform, origin, state, priority, created, digest, registry_id, exposed)
         VALUES (?, ?,
             (SELECT MAX(id) FROM image WHERE environment_id = ? AND target = ?),
             ?, ?, ?, ?, 'queued', ?, ?, ?, (SELECT id FROM registry WHERE uid = ?), ?)
         RETURNING id",
    )
    .bind(&uid)
    .bind(environment_id)
    .bind(environment_id)
    .bind(&scan.target)
    .bind(&scan.target)
    .bind(&scan.name)
    .bind(&scan.platform)
    .bind(scan.origin.as_str())
    .bind(priority)
    .bind(scan.created)
    .bind(&scan.digest)
    .bind(&scan.registry)
    .bind(scan.exposed)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    subject.scan_id = Some(id);
    note(connection, subject, scan, "").await?;
    // What was given up before is tried again by this.
    sql("UPDATE scan SET dead = 0 WHERE dead = 1 AND environment_id = ? AND target = ?")
        .bind(environment_id)
        .bind(&scan.target)
        .execute(&mut *connection)
        .await?;
    Ok(Found::New(uid))
}

async fn note(
    connection: &mut Connection,
    subject: Subject<'_>,
    scan: &NewScan,
    ending: &str,
) -> Result<(), StoreError> {
    let reason = if scan.reason.is_empty() {
        match scan.origin {
            ScanOrigin::User => "somebody asked for it",
            ScanOrigin::Start => "it was found on this machine when the server started",
            ScanOrigin::Schedule => "it was due",
            ScanOrigin::Demo => "the demonstration was set up",
            ScanOrigin::Push => "it was pushed",
            ScanOrigin::Import => "it was copied into the registry",
            ScanOrigin::RecentPull => "it was pulled not long ago",
            ScanOrigin::Running => "containers run it",
            ScanOrigin::Admission => "a request to a cluster named it",
            ScanOrigin::Advisory => "advisories changed",
            ScanOrigin::Ci => "a pipeline read it",
        }
    } else {
        &scan.reason
    };
    let reason = format!("{reason}{ending}");
    let source = scan.source.as_deref();
    image_event::append(
        connection,
        subject,
        scan.created,
        scan.origin,
        &reason,
        source,
    )
    .await
}

/// Names one image may have.
const TAGS: usize = 200;

/// An image that was read under another name goes by this one, too.
async fn tag_too(connection: &mut Connection, image: i64, name: &str) -> Result<(), StoreError> {
    let row = sql("SELECT tags FROM image WHERE id = ?")
        .bind(image)
        .fetch_one(&mut *connection)
        .await?;
    let mut tags: Vec<String> = row.json("tags")?;
    if name.contains('@') || tags.len() >= TAGS || tags.iter().any(|tag| tag == name) {
        return Ok(());
    }
    tags.push(name.to_owned());
    tags.sort();
    sql("UPDATE image SET tags = ? WHERE id = ?")
        .bind(json(&tags))
        .bind(image)
        .execute(connection)
        .await?;
    Ok(())
}

/// The image, where it was read late enough by the same extractors.
async fn known(
    connection: &mut Connection,
    environment_id: i64,
    scan: &NewScan,
) -> Result<Option<(ImageKey, i64)>, StoreError> {
    let (Some((since, extractors)), Some(digest)) = (&scan.unless.read, &scan.digest) else {
        return Ok(None);
    };
    let row = sql(
        "SELECT image.id, image.uid, image.kind, image.name, environment.name AS environment
         FROM image JOIN environment ON environment.id = image.environment_id
         WHERE image.environment_id = ? AND image.kind = 'image' AND image.digest = ?
           AND image.last_scanned >= ? AND image.extractors = ?",
    )
    .bind(environment_id)
    .bind(digest)
    .bind(*since)
    .bind(extractors)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((key_of(&row)?, row.int("id")?)))
        .transpose()
}

async fn tried(
    connection: &mut Connection,
    environment_id: i64,
    scan: &NewScan,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let mut query = sql("SELECT id FROM scan WHERE finished >= ");
    query
        .push_bind(since)
        .push(" AND state <> 'cancelled' AND environment_id = ")
        .push_bind(environment_id)
        .push(" AND (target = ")
        .push_bind(&scan.target);
    if let Some(digest) = &scan.digest {
        query.push(" OR digest = ").push_bind(digest);
    }
    query.push(") LIMIT 1");
    let found: Option<i64> = query.scalar().fetch_optional(connection).await?;
    Ok(found.is_some())
}

impl Store {
    /// Queues a scan, or says why none is needed.
    pub async fn queue_image(&self, scan: NewScan) -> Result<Queued, StoreError> {
        let queued = self.queue_images(vec![scan]).await?.pop();
        queued.ok_or(StoreError::Closed)
    }

    /// Queues several in one go; what became of each, in their order.
    pub async fn queue_images(&self, scans: Vec<NewScan>) -> Result<Vec<Queued>, StoreError> {
        let all = self
            .writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut all = Vec::with_capacity(scans.len());
                    for scan in &scans {
                        all.push(enqueue(connection, scan).await?);
                    }
                    Ok(all)
                })
            })
            .await?;
        let scope = self.scope(None).await?;
        let mut queued = Vec::with_capacity(all.len());
        for found in all {
            let (uid, is_new) = match found {
                Found::New(uid) => (uid, true),
                Found::Waiting(uid) => (uid, false),
                Found::Known(key) => {
                    queued.push(Queued::Known(key));
                    continue;
                }
                Found::Tried => {
                    queued.push(Queued::Tried);
                    continue;
                }
            };
            let scan = self.scan(&scope, &uid).await?;
            let scan = Box::new(scan.ok_or(StoreError::Closed)?);
            queued.push(if is_new {
                Queued::New(scan)
            } else {
                Queued::Waiting(scan)
            });
        }
        Ok(queued)
    }

    /// Queues a scan, or answers the one already waiting for the same
    /// target. `true`: it is new.
    pub async fn queue_scan(&self, mut scan: NewScan) -> Result<(Scan, bool), StoreError> {
        scan.unless = Unless::default();
        match self.queue_image(scan).await? {
            Queued::New(scan) => Ok((*scan, true)),
            Queued::Waiting(scan) => Ok((*scan, false)),
            Queued::Known(_) | Queued::Tried => Err(StoreError::Closed),
        }
    }

    /// Queues what was given up anew; all of it in scope, or one by id.
    pub async fn revive_scans(
        &self,
        scope: &Scope,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let mut which = sql(
            "SELECT uid, target, name, platform, origin, digest, exposed,
                 environment_id FROM scan WHERE ",
        );
        scope.constrain(&mut which, "environment_id");
        match id {
            Some(id) => which
                .push(" AND state = 'failed' AND uid = ")
                .push_bind(id.to_owned()),
            None => which.push(" AND dead = 1"),
        };
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut revived = Vec::new();
                    for row in &which.fetch_all(&mut *connection).await? {
                        if let Some(uid) = revive(connection, row, now).await? {
                            revived.push(uid);
                        }
                    }
                    Ok(revived)
                })
            })
            .await
    }

    /// What waits and what was given up.
    pub async fn queue_counts(&self, scope: &Scope) -> Result<QueueCounts, StoreError> {
        let mut query = sql("SELECT scan.origin, registry.uid AS registry_uid,
                 registry.name AS registry_name,
                 SUM(CASE scan.state WHEN 'queued' THEN 1 ELSE 0 END) AS queued,
                 SUM(CASE scan.state WHEN 'running' THEN 1 ELSE 0 END) AS running,
                 SUM(CASE WHEN scan.state = 'queued' AND scan.next_try > 0 THEN 1 ELSE 0 END)
                     AS retrying,
                 MIN(scan.created) AS oldest
             FROM scan LEFT JOIN registry ON registry.id = scan.registry_id
             WHERE scan.state IN ('queued', 'running') AND ");
        scope.constrain(&mut query, "scan.environment_id");
        query.push(" GROUP BY scan.origin, registry.uid, registry.name");
        let mut counts = BTreeMap::new();
        let mut oldest: Option<Timestamp> = None;
        for row in &query.fetch_all(&self.readers).await? {
            let registry = row
                .maybe_text("registry_uid")?
                .zip(row.maybe_text("registry_name")?);
            let origin = origin_of(&row.text("origin")?);
            let since = row.time("oldest")?;
            oldest = Some(oldest.map_or(since, |known| known.min(since)));
            let count = QueueCount {
                origin,
                registry: registry.clone(),
                queued: row.count("queued")?,
                running: row.count("running")?,
                retrying: row.count("retrying")?,
            };
            counts.insert((origin, registry), count);
        }
        let mut dead = sql("SELECT COUNT(*) FROM scan WHERE dead = 1 AND ");
        scope.constrain(&mut dead, "environment_id");
        let dead: i64 = dead.scalar().fetch_one(&self.readers).await?;
        Ok(QueueCounts {
            counts: counts.into_values().collect(),
            dead: dead.try_into().unwrap_or(0),
            oldest,
        })
    }
}

async fn revive(
    connection: &mut Connection,
    row: &Row,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let uid = row.text("uid")?;
    let touched = sql(
        "UPDATE scan SET state = 'queued', dead = 0, error = NULL, advice = NULL,
             finished = NULL, started = NULL, attempts = 0, interrupted = 0, next_try = 0,
             priority = ?
         WHERE uid = ? AND state = 'failed' AND NOT EXISTS (SELECT 1 FROM scan AS other
             WHERE other.state IN ('queued', 'running') AND other.environment_id = ?
               AND other.target = ?)
         RETURNING id",
    )
    // Somebody asks for it, and waits.
    .bind(ScanOrigin::User.priority(false))
    .bind(&uid)
    .bind(row.int("environment_id")?)
    .bind(row.text("target")?)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(found) = touched else {
        return Ok(None);
    };
    let (digest, name) = (row.maybe_text("digest")?, row.text("name")?);
    let subject = Subject {
        environment_id: row.int("environment_id")?,
        scan_id: Some(found.int("id")?),
        digest: digest.as_deref(),
        name: &name,
        ..Subject::default()
    };
    let reason = "somebody asked for another try";
    image_event::append(connection, subject, now, ScanOrigin::User, reason, None).await?;
    Ok(Some(uid))
}
