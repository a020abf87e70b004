//! An answer, its body not yet read.

use std::io::Read;

use serde::de::DeserializeOwned;
use ureq::{Body, http};
use url::Url;

use crate::{FetchError, client::public_form};

/// An answer of whatever status. The body is read once, by one of the
/// consuming methods.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Where the answer came from, after redirects.
    pub url: Url,
    pub(crate) inner: http::Response<Body>,
}

impl Response {
    /// The header of that name, if present and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// Every header of that name.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.inner
            .headers()
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body's length as announced.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The body as a stream. Each read is bounded by the idle timeout;
    /// the whole is bounded by the caller.
    pub fn reader(self) -> Box<dyn Read + Send> {
        Box::new(
            self.inner
                .into_body()
                .into_with_config()
                .limit(u64::MAX)
                .reader(),
        )
    }

    /// The whole body, if it is no larger than `limit`.
    pub fn bytes(self, limit: u64) -> Result<Vec<u8>, FetchError> {
        let url = public_form(&self.url);
        let mut bytes = Vec::new();
        let read = self
            .reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes);
        if let Err(source) = read {
            return Err(FetchError::ReadBody { url, source });
        }
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { url, limit });
        }
        Ok(bytes)
    }

    /// The whole body as text; what is not UTF-8 is replaced.
    pub fn text(self, limit: u64) -> Result<String, FetchError> {
        let bytes = self.bytes(limit)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// The whole body as JSON.
    pub fn json<T: DeserializeOwned>(self, limit: u64) -> Result<T, FetchError> {
        let url = public_form(&self.url);
        let bytes = self.bytes(limit)?;
        serde_json::from_slice(&bytes).map_err(|source| FetchError::ParseBody { url, source })
    }
}
