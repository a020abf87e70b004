//! Accounts, and one's own.

use std::sync::Arc;

use api::{
    Me, RoleBinding, SessionEntry, User,
    permission::EnvironmentPermissions,
    user::{
        FirstAccount, Invitation, NewUser, PasswordChange, UserChange, UserMade, UserQuery,
        UserSource, UserState,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use model::{
    Role,
    permission::{ActorKind, Binding, Reach},
};
use store::UserRefusal;

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{self, Body, Query},
    session,
};
use crate::{app::App, password};

const MAX_TEXT: usize = 100;
const MAX_ROLES: usize = 50;

/// Who is asking, and what they may do.
#[utoipa::path(get, path = "/me", tag = "people",
    responses((status = 200, body = Me)))]
pub(crate) async fn me(State(app): Shared, access: Access) -> Result<Json<Me>, ApiError> {
    let actor = &access.actor;
    let now = app.clock.now();
    let user = match (actor.kind, access.account()) {
        (ActorKind::User, Some(id)) => app.store.user(id, now).await?,
        _ => None,
    };
    let reach = actor.rights.any_reach();
    let known = app.store.environments().await?;
    let words = |permissions: model::permission::Permissions| {
        permissions.iter().map(Into::into).collect::<Vec<_>>()
    };
    Ok(Json(Me {
        kind: actor.kind.into(),
        id: actor.id.clone(),
        name: actor.name.clone(),
        display_name: user
            .as_ref()
            .map_or_else(|| actor.name.clone(), |user| user.display_name.clone()),
        email: user.as_ref().and_then(|user| user.email.clone()),
        has_password: user.as_ref().is_some_and(|user| user.has_password),
        roles: user
            .map(|user| user.roles.into_iter().map(Into::into).collect())
            .unwrap_or_default(),
        everywhere: words(actor.rights.everywhere()),
        environments: known
            .into_iter()
            .filter(|environment| reach.contains(&environment.name))
            .map(|environment| EnvironmentPermissions {
                permissions: words(actor.rights.within(&environment.name)),
                environment: environment.name,
            })
            .collect(),
        first_account_needed: actor.kind == ActorKind::Owner && !app.store.has_accounts().await?,
    }))
}

/// Change one's own password. Ends every other session of one's own.
#[utoipa::path(post, path = "/me/password", tag = "people", request_body = PasswordChange,
    responses((status = 204, description = "changed"),
        (status = 403, description = "the old password is not the right one"),
        (status = 429, description = "too many attempts")))]
pub(crate) async fn change_password(
    State(app): Shared,
    access: Access,
    Body(body): Body<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let session = access.session()?;
    let Some(id) = access.account() else {
        return Err(ApiError::conflict(
            "no_password",
            "the owner has no password; make an account instead",
        ));
    };
    let author = access.author(&app);
    let (name, address) = (author.name.clone(), access.origin.key());
    app.sign_ins.check(&name, &address, author.time)?;
    let Some(kept) = app.store.password_hash(id).await? else {
        return Err(ApiError::conflict(
            "no_password",
            "this account signs in through the identity provider; change the password there",
        ));
    };
    let internal = |error: password::PasswordError| ApiError::internal(&error);
    let fits = app.passwords.verify(&body.old, Some(kept)).await;
    if !fits.map_err(internal)? {
        app.sign_ins.failed(&name, &address, author.time);
        return Err(ApiError::forbidden(
            "wrong_password",
            "the old password is not the right one",
        ));
    }
    password::judge(&body.new, &name).map_err(|why| ApiError::invalid("/new", why))?;
    let kept = app.passwords.hash(&body.new).await.map_err(internal)?;
    let keep = Some(session.id.clone());
    app.store
        .set_password(author, id, kept, keep)
        .await?
        .map_err(refusal)?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(user: store::User) -> User {
    User {
        source: if user.external {
            UserSource::Oidc
        } else {
            UserSource::Local
        },
        state: if user.disabled {
            UserState::Disabled
        } else if user.has_password || user.external {
            UserState::Active
        } else {
            UserState::Invited
        },
        id: user.id,
        name: user.name,
        display_name: user.display_name,
        email: user.email,
        roles: user.roles.into_iter().map(Into::into).collect(),
        created: user.created,
        last_sign_in: user.last_sign_in,
        sessions: user.sessions,
        tokens: user.tokens,
    }
}

fn refusal(refusal: UserRefusal) -> ApiError {
    match refusal {
        UserRefusal::Missing => ApiError::not_found("user"),
        UserRefusal::NameTaken => ApiError::conflict("name_taken", "another account has this name"),
        UserRefusal::LastAdministrator => ApiError::conflict(
            "last_administrator",
            "this is the last platform admin for all environments; make another one first",
        ),
        UserRefusal::NotFirst => ApiError::conflict(
            "not_first",
            "there are accounts already; a platform admin can make more",
        ),
        UserRefusal::External => ApiError::conflict(
            "external_account",
            "the identity provider answers for this account's name, address, groups and password",
        ),
    }
}

/// A sign-in name, as it is kept.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let name = text.trim().to_lowercase();
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte));
    if !is_plain || !(2..=64).contains(&name.len()) {
        return Err("expected 2 to 64 of a-z, 0-9, '.', '_', '-' and '@'".to_owned());
    }
    // Names the audit trail uses for those without an account.
    if ["owner", "seawall"].contains(&name.as_str()) {
        return Err(format!("'{name}' is not for people"));
    }
    Ok(name)
}

