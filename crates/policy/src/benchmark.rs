//! A benchmark's controls, judged over a set of assets.
//!
//! It contains no check: a control stands as the recommendations that
//! serve it do. One that no machine can judge is "manual"; one whose
//! subject is not there, or of which nothing is known, does not apply.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Facts, Step, Verdict, judge, parts, recommendation, standard::Standard};

/// How a control stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pass,
    Fail,
    /// Somebody has to look.
    Manual,
    NotApplicable,
}

impl Status {
    pub const ALL: [Self; 4] = [Self::Fail, Self::Pass, Self::Manual, Self::NotApplicable];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Manual => "manual",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One control and why it stands so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    pub id: String,
    pub title: String,
    /// The title of the section it is in; empty where there is none.
    pub section: String,
    pub status: Status,
    /// Assets it was judged of.
    pub assessed: usize,
    /// What is wrong, asset by asset.
    pub faults: Vec<AssetFault>,
    /// The recommendations that serve it.
    pub recommendations: Vec<String>,
}

/// What is wrong with one asset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AssetFault {
    pub asset: String,
    pub summary: String,
    pub evidence: serde_json::Value,
    pub remediation: Vec<Step>,
}

/// Judges every control of a standard over `assets`, as of `now`.
pub fn assess(standard: &Standard, assets: &[Facts], now: Timestamp) -> Vec<Outcome> {
    standard
        .controls
        .iter()
        .map(|control| {
            let serving = control
                .checks
                .iter()
                .filter_map(|check| recommendation(check));
            let mut outcome = Outcome {
                id: control.id.clone(),
                title: control.title.clone(),
                section: standard.section(&control.id).to_owned(),
                status: Status::NotApplicable,
                assessed: 0,
                faults: Vec::new(),
                recommendations: Vec::new(),
            };
            for rule in serving {
                outcome.recommendations.push(rule.id.clone());
                for facts in assets.iter().filter(|facts| facts.sort() == rule.asset) {
                    let verdict = match parts(&rule.id, facts) {
                        None => judge(&rule.id, facts, now),
                        Some(parts) => parts
                            .into_iter()
                            .find(|(id, _)| *id == control.id)
                            .map_or(Verdict::NotApplicable, |(_, verdict)| verdict),
                    };
                    match verdict {
                        Verdict::NotApplicable => {}
                        Verdict::Healthy => outcome.assessed += 1,
                        Verdict::Affected(fault) => {
                            outcome.assessed += 1;
                            outcome.faults.push(AssetFault {
                                asset: facts.name().to_owned(),
                                summary: fault.summary,
                                evidence: fault.evidence,
                                remediation: fault.remediation,
                            });
                        }
                    }
                }
            }
            outcome.status = match (outcome.faults.is_empty(), outcome.assessed) {
                (false, _) => Status::Fail,
                (true, _) if control.manual => Status::Manual,
                (true, 0) => Status::NotApplicable,
                (true, _) => Status::Pass,
            };
            outcome
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        ContainerFacts, HostFacts,
        facts::{EngineFile, FileFacts},
        standard::standards,
    };

    fn docker() -> &'static Standard {
        let mut all = standards().iter();
        all.find(|standard| standard.id == "CIS-DOCKER-1.6")
            .unwrap()
    }

    #[test]
    fn controls_stand_as_their_parts_do() {
        let file = FileFacts {
            path: "/etc/docker/daemon.json".to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o666,
        };
        let host = HostFacts {
            name: "build-1".to_owned(),
            files: Some(BTreeMap::from([(EngineFile::DaemonJson, vec![file])])),
            ..HostFacts::default()
        };
        let web = ContainerFacts {
            name: "web".to_owned(),
            host_namespaces: Some(vec!["network".to_owned()]),
            ..ContainerFacts::default()
        };
        let assets = [Facts::Host(Box::new(host)), Facts::Container(Box::new(web))];
        let outcomes = assess(docker(), &assets, Timestamp::UNIX_EPOCH);
        let status = |id: &str| outcomes.iter().find(|one| one.id == id).unwrap().status;
        // The file's owner is right and its mode is not; others are absent.
        assert_eq!(status("3.17"), Status::Pass);
        assert_eq!(status("3.18"), Status::Fail);
        assert_eq!(status("3.1"), Status::NotApplicable);
        assert_eq!(status("5.10"), Status::Fail);
        assert_eq!(status("5.16"), Status::Pass);
        assert_eq!(status("5.11"), Status::NotApplicable);
        assert_eq!(status("1.2.1"), Status::Manual);
        let network = outcomes.iter().find(|one| one.id == "5.10").unwrap();
        assert_eq!(network.faults[0].asset, "web");
        assert_eq!(network.section, "Containers' run options");
    }

    #[test]
    fn the_docker_benchmark_is_whole() {
        // Controls of each chapter of the benchmark, version 1.6.
        let mut chapters: BTreeMap<&str, usize> = BTreeMap::new();
        for control in &docker().controls {
            let chapter = control.id.split('.').next().unwrap();
            *chapters.entry(chapter).or_default() += 1;
        }
        let counts: Vec<_> = chapters.into_iter().collect();
        let told = [
            ("1", 20),
            ("2", 18),
            ("3", 24),
            ("4", 12),
            ("5", 32),
            ("6", 2),
            ("7", 9),
        ];
        assert_eq!(counts, told);
    }
}
