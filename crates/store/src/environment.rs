//! Environments: the top of the asset tree.

use crate::{
    Author, Counts, Store, StoreError, asset,
    audit::{self, Note},
    counts::COUNT_COLUMNS,
    db::{Connection, sql},
};

/// One environment, with its totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub title: String,
    pub demo: bool,
    pub images: u64,
    pub counts: Counts,
}

impl Store {
    pub async fn environments(&self) -> Result<Vec<Environment>, StoreError> {
        let sums = COUNT_COLUMNS
            .split(", ")
            .map(|column| format!("COALESCE(SUM(image.{column}), 0) AS {column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let mut query = sql(
            "SELECT environment.name, environment.title, environment.demo,
                    COUNT(image.id) AS images, ",
        );
        query.push(sums).push(
            " FROM environment LEFT JOIN image ON image.environment_id = environment.id
             GROUP BY environment.id, environment.name, environment.title, environment.demo
             ORDER BY environment.demo, environment.name",
        );
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(Environment {
                    name: row.text("name")?,
                    title: row.text("title")?,
                    demo: row.flag("demo")?,
                    images: row.count("images")?,
                    counts: Counts::read(row)?,
                })
            })
            .collect()
    }

    /// Makes sure an environment exists, under this title.
    pub async fn ensure_environment(
        &self,
        name: &str,
        title: &str,
        demo: bool,
    ) -> Result<(), StoreError> {
        let (name, title) = (name.to_owned(), title.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move { make(connection, &name, &title, demo).await })
            })
            .await
    }

    /// Makes an environment. `false`: there is one with this name.
    pub async fn create_environment(
        &self,
        author: Author,
        name: &str,
        title: &str,
    ) -> Result<bool, StoreError> {
        let (name, title) = (name.to_owned(), title.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let known = sql("SELECT id FROM environment WHERE name = ?")
                        .bind(name.as_str())
                        .fetch_optional(&mut *connection)
                        .await?;
                    if known.is_some() {
                        return Ok(false);
                    }
                    make(connection, &name, &title, false).await?;
                    let note = Note::of("environment.create", "environment", &name)
                        .within(&name)
                        .made(&serde_json::json!({ "name": title }));
                    audit::note(connection, &author, note).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Removes an environment and every row of it.
    pub async fn remove_environment(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let removed = sql("DELETE FROM environment WHERE name = ?")
                        .bind(name)
                        .execute(&mut *connection)
                        .await?;
                    // Exemptions that hold everywhere may have held some
                    // of what went.
                    sql(
                        "UPDATE exemption SET findings = (SELECT COUNT(*) FROM finding
                             WHERE finding.exemption_id = exemption.id AND finding.state = 3)",
                    )
                    .execute(connection)
                    .await?;
                    Ok(removed > 0)
                })
            })
            .await
    }
}

async fn make(
    connection: &mut Connection,
    name: &str,
    title: &str,
    demo: bool,
) -> Result<(), StoreError> {
    let id = sql(
        "INSERT INTO environment (name, title, demo) VALUES (?, ?, ?)
                         ON CONFLICT (name) DO UPDATE SET title = excluded.title
                         RETURNING id",
    )
    .bind(name)
    .bind(title)
    .bind(i64::from(demo))
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    let asset = asset::of_environment(connection, id, name).await?;
    sql("UPDATE asset SET name = ? WHERE id = ?")
        .bind(title)
        .bind(asset)
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn id(connection: &mut Connection, name: &str) -> Result<i64, StoreError> {
    sql("SELECT id FROM environment WHERE name = ?")
        .bind(name)
        .scalar()
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NoEnvironment(name.to_owned()))
}
