//! The checks, by the recommendation's id.

mod advisories;
mod container;
mod image;
mod machine;

use jiff::Timestamp;

use crate::{Facts, Verdict, node};

pub(crate) fn judge(rule: &str, facts: &Facts, now: Timestamp) -> Verdict {
    match facts {
        Facts::Image(facts) => match rule {
            "images-fix-critical" => image::fix_critical(facts),
            "images-fix-high" => image::fix_high(facts),
            "images-no-exploited" => image::no_exploited(facts),
            "images-not-root" => image::not_root(facts),
            "images-read-whole" => image::read_whole(facts),
            "images-supported-base" => image::supported_base(facts, now),
            _ => Verdict::NotApplicable,
        },
        Facts::Container(facts) => match rule {
            "containers-by-digest" => container::by_digest(facts),
            "containers-no-engine-socket" => container::no_engine_socket(facts),
            "containers-no-host-namespaces" => container::no_host_namespaces(facts),
            "containers-not-privileged" => container::not_privileged(facts),
            "containers-ports-bound" => container::ports_bound(facts),
            _ => Verdict::NotApplicable,
        },
        Facts::Machine(facts) => match rule {
            "machines-install-updates" => machine::install_updates(facts),
            "machines-supported-system" => machine::supported_system(facts, now),
            _ => Verdict::NotApplicable,
        },
        Facts::Advisories(facts) => match rule {
            "advisories-fresh" => advisories::fresh(facts, now),
            _ => Verdict::NotApplicable,
        },
        Facts::Node(facts) => {
            node::check(rule).map_or(Verdict::NotApplicable, |check| check.judge(facts))
        }
    }
}

/// `1 port`, `2 ports`.
fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// `a, b and 3 more`.
fn list(words: &[String]) -> String {
    const NAMED: usize = 3;
    let named = words.iter().take(NAMED).cloned().collect::<Vec<_>>();
    match words.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
