//! Sessions and one-time sign-in links, known only by their hashes.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    Author, Store, StoreError, User,
    audit::{self, Note},
    db::{Connection, Row, sql},
    scan::mint,
    user,
};

/// How a session came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInMethod {
    /// The link the server printed.
    Link,
    Password,
    Oidc,
}

impl SignInMethod {
    fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Password => "password",
            Self::Oidc => "oidc",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "password" => Self::Password,
            "oidc" => Self::Oidc,
            _ => Self::Link,
        }
    }
}

/// A session to open.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub hash: String,
    /// None: the owner.
    pub account: Option<String>,
    pub method: SignInMethod,
    pub browser: Option<String>,
    /// If it is not used, it ends after this.
    pub idle: SignedDuration,
    /// It ends after this.
    pub lifetime: SignedDuration,
    /// The identity provider's name for it, and the token it wants back
    /// at sign-out.
    pub provider_session: Option<String>,
    pub id_token: Option<String>,
}

/// One signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub account: Option<String>,
    pub method: SignInMethod,
    pub address: Option<String>,
    pub browser: Option<String>,
    pub created: Timestamp,
    pub last_seen: Timestamp,
    /// If it is not used.
    pub expires: Timestamp,
    /// At the latest.
    pub ends: Timestamp,
}

/// Whose session it is, and whether it should be marked as used.
#[derive(Clone, Debug)]
pub struct OpenSession {
    pub session: Session,
    /// None: the owner.
    pub user: Option<SessionUser>,
}

/// What a request needs to know of its account.
#[derive(Clone, Debug)]
pub struct SessionUser {
    pub id: String,
    pub name: String,
    pub roles: Vec<model::permission::Binding>,
}

fn read(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.text("id")?,
        account: row.maybe_text("account_id")?,
        method: SignInMethod::parse(&row.text("method")?),
        address: row.maybe_text("address")?,
        browser: row.maybe_text("browser")?,
        created: row.time("created")?,
        last_seen: row.time("last_seen")?,
        expires: row.time("expires")?,
        ends: row.time("ends")?,
    })
}

async fn open(
    connection: &mut Connection,
    author: &Author,
    new: NewSession,
) -> Result<Session, StoreError> {
    let now = author.time;
    sql("DELETE FROM session WHERE expires <= ?")
        .bind(now)
        .execute(&mut *connection)
        .await?;
    let id = mint();
    let ends = now + new.lifetime;
    let expires = ends.min(now + new.idle);
    sql(
        "INSERT INTO session (id, hash, account_id, method, address, browser, created, last_seen,
             expires, ends, provider_session, id_token)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.as_str())
    .bind(new.hash)
    .bind(new.account.clone())
    .bind(new.method.as_str())
    .bind(author.address.clone())
    .bind(new.browser.clone())
    .bind(now)
    .bind(now)
    .bind(expires)
    .bind(ends)
    .bind(new.provider_session)
    .bind(new.id_token)
    .execute(&mut *connection)
    .await?;
    if let Some(account) = &new.account {
        sql("UPDATE account SET last_sign_in = ? WHERE id = ?")
            .bind(now)
            .bind(account.as_str())
            .execute(&mut *connection)
            .await?;
    }
    let note = Note::of("session.open", "session", &id)
        .made(&json!({ "method": new.method.as_str(), "browser": new.browser }));
    audit::note(connection, author, note).await?;
    Ok(Session {
        id,
        account: new.account,
        method: new.method,
        address: author.address.clone(),
        browser: new.browser,
        created: now,
        last_seen: now,
        expires,
        ends,
    })
}

