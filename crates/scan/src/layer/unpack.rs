//! From a layer's blob to its tar: hash, inflate, hash, bounded.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use model::{Cancel, Digest};
use sha2::{Digest as _, Sha256};

use crate::limits::{Bounded, Counted, Limits};

const COMPRESSED_BUFFER: usize = 128 * 1024;
const TAR_BUFFER: usize = 256 * 1024;
const LONGEST_MAGIC: usize = 6;

/// Counts what passes through, and hashes it where that is wanted.
pub(crate) struct Hashing<R> {
    inner: R,
    hasher: Option<Sha256>,
    count: u64,
}

impl<R> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            hasher: Some(Sha256::new()),
            ..Self::counting(inner)
        }
    }

    pub(crate) fn counting(inner: R) -> Self {
        Self {
            inner,
            hasher: None,
            count: 0,
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn digest(&self) -> Option<Digest> {
        let hasher = self.hasher.clone()?;
        Some(Digest::from_bytes(hasher.finalize().into()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        self.count += read as u64;
        Ok(read)
    }
}

type Blob<R> = Chain<Cursor<Vec<u8>>, BufReader<Hashing<R>>>;

#[expect(
    clippy::large_enum_variant,
    reason = "one for each layer being read, next to buffers a thousand times larger"
)]
/// A blob being inflated by whichever method its first bytes name. The
/// media type is not asked: it is a claim, and Docker archives have none.
enum Inflate<R: Read> {
    /// An uncompressed layer is hashed once, on its way in.
    Plain(Blob<R>),
    Gzip(Hashing<flate2::bufread::MultiGzDecoder<Blob<R>>>),
    Zstd(Hashing<zstd::Decoder<'static, Blob<R>>>),
}

impl<R: Read> Inflate<R> {
    fn blob(&self) -> &Hashing<R> {
        let chain = match self {
            Self::Plain(blob) => blob,
            Self::Gzip(decoder) => decoder.inner.get_ref(),
            Self::Zstd(decoder) => decoder.inner.get_ref(),
        };
        chain.get_ref().1.get_ref()
    }

    fn blob_mut(&mut self) -> &mut Blob<R> {
        match self {
            Self::Plain(blob) => blob,
            Self::Gzip(decoder) => decoder.inner.get_mut(),
            Self::Zstd(decoder) => decoder.inner.get_mut(),
        }
    }

    fn diff_id(&self) -> Option<Digest> {
        match self {
            Self::Plain(_) => self.blob().digest(),
            Self::Gzip(decoder) => decoder.digest(),
            Self::Zstd(decoder) => decoder.digest(),
        }
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(blob) => blob.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

impl<R: Read> Counted for Inflate<R> {
    fn consumed(&self) -> u64 {
        self.blob().count
    }
}

/// The tar inside a layer's blob.
pub(crate) struct Unpack<'a, R: Read> {
    tar: BufReader<Bounded<'a, Inflate<R>>>,
}

/// What a blob read to its end turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Digest of the blob as it came.
    pub digest: Digest,
    /// Digest of the tar in it.
    pub diff_id: Digest,
    /// Bytes of the blob.
    pub size: u64,
}

/// What is known of a blob read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Digest of the blob as it came, if it was hashed here.
    pub digest: Option<Digest>,
    /// Digest of the tar in it; absent where the blob is the tar and was
    /// not hashed.
    pub diff_id: Option<Digest>,
    pub size: u64,
}

impl Ended {
    pub(crate) fn verified(&self) -> Option<Verified> {
        let digest = self.digest?;
        Some(Verified {
            digest,
            diff_id: self.diff_id.unwrap_or(digest),
            size: self.size,
        })
    }
}

impl<'a, R: Read> Unpack<'a, R> {
    pub(crate) fn new(blob: R, limits: &'a Limits, cancel: &'a Cancel) -> io::Result<Self> {
        Self::of(Hashing::new(blob), limits, cancel)
    }

    /// Leaves the blob itself unhashed, which somebody else does or
    /// nobody needs.
    pub(crate) fn unhashed(blob: R, limits: &'a Limits, cancel: &'a Cancel) -> io::Result<Self> {
        Self::of(Hashing::counting(blob), limits, cancel)
    }

    /// Takes the bytes as they are, packed or not.
    pub(crate) fn plain(tar: R, limits: &'a Limits, cancel: &'a Cancel) -> Self {
        let blob = BufReader::with_capacity(COMPRESSED_BUFFER, Hashing::counting(tar));
        let blob = Cursor::new(Vec::new()).chain(blob);
        Self {
            tar: BufReader::with_capacity(
                TAR_BUFFER,
                Bounded::new(Inflate::Plain(blob), limits, cancel),
            ),
        }
    }

    fn of(blob: Hashing<R>, limits: &'a Limits, cancel: &'a Cancel) -> io::Result<Self> {
        let mut blob = BufReader::with_capacity(COMPRESSED_BUFFER, blob);
        let mut magic = Vec::with_capacity(LONGEST_MAGIC);
        (&mut blob)
            .take(LONGEST_MAGIC as u64)
            .read_to_end(&mut magic)?;
        let method = Method::of(&magic)?;
        let blob = Cursor::new(magic).chain(blob);
        let inflate = match method {
            Method::Plain => Inflate::Plain(blob),
            Method::Gzip => Inflate::Gzip(Hashing::new(flate2::bufread::MultiGzDecoder::new(blob))),
            Method::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(blob)?;
                // 128 MiB, what zstd itself allows by default; a larger
                // window is a demand for memory, not compression.
                decoder.window_log_max(27)?;
                Inflate::Zstd(Hashing::new(decoder))
            }
        };
        Ok(Self {
            tar: BufReader::with_capacity(TAR_BUFFER, Bounded::new(inflate, limits, cancel)),
        })
    }

    /// Reads whatever is left, so that both digests cover everything.
    pub(crate) fn finish(mut self) -> io::Result<Ended> {
        drain(&mut self.tar)?;
        let mut bounded = self.tar.into_inner();
        drain(bounded.inner_mut().blob_mut())?;
        let inflate = bounded.get_ref();
        Ok(Ended {
            digest: inflate.blob().digest(),
            diff_id: inflate.diff_id(),
            size: inflate.consumed(),
        })
    }
}

