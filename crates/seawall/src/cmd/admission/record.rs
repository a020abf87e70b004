//! `seawall admission status` and `seawall admission decisions`: what a
//! server knows of admission.

use api::{
    Decision,
    decision::{Admission, NewDecision},
};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use model::Clock as _;
use report::Heading;

use crate::{
    args::{
        admission::{Decisions, Status},
        remote::ListFormat,
    },
    cmd::{
        Context,
        finding::count,
        remote::{
            self, Server, failure,
            output::{Listing, age, word},
        },
    },
    exit::{Exit, Failure},
};

pub(super) fn status(context: &Context, arguments: &Status) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let parameters = [
        ("cluster", arguments.cluster.clone()),
        ("environment", arguments.environment.clone()),
    ];
    let replicas = server.admissions(&parameters).map_err(failure(None))?;
    let listing = Listing {
        items: &replicas,
        headings: &[
            Heading::whole("CLUSTER").cut(10, 1),
            Heading::whole("REPLICA").cut(12, 0).ends_matter(),
            Heading::whole("STATE"),
            Heading::whole("MODE"),
            Heading::whole("SEEN"),
            Heading::whole("REQUESTS").cut(8, 4),
            Heading::whole("DENIED"),
            Heading::whole("FAILED").cut(6, 3),
            Heading::whole("P99").cut(6, 2),
            Heading::whole("VERSION").cut(7, 5),
        ],
        row: replica_row,
        csv_headings: &[
            "environment",
            "cluster",
            "replica",
            "state",
            "mode",
            "fail",
            "last_seen",
            "requests",
            "denied",
            "failed",
            "dropped",
            "p99_us",
            "version",
            "certificate_ends",
            "problems",
        ],
        csv_row: replica_csv,
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)?;
    if arguments.format == ListFormat::Table {
        for replica in &replicas {
            for problem in &replica.status.problems {
                let text = format!("{}: {problem}", replica.status.replica);
                context.note(&report::plain(&text));
            }
        }
    }
    if replicas.is_empty() {
        context.note(
            &"No admission has told of itself: `seawall admission --help` says how to run one.",
        );
    }
    Ok(Exit::Clean)
}

fn state(replica: &Admission) -> &'static str {
    match (replica.is_silent, replica.is_current) {
        (true, _) => "silent",
        (false, false) => "behind",
        (false, true) if !replica.status.problems.is_empty() => "problems",
        (false, true) => "good",
    }
}

fn mode(replica: &Admission) -> &'static str {
    if replica.status.audit_only {
        "notes only"
    } else {
        "judges"
    }
}

fn replica_row(replica: &Admission, now: Timestamp) -> Vec<String> {
    let status = &replica.status;
    vec![
        replica.cluster.clone(),
        status.replica.clone(),
        state(replica).to_owned(),
        mode(replica).to_owned(),
        age(replica.last_seen, now),
        status.requests.to_string(),
        status.denied.to_string(),
        status.failed.to_string(),
        milliseconds(status.p99_us),
        status.version.clone(),
    ]
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{} ms", microseconds / 1_000, microseconds % 1_000 / 100)
}

fn replica_csv(replica: &Admission) -> Vec<String> {
    let status = &replica.status;
    vec![
        replica.environment.clone(),
        replica.cluster.clone(),
        status.replica.clone(),
        state(replica).to_owned(),
        mode(replica).to_owned(),
        status.fail.clone(),
        replica.last_seen.to_string(),
        status.requests.to_string(),
        status.denied.to_string(),
        status.failed.to_string(),
        status.dropped.to_string(),
        status.p99_us.to_string(),
        status.version.clone(),
        status
            .certificate_ends
            .map(|ends| ends.to_string())
            .unwrap_or_default(),
        status.problems.join("; "),
    ]
}

