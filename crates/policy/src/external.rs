//! Providers of external data: what `Provider` documents say, what is
//! asked of one, and what its answer means. Asking is somebody else's
//! part, and nobody asks unless they were told to.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::gatekeeper::matching::metadata;
use crate::set::{Document, Problem};

const GROUP: &str = "externaldata.gatekeeper.sh";

/// The most keys one request has.
pub const MAX_KEYS: usize = 1_000;

/// How long a provider may take when it does not say, and at most: the
/// API server waits no longer than that for a whole answer.
const TIMEOUT_SECONDS: u64 = 1;
const MAX_TIMEOUT_SECONDS: u64 = 30;

/// What policies are told where nobody asks providers.
pub(crate) const OFF: &str = "external data is off: no provider is asked unless --external-data \
                              is set where this is judged";

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    pub name: String,
    /// Always `https`.
    pub url: String,
    pub timeout_seconds: u64,
    /// Who signs its certificate, as PEM.
    pub ca: String,
    /// The version it speaks, `v1beta1` or `v1alpha1`.
    version: String,
}

impl Provider {
    /// Reads the providers among `documents`.
    pub(crate) fn load(
        documents: &[Document],
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<String, Self> {
        let mut providers = BTreeMap::new();
        for document in documents {
            let version = document.value["apiVersion"].as_str().unwrap_or_default();
            if version.split('/').next() != Some(GROUP) {
                continue;
            }
            match Self::read(&document.value) {
                Ok(provider) => {
                    providers.insert(provider.name.clone(), provider);
                }
                Err(message) => problems.push(document.problem(message)),
            }
        }
        providers
    }

    fn read(value: &Value) -> Result<Self, String> {
        let version = value["apiVersion"].as_str().unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        if !["v1", "v1beta1", "v1alpha1"].contains(&version) || value["kind"] != "Provider" {
            return Err(format!(
                "apiVersion: unsupported version '{version}' (one of v1, v1beta1, v1alpha1)"
            ));
        }
        let name = metadata(value, "name");
        if name.is_empty() {
            return Err("provider name can not be empty".to_owned());
        }
        let spec = &value["spec"];
        let url = spec["url"].as_str().unwrap_or_default();
        if !url.starts_with("https://") || url.len() <= "https://".len() {
            return Err("spec.url: only https is spoken with providers".to_owned());
        }
        let bundle = spec["caBundle"].as_str().unwrap_or_default();
        let ca = base64::engine::general_purpose::STANDARD
            .decode(bundle)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|text| text.contains("-----BEGIN CERTIFICATE-----"))
            .ok_or("spec.caBundle: a certificate as PEM, in base64, is needed")?;
        Ok(Self {
            name: name.to_owned(),
            url: url.to_owned(),
            timeout_seconds: spec["timeout"]
                .as_u64()
                .filter(|seconds| *seconds > 0)
                .map_or(TIMEOUT_SECONDS, |seconds| seconds.min(MAX_TIMEOUT_SECONDS)),
            ca,
            // Requests have no version 1: the provider's API is older.
            version: if version == "v1alpha1" {
                "v1alpha1".to_owned()
            } else {
                "v1beta1".to_owned()
            },
        })
    }

    /// What is sent to ask for `keys`; no more than it may be asked for.
    pub fn request(&self, keys: &[String]) -> Value {
        let keys: Vec<&String> = keys.iter().take(MAX_KEYS).collect();
        json!({"apiVersion": format!("{GROUP}/{}", self.version), "kind": "ProviderRequest",
               "request": {"keys": keys}})
    }

    /// What policies see of an answer, in Gatekeeper's shape, and whether
    /// the same question has the same answer again.
    pub fn answer(status: u16, body: &Value) -> Value {
        let response = &body["response"];
        let mut responses = Vec::new();
        let mut errors = Vec::new();
        for item in response["items"].as_array().into_iter().flatten() {
            match item["error"].as_str() {
                Some(error) if !error.is_empty() => errors.push(json!([item["key"], error])),
                _ => responses.push(json!([item["key"], item["value"]])),
            }
        }
        json!({"responses": responses, "errors": errors, "status_code": status,
               "system_error": response["systemError"].as_str().unwrap_or_default(),
               "idempotent": response["idempotent"] == true})
    }

