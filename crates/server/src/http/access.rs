//! Who is asking, what they may do, and what each operation needs.
//!
//! Every operation declares its need beside its route
//! (`needs(View, routes!(image::list))`); the declaration is enforced
//! before the handler runs and written into the contract as
//! `x-needs`, which the authorization test and the reference page
//! are derived from. Where the need holds is a question of environments:
//! a handler takes [`Access`] and reads the record through
//! [`Access::scope`], so that rows out of reach do not exist for it.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request},
    http::{Extensions, StatusCode, request::Parts},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use model::{
    Permission,
    permission::{ActorKind, Reach, Rights},
};
use store::{Author, Scope};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa_axum::router::UtoipaMethodRouter;

use super::error::ApiError;
use crate::app::{App, LOCAL};

/// What an operation needs of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: signing in, and what leads there.
    Nothing,
    /// To be known; the operation is about the asker.
    SignedIn,
    /// The permission in at least one environment; the handler sees the
    /// rows of those alone.
    Somewhere(Permission),
    /// The permission in every environment: the operation's effect knows
    /// no environment.
    Everywhere(Permission),
}

impl Need {
    /// As the contract says it: `nothing`, `signed_in`, `view`, or
    /// `configure everywhere`.
    fn declared(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::SignedIn => "signed_in".to_owned(),
            Self::Somewhere(permission) => permission.as_str().to_owned(),
            Self::Everywhere(permission) => format!("{} everywhere", permission.as_str()),
        }
    }

    fn check(self, actor: &Actor) -> Result<(), ApiError> {
        match self {
            Self::Nothing | Self::SignedIn => Ok(()),
            Self::Somewhere(permission) if actor.rights.may_somewhere(permission) => Ok(()),
            Self::Everywhere(permission) if actor.rights.may_everywhere(permission) => Ok(()),
            Self::Somewhere(permission) => Err(lacks(permission, "")),
            Self::Everywhere(permission) => Err(lacks(permission, " for all environments")),
        }
    }
}

/// 403, naming the roles that would do.
fn lacks(permission: Permission, place: &str) -> ApiError {
    let roles: Vec<&str> = permission.roles().map(model::Role::title).collect();
    ApiError::forbidden(
        "not_permitted",
        format!(
            "this needs the permission '{}'{place}, which comes with the role {}",
            permission.as_str(),
            roles.join(" or ")
        ),
    )
}

/// Declares that `routes` need `permission` in at least one environment.
pub(crate) fn needs(
    permission: Permission,
    routes: UtoipaMethodRouter<Arc<App>>,
) -> UtoipaMethodRouter<Arc<App>> {
    declare(Need::Somewhere(permission), routes)
}

/// Declares that `routes` need `permission` in every environment.
pub(crate) fn needs_everywhere(
    permission: Permission,
    routes: UtoipaMethodRouter<Arc<App>>,
) -> UtoipaMethodRouter<Arc<App>> {
    declare(Need::Everywhere(permission), routes)
}

/// Declares that `routes` are for everybody who is signed in.
pub(crate) fn signed_in(routes: UtoipaMethodRouter<Arc<App>>) -> UtoipaMethodRouter<Arc<App>> {
    declare(Need::SignedIn, routes)
}

/// Declares that `routes` are for anybody at all.
pub(crate) fn nobody(routes: UtoipaMethodRouter<Arc<App>>) -> UtoipaMethodRouter<Arc<App>> {
    declare(Need::Nothing, routes)
}

fn declare(
    need: Need,
    (schemas, mut paths, methods): UtoipaMethodRouter<Arc<App>>,
) -> UtoipaMethodRouter<Arc<App>> {
    for item in paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let declared = ExtensionsBuilder::new()
                .add("x-needs", need.declared())
                .build();
            operation.extensions.get_or_insert_default().merge(declared);
        }
    }
    let methods = methods.route_layer(from_fn(move |request, next| enforce(need, request, next)));
    (schemas, paths, methods)
}

/// The layer `declare` puts before the handlers.
pub(crate) async fn enforce(need: Need, mut request: Request, next: Next) -> Response {
    if need != Need::Nothing {
        let verdict = match request.extensions().get::<Arc<Actor>>() {
            Some(actor) => need.check(actor),
            None => Err(ApiError::not_signed_in()),
        };
        if let Err(error) = verdict {
            return error.into_response();
        }
    }
    request.extensions_mut().insert(need);
    next.run(request).await
}

/// Where a request came from. Put into it by the envelope.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    /// The request's id.
    pub(crate) request: String,
}

