//! Who a request is from: a browser's session or a program's token.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use model::permission::{ActorKind, Rights};

use super::{
    access::{Actor, CurrentSession, Origin},
    cookie::Cookie,
    error::ApiError,
};
use crate::{address::Network, app::App, secret, token};

/// How often use is written down: to the minute is enough.
const TOUCH: SignedDuration = SignedDuration::from_secs(60);

/// Whoever these headers speak for. `None`: nobody.
pub(crate) async fn recognise(
    app: &App,
    headers: &HeaderMap,
    origin: &Origin,
    is_counted: bool,
) -> Result<Option<Actor>, ApiError> {
    let now = app.clock.now();
    let actor = match headers.get(header::AUTHORIZATION) {
        // A token never falls back on a cookie.
        Some(value) => Some(by_token(app, value.to_str().ok(), origin, now).await?),
        None => match Cookie::Session.read(&app.config, headers) {
            Some(cookie) => by_session(app, &cookie, now).await?,
            None => None,
        },
    };
    if is_counted && let Some(actor) = &actor {
        let key = match &actor.session {
            Some(session) => session.id.as_str(),
            None => actor.id.as_deref().unwrap_or_default(),
        };
        app.requests.take(key, now)?;
    }
    Ok(actor)
}

/// Whether somebody recognised before still is who they were.
pub(crate) async fn still_is(app: &App, actor: &Actor) -> Result<bool, ApiError> {
    let now = app.clock.now();
    let current = match (&actor.session, &actor.id) {
        (Some(session), _) => by_hash(app, &session.hash, now).await?,
        (None, Some(id)) => match app.store.token_use(id).await? {
            Some(found) if found.token.is_active(now) => Some(of_token(&found)),
            _ => None,
        },
        (None, None) => None,
    };
    Ok(current.is_some_and(|current| current.rights == actor.rights))
}

async fn by_session(app: &App, cookie: &str, now: Timestamp) -> Result<Option<Actor>, ApiError> {
    by_hash(app, &secret::hash(cookie), now).await
}

async fn by_hash(app: &App, hash: &str, now: Timestamp) -> Result<Option<Actor>, ApiError> {
    let Some(open) = app.store.session(hash, now).await? else {
        return Ok(None);
    };
    let session = open.session;
    if now.duration_since(session.last_seen) >= TOUCH {
        let idle =
            SignedDuration::try_from(app.config.session.idle.0).unwrap_or(SignedDuration::MAX);
        app.store.touch_session(&session.id, now, idle).await?;
    }
    let current = CurrentSession {
        id: session.id,
        hash: hash.to_owned(),
        expires: session.expires,
    };
    Ok(Some(match open.user {
        None => Actor::owner(current),
        Some(user) => Actor {
            kind: ActorKind::User,
            rights: Rights::of_bindings(&user.roles),
            account: Some(user.id.clone()),
            id: Some(user.id),
            name: user.name,
            session: Some(current),
            expires: None,
        },
    }))
}

/// One answer for every fault: a guesser learns nothing from it.
fn refused() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "token_not_valid",
        "this API token does not work: it is wrong, expired, revoked, its maker's account is \
         disabled, or it may not be used from this address",
    )
}

async fn by_token(
    app: &App,
    header: Option<&str>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Actor, ApiError> {
    let text = header.and_then(token::presented);
    let Some((id, secret)) = text.as_deref().and_then(token::parse) else {
        return Err(refused());
    };
    let Some(found) = app.store.token_use(id).await? else {
        return Err(refused());
    };
    let fits = secret::is_same(&secret::hash(secret), &found.hash);
    if !fits || !found.token.is_active(now) || !may_come_from(&found.token, origin.address) {
        return Err(refused());
    }
    let is_due = found
        .token
        .last_used
        .is_none_or(|last| now.duration_since(last) >= TOUCH);
    if is_due {
        let address = origin.address.map(|address| address.to_string());
        app.store.touch_token(id, now, address).await?;
    }
    Ok(of_token(&found))
}

fn of_token(found: &store::TokenUse) -> Actor {
    let maker = match &found.maker_roles {
        Some(roles) => Rights::of_bindings(roles),
        None => Rights::all(),
    };
    Actor {
        kind: ActorKind::Token,
        id: Some(found.token.id.clone()),
        name: found.token.name.clone(),
        account: found.token.account.clone(),
        rights: found.token.rights().intersection(&maker),
        session: None,
        expires: Some(found.token.expires),
    }
}

fn may_come_from(token: &store::Token, address: Option<IpAddr>) -> bool {
    token.addresses.is_empty()
        || address.is_some_and(|address| {
            token
                .addresses
                .iter()
                .filter_map(|text| text.parse::<Network>().ok())
                .any(|network| network.contains(address))
        })
}
