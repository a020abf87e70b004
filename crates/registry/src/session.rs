//! Talking to the registry as the account: log-ins that last as long as
//! their tokens, sessions kept for the next question, and lists.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use fetch::{Guard, Settings, Url};
use jiff::Timestamp;
use object_store::aws::AwsCredential;
use scan::{Credentials, RegistryOptions, Session, Token};
use serde::Deserialize;

use crate::{
    Account, AskError, Credential, Kind, Listing, Registry,
    listing::{Page, next_link},
};

/// A registry that says "later" and not when.
pub(crate) const UNTOLD_WAIT: Duration = Duration::from_mins(1);
/// One that says "next year".
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// A document that takes longer is not waited for.
const LONGEST_ANSWER: Duration = Duration::from_mins(2);
/// Tokens are renewed so long before they end.
const EARLY: Duration = Duration::from_mins(5);
/// Sessions, each with its token, that are kept.
const MOST_SESSIONS: usize = 64;
/// Names asked for at once; more is refused by some.
const PAGE: usize = 1_000;
/// A registry that knows no pages sends a hundred thousand tags at once.
const LARGEST_PAGE: u64 = 64 << 20;

/// What is kept between questions.
#[derive(Default)]
pub(crate) struct State {
    login: Option<Login>,
    /// AWS's own credentials and when they were got.
    pub(crate) aws: Option<(Timestamp, Arc<AwsCredential>)>,
    sessions: HashMap<(String, &'static str), Arc<Session>>,
}

/// How to log in, and until when that is good.
#[derive(Clone, Default)]
pub(crate) struct Login {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) token: Option<Token>,
    pub(crate) until: Option<Timestamp>,
}

impl Login {
    pub(crate) fn password(username: &str, password: &str) -> Self {
        Self {
            credentials: Some(Credentials {
                username: username.to_owned(),
                password: password.to_owned(),
            }),
            ..Self::default()
        }
    }
}

/// How this account's requests are made.
pub(crate) fn settings(account: &Account) -> Settings {
    Settings {
        // Waiting is the caller's, who has other registries to ask.
        retries: 2,
        longest_wait: Duration::from_secs(3),
        total_timeout: Some(LONGEST_ANSWER),
        ..transport(account)
    }
}

fn transport(account: &Account) -> Settings {
    let is_loopback = |address: &str| Url::parse(address).is_ok_and(|url| fetch::is_loopback(&url));
    let is_own = is_loopback(&format!("http://{}/", account.address))
        || account.endpoint.as_deref().is_some_and(is_loopback);
    Settings {
        authorities: account.trust.authorities.clone(),
        guard: Some(Guard {
            allow_private: account.trust.allow_private,
            allow_loopback: is_own,
        }),
        ..Settings::default()
    }
}

