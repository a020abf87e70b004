//! API tokens, known only by the hashes of their secrets.

use jiff::Timestamp;
use model::permission::{Binding, Permission, Permissions, Reach, Rights};
use serde_json::json;

use crate::{
    Author, Store, StoreError,
    audit::{self, Note},
    db::{Connection, Row, Sql, sql},
    row::json,
    user,
};

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    pub name: String,
    /// Its maker's account; none: the owner.
    pub account: Option<String>,
    /// Its maker's name.
    pub maker: String,
    pub maker_disabled: bool,
    pub permissions: Permissions,
    pub reach: Reach,
    /// Addresses and networks it may be used from; empty: any.
    pub addresses: Vec<String>,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub last_used: Option<Timestamp>,
    pub last_address: Option<String>,
    pub revoked: Option<Timestamp>,
}

impl Token {
    /// What it would allow if its maker might do anything.
    pub fn rights(&self) -> Rights {
        Rights::default().with(self.permissions, &self.reach)
    }

    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires > now && !self.maker_disabled
    }
}

/// A token to make.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub id: String,
    /// Of the secret.
    pub hash: String,
    pub name: String,
    pub account: Option<String>,
    /// The token it was made with.
    pub parent: Option<String>,
    pub permissions: Permissions,
    pub reach: Reach,
    pub addresses: Vec<String>,
    pub expires: Timestamp,
}

/// A token as it is used: what it and its maker may do.
#[derive(Clone, Debug)]
pub struct TokenUse {
    pub token: Token,
    /// Of the secret.
    pub hash: String,
    /// Its maker's roles; none: the owner.
    pub maker_roles: Option<Vec<Binding>>,
}

const SELECT: &str = "SELECT api_token.*, account.name AS maker, account.roles,
    account.disabled AS maker_disabled
    FROM api_token LEFT JOIN account ON account.id = api_token.account_id";

fn read(row: &Row) -> Result<Token, StoreError> {
    let permissions: Vec<String> = row.json("permissions")?;
    let account = row.maybe_text("account_id")?;
    Ok(Token {
        id: row.text("id")?,
        name: row.text("name")?,
        maker: row
            .maybe_text("maker")?
            .unwrap_or_else(|| "owner".to_owned()),
        maker_disabled: row.maybe_int("maker_disabled")?.unwrap_or(0) != 0,
        account,
        permissions: permissions
            .iter()
            .filter_map(|word| Permission::parse(word))
            .collect(),
        reach: Reach::from_names(row.json::<Vec<String>>("environments")?),
        addresses: row.json("addresses")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        last_used: row.maybe_time("last_used")?,
        last_address: row.maybe_text("last_address")?,
        revoked: row.maybe_time("revoked")?,
    })
}

fn recorded(token: &Token) -> serde_json::Value {
    json!({
        "name": token.name,
        "permissions": words(token.permissions),
        "environments": token.reach.names(),
        "addresses": token.addresses,
        "expires": token.expires,
        "maker": token.maker,
    })
}

fn words(permissions: Permissions) -> Vec<&'static str> {
    permissions.iter().map(Permission::as_str).collect()
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<Token>, StoreError> {
    sql(format!("{SELECT} WHERE api_token.id = ?"))
        .bind(id)
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

impl Store {
    pub async fn create_token(&self, author: Author, new: NewToken) -> Result<Token, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(
                        "INSERT INTO api_token (id, hash, name, account_id, parent, permissions,
                             environments, addresses, created, expires)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    )
                    .bind(new.id.as_str())
                    .bind(new.hash)
                    .bind(new.name)
                    .bind(new.account)
                    .bind(new.parent)
                    .bind(json(&words(new.permissions)))
                    .bind(json(&new.reach.names()))
                    .bind(json(&new.addresses))
                    .bind(author.time)
                    .bind(new.expires)
                    .execute(&mut *connection)
                    .await?;
                    let token = find(connection, &new.id).await?.ok_or(StoreError::Closed)?;
                    let note = Note::of("token.create", "token", &new.id).made(&recorded(&token));
                    audit::note(connection, &author, note).await?;
                    Ok(token)
                })
            })
            .await
    }

    /// Tokens, the newest first: one account's (or the owner's), or all.
    pub async fn tokens(&self, of: Option<Option<&str>>) -> Result<Vec<Token>, StoreError> {
        let mut query: Sql = sql(format!("{SELECT} WHERE 1 = 1"));
        match of {
            None => {}
            Some(None) => {
                query.push(" AND api_token.account_id IS NULL");
            }
            Some(Some(account)) => {
                query
                    .push(" AND api_token.account_id = ")
                    .push_bind(account);
            }
        }
        query.push(" ORDER BY api_token.created DESC, api_token.id LIMIT 5000");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }

    pub async fn token(&self, id: &str) -> Result<Option<Token>, StoreError> {
        Ok(self.token_use(id).await?.map(|found| found.token))
    }

    /// A token with what is needed to judge its use.
    pub async fn token_use(&self, id: &str) -> Result<Option<TokenUse>, StoreError> {
        let row = sql(format!("{SELECT} WHERE api_token.id = ?"))
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref()
            .map(|row| {
                let token = read(row)?;
                let maker_roles = match &token.account {
                    Some(_) => Some(user::read_roles(row)?),
                    None => None,
                };
                Ok(TokenUse {
                    hash: row.text("hash")?,
                    token,
                    maker_roles,
                })
            })
            .transpose()
    }

    /// Notes that a token was used.
    pub async fn touch_token(
        &self,
        id: &str,
        now: Timestamp,
        address: Option<String>,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE api_token SET last_used = ?, last_address = ? WHERE id = ?")
                        .bind(now)
                        .bind(address)
                        .bind(id)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Revokes a token and those made with it. `false`: there is none.
    pub async fn revoke_token(&self, author: Author, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(token) = find(connection, &id).await? else {
                        return Ok(false);
                    };
                    if token.revoked.is_some() {
                        return Ok(true);
                    }
                    let mut doomed = vec![id];
                    while let Some(id) = doomed.pop() {
                        sql("UPDATE api_token SET revoked = ? WHERE id = ? AND revoked IS NULL")
                            .bind(author.time)
                            .bind(id.as_str())
                            .execute(&mut *connection)
                            .await?;
                        let note = Note::of("token.revoke", "token", &id);
                        audit::note(connection, &author, note).await?;
                        let children: Vec<String> =
                            sql("SELECT id FROM api_token WHERE parent = ? AND revoked IS NULL")
                                .bind(id)
                                .scalar()
                                .fetch_all(&mut *connection)
                                .await?;
                        doomed.extend(children);
                    }
                    Ok(true)
                })
            })
            .await
    }
}