impl Author {
    /// The same request, once it is known whose it is.
    #[must_use]
    pub fn named(self, user: &User) -> Self {
        Self {
            kind: model::permission::ActorKind::User,
            id: Some(user.id.clone()),
            name: user.name.clone(),
            ..self
        }
    }
}

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
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                    sql("INSERT INTO sign_in_link (hash, expires) VALUES (?, ?)")
                        .bind(hash)
                        .bind(expires)
                        .execute(&mut *connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Uses a link up and opens the owner's session, both or neither.
    /// `None`: no such link, used already, or expired.
    pub async fn exchange_link(
        &self,
        author: Author,
        link: String,
        session: NewSession,
    ) -> Result<Option<Session>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let used = sql("DELETE FROM sign_in_link WHERE hash = ? AND expires > ?")
                        .bind(link)
                        .bind(author.time)
                        .execute(&mut *connection)
                        .await?;
                    if used == 0 {
                        return Ok(None);
                    }
                    open(connection, &author, session).await.map(Some)
                })
            })
            .await
    }

    /// Opens an account's session.
    pub async fn open_session(
        &self,
        author: Author,
        session: NewSession,
    ) -> Result<Session, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move { open(connection, &author, session).await })
            })
            .await
    }

    /// The session, if it runs still and its account is not disabled.
    pub async fn session(
        &self,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<OpenSession>, StoreError> {
        let row = sql("SELECT session.*, account.name, account.roles
             FROM session LEFT JOIN account ON account.id = session.account_id
             WHERE session.hash = ? AND session.expires > ?
               AND (session.account_id IS NULL OR account.disabled = 0)")
        .bind(hash)
        .bind(now)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref()
            .map(|row| {
                let session = read(row)?;
                let user = match &session.account {
                    Some(id) => Some(SessionUser {
                        id: id.clone(),
                        name: row.text("name")?,
                        roles: user::read_roles(row)?,
                    }),
                    None => None,
                };
                Ok(OpenSession { session, user })
            })
            .transpose()
    }

    /// Marks a session as used: it lasts for another `idle`.
    pub async fn touch_session(
        &self,
        id: &str,
        now: Timestamp,
        idle: SignedDuration,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let until = now + idle;
                    sql("UPDATE session SET last_seen = ?,
                             expires = CASE WHEN ends < ? THEN ends ELSE ? END
                         WHERE id = ?")
                    .bind(now)
                    .bind(until)
                    .bind(until)
                    .bind(id)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// An account's sessions, the last used first; the owner's for none.
    pub async fn sessions(
        &self,
        account: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let mut query = sql("SELECT * FROM session WHERE expires > ?").bind(now);
        match account {
            Some(account) => query.push(" AND account_id = ").push_bind(account),
            None => query.push(" AND account_id IS NULL"),
        };
        query.push(" ORDER BY last_seen DESC, id LIMIT 1000");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    /// Ends one session of an account (or of the owner); what the
    /// identity provider wants to see of it. `None`: there is no such.
    pub async fn end_session(
        &self,
        author: Author,
        account: Option<&str>,
        id: &str,
    ) -> Result<Option<Ended>, StoreError> {
        let (account, id) = (account.map(str::to_owned), id.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let row = sql(
                        "DELETE FROM session WHERE id = ? AND COALESCE(account_id, '') = ?
                         RETURNING id_token",
                    )
                    .bind(id.as_str())
                    .bind(account.unwrap_or_default())
                    .fetch_optional(&mut *connection)
                    .await?;
                    let Some(row) = row else { return Ok(None) };
                    let note = Note::of("session.end", "session", &id);
                    audit::note(connection, &author, note).await?;
                    Ok(Some(Ended {
                        id_token: row.maybe_text("id_token")?,
                    }))
                })
            })
            .await
    }

    /// Ends the sessions of an account (or the owner's) but `keep`; how
    /// many there were.
    pub async fn end_sessions(
        &self,
        author: Author,
        account: Option<&str>,
        keep: Option<&str>,
    ) -> Result<u64, StoreError> {
        let (account, keep) = (account.map(str::to_owned), keep.map(str::to_owned));
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let ended =
                        sql("DELETE FROM session WHERE COALESCE(account_id, '') = ? AND id <> ?")
                            .bind(account.clone().unwrap_or_default())
                            .bind(keep.unwrap_or_default())
                            .execute(&mut *connection)
                            .await?;
                    if ended > 0 {
                        let of = account.as_deref().unwrap_or("owner");
                        let note = Note::of("session.end_all", "user", of)
                            .removed(&json!({ "sessions": ended }));
                        audit::note(connection, &author, note).await?;
                    }
                    Ok(ended)
                })
            })
            .await
    }

    /// Ends what the identity provider says has ended: one of its
    /// sessions, or all of one person.
    pub async fn end_provider_sessions(
        &self,
        author: Author,
        issuer: &str,
        subject: Option<String>,
        provider_session: Option<String>,
    ) -> Result<u64, StoreError> {
        let issuer = issuer.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut query = sql("DELETE FROM session WHERE account_id IN
                             (SELECT id FROM account WHERE issuer = ?")
                    .bind(issuer);
                    if let Some(subject) = subject {
                        query.push(" AND subject = ").push_bind(subject);
                    }
                    query.push(")");
                    if let Some(session) = provider_session {
                        query.push(" AND provider_session = ").push_bind(session);
                    }
                    let ended = query.execute(&mut *connection).await?;
                    if ended > 0 {
                        let note = Note::of("session.end_all", "user", "identity provider")
                            .removed(&json!({ "sessions": ended }));
                        audit::note(connection, &author, note).await?;
                    }
                    Ok(ended)
                })
            })
            .await
    }
}

/// What is left of a session that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub id_token: Option<String>,
}