fn drain(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let length = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?.len(),
        };
        if length == 0 {
            return Ok(());
        }
        reader.consume(length);
    }
}

impl<R: Read> Read for Unpack<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tar.read(buffer)
    }
}

impl<R: Read> BufRead for Unpack<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.tar.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.tar.consume(amount);
    }
}

enum Method {
    Plain,
    Gzip,
    Zstd,
}

impl Method {
    fn of(magic: &[u8]) -> io::Result<Self> {
        let unsupported = |name: &str| {
            Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("compressed with {name}, which is not supported"),
            ))
        };
        match magic {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            // A frame, or a skippable frame as zstd:chunked may start with.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => unsupported("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A'] => unsupported("bzip2"),
            _ => Ok(Self::Plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::Compression;

    use super::*;

    fn unpack(blob: &[u8]) -> io::Result<(Vec<u8>, Verified)> {
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let mut unpack = Unpack::new(blob, &limits, &cancel)?;
        let mut content = Vec::new();
        (&mut unpack).take(100).read_to_end(&mut content)?;
        let ended = unpack.finish()?;
        Ok((content, ended.verified().unwrap()))
    }

    #[test]
    fn every_packing_gives_the_same_tar_and_true_digests() {
        let tar = b"some content".repeat(100_000);
        for packing in [Compression::Plain, Compression::Gzip, Compression::Zstd] {
            let blob = packing.pack(&tar);
            let (content, verified) = unpack(&blob).unwrap();
            assert_eq!(content, &tar[..100]);
            assert_eq!(verified.digest, Digest::of(&blob), "{packing:?}");
            assert_eq!(verified.diff_id, Digest::of(&tar), "{packing:?}");
            assert_eq!(verified.size, blob.len() as u64);
        }
    }

    #[test]
    fn several_members_are_one_stream() {
        for packing in [Compression::Gzip, Compression::Zstd] {
            let blob = [packing.pack(b"one "), packing.pack(b"two")].concat();
            let (content, verified) = unpack(&blob).unwrap();
            assert_eq!(content, b"one two", "{packing:?}");
            assert_eq!(verified.digest, Digest::of(&blob));
        }
    }

    #[test]
    fn an_empty_blob_is_an_empty_tar() {
        let (content, verified) = unpack(b"").unwrap();
        assert!(content.is_empty());
        assert_eq!(verified.size, 0);
    }

    #[test]
    fn a_cut_stream_is_an_error_and_unknown_packings_are_named() {
        for packing in [Compression::Gzip, Compression::Zstd] {
            let blob = packing.pack(&b"some content".repeat(1000));
            assert!(unpack(&blob[..blob.len() - 9]).is_err(), "{packing:?}");
        }
        let error = unpack(b"\xfd7zXZ\0....").unwrap_err();
        assert!(error.to_string().contains("xz"));
    }
}
