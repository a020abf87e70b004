//! Talking to one repository, as whoever we are.

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use fetch::{Client, FetchError, Request, Response, Url};
use model::Cancel;
use serde::Deserialize;

use super::{
    RegistryError,
    challenge::Challenge,
    credentials::{self, Login},
};
use crate::{Reference, RegistryOptions};

const LARGEST_TOKEN: u64 = 1 << 20;
const LARGEST_DETAIL: u64 = 64 << 10;

/// Requests to one repository, with the authorization it asked for.
pub(super) struct Session<'a> {
    client: Client,
    reference: &'a Reference,
    base: Url,
    cancel: &'a Cancel,
    login: Login,
    /// Why no credentials were found, if something went wrong.
    trouble: Option<String>,
    authorization: Mutex<Option<String>>,
}

/// A request not yet sent, so that it can be sent again.
pub(super) struct Draft {
    url: Url,
    is_head: bool,
    headers: Vec<(&'static str, Cow<'static, str>)>,
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
    pub(super) fn header(
        mut self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        reference: &'a Reference,
        options: &RegistryOptions,
        cancel: &'a Cancel,
    ) -> Result<Self, RegistryError> {
        let address = || RegistryError::Address(reference.registry.clone());
        let host = reference.api_host();
        let parse = |scheme: &str| -> Result<Url, RegistryError> {
            Url::parse(&format!("{scheme}://{host}/v2/{}/", reference.repository))
                .map_err(|_invalid| address())
        };
        let secure = parse("https")?;
        let is_insecure =
            fetch::is_loopback(&secure) || options.insecure.iter().any(|name| name == host);
        let base = if is_insecure { parse("http")? } else { secure };
        let client = Client::new(&options.fetch).map_err(|source| RegistryError::Fetch {
            image: reference.to_string(),
            source,
        })?;
        let (login, trouble) = match (&options.credentials, &options.docker_config) {
            (Some(credentials), _) => (Login::Password(credentials.clone()), None),
            (None, Some(config)) => {
                credentials::find(config, &reference.registry, &reference.repository)
            }
            (None, None) => Default::default(),
        };
        Ok(Self {
            client,
            reference,
            base,
            cancel,
            login,
            trouble,
            authorization: Mutex::new(None),
        })
    }

    pub(super) fn get(&self, path: &str) -> Result<Draft, RegistryError> {
        let url = self.base.join(path);
        let url =
            url.map_err(|_invalid| RegistryError::Address(self.reference.registry.clone()))?;
        Ok(Draft {
            url,
            is_head: false,
            headers: Vec::new(),
        })
    }

    pub(super) fn head(&self, path: &str) -> Result<Draft, RegistryError> {
        Ok(Draft {
            is_head: true,
            ..self.get(path)?
        })
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Sends a request, answering one demand for credentials. An answer
    /// that is no success is an error.
    pub(super) fn send(&self, draft: &Draft) -> Result<Response, RegistryError> {
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
        let mut request = if draft.is_head {
            self.client.head(&draft.url)
        } else {
            self.client.get(&draft.url)
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
            .cancel(self.cancel);
        request.send().map_err(|source| self.fetch_error(source))
    }

    pub(super) fn fetch_error(&self, source: FetchError) -> RegistryError {
        RegistryError::Fetch {
            image: self.reference.to_string(),
            source,
        }
    }

    /// The value of the `Authorization` header that answers a challenge;
    /// `None` if we are nobody and the registry wants somebody.
    fn authorize(&self, challenge: &Challenge) -> Result<Option<String>, RegistryError> {
        let (realm, service, scope) = match challenge {
            Challenge::Basic => {
                return Ok(match &self.login {
                    Login::Password(credentials) => Some(credentials::basic(credentials)),
                    Login::Anonymous | Login::Identity(_) => None,
                });
            }
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => (realm, service, scope),
        };
        let refuse = |reason: String| RegistryError::LogIn {
            registry: self.reference.registry.clone(),
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
        let scope = scope
            .clone()
            .unwrap_or_else(|| format!("repository:{}:pull", self.reference.repository));
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
                Login::Anonymous | Login::Identity(_) => request,
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
            image: self.reference.to_string(),
            registry: self.reference.registry.clone(),
            detail,
        }
    }

    fn failed(&self, response: Response) -> RegistryError {
        let image = self.reference.to_string();
        let registry = self.reference.registry.clone();
        let status = response.status;
        let retry_after = response.header("retry-after").and_then(|text| {
            let seconds = text.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        });
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
