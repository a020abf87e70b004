//! Licences: which are shipped, in which images, by which packages.

use std::collections::{BTreeMap, HashMap};

use model::{LicenseClass, Licensed, Package};

use crate::{
    ImageKey, Page, PageRequest, Scope, Store, StoreError,
    db::{Connection, Sql, insert, sql},
    image::key_of,
    page::{Key, Order, TOTAL_CAP, Total},
    row::{json, like},
};

/// Licences listed at most; the world's list has some seven hundred, and
/// people write more.
const MOST_LISTED: i64 = 2000;
/// Packages named beside a licence of an image.
const NAMED: usize = 10;

/// One licence over the images in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseUse {
    pub license: String,
    pub class: LicenseClass,
    pub images: u64,
    /// Packages in all of them; one in two images counts twice.
    pub packages: u64,
}

/// One licence in one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLicense {
    pub license: String,
    pub class: LicenseClass,
    pub packages: u64,
    /// The first few.
    pub named: Vec<String>,
}

/// An image that ships something under a licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseHolder {
    pub image: ImageKey,
    number: i64,
    pub packages: u64,
    /// The first few.
    pub named: Vec<String>,
}

/// Which licences, or whose holders.
#[derive(Clone, Debug, Default)]
pub struct LicenseFilter {
    pub text: Option<String>,
    /// Exactly this one.
    pub license: Option<String>,
    pub classes: Vec<LicenseClass>,
}

/// A package an image holds, as far as its licence is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLicense {
    /// The image's id.
    pub image: String,
    pub kind: model::PackageKind,
    pub name: String,
    pub version: String,
    pub licenses: Vec<String>,
}

impl LicenseFilter {
    fn narrow(&self, query: &mut Sql) {
        if let Some(text) = &self.text {
            query
                .push(" AND LOWER(image_license.license) LIKE ")
                .push_bind(like(text))
                .push(" ESCAPE '\\'");
        }
        if let Some(license) = &self.license {
            query
                .push(" AND image_license.license = ")
                .push_bind(license.clone());
        }
        if !self.classes.is_empty() {
            query
                .push(" AND image_license.class IN ")
                .push_list(self.classes.iter().map(|class| class.as_str()));
        }
    }
}

const BY_IMAGE: Order = Order {
    name: "image",
    expression: "image.name",
    id: "image.id",
    descending: false,
};

