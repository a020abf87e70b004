//! An image's timeline: why it was looked at, what the looks found, and
//! what changed since.

use jiff::Timestamp;

use crate::{
    Counts, Scope, Store, StoreError,
    db::{Connection, Row, sql},
    scan::{ScanOrigin, ScanOutcome, ScanState, origin_of},
    trust::outcome::TrustVerdict,
};

/// The most entries of each sort that are read for one answer.
const MOST: u32 = 500;

/// Something that made an image be looked at, or judged again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewImageEvent {
    /// The image's id.
    pub image: String,
    pub time: Timestamp,
    pub cause: ScanOrigin,
    /// In words: `pushed to shop/web:1`, `advisory DSA-1 changed`.
    pub reason: String,
    /// Where it came from, where it was copied.
    pub source: Option<String>,
}

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEvent {
    pub time: Timestamp,
    pub entry: ImageEntry,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageEntry {
    /// Why it was looked at or judged again.
    Cause {
        cause: ScanOrigin,
        reason: String,
        source: Option<String>,
        /// The scan that came of it; none where what was known sufficed.
        scan: Option<String>,
    },
    /// A look ended.
    Scan {
        id: String,
        state: ScanState,
        outcome: Option<ScanOutcome>,
        error: Option<String>,
    },
    /// Its findings changed.
    Change {
        summary: String,
        new: Counts,
        resolved: u64,
    },
    /// Whether its signature is one a trust policy asks for changed.
    Trust {
        policy: String,
        verdict: TrustVerdict,
        signer: Option<String>,
        reason: Option<String>,
    },
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) environment_id: i64,
    pub(crate) image_id: Option<i64>,
    pub(crate) scan_id: Option<i64>,
    pub(crate) digest: Option<&'a str>,
    pub(crate) name: &'a str,
}

/// Notes an event in the transaction of what it is about.
pub(crate) async fn append(
    connection: &mut Connection,
    subject: Subject<'_>,
    time: Timestamp,
    cause: ScanOrigin,
    reason: &str,
    source: Option<&str>,
) -> Result<(), StoreError> {
    sql(
        "INSERT INTO image_event (environment_id, image_id, scan_id, digest, name, time, cause,
             reason, source)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(subject.environment_id)
    .bind(subject.image_id)
    .bind(subject.scan_id)
    .bind(subject.digest)
    .bind(subject.name)
    .bind(time)
    .bind(cause.as_str())
    .bind(reason)
    .bind(source)
    .execute(connection)
    .await?;
    Ok(())
}

/// What was noted of a scan belongs to the image it was of.
pub(crate) async fn belong(
    connection: &mut Connection,
    scan_id: i64,
    image_id: i64,
) -> Result<(), StoreError> {
    sql("UPDATE image_event SET image_id = ? WHERE scan_id = ? AND image_id IS NULL")
        .bind(image_id)
        .bind(scan_id)
        .execute(connection)
        .await?;
    Ok(())
}

fn cause(row: &Row) -> Result<ImageEvent, StoreError> {
    Ok(ImageEvent {
        time: row.time("time")?,
        entry: ImageEntry::Cause {
            cause: origin_of(&row.text("cause")?),
            reason: row.text("reason")?,
            source: row.maybe_text("source")?,
            scan: row.maybe_text("scan")?,
        },
    })
}

fn look(row: &Row) -> Result<ImageEvent, StoreError> {
    Ok(ImageEvent {
        time: row.time("finished")?,
        entry: ImageEntry::Scan {
            id: row.text("uid")?,
            state: ScanState::parse(&row.text("state")?).unwrap_or(ScanState::Failed),
            outcome: row.maybe_json("outcome")?,
            error: row.maybe_text("error")?,
        },
    })
}

fn change(row: &Row) -> Result<ImageEvent, StoreError> {
    Ok(ImageEvent {
        time: row.time("time")?,
        entry: ImageEntry::Change {
            summary: row.text("summary")?,
            new: row.json("new")?,
            resolved: row.count("resolved")?,
        },
    })
}

