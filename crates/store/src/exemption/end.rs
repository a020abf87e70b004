//! The end of an exemption: its findings open again, unless another
//! exemption means them.

use std::collections::{BTreeMap, BTreeSet};

use model::NoticeEvent;

use super::{ExemptionState, Touched, hold};
use crate::{
    Author, FindingEventKind, StoreError,
    action::{Gathered, named},
    audit::{self, Note},
    db::{Connection, sql},
    decision,
};

pub(super) async fn end(
    connection: &mut Connection,
    author: &Author,
    (id, uid): (i64, &str),
    state: ExemptionState,
) -> Result<Touched, StoreError> {
    let now = author.time;
    let ended = sql("UPDATE exemption SET state = ?, ended = ?, ended_by = ?
         WHERE id = ? AND state = 0")
    .bind(state.number())
    .bind(now)
    .bind(&author.name)
    .bind(id)
    .execute(&mut *connection)
    .await?;
    if ended == 0 {
        return Ok(Touched::new());
    }
    let text = match state {
        ExemptionState::Expired => "the exemption expired",
        _ => "the exemption was ended",
    };
    let mut gathered = Gathered::default();
    let mut freed: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    loop {
        // Of each chunk none is found again: it is held no more.
        let ids = sql("SELECT id FROM finding WHERE exemption_id = ? ORDER BY id LIMIT 1000")
            .bind(id)
            .scalar()
            .fetch_all(&mut *connection)
            .await?;
        if ids.is_empty() {
            break;
        }
        let judged = decision::load(connection, &ids, None).await?;
        let mut rows = Vec::with_capacity(judged.len());
        for judged in &judged {
            let mut after = judged.decided.clone();
            after.forget_reason();
            // What was resolved meanwhile stays so, and would open when
            // it comes back.
            if after.state == 3 {
                after.state = 0;
                freed
                    .entry(judged.weight.environment)
                    .or_default()
                    .push(judged.id);
            }
            gathered.change(judged, &after);
            let what = FindingEventKind::ExemptionEnded;
            gathered.events.push((judged.id, what, text.to_owned()));
            rows.push((judged.id, after));
        }
        decision::write(connection, &rows).await?;
    }
    for (environment, ids) in &freed {
        hold(connection, *environment, ids, now, &mut gathered).await?;
        let held: BTreeSet<i64> = gathered.held.iter().map(|(finding, _)| *finding).collect();
        let open: Vec<i64> = ids
            .iter()
            .copied()
            .filter(|finding| !held.contains(finding))
            .collect();
        gathered
            .told
            .insert((*environment, NoticeEvent::FindingReopened), open);
    }
    let action = match state {
        ExemptionState::Expired => "exemption.expire",
        _ => "exemption.end",
    };
    let entry = Note::of(action, "exemption", uid).made(&serde_json::json!({
        "reopened": freed.values().map(Vec::len).sum::<usize>(),
    }));
    audit::note(connection, author, entry).await?;
    let actor = (state != ExemptionState::Expired).then_some(author.name.as_str());
    let places = gathered.finish(connection, actor, None, now).await?;
    named(connection, places).await
}