impl Origin {
    /// As the envelope put it; nothing is known where there is none.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or(Self {
            address: None,
            request: String::new(),
        })
    }

    /// For counting what comes from one place. A household's or a
    /// server's IPv6 network is one place.
    pub(crate) fn key(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            Some(address) => address.to_string(),
            None => "nowhere".to_owned(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The session a browser asks with.
#[derive(Clone, Debug)]
pub(crate) struct CurrentSession {
    pub(crate) id: String,
    /// Of its cookie.
    pub(crate) hash: String,
    pub(crate) expires: Timestamp,
}

/// Whoever is asking. Put into the request by the guard.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) kind: ActorKind,
    /// The account's or the token's id; none for the owner.
    pub(crate) id: Option<String>,
    /// The account's or the token's name, or `owner`.
    pub(crate) name: String,
    /// The account behind it: a token's maker's. None: the owner.
    pub(crate) account: Option<String>,
    pub(crate) rights: Rights,
    /// Absent for tokens.
    pub(crate) session: Option<CurrentSession>,
    /// When a token stops working.
    pub(crate) expires: Option<Timestamp>,
}

impl Actor {
    /// Whoever holds the link the server printed.
    pub(crate) fn owner(session: CurrentSession) -> Self {
        Self {
            kind: ActorKind::Owner,
            id: None,
            name: "owner".to_owned(),
            account: None,
            rights: Rights::all(),
            session: Some(session),
            expires: None,
        }
    }
}

/// An actor who satisfies what the operation declared. The one extractor
/// handlers take to learn who asks and what they may see.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) actor: Arc<Actor>,
    pub(crate) origin: Origin,
    need: Need,
}

impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let extensions = &parts.extensions;
        // An operation that declares nothing gives access to nothing.
        let (Some(actor), Some(need)) = (
            extensions.get::<Arc<Actor>>(),
            extensions.get::<Need>().copied(),
        ) else {
            return Err(ApiError::not_signed_in());
        };
        Ok(Self {
            actor: Arc::clone(actor),
            origin: Origin::of(extensions),
            need,
        })
    }
}

impl Access {
    /// Where the declared permission holds.
    pub(crate) fn reach(&self) -> Reach {
        match self.need {
            Need::Somewhere(permission) | Need::Everywhere(permission) => {
                self.actor.rights.reach(permission)
            }
            Need::Nothing | Need::SignedIn => self.actor.rights.any_reach(),
        }
    }

    /// The rows the declared permission holds for: those of one
    /// environment, or of all within reach. An environment out of reach
    /// answers as one that does not exist: 404.
    pub(crate) async fn scope(
        &self,
        app: &App,
        environment: Option<&str>,
    ) -> Result<Scope, ApiError> {
        self.scope_of(app, &self.reach(), environment).await
    }

    /// The rows that may be looked at, for an operation that changes
    /// some of them: find the object here (404), then ask
    /// [`Self::require_in`] (403).
    pub(crate) async fn visible(&self, app: &App) -> Result<Scope, ApiError> {
        let reach = self.actor.rights.reach(Permission::View);
        self.scope_of(app, &reach, None).await
    }

    async fn scope_of(
        &self,
        app: &App,
        reach: &Reach,
        environment: Option<&str>,
    ) -> Result<Scope, ApiError> {
        app.store
            .scope_within(reach, environment)
            .await?
            .ok_or_else(|| ApiError::not_found("environment"))
    }

    /// Refuses unless the declared permission holds in `environment`:
    /// 404 where it cannot even be seen, 403 where it can.
    pub(crate) fn require_in(&self, environment: &str) -> Result<(), ApiError> {
        let rights = &self.actor.rights;
        let (Need::Somewhere(permission) | Need::Everywhere(permission)) = self.need else {
            return Ok(());
        };
        if rights.may(permission, environment) {
            Ok(())
        } else if rights.may(Permission::View, environment) {
            Err(lacks(
                permission,
                &format!(" in the environment '{environment}'"),
            ))
        } else {
            Err(ApiError::not_found("environment"))
        }
    }

    /// The environment of whoever cannot say which: a token that is for
    /// one says it.
    pub(crate) fn own_environment(&self, permission: Permission) -> String {
        match self.actor.rights.reach(permission) {
            Reach::Only(names) if names.len() == 1 => names.into_iter().next(),
            _ => None,
        }
        .unwrap_or_else(|| LOCAL.to_owned())
    }

    /// Who it was, for what the store records of a change.
    pub(crate) fn author(&self, app: &App) -> Author {
        Author {
            kind: self.actor.kind,
            id: self.actor.id.clone(),
            name: self.actor.name.clone(),
            address: self.origin.address.map(|address| address.to_string()),
            request: Some(self.origin.request.clone()),
            time: app.clock.now(),
        }
    }

    /// The account that asks, itself or by a token; none: the owner.
    pub(crate) fn account(&self) -> Option<&str> {
        self.actor.account.as_deref()
    }

    /// Refuses tokens: some things are for people at a browser.
    pub(crate) fn session(&self) -> Result<&CurrentSession, ApiError> {
        self.actor.session.as_ref().ok_or_else(|| {
            ApiError::new(
                StatusCode::FORBIDDEN,
                "needs_a_session",
                "an API token cannot do this; sign in with a browser",
            )
        })
    }
}
