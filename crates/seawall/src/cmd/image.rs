//! `seawall images`

use api::{
    Image, SeverityCounts, TrustVerdict,
    queue::{TimelineEntry, TimelineKind},
    referrer::ImageReferrer,
};
use jiff::Timestamp;
use report::Heading;

use super::{
    Context,
    finding::count,
    remote::{
        self, Server, failure,
        output::{Listing, Sheet, age, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        image::{Images, ListImages, ListReferrers, ShowImage, ShowTimeline},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, images: &Images) -> Result<Exit, Failure> {
    match images {
        Images::List(arguments) => list(context, arguments),
        Images::Show(arguments) => show(context, arguments),
        Images::Timeline(arguments) => timeline(context, arguments),
        Images::Referrers(arguments) => referrers(context, arguments),
    }
}

fn timeline(context: &Context, arguments: &ShowTimeline) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let entries = server
        .image_timeline(&arguments.id, &[])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &entries,
        headings: &[
            Heading::whole("TIME"),
            Heading::whole("WHAT"),
            Heading::whole("DETAILS").cut(20, 0),
        ],
        row: |entry: &TimelineEntry, _| {
            let [what, details] = told(entry);
            let time = entry.time.strftime("%Y-%m-%d %H:%M").to_string();
            vec![time, what, details]
        },
        csv_headings: &["time", "what", "details"],
        csv_row: |entry| {
            let [what, details] = told(entry);
            vec![entry.time.to_string(), what, details]
        },
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.format)?;
    Ok(Exit::Clean)
}

fn referrers(context: &Context, arguments: &ListReferrers) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let found = server
        .image_referrers(&arguments.id)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &found.items,
        headings: &[
            Heading::whole("KIND"),
            Heading::whole("DIGEST").cut(19, 0),
            Heading::whole("TYPE").cut(16, 4),
            Heading::whole("FOUND BY"),
            Heading::whole("FIRST SEEN"),
            Heading::whole("GONE"),
            Heading::whole("REPOSITORY").cut(16, 2).ends_matter(),
        ],
        row: |one: &ImageReferrer, now| {
            vec![
                word(&one.kind),
                one.digest.clone(),
                one.artifact_type.clone(),
                word(&one.found_by),
                age(one.first_seen, now),
                one.gone.map(|gone| age(gone, now)).unwrap_or_default(),
                one.repository.clone(),
            ]
        },
        csv_headings: &[
            "kind",
            "digest",
            "subject",
            "artifact_type",
            "size_bytes",
            "found_by",
            "first_seen",
            "gone",
            "repository",
        ],
        csv_row: |one| {
            vec![
                word(&one.kind),
                one.digest.clone(),
                one.subject.clone(),
                one.artifact_type.clone(),
                one.size_bytes.to_string(),
                word(&one.found_by),
                one.first_seen.to_string(),
                one.gone.map(|gone| gone.to_string()).unwrap_or_default(),
                one.repository.clone(),
            ]
        },
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.format)?;
    Ok(Exit::Clean)
}

/// What an entry says, in a word and in a sentence.
fn told(entry: &TimelineEntry) -> [String; 2] {
    match &entry.what {
        TimelineKind::Trigger {
            trigger, reason, ..
        } => [word(trigger), reason.clone()],
        TimelineKind::Scan {
            state,
            outcome,
            error,
            ..
        } => {
            let details = match (outcome, error) {
                (Some(outcome), _) => {
                    format!(
                        "{} packages, {}",
                        outcome.packages,
                        counted(&outcome.counts)
                    )
                }
                (None, Some(error)) => error.clone(),
                (None, None) => String::new(),
            };
            [format!("scan {}", word(state)), details]
        }
        TimelineKind::Change {
            summary,
            new,
            resolved,
        } => [
            "change".to_owned(),
            format!("{summary} (new: {}; resolved: {resolved})", counted(new)),
        ],
        TimelineKind::Trust {
            policy,
            verdict,
            signer,
            reason,
        } => [
            word(verdict),
            match (verdict, signer, reason) {
                (TrustVerdict::Signed, Some(signer), _) => format!("{policy}: by {signer}"),
                (_, _, Some(reason)) => format!("{policy}: {reason}"),
                _ => policy.clone(),
            },
        ],
    }
}