#[derive(Deserialize)]
struct Catalogue {
    #[serde(default)]
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct HarborRepository {
    name: String,
}

impl Registry {
    /// Whether the registry is there and accepts the account.
    pub fn check(&self) -> Result<(), AskError> {
        let whole = self.account.repositories.iter();
        let named = whole.into_iter().find(|pattern| !pattern.ends_with('*'));
        let mut tags = match named {
            Some(repository) => self.tags(repository)?,
            None => self.repositories()?,
        };
        match tags.next() {
            Some(Err(error)) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// What [`scan::scan`] needs to read an image here, credentials
    /// included. Those of clouds end after some hours: ask before each scan.
    pub fn scan_options(&self) -> Result<RegistryOptions, AskError> {
        let login = self.login()?;
        Ok(RegistryOptions {
            insecure: self.insecure(),
            docker_config: self.account.docker_config.clone(),
            credentials: login.credentials,
            token: login.token,
            fetch: transport(&self.account),
        })
    }

    fn insecure(&self) -> Vec<String> {
        let is_plain = self.account.trust.plain_http;
        is_plain
            .then(|| self.account.address.clone())
            .into_iter()
            .collect()
    }

    /// The scheme and host of the registry itself.
    pub(crate) fn base(&self) -> Result<Url, AskError> {
        let address = &self.account.address;
        let of = |scheme: &str| {
            Url::parse(&format!("{scheme}://{address}/")).map_err(|error| AskError::Account {
                field: "address",
                reason: error.to_string(),
            })
        };
        let secure = of("https")?;
        if self.account.trust.plain_http || fetch::is_loopback(&secure) {
            of("http")
        } else {
            Ok(secure)
        }
    }

    /// A session to do `actions` in a repository, or at the registry
    /// itself where that is empty.
    pub(crate) fn session(
        &self,
        repository: &str,
        actions: &'static str,
    ) -> Result<Arc<Session>, AskError> {
        let (registry, repository) = if repository.is_empty() {
            (self.reference("any/name", "x")?.registry, String::new())
        } else {
            let reference = self.reference(repository, "x")?;
            (reference.registry, reference.repository)
        };
        let login = self.login()?;
        let key = (repository, actions);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = state.sessions.get(&key) {
            return Ok(Arc::clone(session));
        }
        let options = RegistryOptions {
            insecure: self.insecure(),
            docker_config: self.account.docker_config.clone(),
            credentials: login.credentials,
            token: login.token,
            ..RegistryOptions::default()
        };
        let client = self.client.clone();
        let session = Session::open(client, &registry, &key.0, actions, &options, &self.cancel);
        let session = Arc::new(session.map_err(|error| self.failed(error))?);
        if state.sessions.len() >= MOST_SESSIONS {
            state.sessions.clear();
        }
        state.sessions.insert(key, Arc::clone(&session));
        Ok(session)
    }

    /// How the account logs in now.
    pub(crate) fn login(&self) -> Result<Login, AskError> {
        let soon = self.now().saturating_add(EARLY).unwrap_or(Timestamp::MAX);
        {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(login) = &state.login
                && login.until.is_none_or(|until| until > soon)
            {
                return Ok(login.clone());
            }
        }
        let login = self.log_in()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.login = Some(login.clone());
        // Their tokens were got by the log-in that ends.
        state.sessions.clear();
        Ok(login)
    }

    fn log_in(&self) -> Result<Login, AskError> {
        match &self.account.credential {
            Credential::Anonymous => Ok(Login::default()),
            Credential::Basic { username, password } => {
                Ok(Login::password(username, password.reveal()))
            }
            Credential::Token { token } => Ok(match self.account.kind {
                // Where a token is a password, it has a name to go with.
                Kind::Quay => Login::password("$oauthtoken", token.reveal()),
                Kind::Ghcr => Login::password("token", token.reveal()),
                Kind::Azure => Login::password(crate::cloud::azure::NOBODY, token.reveal()),
                Kind::Amazon => Login::password("AWS", token.reveal()),
                Kind::Google => Login::password("oauth2accesstoken", token.reveal()),
                Kind::Distribution | Kind::Harbor | Kind::DockerHub => Login {
                    token: Some(Token::Bearer(token.reveal().to_owned())),
                    ..Login::default()
                },
            }),
            Credential::ServicePrincipal { .. } | Credential::RefreshToken { .. } => {
                self.log_in_to_azure()
            }
            Credential::ManagedIdentity { .. } if self.account.kind == Kind::Google => {
                self.log_in_to_google()
            }
            Credential::ManagedIdentity { .. } => self.log_in_to_azure(),
            Credential::Aws { .. } => self.log_in_to_amazon(),
            Credential::ServiceAccount { .. } => self.log_in_to_google(),
        }
    }

    /// Every repository: those the account names, else the registry's
    /// catalogue, page by page.
    pub fn repositories(&self) -> Result<Listing<'_>, AskError> {
        let what = format!("the catalogue of {}", self.account.address);
        let patterns = &self.account.repositories;
        if !patterns.is_empty() && patterns.iter().all(|pattern| !pattern.ends_with('*')) {
            return Ok(Listing::known(what, patterns.clone()));
        }
        let all = match self.account.kind {
            Kind::Amazon if matches!(self.account.credential, Credential::Aws { .. }) => {
                self.repositories_of_amazon(what)
            }
            Kind::Google => self.repositories_of_google(what)?,
            Kind::Harbor => self.repositories_of_harbor(what),
            Kind::DockerHub | Kind::Ghcr => self.repositories_of_owners(what),
            _ => self.catalogue(what)?,
        };
        Ok(all.only(patterns.clone()))
    }

    fn catalogue(&self, what: String) -> Result<Listing<'_>, AskError> {
        let session = self.session("", "")?;
        Ok(Listing::new(what, move |next| {
            let first = format!("_catalog?n={PAGE}");
            let (bytes, next) = self.page(&session, next.unwrap_or(&first))?;
            let page: Catalogue = self.parsed("its catalogue", &bytes)?;
            Ok(Page {
                names: page.repositories.unwrap_or_default(),
                next,
            })
        }))
    }

