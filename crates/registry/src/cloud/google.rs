//! Google Artifact Registry: a service account's key signs for an access
//! token, which is the registry's password for an hour; what a project
//! holds is said by Google's interface, because its registry has no
//! catalogue.
//!
//! References: developers.google.com, "OAuth 2.0 for server to server
//! applications"; cloud.google.com, Artifact Registry's "Configure
//! authentication to Docker" and its REST reference
//! (`projects.locations.repositories`, `….packages`).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use fetch::Url;
use ring::{rand::SystemRandom, signature};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde::Deserialize;
use serde_json::json;

use crate::{AskError, Credential, Listing, Registry, listing::Page, session::Login};

/// The name that goes with an access token as password.
const TOKEN_USER: &str = "oauth2accesstoken";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKENS: &str = "https://oauth2.googleapis.com/token";
const INTERFACE: &str = "https://artifactregistry.googleapis.com/";
const MACHINE: &str =
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
const HOUR: i64 = 3_600;

/// A service account's key, as Google gives it.
#[derive(Deserialize)]
struct Key {
    client_email: String,
    #[serde(rename = "private_key")]
    private: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repositories {
    #[serde(default)]
    repositories: Vec<Named>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Packages {
    #[serde(default)]
    packages: Vec<Named>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    format: String,
}

impl Registry {
    fn key(&self) -> Result<Key, AskError> {
        let Credential::ServiceAccount { json } = &self.account.credential else {
            return Err(self.no_login("the account has no service account's key"));
        };
        // The message may quote the key.
        serde_json::from_str(json.reveal()).map_err(|_secret| {
            self.no_login(
                "the service account's key is not the JSON Google gives (client_email, private_key)",
            )
        })
    }

    pub(crate) fn log_in_to_google(&self) -> Result<Login, AskError> {
        let by_machine = matches!(self.account.credential, Credential::ManagedIdentity { .. });
        let granted = if by_machine {
            let url = self.account.endpoint.as_deref().unwrap_or(MACHINE);
            self.machine_token(url, "Metadata-Flavor", "Google")?
        } else {
            let key = self.key()?;
            let base = match &self.account.endpoint {
                Some(endpoint) => format!("{}/token", endpoint.trim_end_matches('/')),
                None => TOKENS.to_owned(),
            };
            let assertion = self.assertion(&key, &base)?;
            let url = Url::parse(&base).map_err(|error| self.no_login(&error.to_string()))?;
            self.grant(
                &url,
                &[
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", &assertion),
                ],
            )?
        };
        if granted.access_token.is_empty() {
            return Err(self.no_login("Google gave no access token"));
        }
        let until = granted.until(self.now());
        Ok(Login {
            until: Some(until),
            ..Login::password(TOKEN_USER, &granted.access_token)
        })
    }

    /// A JSON web token, signed with the key (RS256).
    fn assertion(&self, key: &Key, audience: &str) -> Result<String, AskError> {
        let unusable = || self.no_login("the service account's private key cannot be used");
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.private.as_bytes())
            .map_err(|_secret| unusable())?;
        let pair = signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|_secret| unusable())?;
        let issued = self.now().as_second();
        let head = json!({"alg": "RS256", "typ": "JWT", "kid": key.private_key_id});
        let claims = json!({
            "iss": key.client_email,
            "scope": SCOPE,
            "aud": audience,
            "iat": issued,
            "exp": issued + HOUR,
        });
        let encode = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&head), encode(&claims));
        let mut bytes = vec![0; pair.public().modulus_len()];
        pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut bytes,
        )
        .map_err(|_unspecified| unusable())?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// `project/repository/image` of every image, from the interface.
    pub(crate) fn repositories_of_google(&self, what: String) -> Result<Listing<'_>, AskError> {
        let location = self
            .account
            .address
            .split('.')
            .next()
            .and_then(|host| host.strip_suffix("-docker"))
            .unwrap_or("us")
            .to_owned();
        let by_key = matches!(self.account.credential, Credential::ServiceAccount { .. });
        let project = if by_key {
            self.key()?.project_id
        } else {
            let mut patterns = self.account.repositories.iter();
            patterns.find_map(|pattern| Some(pattern.split_once('/')?.0.to_owned()))
        };
        let Some(project) = project else {
            return Err(AskError::Account {
                field: "repositories",
                reason: "name the project, as in 'project/*'".to_owned(),
            });
        };
        // Repositories still to be looked into, found by the first pages.
        let mut waiting: Vec<String> = Vec::new();
        let mut number = 0_usize;
        let mut repositories = Some(String::new());
        let mut packages: Option<(String, String)> = None;
        Ok(Listing::new(what, move |_| {
            number += 1;
            let next = Some(number.to_string());
            if let Some(token) = repositories.take() {
                let path = format!("v1/projects/{project}/locations/{location}/repositories");
                let bytes = self.of_google(&path, &token)?;
                let page: Repositories = self.parsed("Google's list of repositories", &bytes)?;
                let found = page.repositories.into_iter();
                waiting.extend(
                    found
                        .filter(|named| named.format == "DOCKER")
                        .map(|named| named.name),
                );
                repositories = page.next_page_token.filter(|token| !token.is_empty());
                return Ok(Page {
                    names: Vec::new(),
                    next: (repositories.is_some() || !waiting.is_empty())
                        .then_some(next)
                        .flatten(),
                });
            }
            let current = packages
                .take()
                .or_else(|| Some((waiting.pop()?, String::new())));
            let Some((repository, token)) = current else {
                return Ok(Page::default());
            };
            let bytes = self.of_google(&format!("v1/{repository}/packages"), &token)?;
            let page: Packages = self.parsed("Google's list of images", &bytes)?;
            let names = page.packages.iter().filter_map(|named| {
                // projects/P/locations/L/repositories/R/packages/NAME, the
                // slashes of the name escaped.
                let (_, image) = named.name.split_once("/packages/")?;
                let (_, within) = repository.split_once("/repositories/")?;
                let image = image.replace("%2F", "/").replace("%2f", "/");
                Some(format!("{project}/{within}/{image}"))
            });
            let names = names.collect();
            packages = page
                .next_page_token
                .filter(|token| !token.is_empty())
                .map(|token| (repository, token));
            Ok(Page {
                names,
                next: (packages.is_some() || !waiting.is_empty())
                    .then_some(next)
                    .flatten(),
            })
        })
        .patient())
    }

    fn of_google(&self, path: &str, token: &str) -> Result<Vec<u8>, AskError> {
        let base = self.account.endpoint.as_deref().unwrap_or(INTERFACE);
        let mut url = Url::parse(base)
            .and_then(|base| base.join(path))
            .map_err(|error| self.no_login(&error.to_string()))?;
        url.query_pairs_mut().append_pair("pageSize", "1000");
        if !token.is_empty() {
            url.query_pairs_mut().append_pair("pageToken", token);
        }
        let login = self.login()?;
        let mut request = self.client.get(&url).cancel(&self.cancel);
        if let Some(credentials) = &login.credentials {
            request = request.header("Authorization", format!("Bearer {}", credentials.password));
        }
        let response = request.send().map_err(|source| self.not_fetched(source))?;
        self.succeeded("list its images", response)
    }
}
