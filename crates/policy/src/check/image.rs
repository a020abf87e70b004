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

pub(super) fn health_checked(image: &ImageFacts) -> Verdict {
    match image.config.as_ref().and_then(|config| config.health_check) {
        None => Verdict::NotApplicable,
        Some(true) => Verdict::Healthy,
        Some(false) => Fault::verdict(
            "does not say how its health is checked".to_owned(),
            json!({ "health_check": false }),
            vec![Step::copy(
                "Say so in the Dockerfile.",
                "dockerfile",
                "HEALTHCHECK --interval=30s CMD [\"/usr/bin/check\"]",
            )],
        ),
    }
}

/// What the engine writes before a step of a Dockerfile.
pub(super) fn instruction(step: &str) -> &str {
    let step = step.trim();
    let step = step.split_once("#(nop)").map_or(step, |(_, rest)| rest);
    step.trim()
}

/// Steps that judge together, or `None` where they are not known.
fn steps(image: &ImageFacts) -> Option<&[String]> {
    let steps = &image.config.as_ref()?.steps;
    (!steps.is_empty()).then_some(steps)
}

pub(super) fn copy_not_add(image: &ImageFacts) -> Verdict {
    let Some(steps) = steps(image) else {
        return Verdict::NotApplicable;
    };
    let added: Vec<String> = steps
        .iter()
        .map(|step| instruction(step))
        // The root file system of a base is added as a whole.
        .filter(|step| step.starts_with("ADD ") && !is_base(step))
        .map(str::to_owned)
        .collect();
    if added.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!("built with {}", count(added.len() as u64, "ADD", "ADDs")),
        json!({ "steps": added.iter().take(20).collect::<Vec<_>>() }),
        vec![Step::say(
            "Write COPY instead; fetch what comes from elsewhere in a RUN that checks its digest.",
        )],
    )
}

/// Whether a step lays down a base's root file system.
fn is_base(step: &str) -> bool {
    let mut words = step
        .split_whitespace()
        .rev()
        .skip_while(|word| *word == "#" || *word == "buildkit");
    words.next() == Some("/")
}

pub(super) fn no_secrets(image: &ImageFacts) -> Verdict {
    let variables = image
        .config
        .iter()
        .flat_map(|config| &config.secret_variables);
    let steps = steps(image);
    let mut names: Vec<String> = steps
        .unwrap_or_default()
        .iter()
        .flat_map(|step| model::secret::masked_names(step))
        .map(str::to_owned)
        .chain(variables.cloned())
        .collect();
    if names.is_empty() && steps.is_none() {
        return Verdict::NotApplicable;
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        format!(
            "{} can be read in its build steps or variables",
            list(&names)
        ),
        json!({ "names": names }),
        vec![
            Step::say("Replace what was in there: whoever may pull the image has it."),
            Step::copy(
                "Mount secrets while building, and give them to containers when they start.",
                "dockerfile",
                "RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) make",
            ),
        ],
    )
}

pub(super) fn update_with_install(image: &ImageFacts) -> Verdict {
    const UPDATES: [&str; 4] = [
        "apt-get update",
        "apt update",
        "apk update",
        "yum makecache",
    ];
    const INSTALLS: [&str; 7] = [
        "apt-get install",
        "apt install",
        "apt-get -y install",
        "apk add",
        "yum install",
        "upgrade",
        "install ",
    ];
    let Some(steps) = steps(image) else {
        return Verdict::NotApplicable;
    };
    let alone: Vec<&String> = steps
        .iter()
        .filter(|step| UPDATES.iter().any(|update| step.contains(update)))
        .filter(|step| !INSTALLS.iter().any(|install| step.contains(install)))
        .collect();
    let Some(first) = alone.first() else {
        return Verdict::Healthy;
    };
    let mut shown = instruction(first).to_owned();
    shown.truncate(shown.floor_char_boundary(80));
    Fault::verdict(
        format!("refreshes package lists in a step of their own: {shown}"),
        json!({ "steps": alone.iter().take(20).collect::<Vec<_>>() }),
        vec![Step::copy(
            "Do both in one step, so that an old list is never built upon.",
            "dockerfile",
            "RUN apt-get update && apt-get install --yes --no-install-recommends PACKAGE",
        )],
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
