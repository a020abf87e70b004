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
    let switched = app.switches.now();
    let sent = alerts.len();
    let alerts: Vec<Alert> = alerts
        .into_iter()
        .filter(|alert| {
            let rule = alert.rule.id.as_str();
            let by_default = app.catalogue.rule(rule).is_none_or(|rule| rule.is_enabled);
            switched.is_on(environment, rule, by_default)
        })
        .collect();
    let off = (sent - alerts.len()) as u64;
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
    if taken.incidents > 0 {
        app.bus.publish(&api::Event::Incidents {
            environment: environment.to_owned(),
        });
    }
    Ok(Taken { record: taken, off })
}
