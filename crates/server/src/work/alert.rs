//! Alerts on their way into the record.

use std::sync::Arc;

use model::Alert;
use store::{StoreError, TakenAlerts};

use crate::app::App;

/// Keeps alerts, and tells whoever listens. Answered once they are
/// durable, so that a sender may forget them.
pub(crate) async fn take(
    app: &Arc<App>,
    environment: &str,
    alerts: Vec<Alert>,
) -> Result<TakenAlerts, StoreError> {
    let taken = app
        .store
        .put_alerts(environment, alerts, app.clock.now())
        .await?;
    if taken.accepted > 0 {
        app.bus.publish(&api::Event::Findings {
            environment: environment.to_owned(),
            kind: api::FindingKind::Alert,
            new: taken.opened,
        });
    }
    Ok(taken)
}
