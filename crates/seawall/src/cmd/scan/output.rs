//! Which formats go where.

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use model::{Clock as _, Report};
use report::{Format, WriteOptions};

use super::super::{Context, write_stdout};
use crate::{
    args::scan::{Scan, Sink},
    exit::Failure,
};

/// Formats with their places, checked: nothing is written twice to one.
pub(super) fn plan(scan: &Scan) -> Result<Vec<Sink>, Failure> {
    let mut sinks = scan.format.clone();
    if sinks.iter().all(|sink| sink.file.is_some()) && (sinks.is_empty() || scan.output.is_some()) {
        sinks.push(Sink {
            format: Format::default(),
            file: None,
        });
    }
    let mut places = BTreeSet::new();
    for sink in &mut sinks {
        if sink.file.is_none() {
            sink.file.clone_from(&scan.output);
        }
        if !places.insert(sink.file.clone()) {
            let place = sink.file.as_ref().map_or_else(
                || "standard output".to_owned(),
                |file| file.display().to_string(),
            );
            return Err(
                Failure::usage(anyhow!("two formats would both go to {place}"))
                    .help("give each its file, as in --format sarif=out.sarif"),
            );
        }
        if scan.targets.len() > 1 && sink.format.is_one_target_only() {
            return Err(Failure::usage(anyhow!(
                "{} describes one target, and {} were given",
                sink.format,
                scan.targets.len()
            ))
            .help("scan them one by one"));
        }
    }
    Ok(sinks)
}

pub(super) fn write(
    context: &Context,
    scan: &Scan,
    sinks: &[Sink],
    reports: &[Report],
) -> Result<(), Failure> {
    let width = scan.width.map(usize::from);
    let base = WriteOptions {
        width,
        color: false,
        hyperlinks: false,
        show_suppressed: scan.show_suppressed,
        list_packages: scan.list_packages,
        now: context.clock.now(),
        compare_versions: vulns::version::compare,
    };
    for sink in sinks {
        let mut bytes = Vec::new();
        if let Some(file) = &sink.file {
            report::write_all(sink.format, reports, &base, &mut bytes).map_err(Failure::failed)?;
            replace(file, &bytes)?;
            continue;
        }
        let options = WriteOptions {
            width: width.or(context.terminal.width),
            color: context.terminal.color_stdout,
            hyperlinks: context.terminal.hyperlinks,
            ..base
        };
        report::write_all(sink.format, reports, &options, &mut bytes).map_err(Failure::failed)?;
        write_stdout(&bytes)?;
        // Lines for another program hold no advice; people who watch
        // standard error still get it.
        if options.width.is_none() || !sink.format.is_table() {
            let beside = WriteOptions {
                color: context.terminal.color_stderr,
                ..base
            };
            summarize(context, reports, &beside)?;
        }
    }
    if sinks.iter().all(|sink| sink.file.is_some()) {
        let beside = WriteOptions {
            color: context.terminal.color_stderr,
            ..base
        };
        summarize(context, reports, &beside)?;
    }
    Ok(())
}

fn summarize(context: &Context, reports: &[Report], options: &WriteOptions) -> Result<(), Failure> {
    for report in reports {
        let mut text = Vec::new();
        report::write_summary(report, options, &mut text).map_err(Failure::failed)?;
        context.note(&String::from_utf8_lossy(&text).trim_end());
    }
    Ok(())
}

/// A reader of `path` sees the old content or the new, never half.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // What is no plain file (`/dev/stdout`, a pipe) cannot be renamed over.
    let is_special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let written = if is_special {
        std::fs::write(path, bytes)
    } else {
        write_aside(path).and_then(|(mut file, aside)| {
            file.write_all(bytes)
                .and_then(|()| file.sync_all())
                .and_then(|()| std::fs::rename(&aside, path))
                .inspect_err(|_| {
                    std::fs::remove_file(&aside).ok();
                })
        })
    };
    written.map_err(|error| Failure::failed(error).context(format!("write {}", path.display())))
}

fn write_aside(path: &Path) -> std::io::Result<(std::fs::File, PathBuf)> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let aside = path.with_file_name(name);
    Ok((std::fs::File::create(&aside)?, aside))
}
