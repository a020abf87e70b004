//! Which finding to mend first: one number of everything that is known
//! of it, and every part that number is made of.
//!
//! A severity says how bad it would be, and nothing of whether it will
//! be. So the number is a product of five parts, each between nothing and
//! one: how bad it is, how likely somebody tries it, whether what has it
//! is used at all, who can reach it, and whether there is something to
//! install. A product, because each part can make the others matter less:
//! a hole nobody can reach is a small one however bad it is, and none of
//! them makes up for another. No part is ever nothing, because none is
//! ever certain: what was not seen for a month may run tomorrow.
//!
//! The weights are judgements, and told with each number. What holds of
//! them by test: nothing that makes a finding worse lowers its number,
//! and a critical finding that is exploited, in use, open to the internet
//! and can be mended has the highest there is.

use crate::Severity;

/// The highest priority there is.
pub const MOST: u16 = 1000;

/// What is known of whether a package is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Watched for days, and none of its files was loaded or executed.
    NotSeen,
    /// No container runs the image that holds it.
    #[default]
    NotRunning,
    /// It runs, and nobody can say more.
    NotKnown,
    /// Its files were executed or loaded.
    Seen,
}

/// Who can reach what runs an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Nothing runs it, so nobody.
    #[default]
    NotRunning,
    /// Whoever is in the same cluster or on the same machine.
    Inside,
    /// It runs where the ways to it are not known.
    NotKnown,
    /// Whoever reaches the machine: a published or a node's port.
    Node,
    /// Anybody: a load balancer or an ingress leads to it.
    Outside,
}

impl Use {
    pub const ALL: [Self; 4] = [Self::NotSeen, Self::NotRunning, Self::NotKnown, Self::Seen];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSeen => "not_seen",
            Self::NotRunning => "not_running",
            Self::NotKnown => "not_known",
            Self::Seen => "seen",
        }
    }
}

impl Reach {
    pub const ALL: [Self; 5] = [
        Self::NotRunning,
        Self::Inside,
        Self::NotKnown,
        Self::Node,
        Self::Outside,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not_running",
            Self::Inside => "inside",
            Self::NotKnown => "not_known",
            Self::Node => "node",
            Self::Outside => "outside",
        }
    }
}

/// What a priority is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    pub severity: Severity,
    /// The forecast that it is exploited within thirty days.
    pub epss: Option<f64>,
    /// It is known to be exploited.
    pub kev: bool,
    pub used: Use,
    pub reach: Reach,
    /// A version that mends it is there.
    pub fixable: bool,
}

/// One part of a priority.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// `severity`, `likelihood`, `in_use`, `exposure`, `fix`.
    pub name: &'static str,
    /// What it is here, in a few words.
    pub value: String,
    /// What the product is multiplied by: more than 0, at most 1.
    pub weight: f64,
    /// Why that weighs so.
    pub why: &'static str,
}

/// How bad it would be. Each step is about half of the one above; what
/// nobody rated is held for less than a medium one, as most turn out.
fn severity(severity: Severity) -> f64 {
    match severity {
        Severity::Critical => 1.0,
        Severity::High => 0.75,
        Severity::Medium => 0.45,
        Severity::Unknown => 0.3,
        Severity::Low => 0.2,
        Severity::Info => 0.08,
    }
}

/// How likely somebody tries. The root, because forecasts crowd near
/// nothing: one in a hundred is already ten times the usual. Where there
/// is none it is held for that, and what is exploited needs no forecast.
fn likelihood(facts: &Facts) -> f64 {
    if facts.kev {
        return 1.0;
    }
    let forecast = facts.epss.unwrap_or(0.01);
    let forecast = if forecast.is_nan() { 0.01 } else { forecast };
    0.3 + 0.6 * forecast.clamp(0.0, 1.0).sqrt()
}

fn used(used: Use) -> f64 {
    match used {
        Use::Seen => 1.0,
        Use::NotKnown => 0.8,
        Use::NotRunning => 0.5,
        Use::NotSeen => 0.35,
    }
}

fn reach(reach: Reach) -> f64 {
    match reach {
        Reach::Outside => 1.0,
        Reach::Node => 0.85,
        Reach::NotKnown => 0.75,
        Reach::Inside => 0.65,
        Reach::NotRunning => 0.6,
    }
}

fn fix(fixable: bool) -> f64 {
    if fixable { 1.0 } else { 0.7 }
}

