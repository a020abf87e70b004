//! What the work list is made of: images, their layers and open
//! vulnerabilities.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

use model::{
    AffectedState, ImageConfig,
    work::{KnownBy, WorkFinding, WorkImage, repository},
};

use crate::{
    ImageKey, Scope, Store, StoreError, counts::severity_of, db::sql, finding::fix_state,
    image::key_of,
};

/// Images whose findings are gathered, the worst first.
const MOST_IMAGES: u32 = 2_000;
/// Images that may be what others are built on.
const MOST_BASES: u32 = 20_000;
/// Findings looked at.
const MOST_FINDINGS: usize = 400_000;

/// Images in one question.
const CHUNK: usize = 200;

/// Where the builder of an image writes what it was built on.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// What steps are gathered from.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub images: Vec<WorkImage>,
    pub findings: Vec<WorkFinding>,
    /// How each of the images is named.
    pub keys: HashMap<i64, ImageKey>,
    /// There is more than was looked at.
    pub truncated: bool,
}

/// What an image is built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBase {
    /// `debian:12`.
    pub name: String,
    pub digest: Option<String>,
    /// The image, where it is known here.
    pub image: Option<ImageKey>,
    pub known_by: KnownBy,
    /// A newer build of it that is known here.
    pub newer: Option<ImageKey>,
}

/// What several images are built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseImages {
    pub base: ImageBase,
    /// Each with how many containers run it.
    pub images: Vec<(ImageKey, u64)>,
}

/// Which images are looked at.
#[derive(Clone, Copy)]
enum Asked<'i> {
    Every,
    /// Those that have anything bad.
    All,
    /// Those of them that run.
    Running,
    /// One image, by its id, whether or not it has any.
    One(&'i str),
}

impl Store {
    /// The open vulnerabilities of images that run, or of all, from a
    /// priority on; with what tells what those images are built on.
    pub async fn work(
        &self,
        scope: &Scope,
        running: bool,
        priority: u16,
    ) -> Result<Work, StoreError> {
        let mut work = Work::default();
        let which = if running { Asked::Running } else { Asked::All };
        let asked = self.asked_images(scope, which, &mut work).await?;
        self.put_layers(&asked, &mut work).await?;
        self.put_bases(scope, &asked, &mut work).await?;
        let mut all: Vec<i64> = asked.iter().copied().collect();
        let newer: HashSet<i64> = model::work::bases(&work.images)
            .values()
            .filter_map(|based| based.base.newer)
            .collect();
        all.extend(newer.difference(&asked));
        all.sort_unstable();
        for chunk in all.chunks(CHUNK) {
            self.work_findings(chunk, &newer, priority, &mut work)
                .await?;
            if work.findings.len() > MOST_FINDINGS {
                work.truncated = true;
                break;
            }
        }
        Ok(work)
    }

