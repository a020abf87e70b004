//! Kafka and what speaks its protocol, Azure Event Hubs among it.
//!
//! A record's key is the finding, so all that happens to one finding
//! stays in one partition and in order. The notice's id is a header.

use std::{collections::BTreeMap, ops::AddAssign, sync::Arc, time::Duration};

use model::Notice;
use rskafka::{
    client::{
        Client, ClientBuilder, Credentials, SaslConfig,
        error::{Error, ProtocolError},
        partition::{Compression, PartitionClient, UnknownTopicHandling},
    },
    record::Record,
};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    Answer, Batch, Guard, Invalid, Secret,
    describe::{ALLOW_PRIVATE, CA_CERTIFICATE, Description, Field, Input},
    format::LineFormat,
    guard::ConnectError,
    tls,
};

const WHOLE: Duration = Duration::from_secs(30);
/// What a broker takes in one request unless told otherwise is 1 MiB.
const MAX_REQUEST: usize = 900 * 1024;

pub(super) const DESCRIPTION: Description = Description {
    title: "Kafka, Event Hubs",
    about: "Records in a topic of a Kafka-compatible broker, or of Azure Event Hubs.",
    for_people: false,
    fields: &[
        Field::new(
            "brokers",
            "Brokers",
            Input::List,
            "host:port of one or more; Event Hubs' is in its connection string.",
        ),
        Field::new(
            "topic",
            "Topic",
            Input::Text,
            "An event hub's name, for Event Hubs. It must exist.",
        ),
        Field::new(
            "security",
            "Security",
            Input::Choice,
            "How brokers are spoken to.",
        )
        .one_of(&["tls", "none"])
        .default("\"tls\""),
        Field::new(
            "mechanism",
            "SASL mechanism",
            Input::Choice,
            "How to sign in.",
        )
        .one_of(&["plain", "scram_sha_256", "scram_sha_512"])
        .default("\"plain\""),
        Field::new("username", "User name", Input::Text, "For SASL."),
        Field::new("password", "Password", Input::Text, "For SASL.").secret(),
        Field::new(
            "connection_string",
            "Event Hubs connection string",
            Input::Text,
            "'Endpoint=sb://…': says brokers, user and password, and the topic where it has an \
             EntityPath.",
        )
        .secret(),
        Field::new("format", "Format", Input::Choice, "What each record holds.")
            .one_of(LineFormat::WORDS)
            .default("\"json\""),
        ALLOW_PRIVATE,
        CA_CERTIFICATE,
    ],
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Security {
    #[default]
    Tls,
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Mechanism {
    #[default]
    #[serde(rename = "plain")]
    Plain,
    #[serde(rename = "scram_sha_256")]
    Scram256,
    #[serde(rename = "scram_sha_512")]
    Scram512,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(default)]
    brokers: Vec<String>,
    topic: Option<String>,
    #[serde(default)]
    security: Security,
    #[serde(default)]
    mechanism: Mechanism,
    username: Option<String>,
    password: Option<Secret>,
    connection_string: Option<Secret>,
    #[serde(default)]
    format: LineFormat,
    #[serde(default)]
    allow_private: bool,
    ca_certificate: Option<String>,
}

pub(super) struct Kafka {
    guard: Guard,
    brokers: Vec<(String, u16)>,
    topic: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    sasl: Option<SaslConfig>,
    format: LineFormat,
    /// Kept between deliveries, and made anew after a fault.
    connected: Mutex<Option<Connected>>,
}

struct Connected {
    client: Client,
    partitions: Vec<i32>,
    open: BTreeMap<i32, PartitionClient>,
}

impl Kafka {
    pub(super) fn open(mut settings: Settings) -> Result<Self, Invalid> {
        let guard = Guard {
            allow_private: settings.allow_private,
        };
        if let Some(text) = settings.connection_string.take() {
            event_hubs(&mut settings, &text)?;
        }
        if settings.brokers.is_empty() {
            return Err(Invalid::new("brokers", "is required"));
        }
        let brokers = settings
            .brokers
            .iter()
            .map(|text| broker(text, guard))
            .collect::<Result<Vec<_>, _>>()?;
        let topic = settings
            .topic
            .filter(|topic| !topic.is_empty())
            .ok_or_else(|| Invalid::new("topic", "is required"))?;
        let is_topic = topic.len() <= 249
            && topic
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !is_topic {
            return Err(Invalid::new(
                "topic",
                "expected letters, digits, '.', '_' and '-', at most 249",
            ));
        }
        let tls = match settings.security {
            Security::None => None,
            Security::Tls => Some(
                tls::client_config(settings.ca_certificate.as_deref())
                    .map_err(|detail| Invalid::new("ca_certificate", detail))?,
            ),
        };
        let sasl = match (settings.username, settings.password) {
            (None, None) => None,
            (Some(_), None) => return Err(Invalid::new("password", "is missing")),
            (None, Some(_)) => return Err(Invalid::new("username", "is missing")),
            (Some(name), Some(password)) => {
                let every_broker_is_here = brokers
                    .iter()
                    .all(|(host, _)| crate::guard::is_loopback(host));
                if tls.is_none() && !every_broker_is_here {
                    return Err(Invalid::new(
                        "security",
                        "a password is sent over TLS only; use tls",
                    ));
                }
                let credentials = Credentials::new(name, password.reveal().to_owned());
                Some(match settings.mechanism {
                    Mechanism::Plain => SaslConfig::Plain(credentials),
                    Mechanism::Scram256 => SaslConfig::ScramSha256(credentials),
                    Mechanism::Scram512 => SaslConfig::ScramSha512(credentials),
                })
            }
        };
        Ok(Self {
            guard,
            brokers,
            topic,
            tls,
            sasl,
            format: settings.format,
            connected: Mutex::new(None),
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch<'_>) -> Answer {
        match tokio::time::timeout(WHOLE, self.produce(batch)).await {
            Ok(Ok(count)) => Answer::delivered(&format!("{count} records acknowledged")),
            Ok(Err(answer)) => {
                *self.connected.lock().await = None;
                answer
            }
            Err(_elapsed) => {
                *self.connected.lock().await = None;
                Answer::unreachable(&format!(
                    "no broker acknowledged within {} s",
                    WHOLE.as_secs()
                ))
            }
        }
    }

    async fn produce(&self, batch: &Batch<'_>) -> Result<usize, Answer> {
        let mut connected = self.connected.lock().await;
        if connected.is_none() {
            *connected = Some(self.connect().await?);
        }
        let Some(connected) = connected.as_mut() else {
            return Err(Answer::unreachable("not connected"));
        };
        let mut by_partition: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for notice in batch.notices {
            let partition = partition(notice.subject(), &connected.partitions);
            by_partition
                .entry(partition)
                .or_default()
                .push(self.record(notice));
        }
        let mut count = 0;
        for (partition, records) in by_partition {
            if !connected.open.contains_key(&partition) {
                let opened = connected
                    .client
                    .partition_client(&self.topic, partition, UnknownTopicHandling::Error)
                    .await
                    .map_err(|error| judge(&error))?;
                connected.open.insert(partition, opened);
            }
            let client = &connected.open[&partition];
            for records in split(records) {
                count += records.len();
                client
                    .produce(records, Compression::Gzip)
                    .await
                    .map_err(|error| judge(&error))?;
            }
        }
        Ok(count)
    }

    async fn connect(&self) -> Result<Connected, Answer> {
        // The library resolves by itself, so the brokers are judged
        // first and given as addresses where TLS needs no name.
        let mut brokers = Vec::new();
        let mut problem = None;
        for (host, port) in &self.brokers {
            match self.guard.resolve(host, *port).await {
                Ok(addresses) if self.tls.is_none() => {
                    brokers.extend(addresses.iter().map(ToString::to_string));
                }
                Ok(_) => brokers.push(format!("{host}:{port}")),
                Err(error) => problem = Some(error),
            }
        }
        match (brokers.is_empty(), problem) {
            (true, Some(ConnectError::Refused(refused))) => {
                return Err(Answer::rejected(&refused.to_string()));
            }
            (true, Some(error)) => return Err(Answer::unreachable(&error.to_string())),
            _ => {}
        }
        let mut builder = ClientBuilder::new(brokers).client_id("seawall");
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        if let Some(sasl) = &self.sasl {
            builder = builder.sasl_config(sasl.clone());
        }
        let client = builder.build().await.map_err(|error| judge(&error))?;
        let topics = client.list_topics().await.map_err(|error| judge(&error))?;
        let partitions: Vec<i32> = topics
            .into_iter()
            .find(|topic| topic.name == self.topic)
            .map(|topic| topic.partitions.into_iter().collect())
            .unwrap_or_default();
        if partitions.is_empty() {
            return Err(Answer::unreachable(&format!(
                "the broker knows no topic '{}'",
                self.topic
            )));
        }
        Ok(Connected {
            client,
            partitions,
            open: BTreeMap::new(),
        })
    }

    fn record(&self, notice: &Notice) -> Record {
        let headers = [
            ("id", notice.id.as_str()),
            ("type", notice.event.as_str()),
            ("severity", notice.severity().as_str()),
        ];
        let since = u64::try_from(notice.time.as_microsecond()).unwrap_or_default();
        Record {
            key: Some(notice.subject().as_bytes().to_vec()),
            value: Some(self.format.write(notice).into_bytes()),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
                .collect(),
            timestamp: after_epoch(Duration::from_micros(since)),
        }
    }
}

/// The library's type of time, whose default is the epoch.
fn after_epoch<T: Default + AddAssign<Duration>>(since: Duration) -> T {
    let mut time = T::default();
    time += since;
    time
}

/// Reads `Endpoint=sb://NAME.servicebus.windows.net/;…`.
fn event_hubs(settings: &mut Settings, text: &Secret) -> Result<(), Invalid> {
    let part = |name: &str| {
        text.reveal().split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let host = part("Endpoint")
        .and_then(|endpoint| endpoint.strip_prefix("sb://"))
        .map(|rest| rest.trim_end_matches('/'))
        .filter(|host| !host.is_empty())
        .ok_or_else(|| {
            Invalid::new(
                "connection_string",
                "no 'Endpoint=sb://….servicebus.windows.net/' in it",
            )
        })?;
    if part("SharedAccessKey").is_none() && part("SharedAccessSignature").is_none() {
        return Err(Invalid::new(
            "connection_string",
            "no 'SharedAccessKey=' in it",
        ));
    }
    if settings.brokers.is_empty() {
        let host = host.split(':').next().unwrap_or(host);
        settings.brokers = vec![format!("{host}:9093")];
    }
    if settings.topic.as_deref().unwrap_or_default().is_empty() {
        settings.topic = part("EntityPath").map(str::to_owned);
    }
    settings.username = Some("$ConnectionString".to_owned());
    settings.password = Some(text.clone());
    settings.mechanism = Mechanism::Plain;
    Ok(())
}

fn broker(text: &str, guard: Guard) -> Result<(String, u16), Invalid> {
    let refuse = || Invalid::new("brokers", format!("'{text}' is not host:port"));
    let (host, port) = text.trim().rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_number| refuse())?;
    if host.is_empty() || host.contains(['/', ' ']) {
        return Err(refuse());
    }
    guard
        .judge_literal(host)
        .map_err(|refusal| Invalid::new("brokers", refusal.to_string()))?;
    Ok((host.to_owned(), port))
}

/// The same finding, the same partition.
fn partition(subject: &str, partitions: &[i32]) -> i32 {
    // FNV-1a: short, stable, and nobody attacks a partition.
    let hash = subject
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let index = hash % partitions.len().max(1) as u64;
    usize::try_from(index)
        .ok()
        .and_then(|index| partitions.get(index))
        .copied()
        .unwrap_or_default()
}

fn split(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut parts: Vec<Vec<Record>> = vec![Vec::new()];
    let mut size = 0;
    for record in records {
        let more = record.approximate_size();
        if size + more > MAX_REQUEST
            && let Some(part) = parts.last()
            && !part.is_empty()
        {
            parts.push(Vec::new());
            size = 0;
        }
        size += more;
        if let Some(part) = parts.last_mut() {
            part.push(record);
        }
    }
    parts
}

fn judge(error: &Error) -> Answer {
    let text = error.to_string();
    let is_final = matches!(
        error,
        Error::ServerError {
            protocol_error: ProtocolError::MessageTooLarge
                | ProtocolError::InvalidRecord
                | ProtocolError::TopicAuthorizationFailed
                | ProtocolError::SaslAuthenticationFailed
                | ProtocolError::UnsupportedSaslMechanism,
            ..
        }
    );
    if is_final {
        Answer::rejected(&text)
    } else {
        Answer::unreachable(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_says_where_and_who() {
        let settings = serde_json::from_value(serde_json::json!({
            "connection_string": "Endpoint=sb://contoso.servicebus.windows.net/;\
                SharedAccessKeyName=send;SharedAccessKey=abc=;EntityPath=findings",
        }))
        .unwrap();
        let sink = Kafka::open(settings).map_err(|e| e.to_string()).unwrap();
        let host = "contoso.servicebus.windows.net".to_owned();
        assert_eq!(sink.brokers, [(host, 9093)]);
        assert_eq!(sink.topic, "findings");
        assert!(matches!(sink.sasl, Some(SaslConfig::Plain(_))));
    }

    #[test]
    fn a_finding_keeps_its_partition() {
        let partitions = [0, 1, 2, 7];
        let chosen = partition("abc", &partitions);
        assert_eq!(partition("abc", &partitions), chosen);
        assert!(partitions.contains(&chosen));
    }
}
