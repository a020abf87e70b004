//! Checks of images.

use jiff::{Timestamp, tz::TimeZone};
use model::OperatingSystem;
use serde_json::json;

use super::{count, list};
use crate::{
    ImageFacts, Step, Verdict,
    facts::Upgrade,
    system,
    upgrade::{evidence, in_image},
    verdict::Fault,
};

pub(super) fn fix_critical(image: &ImageFacts) -> Verdict {
    fix(image, "critical", image.fixable.critical, |upgrade| {
        upgrade.closes.critical
    })
}

pub(super) fn fix_high(image: &ImageFacts) -> Verdict {
    fix(image, "high", image.fixable.high, |upgrade| {
        upgrade.closes.high
    })
}

fn fix(image: &ImageFacts, severity: &str, open: u64, closes: impl Fn(&Upgrade) -> u64) -> Verdict {
    if image.running == 0 {
        return Verdict::NotApplicable;
    }
    if open == 0 {
        return Verdict::Healthy;
    }
    let mut upgrades: Vec<&Upgrade> = image
        .upgrades
        .iter()
        .filter(|upgrade| closes(upgrade) > 0)
        .collect();
    upgrades.sort_by_key(|upgrade| std::cmp::Reverse(closes(upgrade)));
    let names: Vec<String> = upgrades
        .iter()
        .map(|upgrade| format!("{} {}", upgrade.package, upgrade.version))
        .collect();
    let close = if names.is_empty() {
        String::new()
    } else {
        format!("; raise {}", list(&names))
    };
    Fault::verdict(
        format!(
            "{} {severity} with a fix, running in {}{close}",
            count(open, "finding", "findings"),
            count(image.running, "container", "containers"),
        ),
        json!({
            "running": image.running,
            "fixable": open,
            "severity": severity,
            "upgrades": evidence(upgrades.iter().copied()),
        }),
        in_image(upgrades.into_iter()),
    )
}

pub(super) fn no_exploited(image: &ImageFacts) -> Verdict {
    if image.running == 0 {
        return Verdict::NotApplicable;
    }
    if image.exploited.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!(
            "{} known to be exploited, running in {}: {}",
            count(
                image.exploited.len() as u64,
                "vulnerability",
                "vulnerabilities"
            ),
            count(image.running, "container", "containers"),
            list(&image.exploited),
        ),
        json!({ "running": image.running, "exploited": image.exploited }),
        vec![Step::say(format!(
            "Upgrade what carries {}, or stop the containers until there is a fix.",
            list(&image.exploited)
        ))],
    )
}

pub(super) fn read_whole(image: &ImageFacts) -> Verdict {
    if image.unread.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!(
            "{} could not be read: {}",
            count(image.unread.len() as u64, "part", "parts"),
            list(&image.unread),
        ),
        json!({ "unread": image.unread.iter().take(20).collect::<Vec<_>>() }),
        vec![Step::say(
            "The image's page lists what was skipped and why; mend it, then scan again.",
        )],
    )
}

pub(super) fn supported_base(image: &ImageFacts, now: Timestamp) -> Verdict {
    let Some(os) = &image.os else {
        return Verdict::NotApplicable;
    };
    supported(os, now, |newest| match newest {
        Some(newest) => vec![Step::copy(
            format!("Build on a release that is still mended: the newest known here is {newest}."),
            "dockerfile",
            from_line(os, &newest),
        )],
        None => vec![Step::say("Build on a system that is still mended.")],
    })
}

/// A FROM line, where the base has an official image of that name.
fn from_line(os: &OperatingSystem, newest: &str) -> String {
    let version = newest.rsplit(' ').next().unwrap_or_default();
    let image = match os.id.as_str() {
        "ol" => "oraclelinux",
        "amzn" => "amazonlinux",
        "rocky" => "rockylinux/rockylinux",
        "rhel" => return format!("FROM registry.access.redhat.com/ubi{version}/ubi"),
        "opensuse-leap" => "opensuse/leap",
        "sles" => "registry.suse.com/suse/sle15",
        other => other,
    };
    format!("FROM {image}:{version}")
}

/// Judges an operating system by the table of ends of life.
pub(super) fn supported(
    os: &OperatingSystem,
    now: Timestamp,
    mend: impl FnOnce(Option<String>) -> Vec<Step>,
) -> Verdict {
    let Some(support) = system::support(os) else {
        return Verdict::NotApplicable;
    };
    if now.to_zoned(TimeZone::UTC).date() <= support.ends {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!(
            "{} has had no security updates since {}",
            support.release, support.ends
        ),
        json!({
            "release": support.release,
            "ended": support.ends,
            "source": support.source,
        }),
        mend(support.newest),
    )
}

pub(super) fn not_root(image: &ImageFacts) -> Verdict {
    let Some(config) = &image.config else {
        return Verdict::NotApplicable;
    };
    let user = config.user.as_deref().unwrap_or_default().trim();
    let name = user.split(':').next().unwrap_or_default();
    if !matches!(name, "" | "root" | "0") {
        return Verdict::Healthy;
    }
    let summary = match user {
        "" => "names no user, so it runs as root".to_owned(),
        user => format!("runs as {user}"),
    };
    Fault::verdict(
        summary,
        json!({ "user": user }),
        vec![Step::copy(
            "Give the files it writes to a user of its own, and end the Dockerfile with that user.",
            "dockerfile",
            "USER 10001:10001",
        )],
    )
}
