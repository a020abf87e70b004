//! What one container did, out of a capture of a whole node: small enough
//! to be kept, and without what others did.

use std::{
    collections::HashSet,
    io::{Read, Write},
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    ANSWER, CaptureError, FORMAT, MAGIC, MOMENT, Next, RECORD, START, answer,
    codec::{Reader, Writer},
    head, next_frame, snapshot,
};
use crate::{context::MetadataAnswer, record::What};

/// Copies what is about the container of this identifier; says how many
/// frames that was.
pub fn excerpt(mut from: impl Read, mut to: impl Write, id: &[u8]) -> Result<u64, CaptureError> {
    head(&mut from)?;
    to.write_all(MAGIC).map_err(CaptureError::Write)?;
    to.write_all(&[FORMAT]).map_err(CaptureError::Write)?;
    let mut groups = HashSet::new();
    let mut payload = Vec::new();
    let (mut read, mut kept) = (0, 0);
    while let Next::Frame = next_frame(&mut from, &mut payload, read + 1)? {
        read += 1;
        let wanted =
            wanted(&payload, id, &mut groups).ok_or(CaptureError::Frame { number: read })?;
        let Some(payload) = wanted else { continue };
        kept += 1;
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        to.write_all(&length.to_le_bytes())
            .and_then(|()| to.write_all(&xxh3_64(&payload).to_le_bytes()))
            .and_then(|()| to.write_all(&payload))
            .map_err(CaptureError::Write)?;
    }
    to.flush().map_err(CaptureError::Write)?;
    Ok(kept)
}

/// A frame, as far as it is wanted; the outer one tells whether it could be
/// read.
#[expect(clippy::option_option, reason = "unread and unwanted are not the same")]
fn wanted(payload: &[u8], id: &[u8], groups: &mut HashSet<(bool, u64)>) -> Option<Option<Vec<u8>>> {
    let is_of = |path: &[u8]| !id.is_empty() && path.windows(id.len()).any(|part| part == id);
    let mut from = Reader(payload);
    let is_wanted = match from.byte()? {
        MOMENT => true,
        START => {
            let mut snapshot = snapshot(&mut from)?;
            snapshot.groups.retain(|group| is_of(&group.path));
            snapshot
                .processes
                .retain(|seen| seen.cgroups.iter().any(|it| is_of(&it.path)));
            groups.extend(
                snapshot
                    .groups
                    .iter()
                    .map(|group| (group.hierarchy == 0, group.id)),
            );
            let mut to = Writer::default();
            to.byte(START);
            to.snapshot(&snapshot);
            return Some(Some(to.0));
        }
        ANSWER => match answer(&mut from)? {
            MetadataAnswer::Found(found) => *found.container.full_id == *id,
            MetadataAnswer::Users(_) => false,
        },
        RECORD => {
            let record = from.record()?;
            match &record.what {
                What::CgroupMade(group)
                | What::CgroupRemoved(group)
                | What::CgroupJoined { group, .. } => {
                    let is_wanted = is_of(group.path);
                    if is_wanted {
                        groups.insert((group.hierarchy == 0, group.id));
                    }
                    is_wanted
                }
                _ => {
                    let cgroup = record.task.cgroup;
                    groups.contains(&(true, cgroup.unified))
                        || groups.contains(&(false, cgroup.legacy))
                }
            }
        }
        _ => false,
    };
    Some(is_wanted.then(|| payload.to_vec()))
}
