//! Signing in and out, and the browsers that are.

use api::{
    SessionEntry,
    session::{
        AcceptInvitation, OidcProvider, ServerFacts, Session, SignIn, SignInMethod,
        SignInProviders, SignedOut,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use store::{Author, NewSession};

use super::{
    Shared,
    access::{Access, Origin},
    cookie::Cookie,
    error::ApiError,
    query::Body,
};
use crate::{
    app::App,
    password,
    secret::{self, Token},
};

/// The longest a browser's name for itself is kept.
const MAX_BROWSER: usize = 200;

async fn describe(app: &App, expires: jiff::Timestamp) -> Result<Session, ApiError> {
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

/// The ways to sign in here.
#[utoipa::path(get, path = "/session/providers", tag = "session", security(()),
    responses((status = 200, body = SignInProviders)))]
pub(crate) async fn providers(State(app): Shared) -> Result<Json<SignInProviders>, ApiError> {
    let has_accounts = app.store.has_accounts().await?;
    let oidc = app.config.oidc.is_on().then(|| OidcProvider {
        title: app.config.oidc.title.clone(),
        start: format!("{}/session/oidc/start", super::API_PREFIX),
    });
    Ok(Json(SignInProviders {
        password: has_accounts,
        first_run: !has_accounts,
        oidc: oidc.into_iter().collect(),
    }))
}

/// What a new session of this browser begins with.
pub(crate) fn new_session(
    app: &App,
    headers: &HeaderMap,
    token: &Token,
    account: Option<String>,
    method: store::SignInMethod,
) -> NewSession {
    let duration = |interval: crate::config::Interval| {
        SignedDuration::try_from(interval.0).unwrap_or(SignedDuration::MAX)
    };
    NewSession {
        hash: token.hash(),
        account,
        method,
        browser: headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.chars().take(MAX_BROWSER).collect()),
        idle: duration(app.config.session.idle),
        lifetime: duration(app.config.session.lifetime),
        provider_session: None,
        id_token: None,
    }
}

/// The cookie of a session just opened.
pub(crate) fn hand_over(app: &App, response: &mut Response, token: &Token) {
    let age = app.config.session.lifetime.0.as_secs();
    Cookie::Session.write(&app.config, response, token.reveal(), age);
}

pub(crate) fn new_token() -> Result<Token, ApiError> {
    Token::new().map_err(|error| ApiError::internal(&error))
}

/// Who asks, before it is known who they are.
pub(crate) fn stranger(app: &App, origin: &Origin) -> Author {
    Author {
        kind: model::permission::ActorKind::Owner,
        name: "owner".to_owned(),
        address: origin.address.map(|address| address.to_string()),
        request: Some(origin.request.clone()),
        ..Author::system(app.clock.now())
    }
}

/// Sign in: with a one-time link's token, or with a name and a password.
#[utoipa::path(post, path = "/session", tag = "session", security(()),
    request_body = SignIn,
    responses((status = 200, body = Session, description = "signed in; sets the cookie"),
        (status = 401, description = "not with these"),
        (status = 429, description = "too many attempts")))]
pub(crate) async fn sign_in(
    State(app): Shared,
    origin: Origin,
    headers: HeaderMap,
    Body(body): Body<SignIn>,
) -> Result<Response, ApiError> {
    match body {
        SignIn {
            token: Some(link),
            name: None,
            password: None,
        } => with_link(&app, &origin, &headers, &link).await,
        SignIn {
            token: None,
            name: Some(name),
            password: Some(password),
        } => with_password(&app, &origin, &headers, &name, &password).await,
        _ => Err(ApiError::invalid(
            "",
            "expected either 'token', or 'name' and 'password'",
        )),
    }
}

async fn with_link(
    app: &App,
    origin: &Origin,
    headers: &HeaderMap,
    link: &str,
) -> Result<Response, ApiError> {
    let author = stranger(app, origin);
    let address = origin.key();
    app.sign_ins.check("", &address, author.time)?;
    let token = new_token()?;
    let session = new_session(app, headers, &token, None, store::SignInMethod::Link);
    let now = author.time;
    let link = secret::hash(link.trim());
    let Some(session) = app.store.exchange_link(author, link, session).await? else {
        app.sign_ins.failed("", &address, now);
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "link_not_valid",
            "this sign-in link was used already, has expired or never was; restart the server \
             for a new one",
        ));
    };
    tracing::info!("the owner signed in");
    let mut response = Json(describe(app, session.expires).await?).into_response();
    hand_over(app, &mut response, &token);
    Ok(response)
}

async fn with_password(
    app: &App,
    origin: &Origin,
    headers: &HeaderMap,
    name: &str,
    password: &str,
) -> Result<Response, ApiError> {
    let author = stranger(app, origin);
    let now = author.time;
    let address = origin.key();
    let name: String = name.trim().to_lowercase().chars().take(64).collect();
    app.sign_ins.check(&name, &address, now)?;
    let user = app.store.user_named(&name, now).await?;
    let kept = match &user {
        Some(user) => app.store.password_hash(&user.id).await?,
        None => None,
    };
    let fits = app
        .passwords
        .verify(password, kept)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let Some(user) = user.filter(|_| fits) else {
        let closed = app.sign_ins.failed(&name, &address, now);
        refused(app, author, &name, closed).await?;
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "not_recognised",
            "this name and password do not belong together, or the account is disabled",
        ));
    };
    app.sign_ins.succeeded(&name, &address);
    let account = Some(user.id.clone());
    let token = new_token()?;
    let session = new_session(app, headers, &token, account, store::SignInMethod::Password);
    let session = app.store.open_session(author.named(&user), session).await?;
    tracing::info!(user.name = %user.name, "signed in");
    let mut response = Json(describe(app, session.expires).await?).into_response();
    hand_over(app, &mut response, &token);
    Ok(response)
}

