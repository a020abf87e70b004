//! Which files of images a sensor saw in use.
//!
//! What: `SensorUse`, a record for each image. Why: the words of the wire
//! become the record's. Limits: what is too long or no path is left out,
//! what is too much is refused whole; a digest that is none is no name,
//! and an image without one is left out.

use std::collections::BTreeMap;

use api::sensor::SensorUse;
use jiff::Timestamp;
use model::Digest;
use store::{UsedFile, UsedImage};

/// The largest body that is read.
pub(crate) const MAX_BODY: usize = 2 << 20;
/// Images of one body, and files and containers of all of them.
const MAX_IMAGES: usize = 500;
const MAX_FILES: usize = 10_000;
const MAX_CONTAINERS: usize = 4_096;
const MAX_DIGESTS: usize = 8;
const MAX_PATH: usize = 1_024;

/// Reads a record. What is wrong with it, where something is: the part,
/// and why.
pub(crate) fn understand(
    told: SensorUse,
    now: Timestamp,
) -> Result<Vec<UsedImage>, (String, String)> {
    let count = |what: &str, count: usize, most: usize| {
        if count > most {
            return Err((what.to_owned(), format!("more than {most} at once")));
        }
        Ok(())
    };
    let files = told.images.iter().map(|image| image.files.len()).sum();
    let containers = told.images.iter().map(|image| image.containers.len()).sum();
    count("/images", told.images.len(), MAX_IMAGES)?;
    count("/images/files", files, MAX_FILES)?;
    count("/images/containers", containers, MAX_CONTAINERS)?;
    // Two records of one image are one.
    let mut images: BTreeMap<Digest, UsedImage> = BTreeMap::new();
    for image in told.images {
        let digests = image.digests.iter().take(MAX_DIGESTS);
        let digests: Vec<Digest> = digests.filter_map(|text| digest(text)).collect();
        let Some(named) = digests.first() else {
            continue;
        };
        let known = images.entry(*named).or_default();
        if known.digests.is_empty() {
            known.digests = digests;
        }
        let is_id = |id: &str| {
            (12..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        known.containers.extend(
            image
                .containers
                .into_iter()
                .filter(|container| is_id(&container.id))
                .map(|container| (container.id, container.since.min(now))),
        );
        known.files.extend(
            image
                .files
                .into_iter()
                .filter(|file| is_path(&file.path))
                .map(|file| UsedFile {
                    seen: file.seen.min(now),
                    path: file.path,
                }),
        );
    }
    Ok(images.into_values().collect())
}

/// With or without the name of its hash.
fn digest(text: &str) -> Option<Digest> {
    if text.contains(':') {
        text.parse().ok()
    } else {
        format!("sha256:{text}").parse().ok()
    }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= MAX_PATH && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(body: serde_json::Value) -> SensorUse {
        serde_json::from_value(body).unwrap()
    }

    fn now() -> Timestamp {
        "2026-01-02T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_no_path_or_digest_is_left_out_and_the_future_is_now() {
        let hex = "ab".repeat(32);
        let body = json!({"images": [
            {"digests": ["nonsense", hex],
             "containers": [
                {"id": "c0ffee".repeat(10), "since": "2099-01-01T00:00:00Z"},
                {"id": "../../x", "since": "2026-01-01T00:00:00Z"}],
             "files": [
                {"path": "/usr/bin/curl", "seen": "2099-01-01T00:00:00Z"},
                {"path": "relative", "seen": "2026-01-01T00:00:00Z"},
                {"path": "/a\nb", "seen": "2026-01-01T00:00:00Z"},
                {"path": format!("/{}", "x".repeat(2000)), "seen": "2026-01-01T00:00:00Z"}]},
            {"digests": ["md5:00"], "files": [
                {"path": "/usr/bin/wget", "seen": "2026-01-01T00:00:00Z"}]},
        ]});
        let images = understand(told(body), now()).unwrap();
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].containers.len(), 1);
        assert_eq!(images[0].containers[0].1, now());
        let file = UsedFile {
            path: "/usr/bin/curl".to_owned(),
            seen: now(),
        };
        assert_eq!(images[0].files, [file]);
    }

    #[test]
    fn too_much_is_refused() {
        let files: Vec<_> = (0..=MAX_FILES)
            .map(|n| json!({"path": format!("/{n}"), "seen": "2026-01-01T00:00:00Z"}))
            .collect();
        let body = json!({"images": [{"digests": ["ab".repeat(32)], "files": files}]});
        let (part, why) = understand(told(body), now()).unwrap_err();
        assert_eq!(part, "/images/files");
        assert!(why.contains("10000"), "{why}");
    }
}
