//! Letting go of alerts that happen again in a way their exemption does
//! not mean: it was made for one principal, and now another does it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::{AlertContext, NoticeEvent, Query};

use crate::{
    FindingEventKind, StoreError,
    action::Gathered,
    alert::SeenAlert,
    db::{Connection, sql},
    decision,
};

/// Opens the exempted findings of these alerts whose exemption cannot
/// mean what was seen.
pub(crate) async fn release(
    connection: &mut Connection,
    environment: i64,
    seen: &[SeenAlert<'_>],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let ids: BTreeSet<i64> = seen.iter().map(|seen| seen.finding).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut scopes: HashMap<i64, Query> = HashMap::new();
    for chunk in ids.chunks(500) {
        let mut query = sql("SELECT finding.id, exemption.scope FROM finding
             JOIN exemption ON exemption.id = finding.exemption_id
             WHERE finding.state = 3 AND finding.id IN ");
        query.push_list(chunk);
        for row in &query.once().fetch_all(&mut *connection).await? {
            if let Ok(scope) = Query::parse_scope(&row.text("scope")?)
                && scope.asks_of_events()
            {
                scopes.insert(row.int("id")?, scope);
            }
        }
    }
    if scopes.is_empty() {
        return Ok(0);
    }
    let mut freed: BTreeMap<i64, &AlertContext> = BTreeMap::new();
    for SeenAlert { alert, finding } in seen {
        let scope = scopes.get(finding);
        if scope.is_some_and(|scope| !scope.may_mean(&alert.context)) {
            freed.insert(*finding, &alert.context);
        }
    }
    let ids: Vec<i64> = freed.keys().copied().collect();
    let judged = decision::load(connection, &ids, None).await?;
    let mut gathered = Gathered::default();
    let mut rows = Vec::with_capacity(judged.len());
    for judged in &judged {
        let mut after = judged.decided.clone();
        after.forget_reason();
        after.state = 0;
        gathered.change(judged, &after);
        let who = freed.get(&judged.id).and_then(|context| told(context));
        gathered.events.push((
            judged.id,
            FindingEventKind::ExemptionEnded,
            format!(
                "seen again{}, which its exemption does not mean",
                who.unwrap_or_default()
            ),
        ));
        rows.push((judged.id, after));
    }
    decision::write(connection, &rows).await?;
    gathered
        .told
        .insert((environment, NoticeEvent::FindingReopened), ids);
    gathered.finish(connection, None, None, now).await?;
    Ok(rows.len() as u64)
}

/// " by bob from 198.51.100.1"
fn told(context: &AlertContext) -> Option<String> {
    let mut text = String::new();
    if let Some(principal) = &context.principal {
        text.push_str(" by ");
        text.push_str(&principal.shown());
    }
    if let Some(address) = context.whence.addresses.first() {
        text.push_str(" from ");
        text.push_str(address);
    }
    (!text.is_empty()).then_some(text)
}