/// Refused sign-ins to accounts that exist are part of the trail; other
/// names are whatever a stranger chose to type.
async fn refused(app: &App, author: Author, name: &str, closed: bool) -> Result<(), ApiError> {
    let now = author.time;
    let Some(user) = app.store.user_named(name, now).await? else {
        tracing::info!("a sign-in was refused");
        return Ok(());
    };
    tracing::info!(user.name = %user.name, closed, "a sign-in was refused");
    let note = store::Note::of("session.refuse", "user", &user.id)
        .made(&serde_json::json!({ "name": user.name, "locked_out": closed }));
    let author = Author {
        kind: model::permission::ActorKind::System,
        name: "seawall".to_owned(),
        ..author
    };
    app.store.note(author, note).await?;
    Ok(())
}

/// Use an invitation or a reset link: choose a password and sign in.
#[utoipa::path(post, path = "/session/invitation", tag = "session", security(()),
    request_body = AcceptInvitation,
    responses((status = 200, body = Session, description = "signed in; sets the cookie"),
        (status = 401, description = "used already, expired, or never was"),
        (status = 429, description = "too many attempts")))]
pub(crate) async fn accept(
    State(app): Shared,
    origin: Origin,
    headers: HeaderMap,
    Body(body): Body<AcceptInvitation>,
) -> Result<Response, ApiError> {
    let author = stranger(&app, &origin);
    let now = author.time;
    let address = origin.key();
    app.sign_ins.check("", &address, now)?;
    let link = secret::hash(body.invitation.trim());
    let not_valid = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "link_not_valid",
            "this link was used already, has expired or never was; ask for a new one",
        )
    };
    let Some(user) = app.store.invited(&link, now).await? else {
        app.sign_ins.failed("", &address, now);
        return Err(not_valid());
    };
    password::judge(&body.password, &user.name)
        .map_err(|why| ApiError::invalid("/password", why))?;
    let kept = app
        .passwords
        .hash(&body.password)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let accepted = app.store.accept_invitation(author.clone(), link, kept);
    let user = accepted.await?.ok_or_else(not_valid)?;
    let account = Some(user.id.clone());
    let token = new_token()?;
    let session = new_session(
        &app,
        &headers,
        &token,
        account,
        store::SignInMethod::Password,
    );
    let session = app.store.open_session(author.named(&user), session).await?;
    let mut response = Json(describe(&app, session.expires).await?).into_response();
    hand_over(&app, &mut response, &token);
    Ok(response)
}

/// Sign out. Where the identity provider can be signed out of too, the
/// answer says how.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204, description = "signed out; clears the cookie"),
        (status = 200, body = SignedOut, description = "signed out here; clears the cookie")))]
pub(crate) async fn sign_out(State(app): Shared, access: Access) -> Result<Response, ApiError> {
    let session = access.session()?;
    let ended = app
        .store
        .end_session(access.author(&app), access.account(), &session.id)
        .await?;
    let onward = match ended.and_then(|ended| ended.id_token) {
        Some(id_token) => app
            .oidc
            .as_ref()
            .and_then(|provider| provider.sign_out_url(&id_token)),
        None => None,
    };
    let mut response = match onward {
        Some(url) => Json(SignedOut {
            provider_sign_out: Some(url),
        })
        .into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    Cookie::Session.write(&app.config, &mut response, "", 0);
    Ok(response)
}

pub(crate) fn wire(session: store::Session, current: Option<&str>) -> SessionEntry {
    SessionEntry {
        current: current == Some(session.id.as_str()),
        id: session.id,
        method: match session.method {
            store::SignInMethod::Link => SignInMethod::Link,
            store::SignInMethod::Password => SignInMethod::Password,
            store::SignInMethod::Oidc => SignInMethod::Oidc,
        },
        created: session.created,
        last_seen: session.last_seen,
        expires: session.expires,
        address: session.address,
        browser: session.browser,
    }
}

/// The browsers one is signed in with.
#[utoipa::path(get, path = "/sessions", tag = "session",
    responses((status = 200, body = Vec<SessionEntry>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
) -> Result<Json<Vec<SessionEntry>>, ApiError> {
    let current = access.session()?;
    let sessions = app
        .store
        .sessions(access.account(), app.clock.now())
        .await?;
    Ok(Json(
        sessions
            .into_iter()
            .map(|session| wire(session, Some(&current.id)))
            .collect(),
    ))
}

/// Sign one of one's browsers out.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "session",
    params(("id" = String, Path, description = "the session's id")),
    responses((status = 204, description = "signed out")))]
pub(crate) async fn end(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    access.session()?;
    app.store
        .end_session(access.author(&app), access.account(), &id)
        .await?
        .ok_or_else(|| ApiError::not_found("session"))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign every other browser of one's own out.
#[utoipa::path(delete, path = "/sessions", tag = "session",
    responses((status = 204, description = "signed out")))]
pub(crate) async fn end_others(State(app): Shared, access: Access) -> Result<StatusCode, ApiError> {
    let current = access.session()?;
    app.store
        .end_sessions(access.author(&app), access.account(), Some(&current.id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
