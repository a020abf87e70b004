//! Docker Hub: one tag that was pushed. The address it wants to be called
//! back at is not called.
//!
//! References: docs.docker.com, "Webhooks" of Docker Hub.

use serde::Deserialize;

use super::{Refusal, Told, What, fingerprint_of, of_seconds, parse, present};

#[derive(Deserialize)]
struct Body {
    push_data: Push,
    repository: Repository,
}

#[derive(Deserialize)]
struct Push {
    /// Seconds; older ones had a fraction.
    pushed_at: f64,
    #[serde(default)]
    pusher: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    media_type: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    repo_name: String,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    let id = fingerprint_of(body);
    let body: Body = parse(body)?;
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a date")]
    let time = of_seconds(body.push_data.pushed_at as i64)?;
    Ok(vec![Told {
        repository: body.repository.repo_name,
        tag: present(body.push_data.tag),
        digest: None,
        media_type: present(body.push_data.media_type),
        what: What::Push,
        time,
        id,
        actor: present(body.push_data.pusher),
        origin: None,
    }])
}