    /// What an image is built on: an image that is known here, or what
    /// its builder named.
    pub async fn image_base(
        &self,
        scope: &Scope,
        image: &str,
    ) -> Result<Option<ImageBase>, StoreError> {
        let mut work = Work::default();
        let asked = self
            .asked_images(scope, Asked::One(image), &mut work)
            .await?;
        self.put_layers(&asked, &mut work).await?;
        let Some((_, lower)) = work
            .images
            .first()
            .and_then(|image| image.layers.split_last())
        else {
            return Ok(None);
        };
        let mut others = HashSet::new();
        for chunk in lower.chunks(CHUNK) {
            // Only what ends with one of its layers can be below it.
            let mut query = sql("SELECT layer.image_id FROM layer
                 JOIN image ON image.id = layer.image_id
                 WHERE layer.ordinal = image.layers - 1 AND image.kind = 'image'
                   AND layer.diff_id IN ");
            query
                .push_list(chunk.iter().map(String::as_str))
                .push(" AND ");
            scope.constrain(&mut query, "image.environment_id");
            query.push(" LIMIT ").push_bind(MOST_BASES);
            let found: Vec<i64> = query.once().scalar().fetch_all(&self.readers).await?;
            others.extend(found);
        }
        others.retain(|image| !asked.contains(image));
        self.put_others(&others, &mut work).await?;
        self.put_builds(scope, &mut work).await?;
        let mut bases = model::work::bases(&work.images);
        let base = asked.iter().find_map(|image| bases.remove(image));
        let base = base.map(|based| based.base);
        // A system's name alone is no image.
        let base = base.filter(|base| base.image.is_some() || base.known_by == KnownBy::Label);
        Ok(base.map(|base| ImageBase {
            image: base.image.and_then(|id| work.keys.remove(&id)),
            newer: base.newer.and_then(|id| work.keys.remove(&id)),
            name: base.name,
            digest: base.digest,
            known_by: base.known_by,
        }))
    }

    /// The name of what the image of a digest is built on, where it was
    /// read and that is known.
    pub async fn base_of_digest(
        &self,
        environment: &str,
        digest: &str,
    ) -> Result<Option<String>, StoreError> {
        let image: Option<String> = sql("SELECT image.uid FROM image
             JOIN environment ON environment.id = image.environment_id
             WHERE environment.name = ? AND image.digest = ? AND image.kind = 'image'
             ORDER BY image.id LIMIT 1")
        .bind(environment)
        .bind(digest)
        .scalar()
        .fetch_optional(&self.readers)
        .await?;
        let Some(image) = image else {
            return Ok(None);
        };
        let scope = self.scope(Some(environment)).await?;
        let base = self.image_base(&scope, &image).await?;
        Ok(base.map(|base| base.name))
    }

    /// What images are built on, and which; and whether there are more
    /// images than were looked at.
    pub async fn bases(&self, scope: &Scope) -> Result<(Vec<BaseImages>, bool), StoreError> {
        let mut work = Work::default();
        let asked = self.asked_images(scope, Asked::Every, &mut work).await?;
        self.put_layers(&asked, &mut work).await?;
        self.put_bases(scope, &asked, &mut work).await?;
        let mut found: BTreeMap<(String, Option<String>), BaseImages> = BTreeMap::new();
        let mut bases = model::work::bases(&work.images);
        for image in &work.images {
            let Some(base) = bases.remove(&image.id).map(|based| based.base) else {
                continue;
            };
            let Some(key) = work.keys.get(&image.id) else {
                continue;
            };
            // What is one layer is a base, and stands on none.
            if base.image.is_none() && image.layers.len() < 2 {
                continue;
            }
            let known = |id: Option<i64>| id.and_then(|id| work.keys.get(&id)).cloned();
            let one = (base.name.clone(), base.digest.clone());
            let of = found.entry(one).or_insert_with(|| BaseImages {
                base: ImageBase {
                    image: known(base.image),
                    newer: known(base.newer),
                    name: base.name,
                    digest: base.digest,
                    known_by: base.known_by,
                },
                images: Vec::new(),
            });
            of.images.push((key.clone(), image.running));
        }
        let mut found: Vec<BaseImages> = found.into_values().collect();
        for base in &mut found {
            // Those that run first, the others as they came: the worst.
            base.images.sort_by_key(|(_, running)| Reverse(*running));
        }
        found.sort_by_key(|base| Reverse(base.images.len()));
        Ok((found, work.truncated))
    }

    async fn asked_images(
        &self,
        scope: &Scope,
        which: Asked<'_>,
        work: &mut Work,
    ) -> Result<HashSet<i64>, StoreError> {
        let mut query = sql(
            "SELECT image.id, image.uid, image.kind, image.name, image.digest, image.os_name,
                 environment.name AS environment, image_document.config,
                 (SELECT COUNT(*) FROM asset WHERE asset.image_id = image.id
                    AND asset.kind = 'container' AND asset.gone IS NULL
                    AND asset.started IS NOT NULL) AS running
             FROM image JOIN environment ON environment.id = image.environment_id
             LEFT JOIN image_document ON image_document.image_id = image.id
             WHERE image.kind = 'image' AND ",
        );
        scope.constrain(&mut query, "image.environment_id");
        match which {
            Asked::One(image) => {
                query.push(" AND image.uid = ").push_bind(image.to_owned());
            }
            Asked::Every => {}
            Asked::All => {
                query.push(" AND image.risk > 0");
            }
            Asked::Running => {
                query.push(
                    " AND image.risk > 0
                      AND image.id IN (SELECT image_id FROM asset WHERE kind = 'container'
                        AND gone IS NULL AND started IS NOT NULL AND image_id IS NOT NULL)",
                );
            }
        }
        query
            .push(" ORDER BY image.risk DESC, image.id LIMIT ")
            .push_bind(MOST_IMAGES + 1);
        let rows = query.fetch_all(&self.readers).await?;
        work.truncated = rows.len() > MOST_IMAGES as usize;
        let mut asked = HashSet::new();
        for row in rows.iter().take(MOST_IMAGES as usize) {
            let id = row.int("id")?;
            let config: Option<ImageConfig> = row.maybe_json("config")?;
            let key = key_of(row)?;
            work.images.push(WorkImage {
                id,
                name: key.name.clone(),
                digest: row.maybe_text("digest")?,
                os: row.text("os_name")?,
                created: config.as_ref().and_then(|config| config.created),
                layers: Vec::new(),
                label: config.and_then(|mut config| {
                    let name = config.labels.remove(BASE_NAME)?;
                    Some((name, config.labels.remove(BASE_DIGEST)))
                }),
                running: row.count("running")?,
                is_asked: true,
            });
            work.keys.insert(id, key);
            asked.insert(id);
        }
        Ok(asked)
    }

    /// The layers of images that lack them.
    async fn put_layers(&self, images: &HashSet<i64>, work: &mut Work) -> Result<(), StoreError> {
        let images: Vec<i64> = images.iter().copied().collect();
        let mut layers: HashMap<i64, Vec<String>> = HashMap::new();
        for chunk in images.chunks(CHUNK) {
            let mut query = sql("SELECT image_id, diff_id FROM layer WHERE image_id");
            query.push_in(chunk, self.dialect());
            query.push(" ORDER BY image_id, ordinal");
            for row in &query.fetch_all(&self.readers).await? {
                let image = row.int("image_id")?;
                layers.entry(image).or_default().push(row.text("diff_id")?);
            }
        }
        for image in &mut work.images {
            if let Some(layers) = layers.remove(&image.id) {
                image.layers = layers;
            }
        }
        Ok(())
    }

    /// Other images with the same lowest layer, and newer builds of
    /// theirs: what the asked ones may be built on.
    async fn put_bases(
        &self,
        scope: &Scope,
        asked: &HashSet<i64>,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        let lowest: HashSet<&str> = work
            .images
            .iter()
            .filter_map(|image| image.layers.first().map(String::as_str))
            .collect();
        let lowest: Vec<String> = lowest.into_iter().map(str::to_owned).collect();
        let mut others: HashSet<i64> = HashSet::new();
        for chunk in lowest.chunks(CHUNK) {
            let mut query = sql("SELECT layer.image_id FROM layer
                 JOIN image ON image.id = layer.image_id
                 WHERE layer.ordinal = 0 AND image.kind = 'image' AND layer.diff_id IN ");
            query
                .push_list(chunk.iter().map(String::as_str))
                .push(" AND ");
            scope.constrain(&mut query, "image.environment_id");
            query.push(" LIMIT ").push_bind(MOST_BASES);
            let found: Vec<i64> = query.once().scalar().fetch_all(&self.readers).await?;
            others.extend(found);
        }
        others.retain(|image| !asked.contains(image));
        self.put_others(&others, work).await?;
        self.put_builds(scope, work).await
    }

    /// Builds of the repositories that bases are of.
    async fn put_builds(&self, scope: &Scope, work: &mut Work) -> Result<(), StoreError> {
        let bases: HashSet<i64> = model::work::bases(&work.images)
            .values()
            .filter_map(|based| based.base.image)
            .collect();
        let repositories: HashSet<String> = work
            .images
            .iter()
            .filter(|image| bases.contains(&image.id))
            .map(|image| repository(&image.name).to_owned())
            .collect();
        let known: HashSet<i64> = work.images.iter().map(|image| image.id).collect();
        let mut builds: HashSet<i64> = HashSet::new();
        for repository in repositories.iter().take(CHUNK) {
            let mut query = sql("SELECT id FROM image WHERE kind = 'image' AND name LIKE ");
            let pattern = repository
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            query
                .push_bind(format!("{pattern}:%"))
                .push(" ESCAPE '\\' AND ");
            scope.constrain(&mut query, "environment_id");
            query.push(" ORDER BY id DESC LIMIT 200");
            let found: Vec<i64> = query.scalar().fetch_all(&self.readers).await?;
            builds.extend(found);
        }
        builds.retain(|image| !known.contains(image));
        self.put_others(&builds, work).await
    }

    async fn put_others(&self, others: &HashSet<i64>, work: &mut Work) -> Result<(), StoreError> {
        let numbers: Vec<i64> = others.iter().copied().collect();
        for chunk in numbers.chunks(CHUNK) {
            let mut query = sql(
                "SELECT image.id, image.uid, image.kind, image.name, image.digest, image.os_name,
                     environment.name AS environment, image_document.config
                 FROM image JOIN environment ON environment.id = image.environment_id
                 LEFT JOIN image_document ON image_document.image_id = image.id
                 WHERE image.id",
            );
            query.push_in(chunk, self.dialect());
            for row in &query.fetch_all(&self.readers).await? {
                let id = row.int("id")?;
                let config: Option<ImageConfig> = row.maybe_json("config")?;
                let key = key_of(row)?;
                work.images.push(WorkImage {
                    id,
                    name: key.name.clone(),
                    digest: row.maybe_text("digest")?,
                    os: row.text("os_name")?,
                    created: config.and_then(|config| config.created),
                    layers: Vec::new(),
                    label: None,
                    running: 0,
                    is_asked: false,
                });
                work.keys.insert(id, key);
            }
        }
        self.put_layers(others, work).await
    }

    async fn work_findings(
        &self,
        images: &[i64],
        newer: &HashSet<i64>,
        priority: u16,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        let mut query = sql(
            "SELECT finding.image_id, finding.layer, finding.severity, finding.priority,
                 finding.fixable, finding.fix_state, finding.fix_versions,
                 finding.rank / 1000000 % 2 AS kev, rule.name AS vulnerability, package.kind,
                 package.name AS package, package.version, fix.version AS raised
             FROM asset JOIN finding ON finding.asset_id = asset.id
             JOIN rule ON rule.id = finding.rule_id
             JOIN package ON package.id = finding.package_id
             LEFT JOIN fix ON fix.image_id = finding.image_id AND fix.kind = package.kind
                 AND fix.package = package.name
             WHERE asset.kind = 'image' AND finding.kind = 0 AND finding.state = 0
               AND finding.suppressed = 0 AND asset.image_id",
        );
        query.push_in(images, self.dialect());
        for row in &query.fetch_all(&self.readers).await? {
            let image = row.maybe_int("image_id")?.unwrap_or(0);
            let its = row.int("priority")?.try_into().unwrap_or(0);
            if its < priority && !newer.contains(&image) {
                continue;
            }
            let state = row.maybe_text("fix_state")?;
            let is_fixed = state.is_some_and(|state| fix_state(&state) == AffectedState::Fixed);
            let versions: Vec<String> = row.maybe_json("fix_versions")?.unwrap_or_default();
            let version = match row.maybe_text("raised")? {
                Some(version) => Some(version),
                None => versions.into_iter().next(),
            };
            work.findings.push(WorkFinding {
                image,
                vulnerability: row.text("vulnerability")?,
                kind: crate::package::kind(&row.text("kind")?),
                package: row.text("package")?,
                installed: row.text("version")?,
                version: version.filter(|_| is_fixed && row.flag("fixable").unwrap_or(false)),
                layer: row
                    .maybe_int("layer")?
                    .and_then(|layer| layer.try_into().ok()),
                severity: severity_of(row.int("severity")?),
                kev: row.int("kev")? == 1,
                priority: its,
            });
        }
        Ok(())
    }
}
