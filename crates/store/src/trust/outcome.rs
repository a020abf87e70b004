//! What verifying images by trust policies found, and what is due to be
//! verified.

use jiff::Timestamp;

use super::TrustPolicy;
use crate::{
    ImageKey, Page, PageRequest, Store, StoreError,
    db::{Connection, Row, Sql, insert, sql},
    image::maybe_key_of,
    page::{Key, Order, Total},
    row::like,
};

/// What came of looking at one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TrustVerdict {
    /// Nobody looked yet, or not since the policy changed.
    #[default]
    Pending,
    /// It has a signature as the policy asks for.
    Signed,
    /// It has none.
    Refused,
    /// Its registry could not be asked.
    Unknown,
}

impl TrustVerdict {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Signed, Self::Refused, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Signed => "signed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// What was found of an image by a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustFinding {
    pub verdict: TrustVerdict,
    /// A word for why not, and the same for people.
    pub why: Option<String>,
    pub reason: Option<String>,
    pub mend: Option<String>,
    /// Who signed, in words.
    pub signer: Option<String>,
    /// How: `cosign`, `bundle`, `notation`.
    pub scheme: Option<String>,
    /// The index whose signature it is.
    pub through: Option<String>,
    /// When the log, or a timestamp authority, saw it.
    pub logged: Option<Timestamp>,
    /// Until when it counts.
    pub ends: Option<Timestamp>,
}

/// The same, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustOutcome {
    row: i64,
    /// The policy's id and name.
    pub policy: String,
    pub policy_name: String,
    pub environment: String,
    /// With its registry.
    pub repository: String,
    pub digest: String,
    pub found: TrustFinding,
    pub since: Timestamp,
    pub checked: Option<Timestamp>,
    pub next_check: Timestamp,
    /// The image, where it was scanned.
    pub image: Option<ImageKey>,
}

/// An image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustSubject {
    /// With its registry.
    pub repository: String,
    pub digest: String,
}

/// An image that is due to be verified by a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDue {
    row: i64,
    pub environment: String,
    pub policy: String,
    pub subject: TrustSubject,
    /// Times in a row it was not signed.
    pub attempts: u64,
}

const COLUMNS: &str = "SELECT trust_outcome.*, trust_policy.uid AS policy,
         trust_policy.name AS policy_name, trust_policy.revision AS current,
         environment.name AS environment,
         image.uid AS image_uid, image.kind AS image_kind, image.name AS image_name
     FROM trust_outcome JOIN trust_policy ON trust_policy.id = trust_outcome.policy_id
     JOIN environment ON environment.id = trust_outcome.environment_id
     LEFT JOIN image ON image.id = (SELECT MIN(known.id) FROM image AS known
         WHERE known.digest = trust_outcome.digest
           AND known.environment_id = trust_outcome.environment_id)
     WHERE ";

const BY_NAME: Order = Order {
    name: "repository",
    expression: "trust_outcome.repository",
    id: "trust_outcome.id",
    descending: false,
};

fn read(row: &Row) -> Result<TrustOutcome, StoreError> {
    let is_current = row.int("revision")? == row.int("current")?;
    let verdict = TrustVerdict::parse(&row.text("verdict")?).unwrap_or_default();
    let found = TrustFinding {
        verdict,
        why: row.maybe_text("why")?,
        reason: row.maybe_text("reason")?,
        mend: row.maybe_text("mend")?,
        signer: row.maybe_text("signer")?,
        scheme: row.maybe_text("scheme")?,
        through: row.maybe_text("through")?,
        logged: row.maybe_time("logged")?,
        ends: row.maybe_time("ends")?,
    };
    Ok(TrustOutcome {
        row: row.int("id")?,
        policy: row.text("policy")?,
        policy_name: row.text("policy_name")?,
        environment: row.text("environment")?,
        repository: row.text("repository")?,
        digest: row.text("digest")?,
        found: if is_current {
            found
        } else {
            TrustFinding::default()
        },
        since: row.time("since")?,
        checked: row.maybe_time("checked")?,
        next_check: row.time("next_check")?,
        image: maybe_key_of(row, "image_uid")?,
    })
}

