//! Tells how the sensor is, and learns what it is to do.

use std::{path::Path, sync::atomic::Ordering};

use api::sensor::{SensorNod, SensorPolicy, SensorStatus};

use super::{
    Shared,
    link::{Link, MAX_ANSWER, write_private},
};

/// The file the last policy is remembered in, for a start without the
/// server.
const FILE: &str = "policy.json";

/// The policy of before, where it can be read.
pub(super) fn remembered(state_dir: &Path) -> Option<SensorPolicy> {
    let text = std::fs::read(state_dir.join(FILE)).ok()?;
    match serde_json::from_slice(&text) {
        Ok(policy) => Some(policy),
        Err(error) => {
            tracing::warn!(%error, "the remembered policy cannot be read");
            None
        }
    }
}

/// Tells until told to stop.
pub(super) fn run(shared: &Shared, link: &Link, mut status: impl FnMut() -> SensorStatus) {
    let mut backoff = shared.backoff("status");
    while !shared.is_stopping.load(Ordering::SeqCst) {
        let wait = match turn(shared, link, &mut status) {
            Ok(()) => {
                backoff.succeeded();
                shared.told().status = None;
                shared.settings.status_every
            }
            Err(why) => {
                if shared.told().status.replace(why.clone()).is_none() {
                    tracing::warn!(why, "the status does not reach the server");
                }
                backoff.failed(None).max(shared.settings.status_every)
            }
        };
        shared.pause(wait);
    }
}

fn turn(
    shared: &Shared,
    link: &Link,
    status: &mut impl FnMut() -> SensorStatus,
) -> Result<(), String> {
    let path = shared.settings.token_file.display();
    let token = link
        .token()
        .map_err(|error| format!("the token file {path} cannot be read: {error}"))?;
    let mut status = status();
    let room = shared.spool.room();
    status.spool = room.used;
    status.spool_limit = room.limit;
    status.cluster.clone_from(&shared.settings.cluster);
    status.notes.extend(room.notes);
    status.notes.extend(shared.notes());
    // Whoever acts by it says so; it is known here, at any rate.
    if status.policy.is_empty() {
        status.policy.clone_from(&shared.told().policy.mark);
    }
    let body = serde_json::to_vec(&status).expect("invariant: plain data");
    let nod: SensorNod = asked(link.post("status", &token, body), "take the status")?;
    shared.heard(nod.policy);
    learn(shared, link, &token)
}

/// Fetches the policy where its mark is another than the server's.
fn learn(shared: &Shared, link: &Link, token: &str) -> Result<(), String> {
    let known = {
        let told = shared.told();
        if told.mark == told.policy.mark {
            return Ok(());
        }
        told.policy.mark.clone()
    };
    let answer = link.get("policy", token, Some(&known));
    if matches!(&answer, Ok(answer) if answer.status == 304) {
        return Ok(());
    }
    let policy: SensorPolicy = asked(answer, "give a policy")?;
    tracing::info!(mark = policy.mark, "the server has another policy");
    let text = serde_json::to_vec_pretty(&policy).expect("invariant: plain data");
    if let Err(error) = write_private(&shared.settings.state_dir.join(FILE), &text) {
        tracing::warn!(%error, "the policy cannot be remembered");
    }
    let mut told = shared.told();
    told.mark.clone_from(&policy.mark);
    told.policy = policy;
    told.is_policy_new = true;
    Ok(())
}

fn asked<T: serde::de::DeserializeOwned>(
    answer: Result<fetch::Response, fetch::FetchError>,
    what: &str,
) -> Result<T, String> {
    let told = |error: fetch::FetchError| format!("cannot {}", model::error::chain(&error));
    let answer = answer.map_err(told)?;
    let status = answer.status;
    if !answer.is_success() {
        let body = answer.bytes(MAX_ANSWER).unwrap_or_default();
        let problem: Option<api::Problem> = serde_json::from_slice(&body).ok();
        let detail = problem.map(|problem| problem.detail).unwrap_or_default();
        return Err(format!("the server does not {what} ({status}): {detail}"));
    }
    answer.json(MAX_ANSWER).map_err(told)
}
