//! Signing in and out, and who is signed in.

use std::{collections::VecDeque, sync::Mutex};

use api::session::{ServerFacts, Session, SignIn};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Shared,
    access::{Access, Actor, CurrentSession},
    error::ApiError,
    query::Body,
};
use crate::{app::App, secret};

pub(crate) const COOKIE: &str = "seawall_session";

/// Tries to sign in, lately. Links are long random numbers; this only
/// keeps a guesser from being cheap.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<VecDeque<Timestamp>>);

const ATTEMPTS: usize = 10;
const ATTEMPT_WINDOW: SignedDuration = SignedDuration::from_secs(60);

impl Attempts {
    /// Counts one more. `false`: too many.
    fn allow(&self, now: Timestamp) -> bool {
        let mut recent = self.0.lock().expect("invariant: no panic under the lock");
        while recent
            .front()
            .is_some_and(|first| now.duration_since(*first) > ATTEMPT_WINDOW)
        {
            recent.pop_front();
        }
        if recent.len() >= ATTEMPTS {
            return false;
        }
        recent.push_back(now);
        true
    }
}

/// The session cookie's value.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// Whether these headers carry a session that still runs.
pub(crate) async fn recognise(app: &App, headers: &HeaderMap) -> Result<Option<Actor>, ApiError> {
    let Some(token) = cookie(headers) else {
        return Ok(None);
    };
    let expires = app
        .store
        .session_expiry(&secret::hash(token), app.clock.now())
        .await?;
    Ok(expires.map(|expires| {
        Actor::owner(CurrentSession {
            id: String::new(),
            expires,
        })
    }))
}

async fn describe(app: &App, expires: Timestamp) -> Result<Session, ApiError> {
    let environments = app.store.environments().await?;
    Ok(Session {
        expires,
        server: ServerFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: app.host.clone(),
            started: app.started,
            local_paths: app.config.scan.local_paths,
            demo: environments.iter().any(|environment| environment.demo),
        },
    })
}

/// The current session.
#[utoipa::path(get, path = "/session", tag = "session",
    responses((status = 200, body = Session)))]
pub(crate) async fn read(State(app): Shared, access: Access) -> Result<Json<Session>, ApiError> {
    Ok(Json(describe(&app, access.session()?.expires).await?))
}

/// Sign in: exchange a one-time link's token for a session cookie.
#[utoipa::path(post, path = "/session", tag = "session", security(()),
    request_body = SignIn,
    responses((status = 200, body = Session, description = "signed in; sets the cookie")))]
pub(crate) async fn sign_in(
    State(app): Shared,
    Body(body): Body<SignIn>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    if !app.sign_in_attempts.allow(now) {
        return Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            "too many attempts to sign in; wait a minute",
        ));
    }
    let session = secret::Token::new().map_err(|error| ApiError::internal(&error))?;
    let lifetime = app.config.session.lifetime.0;
    let expires = now + lifetime;
    let Some(token) = body.token else {
        return Err(ApiError::invalid(
            "/token",
            "expected a sign-in link's token",
        ));
    };
    let link = secret::hash(token.trim());
    let exchanged = app
        .store
        .exchange_link(link, session.hash(), now, expires)
        .await?;
    if !exchanged {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "link_not_valid",
            "this sign-in link was used already, has expired or never was; restart the server \
             for a new one",
        ));
    }
    tracing::info!("signed in");
    let cookie = format!(
        "{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}",
        session.reveal(),
        lifetime.as_secs()
    );
    Ok(with_cookie(
        Json(describe(&app, expires).await?).into_response(),
        &cookie,
    ))
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204, description = "signed out; clears the cookie")))]
pub(crate) async fn sign_out(State(app): Shared, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Some(token) = cookie(&headers) {
        app.store.delete_session(secret::hash(token)).await?;
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let value = HeaderValue::from_str(cookie).expect("invariant: hexadecimal digits and words");
    response.headers_mut().insert(header::SET_COOKIE, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            "theme=dark; seawall_session=abc".parse().unwrap(),
        );
        assert_eq!(cookie(&headers), Some("abc"));
        headers.clear();
        headers.append(header::COOKIE, "xseawall_session=abc".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }

    #[test]
    fn attempts_run_out_and_come_back() {
        let attempts = Attempts::default();
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..ATTEMPTS {
            assert!(attempts.allow(now));
        }
        assert!(!attempts.allow(now));
        assert!(attempts.allow(now + SignedDuration::from_secs(61)));
    }
}
