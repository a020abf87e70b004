//! Bringing findings up to date with a change of advisories, where only
//! some packages are touched: the images that hold them are looked at
//! for those packages alone, every other is only noted as matched.

mod likelihood;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use jiff::Timestamp;
use model::{Finding, PackageKind, Vulnerability, VulnerabilityId, Warning};

use crate::{
    Counts, ImageKey, PackageFix, Store, StoreError,
    change::{self, ChangeKind, NewChange},
    db::{Connection, Dialect, Pool, ROWS, Value, sql},
    finding::kind_number,
    image::key_of,
    ingest::{self, dictionary, findings as of_report},
    priority,
    sighting::{self, Known, Look, LookedAt, Sighting, Whole, Within},
};

pub(crate) use likelihood::rank_of;

/// One package in one place of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPackage {
    pub number: i64,
    pub path: String,
    pub layer: Option<u32>,
    pub owned_by: Option<String>,
}

/// An image that holds touched packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchedImage {
    pub key: ImageKey,
    /// What its findings are named by.
    pub subject: String,
    /// The distribution it is of.
    pub distribution: Option<String>,
    /// Touched packages and those to look at with them, in its order.
    pub packages: Vec<HeldPackage>,
}

/// What is to be said of the touched packages of one image.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The vulnerabilities of which something else may be said.
    pub vulnerabilities: BTreeSet<VulnerabilityId>,
    /// All findings of these, each with its package's number.
    pub findings: Vec<(i64, Finding)>,
    /// What goes by an upgrade's name, and the upgrades there are now.
    pub upgrades: Vec<(PackageKind, String)>,
    pub fixes: Vec<PackageFix>,
    /// Why, in a few words.
    pub because: String,
}

/// Says what is to be said of an image.
pub type Judge = Arc<dyn Fn(&TouchedImage) -> Verdict + Send + Sync>;

/// A change of advisories, for some images.
#[derive(Clone)]
pub struct Rematch {
    /// The generations, by name.
    pub from: String,
    pub to: String,
    pub now: Timestamp,
    /// What images hold is known up to here; of what was written later
    /// nothing is said.
    pub mark: i64,
    /// Numbers of images to look at, each with those of its packages to
    /// look at; those that were matched with another generation meanwhile
    /// are left out.
    pub images: Vec<(i64, Vec<i64>)>,
    /// Whether this is the last to be said of them: they are noted as
    /// matched.
    pub is_last: bool,
    /// What is known of every vulnerability a verdict may name.
    pub vulnerabilities: Arc<BTreeMap<VulnerabilityId, Vulnerability>>,
    pub judge: Judge,
}

impl fmt::Debug for Rematch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rematch")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("images", &self.images.len())
            .finish_non_exhaustive()
    }
}

/// What a change of advisories came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rematched {
    pub images: u64,
    pub new: Counts,
    pub resolved: u64,
    /// Images with findings that came or went, and why.
    pub changed: Vec<(ImageKey, String)>,
}

impl Store {
    /// Which generations images were matched with, `current` left out,
    /// and how many with each.
    pub async fn generations(&self, current: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sql("SELECT generation, COUNT(*) AS images FROM image
             WHERE generation <> ? GROUP BY generation ORDER BY COUNT(*) DESC, generation")
        .bind(current)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok((row.text("generation")?, row.count("images")?)))
            .collect()
    }

    /// Looks at some images again; one transaction. They are read and
    /// judged before it begins: others may be written meanwhile.
    pub async fn rematch(&self, rematch: Rematch) -> Result<Rematched, StoreError> {
        let judged = judge(&self.readers, &rematch).await?;
        let outcome = self
            .writer
            .write_much(move |connection| {
                Box::pin(async move { put(connection, &rematch, judged).await })
            })
            .await?;
        self.grew(outcome.new.total()).await;
        Ok(outcome)
    }

