//! Images: every scanned target, with its totals.

use jiff::Timestamp;
use model::{ImageConfig, OperatingSystem, Severity, TargetKind, Warning};

use crate::{
    Counts, Page, PageRequest, Scope, Store, StoreError, Tally, asset,
    change::{self, ChangeKind, NewChange},
    counts::COUNT_COLUMNS,
    db::{Row, Sql, sql},
    page::{Key, Order, Total},
    row::like,
};

/// Enough of an image to name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageKey {
    pub id: String,
    pub environment: String,
    pub kind: TargetKind,
    pub name: String,
}

/// One scanned target.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub key: ImageKey,
    pub target: String,
    pub digest: Option<String>,
    pub config_digest: Option<String>,
    pub tags: Vec<String>,
    pub platform: Option<String>,
    pub os: Option<OperatingSystem>,
    pub layers: u64,
    pub size_bytes: Option<u64>,
    pub packages: u64,
    pub counts: Counts,
    pub fixable: u64,
    pub kev: u64,
    pub suppressed: u64,
    pub warnings: u64,
    pub starter_only: bool,
    pub generation: String,
    pub first_scanned: Timestamp,
    pub last_scanned: Timestamp,
    pub assessed: Timestamp,
    pub scanning: bool,
    pub last_error: Option<String>,
    number: i64,
    risk: i64,
}

/// What is read only when one image is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageDocument {
    pub config: Option<ImageConfig>,
    pub warnings: Vec<Warning>,
}

/// Which images.
#[derive(Clone, Debug, Default)]
pub struct ImageFilter {
    pub text: Option<String>,
    pub kinds: Vec<TargetKind>,
    pub severities: Vec<Severity>,
    pub partial: Option<bool>,
    /// Whether the last attempt to scan it failed.
    pub failed: Option<bool>,
    pub fixable: Option<bool>,
    pub package: Option<String>,
    pub vulnerability: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageSort {
    #[default]
    Severity,
    Name,
    NameDescending,
    Newest,
    Oldest,
    Packages,
}

/// Everything in scope, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub images: u64,
    pub machines: u64,
    pub sboms: u64,
    pub packages: u64,
    pub findings: Counts,
    pub vulnerabilities: Counts,
    pub fixable: u64,
    pub kev: u64,
    pub suppressed: u64,
    pub partial: u64,
    pub failed: u64,
}

impl ImageSort {
    fn order(self) -> Order {
        let (name, expression, descending) = match self {
            Self::Severity => ("severity", "image.risk", true),
            Self::Name => ("name", "image.name", false),
            Self::NameDescending => ("-name", "image.name", true),
            Self::Newest => ("-last_scanned", "image.last_scanned", true),
            Self::Oldest => ("last_scanned", "image.last_scanned", false),
            Self::Packages => ("-packages", "image.packages", true),
        };
        Order {
            name,
            expression,
            id: "image.id",
            descending,
        }
    }

    fn key(self, image: &Image) -> Key {
        match self {
            Self::Severity => Key::Int(image.risk),
            Self::Name | Self::NameDescending => Key::Text(image.key.name.clone()),
            Self::Newest | Self::Oldest => Key::Int(image.last_scanned.as_microsecond()),
            Self::Packages => Key::Int(i64::try_from(image.packages).unwrap_or(i64::MAX)),
        }
    }
}

const SELECT: &str = "SELECT image.*, environment.name AS environment,
    EXISTS (SELECT 1 FROM scan WHERE scan.image_id = image.id
            AND scan.state IN ('queued', 'running')) AS scanning
    FROM image JOIN environment ON environment.id = image.environment_id WHERE ";

impl ImageFilter {
    fn narrow(&self, scope: &Scope, query: &mut Sql) {
        scope.constrain(query, "image.environment_id");
        if let Some(text) = &self.text {
            let pattern = like(text);
            query.push(" AND (");
            for (step, column) in ["name", "tags", "digest", "config_digest", "os_name"]
                .into_iter()
                .enumerate()
            {
                query
                    .push(if step == 0 { "" } else { " OR " })
                    .push(format_args!("LOWER(image.{column}) LIKE "))
                    .push_bind(pattern.clone())
                    .push(" ESCAPE '\\'");
            }
            query.push(")");
        }
        if !self.kinds.is_empty() {
            query
                .push(" AND image.kind IN ")
                .push_list(self.kinds.iter().map(|kind| kind.as_str()));
        }
        if !self.severities.is_empty() {
            let any = self
                .severities
                .iter()
                .map(|severity| format!("image.{severity} > 0"))
                .collect::<Vec<_>>()
                .join(" OR ");
            query.push(format_args!(" AND ({any})"));
        }
        if let Some(partial) = self.partial {
            query.push(if partial {
                " AND image.warnings > 0"
            } else {
                " AND image.warnings = 0"
            });
        }
        if let Some(failed) = self.failed {
            query.push(if failed {
                " AND image.last_error IS NOT NULL"
            } else {
                " AND image.last_error IS NULL"
            });
        }
        if let Some(fixable) = self.fixable {
            query.push(if fixable {
                " AND image.fixable > 0"
            } else {
                " AND image.fixable = 0"
            });
        }
        if let Some(package) = &self.package {
            query
                .push(
                    " AND image.id IN (SELECT image_package.image_id FROM package
                     JOIN image_package ON image_package.package_id = package.id
                     WHERE package.name = ",
                )
                .push_bind(package.clone())
                .push(")");
        }
        if let Some(vulnerability) = &self.vulnerability {
            query
                .push(
                    " AND image.id IN (SELECT finding.image_id FROM rule
                     JOIN finding ON finding.rule_id = rule.id
                     WHERE finding.state = 0 AND finding.suppressed = 0
                       AND rule.name = ",
                )
                .push_bind(vulnerability.clone())
                .push(")");
        }
    }
}

