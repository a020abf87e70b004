//! Keeping an eye on sensors: what they told goes into the record, and
//! one that falls silent is an alert, for whoever breaks in stops it
//! first.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use model::{
    Alert, AlertContext, AlertPlace, AlertRule, AssetKind, Fingerprint, Severity, alert::RuleStep,
};
use serde_json::json;
use store::StoreError;

use crate::{
    app::App,
    http::sensor::judge,
    sensors::{self, Key},
    work::alert,
};

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Looks until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = look(&app, false).await {
            let error = model::error::chain(&error);
            tracing::warn!(error, "cannot keep how sensors are");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    if let Err(error) = sensors::save(&app, true).await {
        let error = model::error::chain(&error);
        tracing::warn!(error, "cannot keep how sensors are");
    }
}

/// One look.
pub(crate) async fn look(app: &Arc<App>, all: bool) -> Result<(), StoreError> {
    sensors::save(app, all).await?;
    let marks = std::collections::HashMap::new();
    for (key, cluster, last) in app.sensors.newly_silent(&judge(app, &marks)) {
        tracing::warn!(environment = key.0, node = key.1, "a sensor fell silent");
        let raised = silent(&key, cluster, last, app.clock.now());
        match alert::take(app, &key.0, vec![raised]).await {
            Ok(_) | Err(StoreError::NoEnvironment(_)) => {}
            Err(error) => return Err(error),
        }
        let environment = key.0;
        app.bus.publish(&api::Event::Sensors { environment });
    }
    Ok(())
}

/// The alert of a sensor that was not heard of since `last`.
fn silent((_, node): &Key, cluster: Option<String>, last: Timestamp, now: Timestamp) -> Alert {
    let mut place = AlertPlace::default();
    if let Some(cluster) = cluster {
        place.push(AssetKind::Cluster, cluster.clone(), cluster);
    }
    place.push(AssetKind::Host, node.clone(), node.clone());
    let rule = AlertRule {
        id: "sensor-silent".to_owned(),
        title: "A sensor fell silent".to_owned(),
        description: "A node's sensor has not told how it is for longer than \
                      `sensor.silent_after` allows."
            .to_owned(),
        severity: Severity::Medium,
        tactics: vec!["defense_evasion".to_owned()],
        techniques: vec!["T1562.001".to_owned()],
        source: "Seawall".to_owned(),
        why: "What happens on the node is not seen meanwhile. Whoever breaks in stops what \
              watches first; a node that is down or cut off looks the same from here."
            .to_owned(),
        steps: RuleStep::of_text(
            "- Is the node up, and does it reach the server?\n\
             - Look at the sensor there:\n\
             ```shell\n\
             systemctl status seawall-sensor; journalctl -u seawall-sensor -n 50\n\
             ```\n\
             - Where it was stopped by nobody you know, treat the node as broken into.\n\
             - Where the node is gone for good, forget its sensor on the sensors page.",
        ),
        false_positives: "The node was shut down, or the server could not be reached.".to_owned(),
        ..AlertRule::default()
    };
    Alert {
        event: Fingerprint::of(&["sensor", "silent", node, &last.as_microsecond().to_string()]),
        time: now,
        fingerprint: place.fingerprint(&rule.id, ""),
        place,
        summary: format!("nothing was heard of the sensor on {node} since {last}"),
        evidence: json!({ "sensor": "seawall", "node": node, "last_heard": last }).to_string(),
        context: AlertContext::default(),
        raw: None,
        trace: None,
        rule,
    }
}
