//! Where a feed's files are: behind HTTPS, on a mirror, or in a folder.
//!
//! One way to ask for all of them, with two promises: a file that has
//! not changed since it was last seen is not sent again, and a large
//! file cut off half-way goes on from there.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use fetch::{Client, FetchError, Url};
use model::Cancel;

use super::{Event, FeedError, Progress};

const CHUNK: usize = 128 << 10;
/// Times a cut-off download is taken up again within one run.
const RESUMPTIONS: u32 = 4;

/// A base address and the means to read from it.
#[derive(Debug)]
pub(crate) struct Origin<'c> {
    base: Url,
    client: &'c Client,
    cancel: &'c Cancel,
}

/// What asking for a file came to.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// With the tag to show next time.
    New(T, Option<String>),
    NotModified,
    Missing,
}

impl<'c> Origin<'c> {
    pub(crate) fn new(base: &Url, client: &'c Client, cancel: &'c Cancel) -> Self {
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        Self {
            base,
            client,
            cancel,
        }
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// The address of a file named by its path segments.
    pub(crate) fn url(&self, segments: &[&str]) -> Result<Url, FeedError> {
        let mut url = self.base.clone();
        let is_named = url
            .path_segments_mut()
            .map(|mut path| {
                path.pop_if_empty().extend(segments);
            })
            .is_ok();
        if !is_named {
            return Err(FeedError::Address {
                url: url.to_string(),
                reason: "files cannot be named below it".to_owned(),
            });
        }
        Ok(url)
    }

    /// A small file, whole.
    pub(crate) fn get(
        &self,
        url: &Url,
        tag: Option<&str>,
        limit: u64,
    ) -> Result<Answer<Vec<u8>>, FeedError> {
        if self.cancel.is_cancelled() {
            return Err(FeedError::Cancelled);
        }
        if let Some(path) = local(url)? {
            return get_local(&path, tag, limit);
        }
        let mut request = self.client.get(url).cancel(self.cancel);
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let response = request.send().map_err(|error| failed(url, error))?;
        match response.status {
            304 => Ok(Answer::NotModified),
            404 | 410 => Ok(Answer::Missing),
            200 => {
                let tag = response.header("etag").map(str::to_owned);
                let bytes = response.bytes(limit).map_err(|error| failed(url, error))?;
                Ok(Answer::New(bytes, tag))
            }
            status => Err(FeedError::Status {
                name: url.to_string(),
                status,
            }),
        }
    }

    /// A large file, into a draft beside `path`; the caller checks it
    /// and puts it in place. The draft outlives a failed run.
    pub(crate) fn download(
        &self,
        url: &Url,
        draft: &Draft,
        tag: Option<&str>,
        limit: u64,
        source: &str,
        progress: &dyn Progress,
    ) -> Result<Answer<()>, FeedError> {
        if let Some(path) = local(url)? {
            return self.copy_local(&path, draft, tag, source, progress);
        }
        let mut tries = 0;
        loop {
            match self.download_once(url, draft, tag, limit, source, progress) {
                Err(FeedError::Read { .. }) if tries < RESUMPTIONS && draft.can_resume() => {
                    tries += 1;
                    tracing::debug!(%url, tries, "download was cut off; going on from there");
                }
                outcome => return outcome,
            }
        }
    }

    fn download_once(
        &self,
        url: &Url,
        draft: &Draft,
        tag: Option<&str>,
        limit: u64,
        source: &str,
        progress: &dyn Progress,
    ) -> Result<Answer<()>, FeedError> {
        let mut request = self.client.get(url).cancel(self.cancel);
        let begun = draft.begun();
        match (&begun, tag) {
            // If-Range: should the file have changed, all of it comes.
            (Some((length, validator)), _) => {
                request = request
                    .header("range", format!("bytes={length}-"))
                    .header("if-range", validator.clone());
            }
            (None, Some(tag)) => request = request.header("if-none-match", tag),
            (None, None) => {}
        }
        let response = request.send().map_err(|error| failed(url, error))?;
        let start = match response.status {
            304 => return Ok(Answer::NotModified),
            404 | 410 => return Ok(Answer::Missing),
            206 => begun.as_ref().map_or(0, |(length, _)| *length),
            // The range begins at the end: it was all here.
            416 if begun.is_some() => {
                draft.forget();
                return self.download_once(url, draft, tag, limit, source, progress);
            }
            200 => 0,
            status => {
                return Err(FeedError::Status {
                    name: url.to_string(),
                    status,
                });
            }
        };
        let tag = response.header("etag").map(str::to_owned);
        progress.report(Event::Started {
            source,
            bytes: response.content_length().map(|rest| start + rest),
        });
        let file = draft.open(start, tag.as_deref())?;
        self.pump(
            response.reader(),
            file,
            start,
            draft,
            limit,
            source,
            progress,
        )?;
        Ok(Answer::New((), tag))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of a download, used by two"
    )]
    fn pump(
        &self,
        mut from: impl Read,
        mut to: File,
        start: u64,
        draft: &Draft,
        limit: u64,
        source: &str,
        progress: &dyn Progress,
    ) -> Result<(), FeedError> {
        let mut chunk = vec![0; CHUNK];
        let mut length = start;
        loop {
            if self.cancel.is_cancelled() {
                return Err(FeedError::Cancelled);
            }
            let read = match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FeedError::read(source)(error)),
            };
            length += read as u64;
            if length > limit {
                draft.forget();
                return Err(FeedError::TooLarge {
                    name: source.to_owned(),
                    limit,
                });
            }
            to.write_all(chunk.get(..read).unwrap_or_default())
                .map_err(FeedError::write(&draft.path))?;
            progress.report(Event::Advanced {
                source,
                bytes: length,
            });
        }
        Ok(())
    }

    fn copy_local(
        &self,
        path: &Path,
        draft: &Draft,
        tag: Option<&str>,
        source: &str,
        progress: &dyn Progress,
    ) -> Result<Answer<()>, FeedError> {
        let Some(own_tag) = local_tag(path)? else {
            return Ok(Answer::Missing);
        };
        if tag == Some(own_tag.as_str()) {
            return Ok(Answer::NotModified);
        }
        let from = File::open(path).map_err(FeedError::read(path))?;
        let bytes = from.metadata().map_err(FeedError::read(path))?.len();
        progress.report(Event::Started {
            source,
            bytes: Some(bytes),
        });
        let to = draft.open(0, None)?;
        self.pump(from, to, 0, draft, u64::MAX, source, progress)?;
        Ok(Answer::New((), Some(own_tag)))
    }
}

