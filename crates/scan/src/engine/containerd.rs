//! containerd, through its socket: images, content and containers of
//! every namespace (containerd API, services `namespaces`, `images`,
//! `content`, `containers` and `tasks`, version 1).

mod container;
mod spec;

use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    path::Path,
};

use model::{Digest, Sbom, error::chain};

use super::{
    EngineError, LocalImage,
    grpc::{self, Call, GrpcError},
};
use crate::{
    Reference, ScanError, Source,
    image::{BlobError, Blobs, Choice, DocumentError, Documents, LayerPlan, Reader, resolve},
};

pub(super) use container::running;

const ENGINE: &str = "containerd";
const LIST_NAMESPACES: &str = "containerd.services.namespaces.v1.Namespaces/List";
const LIST_IMAGES: &str = "containerd.services.images.v1.Images/List";
const GET_IMAGE: &str = "containerd.services.images.v1.Images/Get";
const READ_CONTENT: &str = "containerd.services.content.v1.Content/Read";
/// Where Docker keeps its own; it lists them itself.
const DOCKERS_NAMESPACE: &str = "moby";

/// One image record.
struct Record {
    name: String,
    /// Of the manifest or index.
    target: Option<Digest>,
    media_type: String,
}

impl Record {
    fn read(message: &[u8]) -> Self {
        let target = grpc::bytes(message, 3).unwrap_or_default();
        Self {
            name: grpc::text(message, 1),
            target: grpc::text(target, 2).parse().ok(),
            media_type: grpc::text(target, 1),
        }
    }

    /// Kubernetes records each image three times: by tag, by digest and
    /// by id. The tag is what people know it by.
    fn rank(&self) -> u8 {
        if self.name.starts_with("sha256:") {
            2
        } else {
            u8::from(self.name.contains('@'))
        }
    }
}

fn refused(what: &str) -> impl FnOnce(GrpcError) -> EngineError {
    let what = what.to_owned();
    move |error| EngineError::Refused {
        engine: ENGINE,
        what,
        answer: chain(&error),
    }
}

fn check(socket: &Path) -> Result<(), EngineError> {
    UnixStream::connect(socket)
        .map(drop)
        .map_err(|source| EngineError::Connect {
            engine: ENGINE,
            socket: socket.to_owned(),
            source,
        })
}

/// Every namespace but Docker's.
fn namespaces(socket: &Path) -> Result<Vec<String>, EngineError> {
    let answer =
        grpc::unary(socket, "default", LIST_NAMESPACES, &[]).map_err(refused("its namespaces"))?;
    let namespaces = grpc::fields(&answer).filter(|(field, _)| *field == 1);
    Ok(namespaces
        .map(|(_, namespace)| grpc::text(namespace, 1))
        .filter(|namespace| namespace != DOCKERS_NAMESPACE)
        .collect())
}

/// Every image of every namespace, once.
pub(super) fn list(socket: &Path) -> Result<Vec<LocalImage>, EngineError> {
    check(socket)?;
    let mut images = Vec::new();
    for namespace in namespaces(socket)? {
        let answer =
            grpc::unary(socket, &namespace, LIST_IMAGES, &[]).map_err(refused("its images"))?;
        let mut records: Vec<Record> = grpc::fields(&answer)
            .filter(|(field, _)| *field == 1)
            .map(|(_, message)| Record::read(message))
            .collect();
        records.sort_by(|one, other| {
            let key = |record: &Record| (record.target, record.rank(), record.name.clone());
            key(one).cmp(&key(other))
        });
        records.dedup_by_key(|record| record.target);
        images.extend(records.into_iter().map(|record| LocalImage {
            source: Source::Containerd {
                namespace: namespace.clone(),
                image: record.name.clone(),
            },
            name: record.name,
            id: record.target,
        }));
    }
    Ok(images)
}

/// The content of one namespace.
struct Store<'a> {
    socket: &'a Path,
    namespace: &'a str,
    index: Vec<u8>,
    reader: &'a Reader<'a>,
}

