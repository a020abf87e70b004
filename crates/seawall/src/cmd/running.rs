//! `seawall whatruns` and `seawall fix-first`

use api::{
    InUse, RunningImage, SeverityCounts, priority::InUseState, running::AffectedWorkload,
    running::RunningWorkload, work_list::WorkStep,
};
use report::Heading;

use super::{
    Context,
    finding::count,
    remote::{
        self, Server, failure,
        output::{Listing, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        remote::ListFormat,
        running::{FixFirst, WhatRuns},
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, arguments: &WhatRuns) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let turns_round = arguments.image.is_none() && !arguments.fixable && !arguments.unscanned;
    if let (Some(vulnerability), true) = (&arguments.vulnerability, turns_round) {
        return affected(context, &server, arguments, vulnerability);
    }
    let flag = |is_set: bool, value: &str| is_set.then(|| value.to_owned());
    let parameters = [
        ("image", arguments.image.clone()),
        ("cluster", arguments.cluster.clone()),
        ("namespace", arguments.namespace.clone()),
        ("vulnerability", arguments.vulnerability.clone()),
        ("scanned", flag(arguments.unscanned, "false")),
        ("fixable", flag(arguments.fixable, "true")),
        ("environment", arguments.environment.clone()),
    ];
    let (images, page) = server
        .all(&parameters, arguments.amount.most(), Server::running)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &images,
        headings: HEADINGS,
        row: |image, _| row(image),
        csv_headings: CSV,
        csv_row,
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(images.len(), &page, "running image"));
    let unscanned: Vec<&RunningImage> = images.iter().filter(|image| !image.scanned).collect();
    if arguments.amount.format == ListFormat::Table {
        for image in unscanned.iter().take(NAMED) {
            context.note(&format_args!(
                "{} was never scanned: {}.",
                report::plain(&image.name),
                report::plain(&image.not_scanned)
            ));
        }
    }
    Ok(Exit::Clean)
}

/// Images never scanned that are explained below a table.
const NAMED: usize = 5;

const HEADINGS: &[Heading] = &[
    Heading::whole("IMAGE").cut(16, 0).ends_matter(),
    Heading::whole("WHERE").cut(14, 1),
    Heading::whole("RUNS"),
    Heading::whole("SCANNED").cut(7, 5),
    Heading::whole("CRITICAL"),
    Heading::whole("HIGH"),
    Heading::whole("FIXABLE").cut(7, 4),
    Heading::whole("IN USE").cut(6, 3),
    Heading::whole("REACH").cut(5, 2),
    Heading::whole("PRIORITY"),
];

fn row(image: &RunningImage) -> Vec<String> {
    let dash = || "-".to_owned();
    let known = |text: String| if image.scanned { text } else { dash() };
    vec![
        image.name.clone(),
        places(&image.workloads, image.workload_count),
        image.containers.to_string(),
        if image.scanned { "yes" } else { "no" }.to_owned(),
        known(image.counts.critical.to_string()),
        known(image.counts.high.to_string()),
        known(image.fixable.to_string()),
        match &image.packages {
            packages if packages.watched_since.is_none() && packages.seen == 0 => dash(),
            packages => format!("{}/{}", packages.seen, packages.total),
        },
        known(word(&image.exposure.reach)),
        known(image.priority.to_string()),
    ]
}

fn places(workloads: &[RunningWorkload], total: u64) -> String {
    let Some(first) = workloads.first() else {
        return String::new();
    };
    match total {
        0 | 1 => place(first),
        total => format!("{} and {} more", place(first), total - 1),
    }
}

fn place(workload: &RunningWorkload) -> String {
    let above = match (&workload.cluster, &workload.namespace) {
        (Some(cluster), _) if *cluster == workload.name => return cluster.clone(),
        (Some(cluster), Some(namespace)) => format!("{cluster}/{namespace}/"),
        (Some(cluster), None) => format!("{cluster}/"),
        (None, Some(namespace)) => format!("{namespace}/"),
        (None, None) => String::new(),
    };
    format!("{above}{}", workload.name)
}

const CSV: &[&str] = &[
    "image",
    "id",
    "digest",
    "scanned",
    "not_scanned",
    "containers",
    "workloads",
    "critical",
    "high",
    "medium",
    "low",
    "fixable",
    "kev",
    "packages",
    "seen",
    "not_seen",
    "reach",
    "reached_by",
    "priority",
];

fn csv_row(image: &RunningImage) -> Vec<String> {
    let counts = &image.counts;
    let workloads: Vec<String> = image.workloads.iter().map(place).collect();
    vec![
        image.name.clone(),
        image.id.clone(),
        image.digest.clone().unwrap_or_default(),
        image.scanned.to_string(),
        image.not_scanned.clone(),
        image.containers.to_string(),
        workloads.join(" "),
        counts.critical.to_string(),
        counts.high.to_string(),
        counts.medium.to_string(),
        counts.low.to_string(),
        image.fixable.to_string(),
        image.kev.to_string(),
        image.packages.total.to_string(),
        image.packages.seen.to_string(),
        image.packages.not_seen.to_string(),
        word(&image.exposure.reach),
        image.exposure.by.clone(),
        image.priority.to_string(),
    ]
}

