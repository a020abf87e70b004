//! What images hold, for the index that is kept in memory: read whole at
//! first, then only what was written since.

use std::collections::BTreeSet;

use model::{Ecosystem, Package, PackageKind, Report, Sbom, SourcePackage};

use crate::{
    Store, StoreError,
    db::{Connection, sql},
};

/// One image and the packages it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageContent {
    pub image: i64,
    pub environment: i64,
    pub mark: i64,
    /// The store's numbers of its packages, ascending.
    pub packages: Vec<i64>,
}

/// One different package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPackage {
    pub number: i64,
    /// Without a place: it has many.
    pub package: Package,
}

/// Images read at once.
const IMAGES: i64 = 5000;

impl Store {
    /// What images hold that were written after `mark`, in the order in
    /// which they were; not all at once.
    pub async fn contents_after(&self, mark: i64) -> Result<Vec<ImageContent>, StoreError> {
        let rows = sql(
            "SELECT image_content.image_id, image_content.mark, image_content.packages,
                    image.environment_id
             FROM image_content JOIN image ON image.id = image_content.image_id
             WHERE image_content.mark > ? ORDER BY image_content.mark LIMIT ?",
        )
        .bind(mark)
        .bind(IMAGES)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ImageContent {
                    image: row.int("image_id")?,
                    environment: row.int("environment_id")?,
                    mark: row.int("mark")?,
                    packages: unpack(&row.blob("packages")?),
                })
            })
            .collect()
    }

    /// How many images have their content noted.
    pub async fn content_count(&self) -> Result<u64, StoreError> {
        let count: i64 = sql("SELECT COUNT(*) FROM image_content")
            .scalar()
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The images whose content is noted, by number.
    pub async fn content_images(&self) -> Result<BTreeSet<i64>, StoreError> {
        let images: Vec<i64> = sql("SELECT image_id FROM image_content")
            .scalar()
            .fetch_all(&self.readers)
            .await?;
        Ok(images.into_iter().collect())
    }

    /// Packages by the store's numbers.
    pub async fn packages_numbered(&self, ids: &[i64]) -> Result<Vec<KnownPackage>, StoreError> {
        let mut known = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(5000) {
            let mut query = sql(
                "SELECT id, kind, name, version, purl, ecosystem, source, architecture
                 FROM package WHERE id",
            );
            query.push_in(chunk, self.dialect());
            for row in &query.fetch_all(&self.readers).await? {
                let kind = PackageKind::from_purl_type(&row.text("kind")?);
                let purl = row.text("purl")?.parse();
                // Written by us; what is damaged has no findings.
                let (Some(kind), Ok(purl)) = (kind, purl) else {
                    continue;
                };
                let ecosystem = row.maybe_text("ecosystem")?;
                known.push(KnownPackage {
                    number: row.int("id")?,
                    package: Package {
                        kind,
                        name: row.text("name")?,
                        version: row.text("version")?,
                        ecosystem: ecosystem.and_then(|text| text.parse::<Ecosystem>().ok()),
                        source: row.maybe_text("source")?.and_then(|text| {
                            let (name, version) = text.split_once(' ')?;
                            Some(SourcePackage {
                                name: name.to_owned(),
                                version: version.to_owned(),
                            })
                        }),
                        architecture: row.maybe_text("architecture")?,
                        licenses: Vec::new(),
                        purl,
                        path: String::new(),
                        layer: None,
                        owned_by: None,
                    },
                });
            }
        }
        Ok(known)
    }
}

/// Notes what an image holds.
pub(crate) async fn put(
    connection: &mut Connection,
    image: i64,
    report: &Report,
    packages: BTreeSet<i64>,
) -> Result<(), StoreError> {
    let mark: i64 = sql("INSERT INTO mark (name, value) VALUES ('content', 1)
         ON CONFLICT (name) DO UPDATE SET value = mark.value + 1 RETURNING value")
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    sql(
        "INSERT INTO image_content (image_id, mark, subject, distribution, packages)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (image_id) DO UPDATE SET mark = excluded.mark, subject = excluded.subject,
             distribution = excluded.distribution, packages = excluded.packages",
    )
    .bind(image)
    .bind(mark)
    .bind(report.sbom.subject(&report.target))
    .bind(distribution(&report.sbom).map(ToString::to_string))
    .bind(pack(packages))
    .execute(connection)
    .await?;
    Ok(())
}

/// The distribution it is of, by its first package of any.
fn distribution(sbom: &Sbom) -> Option<&Ecosystem> {
    let mut packages = sbom.packages.iter();
    packages.find_map(|package| {
        let is_distribution = package.kind.is_distribution();
        package.ecosystem.as_ref().filter(|_| is_distribution)
    })
}

fn pack(numbers: BTreeSet<i64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * numbers.len());
    let mut before = 0;
    for number in numbers {
        let mut distance = number.wrapping_sub(before).cast_unsigned();
        while distance >= 0x80 {
            bytes.push(low_bits(distance) | 0x80);
            distance >>= 7;
        }
        bytes.push(low_bits(distance));
        before = number;
    }
    bytes
}

fn low_bits(distance: u64) -> u8 {
    u8::try_from(distance & 0x7f).unwrap_or_default()
}

fn unpack(bytes: &[u8]) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut number = 0_i64;
    let (mut distance, mut shift) = (0_u64, 0);
    for byte in bytes {
        distance |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            number = number.wrapping_add(distance.cast_signed());
            numbers.push(number);
            (distance, shift) = (0, 0);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_as_written() {
        let numbers: BTreeSet<i64> = [1, 2, 3, 127, 128, 129, 70_000, i64::MAX].into();
        assert_eq!(
            unpack(&pack(numbers.clone())),
            numbers.into_iter().collect::<Vec<_>>()
        );
        assert_eq!(unpack(&[]), [0; 0]);
        assert_eq!(unpack(&[0x80; 40]), [0; 0]);
    }
}