    /// What policies see where there was no answer.
    pub fn no_answer(error: &str) -> Value {
        json!({"responses": [], "errors": [], "status_code": 500, "system_error": error})
    }
}

/// Answers of providers, kept for a while. Time is an argument, in
/// nanoseconds since 1970.
#[derive(Debug)]
pub struct Answers {
    kept: BTreeMap<(String, String), (i64, Value)>,
    keep_ns: i64,
    most: usize,
}

impl Answers {
    /// Keeps an answer for `keep_ns`, and `most` of them.
    pub fn new(keep_ns: i64, most: usize) -> Self {
        Self {
            kept: BTreeMap::new(),
            keep_ns,
            most,
        }
    }

    pub fn get(&self, provider: &str, key: &str, now_ns: i64) -> Option<&Value> {
        let (at, value) = self.kept.get(&(provider.to_owned(), key.to_owned()))?;
        (now_ns.saturating_sub(*at) < self.keep_ns).then_some(value)
    }

    /// Keeps one answer. What is full makes room: first of what is too
    /// old, else of the oldest.
    pub fn put(&mut self, provider: &str, key: &str, value: Value, now_ns: i64) {
        if self.kept.len() >= self.most {
            let keep_ns = self.keep_ns;
            self.kept
                .retain(|_, (at, _)| now_ns.saturating_sub(*at) < keep_ns);
        }
        if self.kept.len() >= self.most {
            let oldest = self.kept.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.kept.remove(&oldest);
            }
        }
        if self.most > 0 {
            self.kept
                .insert((provider.to_owned(), key.to_owned()), (now_ns, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &Value) -> Result<Provider, String> {
        Provider::read(&json!({"apiVersion": "externaldata.gatekeeper.sh/v1",
            "kind": "Provider", "metadata": {"name": "digests"}, "spec": spec}))
    }

    #[test]
    fn a_provider_speaks_https_and_says_who_signs() {
        let pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
        let bundle = base64::engine::general_purpose::STANDARD.encode(pem);
        let read_with = |url: &str| read(&json!({"url": url, "caBundle": bundle, "timeout": 3}));
        let provider = read_with("https://p.example/validate").unwrap();
        assert_eq!((provider.timeout_seconds, provider.ca.as_str()), (3, pem));
        let request = provider.request(&["a".to_owned()]);
        assert_eq!(request["apiVersion"], "externaldata.gatekeeper.sh/v1beta1");
        assert_eq!(request["request"]["keys"], json!(["a"]));
        assert!(read_with("http://p.example").unwrap_err().contains("https"));
        let patient =
            read(&json!({"url": "https://p.example", "caBundle": bundle, "timeout": 600}));
        assert_eq!(patient.unwrap().timeout_seconds, 30);
        let bare = read(&json!({"url": "https://p.example"})).unwrap_err();
        assert!(bare.contains("caBundle"));
    }

    #[test]
    fn an_answer_has_gatekeepers_shape() {
        let body = json!({"response": {"idempotent": true, "items": [
            {"key": "a", "value": "x"}, {"key": "b", "error": "no"}]}});
        assert_eq!(
            Provider::answer(200, &body),
            json!({"responses": [["a", "x"]], "errors": [["b", "no"]], "status_code": 200,
                   "system_error": "", "idempotent": true})
        );
    }

    #[test]
    fn answers_are_kept_for_a_while_and_not_without_end() {
        let mut answers = Answers::new(100, 2);
        answers.put("p", "a", json!(1), 0);
        answers.put("p", "b", json!(2), 50);
        assert_eq!(answers.get("p", "a", 99), Some(&json!(1)));
        assert_eq!(answers.get("p", "a", 100), None);
        answers.put("p", "c", json!(3), 60);
        assert_eq!(answers.get("p", "a", 60), None);
        assert_eq!(answers.get("p", "b", 60), Some(&json!(2)));
        answers.put("q", "d", json!(4), 1_000);
        assert_eq!(answers.kept.len(), 1);
    }
}
