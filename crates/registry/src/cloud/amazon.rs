//! Amazon ECR: a password for twelve hours, what an account holds, and
//! requests signed as AWS wants them.
//!
//! References: docs.aws.amazon.com, ECR's API reference
//! (`GetAuthorizationToken`, `DescribeRepositories`, `ListImages`);
//! "Signature Version 4".

use std::{
    sync::{Arc, Once, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use fetch::Url;
use jiff::{SignedDuration, Timestamp};
use object_store::{
    aws::{AmazonS3Builder, AwsAuthorizer, AwsCredential},
    client::HttpRequest,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AskError, Credential, Listing, Registry, listing::Page, session::Login};

const ECR: &str = "AmazonEC2ContainerRegistry_V20150921";
const LARGEST_ANSWER: u64 = 16 << 20;
/// AWS says "too often" and not until when.
const THROTTLED: Duration = Duration::from_secs(30);
/// Whatever gives temporary credentials gives such as are good for five
/// minutes more.
const KEPT: SignedDuration = SignedDuration::from_mins(4);

/// The account and region an ECR address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
    /// `amazonaws.com`, or another partition's.
    pub(crate) domain: String,
}

impl Place {
    /// Reads `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let mut parts = address.splitn(5, '.');
        let account = parts.next()?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let (dkr, ecr) = (parts.next()?, parts.next()?);
        let region = parts.next()?;
        let domain = parts.next()?;
        let is_region = !region.is_empty()
            && region
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let is_ecr = is_account && dkr == "dkr" && matches!(ecr, "ecr" | "ecr-fips") && is_region;
        is_ecr.then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            domain: domain.to_owned(),
        })
    }
}

