//! Facts about assets, as recommendations need them: few queries for
//! many assets, and no finding counted of an image that nothing runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{ImageConfig, NotableFile, OperatingSystem, RunOptions, TargetKind, Warning};

use crate::{
    Counts, FindingFilter, PackageFix, Scope, Store, StoreError,
    counts::severity_of,
    db::{Row, Sql, sql},
    image,
};

/// Upgrades named for one image.
const FIXES: usize = 40;
/// Warnings named for one image.
const WARNINGS: usize = 20;
/// Assets in one question.
const CHUNK: usize = 500;

/// What is known of an image, a machine or an SBOM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageFacts {
    /// The image's id, and its asset's.
    pub id: String,
    pub kind: Option<TargetKind>,
    pub name: String,
    /// The digest a registry knows it by.
    pub digest: Option<String>,
    pub os: Option<OperatingSystem>,
    pub config: Option<ImageConfig>,
    pub notable: Option<Vec<NotableFile>>,
    /// Of the packages that checks ask about, those it holds.
    pub asked: Vec<String>,
    /// What could not be read, the first few.
    pub warnings: Vec<Warning>,
    /// Containers that run it now.
    pub running: u64,
    /// Worst first, the first few.
    pub fixes: Vec<PackageFix>,
    /// Open findings that an upgrade closes; as the next two, known of
    /// what runs and of machines only.
    pub fixable: Counts,
    /// Of them, those in packages of its distribution.
    pub fixable_system: Counts,
    /// Vulnerabilities with open findings that are known to be exploited.
    pub exploited: Vec<String>,
    pub packages: u64,
    number: i64,
    asset: i64,
}

/// What is known of a running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// The asset's id.
    pub id: String,
    pub name: String,
    /// As the engine told them, by name.
    pub facts: BTreeMap<String, String>,
    /// The image it runs, where that is known here.
    pub image: Option<String>,
    /// The digest a registry knows that image by.
    pub digest: Option<String>,
    /// How it was started, where its engine told.
    pub options: Option<RunOptions>,
}

/// What is known of a container host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFacts {
    /// The asset's id.
    pub id: String,
    pub name: String,
    /// JSON, as whoever looked wrote it.
    pub facts: String,
}

impl Store {
    /// What is known of the images of an environment: of all, or of
    /// those named.
    pub async fn image_facts(
        &self,
        environment: &str,
        only: Option<&[String]>,
    ) -> Result<Vec<ImageFacts>, StoreError> {
        let mut all = Vec::new();
        match only {
            None => all = self.some_image_facts(environment, None, None).await?,
            Some(ids) => {
                for chunk in ids.chunks(CHUNK) {
                    all.extend(
                        self.some_image_facts(environment, Some(chunk), None)
                            .await?,
                    );
                }
            }
        }
        Ok(all)
    }

    /// What would be known of these images, were some findings not open.
    pub async fn image_facts_without(
        &self,
        environment: &str,
        only: &[String],
        (scope, without): (&Scope, &FindingFilter),
    ) -> Result<Vec<ImageFacts>, StoreError> {
        let mut all = Vec::new();
        for chunk in only.chunks(CHUNK) {
            let some = self.some_image_facts(environment, Some(chunk), Some((scope, without)));
            all.extend(some.await?);
        }
        Ok(all)
    }

    async fn some_image_facts(
        &self,
        environment: &str,
        only: Option<&[String]>,
        without: Option<(&Scope, &FindingFilter)>,
    ) -> Result<Vec<ImageFacts>, StoreError> {
        let mut query = sql(
            "SELECT image.id, image.uid, image.kind, image.name, image.digest,
                 image.os, image.packages, image.warnings AS unread, asset.id AS asset_id,
                 image_document.config, image_document.warnings, image_document.notable
             FROM image
             JOIN environment ON environment.id = image.environment_id
             JOIN asset ON asset.image_id = image.id AND asset.kind = 'image'
             LEFT JOIN image_document ON image_document.image_id = image.id
             WHERE environment.name = ",
        );
        query.push_bind(environment);
        if let Some(ids) = only {
            query
                .push(" AND image.uid IN ")
                .push_list(ids.iter().map(String::as_str));
        }
        let rows = query.fetch_all(&self.readers).await?;
        let mut images = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let running = self.running_by_number(environment).await?;
        let mut asked = self.asked_packages(environment, only).await?;
        for image in &mut images {
            image.asked = asked.remove(&image.number).unwrap_or_default();
            image.running = running.get(&image.number).copied().unwrap_or(0);
        }
        let matters =
            |image: &ImageFacts| image.running > 0 || image.kind == Some(TargetKind::Rootfs);
        let numbers: Vec<(i64, i64)> = images
            .iter()
            .filter(|image| matters(image))
            .map(|image| (image.asset, image.number))
            .collect();
        let mut places: HashMap<i64, usize> = HashMap::new();
        for (place, image) in images.iter().enumerate() {
            places.insert(image.asset, place);
        }
        for chunk in numbers.chunks(CHUNK) {
            let assets: Vec<i64> = chunk.iter().map(|(asset, _)| *asset).collect();
            let besides = |query: &mut Sql| {
                let Some((scope, without)) = without else {
                    return;
                };
                query.push(" AND finding.id NOT IN (SELECT finding.id FROM finding WHERE ");
                let column = without.environment_column();
                without.narrow(scope, query, column, self.dialect());
                query.push(")");
            };
            for row in &fixable(&assets, besides).fetch_all(&self.readers).await? {
                let Some(&place) = places.get(&row.int("asset_id")?) else {
                    continue;
                };
                let severity = severity_of(row.int("severity")?);
                let count = row.count("findings")?;
                *images[place].fixable.of(severity) += count;
                if row.flag("is_system")? {
                    *images[place].fixable_system.of(severity) += count;
                }
            }
            for row in &exploited(&assets, besides).fetch_all(&self.readers).await? {
                if let Some(&place) = places.get(&row.int("asset_id")?) {
                    images[place].exploited.push(row.text("name")?);
                }
            }
            self.put_fixes(chunk, &places, &mut images).await?;
        }
        Ok(images)
    }

