//! Syslog: RFC 5424 messages over TCP or TLS, framed by octet count.
//!
//! The protocol has no acknowledgement. A batch gets a connection of its
//! own, which is closed in our direction; a receiver that then closes
//! its own has read everything. One that resets it has not, and the
//! batch is sent again.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::{
    Answer, Batch, Guard, Invalid,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format::{LineFormat, syslog},
    guard::ConnectError,
    tls,
};

const WHOLE: Duration = Duration::from_secs(30);
/// How long a receiver may take to close after we did.
const CLOSING: Duration = Duration::from_secs(5);

pub(super) const DESCRIPTION: Description = Description {
    title: "Syslog",
    about: "Lines for a log server or SIEM: RFC 5424 over TCP or TLS, holding JSON, CEF, LEEF or \
            OCSF.",
    for_people: false,
    fields: &[
        Field::new("host", "Server", Input::Text, "Name or address.").required(),
        Field::new(
            "port",
            "Port",
            Input::Number,
            "6514 for TLS, 514 for TCP, unless said.",
        ),
        Field::new(
            "transport",
            "Transport",
            Input::Choice,
            "How it is spoken to.",
        )
        .one_of(&["tls", "tcp"])
        .default("\"tls\""),
        Field::new(
            "format",
            "Format",
            Input::Choice,
            "What each message holds.",
        )
        .one_of(LineFormat::WORDS)
        .default("\"json\""),
        Field::new(
            "facility",
            "Facility",
            Input::Choice,
            "Under which it is logged.",
        )
        .one_of(syslog::FACILITIES)
        .default("\"local0\""),
        Field::new(
            "hostname",
            "Host name",
            Input::Text,
            "What messages say they come from.",
        )
        .default("\"seawall\""),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Transport {
    #[default]
    Tls,
    Tcp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    transport: Transport,
    #[serde(default)]
    format: LineFormat,
    #[serde(default = "local0")]
    facility: String,
    #[serde(default = "seawall")]
    hostname: String,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

fn local0() -> String {
    "local0".to_owned()
}

fn seawall() -> String {
    "seawall".to_owned()
}

pub(super) struct Syslog {
    guard: Guard,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    format: LineFormat,
    facility: u8,
    hostname: String,
}

impl Syslog {
    pub(super) fn open(settings: Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        let host = settings.host.trim().to_owned();
        guard
            .judge_literal(&host)
            .map_err(|refusal| Invalid::new("host", refusal.to_string()))?;
        let facility = syslog::facility(&settings.facility).ok_or_else(|| {
            Invalid::new(
                "facility",
                format!("expected one of {}", syslog::FACILITIES.join(", ")),
            )
        })?;
        let tls = match settings.transport {
            Transport::Tcp => None,
            Transport::Tls => {
                let config = tls::client_config(settings.ca_certificate.as_deref())
                    .map_err(|detail| Invalid::new("ca_certificate", detail))?;
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| Invalid::new("host", error.to_string()))?;
                Some((config, name))
            }
        };
        Ok(Self {
            guard,
            port: settings
                .port
                .unwrap_or(if tls.is_some() { 6514 } else { 514 }),
            host,
            tls,
            format: settings.format,
            facility,
            hostname: settings.hostname,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut text = String::new();
        for notice in batch.notices {
            text.push_str(&syslog::write(
                notice,
                self.facility,
                &self.hostname,
                self.format,
            ));
        }
        match tokio::time::timeout(WHOLE, self.send(text.as_bytes())).await {
            Ok(Ok(closed)) => Answer::delivered(if closed {
                "read to the end"
            } else {
                "sent; the receiver keeps the connection open, so it did not confirm"
            }),
            Ok(Err(answer)) => answer,
            Err(_elapsed) => {
                Answer::unreachable(&format!("not taken within {} s", WHOLE.as_secs()))
            }
        }
    }

    async fn send(&self, bytes: &[u8]) -> Result<bool, Answer> {
        let stream = match self.guard.connect(&self.host, self.port).await {
            Ok(stream) => stream,
            Err(ConnectError::Refused(refused)) => {
                return Err(Answer::rejected(&refused.to_string()));
            }
            Err(error) => return Err(Answer::unreachable(&error.to_string())),
        };
        let failed = |error: std::io::Error| Answer::unreachable(&error.to_string());
        match &self.tls {
            None => hand_over(stream, bytes).await.map_err(failed),
            Some((config, name)) => {
                let stream = TlsConnector::from(Arc::clone(config))
                    .connect(name.clone(), stream)
                    .await
                    .map_err(|error| Answer::unreachable(&format!("TLS: {error}")))?;
                hand_over(stream, bytes).await.map_err(failed)
            }
        }
    }
}

/// Whether the receiver closed after everything was written.
async fn hand_over<S>(mut stream: S, bytes: &[u8]) -> std::io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(bytes).await?;
    stream.flush().await?;
    stream.shutdown().await?;
    let mut rest = [0; 512];
    let closing = async {
        loop {
            match stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many receivers end TLS without saying goodbye.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    match tokio::time::timeout(CLOSING, closing).await {
        Ok(closed) => closed.map(|()| true),
        Err(_elapsed) => Ok(false),
    }
}