impl Store {
    /// Licences of images in scope: most images first.
    pub async fn licenses(
        &self,
        scope: &Scope,
        filter: &LicenseFilter,
    ) -> Result<Vec<LicenseUse>, StoreError> {
        let mut query = sql(
            "SELECT image_license.license, MIN(image_license.class) AS class,
                    COUNT(*) AS images,
                    CAST(SUM(image_license.packages) AS BIGINT) AS packages
             FROM image_license JOIN image ON image.id = image_license.image_id WHERE ",
        );
        scope.constrain(&mut query, "image.environment_id");
        filter.narrow(&mut query);
        query
            .push(
                " GROUP BY image_license.license
                  ORDER BY COUNT(*) DESC, image_license.license LIMIT ",
            )
            .push_bind(MOST_LISTED);
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(LicenseUse {
                    license: row.text("license")?,
                    class: class(&row.text("class")?),
                    images: row.count("images")?,
                    packages: row.count("packages")?,
                })
            })
            .collect()
    }

    /// Images that ship something under such a licence, by name.
    pub async fn license_holders(
        &self,
        scope: &Scope,
        filter: &LicenseFilter,
        request: &PageRequest,
    ) -> Result<Page<LicenseHolder>, StoreError> {
        let narrow = |query: &mut Sql| {
            query.push(
                " FROM image_license JOIN image ON image.id = image_license.image_id
                  JOIN environment ON environment.id = image.environment_id WHERE ",
            );
            scope.constrain(query, "image.environment_id");
            filter.narrow(query);
        };
        let mut query = sql("SELECT image.id, image.uid, image.kind, image.name,
                    environment.name AS environment,
                    CAST(SUM(image_license.packages) AS BIGINT) AS packages,
                    MIN(image_license.named) AS named");
        narrow(&mut query);
        // The page's condition is on columns that are grouped by.
        let mut paged = query;
        let grouped = " GROUP BY image.id, image.uid, image.kind, image.name, environment.name";
        BY_IMAGE.grouped_page(&mut paged, request, grouped)?;
        let rows = paged.fetch_all(&self.readers).await?;
        let items = rows
            .iter()
            .map(|row| {
                Ok(LicenseHolder {
                    image: key_of(row)?,
                    number: row.int("id")?,
                    packages: row.count("packages")?,
                    named: row.json("named")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT DISTINCT image.id");
        narrow(&mut count);
        count.push(format_args!(" LIMIT {}) AS counted", TOTAL_CAP + 1));
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(BY_IMAGE.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |holder| (Key::Text(holder.image.name.clone()), holder.number),
        ))
    }

    /// An image's licences: what asks most first.
    pub async fn image_licenses(
        &self,
        scope: &Scope,
        image: &str,
    ) -> Result<Vec<ImageLicense>, StoreError> {
        let mut query = sql(
            "SELECT image_license.license, image_license.class, image_license.packages,
                    image_license.named
             FROM image_license JOIN image ON image.id = image_license.image_id
             WHERE image.uid = ",
        );
        query.push_bind(image.to_owned()).push(" AND ");
        scope.constrain(&mut query, "image.environment_id");
        let rows = query.fetch_all(&self.readers).await?;
        let mut licenses = rows
            .iter()
            .map(|row| {
                Ok(ImageLicense {
                    license: row.text("license")?,
                    class: class(&row.text("class")?),
                    packages: row.count("packages")?,
                    named: row.json("named")?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        licenses.sort_by(|a, b| {
            let key = |one: &ImageLicense| (one.class, one.packages);
            key(b).cmp(&key(a)).then_with(|| a.license.cmp(&b.license))
        });
        Ok(licenses)
    }

    /// What packages say of their licences, each text once.
    pub async fn license_texts(&self) -> Result<Vec<Vec<String>>, StoreError> {
        let rows = sql("SELECT DISTINCT licenses FROM package")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| row.json("licenses")).collect()
    }

    /// Packages of an environment's images that say one of these of their
    /// licences; of those images alone, where any are named.
    pub async fn packages_licensed(
        &self,
        environment: &str,
        texts: &[Vec<String>],
        only: Option<&[String]>,
    ) -> Result<Vec<HeldLicense>, StoreError> {
        let mut held = Vec::new();
        for chunk in texts.chunks(500) {
            let mut query = sql(
                "SELECT DISTINCT image.uid, package.kind, package.name, package.version,
                        package.licenses
                 FROM package JOIN image_package ON image_package.package_id = package.id
                 JOIN image ON image.id = image_package.image_id
                 JOIN environment ON environment.id = image.environment_id
                 WHERE environment.name = ",
            );
            query.push_bind(environment.to_owned());
            query
                .push(" AND package.licenses IN ")
                .push_list(chunk.iter().map(json));
            if let Some(only) = only {
                query
                    .push(" AND image.uid IN ")
                    .push_list(only.iter().map(String::as_str));
            }
            for row in &query.once().fetch_all(&self.readers).await? {
                held.push(HeldLicense {
                    image: row.text("uid")?,
                    kind: crate::package::kind(&row.text("kind")?),
                    name: row.text("name")?,
                    version: row.text("version")?,
                    licenses: row.json("licenses")?,
                });
            }
        }
        Ok(held)
    }
}

fn class(word: &str) -> LicenseClass {
    LicenseClass::named(word).unwrap_or(LicenseClass::Unknown)
}

/// Writes an image's licences down, in the place of those known.
pub(crate) async fn put(
    connection: &mut Connection,
    image: i64,
    packages: &[Package],
) -> Result<(), StoreError> {
    sql("DELETE FROM image_license WHERE image_id = ?")
        .bind(image)
        .execute(&mut *connection)
        .await?;
    // Packages of a kind mostly say the same.
    let mut read: HashMap<&[String], Vec<(String, LicenseClass)>> = HashMap::new();
    let mut licenses: BTreeMap<String, (LicenseClass, u64, Vec<&str>)> = BTreeMap::new();
    for package in packages {
        let named = read.entry(&package.licenses).or_insert_with(|| {
            let names = Licensed::of(&package.licenses).names.into_iter();
            let with_class = names.map(|name| {
                let class = Licensed::of(std::slice::from_ref(&name)).class;
                (name, class)
            });
            with_class.collect()
        });
        for (name, class) in named {
            let (_, count, packages) = licenses
                .entry(name.clone())
                .or_insert_with(|| (*class, 0, Vec::new()));
            *count += 1;
            if packages.len() < NAMED && !packages.contains(&package.name.as_str()) {
                packages.push(&package.name);
            }
        }
    }
    insert("INSERT INTO image_license (image_id, license, class, packages, named) ")
        .rows(
            connection,
            licenses,
            |row, (license, (class, count, packages))| {
                row.push_bind(image)
                    .push_bind(license)
                    .push_bind(class.as_str())
                    .push_bind(i64::try_from(count).unwrap_or(i64::MAX))
                    .push_bind(json(&packages));
            },
        )
        .await?;
    Ok(())
}