impl Store {
    pub async fn images(
        &self,
        scope: &Scope,
        filter: &ImageFilter,
        sort: ImageSort,
        request: &PageRequest,
    ) -> Result<Page<Image>, StoreError> {
        let order = sort.order();
        let mut query = sql(SELECT);
        filter.narrow(scope, &mut query);
        order.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM image WHERE ");
        filter.narrow(scope, &mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(order.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |image| (sort.key(image), image.number),
        ))
    }

    pub async fn image(&self, scope: &Scope, id: &str) -> Result<Option<Image>, StoreError> {
        let mut query = sql(SELECT);
        scope.constrain(&mut query, "image.environment_id");
        query.push(" AND image.uid = ").push_bind(id.to_owned());
        query
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    pub async fn image_document(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<ImageDocument>, StoreError> {
        let mut query = sql("SELECT image_document.config, image_document.warnings
             FROM image_document JOIN image ON image.id = image_document.image_id WHERE ");
        scope.constrain(&mut query, "image.environment_id");
        query.push(" AND image.uid = ").push_bind(id.to_owned());
        query
            .fetch_optional(&self.readers)
            .await?
            .map(|row| {
                Ok(ImageDocument {
                    config: row.maybe_json("config")?,
                    warnings: row.json("warnings")?,
                })
            })
            .transpose()
    }

    /// Forgets an image and all that is known of it.
    pub async fn delete_image(
        &self,
        scope: &Scope,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<ImageKey>, StoreError> {
        let Some(image) = self.image(scope, id).await? else {
            return Ok(None);
        };
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment =
                        crate::environment::id(connection, &image.key.environment).await?;
                    asset::forget_image(connection, image.number, now).await?;
                    sql("DELETE FROM image WHERE id = ?")
                        .bind(image.number)
                        .execute(&mut *connection)
                        .await?;
                    let entry = NewChange {
                        time: now,
                        kind: ChangeKind::ImageRemoved,
                        summary: format!("{}: removed", image.key.name),
                        new: Counts::default(),
                        resolved: image.counts.total(),
                    };
                    change::append(connection, entry, Some(environment), None).await?;
                    Ok(Some(image.key))
                })
            })
            .await
    }

