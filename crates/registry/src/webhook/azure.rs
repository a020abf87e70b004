//! Azure Container Registry: one event at a time.
//!
//! References: learn.microsoft.com, "Azure Container Registry webhook
//! reference" (`push`, `delete`, `quarantine`, `chart_push`, `ping`).

use super::{Refusal, Told, What, distribution::Event, parse};

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    let event: Event = parse(body)?;
    let what = match event.action.as_str() {
        "push" => What::Push,
        "delete" => What::Delete,
        "quarantine" => What::Quarantine,
        // Charts, and the ping that tries the webhook out.
        _ => return Ok(Vec::new()),
    };
    Ok(event.told(what).into_iter().collect())
}
