//! VEX documents at an address: one document, or a hub of many.
//!
//! A hub is a repository as the VEX repository specification (0.1)
//! describes it: a manifest (`vex-repository.json`) says where its archive
//! is, a tar packed by gzip of documents; or an index (`index.json`) whose
//! documents lie beside it. Whoever answers is a stranger: everything is
//! bounded, and where the client may connect is for whoever makes it.
//!
//! References: github.com/aquasecurity/vex-repo-spec.

use std::{io::Read, path::Path};

use fetch::{Client, FetchError, Response, Url};
use model::Cancel;
use serde::Deserialize;

use super::{VexError, parse};

/// The largest answer.
const MAX_ANSWER: u64 = 128 << 20;
/// Bytes an archive may unpack to, and its entries.
const MAX_UNPACKED: u64 = 512 << 20;
const MAX_ENTRIES: usize = 200_000;
/// Documents of one hub, and bytes of one.
const MAX_DOCUMENTS: usize = 4_000;
const MAX_DOCUMENT: u64 = 32 << 20;
/// Documents of an index, each fetched by itself.
const MAX_FETCHED: usize = 1_000;
/// Manifest, archive: a hub leads no further.
const MAX_STEPS: usize = 3;

/// One document of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place in the hub; empty for one that is alone.
    pub name: String,
    pub bytes: Vec<u8>,
    pub statements: usize,
}

/// What an address led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hub {
    /// Nothing changed since the mark.
    Unchanged,
    Documents {
        documents: Vec<Found>,
        /// Files that are no VEX documents.
        left_out: usize,
        /// To be handed in the next time.
        mark: Option<String>,
    },
}

/// Why an address led nowhere.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("fetch {address}")]
    Fetch {
        address: String,
        #[source]
        source: FetchError,
    },
    #[error("fetch {address}: it answered with status {status}")]
    Status { address: String, status: u16 },
    #[error("use {0}: an address begins with https://")]
    Scheme(String),
    #[error("understand {address}: {reason}")]
    NotUnderstood { address: String, reason: String },
    #[error("understand {address}")]
    NoVex {
        address: String,
        #[source]
        source: VexError,
    },
    #[error("read {address}: {reason}")]
    Bounds { address: String, reason: String },
}

#[derive(Deserialize)]
struct Manifest {
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    spec_version: String,
    locations: Vec<Location>,
}

#[derive(Deserialize)]
struct Location {
    url: String,
}

#[derive(Deserialize)]
struct Index {
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    location: String,
}

/// Fetches what is at an address, unless it is what it was at `mark`.
pub fn fetch(
    client: &Client,
    address: &Url,
    mark: Option<&str>,
    cancel: &Cancel,
) -> Result<Hub, HubError> {
    let mut address = address.clone();
    let mut folder = String::new();
    for step in 0..MAX_STEPS {
        let Some(response) = ask(client, &address, mark, cancel)? else {
            return Ok(Hub::Unchanged);
        };
        // Of the last: a manifest stays as it is while its archive changes.
        let own_mark = mark_of(&response);
        let bytes = read(response, &address, MAX_ANSWER)?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let (documents, left_out) = archive(&address, &bytes, &folder)?;
            return whole(&address, documents, left_out, own_mark);
        }
        if let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) {
            if step + 1 == MAX_STEPS {
                break;
            }
            (address, folder) = location(&address, &manifest)?;
            continue;
        }
        if let Ok(index) = serde_json::from_slice::<Index>(&bytes) {
            let (documents, left_out) = indexed(client, &address, &index, cancel)?;
            return whole(&address, documents, left_out, own_mark);
        }
        let text = address.to_string();
        let document = parse(&text, &bytes).map_err(|source| HubError::NoVex {
            address: text,
            source,
        })?;
        let found = Found {
            name: String::new(),
            statements: document.len(),
            bytes,
        };
        return whole(&address, vec![found], 0, own_mark);
    }
    Err(HubError::NotUnderstood {
        address: address.to_string(),
        reason: "it leads from manifest to manifest".to_owned(),
    })
}

fn whole(
    address: &Url,
    documents: Vec<Found>,
    left_out: usize,
    mark: Option<String>,
) -> Result<Hub, HubError> {
    if documents.iter().all(|document| document.statements == 0) {
        return Err(HubError::NotUnderstood {
            address: address.to_string(),
            reason: "no document there makes a statement".to_owned(),
        });
    }
    Ok(Hub::Documents {
        documents,
        left_out,
        mark,
    })
}

/// `None`: it is what it was.
fn ask(
    client: &Client,
    address: &Url,
    mark: Option<&str>,
    cancel: &Cancel,
) -> Result<Option<Response>, HubError> {
    if address.scheme() != "https" && !fetch::is_loopback(address) {
        return Err(HubError::Scheme(address.to_string()));
    }
    let mut request = client.get(address).cancel(cancel);
    match mark.and_then(|mark| mark.split_once(' ')) {
        Some(("etag", tag)) => request = request.header("if-none-match", tag),
        Some(("modified", time)) => request = request.header("if-modified-since", time),
        _ => {}
    }
    let response = request.send().map_err(|source| HubError::Fetch {
        address: address.to_string(),
        source,
    })?;
    match response.status {
        304 => Ok(None),
        status if response.is_success() => {
            tracing::debug!(%address, status, "a VEX source answered");
            Ok(Some(response))
        }
        status => Err(HubError::Status {
            address: address.to_string(),
            status,
        }),
    }
}

