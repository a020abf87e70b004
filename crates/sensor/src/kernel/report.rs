//! What this kernel allows, by which means, and what is lost without.

use std::fmt;

use api::sensor::SensorFeature;

/// All features, in the order a person reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub features: Vec<Feature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub state: State,
    /// By what it is done, or why it is not.
    pub detail: String,
    /// What is not seen or not stopped; empty where nothing.
    pub lost: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// By the best means there is.
    Active,
    /// By a lesser means.
    Fallback,
    /// The kernel refuses.
    Absent,
    /// Switched off by the settings.
    Off,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Fallback => "fallback",
            Self::Absent => "absent",
            Self::Off => "off",
        }
    }
}

impl Report {
    pub fn state(&self, name: &str) -> Option<State> {
        self.features
            .iter()
            .find(|each| each.name == name)
            .map(|each| each.state)
    }

    /// As it goes over the wire.
    pub fn to_wire(&self) -> Vec<SensorFeature> {
        self.features
            .iter()
            .map(|each| SensorFeature {
                name: each.name.to_owned(),
                state: each.state.as_str().to_owned(),
                detail: each.detail.clone(),
                lost: each.lost.clone(),
            })
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .features
            .iter()
            .map(|each| each.name.len())
            .max()
            .unwrap_or_default();
        for each in &self.features {
            writeln!(
                to,
                "{:width$}  {:8}  {}",
                each.name,
                each.state.as_str(),
                each.detail
            )?;
            if !each.lost.is_empty() {
                writeln!(to, "{:width$}  {:8}  lost: {}", "", "", each.lost)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_stands_below_what_is_absent() {
        let report = Report {
            features: vec![
                Feature {
                    name: "processes",
                    state: State::Active,
                    detail: "trace points".into(),
                    lost: String::new(),
                },
                Feature {
                    name: "dns",
                    state: State::Absent,
                    detail: "no unified control groups".into(),
                    lost: "names that are looked up".into(),
                },
            ],
        };
        assert_eq!(
            report.to_string(),
            "processes  active    trace points\n\
             dns        absent    no unified control groups\n\
             \x20                    lost: names that are looked up\n"
        );
        assert_eq!(report.state("dns"), Some(State::Absent));
        assert_eq!(report.to_wire()[1].state, "absent");
    }
}
