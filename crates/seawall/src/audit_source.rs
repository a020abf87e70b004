//! Audit logs the server reads by itself: what `cluster` reads goes into
//! the server's inbox, and how far it was read into a small file.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use cluster::audit::{
    Batch, CloudwatchSettings, EventHubsSettings, FileSettings, Settings, Source, normalise,
};
use model::Fingerprint;
use server::{
    Inbox,
    config::AuditSource,
    inbox::{Delivery, Fault, InboxError},
};

/// Bytes handed in at once: the least an inbox may be told to take.
const PIECE: usize = 1 << 20;
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Before what an inbox has no room for is handed in again.
const FULL: Duration = Duration::from_secs(2);

/// What a forwarder sends as a cloud wrote it.
pub(crate) fn unwrap(body: &[u8]) -> (Vec<u8>, u64) {
    let mut batch = Batch::default();
    normalise(body, &mut batch);
    (batch.body, batch.skipped.broken)
}

/// Reads a source for ever. What keeps it from reading is told where the
/// intake's health is, and tried again.
pub(crate) async fn follow(inbox: Inbox, source: AuditSource, folder: PathBuf) {
    let name = name(&source);
    let file = folder.join(format!("{}.json", file_name(&source, &name)));
    let mut wait = SHORTEST_WAIT;
    loop {
        let (least, told) = match read(&inbox, &source, &name, &file, &mut wait).await {
            Ok(never) => match never {},
            Err(problem) => problem,
        };
        tracing::warn!(
            cluster = source.cluster,
            source = name,
            error = told,
            "an audit log cannot be read"
        );
        inbox.note_source(&source.environment, &source.cluster, &name, Err(told));
        let pause = least.map_or(wait, |least| least.max(wait));
        tokio::time::sleep(pause).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

type Problem = (Option<Duration>, String);

async fn read(
    inbox: &Inbox,
    source: &AuditSource,
    name: &str,
    file: &Path,
    wait: &mut Duration,
) -> Result<std::convert::Infallible, Problem> {
    let told = |error: &(dyn std::error::Error + 'static)| (None, model::error::chain(error));
    let position = match fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(told(&error)),
    };
    let settings = settings(source).map_err(|error| (None, error))?;
    let mut reading = Source::open(settings, position.as_deref()).map_err(|error| told(&error))?;
    let mut written = position.unwrap_or_default();
    loop {
        let batch = reading
            .next()
            .await
            .map_err(|error| (error.wait, model::error::chain(&error)))?;
        *wait = SHORTEST_WAIT;
        hand_in(inbox, source, &batch).await;
        inbox.note_source(&source.environment, &source.cluster, name, Ok(()));
        if !batch.position.is_empty() && batch.position != written {
            write(file, &batch.position).map_err(|error| told(&error))?;
            written = batch.position;
        }
    }
}

/// Hands a batch in, however long that takes.
async fn hand_in(inbox: &Inbox, source: &AuditSource, batch: &Batch) {
    let (environment, cluster) = (&source.environment, &source.cluster);
    let note = |fault, events| inbox.note_faults(environment, cluster, fault, events);
    note(Fault::NotJson, batch.skipped.broken);
    note(Fault::TooLarge, batch.skipped.too_long);
    for piece in pieces(&batch.body) {
        loop {
            let delivery = Delivery {
                environment: environment.clone(),
                cluster: cluster.clone(),
                is_live: false,
                body: piece.to_vec(),
            };
            match inbox.take(delivery).await {
                Ok(()) => break,
                Err(InboxError::Unavailable(_)) => tokio::time::sleep(FULL).await,
                Err(error) => {
                    tracing::warn!(cluster, %error, "audit events were left out");
                    note(Fault::TooLarge, 1);
                    break;
                }
            }
        }
    }
}

/// Whole lines, together no longer than an inbox may be told to take; a
/// longer line alone.
fn pieces(body: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = if rest.len() <= PIECE {
            rest.len()
        } else {
            let is_break = |byte: &u8| *byte == b'\n';
            let within = rest.iter().take(PIECE).rposition(is_break);
            let end = within.or_else(|| rest.iter().position(is_break));
            end.map_or(rest.len(), |end| end + 1)
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// What it is called where its health is told.
fn name(source: &AuditSource) -> String {
    if let Some(file) = &source.file {
        format!("file {}", file.path.display())
    } else if let Some(hubs) = &source.event_hubs {
        let hub = hubs.event_hub.as_str();
        let path = hubs.connection_string_file.display();
        if hub.is_empty() {
            format!("event hub of {path}")
        } else {
            format!("event hub {hub}")
        }
    } else {
        format!("CloudWatch {}", log_group(source))
    }
}

fn file_name(source: &AuditSource, name: &str) -> String {
    let fingerprint = Fingerprint::of(&[&source.environment, &source.cluster, name]);
    fingerprint.as_str().chars().take(16).collect()
}

fn log_group(source: &AuditSource) -> String {
    match &source.cloudwatch {
        Some(logs) if !logs.log_group.is_empty() => logs.log_group.clone(),
        _ => format!("/aws/eks/{}/cluster", source.cluster),
    }
}

fn settings(source: &AuditSource) -> Result<Settings, String> {
    let some = |path: &Path| Some(path.to_owned()).filter(|path| !path.as_os_str().is_empty());
    if let Some(file) = &source.file {
        return Ok(Settings::File(FileSettings {
            path: file.path.clone(),
            from_start: file.from_start,
        }));
    }
    if let Some(hubs) = &source.event_hubs {
        let connection_string = match some(&hubs.connection_string_file) {
            Some(path) => Some(
                fs::read_to_string(&path)
                    .map_err(|error| format!("read {}: {error}", path.display()))?
                    .trim()
                    .to_owned(),
            ),
            None => None,
        };
        return Ok(Settings::EventHubs(EventHubsSettings {
            connection_string,
            topic: hubs.event_hub.clone(),
            brokers: hubs.brokers.clone(),
            ca_file: some(&hubs.ca_file),
            from_start: hubs.from_start,
        }));
    }
    let Some(logs) = &source.cloudwatch else {
        return Err("no source is named".to_owned());
    };
    Ok(Settings::Cloudwatch(CloudwatchSettings {
        region: logs.region.clone(),
        log_group: log_group(source),
        interval: logs.interval.0,
        since: logs.since.0,
        endpoint: Some(logs.endpoint.clone()).filter(|address| !address.is_empty()),
        access_key: None,
    }))
}

/// Replaced by rename: what is there is whole.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_handed_in_by_whole_lines() {
        let line = |length: usize| format!("{}\n", "x".repeat(length));
        let body = [line(600_000), line(600_000), line(3 << 20), line(10)].concat();
        let pieces = pieces(body.as_bytes());
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).collect();
        assert_eq!(lengths, [600_001, 600_001, (3 << 20) + 1, 11]);
        assert_eq!(pieces.concat(), body.as_bytes());
    }
}