pub(crate) fn text(pointer: &str, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let is_fit =
        !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    if is_fit {
        Ok(text.to_owned())
    } else {
        Err(ApiError::invalid(
            pointer,
            format!("expected 1 to {MAX_TEXT} characters on one line"),
        ))
    }
}

fn email(given: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(given) = given.filter(|given| !given.trim().is_empty()) else {
        return Ok(None);
    };
    let address = text("/email", &given)?;
    match address.split_once('@') {
        Some((name, domain)) if !name.is_empty() && domain.contains('.') => Ok(Some(address)),
        _ => Err(ApiError::invalid("/email", "expected name@example.org")),
    }
}

/// Roles that can be given: each bound to environments that exist, or to
/// all.
async fn roles(app: &App, given: Vec<RoleBinding>) -> Result<Vec<Binding>, ApiError> {
    if given.len() > MAX_ROLES {
        return Err(ApiError::invalid(
            "/roles",
            format!("expected at most {MAX_ROLES}"),
        ));
    }
    let known = app.store.environments().await?;
    let mut roles: Vec<Binding> = Vec::new();
    for (place, binding) in given.into_iter().enumerate() {
        let binding = Binding::from(binding);
        let pointer = format!("/roles/{place}/environments");
        if binding.reach.is_empty() {
            return Err(ApiError::invalid(
                &pointer,
                "expected environments, or '*' for all",
            ));
        }
        if let Reach::Only(names) = &binding.reach {
            for name in names {
                if !known.iter().any(|environment| environment.name == *name) {
                    return Err(ApiError::invalid(
                        &pointer,
                        format!("no environment has the id '{name}'"),
                    ));
                }
            }
        }
        if !roles.contains(&binding) {
            roles.push(binding);
        }
    }
    Ok(roles)
}

/// All accounts.
#[utoipa::path(get, path = "/users", tag = "people", params(UserQuery),
    responses((status = 200, body = Vec<User>)))]
pub(crate) async fn list(
    State(app): Shared,
    Query(query): Query<UserQuery>,
) -> Result<Json<Vec<User>>, ApiError> {
    let text = query::text(query.q);
    let users = app.store.users(text.as_deref(), app.clock.now()).await?;
    Ok(Json(users.into_iter().map(wire).collect()))
}

/// Make an account. Without a password, the answer holds a one-time link
/// to choose one with.
#[utoipa::path(post, path = "/users", tag = "people", request_body = NewUser,
    responses((status = 201, body = UserMade),
        (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewUser>,
) -> Result<(StatusCode, Json<UserMade>), ApiError> {
    let name = name(&body.name).map_err(|why| ApiError::invalid("/name", why))?;
    let display_name = match &body.display_name {
        Some(display_name) => text("/display_name", display_name)?,
        None => name.clone(),
    };
    let password = match &body.password {
        Some(password) => {
            password::judge(password, &name).map_err(|why| ApiError::invalid("/password", why))?;
            let kept = app.passwords.hash(password).await;
            Some(kept.map_err(|error| ApiError::internal(&error))?)
        }
        None => None,
    };
    let has_password = password.is_some();
    let new = store::NewUser {
        name,
        display_name,
        email: email(body.email)?,
        password,
        roles: roles(&app, body.roles).await?,
    };
    let made = app.store.create_user(access.author(&app), new).await?;
    let user = made.map_err(refusal)?;
    let made = if has_password {
        UserMade {
            user: wire(user),
            invitation: None,
        }
    } else {
        invite(&app, &access, &user.id).await?
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// A new one-time link for an account.
async fn invite(app: &Arc<App>, access: &Access, id: &str) -> Result<UserMade, ApiError> {
    let token = session::new_token()?;
    let author = access.author(app);
    let expires = author.time + app.config.session.link_lifetime.0;
    let invited = app.store.invite(author, id, token.hash(), expires).await?;
    Ok(UserMade {
        user: wire(invited.map_err(refusal)?),
        invitation: Some(Invitation {
            // After '#', the token stays out of every log on the way.
            link: format!("{}/sign-in#invitation={}", app.public_url(), token.reveal()),
            expires,
        }),
    })
}

/// Make the first account, as the owner, while there is none. It gets
/// both admin roles everywhere; this browser is signed in with it, and
/// the owner's link and sessions end.
#[utoipa::path(post, path = "/first-account", tag = "people", request_body = FirstAccount,
    responses((status = 201, body = User, description = "made; changes the cookie"),
        (status = 409, description = "there are accounts already")))]
pub(crate) async fn create_first(
    State(app): Shared,
    access: Access,
    headers: HeaderMap,
    Body(body): Body<FirstAccount>,
) -> Result<Response, ApiError> {
    access.session()?;
    if access.actor.kind != ActorKind::Owner {
        return Err(refusal(UserRefusal::NotFirst));
    }
    let name = name(&body.name).map_err(|why| ApiError::invalid("/name", why))?;
    let display_name = match &body.display_name {
        Some(display_name) => text("/display_name", display_name)?,
        None => name.clone(),
    };
    password::judge(&body.password, &name).map_err(|why| ApiError::invalid("/password", why))?;
    let kept = app.passwords.hash(&body.password).await;
    let everywhere = |role| Binding {
        role,
        reach: Reach::Everywhere,
    };
    let new = store::NewUser {
        name,
        display_name,
        email: None,
        password: Some(kept.map_err(|error| ApiError::internal(&error))?),
        roles: vec![
            everywhere(Role::SecurityAdmin),
            everywhere(Role::PlatformAdmin),
        ],
    };
    let author = access.author(&app);
    let made = app.store.create_first_user(author.clone(), new).await?;
    let user = made.map_err(refusal)?;
    let token = session::new_token()?;
    let account = Some(user.id.clone());
    let new = session::new_session(
        &app,
        &headers,
        &token,
        account,
        store::SignInMethod::Password,
    );
    app.store.open_session(author.named(&user), new).await?;
    let mut response = (StatusCode::CREATED, Json(wire(user))).into_response();
    session::hand_over(&app, &mut response, &token);
    Ok(response)
}

/// One account.
#[utoipa::path(get, path = "/users/{id}", tag = "people",
    params(("id" = String, Path, description = "the account's id")),
    responses((status = 200, body = User)))]
