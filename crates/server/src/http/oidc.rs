//! Signing in through the identity provider: leaving, and coming back.
//!
//! What a browser leaves with is known here only by hashes, is good for
//! ten minutes, for one return and for the same browser.

use std::sync::Arc;

use api::session::{OidcCallbackQuery, OidcStartQuery};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use store::{ExternalUser, OidcAttempt};

use super::{
    Shared, access::Origin, cookie::Cookie, envelope::AsIs, error::ApiError, query::Query, session,
};
use crate::{
    app::App,
    oidc::{Attempt, OidcError, Provider},
    secret,
    work::engine::blocking,
};

/// How long somebody may take at the provider.
const ATTEMPT: SignedDuration = SignedDuration::from_mins(10);
/// The longest path to come back to.
const MAX_ONWARD: usize = 1024;

fn provider(app: &App) -> Result<Arc<Provider>, ApiError> {
    app.oidc
        .clone()
        .ok_or_else(|| ApiError::not_found("identity provider"))
}

/// Only a path of ours is a place to go on to.
fn onward(next: Option<String>) -> String {
    next.filter(|next| {
        next.starts_with('/')
            && !next.starts_with("//")
            && next.len() <= MAX_ONWARD
            && next
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    })
    .unwrap_or_else(|| "/".to_owned())
}

fn redirect(to: &str) -> Result<Response, ApiError> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).map_err(|error| ApiError::internal(&error))?;
    response.headers_mut().insert(header::LOCATION, to);
    Ok(response)
}

/// Leave for the identity provider.
#[utoipa::path(get, path = "/session/oidc/start", tag = "session", security(()),
    params(OidcStartQuery),
    responses((status = 303, description = "to the identity provider")))]
pub(crate) async fn start(
    State(app): Shared,
    origin: Origin,
    Query(query): Query<OidcStartQuery>,
) -> Result<Response, ApiError> {
    let provider = provider(&app)?;
    let now = app.clock.now();
    app.sign_ins.check("", &origin.key(), now)?;
    let (state, nonce) = (session::new_token()?, session::new_token()?);
    let (verifier, browser) = (session::new_token()?, session::new_token()?);
    let attempt = Attempt {
        state: state.reveal().to_owned(),
        nonce: nonce.reveal().to_owned(),
        verifier: verifier.reveal().to_owned(),
    };
    let kept = OidcAttempt {
        state_hash: state.hash(),
        browser_hash: browser.hash(),
        nonce: attempt.nonce.clone(),
        verifier: attempt.verifier.clone(),
        onward: onward(query.next),
        expires: now + ATTEMPT,
    };
    let url = match blocking(move || provider.sign_in_url(&attempt, now)).await {
        Ok(url) => url,
        Err(error) => return Ok(refused(&error)),
    };
    app.store.put_oidc_attempt(kept, now).await?;
    let mut response = redirect(&url)?;
    let age = ATTEMPT.as_secs().unsigned_abs();
    Cookie::Oidc.write(&app.config, &mut response, browser.reveal(), age);
    Ok(response)
}

/// Come back from the identity provider.
#[utoipa::path(get, path = "/session/oidc/callback", tag = "session", security(()),
    params(OidcCallbackQuery),
    responses((status = 303, description = "signed in; sets the cookie"),
        (status = 403, description = "a page that says why not", content_type = "text/html",
            body = String)))]
pub(crate) async fn callback(
    State(app): Shared,
    origin: Origin,
    headers: HeaderMap,
    Query(query): Query<OidcCallbackQuery>,
) -> Result<Response, ApiError> {
    let provider = provider(&app)?;
    let now = app.clock.now();
    let address = origin.key();
    app.sign_ins.check("", &address, now)?;
    let mut response = match come_back(&app, &provider, &origin, &headers, query).await? {
        Ok(response) => response,
        Err(response) => {
            app.sign_ins.failed("", &address, now);
            response
        }
    };
    Cookie::Oidc.write(&app.config, &mut response, "", 0);
    Ok(response)
}

