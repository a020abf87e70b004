//! `seawall audit replay`

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use cluster::audit::{Batch, Skipped, normalise};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use model::{Alert, Clock as _, Severity};
use rules::engine::Engine;
use serde_json::{Value, json};
use server::{
    detect::{Detector, Origin},
    inbox::Faults,
};

use super::super::{Context, remote, write_stdout};
use crate::{
    args::{audit::Replay, remote::ShowFormat},
    exit::{Exit, Failure},
    progress::ReplayProgress,
};

/// Bytes judged, or handed in, at once.
const PIECE: usize = 1 << 20;
/// A file that is one array is held in memory, up to this.
const MAX_ARRAY: u64 = 2 << 30;
/// The longest line that is read.
const MAX_LINE: u64 = 64 << 20;
/// Principals that are told.
const TOLD: usize = 10;
/// How long a server that has no room is asked again.
const PATIENCE: Duration = Duration::from_mins(5);

pub(super) fn run(context: &Context, arguments: &Replay) -> Result<Exit, Failure> {
    let mut taker = if arguments.send {
        Taker::Server(Box::new(remote::connect(context, &arguments.remote)?))
    } else {
        Taker::Here(Box::new(Detector::new(Arc::new(engine(
            context,
            &arguments.rules,
        )?))))
    };
    let mut summary = Summary::default();
    let mut progress = ReplayProgress::start(context.has_progress_bars());
    for path in &arguments.files {
        let (source, length) = open(path).map_err(Failure::bad_file)?;
        progress.file(&path.display().to_string(), length);
        let source = progress.counted(source);
        each_batch(source, &mut |batch| {
            summary.skipped.broken += batch.skipped.broken;
            summary.skipped.others += batch.skipped.others;
            taker.take(context, arguments, &batch, &mut summary)
        })
        .map_err(|stop| match stop {
            Stop::Read(error) => Failure::failed(error).context(format!("read {}", path.display())),
            Stop::Refused(failure) => *failure,
        })?;
    }
    progress.finish();
    let text = match arguments.format {
        ShowFormat::Text => summary.text(arguments.send),
        ShowFormat::Json => format!("{:#}\n", summary.json(arguments.send)),
    };
    write_stdout(text.as_bytes())?;
    let is_reached = arguments
        .fail_on
        .is_some_and(|least| summary.worst.is_some_and(|worst| worst >= least));
    Ok(if is_reached {
        Exit::Reached
    } else {
        Exit::Clean
    })
}

/// The embedded rules, and behind them those of folders.
fn engine(context: &Context, folders: &[std::path::PathBuf]) -> Result<Engine, Failure> {
    let mut loader = rules::content::loader();
    for folder in folders {
        for path in rule_files(folder).map_err(Failure::bad_file)? {
            let text = fs::read_to_string(&path).map_err(|error| {
                Failure::bad_file(error).context(format!("read {}", path.display()))
            })?;
            loader = loader.file(&path.display().to_string(), &text);
        }
    }
    let (ruleset, diagnostics) = loader.finish();
    let faults: Vec<_> = diagnostics
        .into_iter()
        .filter(rules::Diagnostic::is_error)
        .collect();
    if !faults.is_empty() {
        let shown = rules::diagnostic::render(&faults, false);
        return Err(Failure::bad_file(anyhow!("understand the rules\n{shown}")));
    }
    let (engine, warnings) = Engine::compile(&ruleset);
    for warning in warnings {
        context.warn(&model::error::chain(&warning));
    }
    Ok(engine)
}

