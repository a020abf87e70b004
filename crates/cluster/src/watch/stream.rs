//! One kind, listed and watched for as long as somebody listens.
//!
//! The list comes in pages and the watch with bookmarks; a version the
//! API server no longer has (410) begins a new list. Whatever fails is
//! tried again, later each time; an API server that restarts is met by
//! each stream at a moment of its own.

use std::{collections::HashSet, fmt, time::Duration};

use api::posture::ObjectKey;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ObjectMeta, PartialObjectMeta},
    runtime::watcher::{self, Event},
};
use serde_json::{Map, Value};
use tokio::sync::mpsc::Sender;
use tokio_stream::StreamExt as _;

use super::{
    contents::{Contents, has_contents},
    kinds::{Depth, Watched},
    mirror::{Arrived, Object},
};

/// Objects in one page of a list.
const PAGE: u32 = 250;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Before what is forbidden is asked for again.
const FORBIDDEN: Duration = Duration::from_mins(1);
/// Times it is asked for sooner: an API server that begins refuses
/// everybody until it has read its roles.
const UNSURE: u32 = 6;

/// What a stream saw, with the kind's name.
pub(crate) type News = (String, Saw);

#[derive(Debug)]
pub(crate) enum Saw {
    Object(Arrived),
    Gone(ObjectKey),
    /// It is there, and not looked at.
    Refused(ObjectKey, String),
    /// Everything of the kind was seen: these, and nothing else.
    Whole(HashSet<ObjectKey>),
    Failed {
        is_forbidden: bool,
        message: String,
        /// When it is tried again.
        again: Duration,
    },
}

/// Waits that grow, each somewhere between half and all of what is due.
#[derive(Debug)]
pub(crate) struct Backoff {
    faults: u32,
    seed: u64,
}

impl Backoff {
    /// `seed`: anything that differs between those who wait.
    pub(crate) fn new(seed: &str) -> Self {
        Self {
            faults: 0,
            seed: xxhash_rust::xxh3::xxh3_64(seed.as_bytes()) | 1,
        }
    }

    pub(crate) fn succeeded(&mut self) {
        self.faults = 0;
    }

    pub(crate) fn failed(&mut self) -> Duration {
        let due = FIRST_WAIT.saturating_mul(1 << self.faults.min(16));
        self.faults = self.faults.saturating_add(1);
        self.jittered(due.min(LONGEST_WAIT))
    }

    pub(crate) fn jittered(&mut self, due: Duration) -> Duration {
        // xorshift: chance enough for this.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let part = u32::try_from(self.seed % 512).unwrap_or(0);
        due / 2 + due * part / 1024
    }
}

/// Follows a kind until nobody listens.
pub(crate) async fn follow(client: Client, watched: Watched, seed: String, to: Sender<News>) {
    let config = watcher::Config::default().page_size(PAGE);
    match watched.depth {
        Depth::Full => {
            let api: Api<DynamicObject> = Api::all_with(client, &watched.resource);
            let stream = watcher::watcher(api, config);
            pass_on(stream, &watched, &seed, &to, |object| {
                (object.metadata, object.data)
            })
            .await;
        }
        Depth::Metadata => {
            // The API server is asked for no more.
            let api: Api<PartialObjectMeta<DynamicObject>> =
                Api::all_with(client, &watched.resource);
            let stream = watcher::watcher(api, config);
            let strip = |object: PartialObjectMeta<DynamicObject>| (object.metadata, Value::Null);
            pass_on(stream, &watched, &seed, &to, strip).await;
        }
    }
}

async fn pass_on<K>(
    stream: impl tokio_stream::Stream<Item = watcher::Result<Event<K>>> + Send,
    watched: &Watched,
    seed: &str,
    to: &Sender<News>,
    split: impl Fn(K) -> (ObjectMeta, Value) + Send,
) where
    K: fmt::Debug + Send,
{
    let mut stream = Box::pin(stream);
    let name = watched.name();
    let mut backoff = Backoff::new(&format!("{seed} {name}"));
    let mut listed: HashSet<ObjectKey> = HashSet::new();
    while let Some(event) = stream.next().await {
        let saw = match event {
            Ok(event) => {
                let is_whole = matches!(event, Event::InitDone);
                if is_whole || matches!(event, Event::Apply(_) | Event::Delete(_)) {
                    backoff.succeeded();
                }
                match event {
                    Event::Init => {
                        listed.clear();
                        continue;
                    }
                    Event::InitDone => Saw::Whole(std::mem::take(&mut listed)),
                    Event::InitApply(object) => {
                        let saw = arrived(watched, split(object));
                        let (Saw::Object(Arrived { key, .. }) | Saw::Refused(key, _)) = &saw else {
                            continue;
                        };
                        listed.insert(key.clone());
                        saw
                    }
                    Event::Apply(object) => arrived(watched, split(object)),
                    Event::Delete(object) => {
                        let (metadata, _) = split(object);
                        Saw::Gone(key(&watched.resource, &metadata))
                    }
                }
            }
            Err(error) => {
                let is_forbidden = is_forbidden(&error);
                let wait = if is_forbidden && backoff.faults >= UNSURE {
                    backoff.jittered(FORBIDDEN)
                } else {
                    backoff.failed()
                };
                let message = message(&error);
                tracing::debug!(resource = name, error = message, "a watch failed");
                let saw = Saw::Failed {
                    is_forbidden,
                    message,
                    again: wait,
                };
                if to.send((name.clone(), saw)).await.is_err() {
                    return;
                }
                tokio::time::sleep(wait).await;
                continue;
            }
        };
        if to.send((name.clone(), saw)).await.is_err() {
            return;
        }
    }
}

/// What the API server says, where it said something.
pub(crate) fn message(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.message.clone(),
        error => model::error::chain(error),
    }
}

pub(crate) fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => {
            matches!(error, kube::Error::Api(status) if status.code == 403 || status.code == 401)
        }
        watcher::Error::WatchError(status) => status.code == 403 || status.code == 401,
        watcher::Error::NoResourceVersion => false,
    }
}

fn key(resource: &ApiResource, metadata: &ObjectMeta) -> ObjectKey {
    ObjectKey {
        group: resource.group.clone(),
        kind: resource.kind.clone(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

fn arrived(watched: &Watched, (mut metadata, data): (ObjectMeta, Value)) -> Saw {
    let resource = &watched.resource;
    let key = key(resource, &metadata);
    metadata.managed_fields = None;
    let mut object = match data {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    object.insert("apiVersion".to_owned(), resource.api_version.clone().into());
    object.insert("kind".to_owned(), resource.kind.clone().into());
    object.insert(
        "metadata".to_owned(),
        serde_json::to_value(metadata).unwrap_or_default(),
    );
    let mut object = Value::Object(object);
    let contents = (watched.depth == Depth::Full && has_contents(&key.group, &key.kind))
        .then(|| Contents::take(&mut object))
        .flatten();
    match Object::new(&key, object) {
        Ok(object) => Saw::Object(Arrived {
            key,
            version: resource.version.clone(),
            object,
            contents,
        }),
        Err(refused) => Saw::Refused(key, refused.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ_between_streams() {
        let mut one = Backoff::new("pods");
        let mut other = Backoff::new("nodes");
        let waits: Vec<_> = (0..20).map(|_| one.failed()).collect();
        assert_ne!(waits, (0..20).map(|_| other.failed()).collect::<Vec<_>>());
        assert!(waits[0] <= FIRST_WAIT && waits[19] >= LONGEST_WAIT / 2);
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT));
        one.succeeded();
        assert!(one.failed() <= FIRST_WAIT);
    }
}
