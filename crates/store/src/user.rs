//! Accounts: who they are, what they may do, their passwords' hashes and
//! the one-time links that let them choose one.

use jiff::Timestamp;
use model::permission::{Binding, Permission, Reach, Rights, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Author, Store, StoreError,
    audit::{self, Note},
    db::{Connection, Row, sql},
    row::json,
    scan::mint,
};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub email: Option<String>,
    /// Made by the identity provider.
    pub external: bool,
    pub has_password: bool,
    pub disabled: bool,
    pub roles: Vec<Binding>,
    pub created: Timestamp,
    pub last_sign_in: Option<Timestamp>,
    /// Sessions and tokens that work at the moment.
    pub sessions: u64,
    pub tokens: u64,
}

impl User {
    pub fn rights(&self) -> Rights {
        Rights::of_bindings(&self.roles)
    }

    /// What the audit trail says of it.
    pub(crate) fn recorded(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "display_name": self.display_name,
            "email": self.email,
            "roles": self.roles.iter().map(recorded_role).collect::<Vec<_>>(),
            "disabled": self.disabled,
        })
    }
}

fn recorded_role(binding: &Binding) -> String {
    format!(
        "{}@{}",
        binding.role.as_str(),
        binding.reach.names().join(",")
    )
}

/// An account to make.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    pub display_name: String,
    pub email: Option<String>,
    /// The password's hash.
    pub password: Option<String>,
    pub roles: Vec<Binding>,
}

/// What to change; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub display_name: Option<String>,
    pub email: Option<Option<String>>,
    pub roles: Option<Vec<Binding>>,
    pub disabled: Option<bool>,
}

/// Why an account was not made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRefusal {
    /// There is none with this id.
    Missing,
    /// The name is taken.
    NameTaken,
    /// Nobody could administer any more.
    LastAdministrator,
    /// There are accounts already.
    NotFirst,
    /// The identity provider answers for this.
    External,
}

/// A change made, or why not.
pub type UserOutcome<T> = Result<T, UserRefusal>;

/// A role as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredRole {
    role: String,
    environments: Vec<String>,
}

fn store_roles(roles: &[Binding]) -> String {
    let stored: Vec<StoredRole> = roles
        .iter()
        .map(|binding| StoredRole {
            role: binding.role.as_str().to_owned(),
            environments: binding.reach.names(),
        })
        .collect();
    json(&stored)
}

/// A role this version does not know gives nothing.
pub(crate) fn read_roles(row: &Row) -> Result<Vec<Binding>, StoreError> {
    let stored: Vec<StoredRole> = row.json("roles")?;
    Ok(stored
        .into_iter()
        .filter_map(|stored| {
            Some(Binding {
                role: Role::parse(&stored.role)?,
                reach: Reach::from_names(stored.environments),
            })
        })
        .collect())
}

/// Counts need two times: `?` is now.
const SELECT: &str = "SELECT account.*,
    (SELECT COUNT(*) FROM session WHERE session.account_id = account.id
        AND session.expires > ?) AS sessions,
    (SELECT COUNT(*) FROM api_token WHERE api_token.account_id = account.id
        AND api_token.revoked IS NULL AND api_token.expires > ?) AS tokens
    FROM account";

fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.text("id")?,
        name: row.text("name")?,
        display_name: row.text("display_name")?,
        email: row.maybe_text("email")?,
        external: row.maybe_text("issuer")?.is_some(),
        has_password: row.maybe_text("password")?.is_some(),
        disabled: row.flag("disabled")?,
        roles: read_roles(row)?,
        created: row.time("created")?,
        last_sign_in: row.maybe_time("last_sign_in")?,
        sessions: row.count("sessions")?,
        tokens: row.count("tokens")?,
    })
}

