//! `seawall scan`

mod beside;
mod hand_in;
mod options;
mod output;

use std::{collections::BTreeSet, path::Path};

use anyhow::anyhow;
use model::{Cancel, Clock as _, Finding, Report, TargetKind, scan::Target};
use scan::{ScanError, Source};
use vulns::{Database, Judgements};

use super::Context;
use crate::{
    args::scan::Scan,
    cancel,
    exit::{Exit, Failure},
    gate::Gate,
    progress::ScanProgress,
};

pub(super) use options::{docker_config, password};

/// Read where it lies in the working folder, without being asked for.
const IGNORE_FILE: &str = ".seawallignore.yaml";

pub(super) fn run(context: &Context, scan: &Scan) -> Result<Exit, Failure> {
    // Everything the user wrote is judged before anything is read, so
    // that a typing error costs no time.
    let outputs = output::plan(scan)?;
    let server = hand_in::server(context, scan)?;
    let sources = sources(scan)?;
    let judgements = judgements(context, scan)?;
    let options = options::of(context, scan)?;
    let beside = beside::Beside::of(context, scan)?;
    let database = database(context, scan)?;
    let cancel = cancel::on_signal()?;

    let mut ending = Exit::Clean;
    let mut reports = Vec::with_capacity(sources.len());
    for (name, source) in &sources {
        let target = Target {
            kind: kind(source),
            name: name.clone(),
        };
        let mut options = options.clone();
        options.secrets = beside.seeks_secrets(source) || server.is_some();
        options.malware = beside.malware();
        match scan_one(context, scan, source, name, &options, &cancel) {
            Ok(sbom) => {
                let mut report = vulns::assess(
                    &database,
                    sbom,
                    target,
                    &judgements,
                    concat!("seawall ", env!("CARGO_PKG_VERSION")),
                    context.clock.now(),
                );
                if let Some(server) = &server
                    && let Err(failure) = hand_in::send(context, scan, server, &report)
                {
                    context.complain(&failure);
                    ending = ending.max(failure.exit);
                }
                beside.tell(source, &mut report);
                if let Some(file) = &judgements.ignore {
                    file.judge_issues(&mut report, context.clock.now());
                }
                narrow(context, scan, &mut report);
                ending = ending.max(verdict(context, scan, &report));
                reports.push(report);
            }
            Err(failure) => {
                context.complain(&failure);
                ending = ending.max(failure.exit);
                if cancel.is_cancelled() {
                    break;
                }
            }
        }
    }
    options::remark(context, &options);
    if !reports.is_empty() {
        output::write(context, scan, &outputs, &reports)?;
    }
    Ok(ending)
}

fn sources(scan: &Scan) -> Result<Vec<(String, Source)>, Failure> {
    let mut sources = Vec::with_capacity(scan.targets.len());
    for text in &scan.targets {
        let source = Source::detect(text).map_err(|error| {
            Failure::usage(error)
                .context(format!("'{text}' cannot be scanned"))
                .help("targets are explained by `seawall scan --help`")
        })?;
        if scan.offline && matches!(source, Source::Registry(_)) {
            return Err(Failure::usage(anyhow!(
                "'{text}' is in a registry, and --offline was given"
            ))
            .help(
                "scan it from the local engine (docker:NAME) or an archive, or allow the network",
            ));
        }
        sources.push((text.clone(), source));
    }
    Ok(sources)
}

fn kind(source: &Source) -> TargetKind {
    match source {
        Source::Rootfs(_) => TargetKind::Rootfs,
        Source::Sbom(_) => TargetKind::Sbom,
        _ => TargetKind::Image,
    }
}