impl Facts {
    /// The priority, from 0 to [`MOST`].
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a product of parts between 0 and 1, times 1000"
    )]
    pub fn priority(&self) -> u16 {
        let product = severity(self.severity)
            * likelihood(self)
            * used(self.used)
            * reach(self.reach)
            * fix(self.fixable);
        (product * f64::from(MOST)).round() as u16
    }

    /// Every part of it, in the order they are told.
    pub fn factors(&self) -> [Factor; 5] {
        [
            Factor {
                name: "severity",
                value: self.severity.to_string(),
                weight: severity(self.severity),
                why: "how bad it would be if it were used",
            },
            Factor {
                name: "likelihood",
                value: match (self.kev, self.epss) {
                    (true, _) => "known to be exploited".to_owned(),
                    (false, Some(epss)) => format!("EPSS {:.1} %", epss * 100.0),
                    (false, None) => "no forecast".to_owned(),
                },
                weight: likelihood(self),
                why: match (self.kev, self.epss) {
                    (true, _) => "somebody already breaks in by it",
                    (false, Some(_)) => "how likely somebody tries within thirty days",
                    (false, None) => "taken for one in a hundred, as nobody has forecast it",
                },
            },
            Factor {
                name: "in_use",
                value: match self.used {
                    Use::Seen => "its files were executed or loaded",
                    Use::NotKnown => "runs; whether it is used is not known",
                    Use::NotRunning => "nothing runs this image",
                    Use::NotSeen => "watched, and not used",
                }
                .to_owned(),
                weight: used(self.used),
                why: match self.used {
                    Use::Seen => "what runs can be attacked now",
                    Use::NotKnown => "it may well be used: nobody watches, or it cannot be seen",
                    Use::NotRunning => "it cannot be attacked before somebody starts it",
                    Use::NotSeen => "code that is never loaded is hard to reach",
                },
            },
            Factor {
                name: "exposure",
                value: match self.reach {
                    Reach::Outside => "reached from outside the cluster",
                    Reach::Node => "reached by whoever reaches the machine",
                    Reach::NotKnown => "the ways to it are not known",
                    Reach::Inside => "reached from inside only",
                    Reach::NotRunning => "nothing runs this image",
                }
                .to_owned(),
                weight: reach(self.reach),
                why: match self.reach {
                    Reach::Outside => "anybody can try",
                    Reach::Node => "a firewall or a load balancer may lead here",
                    Reach::NotKnown => "nobody has told which services lead to it",
                    Reach::Inside => "an attacker must be in already",
                    Reach::NotRunning => "there is nothing to reach",
                },
            },
            Factor {
                name: "fix",
                value: if self.fixable {
                    "a fixed version is there"
                } else {
                    "no fixed version"
                }
                .to_owned(),
                weight: fix(self.fixable),
                why: if self.fixable {
                    "an hour spent here ends it"
                } else {
                    "an hour spent here can only lessen it"
                },
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEVERITIES: [Severity; 6] = [
        Severity::Info,
        Severity::Low,
        Severity::Unknown,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];

    fn facts() -> impl Strategy<Value = Facts> {
        (
            proptest::sample::select(&SEVERITIES[..]),
            proptest::option::of(0.0..=1.0_f64),
            any::<bool>(),
            proptest::sample::select(&Use::ALL[..]),
            proptest::sample::select(&Reach::ALL[..]),
            any::<bool>(),
        )
            .prop_map(|(severity, epss, kev, used, reach, fixable)| Facts {
                severity,
                epss,
                kev,
                used,
                reach,
                fixable,
            })
    }

    fn place(severity: Severity) -> usize {
        SEVERITIES.iter().position(|one| *one == severity).unwrap()
    }

    proptest! {
        #[test]
        fn nothing_that_makes_it_worse_lowers_the_number(
            one in facts(), other in facts(), which in 0..6_usize,
        ) {
            // One part taken from another finding: worse there, no lower.
            let mut changed = one;
            let is_worse = match which {
                0 => {
                    changed.severity = other.severity;
                    place(other.severity) >= place(one.severity)
                }
                1 => {
                    changed.epss = other.epss;
                    other.epss.unwrap_or(0.01) >= one.epss.unwrap_or(0.01)
                }
                2 => {
                    changed.kev = other.kev;
                    other.kev >= one.kev
                }
                3 => {
                    changed.used = other.used;
                    other.used >= one.used
                }
                4 => {
                    changed.reach = other.reach;
                    other.reach >= one.reach
                }
                _ => {
                    changed.fixable = other.fixable;
                    other.fixable >= one.fixable
                }
            };
            if is_worse {
                prop_assert!(changed.priority() >= one.priority());
            } else {
                prop_assert!(changed.priority() <= one.priority());
            }
        }

        #[test]
        fn the_parts_told_are_the_number(facts in facts()) {
            let product: f64 = facts.factors().iter().map(|factor| factor.weight).product();
            prop_assert!((product * f64::from(MOST) - f64::from(facts.priority())).abs() <= 0.5);
            for factor in facts.factors() {
                prop_assert!(factor.weight > 0.0 && factor.weight <= 1.0);
                prop_assert!(!factor.value.is_empty() && !factor.why.is_empty());
            }
        }

        #[test]
        fn no_forecast_is_outside_of_the_scale(epss in any::<f64>()) {
            let facts = Facts {
                severity: Severity::Critical,
                epss: Some(epss),
                kev: false,
                used: Use::Seen,
                reach: Reach::Outside,
                fixable: true,
            };
            prop_assert!(facts.priority() <= MOST);
        }
    }

    #[test]
    fn the_worst_there_is_has_the_highest_number() {
        let worst = Facts {
            severity: Severity::Critical,
            epss: Some(1.0),
            kev: true,
            used: Use::Seen,
            reach: Reach::Outside,
            fixable: true,
        };
        assert_eq!(worst.priority(), MOST);
    }

    #[test]
    fn a_used_and_open_high_comes_before_an_idle_critical() {
        let high = Facts {
            severity: Severity::High,
            epss: Some(0.02),
            kev: false,
            used: Use::Seen,
            reach: Reach::Outside,
            fixable: true,
        };
        let critical = Facts {
            severity: Severity::Critical,
            used: Use::NotSeen,
            reach: Reach::Inside,
            ..high
        };
        assert!(high.priority() > critical.priority());
    }
}