    /// Everything in scope, counted from roll-ups.
    pub async fn totals(&self, scope: &Scope) -> Result<Totals, StoreError> {
        let sums = COUNT_COLUMNS
            .split(", ")
            .map(|column| format!("COALESCE(SUM({column}), 0) AS {column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let mut query = sql(
            "SELECT COALESCE(SUM(CASE kind WHEN 'image' THEN 1 ELSE 0 END), 0) AS images,
                    COALESCE(SUM(CASE kind WHEN 'rootfs' THEN 1 ELSE 0 END), 0) AS machines,
                    COALESCE(SUM(CASE kind WHEN 'sbom' THEN 1 ELSE 0 END), 0) AS sboms,
                    COALESCE(SUM(packages), 0) AS packages,
                    COALESCE(SUM(fixable), 0) AS fixable, COALESCE(SUM(kev), 0) AS kev,
                    COALESCE(SUM(suppressed), 0) AS suppressed,
                    COALESCE(SUM(CASE WHEN warnings > 0 THEN 1 ELSE 0 END), 0) AS partly,
                    COALESCE(SUM(CASE WHEN last_error IS NULL THEN 0 ELSE 1 END), 0) AS failed, ",
        );
        query.push(sums).push(" FROM image WHERE ");
        scope.constrain(&mut query, "environment_id");
        let row = query.fetch_one(&self.readers).await?;
        Ok(Totals {
            images: row.count("images")?,
            machines: row.count("machines")?,
            sboms: row.count("sboms")?,
            packages: row.count("packages")?,
            findings: Counts::read(&row)?,
            vulnerabilities: self.vulnerability_counts(scope).await?,
            fixable: row.count("fixable")?,
            kev: row.count("kev")?,
            suppressed: row.count("suppressed")?,
            partial: row.count("partly")?,
            failed: row.count("failed")?,
        })
    }

    /// Images by kind and by operating system.
    pub async fn image_tallies(
        &self,
        scope: &Scope,
        column: ImageColumn,
    ) -> Result<Vec<Tally>, StoreError> {
        let column = match column {
            ImageColumn::Kind => "image.kind",
            ImageColumn::Environment => "environment.name",
        };
        let mut query = sql("SELECT ");
        query.push(column).push(
            " AS value, COUNT(*) AS number FROM image
              JOIN environment ON environment.id = image.environment_id WHERE ",
        );
        scope.constrain(&mut query, "image.environment_id");
        query.push(format_args!(
            " GROUP BY {column} ORDER BY COUNT(*) DESC, {column}"
        ));
        tallies(&query.fetch_all(&self.readers).await?)
    }

    /// How many images have a finding of each severity, could not be read
    /// whole, and have something an upgrade would close.
    pub async fn image_flags(&self, scope: &Scope) -> Result<(Counts, u64, u64), StoreError> {
        let sums = COUNT_COLUMNS
            .split(", ")
            .map(|column| {
                format!("COALESCE(SUM(CASE WHEN {column} > 0 THEN 1 ELSE 0 END), 0) AS {column}")
            })
            .collect::<Vec<_>>()
            .join(", ");
        let mut query = sql(
            "SELECT COALESCE(SUM(CASE WHEN warnings > 0 THEN 1 ELSE 0 END), 0) AS partly,
                    COALESCE(SUM(CASE WHEN fixable > 0 THEN 1 ELSE 0 END), 0) AS mendable, ",
        );
        query.push(sums).push(" FROM image WHERE ");
        scope.constrain(&mut query, "environment_id");
        let row = query.fetch_one(&self.readers).await?;
        Ok((
            Counts::read(&row)?,
            row.count("partly")?,
            row.count("mendable")?,
        ))
    }

    /// The configuration digests known in an environment: images that
    /// need no first look.
    pub async fn known_configs(&self, environment: &str) -> Result<Vec<String>, StoreError> {
        sql("SELECT image.config_digest FROM image
             JOIN environment ON environment.id = image.environment_id
             WHERE environment.name = ? AND image.config_digest IS NOT NULL")
        .bind(environment)
        .scalar()
        .fetch_all(&self.readers)
        .await
    }
}

/// What images are tallied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageColumn {
    Kind,
    Environment,
}

pub(crate) fn tallies(rows: &[Row]) -> Result<Vec<Tally>, StoreError> {
    rows.iter()
        .map(|row| {
            Ok(Tally {
                value: row.text("value")?,
                count: row.count("number")?,
            })
        })
        .collect()
}

pub(crate) fn kind(text: &str) -> TargetKind {
    match text {
        "rootfs" => TargetKind::Rootfs,
        "sbom" => TargetKind::Sbom,
        _ => TargetKind::Image,
    }
}

/// From columns `uid`, `environment`, `kind` and `name`.
pub(crate) fn key_of(row: &Row) -> Result<ImageKey, StoreError> {
    Ok(ImageKey {
        id: row.text("uid")?,
        environment: row.text("environment")?,
        kind: kind(&row.text("kind")?),
        name: row.text("name")?,
    })
}

/// From outer-joined columns `id`, `environment`, `image_kind` and
/// `image_name`.
pub(crate) fn maybe_key_of(row: &Row, id: &'static str) -> Result<Option<ImageKey>, StoreError> {
    let Some(id) = row.maybe_text(id)? else {
        return Ok(None);
    };
    Ok(Some(ImageKey {
        id,
        environment: row.text("environment")?,
        kind: kind(&row.text("image_kind")?),
        name: row.text("image_name")?,
    }))
}

fn read(row: &Row) -> Result<Image, StoreError> {
    Ok(Image {
        key: key_of(row)?,
        target: row.text("target")?,
        digest: row.maybe_text("digest")?,
        config_digest: row.maybe_text("config_digest")?,
        tags: row.json("tags")?,
        platform: row.maybe_text("platform")?,
        os: row.maybe_json("os")?,
        layers: row.count("layers")?,
        size_bytes: row
            .maybe_int("size_bytes")?
            .and_then(|size| size.try_into().ok()),
        packages: row.count("packages")?,
        counts: Counts::read(row)?,
        fixable: row.count("fixable")?,
        kev: row.count("kev")?,
        suppressed: row.count("suppressed")?,
        warnings: row.count("warnings")?,
        starter_only: row.flag("starter_only")?,
        generation: row.text("generation")?,
        first_scanned: row.time("first_scanned")?,
        last_scanned: row.time("last_scanned")?,
        assessed: row.time("assessed")?,
        scanning: row.flag("scanning")?,
        last_error: row.maybe_text("last_error")?,
        number: row.int("id")?,
        risk: row.int("risk")?,
    })
}