pub(crate) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<User>, ApiError> {
    let user = app.store.user(&id, app.clock.now()).await?;
    Ok(Json(wire(user.ok_or_else(|| ApiError::not_found("user"))?)))
}

/// Change an account: its name for display, its roles, whether it can be
/// used. New roles and disabling end its sessions.
#[utoipa::path(patch, path = "/users/{id}", tag = "people", request_body = UserChange,
    params(("id" = String, Path, description = "the account's id")),
    responses((status = 200, body = User),
        (status = 409, description = "nobody could administer any more")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<UserChange>,
) -> Result<Json<User>, ApiError> {
    let change = store::UserChange {
        display_name: match &body.display_name {
            Some(display_name) => Some(text("/display_name", display_name)?),
            None => None,
        },
        email: match body.email {
            Some(given) => Some(email(Some(given))?),
            None => None,
        },
        roles: match body.roles {
            Some(given) => Some(roles(&app, given).await?),
            None => None,
        },
        disabled: body.disabled,
    };
    let changed = app.store.change_user(access.author(&app), &id, change);
    Ok(Json(wire(changed.await?.map_err(refusal)?)))
}

/// Remove an account with its sessions and tokens.
#[utoipa::path(delete, path = "/users/{id}", tag = "people",
    params(("id" = String, Path, description = "the account's id")),
    responses((status = 204, description = "removed"),
        (status = 409, description = "nobody could administer any more")))]
pub(crate) async fn delete(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let deleted = app.store.delete_user(access.author(&app), &id).await?;
    deleted.map_err(refusal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reset an account: its password stops working, its sessions end, and
/// the answer holds a one-time link to choose a new one with.
#[utoipa::path(post, path = "/users/{id}/reset", tag = "people",
    params(("id" = String, Path, description = "the account's id")),
    responses((status = 200, body = UserMade),
        (status = 409, description = "the identity provider answers for it")))]
pub(crate) async fn reset(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<UserMade>, ApiError> {
    Ok(Json(invite(&app, &access, &id).await?))
}

async fn find(app: &App, id: &str) -> Result<store::User, ApiError> {
    app.store
        .user(id, app.clock.now())
        .await?
        .ok_or_else(|| ApiError::not_found("user"))
}

/// The browsers an account is signed in with.
#[utoipa::path(get, path = "/users/{id}/sessions", tag = "people",
    params(("id" = String, Path, description = "the account's id")),
    responses((status = 200, body = Vec<SessionEntry>)))]
pub(crate) async fn sessions(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Vec<SessionEntry>>, ApiError> {
    let user = find(&app, &id).await?;
    let current = access.actor.session.as_ref();
    let sessions = app.store.sessions(Some(&user.id), app.clock.now()).await?;
    Ok(Json(
        sessions
            .into_iter()
            .map(|item| session::wire(item, current.map(|current| current.id.as_str())))
            .collect(),
    ))
}

/// Sign an account out everywhere.
#[utoipa::path(delete, path = "/users/{id}/sessions", tag = "people",
    params(("id" = String, Path, description = "the account's id")),
    responses((status = 204, description = "signed out")))]
pub(crate) async fn end_sessions(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let user = find(&app, &id).await?;
    app.store
        .end_sessions(access.author(&app), Some(&user.id), None)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_nobody_is_the_owner() {
        assert_eq!(name(" Ada@Example.org "), Ok("ada@example.org".to_owned()));
        for refused in ["a", "owner", "Seawall", "ada lovelace", "<b>", "é1", ""] {
            assert!(name(refused).is_err(), "{refused}");
        }
    }
}
