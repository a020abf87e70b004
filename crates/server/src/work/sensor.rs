//! Keeping an eye on sensors: what they told goes into the record. One that
//! falls silent is an alert, for whoever breaks in stops it first; so is one
//! that cannot see most of what happens, for nobody would miss what it does
//! not tell.

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
    let now = app.clock.now();
    for (key, cluster, last) in app.sensors.newly_silent(&judge(app, &marks)) {
        tracing::warn!(environment = key.0, node = key.1, "a sensor fell silent");
        raise(app, silent(&key, cluster, last, now), key).await?;
    }
    for (key, cluster, absent) in app.sensors.newly_blind() {
        tracing::warn!(environment = key.0, node = key.1, "a sensor sees little");
        raise(app, blind(&key, cluster, &absent, now), key).await?;
    }
    Ok(())
}

async fn raise(app: &Arc<App>, raised: Alert, (environment, _): Key) -> Result<(), StoreError> {
    match alert::take(app, &environment, vec![raised]).await {
        Ok(_) | Err(StoreError::NoEnvironment(_)) => {}
        Err(error) => return Err(error),
    }
    app.bus.publish(&api::Event::Sensors { environment });
    Ok(())
}

/// The node a sensor is on.
fn place(node: &str, cluster: Option<String>) -> AlertPlace {
    let mut place = AlertPlace::default();
    if let Some(cluster) = cluster {
        place.push(AssetKind::Cluster, cluster.clone(), cluster);
    }
    place.push(AssetKind::Host, node.to_owned(), node.to_owned());
    place
}

/// The alert of a sensor that cannot see some of what matters.
fn blind((_, node): &Key, cluster: Option<String>, absent: &[String], now: Timestamp) -> Alert {
    let place = place(node, cluster);
    let rule = AlertRule {
        id: "sensor-sees-little".to_owned(),
        title: "A sensor sees little".to_owned(),
        description: "A node's sensor runs, but the kernel keeps most of what happens from it."
            .to_owned(),
        severity: Severity::Medium,
        tactics: vec!["defense_evasion".to_owned()],
        techniques: vec!["T1562.001".to_owned()],
        source: "Seawall".to_owned(),
        why: "The node looks watched and quiet. What is done on it by the means that are not \
              seen raises no alert at all."
            .to_owned(),
        steps: RuleStep::of_text(
            "- See what this kernel allows, and why not more:\n\
             ```shell\n\
             seawall-sensor doctor\n\
             ```\n\
             - Give the sensor the capabilities the documentation names, and a kernel of 5.15 \
             or newer with CONFIG_DEBUG_INFO_BTF.\n\
             - Where it saw more before, find out who changed the node.",
        ),
        false_positives: "A node whose kernel has no eBPF and is known not to.".to_owned(),
        ..AlertRule::default()
    };
    let what = absent.join(", ");
    Alert {
        event: Fingerprint::of(&["sensor", "blind", node, &now.as_microsecond().to_string()]),
        time: now,
        fingerprint: place.fingerprint(&rule.id, ""),
        place,
        summary: format!("the sensor on {node} is without: {what}"),
        evidence: json!({ "sensor": "seawall", "node": node, "absent": absent }).to_string(),
        context: AlertContext::default(),
        raw: None,
        trace: None,
        rule,
    }
}

/// The alert of a sensor that was not heard of since `last`.
fn silent((_, node): &Key, cluster: Option<String>, last: Timestamp, now: Timestamp) -> Alert {
    let place = place(node, cluster);
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
