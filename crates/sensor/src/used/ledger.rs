//! What was seen, by image: what of it is new, and who is watched.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
};

use api::sensor::{SensorUse, SensorUsedContainer, SensorUsedFile, SensorUsedImage};
use jiff::{SignedDuration, Timestamp};
use rules::syscall::{Bytes, Container};

/// Images and containers kept.
const MOST_IMAGES: usize = 512;
const MOST_CONTAINERS: usize = 4_096;
/// Files remembered as sent, of all images, and those that wait.
const MOST_KNOWN: usize = 60_000;
const MOST_FRESH: usize = 8_000;
const LONGEST_PATH: usize = 1_024;
/// A file still used is told again after this long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// How often containers that are watched are told though nothing is new.
const STILL: SignedDuration = SignedDuration::from_hours(1);
/// Files and images of one body.
const FILES: usize = 4_000;
const IMAGES: usize = 100;

/// What is known of one image.
#[derive(Debug, Default)]
struct Image {
    digests: Vec<String>,
    /// Files that were sent, by hash, and when they were seen then.
    known: HashMap<u64, Timestamp>,
    fresh: BTreeMap<String, Timestamp>,
    /// A program of it ended before anybody could look, last then.
    blind: Option<Timestamp>,
    /// Something was told of it last then.
    told: Option<Timestamp>,
    /// A container came since.
    has_new: bool,
}

#[derive(Debug)]
struct Watched {
    /// Names the image.
    image: String,
    since: Timestamp,
}

/// What there is to tell.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    images: HashMap<String, Image>,
    containers: HashMap<Bytes, Watched>,
    known: usize,
    fresh: usize,
    missed: Vec<u64>,
}

/// What was told, to be acknowledged.
#[derive(Debug)]
pub(crate) struct Sent {
    at: Timestamp,
    files: Vec<(String, Vec<(String, Timestamp)>)>,
}

/// What names the image of a container, and all its digests: the engine's
/// own identifier first.
fn digests(container: &Container) -> Vec<String> {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let hex = text.strip_prefix("sha256:").unwrap_or(&text);
        let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then(|| format!("sha256:{hex}"))
    };
    let mut digests: Vec<String> = [&container.image_id, &container.digest]
        .into_iter()
        .filter_map(|bytes| text(bytes))
        .collect();
    digests.dedup();
    digests
}