/// Has everything a policy holds for looked at again.
pub(super) async fn again(connection: &mut Connection, policy: i64) -> Result<(), StoreError> {
    sql("UPDATE trust_outcome SET next_check = 0, attempts = 0 WHERE policy_id = ?")
        .bind(policy)
        .execute(connection)
        .await?;
    Ok(())
}

fn with_verdict(query: &mut Sql, verdict: TrustVerdict) {
    if verdict == TrustVerdict::Pending {
        query.push(
            " AND (trust_outcome.verdict = 'pending'
                OR trust_outcome.revision <> trust_policy.revision)",
        );
    } else {
        query
            .push(" AND trust_outcome.revision = trust_policy.revision")
            .push(" AND trust_outcome.verdict = ")
            .push_bind(verdict.as_str());
    }
}

impl Store {
    /// What was found by a policy, by repository.
    pub async fn trust_outcomes(
        &self,
        policy: &TrustPolicy,
        verdict: Option<TrustVerdict>,
        text: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<TrustOutcome>, StoreError> {
        let narrow = |query: &mut Sql| {
            query
                .push("trust_outcome.policy_id = ")
                .push_bind(policy.row);
            if let Some(verdict) = verdict {
                with_verdict(query, verdict);
            }
            if let Some(text) = text {
                query
                    .push(" AND (LOWER(trust_outcome.repository) LIKE ")
                    .push_bind(like(text))
                    .push(" ESCAPE '\\' OR trust_outcome.digest LIKE ")
                    .push_bind(like(text))
                    .push(" ESCAPE '\\')");
            }
        };
        let mut count = sql("SELECT COUNT(*) FROM trust_outcome
             JOIN trust_policy ON trust_policy.id = trust_outcome.policy_id WHERE ");
        narrow(&mut count);
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let mut query = sql(COLUMNS);
        narrow(&mut query);
        BY_NAME.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items: Vec<TrustOutcome> = rows.iter().map(read).collect::<Result<_, _>>()?;
        let total = Total(u64::try_from(total).unwrap_or_default());
        Ok(BY_NAME.cut(items, request, total, |item| {
            (Key::Text(item.repository.clone()), item.row)
        }))
    }

    /// What was found of the images of this digest, by every policy that
    /// is on.
    pub async fn trust_of_digest(
        &self,
        environment: &str,
        digest: &str,
    ) -> Result<Vec<TrustOutcome>, StoreError> {
        let mut query = sql(COLUMNS);
        query
            .push("trust_outcome.digest = ")
            .push_bind(digest)
            .push(" AND environment.name = ")
            .push_bind(environment)
            .push(
                " AND trust_policy.enabled = 1
                  ORDER BY trust_policy.name, trust_outcome.repository LIMIT 200",
            );
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Everything that was found in an environment by policies that are
    /// on, for whoever asks before something runs.
    pub async fn trust_facts(&self, environment: &str) -> Result<Vec<TrustOutcome>, StoreError> {
        let mut query = sql(COLUMNS);
        query
            .push("environment.name = ")
            .push_bind(environment)
            .push(" AND trust_policy.enabled = 1 ORDER BY trust_outcome.id");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Has images looked at by a policy, at once where nobody looked yet
    /// or where `hurry` says so. How many are new.
    pub async fn put_trust_subjects(
        &self,
        policy: &TrustPolicy,
        subjects: Vec<TrustSubject>,
        hurry: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if subjects.is_empty() {
            return Ok(());
        }
        let (row, environment) = (policy.row, policy.environment.clone());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id =
                        crate::environment::id(&mut *connection, &environment).await?;
                    let ending = if hurry {
                        " ON CONFLICT (policy_id, repository, digest) DO UPDATE SET
                             next_check = 0, attempts = 0"
                    } else {
                        " ON CONFLICT (policy_id, repository, digest) DO NOTHING"
                    };
                    insert(
                        "INSERT INTO trust_outcome (policy_id, environment_id, repository, digest,
                             revision, verdict, since, attempts, next_check) ",
                    )
                    .ending(ending)
                    .rows(&mut *connection, &subjects, |values, subject| {
                        values
                            .push_bind(row)
                            .push_bind(environment_id)
                            .push_bind(&subject.repository)
                            .push_bind(&subject.digest)
                            .push_bind(0_i64)
                            .push_bind("pending")
                            .push_bind(now)
                            .push_bind(0_i64)
                            .push_bind(0_i64);
                    })
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// What a policy holds for already.
    pub async fn trust_subjects(
        &self,
        policy: &TrustPolicy,
    ) -> Result<Vec<TrustSubject>, StoreError> {
        let rows = sql("SELECT repository, digest FROM trust_outcome WHERE policy_id = ?")
            .bind(policy.row)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(TrustSubject {
                    repository: row.text("repository")?,
                    digest: row.text("digest")?,
                })
            })
            .collect()
    }

    /// Forgets what a policy no longer holds for.
    pub async fn drop_trust_subjects(
        &self,
        policy: &TrustPolicy,
        subjects: Vec<TrustSubject>,
    ) -> Result<(), StoreError> {
        let row = policy.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    for subject in &subjects {
                        sql("DELETE FROM trust_outcome
                             WHERE policy_id = ? AND repository = ? AND digest = ?")
                        .bind(row)
                        .bind(&subject.repository)
                        .bind(&subject.digest)
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Something was attached to an image: it is looked at again at once,
    /// and so is what is in it where it is an index.
    pub async fn hurry_trust(&self, environment: &str, digest: &str) -> Result<u64, StoreError> {
        let (environment, digest) = (environment.to_owned(), digest.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE trust_outcome SET next_check = 0, attempts = 0
                         WHERE environment_id = (SELECT id FROM environment WHERE name = ?)
                           AND verdict <> 'signed'
                           AND (digest = ? OR digest IN (SELECT tag_image.digest FROM tag_image
                               JOIN tag ON tag.id = tag_image.tag_id WHERE tag.digest = ?))")
                    .bind(environment)
                    .bind(&digest)
                    .bind(&digest)
                    .execute(connection)
                    .await
                })
            })
            .await
    }

    /// Takes what is due; nobody else is given the same before `until`.
    pub async fn take_trust_due(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<TrustDue>, StoreError> {
        let any: Option<i64> = sql("SELECT trust_outcome.id FROM trust_outcome
             JOIN trust_policy ON trust_policy.id = trust_outcome.policy_id
             WHERE trust_outcome.next_check <= ? AND trust_policy.enabled = 1 LIMIT 1")
        .bind(now)
        .scalar()
        .fetch_optional(&self.readers)
        .await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let rows = sql("SELECT trust_outcome.id, trust_outcome.repository,
                             trust_outcome.digest, trust_outcome.attempts,
                             trust_policy.uid AS policy, environment.name AS environment
                         FROM trust_outcome
                         JOIN trust_policy ON trust_policy.id = trust_outcome.policy_id
                         JOIN environment ON environment.id = trust_outcome.environment_id
                         WHERE trust_outcome.next_check <= ? AND trust_policy.enabled = 1
                         ORDER BY trust_outcome.next_check, trust_outcome.digest,
                             trust_outcome.id LIMIT ?")
                    .bind(now)
                    .bind(limit)
                    .fetch_all(&mut *connection)
                    .await?;
                    let due: Vec<TrustDue> = rows
                        .iter()
                        .map(|row| {
                            Ok(TrustDue {
                                row: row.int("id")?,
                                environment: row.text("environment")?,
                                policy: row.text("policy")?,
                                subject: TrustSubject {
                                    repository: row.text("repository")?,
                                    digest: row.text("digest")?,
                                },
                                attempts: row.count("attempts")?,
                            })
                        })
                        .collect::<Result<_, StoreError>>()?;
                    let mut query = sql("UPDATE trust_outcome SET next_check = ");
                    query.push_bind(until).push(" WHERE id IN ");
                    query.push_list(due.iter().map(|due| due.row));
                    query.execute(connection).await?;
                    Ok(due)
                })
            })
            .await
    }

    /// Writes down what was found. `true`: it is another verdict, or
    /// another signer, than before. Nothing is written where the policy
    /// changed meanwhile, and what was found signed before stays so where
    /// the registry merely could not be asked.
    pub async fn put_trust_finding(
        &self,
        due: &TrustDue,
        revision: u64,
        found: TrustFinding,
        now: Timestamp,
        next_check: Timestamp,
    ) -> Result<bool, StoreError> {
        let (row, revision) = (due.row, i64::try_from(revision).unwrap_or(i64::MAX));
        self.writer
            .write(move |connection| {
                Box::pin(
                    async move { put(connection, row, revision, &found, now, next_check).await },
                )
            })
            .await
    }
}

async fn put(
    connection: &mut Connection,
    row: i64,
    revision: i64,
    found: &TrustFinding,
    now: Timestamp,
    next_check: Timestamp,
) -> Result<bool, StoreError> {
    let known = sql("SELECT trust_outcome.*, trust_policy.revision AS current,
             trust_policy.name AS policy_name
         FROM trust_outcome JOIN trust_policy ON trust_policy.id = trust_outcome.policy_id
         WHERE trust_outcome.id = ?")
    .bind(row)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(known) = known.filter(|known| known.int("current").is_ok_and(|it| it == revision))
    else {
        return Ok(false);
    };
    let was_current = known.int("revision")? == revision;
    let before = TrustVerdict::parse(&known.text("verdict")?).unwrap_or_default();
    if was_current && before == TrustVerdict::Signed && found.verdict == TrustVerdict::Unknown {
        sql("UPDATE trust_outcome SET next_check = ?, attempts = attempts + 1 WHERE id = ?")
            .bind(next_check)
            .bind(row)
            .execute(connection)
            .await?;
        return Ok(false);
    }
    let changed = before != found.verdict || known.maybe_text("signer")? != found.signer;
    let attempts = if found.verdict == TrustVerdict::Signed {
        0
    } else {
        known.int("attempts")?.saturating_add(1)
    };
    let since = if changed { now } else { known.time("since")? };
    sql(
        "UPDATE trust_outcome SET revision = ?, verdict = ?, why = ?, reason = ?, mend = ?,
             signer = ?, scheme = ?, through = ?, logged = ?, ends = ?, since = ?, checked = ?,
             attempts = ?, next_check = ?
         WHERE id = ?",
    )
    .bind(revision)
    .bind(found.verdict.as_str())
    .bind(&found.why)
    .bind(&found.reason)
    .bind(&found.mend)
    .bind(&found.signer)
    .bind(&found.scheme)
    .bind(&found.through)
    .bind(found.logged)
    .bind(found.ends)
    .bind(since)
    .bind(now)
    .bind(attempts)
    .bind(next_check)
    .bind(row)
    .execute(&mut *connection)
    .await?;
    if changed {
        sql(
            "INSERT INTO trust_event (environment_id, digest, policy, time, verdict, signer,
                 reason)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(known.int("environment_id")?)
        .bind(known.text("digest")?)
        .bind(known.text("policy_name")?)
        .bind(now)
        .bind(found.verdict.as_str())
        .bind(&found.signer)
        .bind(&found.reason)
        .execute(connection)
        .await?;
    }
    Ok(changed)
}
