//! What earlier scans learned: facts of layers by what they truly are,
//! and small immutable documents by their digest.
//!
//! A plain folder shared by any number of processes: every file is
//! written aside and renamed, carries its own checksum, and one that
//! does not hold is a miss, never an error. Layers are keyed by the
//! digest of their blob as it came, which we hash ourselves: what a blob
//! unpacks to is only known by having parsed it, and a parser that fell
//! to its input must be able to lie about that input alone. They hold
//! each extractor's results under its name and version, so that a
//! changed extractor reads the layer again alone.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use model::{Digest, malware::Finding};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    extract::Owned,
    layer::{ExtractorFacts, LayerFacts, Remark},
    manifest,
};

/// First bytes of every layer file; the last one is the format.
const MAGIC: &[u8; 8] = b"seawlyr\x01";

/// Where it is kept what rules said.
const JUDGED: &str = "judged";

/// What rules match, by the program's content.
type Bad = BTreeMap<Digest, Vec<Finding>>;

/// The folder, and how large it may grow.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    most_bytes: u64,
}

/// The readable part of a layer file; the numbers follow it as they are.
#[derive(Serialize, Deserialize)]
struct Head {
    extractors: BTreeMap<String, ExtractorFacts>,
    remarks: Vec<Remark>,
    /// Lengths of the number lists: files, folders, whiteouts, opaques,
    /// then one for each owner in order of appearance.
    lists: Vec<usize>,
}

impl Cache {
    /// A cache in `root`, created when first written to.
    pub(crate) fn new(root: &Path, most_bytes: u64) -> Self {
        Self {
            root: root.to_owned(),
            most_bytes,
        }
    }

    /// What is known of the layer that came as the blob of this digest.
    pub(crate) fn layer(&self, blob: &Digest) -> Option<LayerFacts> {
        decode(&read(&self.path("layers", blob))?)
    }

    pub(crate) fn put_layer(&self, blob: &Digest, facts: &LayerFacts) {
        write(&self.path("layers", blob), &encode(facts));
    }

    /// The uncompressed digest that whoever read the blob said it has.
    pub(crate) fn diff_id(&self, blob: &Digest) -> Option<Digest> {
        let bytes = read(&self.path("blobs", blob))?;
        Some(Digest::from_bytes(bytes.try_into().ok()?))
    }

    pub(crate) fn put_diff_id(&self, blob: &Digest, diff_id: &Digest) {
        write(&self.path("blobs", blob), diff_id.as_bytes());
    }

    /// A manifest, index or configuration, verified against its digest.
    pub(crate) fn document(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bytes = read(&self.path("documents", digest))?;
        (Digest::of(&bytes) == *digest).then_some(bytes)
    }

    /// One with a secret in it is not kept: it is asked for again.
    pub(crate) fn put_document(&self, digest: &Digest, bytes: &[u8]) {
        if manifest::holds_secret(bytes) {
            return;
        }
        write(&self.path("documents", digest), bytes);
    }

    /// What rules, by their mark, said of the programs of a blob.
    pub(crate) fn judged(&self, blob: &Digest, rules: &Digest) -> Option<Bad> {
        let bytes = read(&self.path(JUDGED, &both(blob, rules)))?;
        let (checksum, text) = bytes.split_first_chunk()?;
        if xxh3_64(text) != u64::from_le_bytes(*checksum) {
            return None;
        }
        serde_json::from_slice(text).ok()
    }

    pub(crate) fn put_judged(&self, blob: &Digest, rules: &Digest, bad: &Bad) {
        let text = serde_json::to_vec(bad).expect("invariant: findings are plain data");
        let bytes = [&xxh3_64(&text).to_le_bytes(), text.as_slice()].concat();
        write(&self.path(JUDGED, &both(blob, rules)), &bytes);
    }

    fn path(&self, room: &str, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        // A thousand files to a folder rather than all in one.
        let first = hex.get(..2).unwrap_or_default();
        self.root.join(room).join(first).join(&hex)
    }

    /// Removes what was used longest ago until the folder is within its
    /// bound. Concurrent sweeps remove the same files and do not mind.
    pub(crate) fn sweep(&self) {
        let mut files = Vec::new();
        let mut total = 0;
        for room in ["layers", "blobs", "documents", JUDGED] {
            let shelves = fs::read_dir(self.root.join(room));
            for shelf in shelves.into_iter().flatten().flatten() {
                for file in fs::read_dir(shelf.path()).into_iter().flatten().flatten() {
                    if let Ok(meta) = file.metadata() {
                        let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                        total += meta.len();
                        files.push((used, meta.len(), file.path()));
                    }
                }
            }
        }
        if total <= self.most_bytes {
            return;
        }
        files.sort();
        // Some room is made at once, lest every scan sweeps.
        let target = self.most_bytes - self.most_bytes / 8;
        for (_, length, path) in files {
            if total <= target {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                total -= length;
            }
        }
    }
}

/// A blob under certain rules.
fn both(blob: &Digest, rules: &Digest) -> Digest {
    Digest::of(format!("{blob} {rules}").as_bytes())
}

fn read(path: &Path) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::debug!(path = %path.display(), error = %error, "cannot read the cache");
            }
            None
        }
    }
}

/// A cache that cannot be written only costs time.
fn write(path: &Path, bytes: &[u8]) {
    if let Err(error) = try_write(path, bytes) {
        tracing::debug!(path = %path.display(), error = %error, "cannot write the cache");
    }
}

fn try_write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