fn rule_files(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let named = || format!("read the folder {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(named)? {
            let entry = entry.with_context(named)?;
            let path = entry.path();
            let is_yaml = path
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml");
            if entry.file_type().with_context(named)?.is_dir() {
                folders.push(path);
            } else if is_yaml {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

type Input = Box<dyn Read + Send>;

fn open(path: &Path) -> anyhow::Result<(Input, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let length = file.metadata().ok().map(|meta| meta.len());
    Ok((Box::new(file), length))
}

enum Stop {
    Read(io::Error),
    Refused(Box<Failure>),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// The events of a text, piece by piece.
fn each_batch(
    source: impl Read,
    each: &mut dyn FnMut(Batch) -> Result<(), Box<Failure>>,
) -> Result<(), Stop> {
    let mut source = BufReader::with_capacity(PIECE, source);
    let is_gzip = source.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    if is_gzip {
        return each_batch_of(
            BufReader::with_capacity(PIECE, MultiGzDecoder::new(source)),
            each,
        );
    }
    each_batch_of(source, each)
}

fn each_batch_of(
    mut source: impl BufRead,
    each: &mut dyn FnMut(Batch) -> Result<(), Box<Failure>>,
) -> Result<(), Stop> {
    let first = source
        .fill_buf()?
        .iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace());
    let mut batch = Batch::default();
    if first == Some(b'[') {
        // One array, over as many lines as it likes.
        let mut text = Vec::new();
        source.take(MAX_ARRAY).read_to_end(&mut text)?;
        normalise(&text, &mut batch);
        return each(batch).map_err(Stop::Refused);
    }
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut source).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read > 0 {
            normalise(&line, &mut batch);
        }
        if read == 0 || batch.body.len() >= PIECE {
            each(std::mem::take(&mut batch)).map_err(Stop::Refused)?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Who takes events.
enum Taker {
    Here(Box<Detector>),
    Server(Box<remote::Server>),
}

impl Taker {
    fn take(
        &mut self,
        context: &Context,
        arguments: &Replay,
        batch: &Batch,
        summary: &mut Summary,
    ) -> Result<(), Box<Failure>> {
        if batch.events == 0 {
            return Ok(());
        }
        match self {
            Self::Here(detector) => {
                let origin = Origin {
                    environment: "replay",
                    cluster: &arguments.cluster,
                    received: context.clock.now(),
                    is_live: false,
                };
                let judged = detector.judge(origin, &batch.body);
                summary.events += judged.events;
                summary.faults.add_all(&judged.faults);
                summary.newest = summary.newest.max(judged.newest);
                for alert in &judged.alerts {
                    summary.add(alert);
                }
            }
            Self::Server(server) => {
                summary.events += batch.events;
                send(server, arguments, &batch.body)?;
            }
        }
        Ok(())
    }
}

/// Hands a piece in; a server without room is asked again.
fn send(server: &remote::Server, arguments: &Replay, body: &[u8]) -> Result<(), Box<Failure>> {
    let began = Instant::now();
    let parameters = [("environment", arguments.environment.clone())];
    loop {
        match server.send_audit(&arguments.cluster, &parameters, body.to_vec()) {
            Err(api::client::ClientError::Refused(problem))
                if problem.status == 503 && began.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_secs(2));
            }
            outcome => {
                return outcome.map_err(|error| Box::new(remote::failure(None)(error)));
            }
        }
    }
}

/// What came of all of it.
#[derive(Debug, Default)]
struct Summary {
    events: u64,
    faults: Faults,
    skipped: Skipped,
    newest: Option<Timestamp>,
    rules: BTreeMap<String, OfRule>,
    principals: BTreeMap<String, u64>,
    worst: Option<Severity>,
    alerts: u64,
}

#[derive(Debug)]
struct OfRule {
    title: String,
    severity: Severity,
    count: u64,
    example: String,
}

impl Summary {
    fn add(&mut self, alert: &Alert) {
        self.alerts += 1;
        self.worst = self.worst.max(Some(alert.rule.severity));
        self.rules
            .entry(alert.rule.id.clone())
            .or_insert_with(|| OfRule {
                title: alert.rule.title.clone(),
                severity: alert.rule.severity,
                count: 0,
                example: alert.summary.clone(),
            })
            .count += 1;
        if let Some(principal) = &alert.context.principal {
            *self.principals.entry(principal.name.clone()).or_default() += 1;
        }
    }

    fn by_severity(&self) -> Vec<(&String, &OfRule)> {
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(_, rule)| std::cmp::Reverse((rule.severity, rule.count)));
        rules
    }

    fn top_principals(&self) -> Vec<(&String, &u64)> {
        let mut principals: Vec<_> = self.principals.iter().collect();
        principals.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        principals.truncate(TOLD);
        principals
    }

    fn bad(&self) -> BTreeMap<&'static str, u64> {
        let mut bad: BTreeMap<_, _> = self
            .faults
            .iter()
            .map(|(fault, count)| (fault.as_str(), count))
            .collect();
        if self.skipped.broken > 0 {
            *bad.entry("not_json").or_default() += self.skipped.broken;
        }
        bad
    }

    fn text(&self, is_sent: bool) -> String {
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments<'_>| {
            text.write_fmt(words)
                .and_then(|()| text.write_char('\n'))
                .expect("invariant: writing to a string cannot fail");
        };
        if is_sent {
            line(format_args!("{} events handed in", self.events));
        } else {
            line(format_args!(
                "{} events, {} alerts",
                self.events, self.alerts
            ));
        }
        if self.skipped.others > 0 {
            line(format_args!(
                "{} lines of other logs beside",
                self.skipped.others
            ));
        }
        for (reason, count) in self.bad() {
            line(format_args!("  {count:>8}  {reason}"));
        }
        if !self.rules.is_empty() {
            line(format_args!("\nAlerts"));
        }
        for (id, rule) in self.by_severity() {
            let severity = rule.severity.to_string();
            line(format_args!(
                "  {:>8}  {severity:<8}  {id}: {}",
                rule.count, rule.title
            ));
        }
        if !self.principals.is_empty() {
            line(format_args!("\nWho"));
        }
        for (name, count) in self.top_principals() {
            line(format_args!("  {count:>8}  {name}"));
        }
        text
    }

    fn json(&self, is_sent: bool) -> Value {
        let rules = self.by_severity().into_iter().map(|(id, rule)| {
            json!({
                "rule": id,
                "title": rule.title,
                "severity": rule.severity.to_string(),
                "alerts": rule.count,
                "example": rule.example,
            })
        });
        let principals = self.top_principals().into_iter();
        json!({
            "sent": is_sent,
            "events": self.events,
            "other_logs": self.skipped.others,
            "faults": self.bad(),
            "newest": self.newest,
            "alerts": self.alerts,
            "rules": rules.collect::<Vec<_>>(),
            "principals": principals
                .map(|(name, alerts)| json!({ "name": name, "alerts": alerts }))
                .collect::<Vec<_>>(),
        })
    }
}
