//! Sign-ins under way at the identity provider, each of which comes back
//! once, and the accounts of those it vouches for.

use jiff::Timestamp;
use model::permission::Binding;

use crate::{
    Author, NewUser, Store, StoreError, User,
    audit::{self, Note},
    db::{Connection, sql},
    scan::mint,
    user::{end_sessions, find, insert, write},
};

/// Somebody the identity provider vouches for.
#[derive(Clone, Debug)]
pub struct ExternalUser {
    pub issuer: String,
    pub subject: String,
    /// What it would like to be called here.
    pub name: String,
    pub display_name: String,
    pub email: Option<String>,
    pub roles: Vec<Binding>,
}

/// A sign-in that left.
#[derive(Clone, Debug)]
pub struct OidcAttempt {
    pub state_hash: String,
    /// Binds it to the browser that left.
    pub browser_hash: String,
    pub nonce: String,
    /// PKCE's.
    pub verifier: String,
    /// Where to go once signed in.
    pub onward: String,
    pub expires: Timestamp,
}

/// Sign-ins under way at once; the oldest give way.
const KEPT: i64 = 10_000;

impl Store {
    pub async fn put_oidc_attempt(
        &self,
        attempt: OidcAttempt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("DELETE FROM oidc_attempt WHERE expires <= ?")
                        .bind(now)
                        .execute(&mut *connection)
                        .await?;
                    sql("DELETE FROM oidc_attempt WHERE state_hash IN
                             (SELECT state_hash FROM oidc_attempt
                              ORDER BY expires DESC LIMIT 1000 OFFSET ?)")
                    .bind(KEPT)
                    .execute(&mut *connection)
                    .await?;
                    sql("INSERT INTO oidc_attempt
                             (state_hash, browser_hash, nonce, verifier, onward, expires)
                         VALUES (?, ?, ?, ?, ?, ?)")
                    .bind(attempt.state_hash)
                    .bind(attempt.browser_hash)
                    .bind(attempt.nonce)
                    .bind(attempt.verifier)
                    .bind(attempt.onward)
                    .bind(attempt.expires)
                    .execute(&mut *connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Takes the attempt with this state out, whether or not the rest
    /// fits: a state that was shown once is worth nothing any more.
    pub async fn take_oidc_attempt(
        &self,
        state_hash: String,
    ) -> Result<Option<OidcAttempt>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("DELETE FROM oidc_attempt WHERE state_hash = ? RETURNING *")
                        .bind(state_hash)
                        .fetch_optional(connection)
                        .await?
                        .map(|row| {
                            Ok(OidcAttempt {
                                state_hash: row.text("state_hash")?,
                                browser_hash: row.text("browser_hash")?,
                                nonce: row.text("nonce")?,
                                verifier: row.text("verifier")?,
                                onward: row.text("onward")?,
                                expires: row.time("expires")?,
                            })
                        })
                        .transpose()
                })
            })
            .await
    }

    /// Finds or makes the account of somebody the identity provider
    /// vouches for, with what it says now. `None`: it is disabled here.
    pub async fn admit_external(
        &self,
        author: Author,
        external: ExternalUser,
    ) -> Result<Option<User>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move { admit(connection, &author, external).await })
            })
            .await
    }
}

async fn admit(
    connection: &mut Connection,
    author: &Author,
    external: ExternalUser,
) -> Result<Option<User>, StoreError> {
    let known: Option<String> = sql("SELECT id FROM account WHERE issuer = ? AND subject = ?")
        .bind(external.issuer.as_str())
        .bind(external.subject.as_str())
        .scalar()
        .fetch_optional(&mut *connection)
        .await?;
    let Some(id) = known else {
        let name = free_name(connection, &external.name).await?;
        let new = NewUser {
            name,
            display_name: external.display_name,
            email: external.email,
            password: None,
            roles: external.roles,
        };
        let identity = Some((external.issuer, external.subject));
        return Ok(insert(connection, author, new, identity).await?.ok());
    };
    let Some(before) = find(connection, &id, author.time).await? else {
        return Ok(None);
    };
    if before.disabled {
        return Ok(None);
    }
    let after = User {
        display_name: external.display_name,
        email: external.email,
        roles: external.roles,
        ..before.clone()
    };
    if after != before {
        write(connection, &after).await?;
        if after.roles != before.roles {
            end_sessions(connection, &id, None).await?;
        }
        let note =
            Note::of("user.change", "user", &id).changed(&before.recorded(), &after.recorded());
        audit::note(connection, &author.clone().named(&before), note).await?;
    }
    find(connection, &id, author.time).await
}

/// A name like `wanted` that nobody has: identity providers do not know
/// our names, and must not be able to take one over.
async fn free_name(connection: &mut Connection, wanted: &str) -> Result<String, StoreError> {
    for place in 1..1000 {
        let name = if place == 1 {
            wanted.to_owned()
        } else {
            format!("{wanted}-{place}")
        };
        let taken = sql("SELECT id FROM account WHERE name = ?")
            .bind(name.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        if taken.is_none() {
            return Ok(name);
        }
    }
    Ok(mint())
}
