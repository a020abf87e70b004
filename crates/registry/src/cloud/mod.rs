//! How clouds and hubs give credentials for their registries, and list
//! what those hold.

pub(crate) mod amazon;
pub(crate) mod azure;
pub(crate) mod google;
pub(crate) mod hubs;

use fetch::{Client, Settings, Url};
use jiff::Timestamp;
use serde::Deserialize;

use crate::{AskError, Registry};

/// A token service's answer.
const LARGEST_TOKEN: u64 = 1 << 20;

/// What OAuth's token services answer.
#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    refresh_token: String,
    /// A number, or a number in a text, as Azure's machines say it.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

impl Granted {
    fn until(&self, now: Timestamp) -> Timestamp {
        let stated = match &self.expires_in {
            Some(serde_json::Value::Number(number)) => number.as_i64(),
            Some(serde_json::Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let seconds = stated.unwrap_or(3_600).clamp(0, 86_400);
        now.saturating_add(jiff::SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX)
    }
}

impl Registry {
    /// Sends a form to a token service. What it answers is a secret, and
    /// no error quotes it.
    fn grant(&self, url: &Url, form: &[(&str, &str)]) -> Result<Granted, AskError> {
        if url.scheme() != "https" && !fetch::is_loopback(url) && !self.account.trust.plain_http {
            return Err(self.no_login("its token service is not reached over https"));
        }
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let response = self
            .client
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Accept", "application/json")
            .body(body.finish())
            .cancel(&self.cancel)
            .send()
            .map_err(|source| self.not_fetched(source))?;
        let bytes = self.succeeded("get a token", response)?;
        self.granted(&bytes)
    }

    fn granted(&self, bytes: &[u8]) -> Result<Granted, AskError> {
        serde_json::from_slice(bytes)
            .map_err(|_secret| self.no_login("its token service's answer makes no sense"))
    }

    /// Asks the machine itself for a token of its identity: the one thing
    /// a link-local address is for, and fixed here.
    fn machine_token(
        &self,
        url: &str,
        header: &'static str,
        value: &str,
    ) -> Result<Granted, AskError> {
        let url = Url::parse(url).map_err(|error| self.no_login(&error.to_string()))?;
        let settings = Settings {
            proxy_from_environment: false,
            retries: 1,
            total_timeout: Some(std::time::Duration::from_secs(20)),
            ..Settings::default()
        };
        let client = Client::new(&settings).map_err(|source| self.not_fetched(source))?;
        let response = client
            .get(&url)
            .header(header, value)
            .cancel(&self.cancel)
            .send()
            .map_err(|source| self.not_fetched(source))?;
        if !response.is_success() {
            let status = response.status;
            return Err(self.no_login(&format!(
                "this machine gives no token of its identity (status {status})"
            )));
        }
        let bytes = self.read(response, LARGEST_TOKEN)?;
        self.granted(&bytes)
    }

    fn no_login(&self, reason: &str) -> AskError {
        AskError::LogIn {
            registry: self.account.address.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// What a cloud says is wrong, fit to print; it is never a token.
pub(crate) fn detail(bytes: &[u8]) -> String {
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        return String::new();
    };
    let text = |keys: &[&str]| {
        let mut value = &answer;
        for key in keys {
            value = match key.parse::<usize>() {
                Ok(number) => value.get(number)?,
                Err(_name) => value.get(key)?,
            };
        }
        value.as_str().filter(|text| !text.is_empty())
    };
    let found = text(&["error_description"])
        .or_else(|| text(&["error", "message"]))
        .or_else(|| text(&["errors", "0", "message"]))
        .or_else(|| text(&["message"]))
        .or_else(|| text(&["Message"]))
        .or_else(|| text(&["error"]));
    match found {
        None => String::new(),
        Some(found) => {
            let clean = found.chars().filter(|letter| !letter.is_control());
            format!(" ({})", clean.take(300).collect::<String>())
        }
    }
}
