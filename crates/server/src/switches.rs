//! Which rules are switched off where: a picture that is cheap to ask,
//! and a signal when it changes.
//!
//! Whoever judges events takes [`Switches::now`] once for a batch, or
//! [`Switches::watch`]es; nobody asks the record for each event.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use rules::rule::Rule;
use store::{RuleSwitch, StoreError};
use tokio::sync::watch;

use crate::app::App;

/// Looked at so often: another server may have switched a rule.
const AT_LEAST: Duration = Duration::from_secs(30);

/// What is switched, by environment and rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switched(BTreeMap<String, HashMap<String, bool>>);

impl Switched {
    pub(crate) fn of(switches: Vec<RuleSwitch>) -> Self {
        let mut all: BTreeMap<String, HashMap<String, bool>> = BTreeMap::new();
        for switch in switches {
            all.entry(switch.environment)
                .or_default()
                .insert(switch.rule, switch.is_enabled);
        }
        Self(all)
    }

    /// Whether a rule is on in an environment; `by_default` where nobody
    /// switched it.
    pub(crate) fn is_on(&self, environment: &str, rule: &str, by_default: bool) -> bool {
        let of_environment = self.0.get(environment);
        of_environment
            .and_then(|rules| rules.get(rule))
            .copied()
            .unwrap_or(by_default)
    }
}

impl Switched {
    /// Whether it is on where nobody switched this very id: what happens on
    /// the host goes with its rule.
    pub(crate) fn unless_switched(&self, environment: &str, id: &str, ours: Option<&Rule>) -> bool {
        let by_default = ours.is_none_or(|rule| rule.is_enabled);
        match ours {
            Some(rule) if rule.id != id => self.is_on(environment, &rule.id, by_default),
            _ => by_default,
        }
    }

    /// Whether what `ours`, if it is one of ours, is called by an id is on.
    pub(crate) fn is_on_as(&self, environment: &str, id: &str, ours: Option<&Rule>) -> bool {
        self.is_on(environment, id, self.unless_switched(environment, id, ours))
    }

    /// Whether somebody switched it there, either way.
    pub(crate) fn is_switched(&self, environment: &str, rule: &str) -> bool {
        let of_environment = self.0.get(environment);
        of_environment.is_some_and(|rules| rules.contains_key(rule))
    }

    /// What is switched in an environment, and which way.
    pub(crate) fn of_environment(&self, environment: &str) -> impl Iterator<Item = (&str, bool)> {
        let rules = self.0.get(environment).into_iter().flatten();
        rules.map(|(rule, is_on)| (rule.as_str(), *is_on))
    }

    /// Whether somebody switched a rule on in any environment.
    pub(crate) fn is_on_somewhere(&self, rule: &str) -> bool {
        let mut environments = self.0.values();
        environments.any(|rules| rules.get(rule).copied().unwrap_or(false))
    }
}

/// The picture, and who waits for another.
#[derive(Debug)]
pub(crate) struct Switches(watch::Sender<Arc<Switched>>);

impl Default for Switches {
    fn default() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }
}

impl Switches {
    /// What is switched now.
    pub(crate) fn now(&self) -> Arc<Switched> {
        Arc::clone(&self.0.borrow())
    }

    /// Changes whenever a rule is switched.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Switched>> {
        self.0.subscribe()
    }

    fn put(&self, switched: Switched) {
        self.0.send_if_modified(|known| {
            let is_new = **known != switched;
            if is_new {
                *known = Arc::new(switched);
            }
            is_new
        });
    }
}

/// Reads the picture afresh.
pub(crate) async fn refresh(app: &App) -> Result<(), StoreError> {
    let scope = app.store.scope(None).await?;
    let switches = app.store.rule_switches(&scope).await?;
    app.switches.put(Switched::of(switches));
    Ok(())
}

/// Keeps the picture true until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = refresh(&app).await {
            let error = model::error::chain(&error);
            tracing::warn!(error, "cannot read which rules are switched off");
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(AT_LEAST) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(environment: &str, rule: &str, is_enabled: bool) -> RuleSwitch {
        RuleSwitch {
            environment: environment.to_owned(),
            rule: rule.to_owned(),
            is_enabled,
            note: String::new(),
            changed: jiff::Timestamp::UNIX_EPOCH,
            changed_by: "ada".to_owned(),
        }
    }

    #[test]
    fn a_switch_holds_in_its_environment_and_is_told_once() {
        let switches = Switches::default();
        let mut watch = switches.watch();
        let all = || Switched::of(vec![switch("shop", "a", false), switch("shop", "b", true)]);
        switches.put(all());
        assert!(watch.has_changed().unwrap());
        watch.mark_unchanged();
        switches.put(all());
        assert!(!watch.has_changed().unwrap());
        let now = switches.now();
        for (environment, rule, by_default, on) in [
            ("shop", "a", true, false),
            ("shop", "b", false, true),
            ("shop", "c", true, true),
            ("local", "a", true, true),
            ("local", "b", false, false),
        ] {
            assert_eq!(now.is_on(environment, rule, by_default), on, "{rule}");
        }
        assert!(now.is_on_somewhere("b") && !now.is_on_somewhere("a"));
    }
}