    /// Notes that all images matched with one generation have nothing
    /// else to say with another, but `except` some, and those whose
    /// content was written after `mark`.
    pub async fn rematched(
        &self,
        (from, to): (&str, &str),
        mark: i64,
        except: &[i64],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let except: HashSet<i64> = except.iter().copied().collect();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut images: Vec<i64> = sql("SELECT image.id FROM image
                         JOIN image_content ON image_content.image_id = image.id
                         WHERE image.generation = ? AND image_content.mark <= ?")
                    .bind(&from)
                    .bind(mark)
                    .scalar()
                    .fetch_all(&mut *connection)
                    .await?;
                    images.retain(|image| !except.contains(image));
                    note(connection, &images, &to, now).await?;
                    Ok(images.len() as u64)
                })
            })
            .await
    }

    /// The names of the vulnerabilities the record has.
    pub async fn vulnerability_names(&self) -> Result<Vec<String>, StoreError> {
        sql("SELECT name FROM rule WHERE kind = 0 ORDER BY name")
            .scalar()
            .fetch_all(&self.readers)
            .await
    }
}

/// One image as the record has it.
struct Image {
    id: i64,
    asset: i64,
    has_warnings: bool,
    touched: TouchedImage,
}

/// What there is to say of images.
struct Judged {
    by_environment: BTreeMap<i64, Vec<(Image, Verdict)>>,
    names: Names,
}

