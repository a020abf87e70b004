//! Whose rows a query may see.

use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use crate::{Store, StoreError};

/// The environments a query may see. Made by the store alone, so that no
/// query runs without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    environments: Vec<i64>,
}

impl Scope {
    /// `column IN (…)`; an empty scope sees nothing.
    pub(crate) fn constrain(&self, query: &mut QueryBuilder<Sqlite>, column: &str) {
        query.push(column).push(" IN (");
        if self.environments.is_empty() {
            query.push("NULL");
        }
        let mut list = query.separated(", ");
        for id in &self.environments {
            list.push_bind(*id);
        }
        query.push(")");
    }
}

impl Store {
    /// The scope of one environment by name, or of all. A name that does
    /// not exist sees nothing.
    pub async fn scope(&self, environment: Option<&str>) -> Result<Scope, StoreError> {
        let environments = match environment {
            Some(name) => {
                sqlx::query_scalar("SELECT id FROM environment WHERE name = ?")
                    .bind(name)
                    .fetch_all(&self.readers)
                    .await?
            }
            None => all(&self.readers).await?,
        };
        Ok(Scope { environments })
    }
}

async fn all(readers: &SqlitePool) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar("SELECT id FROM environment")
        .fetch_all(readers)
        .await?)
}