pub(crate) fn encode(facts: &LayerFacts) -> Vec<u8> {
    let mut extractors = facts.extractors.clone();
    let mut lists = vec![
        facts.files.clone(),
        facts.folders.clone(),
        facts.whiteouts.clone(),
        facts.opaques.clone(),
    ];
    for owned in owners(&mut extractors) {
        lists.push(std::mem::take(&mut owned.files));
    }
    let head = Head {
        extractors,
        remarks: facts.remarks.clone(),
        lists: lists.iter().map(Vec::len).collect(),
    };
    let head = serde_json::to_vec(&head).expect("invariant: facts are plain data");
    let numbers: usize = lists.iter().map(Vec::len).sum();
    let mut bytes = Vec::with_capacity(32 + head.len() + numbers * 8);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&head);
    for number in lists.iter().flatten() {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = xxh3_64(&bytes[16..]);
    bytes[8..16].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Option<LayerFacts> {
    let body = bytes.strip_prefix(MAGIC)?;
    let (checksum, body) = body.split_first_chunk()?;
    if xxh3_64(body) != u64::from_le_bytes(*checksum) {
        return None;
    }
    let (length, body) = body.split_first_chunk()?;
    let (head, numbers) =
        body.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let mut head: Head = serde_json::from_slice(head).ok()?;
    let mut numbers = numbers
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes));
    let mut lists = head.lists.iter();
    let mut list = || Some(numbers.by_ref().take(*lists.next()?).collect::<Vec<u64>>());
    let mut facts = LayerFacts {
        files: list()?,
        folders: list()?,
        whiteouts: list()?,
        opaques: list()?,
        remarks: head.remarks,
        ..LayerFacts::default()
    };
    for owned in owners(&mut head.extractors) {
        owned.files = list()?;
    }
    facts.extractors = head.extractors;
    Some(facts)
}

fn owners(extractors: &mut BTreeMap<String, ExtractorFacts>) -> impl Iterator<Item = &mut Owned> {
    extractors
        .values_mut()
        .flat_map(|own| &mut own.files)
        .flat_map(|file| &mut file.extraction.owned)
}

#[cfg(test)]
mod tests {
    use model::PackageKind;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        extract::{Extraction, Found},
        layer::FileFacts,
    };

    fn facts() -> LayerFacts {
        let extraction = Extraction {
            packages: vec![Found::new(PackageKind::Deb, "openssl", "3.0.11-1")],
            owned: vec![
                Owned {
                    package: "openssl".to_owned(),
                    files: vec![1, 2, u64::MAX],
                    programs: vec![0, 2],
                },
                Owned {
                    package: "empty".to_owned(),
                    files: vec![],
                    programs: vec![],
                },
            ],
            ..Extraction::default()
        };
        let own = ExtractorFacts {
            version: 3,
            files: vec![FileFacts {
                path: "var/lib/dpkg/status".to_owned(),
                extraction,
            }],
            remarks: vec![],
        };
        LayerFacts {
            extractors: BTreeMap::from([("dpkg".to_owned(), own)]),
            files: vec![5, 6],
            folders: vec![7],
            whiteouts: vec![],
            opaques: vec![8],
            remarks: vec![Remark {
                path: None,
                message: "odd".to_owned(),
            }],
            judged: None,
        }
    }

    #[test]
    fn what_rules_said_is_kept_for_those_rules_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        let (blob, rules, other) = (Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"c"));
        let bad = BTreeMap::from([(Digest::of(b"program"), Vec::new())]);
        cache.put_judged(&blob, &rules, &bad);
        assert_eq!(cache.judged(&blob, &rules), Some(bad));
        assert_eq!(cache.judged(&blob, &other), None);
        assert_eq!(cache.judged(&other, &rules), None);
    }

    #[test]
    fn what_was_put_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        let digest = Digest::of(b"layer");
        assert_eq!(cache.layer(&digest), None);
        cache.put_layer(&digest, &facts());
        assert_eq!(cache.layer(&digest), Some(facts()));
        cache.put_diff_id(&Digest::of(b"blob"), &digest);
        assert_eq!(cache.diff_id(&Digest::of(b"blob")), Some(digest));
        cache.put_document(&Digest::of(b"{}"), b"{}");
        assert_eq!(
            cache.document(&Digest::of(b"{}")).as_deref(),
            Some(&b"{}"[..])
        );
    }

    #[test]
    fn a_forged_document_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        cache.put_document(&Digest::of(b"true"), b"false");
        assert_eq!(cache.document(&Digest::of(b"true")), None);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let cache = Cache::new(&file, 1 << 20);
        cache.put_layer(&Digest::of(b"layer"), &facts());
        assert_eq!(cache.layer(&Digest::of(b"layer")), None);
        cache.sweep();
    }

    #[test]
    fn the_folder_stays_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 10_000);
        for number in 0..100_u32 {
            let document = vec![b'x'; 1000 + number as usize];
            cache.put_document(&Digest::of(&document), &document);
        }
        cache.sweep();
        let kept = (0..100_u32).filter(|number| {
            let document = vec![b'x'; 1000 + *number as usize];
            cache.document(&Digest::of(&document)).is_some()
        });
        assert!((1..=10).contains(&kept.count()));
    }

    proptest! {
        #[test]
        fn damage_anywhere_is_a_miss(at in 0_usize..10_000, flip in 1_u8..) {
            let mut bytes = encode(&facts());
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert_eq!(decode(&bytes), None);
            prop_assert_eq!(decode(&bytes[..at]), None);
        }
    }
}