fn list(context: &Context, arguments: &ListImages) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let parameters = [
        ("q", arguments.text.clone()),
        ("severity", arguments.severity.clone()),
        ("vulnerability", arguments.vulnerability.clone()),
        ("package", arguments.package.clone()),
        ("environment", arguments.environment.clone()),
    ];
    let (images, page) = server
        .all(&parameters, arguments.amount.most(), Server::images)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &images,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(images.len(), &page, "image"));
    Ok(Exit::Clean)
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID").cut(8, 5),
    Heading::whole("NAME").cut(16, 0).ends_matter(),
    Heading::whole("CRITICAL"),
    Heading::whole("HIGH"),
    Heading::whole("MEDIUM").cut(6, 2),
    Heading::whole("LOW").cut(3, 3),
    Heading::whole("FIXABLE").cut(7, 1),
    Heading::whole("RUNNING").cut(7, 4),
    Heading::whole("SCANNED").cut(7, 6),
];

fn row(image: &Image, now: Timestamp) -> Vec<String> {
    let counts = &image.counts;
    vec![
        image.id.clone(),
        image.name.clone(),
        counts.critical.to_string(),
        counts.high.to_string(),
        counts.medium.to_string(),
        counts.low.to_string(),
        image.fixable.to_string(),
        image.running.to_string(),
        age(image.last_scanned, now),
    ]
}

const CSV: &[&str] = &[
    "id",
    "environment",
    "kind",
    "name",
    "digest",
    "critical",
    "high",
    "medium",
    "low",
    "fixable",
    "exploited",
    "packages",
    "running",
    "last_scanned",
];

fn csv_row(image: &Image) -> Vec<String> {
    let counts = &image.counts;
    vec![
        image.id.clone(),
        image.environment.clone(),
        word(&image.kind),
        image.name.clone(),
        image.digest.clone().unwrap_or_default(),
        counts.critical.to_string(),
        counts.high.to_string(),
        counts.medium.to_string(),
        counts.low.to_string(),
        image.fixable.to_string(),
        image.kev.to_string(),
        image.packages.to_string(),
        image.running.to_string(),
        image.last_scanned.to_string(),
    ]
}

fn show(context: &Context, arguments: &ShowImage) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let detail = server.image(&arguments.id).map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&detail)?)?;
        return Ok(Exit::Clean);
    }
    let image = &detail.image;
    let mut sheet = Sheet::title(&image.name);
    sheet
        .line("Id", &image.id)
        .line("Environment", &image.environment)
        .line("Digest", image.digest.as_deref().unwrap_or_default())
        .line("Tags", &image.tags.join(", "))
        .line("Platform", image.platform.as_deref().unwrap_or_default())
        .line(
            "System",
            image.os.as_ref().map_or("", |os| os.name.as_str()),
        )
        .line("Packages", &image.packages.to_string())
        .line("Open", &counted(&image.counts))
        .line("Fixable", &image.fixable.to_string())
        .line("Exploited", &image.kev.to_string())
        .line("Running", &format!("{} containers", image.running))
        .line("Scanned", &image.last_scanned.to_string())
        .line(
            "Scan failed",
            image.last_error.as_deref().unwrap_or_default(),
        );
    let fixes: Vec<String> = detail
        .top_fixes
        .iter()
        .map(|fix| {
            format!(
                "{} {} -> {} closes {}",
                fix.package,
                fix.installed.join(", "),
                fix.version,
                counted(&fix.closes)
            )
        })
        .collect();
    sheet.text("What to do first", &fixes.join("\n"));
    let warnings: Vec<&str> = detail
        .warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    sheet.text("Could not be read", &warnings.join("\n"));
    sheet.print()?;
    Ok(Exit::Clean)
}

/// `2 critical, 5 high`.
pub(super) fn counted(counts: &SeverityCounts) -> String {
    let parts: Vec<String> = [
        (counts.critical, "critical"),
        (counts.high, "high"),
        (counts.medium, "medium"),
        (counts.low, "low"),
        (counts.info, "info"),
        (counts.unknown, "unknown"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}