fn mark_of(response: &Response) -> Option<String> {
    let header = |name: &str| response.header(name).filter(|text| text.len() <= 500);
    header("etag")
        .map(|tag| format!("etag {tag}"))
        .or_else(|| header("last-modified").map(|time| format!("modified {time}")))
}

fn read(response: Response, address: &Url, most: u64) -> Result<Vec<u8>, HubError> {
    response.bytes(most).map_err(|source| HubError::Fetch {
        address: address.to_string(),
        source,
    })
}

/// The archive a manifest names, and the folder in it.
fn location(address: &Url, manifest: &Manifest) -> Result<(Url, String), HubError> {
    let not = |reason: String| HubError::NotUnderstood {
        address: address.to_string(),
        reason,
    };
    let version = manifest
        .versions
        .iter()
        .find(|version| version.spec_version == "0.1")
        .ok_or_else(|| not("it has no version 0.1 of the specification".to_owned()))?;
    let first = version
        .locations
        .first()
        .ok_or_else(|| not("it names no location".to_owned()))?;
    // `https://host/archive.tar.gz//folder`
    let scheme = first.url.find("://").map_or(0, |at| at + 3);
    let (archive, folder) = match first.url.get(scheme..).and_then(|rest| rest.find("//")) {
        Some(at) => (
            first.url.get(..scheme + at).unwrap_or_default(),
            first.url.get(scheme + at + 2..).unwrap_or_default(),
        ),
        None => (first.url.as_str(), ""),
    };
    let url = address
        .join(archive)
        .map_err(|error| not(format!("its location: {error}")))?;
    Ok((url, folder.trim_matches('/').to_owned()))
}

fn too_many(address: &Url, reason: String) -> HubError {
    HubError::Bounds {
        address: address.to_string(),
        reason,
    }
}

/// The documents of an archive, by their place below `folder`.
fn archive(address: &Url, bytes: &[u8], folder: &str) -> Result<(Vec<Found>, usize), HubError> {
    let broken = |error: std::io::Error| HubError::NotUnderstood {
        address: address.to_string(),
        reason: format!("the archive cannot be read: {error}"),
    };
    let plain = flate2::read::GzDecoder::new(bytes).take(MAX_UNPACKED);
    let mut tar = tar::Archive::new(plain);
    let (mut documents, mut left_out) = (Vec::new(), 0);
    for (index, entry) in tar.entries().map_err(broken)?.enumerate() {
        if index >= MAX_ENTRIES {
            return Err(too_many(
                address,
                format!("more than {MAX_ENTRIES} entries"),
            ));
        }
        let entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        let is_file = entry.header().entry_type().is_file();
        let Some(name) = below(&path, folder) else {
            continue;
        };
        let is_json = Path::new(&name)
            .extension()
            .is_some_and(|kind| kind == "json");
        if !is_file || !is_json || is_about_the_hub(&name) {
            continue;
        }
        if entry.size() > MAX_DOCUMENT {
            left_out += 1;
            continue;
        }
        let mut bytes = Vec::new();
        entry
            .take(MAX_DOCUMENT)
            .read_to_end(&mut bytes)
            .map_err(broken)?;
        take(address, name, bytes, &mut documents, &mut left_out)?;
    }
    Ok((documents, left_out))
}

fn below(path: &str, folder: &str) -> Option<String> {
    let path = path.trim_start_matches("./");
    let rest = if folder.is_empty() {
        path
    } else {
        path.strip_prefix(folder)?.strip_prefix('/')?
    };
    Some(rest.to_owned())
}

/// What a hub says of itself is no document.
fn is_about_the_hub(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    matches!(last, "index.json" | "vex-repository.json" | "manifest.json")
}

fn take(
    address: &Url,
    name: String,
    bytes: Vec<u8>,
    documents: &mut Vec<Found>,
    left_out: &mut usize,
) -> Result<(), HubError> {
    match parse(&name, &bytes) {
        Ok(document) if !document.is_empty() => {
            if documents.len() >= MAX_DOCUMENTS {
                return Err(too_many(
                    address,
                    format!("more than {MAX_DOCUMENTS} documents"),
                ));
            }
            documents.push(Found {
                name,
                statements: document.len(),
                bytes,
            });
        }
        _ => *left_out += 1,
    }
    Ok(())
}

/// The documents an index names, beside it: on the same host.
fn indexed(
    client: &Client,
    address: &Url,
    index: &Index,
    cancel: &Cancel,
) -> Result<(Vec<Found>, usize), HubError> {
    if index.packages.len() > MAX_FETCHED {
        return Err(too_many(
            address,
            format!("it names more than {MAX_FETCHED} documents; an archive may hold more"),
        ));
    }
    let mut places: Vec<&str> = index
        .packages
        .iter()
        .map(|entry| entry.location.as_str())
        .collect();
    places.sort_unstable();
    places.dedup();
    let (mut documents, mut left_out) = (Vec::new(), 0);
    for place in places {
        let url = address
            .join(place)
            .ok()
            .filter(|url| url.origin() == address.origin());
        let Some(url) = url else {
            left_out += 1;
            continue;
        };
        let Some(response) = ask(client, &url, None, cancel)? else {
            left_out += 1;
            continue;
        };
        let bytes = read(response, &url, MAX_DOCUMENT)?;
        take(
            address,
            place.to_owned(),
            bytes,
            &mut documents,
            &mut left_out,
        )?;
    }
    Ok((documents, left_out))
}
