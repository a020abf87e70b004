//! `testkit/sensor/attack.yaml`, read; its head says what each key means.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The whole script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub steps: Vec<Step>,
}

/// One thing somebody does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: String,
    #[serde(default)]
    pub technique: Option<String>,
    #[serde(default)]
    pub near: Option<String>,
    #[serde(rename = "in")]
    pub place: String,
    #[serde(default)]
    pub by: Way,
    pub run: String,
    #[serde(default)]
    pub alert: Option<String>,
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub tactics: Vec<String>,
    #[serde(default)]
    pub process: Option<String>,
    #[serde(default)]
    pub above: Vec<String>,
}

/// How a step gets where it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// As a command executed in the container.
    #[default]
    Exec,
    /// The same with a terminal.
    Tty,
    /// As a request to a page that runs what it is told.
    Web,
}

/// Where steps can be done.
const PLACES: [&str; 4] = ["shop", "web", "admin", "host"];

impl Script {
    /// Reads the script anew: it is tried more often than it is built.
    pub fn read() -> anyhow::Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/sensor/attack.yaml");
        let text = std::fs::read_to_string(path).context("failed to read attack.yaml")?;
        Self::of(&text)
    }

    fn of(text: &str) -> anyhow::Result<Self> {
        let script: Self = serde_norway::from_str(text).context("failed to read attack.yaml")?;
        for step in &script.steps {
            step.check(&script)
                .with_context(|| format!("attack.yaml: step '{}'", step.id))?;
        }
        Ok(script)
    }

    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Steps that must raise an alert, in containers or on the host.
    pub fn attacks(&self, is_host: bool) -> usize {
        let attacks = self.steps.iter().filter(|step| step.alert.is_some());
        attacks
            .filter(|step| (step.place == "host") == is_host)
            .count()
    }
}

impl Step {
    fn check(&self, script: &Script) -> anyhow::Result<()> {
        if !PLACES.contains(&self.place.as_str()) {
            bail!("'in' is one of {PLACES:?}, not '{}'", self.place);
        }
        match (&self.near, &self.alert) {
            (None, Some(_)) => {
                if self.tactics.is_empty() || self.process.is_none() {
                    bail!("an attack has 'tactics' and 'process'");
                }
            }
            (Some(near), None) => {
                let near = script.step(near).context("'near' names no step")?;
                if near.alert.is_none() {
                    bail!("'near' names a step without an alert");
                }
            }
            _ => bail!("needs either 'alert' or 'near'"),
        }
        let same = script.steps.iter().filter(|step| step.id == self.id);
        if same.count() > 1 {
            bail!("is there twice");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_whole() {
        let script = Script::read().unwrap();
        assert!(script.attacks(false) >= 45, "{}", script.attacks(false));
        assert!(script.attacks(true) >= 10, "{}", script.attacks(true));
    }

    #[test]
    fn a_step_without_an_end_is_refused() {
        let text = "steps: [{id: a, in: shop, run: id}]";
        assert!(Script::of(text).is_err());
        let text = "steps: [{id: a, in: nowhere, run: id, alert: X, tactics: [x], process: id}]";
        assert!(Script::of(text).is_err());
    }
}
