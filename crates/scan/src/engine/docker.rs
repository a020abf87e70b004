//! Docker Engine, through its socket or from afar (Docker Engine API 1.41 and later;
//! Podman answers the same).

mod container;

use std::{os::unix::net::UnixStream, path::Path, time::Duration};

use fetch::{Client, Response, Settings, Url};
use model::{Digest, Sbom};
use serde::{Deserialize, de::DeserializeOwned};

use super::{EngineError, Engines, LocalImage};
use crate::{
    ProgressEvent, ScanError, Source,
    image::{Blobs, LayerPlan, Place, Plan, Reader, stream},
};

pub(super) use container::running;

const ENGINE: &str = "Docker Engine";
const LARGEST_LIST: u64 = 64 << 20;
/// The engine gathers a whole image before it sends the first byte.
const PATIENCE: Duration = Duration::from_mins(10);
const NO_TAG: &str = "<none>:<none>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(rename = "RootFS", default)]
    root_fs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Option<Vec<Digest>>,
}

/// What the engine says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

struct Engine {
    client: Client,
    base: Url,
}

impl Engine {
    fn connect(engines: &Engines) -> Result<Self, EngineError> {
        if let Some(remote) = &engines.remote {
            return Ok(Self {
                client: remote.client.clone(),
                base: remote.base.clone(),
            });
        }
        let socket = engines.docker.as_path();
        // Told apart from later faults: this one the user can mend.
        UnixStream::connect(socket).map_err(|source| EngineError::Connect {
            engine: ENGINE,
            socket: socket.to_owned(),
            source,
        })?;
        let settings = Settings {
            idle_timeout: PATIENCE,
            retries: 1,
            ..Settings::default()
        };
        Ok(Self {
            client: Client::unix_socket(socket, &settings),
            base: "http://docker/"
                .parse()
                .expect("invariant: a constant address is valid"),
        })
    }

    /// `segments` are escaped, so that a name cannot become a path.
    fn get(&self, what: &str, segments: &[&str]) -> Result<Response, EngineError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        let response = self.client.get(&url).send().map_err(fetch_error)?;
        if response.is_success() {
            return Ok(response);
        }
        if response.status == 404 {
            return Err(EngineError::NoSuchImage {
                engine: ENGINE,
                image: what.to_owned(),
            });
        }
        let status = response.status;
        let refusal = response.json::<Refusal>(LARGEST_LIST);
        Err(EngineError::Refused {
            engine: ENGINE,
            what: what.to_owned(),
            answer: match refusal {
                Ok(refusal) => refusal.message.chars().take(200).collect(),
                Err(_) => format!("status {status}"),
            },
        })
    }

    fn json<T: DeserializeOwned>(&self, what: &str, segments: &[&str]) -> Result<T, EngineError> {
        self.get(what, segments)?
            .json(LARGEST_LIST)
            .map_err(fetch_error)
    }
}

fn fetch_error(source: fetch::FetchError) -> EngineError {
    EngineError::Fetch {
        engine: ENGINE,
        source,
    }
}

/// Every image the engine has, by tag, or by id where it has none.
pub(super) fn list(engines: &Engines) -> Result<Vec<LocalImage>, EngineError> {
    let listed: Vec<Listed> = Engine::connect(engines)?.json("its images", &["images", "json"])?;
    let image = |listed: Listed| {
        let mut tags = tags(listed.repo_tags);
        tags.sort();
        let name = tags.into_iter().next().unwrap_or_else(|| listed.id.clone());
        LocalImage {
            source: Source::Engine(name.clone()),
            name,
            id: listed.id.parse().ok(),
        }
    };
    Ok(listed.into_iter().map(image).collect())
}

fn tags(listed: Option<Vec<String>>) -> Vec<String> {
    let mut tags = listed.unwrap_or_default();
    tags.retain(|tag| tag != NO_TAG);
    tags
}

/// The engine's own layers are only had by exporting the whole image.
struct NoBlobs;

impl Blobs for NoBlobs {
    fn open(
        &self,
        _: &LayerPlan,
    ) -> Result<Box<dyn std::io::Read + Send + '_>, crate::image::BlobError> {
        Err("it is no longer in the cache".into())
    }

    fn keeps_unverified(&self) -> bool {
        true
    }
}

/// Scans an image by name or id. If all of it is known, the engine is
/// only asked what the name stands for.
pub(crate) fn scan(engines: &Engines, image: &str, reader: &Reader<'_>) -> Result<Sbom, ScanError> {
    let engine = Engine::connect(engines)?;
    let inspected: Inspected = engine.json(image, &["images", image, "json"])?;
    if let Some(plan) = known(&inspected, reader) {
        return reader.read(&plan, &NoBlobs);
    }
    reader.progress.report(ProgressEvent::Resolved {
        layers: inspected.root_fs.layers.as_ref().map_or(0, Vec::len),
        bytes: inspected.size,
    });
    let export = engine.get(image, &["images", image, "get"])?;
    let adjust = |plan: &mut Plan| identify(plan, &inspected);
    stream::scan(export.reader(), Path::new(image), reader, &adjust)
}

/// The export carries names of its own making: the engine's word counts.
fn identify(plan: &mut Plan, inspected: &Inspected) {
    plan.identity.tags = tags(inspected.repo_tags.clone());
    plan.identity.manifest = inspected
        .repo_digests
        .iter()
        .flatten()
        .find_map(|name| name.split_once('@')?.1.parse().ok());
}

/// The image as the cache has it, if it has the configuration and every
/// layer.
fn known(inspected: &Inspected, reader: &Reader<'_>) -> Option<Plan> {
    let cache = reader.cache.as_ref()?;
    let config = cache.document(&inspected.id.parse().ok()?)?;
    let layers = inspected.root_fs.layers.iter().flatten();
    let places = layers.map(|diff_id| Place {
        name: diff_id.to_string(),
        digest: None,
        size: None,
    });
    let mut plan = Plan::new(None, &config, places.collect(), Vec::new()).ok()?;
    identify(&mut plan, inspected);
    let is_known = |layer: &LayerPlan| {
        let facts = reader.known(layer);
        facts.is_some_and(|facts| reader.missing(&facts).is_empty())
    };
    plan.layers.iter().all(is_known).then_some(plan)
}
