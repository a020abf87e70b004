//! E-mail: a message of text and HTML over SMTP.
//!
//! Messages about one finding share a thread. Without TLS only loopback
//! is spoken to, so that no password and no finding crosses a network
//! in the clear.

use std::{fmt::Write as _, time::Duration};

use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{Mailbox, MultiPart, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use model::Notice;
use serde::Deserialize;

use crate::{
    Answer, Batch, Guard, Invalid, Secret, Verdict,
    answer::shorten,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format::{advice, digest_lines, facts, line, link},
    guard::ConnectError,
    tls,
};

const TIMEOUT: Duration = Duration::from_secs(30);
const MOST_RECIPIENTS: usize = 50;

pub(super) const DESCRIPTION: Description = Description {
    title: "E-mail",
    about: "Messages of text and HTML over SMTP, a thread for each finding.",
    for_people: true,
    fields: &[
        Field::new("host", "Server", Input::Text, "The SMTP server's name.").required(),
        Field::new(
            "port",
            "Port",
            Input::Number,
            "587 for STARTTLS, 465 for TLS, 25 for none, unless said otherwise.",
        ),
        Field::new(
            "security",
            "Security",
            Input::Choice,
            "'none' only to a server on this machine.",
        )
        .one_of(&["starttls", "tls", "none"])
        .default("\"starttls\""),
        Field::new(
            "username",
            "User name",
            Input::Text,
            "Where the server asks.",
        ),
        Field::new(
            "password",
            "Password",
            Input::Text,
            "Where the server asks.",
        )
        .secret(),
        Field::new(
            "from",
            "From",
            Input::Text,
            "'Seawall <seawall@example.com>'.",
        )
        .required(),
        Field::new("to", "To", Input::List, "Addresses, at most 50.").required(),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Security {
    #[default]
    Starttls,
    Tls,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    security: Security,
    username: Option<String>,
    password: Option<Secret>,
    from: String,
    to: Vec<String>,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

pub(super) struct Email {
    guard: Guard,
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(super) fn open(settings: Settings) -> Result<Self, Invalid> {
        tls::install_provider();
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        let host = settings.host.trim().to_owned();
        super::one_line("host", &host)?;
        guard
            .judge_literal(&host)
            .map_err(|refusal| Invalid::new("host", refusal.to_string()))?;
        let is_loopback = crate::guard::is_loopback(&host);
        if settings.security == Security::None && !is_loopback {
            return Err(Invalid::new(
                "security",
                "'none' is for servers on this machine only; use starttls or tls",
            ));
        }
        if settings.to.len() > MOST_RECIPIENTS {
            return Err(Invalid::new("to", format!("more than {MOST_RECIPIENTS}")));
        }
        let mailbox = |field, text: &str| {
            text.parse::<Mailbox>()
                .map_err(|error| Invalid::new(field, format!("'{}': {error}", line(text))))
        };
        let from = mailbox("from", &settings.from)?;
        let to = settings
            .to
            .iter()
            .map(|text| mailbox("to", text))
            .collect::<Result<_, _>>()?;
        let parameters = || {
            let mut builder = TlsParameters::builder(host.clone());
            if let Some(pem) = &settings.ca_certificate {
                for certificate in tls::certificates(pem)
                    .map_err(|detail| Invalid::new("ca_certificate", detail))?
                {
                    let certificate = Certificate::from_der(certificate.to_vec())
                        .map_err(|error| Invalid::new("ca_certificate", error.to_string()))?;
                    builder = builder.add_root_certificate(certificate);
                }
            }
            builder
                .build()
                .map_err(|error| Invalid::new("host", error.to_string()))
        };
        let (tls, port) = match settings.security {
            Security::Starttls => (Tls::Required(parameters()?), 587),
            Security::Tls => (Tls::Wrapper(parameters()?), 465),
            Security::None => (Tls::None, 25),
        };
        let credentials = match (settings.username, settings.password) {
            (Some(name), Some(password)) => {
                Some(Credentials::new(name, password.reveal().to_owned()))
            }
            (None, None) => None,
            (Some(_), None) => return Err(Invalid::new("password", "is missing")),
            (None, Some(_)) => return Err(Invalid::new("username", "is missing")),
        };
        Ok(Self {
            guard,
            host,
            port: settings.port.unwrap_or(port),
            tls,
            credentials,
            from,
            to,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        let mut last = Answer::delivered("");
        for notice in batch.notices {
            let message = match self.message(notice, batch) {
                Ok(message) => message,
                Err(error) => return Answer::rejected(&error.to_string()),
            };
            last = self.send(message).await;
            if !last.is_delivered() {
                break;
            }
        }
        last
    }

    fn message(&self, notice: &Notice, batch: &Batch<'_>) -> Result<Message, lettre::error::Error> {
        let thread = format!("<{}@seawall.invalid>", mail_id(notice.subject()));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(shorten(
                &format!("[Seawall] {}", line(&notice.headline())),
                200,
            ))
            .message_id(Some(format!("<{}@seawall.invalid>", mail_id(&notice.id))))
            .date(batch.now.into())
            .references(thread.clone())
            .in_reply_to(thread)
            .header(NoticeId(notice.id.clone()));
        for mailbox in &self.to {
            builder = builder.to(mailbox.clone());
        }
        builder.multipart(MultiPart::alternative_plain_html(
            text(notice),
            html(notice),
        ))
    }

    async fn send(&self, message: Message) -> Answer {
        let address = match self.guard.resolve(&self.host, self.port).await {
            Ok(addresses) => addresses[0].ip(),
            Err(ConnectError::Refused(refused)) => return Answer::rejected(&refused.to_string()),
            Err(error) => return Answer::unreachable(&error.to_string()),
        };
        // The address that was judged; certificates are checked against
        // the name, which the TLS parameters hold.
        let mut builder = SmtpTransport::builder_dangerous(address.to_string())
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(TIMEOUT));
        if let Some(credentials) = &self.credentials {
            builder = builder.credentials(credentials.clone());
        }
        let transport = builder.build();
        let sent = tokio::task::spawn_blocking(move || transport.send(&message)).await;
        match sent {
            Ok(Ok(response)) => Answer::new(
                Verdict::Delivered,
                response.code().to_string().parse().ok(),
                &response.message().collect::<Vec<_>>().join(" "),
            ),
            Ok(Err(error)) => {
                let verdict = if error.is_permanent() {
                    Verdict::Rejected
                } else {
                    Verdict::Retry { after: None }
                };
                let status = error
                    .status()
                    .and_then(|code| code.to_string().parse().ok());
                Answer::new(verdict, status, &model::error::chain(&error))
            }
            Err(_panicked) => Answer::unreachable("sending broke off"),
        }
    }
}

/// What may stand in a message id.
fn mail_id(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
                c
            } else {
                '_'
            }
        })
        .take(200)
        .collect()
}

#[derive(Clone)]
struct NoticeId(String);

impl header::Header for NoticeId {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("X-Seawall-Notice")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// The message for readers of text.
pub fn text(notice: &Notice) -> String {
    let mut text = format!("{}\n\n", line(&notice.headline()));
    if let Some((lines, more)) = digest_lines(notice) {
        for item in lines {
            writeln!(text, "* {}", line(item)).expect("invariant: memory");
        }
        if let Some(more) = more {
            writeln!(text, "* {more}").expect("invariant: memory");
        }
        text.push('\n');
    }
    for (name, value) in facts(notice) {
        writeln!(text, "{name}: {}", line(&value)).expect("invariant: memory");
    }
    if let Some(advice) = advice(notice) {
        writeln!(text, "\nWhat to do: {}", line(advice)).expect("invariant: memory");
    }
    if let Some(link) = link(notice) {
        writeln!(text, "\n{link}").expect("invariant: memory");
    }
    text
}

/// The message for readers of HTML. It loads nothing.
pub fn html(notice: &Notice) -> String {
    let mut html = String::from(
        "<!doctype html><html><head><meta charset=\"utf-8\"></head>\
         <body style=\"font-family:sans-serif;color:#1b1b1f\">",
    );
    let mut push = |parts: &[&str]| parts.iter().for_each(|part| html.push_str(part));
    push(&[
        "<h2 style=\"font-size:18px\">",
        &escape(&notice.headline()),
        "</h2>",
    ]);
    if let Some((lines, more)) = digest_lines(notice) {
        push(&["<ul>"]);
        for item in lines {
            push(&["<li>", &escape(item), "</li>"]);
        }
        if let Some(more) = more {
            push(&["<li>", &escape(&more), "</li>"]);
        }
        push(&["</ul>"]);
    }
    push(&["<table cellpadding=\"4\">"]);
    for (name, value) in facts(notice) {
        push(&[
            "<tr><th align=\"left\">",
            &escape(name),
            "</th><td>",
            &escape(&value),
            "</td></tr>",
        ]);
    }
    push(&["</table>"]);
    if let Some(advice) = advice(notice) {
        push(&["<p><b>What to do:</b> ", &escape(advice), "</p>"]);
    }
    if let Some(link) = link(notice) {
        push(&["<p><a href=\"", &escape(link), "\">Open in Seawall</a></p>"]);
    }
    push(&["</body></html>"]);
    html
}

fn escape(text: &str) -> String {
    line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