    /// Every tag of a repository, page by page, in the registry's order.
    pub fn tags(&self, repository: &str) -> Result<Listing<'_>, AskError> {
        self.tags_from(repository, None)
    }

    /// The same from a page on that an earlier reading ended before
    /// ([`crate::Names::next`]).
    pub fn tags_from(&self, repository: &str, page: Option<&str>) -> Result<Listing<'_>, AskError> {
        let what = format!("the tags of {}/{repository}", self.account.address);
        if self.account.kind == Kind::Amazon
            && matches!(self.account.credential, Credential::Aws { .. })
        {
            return Ok(self.tags_of_amazon(what, repository).begun_at(page));
        }
        let session = self.session(repository, "pull")?;
        let listing = Listing::new(what, move |next| {
            let first = format!("tags/list?n={PAGE}");
            let (bytes, next) = self.page(&session, next.unwrap_or(&first))?;
            let page: Tags = self.parsed("its list of tags", &bytes)?;
            Ok(Page {
                names: page.tags.unwrap_or_default(),
                next,
            })
        });
        Ok(listing.begun_at(page))
    }

    fn page(&self, session: &Session, path: &str) -> Result<(Vec<u8>, Option<String>), AskError> {
        let draft = session
            .get(path)
            .map_err(|error| self.failed(error))?
            .header("Accept", "application/json");
        let response = self.send(session, &draft)?;
        let next = response.header("link").and_then(next_link);
        let next = next.map(str::to_owned);
        Ok((self.read(response, LARGEST_PAGE)?, next))
    }

    pub(crate) fn parsed<T: for<'de> Deserialize<'de>>(
        &self,
        what: &str,
        bytes: &[u8],
    ) -> Result<T, AskError> {
        serde_json::from_slice(bytes).map_err(|error| AskError::NotUnderstood {
            what: format!("{what} ({})", self.account.address),
            reason: error.to_string(),
        })
    }

    /// Harbor's own list: the catalogue is for its administrators only.
    fn repositories_of_harbor(&self, what: String) -> Listing<'_> {
        Listing::new(what, move |next| {
            let page: usize = next.and_then(|text| text.parse().ok()).unwrap_or(1);
            let mut url = self.base()?;
            url.set_path("/api/v2.0/repositories");
            url.set_query(Some(&format!("page={page}&page_size=100&sort=name")));
            let login = self.login()?;
            let mut request = self
                .client
                .get(&url)
                .header("Accept", "application/json")
                .cancel(&self.cancel);
            if let Some(credentials) = &login.credentials {
                request = request.header("Authorization", basic(credentials));
            }
            let response = request.send().map_err(|source| self.not_fetched(source))?;
            let bytes = self.succeeded("list its repositories", response)?;
            let found: Vec<HarborRepository> = self.parsed("its list of repositories", &bytes)?;
            let is_last = found.len() < 100;
            Ok(Page {
                names: found.into_iter().map(|found| found.name).collect(),
                next: (!is_last).then(|| (page + 1).to_string()),
            })
        })
    }

    /// The body of an answer that is a success; for interfaces that are
    /// not the registry's own.
    pub(crate) fn succeeded(
        &self,
        what: &str,
        response: fetch::Response,
    ) -> Result<Vec<u8>, AskError> {
        let (status, is_success) = (response.status, response.is_success());
        let retry_after = response
            .header("retry-after")
            .and_then(|text| fetch::parse_retry_after(text, self.now()));
        let bytes = self.read(response, LARGEST_PAGE)?;
        if is_success {
            return Ok(bytes);
        }
        if status == 429 {
            return Err(self.later(retry_after.unwrap_or(UNTOLD_WAIT)));
        }
        let detail = crate::cloud::detail(&bytes);
        let registry = self.account.address.clone();
        Err(match status {
            400 | 401 | 403 => AskError::LogIn {
                registry,
                reason: format!("to {what} was refused with status {status}{detail}"),
            },
            _ => AskError::Status {
                registry,
                what: what.to_owned(),
                status,
                detail,
            },
        })
    }
}

pub(crate) fn basic(credentials: &Credentials) -> String {
    let Credentials { username, password } = credentials;
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{username}:{password}"))
    )
}