/// Says of images what is to be said of them.
async fn judge(readers: &Pool, rematch: &Rematch) -> Result<Judged, StoreError> {
    let mut by_environment: BTreeMap<i64, Vec<Image>> = BTreeMap::new();
    for chunk in rematch.images.chunks(ROWS) {
        load(readers, rematch, chunk, &mut by_environment).await?;
    }
    let names = names(readers, &rematch.images).await?;
    let judge = Arc::clone(&rematch.judge);
    let judged = tokio::task::spawn_blocking(move || {
        let judged = by_environment.into_iter().map(|(environment, images)| {
            let each = images.into_iter().map(|image| {
                let verdict = judge(&image.touched);
                (image, verdict)
            });
            (environment, each.collect())
        });
        judged.collect()
    });
    Ok(Judged {
        by_environment: match judged.await {
            Ok(judged) => judged,
            // It panicked; so does whoever waits for it.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        },
        names,
    })
}

async fn put(
    connection: &mut Connection,
    rematch: &Rematch,
    judged: Judged,
) -> Result<Rematched, StoreError> {
    let ids =
        dictionary::put_vulnerabilities(connection, &mut rematch.vulnerabilities.values()).await?;
    let assessed = as_judged(connection, rematch).await?;
    let mut outcome = Rematched::default();
    for (environment, mut images) in judged.by_environment {
        images.retain(|(image, _)| assessed.contains_key(&image.id));
        put_images(
            connection,
            rematch,
            &ids,
            &judged.names,
            &assessed,
            (environment, images),
            &mut outcome,
        )
        .await?;
    }
    Ok(outcome)
}

/// Images that still are what they were when they were judged, and when
/// they were matched last.
async fn as_judged(
    connection: &mut Connection,
    rematch: &Rematch,
) -> Result<HashMap<i64, i64>, StoreError> {
    let numbers: Vec<i64> = rematch.images.iter().map(|(image, _)| *image).collect();
    let mut assessed = HashMap::with_capacity(numbers.len());
    for chunk in numbers.chunks(ROWS) {
        let mut query = sql("SELECT image.id, image.assessed FROM image
             JOIN image_content ON image_content.image_id = image.id
             WHERE image.generation = ? AND image_content.mark <= ? AND image.id")
        .bind(&rematch.from)
        .bind(rematch.mark);
        query.push_in(chunk, connection.dialect());
        for row in &query.fetch_all(&mut *connection).await? {
            assessed.insert(row.int("id")?, row.int("assessed")?);
        }
    }
    Ok(assessed)
}

/// Reads images and what they hold of the packages to look at.
async fn load(
    readers: &Pool,
    rematch: &Rematch,
    images: &[(i64, Vec<i64>)],
    into: &mut BTreeMap<i64, Vec<Image>>,
) -> Result<(), StoreError> {
    let mut query = sql(
        "SELECT image.id, image.uid, image.kind, image.name, image.warnings,
                image.environment_id, environment.name AS environment, asset.id AS asset_id,
                image_content.subject, image_content.distribution
         FROM image
         JOIN environment ON environment.id = image.environment_id
         JOIN image_content ON image_content.image_id = image.id
         JOIN asset ON asset.image_id = image.id AND asset.kind = 'image'
         WHERE image.generation = ",
    );
    query.push_bind(&rematch.from).push(" AND image.id");
    let numbers: Vec<i64> = images.iter().map(|(image, _)| *image).collect();
    query.push_in(&numbers, readers.dialect());
    let mut held = held(readers, images).await?;
    for row in &query.fetch_all(readers).await? {
        let id = row.int("id")?;
        into.entry(row.int("environment_id")?)
            .or_default()
            .push(Image {
                id,
                asset: row.int("asset_id")?,
                has_warnings: row.int("warnings")? > 0,
                touched: TouchedImage {
                    key: key_of(row)?,
                    subject: row.text("subject")?,
                    distribution: row.maybe_text("distribution")?,
                    packages: held.remove(&id).unwrap_or_default(),
                },
            });
    }
    Ok(())
}

/// Kinds and names of packages: a finding may rest on another version
/// than the one that is there now.
#[derive(Default)]
struct Names {
    looked_at: LookedAt,
    /// By the store's number of a package.
    of_packages: HashMap<i64, usize>,
}

async fn names(readers: &Pool, images: &[(i64, Vec<i64>)]) -> Result<Names, StoreError> {
    let packages: BTreeSet<i64> = images.iter().flat_map(|(_, held)| held).copied().collect();
    let packages: Vec<i64> = packages.into_iter().collect();
    let mut names = Names::default();
    for chunk in packages.chunks(5000) {
        let mut query = sql("SELECT id, kind, name FROM package WHERE id");
        query.push_in(chunk, readers.dialect());
        for row in &query.fetch_all(readers).await? {
            let name = names.looked_at.name(row.text("kind")?, row.text("name")?);
            names.of_packages.insert(row.int("id")?, name);
        }
    }
    Ok(names)
}

/// Where these images have these of their packages.
async fn held(
    readers: &Pool,
    images: &[(i64, Vec<i64>)],
) -> Result<HashMap<i64, Vec<HeldPackage>>, StoreError> {
    let mut pairs: Vec<Vec<Value>> = Vec::new();
    for (image, packages) in images {
        for package in packages {
            pairs.push(vec![(*image).into(), (*package).into()]);
        }
    }
    let mut held: HashMap<i64, Vec<(i64, HeldPackage)>> = HashMap::new();
    for chunk in pairs.chunks(ROWS) {
        let mut query = sql(
            "SELECT image_package.image_id, image_package.ordinal, image_package.package_id,
                    image_package.path, image_package.layer, image_package.owned_by FROM ",
        );
        query.push_rows(chunk.to_vec(), readers.dialect());
        // Each is looked up, whatever the planner believes of the table.
        query.push(readers.dialect().pick(
            " CROSS JOIN image_package ON image_package.package_id = delta.column2
                  AND image_package.image_id = delta.column1",
            " JOIN image_package ON image_package.package_id = delta.column2
                  AND image_package.image_id = delta.column1",
        ));
        for row in &query.fetch_all(readers).await? {
            held.entry(row.int("image_id")?).or_default().push((
                row.int("ordinal")?,
                HeldPackage {
                    number: row.int("package_id")?,
                    path: row.text("path")?,
                    layer: row
                        .maybe_int("layer")?
                        .and_then(|layer| layer.try_into().ok()),
                    owned_by: row.maybe_text("owned_by")?,
                },
            ));
        }
    }
    Ok(held
        .into_iter()
        .map(|(image, mut held)| {
            held.sort_by_key(|(ordinal, _)| *ordinal);
            (image, held.into_iter().map(|(_, held)| held).collect())
        })
        .collect())
}

async fn put_images(
    connection: &mut Connection,
    rematch: &Rematch,
    known: &HashMap<VulnerabilityId, i64>,
    names: &Names,
    assessed: &HashMap<i64, i64>,
    (environment, judged): (i64, Vec<(Image, Verdict)>),
    outcome: &mut Rematched,
) -> Result<(), StoreError> {
    let mut ids = known.clone();
    let (images, verdicts): (Vec<Image>, Vec<Verdict>) = judged.into_iter().unzip();
    name_gone(connection, &verdicts, &mut ids).await?;
    let numbers: Vec<i64> = images.iter().map(|image| image.id).collect();
    let contexts = priority::contexts(connection, &numbers).await?;
    let unused = priority::Context::default();
    let mut sightings = Vec::new();
    let mut pairs = Vec::new();
    let mut because = HashMap::new();
    let mut looked_at = names.looked_at.clone();
    for (image, verdict) in images.iter().zip(&verdicts) {
        let rules = verdict.vulnerabilities.iter().filter_map(|id| ids.get(id));
        pairs.extend(rules.map(|rule| (image.asset, *rule)));
        because.insert(image.asset, verdict.because.clone());
        for held in &image.touched.packages {
            if let Some(&name) = names.of_packages.get(&held.number) {
                looked_at.note(image.asset, name);
            }
        }
        for (package, finding) in &verdict.findings {
            let Some(&rule) = ids.get(&finding.vulnerability) else {
                continue;
            };
            let vulnerability = rematch.vulnerabilities.get(&finding.vulnerability);
            let context = contexts.get(&image.id).unwrap_or(&unused);
            let weighed = of_report::Weighed::new(finding, vulnerability, context, *package);
            sightings.push(Sighting {
                said: of_report::said(finding, weighed, (image.asset, image.id), rule, *package),
                seen: None,
                evidence: None,
                package: Some((
                    finding.package.kind.as_str().to_owned(),
                    finding.package.name.clone(),
                )),
            });
        }
    }
    let hidden = hidden(connection, &images).await?;
    let hides = |known: &Known| {
        let warnings = known.said.image.and_then(|image| hidden.get(&image));
        warnings.is_some_and(|(warnings, layers)| {
            warnings
                .iter()
                .any(|warning| of_report::hides(warning, known, layers))
        })
    };
    let look = Look {
        environment,
        now: rematch.now,
        whole: Some(Whole {
            assets: images
                .iter()
                .filter_map(|image| Some((image.asset, *assessed.get(&image.id)?)))
                .collect(),
            kind: kind_number(model::FindingKind::Vulnerability),
            within: Within::Pairs(pairs, looked_at),
            may_be_hidden: &hides,
        }),
        because: Some(&because),
    };
    let changes = sighting::put(connection, &look, sightings).await?;
    put_fixes(connection, environment, &images, &verdicts).await?;
    if rematch.is_last {
        note(connection, &numbers, &rematch.to, rematch.now).await?;
    }
    let by_asset = changes.by_asset.clone();
    let came = changes.finish(connection, environment, rematch.now).await?;
    outcome.images += images.len() as u64;
    outcome.new += came.new;
    outcome.resolved += came.resolved;
    let mut entries = Vec::new();
    for (image, verdict) in images.into_iter().zip(verdicts) {
        let Some((new, resolved)) = by_asset.get(&image.asset) else {
            continue;
        };
        let entry = summary(&image.touched.key.name, *new, *resolved, &verdict.because);
        entries.push((
            NewChange {
                time: rematch.now,
                kind: ChangeKind::ImageChanged,
                summary: entry,
                new: *new,
                resolved: *resolved,
            },
            image.id,
        ));
        outcome.changed.push((image.touched.key, verdict.because));
    }
    change::append_all(connection, environment, entries).await
}

fn summary(name: &str, new: Counts, resolved: u64, because: &str) -> String {
    let what = match (new.total(), resolved) {
        (0, 0) => "rated otherwise".to_owned(),
        (new, 0) => format!("{new} new"),
        (0, resolved) => format!("{resolved} resolved"),
        (new, resolved) => format!("{new} new, {resolved} resolved"),
    };
    format!("{name}: {what}, because {because}")
}

/// The numbers of vulnerabilities nobody speaks of any more.
async fn name_gone(
    connection: &mut Connection,
    verdicts: &[Verdict],
    ids: &mut HashMap<VulnerabilityId, i64>,
) -> Result<(), StoreError> {
    let gone: BTreeSet<&VulnerabilityId> = verdicts
        .iter()
        .flat_map(|verdict| &verdict.vulnerabilities)
        .filter(|id| !ids.contains_key(id))
        .collect();
    let gone: Vec<&str> = gone.into_iter().map(VulnerabilityId::as_str).collect();
    for chunk in gone.chunks(500) {
        let mut query = sql("SELECT id, name FROM rule WHERE kind = 0 AND name IN ");
        query.push_list(chunk.iter().copied());
        for row in query.fetch_all(&mut *connection).await? {
            ids.insert(VulnerabilityId::new(row.text("name")?), row.int("id")?);
        }
    }
    Ok(())
}

/// What could not be read of images, and their layers: findings there
/// are not gone because nobody sees them.
async fn hidden(
    connection: &mut Connection,
    images: &[Image],
) -> Result<HashMap<i64, (Vec<Warning>, Vec<String>)>, StoreError> {
    let with_warnings: Vec<i64> = images
        .iter()
        .filter(|image| image.has_warnings)
        .map(|image| image.id)
        .collect();
    let mut hidden: HashMap<i64, (Vec<Warning>, Vec<String>)> = HashMap::new();
    for chunk in with_warnings.chunks(ROWS) {
        let mut query = sql("SELECT image_id, warnings FROM image_document WHERE image_id");
        query.push_in(chunk, connection.dialect());
        for row in &query.fetch_all(&mut *connection).await? {
            hidden.entry(row.int("image_id")?).or_default().0 = row.json("warnings")?;
        }
        let mut query = sql("SELECT image_id, diff_id FROM layer WHERE image_id");
        query.push_in(chunk, connection.dialect());
        query.push(" ORDER BY image_id, ordinal");
        for row in &query.fetch_all(&mut *connection).await? {
            let (_, layers) = hidden.entry(row.int("image_id")?).or_default();
            layers.push(row.text("diff_id")?);
        }
    }
    Ok(hidden)
}

/// Upgrades of what was looked at, in place of those known.
async fn put_fixes(
    connection: &mut Connection,
    environment: i64,
    images: &[Image],
    verdicts: &[Verdict],
) -> Result<(), StoreError> {
    let mut gone: Vec<Vec<Value>> = Vec::new();
    let mut fixes: Vec<(i64, &PackageFix)> = Vec::new();
    for (image, verdict) in images.iter().zip(verdicts) {
        let known = verdict.fixes.iter();
        let known: HashSet<(PackageKind, &str)> =
            known.map(|fix| (fix.kind, fix.package.as_str())).collect();
        for (kind, name) in &verdict.upgrades {
            if !known.contains(&(*kind, name.as_str())) {
                gone.push(vec![image.id.into(), kind.as_str().into(), name.into()]);
            }
        }
        fixes.extend(verdict.fixes.iter().map(|fix| (image.id, fix)));
    }
    if connection.dialect() == Dialect::Sqlite {
        let text = sql("DELETE FROM fix WHERE image_id = ?1 AND kind = ?2 AND package = ?3");
        connection.each(text, std::mem::take(&mut gone)).await?;
    }
    for chunk in gone.chunks(ROWS) {
        let mut query = sql("DELETE FROM fix WHERE (image_id, kind, package) IN (SELECT ");
        query.push("column1, column2, column3 FROM ");
        query.push_rows(chunk.to_vec(), connection.dialect());
        query.push(")");
        query.execute(&mut *connection).await?;
    }
    ingest::insert_fixes(connection, environment, &fixes, ingest::REPLACE).await
}

/// Notes that images were matched.
async fn note(
    connection: &mut Connection,
    images: &[i64],
    generation: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in images.chunks(5000) {
        let mut query = sql("UPDATE image SET generation = ?, assessed = ? WHERE id")
            .bind(generation)
            .bind(now);
        query.push_in(chunk, connection.dialect());
        query.execute(&mut *connection).await?;
        let mut query = sql(
            "UPDATE asset SET gone = NULL, last_seen = CASE WHEN last_seen > ? THEN last_seen
                 ELSE ? END WHERE kind = 'image' AND image_id",
        )
        .bind(now)
        .bind(now);
        query.push_in(chunk, connection.dialect());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