/// One of AWS's services.
pub(crate) struct Service<'a> {
    pub(crate) name: &'static str,
    /// The version its actions are called by.
    pub(crate) target: &'a str,
    pub(crate) content: &'static str,
    pub(crate) url: Url,
    pub(crate) region: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    #[serde(default)]
    authorization_data: Vec<TokenOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenOf {
    authorization_token: String,
    #[serde(default)]
    expires_at: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repositories {
    #[serde(default)]
    repositories: Vec<RepositoryOf>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryOf {
    repository_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Images {
    #[serde(default)]
    image_ids: Vec<ImageId>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageId {
    #[serde(default)]
    image_tag: Option<String>,
}

impl Registry {
    fn place(&self) -> Result<Place, AskError> {
        Place::of(&self.account.address)
            .ok_or_else(|| self.no_login("its address names no account and region of Amazon's"))
    }

    pub(crate) fn log_in_to_amazon(&self) -> Result<Login, AskError> {
        let answer = self.of_ecr("GetAuthorizationToken", &json!({}))?;
        // What is in it is a secret.
        let tokens: Tokens = serde_json::from_slice(&answer)
            .map_err(|_secret| self.no_login("Amazon's answer makes no sense"))?;
        let unusable = || self.no_login("Amazon gave no usable token");
        let token = tokens.authorization_data.first().ok_or_else(unusable)?;
        let bytes = BASE64_STANDARD
            .decode(&token.authorization_token)
            .map_err(|_secret| unusable())?;
        let text = String::from_utf8(bytes).map_err(|_secret| unusable())?;
        let (username, password) = text.split_once(':').ok_or_else(unusable)?;
        let half_a_day = self.now().saturating_add(SignedDuration::from_hours(12));
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a date")]
        let until = token
            .expires_at
            .and_then(|seconds| Timestamp::from_second(seconds as i64).ok())
            .or(half_a_day.ok());
        Ok(Login {
            until,
            ..Login::password(username, password)
        })
    }

    pub(crate) fn repositories_of_amazon(&self, what: String) -> Listing<'_> {
        Listing::new(what, move |next| {
            let account = self.place()?.account;
            let body = json!({"registryId": account, "maxResults": 1000, "nextToken": next});
            let answer = self.of_ecr("DescribeRepositories", &body)?;
            let page: Repositories = self.parsed("Amazon's list of repositories", &answer)?;
            let names = page.repositories.into_iter();
            Ok(Page {
                names: names.map(|found| found.repository_name).collect(),
                next: page.next_token,
            })
        })
    }

    pub(crate) fn tags_of_amazon(&self, what: String, repository: &str) -> Listing<'_> {
        let repository = repository.to_owned();
        Listing::new(what, move |next| {
            let body = json!({
                "registryId": self.place()?.account,
                "repositoryName": repository,
                "filter": {"tagStatus": "TAGGED"},
                "maxResults": 1000,
                "nextToken": next,
            });
            let answer = self.of_ecr("ListImages", &body)?;
            let page: Images = self.parsed("Amazon's list of images", &answer)?;
            let ids = page.image_ids.into_iter();
            Ok(Page {
                names: ids.filter_map(|id| id.image_tag).collect(),
                next: page.next_token,
            })
        })
    }

    fn of_ecr(&self, action: &str, body: &Value) -> Result<Vec<u8>, AskError> {
        let place = self.place()?;
        let address = match &self.account.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://api.ecr.{}.{}/", place.region, place.domain),
        };
        let url = Url::parse(&address).map_err(|error| self.no_login(&error.to_string()))?;
        let service = Service {
            name: "ecr",
            target: ECR,
            content: "application/x-amz-json-1.1",
            url,
            region: place.region,
        };
        self.of_amazon(&service, action, body)
    }

    /// Asks one of AWS's services.
    pub(crate) fn of_amazon(
        &self,
        service: &Service<'_>,
        action: &str,
        body: &Value,
    ) -> Result<Vec<u8>, AskError> {
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        let body = body.to_string();
        let credential = self.aws_credential(&service.region)?;
        let headers = sign(&credential, service, action, &body)
            .map_err(|reason| self.no_login(&format!("a request cannot be signed: {reason}")))?;
        let mut request = self
            .client
            .post(&service.url)
            .body(body)
            .retries(0)
            .cancel(&self.cancel);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().map_err(|source| self.not_fetched(source))?;
        let (status, is_success) = (response.status, response.is_success());
        let answer = self.read(response, LARGEST_ANSWER)?;
        if is_success {
            return Ok(answer);
        }
        // How AWS says what is wrong: `message` or `Message`, or both.
        let fault: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let text = |key: &str| fault.get(key).and_then(Value::as_str);
        let kind = text("__type").unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        if matches!(status, 429 | 503) || kind.contains("Throttl") || kind.contains("LimitExceeded")
        {
            return Err(self.later(THROTTLED));
        }
        let told = text("message").or_else(|| text("Message"));
        let told: String = told.unwrap_or_default().chars().take(300).collect();
        if kind == "RepositoryNotFoundException" {
            return Err(AskError::Registry(scan::RegistryError::NotFound {
                image: self.account.address.clone(),
                detail: told,
            }));
        }
        let registry = self.account.address.clone();
        let detail = format!(" ({kind} {told})");
        Err(if matches!(status, 400 | 401 | 403) {
            AskError::LogIn {
                registry,
                reason: format!("AWS refuses {action}{detail}"),
            }
        } else {
            AskError::Status {
                registry,
                what: action.to_owned(),
                status,
                detail,
            }
        })
    }

    fn aws_credential(&self, region: &str) -> Result<Arc<AwsCredential>, AskError> {
        if let Credential::Aws { key: Some(key) } = &self.account.credential {
            let token = key.session_token.as_ref();
            return Ok(Arc::new(AwsCredential {
                key_id: key.id.clone(),
                secret_key: key.secret.reveal().to_owned(),
                token: token.map(|token| token.reveal().to_owned()),
            }));
        }
        let kept = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.aws.clone()
        };
        if let Some((since, credential)) = kept
            && self.now().duration_since(since) < KEPT
        {
            return Ok(credential);
        }
        let credential = self.found_credential(region)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.aws = Some((self.now(), Arc::clone(&credential)));
        Ok(credential)
    }

    /// What AWS's usual chain gives.
    fn found_credential(&self, region: &str) -> Result<Arc<AwsCredential>, AskError> {
        let none = |error: String| self.no_login(&format!("find AWS credentials: {error}"));
        install_provider();
        // The library's chain of credentials is what is wanted of it.
        let chain = AmazonS3Builder::from_env()
            .with_region(region)
            .with_bucket_name("none")
            .build()
            .map_err(|error| none(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| none(error.to_string()))?;
        runtime
            .block_on(chain.credentials().get_credential())
            .map_err(|error| none(error.to_string()))
    }
}

/// Makes *ring* the process's provider of cryptography, once: the
/// library's own client takes it from there.
fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else's choice stands.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

/// The headers of a signed request.
fn sign(
    credential: &AwsCredential,
    service: &Service<'_>,
    action: &str,
    body: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    const SENT: [&str; 6] = [
        "content-type",
        "x-amz-target",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "authorization",
    ];
    let target = format!("{}.{action}", service.target);
    let mut request = HttpRequest::new(body.to_owned().into());
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = service
        .url
        .as_str()
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())?;
    for (name, value) in [("content-type", service.content), ("x-amz-target", &target)] {
        let value = value
            .parse()
            .map_err(|error: http::header::InvalidHeaderValue| error.to_string())?;
        request.headers_mut().insert(name, value);
    }
    AwsAuthorizer::new(credential, service.name, &service.region)
        .try_authorize(&mut request, None)
        .map_err(|error| error.to_string())?;
    let headers = request.headers();
    Ok(SENT
        .into_iter()
        .filter_map(|name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some((name, value.to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_account_and_region() {
        let place = Place::of("123456789012.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
        assert_eq!(place.account, "123456789012");
        assert_eq!(place.region, "eu-west-1");
        assert_eq!(place.domain, "amazonaws.com");
        let china = Place::of("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn").unwrap();
        assert_eq!(china.domain, "amazonaws.com.cn");
        for other in ["public.ecr.aws", "registry.example", "12.dkr.ecr.x.y", ""] {
            assert_eq!(Place::of(other), None, "{other}");
        }
    }
}
