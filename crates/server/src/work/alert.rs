//! Alerts on their way into the record.

use std::sync::Arc;

use model::Alert;
use store::{StoreError, TakenAlerts};

use crate::app::App;

/// What became of alerts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) record: TakenAlerts,
    /// Of rules that are switched off there: not kept.
    pub(crate) off: u64,
}

/// Keeps alerts of rules that are on, and tells whoever listens. Answered once they are
/// durable, so that a sender may forget them.
pub(crate) async fn take(
    app: &Arc<App>,
    environment: &str,
    alerts: Vec<Alert>,
) -> Result<Taken, StoreError> {
    let sent = alerts.len();
    let alerts: Vec<Alert> = alerts
        .into_iter()
        .filter(|alert| is_on(app, environment, &alert.rule.id))
        .collect();
    let off = (sent - alerts.len()) as u64;
    let taken = app
        .store
        .put_alerts(environment, alerts, app.clock.now())
        .await?;
    announce(app, environment, &taken);
    Ok(Taken { record: taken, off })
}

/// Whether a rule's alerts are kept in an environment.
pub(crate) fn is_on(app: &App, environment: &str, rule: &str) -> bool {
    let ours = app.catalogue.rule(rule);
    app.switches.now().is_on_as(environment, rule, ours)
}

/// Tells whoever listens what came.
pub(crate) fn announce(app: &App, environment: &str, taken: &TakenAlerts) {
    if taken.accepted > 0 {
        app.bus.publish(&api::Event::Findings {
            environment: environment.to_owned(),
            kind: api::FindingKind::Alert,
            new: taken.opened,
        });
    }
    if taken.incidents > 0 {
        app.bus.publish(&api::Event::Incidents {
            environment: environment.to_owned(),
        });
    }
}