    /// Which images hold packages that checks ask about, by number.
    async fn asked_packages(
        &self,
        environment: &str,
        only: Option<&[String]>,
    ) -> Result<HashMap<i64, Vec<String>>, StoreError> {
        let mut query = sql("SELECT DISTINCT image_package.image_id, package.name
             FROM package JOIN image_package ON image_package.package_id = package.id
             JOIN image ON image.id = image_package.image_id
             JOIN environment ON environment.id = image.environment_id
             WHERE package.kind IN ('deb', 'apk', 'rpm') AND package.name IN ");
        query
            .push_list(model::notable::PACKAGES)
            .push(" AND environment.name = ")
            .push_bind(environment);
        if let Some(ids) = only {
            query
                .push(" AND image.uid IN ")
                .push_list(ids.iter().map(String::as_str));
        }
        query.push(" ORDER BY image_package.image_id, package.name");
        let mut asked: HashMap<i64, Vec<String>> = HashMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let names = asked.entry(row.int("image_id")?).or_default();
            names.push(row.text("name")?);
        }
        Ok(asked)
    }

    async fn put_fixes(
        &self,
        chunk: &[(i64, i64)],
        places: &HashMap<i64, usize>,
        images: &mut [ImageFacts],
    ) -> Result<(), StoreError> {
        let assets: HashMap<i64, i64> = chunk
            .iter()
            .map(|(asset, number)| (*number, *asset))
            .collect();
        let mut query = sql("SELECT * FROM fix WHERE image_id IN ");
        query
            .push_list(chunk.iter().map(|(_, number)| *number))
            .push(" ORDER BY critical DESC, high DESC, medium DESC, low DESC, package");
        for row in &query.fetch_all(&self.readers).await? {
            let place = assets
                .get(&row.int("image_id")?)
                .and_then(|asset| places.get(asset));
            let Some(&place) = place else { continue };
            if images[place].fixes.len() < FIXES {
                images[place].fixes.push(PackageFix {
                    kind: crate::package::kind(&row.text("kind")?),
                    package: row.text("package")?,
                    installed: row.json("installed")?,
                    version: row.text("version")?,
                    layer: None,
                    closes: Counts::read(row)?,
                });
            }
        }
        Ok(())
    }

    /// Running containers by the number of the image they run.
    async fn running_by_number(&self, environment: &str) -> Result<HashMap<i64, u64>, StoreError> {
        let rows = sql("SELECT asset.image_id, COUNT(*) AS containers FROM asset
             JOIN environment ON environment.id = asset.environment_id
             WHERE environment.name = ? AND asset.kind = 'container' AND asset.gone IS NULL
               AND asset.started IS NOT NULL
               AND asset.image_id IS NOT NULL
             GROUP BY asset.image_id")
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok((row.int("image_id")?, row.count("containers")?)))
            .collect()
    }

