//! Sessions and one-time sign-in links, known only by their hashes.

use jiff::Timestamp;

use crate::{Store, StoreError, db::sql};

impl Store {
    /// Remembers a one-time link until `expires`; forgets expired ones.
    pub async fn put_sign_in_link(
        &self,
        hash: String,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("DELETE FROM sign_in_link WHERE expires <= ?")
                        .bind(now.as_microsecond())
                        .execute(&mut *connection)
                        .await?;
                    sql("INSERT INTO sign_in_link (hash, expires) VALUES (?, ?)")
                        .bind(hash)
                        .bind(expires.as_microsecond())
                        .execute(&mut *connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Uses a link up and opens a session, both or neither. `false`: no
    /// such link, used already, or expired.
    pub async fn exchange_link(
        &self,
        link: String,
        session: String,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let used = sql("DELETE FROM sign_in_link WHERE hash = ? AND expires > ?")
                        .bind(link)
                        .bind(now.as_microsecond())
                        .execute(&mut *connection)
                        .await?;
                    if used == 0 {
                        return Ok(false);
                    }
                    sql("DELETE FROM session WHERE expires <= ?")
                        .bind(now.as_microsecond())
                        .execute(&mut *connection)
                        .await?;
                    sql("INSERT INTO session (hash, created, expires) VALUES (?, ?, ?)")
                        .bind(session)
                        .bind(now.as_microsecond())
                        .bind(expires.as_microsecond())
                        .execute(&mut *connection)
                        .await?;
                    Ok(true)
                })
            })
            .await
    }

    /// When the session ends, if it exists and has not.
    pub async fn session_expiry(
        &self,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let micros: Option<i64> = sql("SELECT expires FROM session WHERE hash = ? AND expires > ?")
            .bind(hash)
            .bind(now.as_microsecond())
            .scalar()
            .fetch_optional(&self.readers)
            .await?;
        Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    pub async fn delete_session(&self, hash: String) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("DELETE FROM session WHERE hash = ?")
                        .bind(hash)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}