/// Scans an image by its name in a namespace.
pub(crate) fn scan(
    socket: &Path,
    namespace: &str,
    image: &str,
    reader: &Reader<'_>,
) -> Result<Sbom, ScanError> {
    check(socket)?;
    let record = find(socket, namespace, image)?;
    let store = Store {
        socket,
        namespace,
        index: index_of(&record),
        reader,
    };
    let platform = reader.options.platform_or_own();
    let mut choice = Choice::of(reader.options, &platform);
    choice.select = None;
    let plan = resolve(&store, choice).map_err(|error| error.into_scan_error(Path::new(image)))?;
    reader.read(&plan, &store)
}

/// An index as a layout has it, with this one image in it.
fn index_of(record: &Record) -> Vec<u8> {
    let digest = record.target.map(|digest| digest.to_string());
    let index = serde_json::json!({"manifests": [{
        "mediaType": record.media_type,
        "digest": digest.unwrap_or_default(),
        "annotations": {"io.containerd.image.name": record.name},
    }]});
    index.to_string().into_bytes()
}

fn find(socket: &Path, namespace: &str, image: &str) -> Result<Record, EngineError> {
    let full = image.parse::<Reference>().map(|name| name.to_string());
    for name in [Some(image.to_owned()), full.ok()].into_iter().flatten() {
        let mut request = Vec::new();
        grpc::put_bytes(&mut request, 1, name.as_bytes());
        match grpc::unary(socket, namespace, GET_IMAGE, &request) {
            Ok(answer) => {
                return Ok(Record::read(grpc::bytes(&answer, 1).unwrap_or_default()));
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(refused(image)(error)),
        }
    }
    Err(EngineError::NoSuchImage {
        engine: ENGINE,
        image: image.to_owned(),
    })
}

impl Store<'_> {
    fn content(&self, digest: &Digest) -> Result<Content, GrpcError> {
        let mut request = Vec::new();
        grpc::put_bytes(&mut request, 1, digest.to_string().as_bytes());
        Ok(Content {
            call: Call::start(self.socket, self.namespace, READ_CONTENT, &request)?,
            piece: Vec::new(),
            position: 0,
        })
    }
}

impl Documents for Store<'_> {
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, DocumentError> {
        if name == "index.json" {
            return Ok(Some(self.index.clone()));
        }
        let hex = name.strip_prefix("blobs/sha256/").unwrap_or_default();
        let Ok(digest) = format!("sha256:{hex}").parse::<Digest>() else {
            return Ok(None);
        };
        let cache = self.reader.cache.as_ref();
        if let Some(bytes) = cache.and_then(|cache| cache.document(&digest)) {
            return Ok(Some(bytes));
        }
        let failed = |source: io::Error| DocumentError::Read {
            name: name.to_owned(),
            source,
        };
        let content = match self.content(&digest) {
            Err(error) if error.is_not_found() => return Ok(None),
            result => result.map_err(|error| failed(io::Error::other(error)))?,
        };
        let limit = self.reader.options.limits.document_bytes;
        let bytes = match crate::image::bounded(content, name, limit) {
            Err(DocumentError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            result => result?,
        };
        if let Some(cache) = cache.filter(|_| Digest::of(&bytes) == digest) {
            cache.put_document(&digest, &bytes);
        }
        Ok(Some(bytes))
    }

    fn blob_size(&self, _: &str) -> Option<u64> {
        None
    }
}

impl Blobs for Store<'_> {
    fn open(&self, layer: &LayerPlan) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let digest = layer.digest.unwrap_or(layer.diff_id);
        Ok(Box::new(self.content(&digest)?))
    }

    fn keeps_unverified(&self) -> bool {
        true
    }
}

/// One blob, coming in pieces.
struct Content {
    call: Call,
    piece: Vec<u8>,
    position: usize,
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.piece.len() {
            let message = match self.call.next() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(0),
                Err(error) if error.is_not_found() => {
                    let reason = "containerd no longer has it; it may drop layers once unpacked";
                    return Err(io::Error::new(io::ErrorKind::NotFound, reason));
                }
                Err(error) => return Err(io::Error::other(chain(&error))),
            };
            self.piece = grpc::bytes(&message, 2).unwrap_or_default().to_vec();
            self.position = 0;
        }
        let rest = self.piece.get(self.position..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length;
        Ok(length)
    }
}
