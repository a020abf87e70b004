//! News of an engine: that something about its containers or images
//! changed. What changed is asked for afterwards, whole.

use std::{
    io::{BufRead as _, BufReader, Read},
    time::Duration,
};

use crate::{Access, ConnectError};

/// The longest silence after which the engine is asked anew: it may be
/// gone without a word.
const SILENCE: Duration = Duration::from_mins(5);
/// Bytes of one piece of news.
const LONGEST: u64 = 256 * 1024;
/// What is worth a look: starts and ends, and images that came or went.
const FILTERS: &str = r#"{"type":["container","image"],"event":["start","die","pause","unpause","rename","update","pull","import","load","tag","untag","delete"]}"#;

/// News of an engine, one by one.
pub struct Events {
    reader: BufReader<Box<dyn Read + Send>>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// Listens to an engine.
    pub fn of(access: &Access) -> Result<Self, ConnectError> {
        let refuse = |answer: String| ConnectError::Refused {
            address: access.name(),
            what: "news",
            answer,
        };
        let endpoint = access
            .stream(SILENCE)
            .map_err(|error| refuse(model::error::chain(&error)))?;
        let mut url = endpoint.base.clone();
        url.set_path("/events");
        url.query_pairs_mut().append_pair("filters", FILTERS);
        let response = endpoint
            .client
            .get(&url)
            .send()
            .map_err(|error| refuse(model::error::chain(&error)))?;
        if !response.is_success() {
            return Err(refuse(format!("status {}", response.status)));
        }
        Ok(Self {
            reader: BufReader::new(response.reader()),
        })
    }

    /// Waits for the next piece of news. `false`: the engine ended the
    /// conversation, or was silent too long.
    pub fn wait(&mut self) -> bool {
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(LONGEST)
            .read_until(b'\n', &mut line);
        matches!(read, Ok(length) if length > 0 && line.ends_with(b"\n"))
    }
}
