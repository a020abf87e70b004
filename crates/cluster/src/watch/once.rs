//! A cluster seen whole once, and judged.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use model::Clock;
use policy::Document;
use tokio::sync::mpsc;

use crate::{
    connect::{ConnectError, Target, connect},
    external::Asker,
};

use super::{
    run::{QUEUE, State, Streams, Told, lock, now_ns, step},
    summary::Assessment,
};

/// A cluster cannot be assessed.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("ask the API server for its kinds")]
    Discover(#[source] kube::Error),
    #[error("see the cluster within {} seconds: {missing}", .after.as_secs())]
    TooLong { after: Duration, missing: String },
}

/// Sees a cluster whole once, and judges everything in it; for at most
/// `patience`.
pub async fn once(
    target: &Target,
    bundle: Arc<Vec<Document>>,
    patience: Duration,
    clock: &dyn Clock,
    external: Option<Arc<Asker>>,
) -> Result<Assessment, OnceError> {
    let begun = Instant::now();
    let (client, version) = connect(target).await?;
    let state = State::new(bundle, version, clock.now()).asking(external);
    let state = Arc::new(Mutex::new(state));
    let (news, mut arriving) = mpsc::channel(QUEUE);
    let mut streams = Streams::new(client, "once", news);
    streams.renew(&state).await.map_err(OnceError::Discover)?;
    let mut batch = Vec::with_capacity(QUEUE);
    loop {
        tokio::select! {
            _ = arriving.recv_many(&mut batch, QUEUE) => {}
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        let now_ns = now_ns(clock);
        let (mine, news) = (Arc::clone(&state), std::mem::take(&mut batch));
        let work = move || step(&mine, news, Told::default(), now_ns);
        let stepped = tokio::task::spawn_blocking(work).await;
        if let Ok(stepped) = stepped {
            // The cluster's own policies may want kinds nobody asked for.
            if stepped.renews.is_some() {
                streams.renew(&state).await.map_err(OnceError::Discover)?;
            }
            let state = lock(&state);
            let is_settled = stepped.is_ready && !stepped.has_more && state.core.due().is_none();
            if is_settled && state.is_whole_or_failing() && arriving.is_empty() {
                return Ok(Assessment::of(&state.core, &state.status()));
            }
        }
        if begun.elapsed() > patience {
            let missing = lock(&state).unseen().join(", ");
            return Err(OnceError::TooLong {
                after: patience,
                missing,
            });
        }
    }
}
