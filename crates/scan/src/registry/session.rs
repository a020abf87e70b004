//! Talking to one registry, as whoever we are. Whoever asks a registry
//! for something else than an image (`registry`) begins here as well.

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
};

use fetch::{Client, FetchError, Request, Response, Url};
use model::{Cancel, Clock as _, SystemClock};
use serde::Deserialize;

use super::{
    RegistryError,
    challenge::Challenge,
    credentials::{self, Login},
};
use crate::{Reference, RegistryOptions, options, reference};

const LARGEST_TOKEN: u64 = 1 << 20;
const LARGEST_DETAIL: u64 = 64 << 10;

/// Requests to one registry, with the authorization it asked for.
pub struct Session {
    client: Client,
    /// What is asked for, in messages.
    about: String,
    registry: String,
    base: Url,
    /// What a token is asked for, where the registry does not say.
    scope: String,
    cancel: Cancel,
    login: Login,
    /// Why no credentials were found, if something went wrong.
    trouble: Option<String>,
    authorization: Mutex<Option<String>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("about", &self.about)
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A request not yet sent, so that it can be sent again.
#[derive(Debug)]
pub struct Draft {
    url: Url,
    method: Method,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    Head,
    Post,
    Put,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    message: String,
}

impl Draft {
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }
}

impl Session {
    /// For one repository.
    pub(super) fn new(
        reference: &Reference,
        options: &RegistryOptions,
        cancel: &Cancel,
    ) -> Result<Self, RegistryError> {
        let (registry, repository) = (&reference.registry, &reference.repository);
        let client = Client::new(&options.fetch).map_err(|source| RegistryError::Fetch {
            image: reference.to_string(),
            source,
        })?;
        Self::open(client, registry, repository, "pull", options, cancel).map(|session| Self {
            about: reference.to_string(),
            ..session
        })
    }

    /// For one repository of a registry, to do there what `actions` says
    /// (`pull`, `pull,push`); for the registry itself where the name of
    /// the repository is empty.
    pub fn open(
        client: Client,
        registry: &str,
        repository: &str,
        actions: &str,
        options: &RegistryOptions,
        cancel: &Cancel,
    ) -> Result<Self, RegistryError> {
        let host = reference::api_host(registry);
        let (path, scope, about) = if repository.is_empty() {
            let scope = "registry:catalog:*".to_owned();
            (String::new(), scope, registry.to_owned())
        } else {
            (
                format!("{repository}/"),
                format!("repository:{repository}:{actions}"),
                format!("{registry}/{repository}"),
            )
        };
        let parse = |scheme: &str| -> Result<Url, RegistryError> {
            Url::parse(&format!("{scheme}://{host}/v2/{path}"))
                .map_err(|_invalid| RegistryError::Address(registry.to_owned()))
        };
        let secure = parse("https")?;
        let is_insecure =
            fetch::is_loopback(&secure) || options.insecure.iter().any(|name| name == host);
        let base = if is_insecure { parse("http")? } else { secure };
        let (login, trouble) = match (&options.credentials, &options.token) {
            (Some(credentials), _) => (Login::Password(credentials.clone()), None),
            (None, Some(options::Token::Bearer(token))) => (Login::Token(token.clone()), None),
            (None, Some(options::Token::Identity(token))) => (Login::Identity(token.clone()), None),
            (None, None) => match &options.docker_config {
                Some(config) => credentials::find(config, registry, repository),
                None => Default::default(),
            },
        };
        Ok(Self {
            client,
            about,
            registry: registry.to_owned(),
            base,
            scope,
            cancel: cancel.clone(),
            login,
            trouble,
            authorization: Mutex::new(None),
        })
    }

