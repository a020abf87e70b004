//! Standards: what frameworks ask for, as maps of controls to checks.
//!
//! One file each in `content/standards`. A standard only points: its
//! controls name recommendations, policies and node checks by id, and no
//! recommendation knows whom it serves. Ids are the framework's own,
//! titles are in our words. A control that no check can answer is
//! `manual`; one that checks answer in part is both.

use std::{collections::HashMap, sync::LazyLock};

use rust_embed::RustEmbed;
use serde::Deserialize;

/// One standard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// The file's name: `CIS-DOCKER-1.6`.
    pub id: String,
    pub name: String,
    pub source: String,
    /// What it is about, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Chapters: how their controls' ids begin, and what they are about.
    #[serde(default)]
    pub sections: Vec<Section>,
    pub controls: Vec<Control>,
}

/// A chapter of a standard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub id: String,
    pub title: String,
}

/// One thing a standard asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    pub id: String,
    pub title: String,
    /// Of the benchmarks that have levels: 1 suits everybody, 2 costs
    /// something.
    #[serde(default)]
    pub level: Option<u8>,
    /// Somebody has to look, whatever checks say.
    #[serde(default)]
    pub manual: bool,
    /// Recommendations by id; the control holds where all are healthy.
    #[serde(default)]
    pub checks: Vec<String>,
}

impl Standard {
    /// The title of the narrowest section a control is in.
    pub fn section(&self, control: &str) -> &str {
        self.sections
            .iter()
            .filter(|section| {
                control
                    .strip_prefix(section.id.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
            })
            .max_by_key(|section| section.id.len())
            .map_or("", |section| section.title.as_str())
    }
}

#[derive(RustEmbed)]
#[folder = "../../content/standards"]
struct Files;

/// Every standard, by id.
pub fn standards() -> &'static [Standard] {
    static ALL: LazyLock<Vec<Standard>> = LazyLock::new(|| {
        let mut all: Vec<Standard> = Files::iter()
            .filter(|name| name.ends_with(".yaml"))
            .map(|name| {
                read(&name).expect("invariant: a test reads every standard before a release")
            })
            .collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    });
    &ALL
}

/// One standard by id.
pub fn standard(id: &str) -> Option<&'static Standard> {
    standards().iter().find(|known| known.id == id)
}

/// The standard and control that `text` names: `CIS-DOCKER-1.6 5.5`.
pub fn control(text: &str) -> Option<(&'static Standard, &'static Control)> {
    let (standard, control) = text.split_once(' ')?;
    let standard = self::standard(standard)?;
    let control = standard.controls.iter().find(|known| known.id == control)?;
    Some((standard, control))
}

/// The controls that a recommendation serves, each with its standard's
/// id before it.
pub fn served_by(recommendation: &str) -> &'static [String] {
    static ALL: LazyLock<HashMap<&'static str, Vec<String>>> = LazyLock::new(|| {
        let mut all: HashMap<&'static str, Vec<String>> = HashMap::new();
        for standard in standards() {
            for control in &standard.controls {
                for check in &control.checks {
                    let name = format!("{} {}", standard.id, control.id);
                    all.entry(check).or_default().push(name);
                }
            }
        }
        all
    });
    ALL.get(recommendation).map_or(&[], Vec::as_slice)
}

fn read(name: &str) -> Result<Standard, String> {
    let file = Files::get(name).ok_or_else(|| format!("{name}: gone"))?;
    serde_norway::from_slice(&file.data).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::recommendation;

    /// Everything a standard must hold, every offender at once.
    #[test]
    fn every_standard_is_whole_and_points_at_checks_there_are() {
        let mut faults = Vec::new();
        for name in Files::iter().filter(|name| name.ends_with(".yaml")) {
            let standard = match read(&name) {
                Ok(standard) => standard,
                Err(error) => {
                    faults.push(error);
                    continue;
                }
            };
            if Some(standard.id.as_str()) != name.strip_suffix(".yaml") {
                faults.push(format!("{name}: its id is '{}'", standard.id));
            }
            if standard.id.contains(' ') || !standard.source.starts_with("https://") {
                faults.push(format!("{name}: id without spaces, source over https"));
            }
            let mut met = HashSet::new();
            for control in &standard.controls {
                let full = format!("{} {}", standard.id, control.id);
                let mut fault = |text: &str| faults.push(format!("{full}: {text}"));
                if !met.insert(control.id.as_str()) {
                    fault("is there twice");
                }
                if control.title.is_empty() || control.title.ends_with('.') {
                    fault("a title, without a full stop");
                }
                if control.level.is_some_and(|level| !(1..=2).contains(&level)) {
                    fault("levels are 1 and 2");
                }
                if control.checks.is_empty() && !control.manual {
                    fault("no check answers it: say `manual: true`");
                }
                let distinct: HashSet<&String> = control.checks.iter().collect();
                if distinct.len() != control.checks.len() {
                    fault("names a check twice");
                }
                for check in &control.checks {
                    if recommendation(check).is_none() {
                        fault(&format!("there is no check '{check}'"));
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// Policies no framework asks for, and why they are there all the same.
    const IN_NONE: [(&str, &str); 11] = [
        (
            "budgets-allow-drains",
            "a budget nothing fits keeps nodes from being mended",
        ),
        (
            "budgets-evict-unhealthy",
            "pods that never get ready keep nodes from being mended",
        ),
        (
            "cron-jobs-no-overlap",
            "what runs twice at once is a fault of how it works",
        ),
        (
            "ingresses-have-host",
            "what answers for every name is a fault of how it works",
        ),
        (
            "ingresses-unique-host",
            "two that answer for one name take it from each other",
        ),
        (
            "names-not-like-system",
            "frameworks say how masks are noticed, not what to be called",
        ),
        (
            "objects-required-annotations",
            "which ones is everybody's own to say",
        ),
        (
            "objects-required-labels",
            "which ones is everybody's own to say",
        ),
        (
            "pods-pre-stop",
            "requests are lost without it, and nothing else",
        ),
        (
            "services-unique-selector",
            "two services of the same pods are a fault of how it works",
        ),
        (
            "webhooks-leave-system-out",
            "a webhook about the system can keep it from starting",
        ),
    ];

    #[test]
    fn every_policy_is_asked_for_by_a_standard_or_said_to_be_in_none() {
        let all = crate::policies().iter().map(|policy| policy.id.as_str());
        let mut unserved: Vec<&str> = all.filter(|id| served_by(id).is_empty()).collect();
        unserved.sort_unstable();
        let named: Vec<&str> = IN_NONE.iter().map(|(id, _)| *id).collect();
        assert_eq!(unserved, named);
        assert!(IN_NONE.iter().all(|(_, why)| !why.is_empty()));
    }

    #[test]
    fn a_check_knows_whom_it_serves_through_the_standards_alone() {
        let served = served_by("containers-not-privileged");
        assert!(
            served.contains(&"CIS-DOCKER-1.6 5.5".to_owned()),
            "{served:?}"
        );
        assert!(served_by("no-such").is_empty());
        assert_eq!(control("CIS-DOCKER-1.6 5.5").unwrap().1.id, "5.5");
        assert!(control("CIS-DOCKER-1.6 99").is_none());
    }
}