async fn come_back(
    app: &Arc<App>,
    provider: &Arc<Provider>,
    origin: &Origin,
    headers: &HeaderMap,
    query: OidcCallbackQuery,
) -> Result<Result<Response, Response>, ApiError> {
    let now = app.clock.now();
    let state = query.state.unwrap_or_default();
    // Taken out before anything else is looked at: whatever is wrong
    // with the rest, this state is spent.
    let attempt = app.store.take_oidc_attempt(secret::hash(&state)).await?;
    let browser = Cookie::Oidc.read(&app.config, headers);
    let attempt = attempt.filter(|attempt| {
        let is_same_browser = browser
            .is_some_and(|browser| secret::is_same(&secret::hash(&browser), &attempt.browser_hash));
        is_same_browser && now < attempt.expires
    });
    let Some(attempt) = attempt else {
        tracing::info!("a return from the identity provider that nobody waits for was refused");
        return Ok(Err(page(
            "This sign-in was not begun in this browser, took longer than ten minutes, or was \
             used already.",
        )));
    };
    if query.iss.is_some_and(|issuer| issuer != provider.issuer()) {
        tracing::warn!("a return from another issuer was refused");
        return Ok(Err(page(
            "Another identity provider answered than was asked.",
        )));
    }
    let code = match (query.error, query.code) {
        (None, Some(code)) => code,
        (error, _) => {
            let error: String = error
                .unwrap_or_default()
                .chars()
                .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
                .take(60)
                .collect();
            tracing::info!(oidc.error = %error, "the identity provider refused a sign-in");
            return Ok(Err(page("The identity provider did not sign you in.")));
        }
    };
    let secrets = Attempt {
        state,
        nonce: attempt.nonce,
        verifier: attempt.verifier,
    };
    let asked = Arc::clone(provider);
    let person = match blocking(move || asked.redeem(&code, &secrets, now)).await {
        Ok(person) => person,
        Err(error) => return Ok(Err(refused(&error))),
    };
    let author = session::stranger(app, origin);
    let external = ExternalUser {
        issuer: provider.issuer().to_owned(),
        subject: person.subject,
        name: person.name,
        display_name: person.display_name,
        email: person.email,
        roles: person.roles,
    };
    let system = store::Author {
        kind: model::permission::ActorKind::System,
        name: "identity provider".to_owned(),
        ..author.clone()
    };
    let Some(user) = app.store.admit_external(system, external).await? else {
        return Ok(Err(page("This account is disabled here.")));
    };
    let token = session::new_token()?;
    let account = Some(user.id.clone());
    let new = session::new_session(app, headers, &token, account, store::SignInMethod::Oidc);
    let new = store::NewSession {
        provider_session: person.session,
        id_token: Some(person.id_token),
        ..new
    };
    app.store.open_session(author.named(&user), new).await?;
    tracing::info!(user.name = %user.name, "signed in through the identity provider");
    let mut response = redirect(&attempt.onward)?;
    session::hand_over(app, &mut response, &token);
    Ok(Ok(response))
}

/// Sign somebody out because the identity provider says so.
#[utoipa::path(post, path = "/session/oidc/logout", tag = "session", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "signed out"),
        (status = 400, description = "not the identity provider's word")))]
pub(crate) async fn back_channel(
    State(app): Shared,
    origin: Origin,
    body: String,
) -> Result<StatusCode, ApiError> {
    let provider = provider(&app)?;
    let now = app.clock.now();
    app.sign_ins.check("", &origin.key(), now)?;
    let token = url::form_urlencoded::parse(body.as_bytes())
        .find_map(|(name, value)| (name == "logout_token").then(|| value.into_owned()))
        .ok_or_else(|| ApiError::invalid("logout_token", "it is missing"))?;
    let asked = Arc::clone(&provider);
    let gone = match blocking(move || asked.logged_out(&token, now)).await {
        Ok(gone) => gone,
        Err(error) => {
            app.sign_ins.failed("", &origin.key(), now);
            tracing::info!(error = %model::error::chain(&error), "a logout token was refused");
            return Err(ApiError::invalid("logout_token", "it is not valid"));
        }
    };
    let author = store::Author {
        kind: model::permission::ActorKind::System,
        name: "identity provider".to_owned(),
        ..session::stranger(&app, &origin)
    };
    let subject = Some(gone.subject).filter(|subject| !subject.is_empty());
    app.store
        .end_provider_sessions(author, provider.issuer(), subject, gone.session)
        .await?;
    Ok(StatusCode::OK)
}

fn refused(error: &OidcError) -> Response {
    tracing::warn!(error = %model::error::chain(error), "single sign-on failed");
    page(match error {
        OidcError::Domain(_) => "Your e-mail address is not one this server lets in.",
        OidcError::NoRole(_) => {
            "You are known, but none of your groups has a role here. Ask whoever runs this server."
        }
        OidcError::Discovery(_) | OidcError::Client(_) => {
            "The identity provider cannot be reached at the moment."
        }
        OidcError::Secret { .. } | OidcError::Unusable(_) => {
            "Single sign-on is not set up right. The server's log says what is wrong."
        }
        OidcError::Exchange(_) | OidcError::Claims(_) => {
            "The identity provider's answer could not be believed."
        }
    })
}

/// A browser is looking: words instead of JSON.
fn page(why: &'static str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Not signed in · Seawall\
         </title>\n<h1>Not signed in</h1>\n<p>{why}</p>\n<p><a href=\"/sign-in\">Try again</a></p>\
         \n</html>\n"
    );
    let mut response = (StatusCode::FORBIDDEN, axum::response::Html(html)).into_response();
    response.extensions_mut().insert(AsIs);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_to_a_path_of_ours_only() {
        let to = |next: &str| onward(Some(next.to_owned()));
        assert_eq!(to("/findings?q=a"), "/findings?q=a");
        for elsewhere in [
            "https://evil.example",
            "//evil.example",
            "/\\evil",
            "",
            "x",
            "/a\nb",
        ] {
            assert_eq!(to(elsewhere), "/", "{elsewhere}");
        }
    }
}
