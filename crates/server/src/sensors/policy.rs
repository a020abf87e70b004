//! What an environment's sensors are to do: what somebody wrote, and the
//! rules that are switched.

use std::{collections::HashMap, sync::Arc};

use api::sensor::{DenyLists, DriftPolicy, DriftRule, DriftSettings, SensorPolicy};
use jiff::{SignedDuration, Timestamp};
use model::Fingerprint;
use rules::field::Source;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::StoreError;

use super::Sensors;
use crate::{app::App, switches::Switched};

/// Another server may have changed it: read again so often.
const FRESH: SignedDuration = SignedDuration::from_secs(15);

const MAX_RULES: usize = 200;
const MAX_LISTED: usize = 200;
const MAX_NAME: usize = 100;
const MAX_PATTERN: usize = 500;

/// A policy in force.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) wire: SensorPolicy,
    read: Timestamp,
    switched: Arc<Switched>,
}

/// The policy as the record keeps it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    drift: DriftPolicy,
    deny: DenyLists,
}

/// As the record keeps it.
pub(crate) fn written(drift: &DriftPolicy, deny: &DenyLists) -> Value {
    let written = Written {
        drift: drift.clone(),
        deny: deny.clone(),
    };
    serde_json::to_value(written).expect("invariant: plain data")
}

impl Sensors {
    /// The policy of an environment's sensors.
    pub(crate) async fn policy(
        &self,
        app: &App,
        environment: &str,
    ) -> Result<Arc<Policy>, StoreError> {
        let now = app.clock.now();
        let switched = app.switches.now();
        let known = {
            let policies = self.policies.lock();
            let policies = policies.expect("invariant: no panic under the lock");
            policies.get(environment).cloned()
        };
        if let Some(known) = known
            && now.duration_since(known.read) < FRESH
            && Arc::ptr_eq(&known.switched, &switched)
        {
            return Ok(known);
        }
        let written = drift_of(app, environment).await?;
        let policy = Arc::new(Policy {
            wire: assembled(app, environment, written, &switched),
            read: now,
            switched,
        });
        self.policies
            .lock()
            .expect("invariant: no panic under the lock")
            .insert(environment.to_owned(), Arc::clone(&policy));
        Ok(policy)
    }

    /// The marks of the policies of some environments.
    pub(crate) async fn marks(
        &self,
        app: &App,
        environments: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, String>, StoreError> {
        let mut marks = HashMap::new();
        for environment in environments {
            let policy = self.policy(app, &environment).await?;
            marks.insert(environment, policy.wire.mark.clone());
        }
        Ok(marks)
    }

    /// Somebody changed the policy of an environment.
    pub(crate) fn changed(&self, environment: &str) {
        self.policies
            .lock()
            .expect("invariant: no panic under the lock")
            .remove(environment);
    }
}

/// What somebody wrote; what is so by default where nobody did.
pub(crate) async fn drift_of(app: &App, environment: &str) -> Result<DriftSettings, StoreError> {
    let known = app.store.sensor_policy(environment).await?;
    Ok(match known {
        None => DriftSettings {
            environment: environment.to_owned(),
            revision: 0,
            drift: DriftPolicy::default(),
            deny: DenyLists::default(),
            changed: None,
            changed_by: None,
        },
        Some(known) => {
            // What an older program wrote and this one does not know is
            // nothing to act by.
            let written: Written = serde_json::from_value(known.policy).unwrap_or_default();
            DriftSettings {
                environment: environment.to_owned(),
                revision: known.revision,
                drift: written.drift,
                deny: written.deny,
                changed: Some(known.changed),
                changed_by: Some(known.changed_by),
            }
        }
    })
}

fn assembled(
    app: &App,
    environment: &str,
    written: DriftSettings,
    switched: &Switched,
) -> SensorPolicy {
    let mut policy = SensorPolicy {
        mark: String::new(),
        drift: written.drift,
        deny: written.deny,
        rules_off: Vec::new(),
        rules_on: Vec::new(),
    };
    for (rule, is_on) in switched.of_environment(environment) {
        let known = app.catalogue.rule(rule);
        // A rule that is not known here may be one the sensor has.
        if known.is_some_and(|known| known.source != Source::Syscall) {
            continue;
        }
        let list = if is_on {
            &mut policy.rules_on
        } else {
            &mut policy.rules_off
        };
        list.push(rule.to_owned());
        // What happens on the host goes with its rule, unless it was
        // switched itself.
        if let Some(on_host) = known.and_then(|known| known.on_host.as_deref())
            && on_host != rule
            && !switched.is_switched(environment, on_host)
        {
            list.push(on_host.to_owned());
        }
    }
    policy.rules_off.sort_unstable();
    policy.rules_on.sort_unstable();
    let text = serde_json::to_string(&policy).expect("invariant: plain data");
    let mark = Fingerprint::of(&["sensor policy", &text]);
    mark.as_str()
        .get(..16)
        .unwrap_or_default()
        .clone_into(&mut policy.mark);
    policy
}

/// Whether sensors can act by what somebody wrote; the first fault: its
/// place, and what is wrong.
pub(crate) fn document(drift: &DriftPolicy) -> Result<(), (String, String)> {
    if drift.rules.len() > MAX_RULES {
        let told = format!("expected at most {MAX_RULES} rules");
        return Err(("/drift/rules".to_owned(), told));
    }
    for (index, rule) in drift.rules.iter().enumerate() {
        let path = format!("/drift/rules/{index}");
        let name = rule.name.trim();
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            return Err((
                format!("{path}/name"),
                format!("expected 1 to {MAX_NAME} bytes on one line"),
            ));
        }
        let same = drift
            .rules
            .iter()
            .position(|other| other.name.trim() == name);
        if same != Some(index) {
            return Err((
                format!("{path}/name"),
                format!("another rule is called '{name}' too"),
            ));
        }
        lists(rule, &path)?;
    }
    Ok(())
}

fn lists(rule: &DriftRule, path: &str) -> Result<(), (String, String)> {
    let lists = [
        ("clusters", &rule.clusters),
        ("namespaces", &rule.namespaces),
        ("pods", &rule.pods),
        ("labels", &rule.labels),
        ("images", &rule.images),
        ("allow", &rule.allow),
    ];
    for (name, list) in lists {
        if list.len() > MAX_LISTED {
            let told = format!("expected at most {MAX_LISTED}");
            return Err((format!("{path}/{name}"), told));
        }
        for (index, text) in list.iter().enumerate() {
            let place = format!("{path}/{name}/{index}");
            if text.is_empty() || text.len() > MAX_PATTERN || text.contains(char::is_control) {
                let told = format!("expected 1 to {MAX_PATTERN} bytes on one line");
                return Err((place, told));
            }
            if name == "allow" && !text.starts_with(['/', '*']) {
                let told = format!("'{text}' is no path: expected one that begins with '/' or '*'");
                return Err((place, told));
            }
            if name == "labels" && text.starts_with('=') {
                let told = format!("'{text}' names no label: expected 'key' or 'key=value'");
                return Err((place, told));
            }
        }
    }
    Ok(())
}
