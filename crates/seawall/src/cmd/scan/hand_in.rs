//! Handing a report to a server, from a pipeline.

use api::queue::NewReport;
use model::{Report, TargetKind};

use super::super::{
    Context,
    image::counted,
    remote::{self, Server, failure},
};
use crate::{
    args::{remote::Remote, scan::Scan},
    env::Env,
    exit::Failure,
};

/// The server reports go to, if they go to one. It is named before
/// anything is read, so that a missing token costs no time.
pub(super) fn server(context: &Context, scan: &Scan) -> Result<Option<Server>, Failure> {
    let Some(url) = &scan.report else {
        return Ok(None);
    };
    let server = Remote {
        server: Some(url.clone()),
    };
    remote::connect(context, &server).map(Some)
}

/// Hands one report in, whole: what is shown of it here is another
/// matter.
pub(super) fn send(
    context: &Context,
    scan: &Scan,
    server: &Server,
    report: &Report,
) -> Result<(), Failure> {
    if report.target.kind == TargetKind::Rootfs {
        context.warn(&"folders and machines are not handed in; a server reads its own");
        return Ok(());
    }
    let body = NewReport {
        environment: scan.environment.clone(),
        pipeline: scan.pipeline.clone().or_else(|| pipeline(&context.env)),
        report: serde_json::to_value(report).map_err(Failure::failed)?,
    };
    let receipt = server.send_report(&body).map_err(failure(None))?;
    context.note(&format_args!(
        "{} is known to the server: {}, {} new.",
        receipt.image.name,
        counted(&receipt.counts),
        receipt.new
    ));
    Ok(())
}

/// What CI systems say of themselves, the address of the run before all.
fn pipeline(env: &Env) -> Option<String> {
    let github = || {
        let server = env.text("GITHUB_SERVER_URL")?;
        let repository = env.text("GITHUB_REPOSITORY")?;
        let run = env.text("GITHUB_RUN_ID")?;
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    };
    env.text("CI_JOB_URL")
        .or_else(|| env.text("BUILD_URL"))
        .or_else(|| env.text("BUILDKITE_BUILD_URL"))
        .or_else(|| env.text("CIRCLE_BUILD_URL"))
        .or_else(github)
}
