//! What a container or host did before an alert, beside the finding.
//!
//! The last time it was raised counts: one trace is kept of each.

use std::collections::BTreeMap;

use model::{Alert, alert::Trace};

use super::SeenAlert;
use crate::{
    StoreError,
    db::{Connection, insert},
    packed,
    row::json,
};

/// The longest trace there can be, unpacked; see [`Trace::bound`].
const MOST: usize = 4 << 20;

pub(super) async fn put(
    connection: &mut Connection,
    seen: &[SeenAlert<'_>],
) -> Result<(), StoreError> {
    let mut latest: BTreeMap<i64, (&Alert, &Trace)> = BTreeMap::new();
    for SeenAlert { alert, finding } in seen {
        let Some(trace) = &alert.trace else { continue };
        let known = latest.entry(*finding).or_insert((alert, trace));
        if known.0.time <= alert.time {
            *known = (alert, trace);
        }
    }
    let mut rows = Vec::with_capacity(latest.len());
    for (finding, (alert, trace)) in latest {
        let text = json(trace);
        if text.len() > MOST {
            continue;
        }
        let packed = packed::pack(text.as_bytes()).map_err(StoreError::Event)?;
        rows.push((finding, alert.time, packed));
    }
    insert("INSERT INTO alert_trace (finding_id, time, trace) ")
        .ending(
            " ON CONFLICT (finding_id) DO UPDATE SET time = excluded.time, trace = excluded.trace
              WHERE excluded.time >= alert_trace.time",
        )
        .rows(connection, &rows, |row, (finding, time, packed)| {
            row.push_bind(*finding)
                .push_bind(*time)
                .push_bind(packed.clone());
        })
        .await?;
    Ok(())
}

/// A trace as it was packed; one of another version's form is none.
pub(crate) fn unpacked(packed: &[u8]) -> Result<Option<Trace>, StoreError> {
    let text = packed::unpack(packed, MOST).map_err(StoreError::Event)?;
    Ok(serde_json::from_slice(&text).ok())
}