    /// A request to a path, or to an address the registry gave: that must
    /// be its own, for it is told who we are.
    pub fn get(&self, path: &str) -> Result<Draft, RegistryError> {
        let url = self.base.join(path);
        let mut url = url.map_err(|_invalid| RegistryError::Address(self.registry.clone()))?;
        let is_own_host =
            url.host() == self.base.host() && matches!(url.scheme(), "http" | "https");
        if is_own_host && url.scheme() != self.base.scheme() {
            // A registry behind somebody else's TLS does not know it is.
            let port = self.base.port();
            let is_moved = url.set_scheme(self.base.scheme()).is_ok() && url.set_port(port).is_ok();
            if !is_moved {
                return Err(RegistryError::Address(self.registry.clone()));
            }
        }
        if url.origin() != self.base.origin() {
            return Err(RegistryError::Elsewhere {
                image: self.about.clone(),
                host: url.host_str().unwrap_or_default().to_owned(),
            });
        }
        Ok(Draft {
            url,
            method: Method::Get,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    pub fn head(&self, path: &str) -> Result<Draft, RegistryError> {
        Ok(self.get(path)?.method(Method::Head))
    }

    pub fn post(&self, path: &str) -> Result<Draft, RegistryError> {
        Ok(self.get(path)?.method(Method::Post))
    }

    pub fn put(&self, path: &str) -> Result<Draft, RegistryError> {
        Ok(self.get(path)?.method(Method::Put))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Sends a request, answering one demand for credentials. An answer
    /// that is no success is an error.
    pub fn send(&self, draft: &Draft) -> Result<Response, RegistryError> {
        let known = self.authorization();
        let response = self.send_as(draft, known.as_deref())?;
        if response.status != 401 {
            return self.expect_success(response);
        }
        let challenge = response
            .headers("www-authenticate")
            .filter_map(Challenge::parse)
            .max_by_key(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        let Some(challenge) = challenge else {
            return self.expect_success(response);
        };
        // Another layer's download may have renewed the token meanwhile.
        let current = self.authorization();
        let authorization = if current == known {
            self.authorize(&challenge)?
        } else {
            current
        };
        let Some(authorization) = authorization else {
            return self.expect_success(response);
        };
        *self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(authorization.clone());
        let response = self.send_as(draft, Some(&authorization))?;
        self.expect_success(response)
    }

    fn authorization(&self) -> Option<String> {
        let lock = self.authorization.lock();
        lock.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn send_as(
        &self,
        draft: &Draft,
        authorization: Option<&str>,
    ) -> Result<Response, RegistryError> {
        let url = &draft.url;
        let mut request = match draft.method {
            Method::Get => self.client.get(url),
            Method::Head => self.client.head(url),
            Method::Post => self.client.post(url).body(draft.body.as_slice()),
            Method::Put => self.client.put(url).body(draft.body.as_slice()),
        };
        for (name, value) in &draft.headers {
            request = request.header(name, value.as_ref());
        }
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        self.run(request)
    }

    fn run(&self, request: Request<'_>) -> Result<Response, RegistryError> {
        // A compressed blob must arrive as it is: its digest is known.
        let request = request
            .header("Accept-Encoding", "identity")
            .cancel(&self.cancel);
        request.send().map_err(|source| self.fetch_error(source))
    }

    pub(super) fn fetch_error(&self, source: FetchError) -> RegistryError {
        RegistryError::Fetch {
            image: self.about.clone(),
            source,
        }
    }

    /// The value of the `Authorization` header that answers a challenge;
    /// `None` if we are nobody and the registry wants somebody.
    fn authorize(&self, challenge: &Challenge) -> Result<Option<String>, RegistryError> {
        if let Login::Token(token) = &self.login {
            return Ok(Some(format!("Bearer {token}")));
        }
        let (realm, service, scope) = match challenge {
            Challenge::Basic => {
                return Ok(match &self.login {
                    Login::Password(credentials) => Some(credentials::basic(credentials)),
                    Login::Anonymous | Login::Identity(_) | Login::Token(_) => None,
                });
            }
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => (realm, service, scope),
        };
        let refuse = |reason: String| RegistryError::LogIn {
            registry: self.registry.clone(),
            reason,
        };
        let mut url = Url::parse(realm)
            .map_err(|error| refuse(format!("its token service has no valid address: {error}")))?;
        let may_be_plain = self.base.scheme() == "http";
        if url.scheme() != "https" && !(url.scheme() == "http" && may_be_plain) {
            return Err(refuse(
                "its token service is not reached over https".to_owned(),
            ));
        }
        let scope = scope.clone().unwrap_or_else(|| self.scope.clone());
        let request = if let Login::Identity(token) = &self.login {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "seawall")
                .append_pair("scope", &scope)
                .append_pair("refresh_token", token);
            if let Some(service) = service {
                form.append_pair("service", service);
            }
            self.client
                .post(&url)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form.finish())
        } else {
            url.query_pairs_mut().append_pair("scope", &scope);
            if let Some(service) = service {
                url.query_pairs_mut().append_pair("service", service);
            }
            let request = self.client.get(&url);
            match &self.login {
                Login::Password(credentials) => {
                    request.header("Authorization", credentials::basic(credentials))
                }
                Login::Anonymous | Login::Identity(_) | Login::Token(_) => request,
            }
        };
        let response = self.run(request)?;
        if matches!(response.status, 400 | 401 | 403) {
            return if self.login == Login::Anonymous {
                Ok(None)
            } else {
                Err(self.refused(detail(response)))
            };
        }
        if !response.is_success() {
            return Err(self.failed(response));
        }
        let token: Token = response
            .json(LARGEST_TOKEN)
            .map_err(|source| self.fetch_error(source))?;
        match token.token.or(token.access_token) {
            Some(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(format!("Bearer {token}")))
            }
            _ => Err(refuse("its token service gave no usable token".to_owned())),
        }
    }

    fn expect_success(&self, response: Response) -> Result<Response, RegistryError> {
        if response.is_success() {
            Ok(response)
        } else {
            Err(self.failed(response))
        }
    }

    fn refused(&self, detail: String) -> RegistryError {
        RegistryError::CredentialsRefused {
            image: self.about.clone(),
            registry: self.registry.clone(),
            detail,
        }
    }

    fn failed(&self, response: Response) -> RegistryError {
        let (image, registry) = (self.about.clone(), self.registry.clone());
        let status = response.status;
        let retry_after = response
            .header("retry-after")
            .and_then(|text| fetch::parse_retry_after(text, SystemClock.now()));
        let detail = detail(response);
        match status {
            401 if self.login == Login::Anonymous => RegistryError::CredentialsWanted {
                image,
                registry,
                detail: self.trouble.clone().unwrap_or(detail),
            },
            401 => self.refused(detail),
            403 => RegistryError::Denied {
                image,
                registry,
                detail,
            },
            404 => RegistryError::NotFound { image, detail },
            429 => RegistryError::RateLimited {
                image,
                registry,
                retry_after,
            },
            status => RegistryError::Status {
                image,
                status,
                detail,
            },
        }
    }
}

/// The registry's own words, if it has any fit to print.
fn detail(response: Response) -> String {
    let Ok(errors) = response.json::<Errors>(LARGEST_DETAIL) else {
        return String::new();
    };
    let mut messages = errors.errors.into_iter().map(|entry| entry.message);
    let message = messages.find(|message| !message.is_empty());
    message
        .unwrap_or_default()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect()
}
