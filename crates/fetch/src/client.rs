//! The client and its requests: retries and redirects.

use std::{path::Path, time::Duration};

use model::{Cancel, Clock as _, SystemClock};
use ureq::{
    Agent, http,
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig},
    unversioned::{resolver::DefaultResolver, transport::DefaultConnector},
};
use url::{Host, Url};

use crate::{
    FetchError, Response, Settings, Trust,
    reach::{GuardedResolver, judge_literal},
    retry,
    unix::{SocketConnector, SocketResolver},
};

const REDIRECTS: u32 = 10;
/// Large reads keep the per-chunk cost of a layer's gigabyte low.
const INPUT_BUFFER: usize = 128 * 1024;
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Makes requests; cheap to clone, safe to share.
#[derive(Clone, Debug)]
pub struct Client {
    /// For loopback addresses and sockets: never through a proxy.
    direct: Agent,
    outward: Agent,
    settings: Settings,
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Self, FetchError> {
        let mut further = Vec::new();
        if let Some(path) = &settings.ca_file {
            further.extend(certificates(path)?);
        }
        if let Some(text) = &settings.authorities {
            further.extend(authorities(
                "the further authorities".as_ref(),
                text.as_bytes(),
            )?);
        }
        let roots = if further.is_empty() {
            RootCerts::PlatformVerifier
        } else {
            let bundle = SYSTEM_BUNDLES
                .iter()
                .find_map(|path| std::fs::read(path).ok());
            if let Some(Ok(system)) = bundle.as_deref().map(of_pem) {
                further.extend(system);
            }
            RootCerts::new_with_certs(&further)
        };
        let tls = TlsConfig::builder().root_certs(roots).build();
        let agent = |proxy: Option<ureq::Proxy>| {
            let resolver = GuardedResolver {
                inner: DefaultResolver::default(),
                guard: settings.guard,
                home: settings.home.clone(),
                proxy: proxy.as_ref().map(|proxy| proxy.host().to_owned()),
            };
            let config = config(settings)
                .tls_config(tls.clone())
                .proxy(proxy)
                .build();
            Agent::with_parts(config, DefaultConnector::default(), resolver)
        };
        let proxy = settings
            .proxy_from_environment
            .then(ureq::Proxy::try_from_env)
            .flatten();
        Ok(Self {
            direct: agent(None),
            outward: agent(proxy),
            settings: settings.clone(),
        })
    }

    /// A client that trusts whom `trust` names and nobody else, and never
    /// goes through a proxy.
    pub fn with_trust(trust: &Trust, settings: &Settings) -> Result<Self, FetchError> {
        let refuse = |what: &str, reason: String| FetchError::ParseCertificates {
            path: what.into(),
            reason,
        };
        let roots = of_pem(trust.roots.as_bytes())
            .map_err(|error| refuse("the authority", error.to_string()))?;
        if roots.is_empty() {
            return Err(refuse("the authority", "no certificate in it".to_owned()));
        }
        let identity = match &trust.identity {
            None => None,
            Some((chain, key)) => {
                let chain = of_pem(chain.as_bytes())
                    .map_err(|error| refuse("the certificate", error.to_string()))?;
                let key = PrivateKey::from_pem(key.as_bytes())
                    .map_err(|error| refuse("the key", error.to_string()))?;
                Some(ClientCert::new_with_certs(&chain, key))
            }
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .client_cert(identity)
            .build();
        let agent = Agent::with_parts(
            config(settings).tls_config(tls).proxy(None).build(),
            DefaultConnector::default(),
            GuardedResolver {
                inner: DefaultResolver::default(),
                guard: settings.guard,
                home: settings.home.clone(),
                proxy: None,
            },
        );
        Ok(Self {
            direct: agent.clone(),
            outward: agent,
            settings: settings.clone(),
        })
    }

    /// A client whose every request goes to the Unix socket at `path`;
    /// the host in the address is only a name.
    pub fn unix_socket(path: &Path, settings: &Settings) -> Self {
        let agent = Agent::with_parts(
            config(settings).proxy(None).build(),
            SocketConnector {
                path: path.to_owned(),
            },
            SocketResolver,
        );
        Self {
            direct: agent.clone(),
            outward: agent,
            settings: settings.clone(),
        }
    }

    pub fn get(&self, url: &Url) -> Request<'_> {
        self.request(http::Method::GET, url)
    }

