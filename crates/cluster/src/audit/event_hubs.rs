//! Azure Event Hubs, through its Kafka endpoint; any Kafka.
//!
//! What: records of every partition of one topic, as diagnostic settings
//! write them.
//! Why: the way AKS gives its audit log away within seconds.
//! Limits: this reader is alone with its position; it joins no consumer
//! group, whose protocol the library does not speak.
//! References: learn.microsoft.com, "Use Azure Event Hubs from Apache
//! Kafka applications".

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use rskafka::{
    client::{
        Client, ClientBuilder, Credentials, SaslConfig,
        error::{Error, ProtocolError},
        partition::{OffsetAt, PartitionClient, UnknownTopicHandling},
    },
    record::RecordAndOffset,
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{Batch, SourceError, normalise, tls};

/// Bytes of one partition's answer.
const FETCH: std::ops::Range<i32> = 1..(4 << 20);
/// How long a broker waits for something to answer with.
const WAIT_MS: i32 = 1_000;

/// A topic to read.
#[derive(Clone, Default)]
pub struct EventHubsSettings {
    /// `Endpoint=sb://…`: says brokers, user and password, and the topic
    /// where it has an `EntityPath`.
    pub connection_string: Option<String>,
    /// The event hub's name.
    pub topic: String,
    /// `host:port`, where the connection string does not say. Without
    /// one, spoken to without TLS.
    pub brokers: Vec<String>,
    /// Certificates to trust beside the machine's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Without a position: read what is there already.
    pub from_start: bool,
}

impl std::fmt::Debug for EventHubsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventHubsSettings")
            .field("topic", &self.topic)
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

/// The next offset of each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    partitions: BTreeMap<i32, i64>,
}

pub(super) struct EventHubs {
    settings: EventHubsSettings,
    brokers: Vec<String>,
    position: Position,
    /// Made anew after a fault.
    connected: Option<BTreeMap<i32, Arc<PartitionClient>>>,
}

impl std::fmt::Debug for EventHubs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventHubs")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl EventHubs {
    pub(super) fn open(
        mut settings: EventHubsSettings,
        position: Option<&str>,
    ) -> Result<Self, SourceError> {
        let mut brokers = settings.brokers.clone();
        if let Some(text) = &settings.connection_string {
            let host = part(text, "Endpoint")
                .and_then(|endpoint| endpoint.strip_prefix("sb://"))
                .map(|rest| rest.trim_end_matches('/'))
                .filter(|host| !host.is_empty())
                .ok_or_else(|| {
                    SourceError::new(
                        "understand the connection string: no \
                         'Endpoint=sb://….servicebus.windows.net/' in it",
                    )
                })?;
            if brokers.is_empty() {
                let host = host.split(':').next().unwrap_or(host);
                brokers.push(format!("{host}:9093"));
            }
            if settings.topic.is_empty() {
                settings.topic = part(text, "EntityPath").unwrap_or_default().to_owned();
            }
        }
        if settings.topic.is_empty() {
            return Err(SourceError::new(
                "read an event hub: neither event_hub nor an EntityPath in the connection string \
                 says which",
            ));
        }
        if brokers.is_empty() {
            return Err(SourceError::new(
                "read an event hub: neither a connection string nor brokers are given",
            ));
        }
        Ok(Self {
            position: position
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
            settings,
            brokers,
            connected: None,
        })
    }

    pub(super) async fn next(&mut self) -> Result<Batch, SourceError> {
        let outcome = self.fetch().await;
        if outcome.is_err() {
            self.connected = None;
        }
        outcome
    }

    async fn fetch(&mut self) -> Result<Batch, SourceError> {
        if self.connected.is_none() {
            self.connected = Some(self.connect().await?);
        }
        let partitions = self.connected.clone().unwrap_or_default();
        let mut fetching = JoinSet::new();
        for (number, partition) in partitions {
            let from = self.position.partitions.get(&number).copied().unwrap_or(0);
            fetching.spawn(async move { (number, read(&partition, from).await) });
        }
        let mut batch = Batch::default();
        while let Some(fetched) = fetching.join_next().await {
            let (number, outcome) =
                fetched.map_err(|error| SourceError::of("read an event hub", error))?;
            let (records, next) = outcome.map_err(|error| self.failed("read", error))?;
            for record in records {
                normalise(&record.record.value.unwrap_or_default(), &mut batch);
            }
            self.position.partitions.insert(number, next);
        }
        batch.position = serde_json::to_string(&self.position)
            .map_err(|error| SourceError::of("remember how far was read", error))?;
        Ok(batch)
    }

    fn failed(&self, what: &str, error: Error) -> SourceError {
        SourceError::of(
            format!("{what} the event hub '{}'", self.settings.topic),
            error,
        )
    }

    async fn connect(&mut self) -> Result<BTreeMap<i32, Arc<PartitionClient>>, SourceError> {
        let client = self.client().await?;
        let topics = client
            .list_topics()
            .await
            .map_err(|error| self.failed("find", error))?;
        let numbers = topics
            .into_iter()
            .find(|topic| topic.name == self.settings.topic)
            .map(|topic| topic.partitions)
            .filter(|partitions| !partitions.is_empty())
            .ok_or_else(|| {
                SourceError::new(format!(
                    "find the event hub '{}': there is none",
                    self.settings.topic
                ))
            })?;
        let mut partitions = BTreeMap::new();
        for number in numbers {
            let partition = client
                .partition_client(&self.settings.topic, number, UnknownTopicHandling::Error)
                .await
                .map_err(|error| self.failed("open a partition of", error))?;
            if !self.position.partitions.contains_key(&number) {
                let at = if self.settings.from_start {
                    OffsetAt::Earliest
                } else {
                    OffsetAt::Latest
                };
                let offset = partition
                    .get_offset(at)
                    .await
                    .map_err(|error| self.failed("find the end of", error))?;
                self.position.partitions.insert(number, offset);
            }
            partitions.insert(number, Arc::new(partition));
        }
        Ok(partitions)
    }

    async fn client(&self) -> Result<Client, SourceError> {
        let mut builder = ClientBuilder::new(self.brokers.clone()).client_id("seawall");
        if let Some(text) = &self.settings.connection_string {
            let credentials = Credentials::new("$ConnectionString".to_owned(), text.clone());
            builder = builder
                .sasl_config(SaslConfig::Plain(credentials))
                .tls_config(tls::client_config(self.settings.ca_file.as_deref())?);
        } else if self.settings.ca_file.is_some() {
            builder = builder.tls_config(tls::client_config(self.settings.ca_file.as_deref())?);
        }
        builder
            .build()
            .await
            .map_err(|error| self.failed("reach the brokers of", error))
    }
}

