//! Talking to a server: which, as whom, and how its answers are told.

pub(super) mod credentials;
pub(super) mod output;
mod refusal;

use std::{io::Read, path::PathBuf, time::Duration};

use api::client::{Call, Client, Method, Reply, Transport};
use credentials::{Credentials, Known};
use fetch::{FetchError, Settings, Url};

pub(super) use refusal::failure;

use super::Context;
use crate::{
    args::remote::Remote,
    exit::{Exit, Failure},
};

/// Where a server listens unless told otherwise.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:8470";

pub(super) type Server = Client<Http>;

/// Carries calls over HTTP.
#[derive(Debug)]
pub(super) struct Http {
    client: fetch::Client,
    base: Url,
    token: Token,
}

/// Printed nowhere.
#[derive(Clone)]
pub(super) struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Transport for Http {
    type Error = FetchError;

    fn send(&self, call: &Call) -> Result<Reply, FetchError> {
        let mut url = self.base.clone();
        let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query((!query.is_empty()).then_some(query));
        let request = match call.method {
            Method::Get => self.client.get(&url),
            // What changes something is not sent twice.
            Method::Post => self.client.post(&url).retries(0),
            Method::Put => self.client.put(&url).retries(0),
            Method::Patch => self.client.patch(&url).retries(0),
            Method::Delete => self.client.delete(&url).retries(0),
        };
        let mut request = request
            .header("authorization", format!("Bearer {}", self.token.0))
            .header("accept", "application/json, application/problem+json, */*");
        if let Some(body) = &call.body {
            request = request
                .header("content-type", "application/json")
                .body(body.clone());
        }
        let response = request.send()?;
        Ok(Reply {
            status: response.status,
            body: response.reader() as Box<dyn Read + Send>,
        })
    }
}

/// The server the command line, the environment or the last sign-in
/// names.
pub(super) fn connect(context: &Context, remote: &Remote) -> Result<Server, Failure> {
    find(context, remote, None)
}

/// The same, with a token of its own.
pub(super) fn connect_as(
    context: &Context,
    remote: &Remote,
    token: String,
) -> Result<Server, Failure> {
    find(context, remote, Some(token))
}

fn find(context: &Context, remote: &Remote, token: Option<String>) -> Result<Server, Failure> {
    let credentials = Credentials::read(&context.env)?;
    let named = remote
        .server
        .clone()
        .or_else(|| context.env.text("SEAWALL_SERVER"));
    let base = match (&named, &credentials.current) {
        (Some(text), _) | (None, Some(text)) => address(text)?,
        (None, None) => address(DEFAULT_SERVER)?,
    };
    let known = credentials.of(&base);
    let token = token
        .or_else(|| context.env.text("SEAWALL_TOKEN"))
        .or_else(|| known.map(|known| known.token.clone()))
        .ok_or_else(|| {
            Failure::usage(anyhow::anyhow!("not signed in to {base}"))
                .help(format!("seawall login {base}"))
        })?;
    open(context, base, Token(token), known)
}

/// A client of one server.
pub(super) fn open(
    context: &Context,
    base: Url,
    token: Token,
    known: Option<&Known>,
) -> Result<Server, Failure> {
    if base.scheme() != "https" && !fetch::is_loopback(&base) {
        return Err(Failure::usage(anyhow::anyhow!(
            "a token is not sent to {base} in clear text"
        ))
        .help("use https://, or a tunnel to a loopback address"));
    }
    let ca_file: Option<PathBuf> = context
        .env
        .path("SEAWALL_CA_FILE")
        .or_else(|| known.and_then(|known| known.ca_file.clone()));
    let settings = Settings {
        retries: 2,
        longest_wait: Duration::from_secs(5),
        ca_file,
        ..Settings::default()
    };
    let client = fetch::Client::new(&settings).map_err(Failure::bad_file)?;
    Ok(Client::new(Http {
        client,
        base,
        token,
    }))
}

/// A server's address, without what is behind the path.
pub(super) fn address(text: &str) -> Result<Url, Failure> {
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let refuse = |why: &str| {
        Failure::usage(anyhow::anyhow!("'{text}' is no server's address: {why}"))
            .help("an address looks like https://seawall.example or http://127.0.0.1:8470")
    };
    let mut url: Url = full.parse().map_err(|_error| refuse("not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refuse("it is not http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it has a name or a password in it"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Asks before a change of many, unless told not to.
pub(super) fn consent(context: &Context, yes: bool, question: &str) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !context.terminal.is_watched {
        return Err(
            Failure::usage(anyhow::anyhow!("{question} Nobody is there to say so"))
                .help("--yes says it beforehand"),
        );
    }
    super::write_stderr(&format!("{question} [y/N] "));
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::failed(error).context("read the answer"))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Nothing was changed, because nobody agreed.
pub(super) fn declined(context: &Context) -> Exit {
    context.note(&"Nothing was changed.");
    Exit::Clean
}

/// A query's terms, given as one argument or as several.
pub(super) fn joined(terms: &[String]) -> Option<String> {
    let text = terms.join(" ");
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_however_it_is_written() {
        for (text, url) in [
            ("seawall.example", "https://seawall.example/"),
            ("http://127.0.0.1:8470/#token=x", "http://127.0.0.1:8470/"),
            (
                "https://a.example/seawall/?q=1",
                "https://a.example/seawall",
            ),
        ] {
            assert_eq!(address(text).unwrap().as_str(), url);
        }
        for text in ["ftp://a", "https://me:pw@a.example", "https://"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_printed_nowhere() {
        assert_eq!(format!("{:?}", Token("sw_a_b".to_owned())), "Token");
    }
}