fn judgements(context: &Context, scan: &Scan) -> Result<Judgements, Failure> {
    let mut judgements = Judgements::default();
    for path in &scan.vex {
        let document = vulns::vex::read(path).map_err(Failure::bad_file)?;
        judgements.vex.push(document);
    }
    let ignore = match &scan.ignorefile {
        Some(path) => Some(path.as_path()),
        None => Some(Path::new(IGNORE_FILE)).filter(|path| path.is_file()),
    };
    if let Some(path) = ignore {
        let file = vulns::ignore::read(path).map_err(|error| {
            Failure::bad_file(error)
                .help("each entry needs an id and a reason; see docs/guides/scan-images.md")
        })?;
        for warning in file.expired(context.clock.now()) {
            context.warn(&warning);
        }
        judgements.ignore = Some(file);
        tracing::info!(path = %path.display(), "ignore file");
    }
    Ok(judgements)
}

fn database(context: &Context, scan: &Scan) -> Result<Database, Failure> {
    let folder = context.database_dir(&scan.database);
    Database::open_or_starter(&folder).map_err(|error| {
        Failure::failed(error)
            .context(format!("use the advisory database in {}", folder.display()))
            .help("`seawall db update` or `seawall db import` makes a new one")
    })
}

fn scan_one(
    context: &Context,
    arguments: &Scan,
    source: &Source,
    name: &str,
    options: &scan::Options,
    cancel: &Cancel,
) -> Result<model::Sbom, Failure> {
    let progress = ScanProgress::start(name, context.has_progress_bars());
    let outcome = cancel::within(arguments.timeout, cancel, |cancel| {
        scan::scan(source, options, &progress, cancel)
    });
    progress.finish();
    let failure = match outcome {
        Ok(sbom) => return Ok(sbom),
        Err(ScanError::Cancelled) if cancel.is_cancelled() => Failure::failed(anyhow!("cancelled")),
        Err(ScanError::Cancelled) => {
            Failure::failed(anyhow!("not done in the time given by --timeout"))
        }
        Err(error) => {
            let help = options::help(&error);
            Failure::failed(error).help_if(help)
        }
    };
    Err(failure.context(format!("scan {name}")))
}

/// Keeps what `--severity` and `--ignore-unfixed` ask for, and says how
/// much that leaves out.
fn narrow(context: &Context, scan: &Scan, report: &mut Report) {
    let is_asked = |severity| scan.severity.is_empty() || scan.severity.contains(&severity);
    let is_severe = |finding: &Finding| is_asked(finding.severity);
    let before = report.findings.len() + report.issues.len();
    report.issues.retain(|issue| is_asked(issue.severity));
    report
        .suppressed_issues
        .retain(|issue| is_asked(issue.severity));
    report.findings.retain(|finding| {
        is_severe(finding) && (!scan.ignore_unfixed || finding.fix.version().is_some())
    });
    report.suppressed.retain(is_severe);
    let left_out = before - report.findings.len() - report.issues.len();
    if left_out == 0 {
        return;
    }
    let named: BTreeSet<_> = report
        .findings
        .iter()
        .chain(&report.suppressed)
        .map(|finding| finding.vulnerability.clone())
        .collect();
    report.vulnerabilities.retain(|id, _| named.contains(id));
    let said = report.issues.iter().chain(&report.suppressed_issues);
    let said: BTreeSet<_> = said.map(|issue| issue.rule.clone()).collect();
    report.rules.retain(|id, _| said.contains(id));
    let noun = if left_out == 1 {
        "finding is"
    } else {
        "findings are"
    };
    context.note(&format!(
        "{}: {left_out} {noun} left out by --severity or --ignore-unfixed",
        report.target.name
    ));
}

fn verdict(context: &Context, scan: &Scan, report: &Report) -> Exit {
    let mut exit = Exit::Clean;
    if report.is_partial() && !scan.allow_partial {
        exit = exit.max(Exit::Partial);
    }
    let reached = Gate::count(&scan.fail_on, report);
    if reached > 0 {
        let gates: Vec<String> = scan.fail_on.iter().map(ToString::to_string).collect();
        let noun = if reached == 1 {
            "finding reaches"
        } else {
            "findings reach"
        };
        context.note(&format!(
            "{}: {reached} {noun} --fail-on {}",
            report.target.name,
            gates.join(" or ")
        ));
        exit = exit.max(Exit::Reached);
    }
    exit
}
