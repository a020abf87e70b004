//! Checks of machines.

use jiff::Timestamp;
use serde_json::json;

use super::{count, image::supported, list};
use crate::{
    MachineFacts, Step, Verdict,
    upgrade::{evidence, machine_command},
    verdict::Fault,
};

pub(super) fn install_updates(machine: &MachineFacts) -> Verdict {
    if machine.packages == 0 {
        return Verdict::NotApplicable;
    }
    let open = machine.updates.total();
    if open == 0 {
        return Verdict::Healthy;
    }
    let waiting: Vec<_> = machine
        .upgrades
        .iter()
        .filter(|upgrade| upgrade.kind.is_distribution())
        .collect();
    let names: Vec<String> = waiting
        .iter()
        .map(|upgrade| upgrade.package.clone())
        .collect();
    let kind = waiting.first().map(|upgrade| upgrade.kind);
    let text = "Install the distribution's updates, then restart what uses them.";
    let step = match kind.and_then(machine_command) {
        Some(command) => Step::copy(text, "shell", command),
        None => Step::say(text),
    };
    let of = if names.is_empty() {
        String::new()
    } else {
        format!(": {}", list(&names))
    };
    Fault::verdict(
        format!(
            "{} that updates close{of}",
            count(open, "finding", "findings")
        ),
        json!({
            "critical": machine.updates.critical,
            "high": machine.updates.high,
            "medium": machine.updates.medium,
            "low": machine.updates.low,
            "upgrades": evidence(waiting.into_iter()),
        }),
        vec![step],
    )
}

pub(super) fn supported_system(machine: &MachineFacts, now: Timestamp) -> Verdict {
    let Some(os) = &machine.os else {
        return Verdict::NotApplicable;
    };
    supported(os, now, |newest| {
        let text = match newest {
            Some(newest) => {
                format!("Upgrade the machine, or move what it runs; the newest is {newest}.")
            }
            None => "Move what it runs to a system that is still mended.".to_owned(),
        };
        vec![Step::say(text)]
    })
}