/// Records from an offset on, and the offset after them. What a broker
/// has forgotten meanwhile is gone; reading goes on with the oldest it
/// has.
async fn read(
    partition: &PartitionClient,
    from: i64,
) -> Result<(Vec<RecordAndOffset>, i64), Error> {
    match partition.fetch_records(from, FETCH, WAIT_MS).await {
        Ok((records, _end)) => {
            let next = records.last().map_or(from, |last| last.offset + 1);
            Ok((records, next))
        }
        Err(Error::ServerError {
            protocol_error: ProtocolError::OffsetOutOfRange,
            ..
        }) => {
            let oldest = partition.get_offset(OffsetAt::Earliest).await?;
            tracing::warn!(
                partition = partition.partition(),
                from,
                oldest,
                "the broker no longer has what comes next; going on with its oldest"
            );
            Ok((Vec::new(), oldest))
        }
        Err(error) => Err(error),
    }
}

/// A part of a connection string.
fn part<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(change: impl FnOnce(&mut EventHubsSettings)) -> Result<EventHubs, SourceError> {
        let mut settings = EventHubsSettings::default();
        change(&mut settings);
        EventHubs::open(settings, None)
    }

    #[test]
    fn a_connection_string_says_where_and_which() {
        let text = "Endpoint=sb://name.servicebus.windows.net/;SharedAccessKeyName=read;\
                    SharedAccessKey=s3cret=;EntityPath=insights-logs-kube-audit";
        let hubs = open(|settings| settings.connection_string = Some(text.to_owned())).unwrap();
        assert_eq!(hubs.brokers, ["name.servicebus.windows.net:9093"]);
        assert_eq!(hubs.settings.topic, "insights-logs-kube-audit");
        assert!(!format!("{hubs:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let refusal = |change: fn(&mut EventHubsSettings)| open(change).unwrap_err().to_string();
        let none = refusal(|settings| settings.topic = "t".to_owned());
        assert!(
            none.contains("neither a connection string nor brokers"),
            "{none}"
        );
        let which = refusal(|settings| settings.brokers = vec!["h:9092".to_owned()]);
        assert!(which.contains("neither event_hub nor"), "{which}");
        let odd = refusal(|settings| settings.connection_string = Some("hello".to_owned()));
        assert!(odd.contains("Endpoint=sb://"), "{odd}");
    }
}
