//! `seawall policy check`

use std::sync::Arc;

use cluster::external::Asker;
use model::Severity;
use policy::manifest::{self, Judged, Manifest, Unread};
use policy::review::Violation;

use super::{load, output, severity};
use crate::{
    args::policy::{Check, CheckFormat, Limit},
    cmd::{Context, files, write_stdout},
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, arguments: &Check) -> Result<Exit, Failure> {
    let (policies, problems) = load(&arguments.policies)?;
    let mut manifests: Vec<Manifest> = Vec::new();
    let mut unread: Vec<Unread> = Vec::new();
    for path in files::find(&arguments.manifests, files::YAML)? {
        let (found, failed) = manifest::read(&path.display().to_string(), &files::text(&path)?);
        manifests.extend(found);
        unread.extend(failed);
    }
    if manifests.is_empty() && unread.is_empty() {
        let failure = Failure::usage(anyhow::anyhow!("no object of Kubernetes in what was read"));
        return Err(failure.help("an object has an apiVersion and a kind"));
    }
    if let Some(namespace) = &arguments.namespace {
        for manifest in &mut manifests {
            manifest.place(namespace);
        }
    }
    let mut world = manifest::world(&manifests);
    let now = model::Clock::now(&context.clock).as_nanosecond();
    world.now_ns = i64::try_from(now).unwrap_or(i64::MAX);
    if arguments.external_data {
        world.external = Some(Asker::new(Arc::new(context.clock)).of(&policies));
    } else if !policies.providers().is_empty() {
        context.note(&"The policies name providers of external data: --external-data asks them.");
    }
    let judged = manifest::judge(&policies, &manifests, &world);
    let reached = judged
        .iter()
        .flat_map(|each| &each.violations)
        .filter(|violation| {
            arguments
                .fail_on
                .is_some_and(|limit| reaches(limit, violation))
        })
        .count();
    print(context, arguments, &judged, &unread)?;
    if reached > 0 {
        context.note(&format!(
            "{} reached --fail-on",
            super::counted(reached, "violation")
        ));
    }
    Ok(if !problems.is_empty() {
        Exit::Usage
    } else if reached > 0 {
        Exit::Reached
    } else if !unread.is_empty() && !arguments.allow_partial {
        Exit::Partial
    } else {
        Exit::Clean
    })
}

fn reaches(limit: Limit, violation: &Violation) -> bool {
    match limit {
        Limit::Action(action) => violation.action >= action,
        Limit::Severity(least) => match severity(violation) {
            Severity::Unknown => Severity::Medium >= least,
            known => known >= least,
        },
    }
}

fn print(
    context: &Context,
    arguments: &Check,
    judged: &[Judged<'_>],
    unread: &[Unread],
) -> Result<(), Failure> {
    match arguments.format {
        CheckFormat::Table => {
            let text = output::text(context, judged, unread);
            write_stdout(text.as_bytes())
        }
        CheckFormat::Json => write_stdout(&output::json(judged, unread)?),
        CheckFormat::Sarif => write_stdout(&output::sarif(judged, unread)?),
    }
}