fn trust(row: &Row) -> Result<ImageEvent, StoreError> {
    Ok(ImageEvent {
        time: row.time("time")?,
        entry: ImageEntry::Trust {
            policy: row.text("policy")?,
            verdict: TrustVerdict::parse(&row.text("verdict")?).unwrap_or_default(),
            signer: row.maybe_text("signer")?,
            reason: row.maybe_text("reason")?,
        },
    })
}

impl Store {
    /// Notes why images were judged again, whoever did: re-matching after
    /// an advisory changed, an upload. Images that are gone are left out.
    pub async fn note_image_events(&self, events: Vec<NewImageEvent>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    for event in &events {
                        note(connection, event).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// What happened to an image before `before`, newest first. `None`:
    /// there is no such image.
    pub async fn image_timeline(
        &self,
        scope: &Scope,
        image: &str,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Option<Vec<ImageEvent>>, StoreError> {
        let mut query = sql("SELECT id FROM image WHERE ");
        scope.constrain(&mut query, "environment_id");
        query.push(" AND uid = ").push_bind(image);
        let id: Option<i64> = query.scalar().fetch_optional(&self.readers).await?;
        let Some(id) = id else { return Ok(None) };
        let before = before.unwrap_or(Timestamp::MAX).as_microsecond();
        let limit = limit.min(MOST);
        let causes = sql(
            "SELECT image_event.time, image_event.cause, image_event.reason,
                 image_event.source, scan.uid AS scan
             FROM image_event LEFT JOIN scan ON scan.id = image_event.scan_id
             WHERE image_event.image_id = ? AND image_event.time < ?
             ORDER BY image_event.id DESC LIMIT ?",
        );
        let looks = sql("SELECT uid, state, outcome, error, finished FROM scan
             WHERE image_id = ? AND finished < ? ORDER BY id DESC LIMIT ?");
        let changes = sql("SELECT time, summary, new, resolved FROM change
             WHERE image_id = ? AND time < ? AND kind <> 'scan_failed'
             ORDER BY id DESC LIMIT ?");
        let trusts = sql(
            "SELECT time, policy, verdict, signer, reason FROM trust_event
             WHERE (environment_id, digest) IN
                   (SELECT image.environment_id, image.digest FROM image WHERE image.id = ?)
               AND time < ? ORDER BY id DESC LIMIT ?",
        );
        let mut events = Vec::new();
        for (query, read) in [
            (causes, cause as fn(&Row) -> Result<ImageEvent, StoreError>),
            (looks, look),
            (changes, change),
            (trusts, trust),
        ] {
            let rows = query
                .bind(id)
                .bind(before)
                .bind(limit)
                .fetch_all(&self.readers)
                .await?;
            for row in &rows {
                events.push(read(row)?);
            }
        }
        // Of one moment, the cause came first.
        events.sort_by_key(|event| {
            let step = match event.entry {
                ImageEntry::Cause { .. } => 2,
                ImageEntry::Scan { .. } => 1,
                ImageEntry::Change { .. } | ImageEntry::Trust { .. } => 0,
            };
            (std::cmp::Reverse(event.time), step)
        });
        events.truncate(limit as usize);
        Ok(Some(events))
    }
}

async fn note(connection: &mut Connection, event: &NewImageEvent) -> Result<(), StoreError> {
    let row = sql("SELECT id, environment_id, digest, name FROM image WHERE uid = ?")
        .bind(&event.image)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (digest, name) = (row.maybe_text("digest")?, row.text("name")?);
    let subject = Subject {
        environment_id: row.int("environment_id")?,
        image_id: Some(row.int("id")?),
        scan_id: None,
        digest: digest.as_deref(),
        name: &name,
    };
    append(
        connection,
        subject,
        event.time,
        event.cause,
        &event.reason,
        event.source.as_deref(),
    )
    .await
}