pub(super) fn decisions(context: &Context, arguments: &Decisions) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let now = context.clock.now();
    let time = |flag: &str, text: &Option<String>| {
        let time = text.as_deref().map(|text| before(flag, text, now));
        time.transpose()
            .map(|time| time.map(|time| time.to_string()))
    };
    let verdicts: Vec<&str> = arguments.verdict.iter().map(|one| one.word()).collect();
    let parameters = [
        ("q", arguments.text.clone()),
        (
            "verdict",
            (!verdicts.is_empty()).then(|| verdicts.join(",")),
        ),
        ("policy", arguments.policy.clone()),
        ("namespace", arguments.namespace.clone()),
        ("cluster", arguments.cluster.clone()),
        ("user", arguments.user.clone()),
        ("since", time("--since", &arguments.since)?),
        ("until", time("--until", &arguments.until)?),
        ("environment", arguments.environment.clone()),
    ];
    let (decisions, page) = server
        .all(&parameters, arguments.amount.most(), Server::decisions)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &decisions,
        headings: &[
            Heading::whole("WHEN"),
            Heading::whole("VERDICT"),
            Heading::whole("CLUSTER").cut(8, 5),
            Heading::whole("NAMESPACE").cut(8, 2),
            Heading::whole("OBJECT").cut(14, 0).ends_matter(),
            Heading::whole("ASKED").cut(6, 4),
            Heading::whole("WHO").cut(10, 3),
            Heading::whole("WHY").cut(20, 1),
        ],
        row,
        csv_headings: &[
            "time",
            "verdict",
            "environment",
            "cluster",
            "namespace",
            "object",
            "operation",
            "user",
            "policies",
            "why",
            "id",
        ],
        csv_row,
        now,
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(decisions.len(), &page, "decision"));
    Ok(Exit::Clean)
}

/// A moment before now: so long ago, a day's beginning, or a timestamp.
fn before(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let refuse = || {
        let told = anyhow::anyhow!("{flag}: '{text}' is no time");
        Failure::usage(told)
            .help("expected as 30m, 24h or 7d ago, 2026-11-01, or 2026-11-01T08:00:00Z")
    };
    let ago = [('m', 60), ('h', 3_600), ('d', 86_400)]
        .into_iter()
        .find_map(|(unit, seconds)| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
            (number >= 0).then(|| number.checked_mul(seconds))?
        });
    if let Some(seconds) = ago {
        let ago = SignedDuration::from_secs(seconds);
        return now.checked_sub(ago).map_err(|_too_long| refuse());
    }
    if let Ok(day) = text.parse::<Date>() {
        let begins = day.to_zoned(TimeZone::UTC);
        return begins
            .map(|begins| begins.timestamp())
            .map_err(|_error| refuse());
    }
    text.parse().map_err(|_error| refuse())
}

fn why(decision: &NewDecision) -> String {
    match decision.violations.as_slice() {
        [] => decision.note.clone(),
        [only] => format!("{}: {}", only.policy, only.message),
        [first, others @ ..] => format!(
            "{}: {} (and {} more)",
            first.policy,
            first.message,
            others.len()
        ),
    }
}

fn row(decision: &Decision, now: Timestamp) -> Vec<String> {
    let asked = &decision.decision;
    vec![
        age(asked.time, now),
        word(&asked.verdict),
        decision.cluster.clone(),
        asked.namespace.clone(),
        asked.about(),
        asked.operation.to_lowercase(),
        asked.user.clone(),
        why(asked),
    ]
}

fn csv_row(decision: &Decision) -> Vec<String> {
    let asked = &decision.decision;
    let mut policies: Vec<&str> = asked
        .violations
        .iter()
        .map(|violation| violation.policy.as_str())
        .collect();
    policies.dedup();
    vec![
        asked.time.to_string(),
        word(&asked.verdict),
        decision.environment.clone(),
        decision.cluster.clone(),
        asked.namespace.clone(),
        asked.about(),
        asked.operation.clone(),
        asked.user.clone(),
        policies.join(" "),
        why(asked),
        decision.id.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_so_long_ago_a_day_or_a_moment() {
        let now: Timestamp = "2026-11-27T02:00:00Z".parse().unwrap();
        let read = |text: &str| before("--since", text, now).map(|time| time.to_string());
        for (text, expected) in [
            ("30m", "2026-11-27T01:30:00Z"),
            ("24h", "2026-11-26T02:00:00Z"),
            ("7d", "2026-11-20T02:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for wrong in ["", "h", "-1h", "yesterday", "9223372036854775807d"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
