//! Whose rows a query may see.

use model::permission::Reach;

use crate::{
    Store, StoreError,
    db::{Pool, Sql, sql},
};

/// The environments a query may see. Made by the store alone, so that no
/// query runs without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    environments: Vec<i64>,
}

impl Scope {
    /// How many environments it has.
    pub fn count(&self) -> usize {
        self.environments.len()
    }

    /// Their numbers, for an index kept in memory.
    pub fn environments(&self) -> &[i64] {
        &self.environments
    }

    pub(crate) fn ids(&self) -> &[i64] {
        &self.environments
    }

    /// `column IN (…)`; an empty scope sees nothing.
    pub(crate) fn constrain(&self, query: &mut Sql, column: &str) {
        query
            .push(column)
            .push(" IN ")
            .push_list(self.environments.iter().copied());
    }
}

impl Store {
    /// The scope of one environment by name, or of all. A name that does
    /// not exist sees nothing.
    pub async fn scope(&self, environment: Option<&str>) -> Result<Scope, StoreError> {
        let environments = match environment {
            Some(name) => {
                sql("SELECT id FROM environment WHERE name = ?")
                    .bind(name)
                    .scalar()
                    .fetch_all(&self.readers)
                    .await?
            }
            None => all(&self.readers).await?,
        };
        Ok(Scope { environments })
    }

    /// The scope of one environment by name, or of all, within `reach`.
    /// `None`: the named one does not exist or is out of reach, which
    /// nobody shall be able to tell apart.
    pub async fn scope_within(
        &self,
        reach: &Reach,
        environment: Option<&str>,
    ) -> Result<Option<Scope>, StoreError> {
        let known = sql("SELECT id, name FROM environment")
            .fetch_all(&self.readers)
            .await?;
        let mut environments = Vec::new();
        for row in &known {
            let name = row.text("name")?;
            let is_asked_for = environment.is_none_or(|asked| asked == name);
            if is_asked_for && reach.contains(&name) {
                environments.push(row.int("id")?);
            }
        }
        let is_foreign = environment.is_some() && environments.is_empty();
        Ok((!is_foreign).then_some(Scope { environments }))
    }
}

impl Store {
    /// The names of the environments in scope.
    pub async fn environment_names(&self, scope: &Scope) -> Result<Vec<String>, StoreError> {
        let mut query = sql("SELECT name FROM environment WHERE ");
        scope.constrain(&mut query, "id");
        query.push(" ORDER BY name");
        query.scalar().fetch_all(&self.readers).await
    }
}

async fn all(readers: &Pool) -> Result<Vec<i64>, StoreError> {
    sql("SELECT id FROM environment")
        .scalar()
        .fetch_all(readers)
        .await
}