    /// What runs in an environment.
    pub async fn container_facts(
        &self,
        environment: &str,
    ) -> Result<Vec<ContainerFacts>, StoreError> {
        let rows = sql(
            "SELECT asset.uid, asset.name, asset.facts, image.uid AS image,
                 image.digest, asset_posture.facts AS options
             FROM asset JOIN environment ON environment.id = asset.environment_id
             LEFT JOIN image ON image.id = asset.image_id
             LEFT JOIN asset_posture ON asset_posture.asset_id = asset.id
             WHERE environment.name = ? AND asset.kind = 'container' AND asset.gone IS NULL
               AND asset.started IS NOT NULL
             ORDER BY asset.id",
        )
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ContainerFacts {
                    id: row.text("uid")?,
                    name: row.text("name")?,
                    facts: row.json("facts")?,
                    image: row.maybe_text("image")?,
                    digest: row.maybe_text("digest")?,
                    // What another version wrote is told anew at the next look.
                    options: row
                        .maybe_text("options")?
                        .and_then(|text| serde_json::from_str(&text).ok()),
                })
            })
            .collect()
    }

    /// Container hosts of an environment that were looked at.
    pub async fn host_facts(&self, environment: &str) -> Result<Vec<HostFacts>, StoreError> {
        let rows = sql("SELECT asset.uid, asset.name, asset_posture.facts
             FROM asset JOIN environment ON environment.id = asset.environment_id
             JOIN asset_posture ON asset_posture.asset_id = asset.id
             WHERE environment.name = ? AND asset.kind = 'host'
             ORDER BY asset.id")
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(HostFacts {
                    id: row.text("uid")?,
                    name: row.text("name")?,
                    facts: row.text("facts")?,
                })
            })
            .collect()
    }

    /// Hosts with open misconfigurations of a container host that nobody
    /// looks at any more.
    pub async fn left_hosts(&self, environment: &str) -> Result<Vec<String>, StoreError> {
        sql("SELECT DISTINCT asset.uid FROM asset
             JOIN environment ON environment.id = asset.environment_id
             JOIN finding ON finding.asset_id = asset.id
             JOIN rule ON rule.id = finding.rule_id
             LEFT JOIN asset_posture ON asset_posture.asset_id = asset.id
             WHERE environment.name = ? AND asset.kind = 'host'
               AND asset_posture.asset_id IS NULL
               AND finding.kind = 1 AND finding.state <> 1 AND rule.name LIKE 'hosts-%'")
        .bind(environment)
        .scalar()
        .fetch_all(&self.readers)
        .await
    }

    /// Containers that ended with misconfigurations still open.
    pub async fn ended_containers(&self, environment: &str) -> Result<Vec<String>, StoreError> {
        sql("SELECT asset.uid FROM asset
             JOIN environment ON environment.id = asset.environment_id
             WHERE environment.name = ? AND asset.kind = 'container' AND asset.gone IS NOT NULL
               AND EXISTS (SELECT 1 FROM finding WHERE finding.asset_id = asset.id
                   AND finding.kind = 1 AND finding.state <> 1)")
        .bind(environment)
        .scalar()
        .fetch_all(&self.readers)
        .await
    }

    /// Assets whose finding of a rule somebody dismissed or exempted: the
    /// asset's id and the rule's.
    pub async fn decided_assets(
        &self,
        environment: &str,
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        let rows = sql("SELECT asset.uid, rule.name FROM rule
             JOIN finding ON finding.rule_id = rule.id
             JOIN asset ON asset.id = finding.asset_id
             JOIN environment ON environment.id = finding.environment_id
             WHERE rule.kind = 1 AND finding.state IN (2, 3) AND environment.name = ?")
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| Ok((row.text("uid")?, row.text("name")?)))
            .collect()
    }
}

fn fixable(assets: &[i64], besides: impl Fn(&mut Sql)) -> Sql {
    let mut query = sql("SELECT finding.asset_id, finding.severity,
             CASE WHEN package.kind IN ('deb', 'apk', 'rpm') THEN 1 ELSE 0 END AS is_system,
             COUNT(*) AS findings
         FROM finding JOIN package ON package.id = finding.package_id
         WHERE finding.kind = 0 AND finding.state = 0 AND finding.suppressed = 0
           AND finding.fixable = 1 AND finding.asset_id IN ");
    query.push_list(assets);
    besides(&mut query);
    query.push(
        " GROUP BY finding.asset_id, finding.severity,
             CASE WHEN package.kind IN ('deb', 'apk', 'rpm') THEN 1 ELSE 0 END",
    );
    query
}

fn exploited(assets: &[i64], besides: impl Fn(&mut Sql)) -> Sql {
    let mut query = sql("SELECT DISTINCT finding.asset_id, rule.name
         FROM finding JOIN rule ON rule.id = finding.rule_id
         WHERE finding.kind = 0 AND finding.state = 0 AND finding.suppressed = 0
           AND rule.kev = 1 AND finding.asset_id IN ");
    query.push_list(assets);
    besides(&mut query);
    query.push(" ORDER BY finding.asset_id, rule.name");
    query
}

fn read(row: &Row) -> Result<ImageFacts, StoreError> {
    let mut warnings: Vec<Warning> = match row.count("unread")? {
        0 => Vec::new(),
        _ => row.maybe_json("warnings")?.unwrap_or_default(),
    };
    warnings.truncate(WARNINGS);
    Ok(ImageFacts {
        id: row.text("uid")?,
        kind: Some(image::kind(&row.text("kind")?)),
        name: row.text("name")?,
        digest: row.maybe_text("digest")?,
        os: row.maybe_json("os")?,
        config: row.maybe_json("config")?,
        notable: row.maybe_json("notable")?,
        warnings,
        packages: row.count("packages")?,
        number: row.int("id")?,
        asset: row.int("asset_id")?,
        ..ImageFacts::default()
    })
}
