//! Letting go of what is over, for as long as the operator said.

use std::{sync::Arc, time::Duration};

use store::{Pruned, Retention, StoreError};

use crate::app::App;

/// Between two batches: others write first.
const BREATH: Duration = Duration::from_millis(50);

/// Prunes the record at start and whenever it is due again.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        match prune(&app).await {
            Ok(gone) if gone.total() > 0 => tracing::info!(
                resolved = gone.resolved,
                history = gone.history,
                changes = gone.changes,
                scans = gone.scans,
                "let go of what was older than it is kept"
            ),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = %model::error::chain(&error), "cannot prune the record");
            }
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(app.config.retention.interval.0) => {}
        }
    }
}

async fn prune(app: &App) -> Result<Pruned, StoreError> {
    let now = app.clock.now();
    let config = &app.config.retention;
    let retention = Retention {
        resolved: now - config.resolved.0,
        history: now - config.history.0,
        changes: now - config.changes.0,
        scans: now - config.scans.0,
        decisions: now - config.decisions.0,
    };
    let mut gone = Pruned::default();
    loop {
        let batch = app.store.prune(retention).await?;
        gone += batch;
        if batch.total() == 0 || app.shutdown.is_cancelled() {
            return Ok(gone);
        }
        tokio::time::sleep(BREATH).await;
    }
}
