//! `seawall queue`

use api::{Scan, queue::ScanQueue};
use jiff::Timestamp;
use model::Clock as _;
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
        registry::{ListQueue, Queue, QueueCommand, RetryScans, ShowQueue},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, queue: &Queue) -> Result<Exit, Failure> {
    match &queue.command {
        None => show(context, &queue.show),
        Some(QueueCommand::List(arguments)) => list(context, arguments),
        Some(QueueCommand::Retry(arguments)) => retry(context, arguments),
    }
}

fn show(context: &Context, arguments: &ShowQueue) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let queue = server
        .queue(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&queue)?)?;
        return Ok(Exit::Clean);
    }
    sheet(&queue, context.clock.now()).print()?;
    Ok(Exit::Clean)
}

fn sheet(queue: &ScanQueue, now: Timestamp) -> Sheet {
    let mut sheet = Sheet::title("Scans");
    sheet
        .line("Waiting", &queue.queued.to_string())
        .line("Running", &queue.running.to_string())
        .line("Given up", &queue.given_up.to_string());
    if let Some(oldest) = queue.oldest {
        sheet.line("Oldest", &age(oldest, now));
    }
    let lines: Vec<String> = queue
        .lines
        .iter()
        .map(|line| {
            let mut text = format!(
                "{}: {} waiting, {} running",
                word(&line.trigger),
                line.queued,
                line.running
            );
            if line.retrying > 0 {
                text.extend([format!(", {} after a failed try", line.retrying)]);
            }
            if let Some(registry) = &line.registry {
                text.extend([" (", &registry.name, ")"]);
            }
            text
        })
        .collect();
    sheet.text("Why", &lines.join("\n"));
    let held: Vec<String> = queue
        .held
        .iter()
        .map(|held| format!("{} until {}", held.registry.name, held.until))
        .collect();
    sheet.text("Registries left alone, as they asked", &held.join("\n"));
    if queue.given_up > 0 {
        sheet.text(
            "What to do",
            "seawall queue list --given-up shows why; seawall queue retry --all tries again",
        );
    }
    sheet
}

fn list(context: &Context, arguments: &ListQueue) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let parameters = [
        (
            "state",
            (!arguments.given_up).then(|| arguments.state.clone()),
        ),
        ("given_up", arguments.given_up.then(|| "true".to_owned())),
        ("trigger", arguments.trigger.clone()),
        ("environment", arguments.environment.clone()),
    ];
    let (scans, page) = server
        .all(&parameters, arguments.amount.most(), Server::scans)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &scans,
        headings: &[
            Heading::whole("ID").cut(8, 4),
            Heading::whole("NAME").cut(16, 0).ends_matter(),
            Heading::whole("STATE"),
            Heading::whole("WHY"),
            Heading::whole("SINCE"),
            Heading::whole("TRIES").cut(5, 5),
            Heading::whole("ERROR").cut(12, 1),
        ],
        row,
        csv_headings: &[
            "id",
            "environment",
            "name",
            "target",
            "state",
            "trigger",
            "created",
            "attempts",
            "next_try",
            "error",
        ],
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(scans.len(), &page, "scan"));
    Ok(Exit::Clean)
}

fn message(scan: &Scan) -> String {
    scan.error
        .as_ref()
        .map(|error| error.message.clone())
        .unwrap_or_default()
}

fn row(scan: &Scan, now: Timestamp) -> Vec<String> {
    vec![
        scan.id.clone(),
        scan.name.clone(),
        word(&scan.state),
        word(&scan.trigger),
        age(scan.created, now),
        scan.attempts.to_string(),
        message(scan),
    ]
}

fn csv_row(scan: &Scan) -> Vec<String> {
    vec![
        scan.id.clone(),
        scan.environment.clone(),
        scan.name.clone(),
        scan.target.clone(),
        word(&scan.state),
        word(&scan.trigger),
        scan.created.to_string(),
        scan.attempts.to_string(),
        scan.next_try
            .map(|time| time.to_string())
            .unwrap_or_default(),
        message(scan),
    ]
}

fn retry(context: &Context, arguments: &RetryScans) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    if let Some(id) = &arguments.id {
        let scan = server.retry_scan(id).map_err(failure(None))?;
        context.note(&format_args!("{} waits to be scanned.", scan.name));
        return Ok(Exit::Clean);
    }
    let question = "Everything that was given up is tried again.";
    if !remote::consent(context, arguments.consent.yes, question)? {
        return Ok(remote::declined(context));
    }
    let revived = server
        .retry_scans(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    context.note(&format_args!("{} scans wait again.", revived.scans));
    Ok(Exit::Clean)
}
