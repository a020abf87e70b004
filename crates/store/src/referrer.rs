//! What is attached to images at their registries, as it was last seen:
//! signatures, SBOMs, attestations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::{
    Store, StoreError,
    db::{Row, insert, sql},
    environment,
    row::json,
};

/// Things told of one image.
const MOST: u32 = 1_000;
/// Images in one question.
const CHUNK: usize = 200;
/// What is only found in an index, which no list of referrers names.
const INDEX: &str = "index";

/// Something attached to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundReferrer {
    /// The digest of the image or index it is attached to.
    pub subject: String,
    pub digest: String,
    pub artifact_type: String,
    pub size: u64,
    pub annotations: BTreeMap<String, String>,
    /// `api`, `tag`, `cosign_tag`, `index` or `push`.
    pub found_by: String,
}

/// The same, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    pub found: FoundReferrer,
    /// With its registry.
    pub repository: String,
    pub first_seen: Timestamp,
    /// When its registry no longer listed it.
    pub gone: Option<Timestamp>,
}

fn read(row: &Row) -> Result<Referrer, StoreError> {
    Ok(Referrer {
        found: FoundReferrer {
            subject: row.text("subject")?,
            digest: row.text("digest")?,
            artifact_type: row.text("artifact_type")?,
            size: row.count("size")?,
            annotations: row.json("annotations")?,
            found_by: row.text("found_by")?,
        },
        repository: row.text("repository")?,
        first_seen: row.time("first_seen")?,
        gone: row.maybe_time("gone")?,
    })
}

impl Store {
    /// Notes what is attached to images of a repository, named with its
    /// registry. Of images in `whole`, all there is was found: the rest is
    /// gone. Where nothing is new, nothing is written; `false`.
    pub async fn put_referrers(
        &self,
        environment: &str,
        repository: &str,
        found: Vec<FoundReferrer>,
        whole: &[String],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let subjects: BTreeSet<&String> =
            found.iter().map(|one| &one.subject).chain(whole).collect();
        let subjects: Vec<&String> = subjects.into_iter().collect();
        let mut known: HashMap<(String, String), Referrer> = HashMap::new();
        for chunk in subjects.chunks(CHUNK) {
            let chunk = chunk.iter().map(|subject| subject.as_str());
            for one in self.referrers(environment, chunk).await? {
                if one.repository == repository {
                    let key = (one.found.subject.clone(), one.found.digest.clone());
                    known.insert(key, one);
                }
            }
        }
        // One may be found in several ways.
        let found: BTreeMap<(String, String), FoundReferrer> = found
            .into_iter()
            .map(|one| ((one.subject.clone(), one.digest.clone()), one))
            .collect();
        let gone: Vec<(String, String)> = known
            .values()
            .filter(|one| one.gone.is_none() && one.found.found_by != INDEX)
            .map(|one| (one.found.subject.clone(), one.found.digest.clone()))
            .filter(|key| whole.contains(&key.0) && !found.contains_key(key))
            .collect();
        let is_new =
            |key: &(String, String)| known.get(key).is_none_or(|known| known.gone.is_some());
        let new: Vec<FoundReferrer> = found
            .into_iter()
            .filter(|(key, _)| is_new(key))
            .map(|(_, one)| one)
            .collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(false);
        }
        let (environment, repository) = (environment.to_owned(), repository.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    insert(
                        "INSERT INTO referrer (environment_id, subject, repository, digest,
                             artifact_type, size, annotations, found_by, first_seen) ",
                    )
                    .ending(
                        " ON CONFLICT (environment_id, subject, repository, digest)
                          DO UPDATE SET gone = NULL",
                    )
                    .rows(&mut *connection, &new, |row, one| {
                        row.push_bind(environment_id)
                            .push_bind(&one.subject)
                            .push_bind(&repository)
                            .push_bind(&one.digest)
                            .push_bind(&one.artifact_type)
                            .push_bind(i64::try_from(one.size).unwrap_or(i64::MAX))
                            .push_bind(json(&one.annotations))
                            .push_bind(&one.found_by)
                            .push_bind(now);
                    })
                    .await?;
                    for (subject, digest) in gone {
                        sql("UPDATE referrer SET gone = ? WHERE environment_id = ?
                               AND subject = ? AND repository = ? AND digest = ?")
                        .bind(now)
                        .bind(environment_id)
                        .bind(subject)
                        .bind(&repository)
                        .bind(digest)
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    /// What is attached to images of an environment: what is there first.
    pub async fn referrers<'s>(
        &self,
        environment: &str,
        subjects: impl IntoIterator<Item = &'s str>,
    ) -> Result<Vec<Referrer>, StoreError> {
        let mut query = sql("SELECT referrer.* FROM referrer
             JOIN environment ON environment.id = referrer.environment_id
             WHERE environment.name = ");
        query
            .push_bind(environment)
            .push(" AND referrer.subject IN ")
            .push_list(subjects)
            .push(" ORDER BY CASE WHEN referrer.gone IS NULL THEN 0 ELSE 1 END, referrer.id LIMIT ")
            .push_bind(MOST);
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }
}