fn affected(
    context: &Context,
    server: &Server,
    arguments: &WhatRuns,
    vulnerability: &str,
) -> Result<Exit, Failure> {
    let parameters = [("environment", arguments.environment.clone())];
    let mut told = server
        .vulnerability_workloads(vulnerability, &parameters)
        .map_err(failure(None))?;
    let fits = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
    told.workloads.retain(|row| {
        fits(&arguments.cluster, &row.workload.cluster)
            && fits(&arguments.namespace, &row.workload.namespace)
    });
    let total = told.workloads.len();
    told.workloads.truncate(arguments.amount.most());
    let listing = Listing {
        items: &told.workloads,
        headings: &[
            Heading::whole("WORKLOAD").cut(16, 0).ends_matter(),
            Heading::whole("OWNER").cut(8, 1),
            Heading::whole("IMAGE").cut(14, 2).ends_matter(),
            Heading::whole("RUNS"),
            Heading::whole("PACKAGE").cut(12, 3),
            Heading::whole("FIXED IN").cut(8, 4),
            Heading::whole("IN USE").cut(6, 5),
            Heading::whole("REACH").cut(5, 6),
            Heading::whole("PRIORITY"),
        ],
        row: |row, _| affected_row(row),
        csv_headings: &[
            "workload",
            "owner",
            "image",
            "containers",
            "package",
            "fixed_in",
            "in_use",
            "reach",
            "priority",
        ],
        csv_row: affected_row,
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.amount.format)?;
    let note = match total {
        0 => format!("Nothing that runs has {}.", told.vulnerability),
        total => format!(
            "{} of {total} workloads that run {} in {} images.",
            told.workloads.len(),
            told.vulnerability,
            told.images
        ),
    };
    context.note(&note);
    Ok(Exit::Clean)
}

fn affected_row(row: &AffectedWorkload) -> Vec<String> {
    let joined = |texts: Vec<String>| {
        let mut texts = texts;
        texts.dedup();
        texts.join(", ")
    };
    let packages = || row.packages.iter();
    vec![
        place(&row.workload),
        match &row.workload.owner {
            Some(owner) => owner.name.clone(),
            None => "-".to_owned(),
        },
        row.image.name.clone(),
        row.workload.containers.to_string(),
        joined(
            packages()
                .map(|one| format!("{} {}", one.name, one.version))
                .collect(),
        ),
        joined(
            packages()
                .map(|one| one.fixed_version.clone().unwrap_or_else(|| "-".to_owned()))
                .collect(),
        ),
        joined(packages().map(|one| in_use(&one.in_use)).collect()),
        word(&row.exposure.reach),
        row.priority.to_string(),
    ]
}

fn in_use(told: &InUse) -> String {
    match (told.state, told.days) {
        (InUseState::Seen, _) => "seen".to_owned(),
        (InUseState::NotSeen, Some(days)) => format!("not in {days} d"),
        (InUseState::NotSeen, None) => "not seen".to_owned(),
        (InUseState::NotKnown, _) => "not known".to_owned(),
    }
}

pub(super) fn fix_first(context: &Context, arguments: &FixFirst) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let parameters = [
        (
            "priority",
            arguments.priority.map(|priority| priority.to_string()),
        ),
        ("running", arguments.everything.then(|| "false".to_owned())),
        ("environment", arguments.environment.clone()),
        ("limit", Some(arguments.limit.to_string())),
    ];
    let list = server.work_list(&parameters).map_err(failure(None))?;
    if arguments.format == ListFormat::Json {
        write_stdout(&json(&list)?)?;
        return Ok(Exit::Clean);
    }
    let listing = Listing {
        items: &list.steps,
        headings: &[
            Heading::whole("STEP").cut(24, 0),
            Heading::whole("CLOSES"),
            Heading::whole("CRITICAL").cut(8, 3),
            Heading::whole("HIGH").cut(4, 4),
            Heading::whole("EXPLOITED").cut(9, 5),
            Heading::whole("IMAGES").cut(12, 2),
            Heading::whole("WEIGHT").cut(6, 1),
        ],
        row: |step, _| step_row(step),
        csv_headings: &[
            "step",
            "closes",
            "critical",
            "high",
            "exploited",
            "images",
            "weight",
        ],
        csv_row: step_row,
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.format)?;
    let shown: u64 = list.steps.iter().map(|step| total(&step.closes)).sum();
    context.note(&format_args!(
        "{} of {} steps close {shown} of {} findings; {} have no fix yet.",
        list.steps.len(),
        list.total,
        list.findings,
        list.unfixable
    ));
    if list.truncated {
        context.note(&"There are more images than were looked at: the worst were.");
    }
    Ok(Exit::Clean)
}

fn total(counts: &SeverityCounts) -> u64 {
    counts.critical + counts.high + counts.medium + counts.low + counts.info + counts.unknown
}

fn step_row(step: &WorkStep) -> Vec<String> {
    let names: Vec<&str> = step
        .images
        .iter()
        .map(|image| image.image.name.as_str())
        .collect();
    vec![
        step.title.clone(),
        total(&step.closes).to_string(),
        step.closes.critical.to_string(),
        step.closes.high.to_string(),
        step.kev.to_string(),
        names.join(", "),
        step.weight.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(cluster: &str, namespace: Option<&str>, name: &str) -> RunningWorkload {
        RunningWorkload {
            id: "1".to_owned(),
            kind: api::AssetKind::Workload,
            name: name.to_owned(),
            environment: "local".to_owned(),
            cluster: Some(cluster.to_owned()),
            namespace: namespace.map(str::to_owned),
            owner: None,
            containers: 1,
            since: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_place_is_read_from_the_widest_to_the_narrowest() {
        let shop = workload("prod", Some("shop"), "web");
        assert_eq!(place(&shop), "prod/shop/web");
        assert_eq!(place(&workload("box", None, "box")), "box");
        assert_eq!(places(&[shop], 3), "prod/shop/web and 2 more");
        assert_eq!(places(&[], 0), "");
    }
}
