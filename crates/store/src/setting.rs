//! Small facts the server remembers between runs.

use crate::{Store, StoreError, db::sql};

impl Store {
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        sql("SELECT value FROM setting WHERE name = ?")
            .bind(name)
            .scalar()
            .fetch_optional(&self.readers)
            .await
    }

    pub async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("INSERT INTO setting (name, value) VALUES (?, ?)
                         ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                    .bind(name)
                    .bind(value)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }
}