impl Ledger {
    /// These containers there are now.
    pub(crate) fn there<'c>(
        &mut self,
        containers: impl Iterator<Item = &'c Container>,
        now: Timestamp,
    ) {
        let mut there: HashSet<&[u8]> = HashSet::new();
        for container in containers {
            there.insert(&container.full_id);
            if self.containers.contains_key(&container.full_id)
                || self.containers.len() >= MOST_CONTAINERS
            {
                continue;
            }
            let digests = digests(container);
            let Some(named) = digests.first().cloned() else {
                continue;
            };
            if self.images.len() >= MOST_IMAGES && !self.images.contains_key(&named) {
                continue;
            }
            let image = self.images.entry(named.clone()).or_default();
            image.digests = digests;
            image.has_new = true;
            let watched = Watched {
                image: named,
                since: now,
            };
            self.containers.insert(container.full_id.clone(), watched);
        }
        self.containers.retain(|id, _| there.contains(&**id));
        // An image nobody runs is forgotten once all of it was told.
        let run: HashSet<&str> = self
            .containers
            .values()
            .map(|watched| watched.image.as_str())
            .collect();
        let known = &mut self.known;
        self.images.retain(|named, image| {
            let is_kept = run.contains(named.as_str()) || !image.fresh.is_empty();
            if !is_kept {
                *known = known.saturating_sub(image.known.len());
            }
            is_kept
        });
    }

    /// A file of a container was executed or loaded. False: its image is
    /// not known yet, or there is no room.
    pub(crate) fn saw(&mut self, container: &[u8], path: &[u8], now: Timestamp) -> bool {
        let Ok(path) = str::from_utf8(path) else {
            return true;
        };
        if !path.starts_with('/') || path.len() > LONGEST_PATH {
            return true;
        }
        let Some(image) = self
            .containers
            .get(container)
            .and_then(|watched| self.images.get_mut(&watched.image))
        else {
            return false;
        };
        let hash = xxhash_rust::xxh3::xxh3_64(path.as_bytes());
        match image.known.get(&hash) {
            Some(before) if *before + AGAIN > now => return true,
            _ => {}
        }
        if let Some(seen) = image.fresh.get_mut(path) {
            *seen = now;
            return true;
        }
        if self.fresh >= MOST_FRESH {
            return false;
        }
        self.fresh += 1;
        image.fresh.insert(path.to_owned(), now);
        true
    }

    /// A program ended before it could be looked at.
    pub(super) fn miss(&mut self, container: &[u8], key: u64, now: Timestamp) {
        if self.missed.len() < 1_000 {
            self.missed.push(key);
        }
        if let Some(watched) = self.containers.get(container)
            && let Some(image) = self.images.get_mut(&watched.image)
        {
            image.blind = Some(now);
        }
    }

    /// Programs that are to be looked at when they run again.
    pub(super) fn missed(&mut self) -> Vec<u64> {
        mem::take(&mut self.missed)
    }

    /// What is to be told now; `None`: nothing.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<(SensorUse, Sent)> {
        let mut body = SensorUse::default();
        let mut sent = Sent {
            at: now,
            files: Vec::new(),
        };
        let mut files = 0;
        for (named, image) in &mut self.images {
            let is_due = image.told.is_none_or(|told| told + STILL <= now);
            let wants = !image.fresh.is_empty() || image.has_new || is_due;
            if !wants || body.images.len() >= IMAGES || files >= FILES {
                continue;
            }
            let mut taken: Vec<(String, Timestamp)> = Vec::new();
            while files < FILES
                && let Some((path, seen)) = image.fresh.pop_first()
            {
                files += 1;
                self.fresh = self.fresh.saturating_sub(1);
                taken.push((path, seen));
            }
            image.has_new = false;
            let containers = self
                .containers
                .iter()
                .filter(|(_, watched)| watched.image == *named)
                .map(|(id, watched)| SensorUsedContainer {
                    id: String::from_utf8_lossy(id).into_owned(),
                    since: image
                        .blind
                        .map_or(watched.since, |blind| blind.max(watched.since)),
                })
                .collect();
            body.images.push(SensorUsedImage {
                digests: image.digests.clone(),
                containers,
                files: taken
                    .iter()
                    .map(|(path, seen)| SensorUsedFile {
                        path: path.clone(),
                        seen: *seen,
                    })
                    .collect(),
            });
            sent.files.push((named.clone(), taken));
        }
        (!body.images.is_empty()).then_some((body, sent))
    }

    /// The server has it.
    pub(crate) fn acknowledge(&mut self, sent: Sent) {
        for (named, files) in sent.files {
            let Some(image) = self.images.get_mut(&named) else {
                continue;
            };
            image.told = Some(sent.at);
            for (path, seen) in files {
                if self.known >= MOST_KNOWN {
                    // Forgetting costs no more than telling it again.
                    self.known = self.known.saturating_sub(image.known.len());
                    image.known.clear();
                }
                let hash = xxhash_rust::xxh3::xxh3_64(path.as_bytes());
                if image.known.insert(hash, seen).is_none() {
                    self.known += 1;
                }
            }
        }
    }

    /// The server has it not: it is to be told again.
    pub(crate) fn take_back(&mut self, sent: Sent) {
        for (named, files) in sent.files {
            let Some(image) = self.images.get_mut(&named) else {
                continue;
            };
            image.has_new = true;
            for (path, seen) in files {
                if self.fresh < MOST_FRESH && image.fresh.insert(path, seen).is_none() {
                    self.fresh += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn container(id: &str, image: &str) -> Container {
        Container {
            full_id: id.as_bytes().into(),
            image_id: image.repeat(64).as_bytes().into(),
            ..Container::default()
        }
    }

    fn paths(body: &SensorUse) -> Vec<&str> {
        let files = body.images.iter().flat_map(|image| &image.files);
        files.map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn what_was_told_is_told_again_after_a_day_only() {
        let mut ledger = Ledger::default();
        let web = container("c0ffee", "a");
        assert!(
            !ledger.saw(b"c0ffee", b"/usr/bin/curl", at(0)),
            "nobody's yet"
        );
        ledger.there([&web].into_iter(), at(0));
        assert!(ledger.saw(b"c0ffee", b"/usr/bin/curl", at(1)));
        assert!(ledger.saw(b"c0ffee", b"/usr/bin/curl", at(2)));
        let (body, sent) = ledger.next(at(3)).unwrap();
        assert_eq!(paths(&body), ["/usr/bin/curl"]);
        assert_eq!(
            body.images[0].digests,
            [format!("sha256:{}", "a".repeat(64))]
        );
        assert_eq!(body.images[0].containers[0].since, at(0));
        ledger.acknowledge(sent);
        assert!(ledger.saw(b"c0ffee", b"/usr/bin/curl", at(4)));
        assert!(ledger.next(at(5)).is_none());
        // That it is watched is told every hour.
        let (body, sent) = ledger.next(at(70)).unwrap();
        assert!(paths(&body).is_empty());
        ledger.acknowledge(sent);
        assert!(ledger.saw(b"c0ffee", b"/usr/bin/curl", at(25 * 60)));
        let (body, _) = ledger.next(at(25 * 60)).unwrap();
        assert_eq!(paths(&body), ["/usr/bin/curl"]);
    }

    #[test]
    fn what_did_not_arrive_is_told_again() {
        let mut ledger = Ledger::default();
        let web = container("c0ffee", "a");
        ledger.there([&web].into_iter(), at(0));
        ledger.saw(b"c0ffee", b"/usr/bin/curl", at(1));
        let (_, sent) = ledger.next(at(2)).unwrap();
        ledger.take_back(sent);
        let (body, _) = ledger.next(at(3)).unwrap();
        assert_eq!(paths(&body), ["/usr/bin/curl"]);
    }

    #[test]
    fn a_program_nobody_could_look_at_breaks_the_watch() {
        let mut ledger = Ledger::default();
        let web = container("c0ffee", "a");
        ledger.there([&web].into_iter(), at(0));
        ledger.miss(b"c0ffee", 7, at(30));
        assert_eq!(ledger.missed(), [7]);
        let (body, _) = ledger.next(at(31)).unwrap();
        assert_eq!(body.images[0].containers[0].since, at(30));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_gone_forgotten() {
        let mut ledger = Ledger::default();
        let web = container("c0ffee", "a");
        ledger.there([&web].into_iter(), at(0));
        for number in 0..MOST_FRESH + 10 {
            ledger.saw(b"c0ffee", format!("/{number}").as_bytes(), at(1));
        }
        assert_eq!(ledger.fresh, MOST_FRESH);
        let mut told = 0;
        while let Some((body, sent)) = ledger.next(at(2)) {
            told += paths(&body).len();
            ledger.acknowledge(sent);
        }
        assert_eq!(
            (told, ledger.fresh, ledger.known),
            (MOST_FRESH, 0, MOST_FRESH)
        );
        ledger.there(std::iter::empty(), at(3));
        assert_eq!((ledger.images.len(), ledger.known), (0, 0));
        // No digest, no name to tell it by.
        let nameless = Container {
            full_id: b"abc".as_slice().into(),
            ..Container::default()
        };
        ledger.there([&nameless].into_iter(), at(4));
        assert!(ledger.next(at(5)).is_none());
    }
}
