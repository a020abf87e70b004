//! Passwords' hashes, and the one-time links that let people choose one.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    Author, Store, StoreError, User, UserOutcome, UserRefusal,
    audit::{self, Note},
    db::sql,
    user::{end_sessions, find, put_password},
};

impl Store {
    /// Sets a password and ends the account's sessions but `keep`.
    pub async fn set_password(
        &self,
        author: Author,
        id: &str,
        password: String,
        keep: Option<String>,
    ) -> Result<UserOutcome<()>, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let changed = put_password(connection, &id, Some(password)).await?;
                    if !changed {
                        return Ok(Err(UserRefusal::Missing));
                    }
                    end_sessions(connection, &id, keep.as_deref()).await?;
                    let note = Note::of("user.change_password", "user", &id);
                    audit::note(connection, &author, note).await?;
                    Ok(Ok(()))
                })
            })
            .await
    }

    /// Lets the holder of a link choose the account's password, once,
    /// until `expires`. A password there was no longer works, and
    /// earlier links neither.
    pub async fn invite(
        &self,
        author: Author,
        id: &str,
        link: String,
        expires: Timestamp,
    ) -> Result<UserOutcome<User>, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(user) = find(connection, &id, author.time).await? else {
                        return Ok(Err(UserRefusal::Missing));
                    };
                    if user.external {
                        return Ok(Err(UserRefusal::External));
                    }
                    sql("DELETE FROM invitation WHERE account_id = ? OR expires <= ?")
                        .bind(id.as_str())
                        .bind(author.time)
                        .execute(&mut *connection)
                        .await?;
                    put_password(connection, &id, None).await?;
                    end_sessions(connection, &id, None).await?;
                    sql("INSERT INTO invitation (hash, account_id, expires) VALUES (?, ?, ?)")
                        .bind(link)
                        .bind(id.as_str())
                        .bind(expires)
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("user.invite", "user", &id)
                        .made(&json!({ "name": user.name, "expires": expires }));
                    audit::note(connection, &author, note).await?;
                    let now = find(connection, &id, author.time).await?;
                    Ok(now.ok_or(UserRefusal::Missing))
                })
            })
            .await
    }

    /// Whose an invitation is, if it can be used still.
    pub async fn invited(&self, link: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        let id: Option<String> =
            sql("SELECT account_id FROM invitation WHERE hash = ? AND expires > ?")
                .bind(link)
                .bind(now)
                .scalar()
                .fetch_optional(&self.readers)
                .await?;
        match id {
            Some(id) => Ok(self.user(&id, now).await?.filter(|user| !user.disabled)),
            None => Ok(None),
        }
    }

    /// Uses an invitation up and sets the password, both or neither.
    pub async fn accept_invitation(
        &self,
        author: Author,
        link: String,
        password: String,
    ) -> Result<Option<User>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id: Option<String> =
                        sql("DELETE FROM invitation WHERE hash = ? AND expires > ?
                         RETURNING account_id")
                        .bind(link)
                        .bind(author.time)
                        .scalar()
                        .fetch_optional(&mut *connection)
                        .await?;
                    let Some(id) = id else { return Ok(None) };
                    let Some(user) = find(connection, &id, author.time).await? else {
                        return Ok(None);
                    };
                    if user.disabled {
                        return Ok(None);
                    }
                    put_password(connection, &id, Some(password)).await?;
                    let author = author.named(&user);
                    let note = Note::of("user.accept_invitation", "user", &id);
                    audit::note(connection, &author, note).await?;
                    find(connection, &id, author.time).await
                })
            })
            .await
    }
}