    pub fn head(&self, url: &Url) -> Request<'_> {
        self.request(http::Method::HEAD, url)
    }

    pub fn post(&self, url: &Url) -> Request<'_> {
        self.request(http::Method::POST, url)
    }

    pub fn put(&self, url: &Url) -> Request<'_> {
        self.request(http::Method::PUT, url)
    }

    pub fn patch(&self, url: &Url) -> Request<'_> {
        self.request(http::Method::PATCH, url)
    }

    pub fn delete(&self, url: &Url) -> Request<'_> {
        self.request(http::Method::DELETE, url)
    }

    fn request(&self, method: http::Method, url: &Url) -> Request<'_> {
        Request {
            client: self,
            method,
            url: url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            retries: self.settings.retries,
            cancel: Cancel::default(),
        }
    }
}

fn config(settings: &Settings) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(&settings.user_agent)
        .input_buffer_size(INPUT_BUFFER)
        .timeout_global(settings.total_timeout)
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_recv_response(Some(settings.idle_timeout))
        .timeout_per_read(Some(settings.idle_timeout))
        .timeout_per_write(Some(settings.idle_timeout))
}

/// The certificates of a file.
fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, FetchError> {
    let pem = std::fs::read(path).map_err(|source| FetchError::ReadCertificates {
        path: path.to_owned(),
        source,
    })?;
    authorities(path, &pem)
}

fn authorities(origin: &Path, pem: &[u8]) -> Result<Vec<Certificate<'static>>, FetchError> {
    let refuse = |reason: String| FetchError::ParseCertificates {
        path: origin.to_owned(),
        reason,
    };
    let roots = of_pem(pem).map_err(|error| refuse(error.to_string()))?;
    if roots.is_empty() {
        return Err(refuse("no certificate in it".to_owned()));
    }
    Ok(roots)
}

fn of_pem(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ureq::Error> {
    ureq::tls::parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect()
}

/// A request being prepared.
#[derive(Debug)]
pub struct Request<'client> {
    client: &'client Client,
    method: http::Method,
    url: Url,
    headers: Vec<Header>,
    body: Vec<u8>,
    retries: u32,
    cancel: Cancel,
}

struct Header {
    name: &'static str,
    value: String,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if is_secret(self.name) {
            write!(f, "{}: …", self.name)
        } else {
            write!(f, "{}: {}", self.name, self.value)
        }
    }
}

fn is_secret(header: &str) -> bool {
    [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-registry-auth",
    ]
    .iter()
    .any(|secret| header.eq_ignore_ascii_case(secret))
}