fn failed(url: &Url, source: FetchError) -> FeedError {
    match source {
        FetchError::Cancelled { .. } => FeedError::Cancelled,
        source => FeedError::Fetch {
            name: url.to_string(),
            source,
        },
    }
}

/// The path of a `file:` address.
pub(crate) fn local(url: &Url) -> Result<Option<PathBuf>, FeedError> {
    match url.scheme() {
        "file" => match url.to_file_path() {
            Ok(path) => Ok(Some(path)),
            Err(()) => Err(FeedError::Address {
                url: url.to_string(),
                reason: "it names no file of this machine".to_owned(),
            }),
        },
        "http" | "https" => Ok(None),
        scheme => Err(FeedError::Address {
            url: url.to_string(),
            reason: format!("'{scheme}' is none of https, http and file"),
        }),
    }
}

fn get_local(path: &Path, tag: Option<&str>, limit: u64) -> Result<Answer<Vec<u8>>, FeedError> {
    let Some(own_tag) = local_tag(path)? else {
        return Ok(Answer::Missing);
    };
    if tag == Some(own_tag.as_str()) {
        return Ok(Answer::NotModified);
    }
    let bytes = super::import::read_bounded(path, limit)?;
    Ok(Answer::New(bytes, Some(own_tag)))
}

/// A file's time and length, in the place of an `ETag`.
fn local_tag(path: &Path) -> Result<Option<String>, FeedError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FeedError::read(path)(error)),
    };
    let age = metadata.modified().ok();
    let age = age.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let age = age.unwrap_or_default();
    Ok(Some(format!(
        "\"{}-{}-{}\"",
        age.as_secs(),
        age.subsec_nanos(),
        metadata.len()
    )))
}

/// A download on its way: `<name>.part`, and beside it the tag of what
/// it is a part of.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) path: PathBuf,
    tag: PathBuf,
}

impl Draft {
    pub(crate) fn beside(path: &Path) -> Self {
        let name = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self {
            path: name(".part"),
            tag: name(".part.etag"),
        }
    }

    /// How much is here already, and of what.
    fn begun(&self) -> Option<(u64, String)> {
        let length = fs::metadata(&self.path).ok()?.len();
        let tag = fs::read_to_string(&self.tag).ok()?;
        // A weak tag does not promise the same bytes.
        (length > 0 && tag.starts_with('"')).then_some((length, tag))
    }

    fn can_resume(&self) -> bool {
        self.begun().is_some()
    }

    fn open(&self, start: u64, tag: Option<&str>) -> Result<File, FeedError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(FeedError::write(folder))?;
        }
        if start == 0 {
            self.forget();
            if let Some(tag) = tag {
                fs::write(&self.tag, tag).map_err(FeedError::write(&self.tag))?;
            }
        }
        File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(FeedError::write(&self.path))
    }

    /// Puts the finished file in place.
    pub(crate) fn publish(&self, path: &Path) -> Result<(), FeedError> {
        let publish = || -> io::Result<()> {
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, path)
        };
        publish().map_err(FeedError::write(path))?;
        self.forget();
        Ok(())
    }

    /// Begins from nothing next time. What cannot be removed is at worst
    /// downloaded again.
    pub(crate) fn forget(&self) {
        for path in [&self.path, &self.tag] {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::debug!(path = %path.display(), %error, "a part stays");
            }
        }
    }
}