pub(crate) async fn find(
    connection: &mut Connection,
    id: &str,
    now: Timestamp,
) -> Result<Option<User>, StoreError> {
    sql(format!("{SELECT} WHERE account.id = ?"))
        .bind(now)
        .bind(now)
        .bind(id)
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Whether somebody can still administer everything.
async fn is_administered(connection: &mut Connection) -> Result<bool, StoreError> {
    let rows = sql("SELECT roles FROM account WHERE disabled = 0
           AND (password IS NOT NULL OR issuer IS NOT NULL
                OR id IN (SELECT account_id FROM invitation))")
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let rights = Rights::of_bindings(&read_roles(row)?);
        if rights.may_everywhere(Permission::Administer) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) async fn insert(
    connection: &mut Connection,
    author: &Author,
    user: NewUser,
    identity: Option<(String, String)>,
) -> Result<UserOutcome<User>, StoreError> {
    let taken = sql("SELECT id FROM account WHERE name = ?")
        .bind(user.name.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if taken.is_some() {
        return Ok(Err(UserRefusal::NameTaken));
    }
    let id = mint();
    let (issuer, subject) = identity.unzip();
    sql(
        "INSERT INTO account (id, name, display_name, email, issuer, subject, password, roles,
             disabled, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
    )
    .bind(id.as_str())
    .bind(user.name)
    .bind(user.display_name)
    .bind(user.email)
    .bind(issuer)
    .bind(subject)
    .bind(user.password)
    .bind(store_roles(&user.roles))
    .bind(author.time)
    .execute(&mut *connection)
    .await?;
    let made = find(connection, &id, author.time)
        .await?
        .ok_or(StoreError::Closed)?;
    let note = Note::of("user.create", "user", &id).made(&made.recorded());
    audit::note(connection, author, note).await?;
    Ok(Ok(made))
}

impl Store {
    /// Whether anybody can sign in without the server's own link.
    pub async fn has_accounts(&self) -> Result<bool, StoreError> {
        let found =
            sql("SELECT id FROM account WHERE password IS NOT NULL OR issuer IS NOT NULL LIMIT 1")
                .fetch_optional(&self.readers)
                .await?;
        Ok(found.is_some())
    }

    /// Accounts by name, those whose name or address holds `text`.
    pub async fn users(&self, text: Option<&str>, now: Timestamp) -> Result<Vec<User>, StoreError> {
        let mut query = sql(SELECT).bind(now).bind(now);
        if let Some(text) = text {
            let pattern = crate::row::like(text);
            query
                .push(" WHERE (account.name LIKE ")
                .push_bind(pattern.as_str())
                .push(" ESCAPE '\\' OR LOWER(account.display_name) LIKE ")
                .push_bind(pattern.as_str())
                .push(" ESCAPE '\\' OR LOWER(COALESCE(account.email, '')) LIKE ")
                .push_bind(pattern.as_str())
                .push(" ESCAPE '\\')");
        }
        query.push(" ORDER BY account.name LIMIT 1000");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    pub async fn user(&self, id: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        sql(format!("{SELECT} WHERE account.id = ?"))
            .bind(now)
            .bind(now)
            .bind(id)
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    pub async fn user_named(&self, name: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        sql(format!("{SELECT} WHERE account.name = ?"))
            .bind(now)
            .bind(now)
            .bind(name)
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The password's hash, for an account that may sign in with it.
    pub async fn password_hash(&self, id: &str) -> Result<Option<String>, StoreError> {
        sql("SELECT password FROM account WHERE id = ? AND disabled = 0")
            .bind(id)
            .fetch_optional(&self.readers)
            .await?
            .map_or(Ok(None), |row| row.maybe_text("password"))
    }

    pub async fn create_user(
        &self,
        author: Author,
        user: NewUser,
    ) -> Result<UserOutcome<User>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move { insert(connection, &author, user, None).await })
            })
            .await
    }

    /// Makes the first account, if it is; the owner's sessions end.
    pub async fn create_first_user(
        &self,
        author: Author,
        user: NewUser,
    ) -> Result<UserOutcome<User>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let other = sql("SELECT id FROM account LIMIT 1")
                        .fetch_optional(&mut *connection)
                        .await?;
                    if other.is_some() {
                        return Ok(Err(UserRefusal::NotFirst));
                    }
                    let made = insert(connection, &author, user, None).await?;
                    if made.is_ok() {
                        for leftover in [
                            "DELETE FROM session WHERE account_id IS NULL",
                            "DELETE FROM sign_in_link",
                        ] {
                            sql(leftover).execute(&mut *connection).await?;
                        }
                    }
                    Ok(made)
                })
            })
            .await
    }

    /// Changes an account. Disabling it, and taking roles away, ends its
    /// sessions.
    pub async fn change_user(
        &self,
        author: Author,
        id: &str,
        change: UserChange,
    ) -> Result<UserOutcome<User>, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id, author.time).await? else {
                        return Ok(Err(UserRefusal::Missing));
                    };
                    let mut after = before.clone();
                    after.display_name = change.display_name.unwrap_or(after.display_name);
                    after.email = change.email.unwrap_or(after.email);
                    after.roles = change.roles.unwrap_or(after.roles);
                    after.disabled = change.disabled.unwrap_or(after.disabled);
                    if before.external
                        && (after.roles != before.roles || after.email != before.email)
                    {
                        return Ok(Err(UserRefusal::External));
                    }
                    let was_administered = is_administered(connection).await?;
                    write(connection, &after).await?;
                    if was_administered && !is_administered(connection).await? {
                        write(connection, &before).await?;
                        return Ok(Err(UserRefusal::LastAdministrator));
                    }
                    if after.disabled || after.roles != before.roles {
                        end_sessions(connection, &id, None).await?;
                    }
                    if after.disabled {
                        sql("DELETE FROM invitation WHERE account_id = ?")
                            .bind(id.as_str())
                            .execute(&mut *connection)
                            .await?;
                    }
                    if after != before {
                        let note = Note::of("user.change", "user", &id)
                            .changed(&before.recorded(), &after.recorded());
                        audit::note(connection, &author, note).await?;
                    }
                    let now = find(connection, &id, author.time).await?;
                    Ok(now.ok_or(UserRefusal::Missing))
                })
            })
            .await
    }

    /// Removes an account with its sessions and tokens.
    pub async fn delete_user(
        &self,
        author: Author,
        id: &str,
    ) -> Result<UserOutcome<()>, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id, author.time).await? else {
                        return Ok(Err(UserRefusal::Missing));
                    };
                    let was_administered = is_administered(connection).await?;
                    let disable = |flag: bool| User {
                        disabled: flag,
                        ..before.clone()
                    };
                    write(connection, &disable(true)).await?;
                    if was_administered && !is_administered(connection).await? {
                        write(connection, &before).await?;
                        return Ok(Err(UserRefusal::LastAdministrator));
                    }
                    sql("DELETE FROM account WHERE id = ?")
                        .bind(id.as_str())
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("user.delete", "user", &id).removed(&before.recorded());
                    audit::note(connection, &author, note).await?;
                    Ok(Ok(()))
                })
            })
            .await
    }
}

pub(crate) async fn write(connection: &mut Connection, user: &User) -> Result<(), StoreError> {
    sql("UPDATE account SET display_name = ?, email = ?, roles = ?, disabled = ? WHERE id = ?")
        .bind(user.display_name.as_str())
        .bind(user.email.clone())
        .bind(store_roles(&user.roles))
        .bind(user.disabled)
        .bind(user.id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn put_password(
    connection: &mut Connection,
    id: &str,
    password: Option<String>,
) -> Result<bool, StoreError> {
    let touched = sql("UPDATE account SET password = ? WHERE id = ? AND issuer IS NULL")
        .bind(password)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(touched > 0)
}

pub(crate) async fn end_sessions(
    connection: &mut Connection,
    account: &str,
    keep: Option<&str>,
) -> Result<u64, StoreError> {
    sql("DELETE FROM session WHERE account_id = ? AND id <> ?")
        .bind(account)
        .bind(keep.unwrap_or_default())
        .execute(connection)
        .await
}