impl Request<'_> {
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push(Header {
            name,
            value: value.into(),
        });
        self
    }

    /// The body, kept in memory so that it can be sent again.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// How often to try again, instead of the client's setting.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Heeded between tries and while waiting for the next one.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Sends it. Connection faults, timeouts and the statuses 429, 502,
    /// 503 and 504 are tried again, waiting as long as `Retry-After`
    /// asks but never longer than the settings allow; a wait that would
    /// be cut short returns the answer as it is. Redirects are followed
    /// for GET and HEAD, without credentials as soon as scheme, host or
    /// port differ, and never from https to http.
    pub fn send(self) -> Result<Response, FetchError> {
        let longest = self.client.settings.longest_wait;
        let mut attempt = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(FetchError::Cancelled {
                    url: public_form(&self.url),
                });
            }
            let outcome = self.follow();
            let last = attempt >= self.retries;
            let asked = match &outcome {
                Ok(response) if !last && retry::status_may_pass(response.status) => {
                    let asked = response
                        .header("retry-after")
                        .and_then(|text| retry::parse_retry_after(text, SystemClock.now()));
                    // Coming back too early only annoys the server.
                    if asked.is_some_and(|asked| asked > longest) {
                        return outcome;
                    }
                    tracing::debug!(
                        url = public_form(&self.url),
                        status = response.status,
                        attempt,
                        "will ask again"
                    );
                    asked
                }
                Err(error) if !last && error.may_pass() => {
                    tracing::debug!(
                        url = public_form(&self.url),
                        error = model::error::chain(error),
                        attempt,
                        "will ask again"
                    );
                    None
                }
                _ => return outcome,
            };
            drop(outcome);
            self.pause(retry::wait(attempt, asked, longest));
            attempt += 1;
        }
    }

    fn pause(&self, wait: Duration) {
        const SLICE: Duration = Duration::from_millis(100);
        let mut left = wait;
        while !left.is_zero() && !self.cancel.is_cancelled() {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }

    fn follow(&self) -> Result<Response, FetchError> {
        let mut url = self.url.clone();
        let follows = matches!(self.method, http::Method::GET | http::Method::HEAD);
        for _ in 0..=REDIRECTS {
            let response = self.send_to(&url)?;
            let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
            let target = response.header("location").map(str::to_owned);
            let (true, true, Some(target)) = (follows, is_redirect, target) else {
                return Ok(response);
            };
            let refuse = |reason: &str| FetchError::Redirect {
                url: public_form(&url),
                reason: reason.to_owned(),
            };
            let next = url
                .join(&target)
                .map_err(|error| refuse(&error.to_string()))?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(refuse("it leads out of HTTP"));
            }
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(refuse("it leads from https to http"));
            }
            url = next;
        }
        Err(FetchError::Redirect {
            url: public_form(&self.url),
            reason: format!("more than {REDIRECTS} in a row"),
        })
    }

    fn send_to(&self, url: &Url) -> Result<Response, FetchError> {
        if let Some(guard) = self.client.settings.guard {
            let home = self.client.settings.home.as_ref();
            judge_literal(guard, home, url).map_err(|refused| FetchError::Refused {
                url: public_form(url),
                refused,
            })?;
        }
        let same_origin = url.origin() == self.url.origin();
        let fault = |error| {
            let idle = self.client.settings.idle_timeout.as_secs();
            FetchError::of_transport(public_form(url), error, idle)
        };
        let mut builder = http::Request::builder()
            .method(self.method.clone())
            .uri(url.as_str());
        for header in &self.headers {
            if same_origin || !is_secret(header.name) {
                builder = builder.header(header.name, &header.value);
            }
        }
        let agent = if is_loopback(url) {
            &self.client.direct
        } else {
            &self.client.outward
        };
        let has_body = matches!(
            self.method,
            http::Method::POST | http::Method::PUT | http::Method::PATCH
        );
        let inner = if has_body {
            let request = builder
                .body(self.body.as_slice())
                .map_err(|error| fault(ureq::Error::Http(error)))?;
            agent.run(request).map_err(fault)?
        } else {
            let request = builder
                .body(())
                .map_err(|error| fault(ureq::Error::Http(error)))?;
            agent.run(request).map_err(fault)?
        };
        Ok(Response {
            status: inner.status().as_u16(),
            url: url.clone(),
            inner,
        })
    }
}

/// Whether the address never leaves this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .rsplit_once('.')
                    .is_some_and(|(_, top)| top.eq_ignore_ascii_case("localhost"))
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An address fit for logs and messages: blob stores put signatures in
/// the query, users put passwords before the host.
pub(crate) fn public_form(url: &Url) -> String {
    let mut url = url.clone();
    // Only addresses that cannot carry a name refuse, and they carry none.
    url.set_username("").unwrap_or_default();
    url.set_password(None).unwrap_or_default();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_part_of_a_printed_address_or_request() {
        let url: Url = "https://me:pw@blob.example/x?sig=s3cret#f".parse().unwrap();
        assert_eq!(public_form(&url), "https://blob.example/x");
        let client = Client::new(&Settings::default()).unwrap();
        let request = client.get(&url).header("Authorization", "Bearer t0ken");
        assert!(!format!("{:?}", request.headers).contains("t0ken"));
    }

    #[test]
    fn loopback_is_told_from_the_world() {
        for text in [
            "http://localhost:5000/",
            "http://127.0.0.9/",
            "http://[::1]:5000/",
            "http://a.localhost/",
        ] {
            assert!(is_loopback(&text.parse().unwrap()), "{text}");
        }
        for text in [
            "http://example.org/",
            "http://10.0.0.1/",
            "http://localhost.example.org/",
        ] {
            assert!(!is_loopback(&text.parse().unwrap()), "{text}");
        }
    }
}
