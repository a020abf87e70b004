//! `seawall findings watch`

use std::collections::HashSet;

use api::Finding;

use super::{
    super::{
        Context,
        remote::{
            self, Server, failure, joined,
            output::{json_line, word},
        },
        write_stdout,
    },
    place, said,
};
use crate::{
    args::finding::{Watch, WatchFormat},
    exit::{Exit, Failure},
};

/// Findings looked at each time; more at once than this are not all
/// shown, and that is said.
const LOOK: usize = 200;

/// Looks again and again at the newest: unlike a stream of events that
/// works through every proxy, and misses nothing after a lost
/// connection.
pub(super) fn run(context: &Context, arguments: &Watch) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let query = joined(&arguments.query);
    let look = || newest(&server, arguments, query.as_deref());
    let mut known: HashSet<String> = look()?.into_iter().map(|finding| finding.id).collect();
    context.note(&"Watching; Ctrl-C ends it.");
    loop {
        std::thread::sleep(arguments.every);
        let found = look()?;
        let mut fresh: Vec<&Finding> = found
            .iter()
            .filter(|finding| !known.contains(&finding.id))
            .collect();
        if fresh.len() == LOOK {
            context.warn(&format_args!(
                "more than {LOOK} at once: some are not shown"
            ));
        }
        // Oldest first, as they came.
        fresh.reverse();
        for finding in fresh {
            write_stdout(&line(finding, arguments.format)?)?;
        }
        known = found.into_iter().map(|finding| finding.id).collect();
    }
}

fn newest(
    server: &Server,
    arguments: &Watch,
    query: Option<&str>,
) -> Result<Vec<Finding>, Failure> {
    let page = server
        .findings(&[
            ("q", query.map(str::to_owned)),
            ("environment", arguments.environment.clone()),
            ("sort", Some("-first_seen".to_owned())),
            ("limit", Some(LOOK.to_string())),
        ])
        .map_err(failure(query))?;
    Ok(page.items)
}

fn line(finding: &Finding, format: WatchFormat) -> Result<Vec<u8>, Failure> {
    if format == WatchFormat::Jsonl {
        return json_line(finding);
    }
    let text = format!(
        "{} {} {} {} {}: {}",
        finding.first_seen,
        finding.id,
        word(&finding.severity),
        finding.rule,
        place(finding),
        said(finding)
    );
    Ok(format!("{}\n", report::plain(&text)).into_bytes())
}
