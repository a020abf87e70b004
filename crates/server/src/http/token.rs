//! API tokens: made, listed, revoked.

use api::{
    ApiToken,
    token::{ApiTokenMade, ApiTokenQuery, NewApiToken, TokenState},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use model::{
    Permission,
    permission::{Permissions, Reach, Rights},
};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{Body, Query},
};
use crate::{address::Network, app::App, token::NewToken};

const MAX_NAME: usize = 100;
const MAX_ADDRESSES: usize = 50;
/// Tokens one account may have that work.
const MAX_TOKENS: usize = 200;

fn wire(token: store::Token, now: Timestamp) -> ApiToken {
    ApiToken {
        state: if token.revoked.is_some() {
            TokenState::Revoked
        } else if token.expires <= now {
            TokenState::Expired
        } else if token.maker_disabled {
            TokenState::Suspended
        } else {
            TokenState::Active
        },
        id: token.id,
        name: token.name,
        permissions: token.permissions.iter().map(Into::into).collect(),
        environments: token.reach.names(),
        addresses: token.addresses,
        maker: token.maker,
        maker_id: token.account,
        created: token.created,
        expires: token.expires,
        last_used: token.last_used,
        last_address: token.last_address,
        revoked: token.revoked,
    }
}

fn may_see_all(access: &Access) -> bool {
    access.actor.rights.may_everywhere(Permission::Administer)
}

/// One's own tokens, or everybody's.
#[utoipa::path(get, path = "/tokens", tag = "people", params(ApiTokenQuery),
    responses((status = 200, body = Vec<ApiToken>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<ApiTokenQuery>,
) -> Result<Json<Vec<ApiToken>>, ApiError> {
    let all = query.all.unwrap_or(false);
    if all && !may_see_all(&access) {
        return Err(ApiError::forbidden(
            "not_permitted",
            "other people's tokens are for platform admins to see",
        ));
    }
    let of = (!all).then(|| access.account());
    let now = app.clock.now();
    let ended = query.ended.unwrap_or(false);
    let tokens = app.store.tokens(of).await?;
    Ok(Json(
        tokens
            .into_iter()
            .filter(|token| ended || (token.revoked.is_none() && token.expires > now))
            .map(|token| wire(token, now))
            .collect(),
    ))
}

/// Make a token. It may do no more than its maker, now and whenever it
/// is used, and one made with another token works no longer than that.
#[utoipa::path(post, path = "/tokens", tag = "people", request_body = NewApiToken,
    responses((status = 201, body = ApiTokenMade, description = "made; the secret is shown this \
        once"),
        (status = 403, description = "its maker may not do that")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewApiToken>,
) -> Result<(StatusCode, Json<ApiTokenMade>), ApiError> {
    let author = access.author(&app);
    let now = author.time;
    let name = body.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(ApiError::invalid(
            "/name",
            format!("expected 1 to {MAX_NAME} characters on one line"),
        ));
    }
    let permissions: Permissions = body
        .permissions
        .iter()
        .map(|permission| Permission::from(*permission))
        .collect();
    if permissions.is_empty() {
        return Err(ApiError::invalid("/permissions", "expected at least one"));
    }
    let reach = reach(&app, &access, body.environments).await?;
    check_rights(&access, permissions, &reach)?;
    check_expiry(&app, &access, body.expires, now)?;
    let addresses = addresses(body.addresses)?;
    let existing = app.store.tokens(Some(access.account())).await?;
    if existing.iter().filter(|token| token.is_active(now)).count() >= MAX_TOKENS {
        return Err(ApiError::conflict(
            "too_many_tokens",
            format!("{MAX_TOKENS} tokens of yours work already; revoke one first"),
        ));
    }
    let token = NewToken::mint().map_err(|error| ApiError::internal(&error))?;
    let is_token = access.actor.session.is_none();
    let new = store::NewToken {
        id: token.id.clone(),
        hash: token.secret.hash(),
        name: name.to_owned(),
        account: access.account().map(str::to_owned),
        parent: access.actor.id.clone().filter(|_| is_token),
        permissions,
        reach,
        addresses,
        expires: body.expires,
    };
    let made = app.store.create_token(author, new).await?;
    let made = ApiTokenMade {
        token: wire(made, now),
        secret: token.reveal(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Where it shall work: by default wherever its maker does.
async fn reach(app: &App, access: &Access, names: Vec<String>) -> Result<Reach, ApiError> {
    if names.is_empty() {
        return Ok(Reach::Everywhere);
    }
    let reach = Reach::from_names(names);
    if let Reach::Only(names) = &reach {
        let within = access.actor.rights.any_reach();
        let known = app.store.environments().await?;
        for name in names {
            let exists = known.iter().any(|environment| environment.name == *name);
            if !exists || !within.contains(name) {
                return Err(ApiError::invalid(
                    "/environments",
                    format!("no environment has the id '{name}'"),
                ));
            }
        }
    }
    Ok(reach)
}

/// Every permission must be the maker's: in each environment named, or
/// at least somewhere.
fn check_rights(access: &Access, permissions: Permissions, reach: &Reach) -> Result<(), ApiError> {
    let rights = &access.actor.rights;
    let missing = match reach {
        Reach::Everywhere => permissions
            .iter()
            .find(|permission| !rights.may_somewhere(*permission)),
        Reach::Only(_) => {
            let asked = Rights::default().with(permissions, reach);
            permissions.iter().find(|permission| {
                !rights.covers(&asked)
                    && !rights
                        .covers(&Rights::default().with([*permission].into_iter().collect(), reach))
            })
        }
    };
    match missing {
        None => Ok(()),
        Some(permission) => Err(ApiError::forbidden(
            "not_permitted",
            format!(
                "a token may do no more than its maker, and you lack the permission '{}' there",
                permission.as_str()
            ),
        )),
    }
}

fn check_expiry(
    app: &App,
    access: &Access,
    expires: Timestamp,
    now: Timestamp,
) -> Result<(), ApiError> {
    let longest = app.config.tokens.max_lifetime;
    let mut latest = now + longest.0;
    if let Some(own) = access.actor.expires {
        latest = latest.min(own);
    }
    if expires <= now {
        return Err(ApiError::invalid("/expires", "expected a time to come"));
    }
    if expires > latest {
        return Err(ApiError::invalid(
            "/expires",
            format!(
                "expected no later than {latest} (a token works {longest} at most, and no longer \
                 than the one it was made with)"
            ),
        ));
    }
    Ok(())
}

fn addresses(given: Vec<String>) -> Result<Vec<String>, ApiError> {
    if given.len() > MAX_ADDRESSES {
        return Err(ApiError::invalid(
            "/addresses",
            format!("expected at most {MAX_ADDRESSES}"),
        ));
    }
    for text in &given {
        text.parse::<Network>()
            .map_err(|why| ApiError::invalid("/addresses", why))?;
    }
    Ok(given)
}

/// Revoke a token, and those made with it.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "people",
    params(("id" = String, Path, description = "the token's id")),
    responses((status = 204, description = "revoked")))]
pub(crate) async fn revoke(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let token = app.store.token(&id).await?;
    let is_own = token
        .as_ref()
        .is_some_and(|token| token.account.as_deref() == access.account());
    if token.is_none() || !(is_own || may_see_all(&access)) {
        return Err(ApiError::not_found("token"));
    }
    app.store.revoke_token(access.author(&app), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
