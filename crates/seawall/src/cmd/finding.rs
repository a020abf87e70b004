//! `seawall findings`

mod act;
mod show;
mod watch;

use api::{Finding, Page};
use report::Heading;

use super::{
    Context,
    remote::{
        self, Server, failure, joined,
        output::{Listing, age, word},
    },
};
use crate::{
    args::finding::{Findings, List, Sort},
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, findings: &Findings) -> Result<Exit, Failure> {
    match findings {
        Findings::List(arguments) => list(context, arguments),
        Findings::Show(arguments) => show::run(context, arguments),
        Findings::Dismiss(arguments) => act::dismiss(context, arguments),
        Findings::Reopen(arguments) => act::reopen(context, arguments),
        Findings::Assign(arguments) => act::assign(context, arguments),
        Findings::Comment(arguments) => act::comment(context, arguments),
        Findings::Due(arguments) => act::due(context, arguments),
        Findings::Undo(arguments) => act::undo(context, arguments),
        Findings::Watch(arguments) => watch::run(context, arguments),
    }
}

fn list(context: &Context, arguments: &List) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let query = joined(&arguments.query);
    let parameters = [
        ("q", query.clone()),
        ("environment", arguments.environment.clone()),
        ("sort", Some(order(arguments.sort).to_owned())),
    ];
    let (findings, page) = server
        .all(&parameters, arguments.amount.most(), Server::findings)
        .map_err(failure(query.as_deref()))?;
    let listing = Listing {
        items: &findings,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(findings.len(), &page, "finding"));
    Ok(Exit::Clean)
}

fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::Severity => "severity",
        Sort::FirstSeen => "-first_seen",
        Sort::LastSeen => "-last_seen",
        Sort::Epss => "-epss",
        Sort::Package => "package",
    }
}

/// `50 of 1,243 findings; --all shows every one`.
pub(super) fn count<T>(shown: usize, page: &Page<T>, noun: &str) -> String {
    let plural = if page.total == 1 { "" } else { "s" };
    let more = if page.total_capped { "+" } else { "" };
    let total = model::notice::grouped(page.total);
    if page.next_cursor.is_none() {
        return match shown {
            0 => format!("No {noun}s."),
            1 => format!("1 {noun}."),
            shown => format!("{} {noun}s.", model::notice::grouped(shown as u64)),
        };
    }
    format!(
        "{} of {total}{more} {noun}{plural}; --all shows every one.",
        model::notice::grouped(shown as u64)
    )
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID"),
    Heading::whole("SEVERITY"),
    Heading::whole("KIND").cut(4, 6),
    Heading::whole("RULE").cut(16, 0),
    Heading::whole("PACKAGE").cut(10, 4),
    Heading::whole("WHERE").cut(12, 1).ends_matter(),
    Heading::whole("STATE").cut(4, 5),
    Heading::whole("SEEN").cut(4, 3),
    Heading::whole("TITLE").cut(16, 2),
];

fn row(finding: &Finding, now: jiff::Timestamp) -> Vec<String> {
    vec![
        finding.id.clone(),
        word(&finding.severity),
        word(&finding.kind),
        finding.rule.clone(),
        package(finding),
        place(finding),
        word(&finding.state),
        age(finding.last_seen, now),
        said(finding).to_owned(),
    ]
}

fn package(finding: &Finding) -> String {
    finding
        .package
        .as_ref()
        .map(|package| format!("{} {}", package.name, package.version))
        .unwrap_or_default()
}

/// What a person would say it is about.
pub(super) fn place(finding: &Finding) -> String {
    let asset = &finding.asset;
    let parts = [
        asset.cluster.as_deref(),
        asset.namespace.as_deref(),
        Some(asset.name.as_str()),
    ];
    let mut parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.dedup();
    parts.join("/")
}

fn said(finding: &Finding) -> &str {
    match &finding.summary {
        Some(summary) if !summary.is_empty() => summary,
        _ => &finding.title,
    }
}

const CSV: &[&str] = &[
    "id",
    "severity",
    "kind",
    "state",
    "rule",
    "title",
    "summary",
    "environment",
    "cluster",
    "namespace",
    "workload",
    "asset",
    "image",
    "package",
    "version",
    "purl",
    "path",
    "fixed",
    "epss",
    "cvss",
    "exploited",
    "assignee",
    "due",
    "first_seen",
    "last_seen",
    "fingerprint",
];

fn csv_row(finding: &Finding) -> Vec<String> {
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let package = finding.package.as_ref();
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    vec![
        finding.id.clone(),
        word(&finding.severity),
        word(&finding.kind),
        word(&finding.state),
        finding.rule.clone(),
        finding.title.clone(),
        text(finding.summary.as_ref()),
        finding.asset.environment.clone(),
        text(finding.asset.cluster.as_ref()),
        text(finding.asset.namespace.as_ref()),
        text(finding.asset.workload.as_ref()),
        finding.asset.name.clone(),
        text(finding.image.as_ref().map(|image| &image.name)),
        text(package.map(|package| &package.name)),
        text(package.map(|package| &package.version)),
        text(package.map(|package| &package.purl)),
        text(package.map(|package| &package.path)),
        finding
            .fix
            .as_ref()
            .map(|fix| fix.versions.join(" "))
            .unwrap_or_default(),
        number(finding.epss),
        number(finding.cvss),
        finding.kev.to_string(),
        text(finding.assignee.as_ref()),
        finding.due.map(|due| due.to_string()).unwrap_or_default(),
        finding.first_seen.to_string(),
        finding.last_seen.to_string(),
        finding.fingerprint.clone(),
    ]
}
