//! `seawall connector`: a cluster watched for a server, or assessed once.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use cluster::{
    external::Asker,
    watch::{Assessment, ConnectError, OnceError, RunError, Settings, ShipSettings, Target, once},
};
use model::Severity;
use policy::Document;

use super::{Context, files, write_stdout};
use crate::{
    args::connector::{Connector, ConnectorFormat},
    cancel,
    exit::{Exit, Failure},
};

/// Rows of each list of a table.
const ROWS: usize = 25;

pub(super) fn run(context: &Context, arguments: &Connector) -> Result<Exit, Failure> {
    let bundle = Arc::new(bundle(&arguments.policies)?);
    let target = target(context, arguments);
    let external = arguments
        .external_data
        .then(|| Asker::new(Arc::new(context.clock)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    if arguments.once {
        if bundle.is_empty() {
            return Err(Failure::usage(anyhow::anyhow!(
                "there are no policies to judge by"
            )));
        }
        let patience = arguments.patience;
        let assess = once(&target, bundle, patience, &context.clock, external);
        let assessment = runtime.block_on(assess).map_err(|error| match error {
            OnceError::Connect(error) => connecting(error),
            error => Failure::failed(error),
        })?;
        return print(context, arguments, &assessment);
    }
    let settings = Settings {
        target,
        bundle,
        ship: ShipSettings {
            server: arguments.server.clone().unwrap_or_default(),
            cluster: arguments.cluster.clone().unwrap_or_default(),
            environment: arguments.environment.clone(),
            token_file: arguments.token_file.clone().unwrap_or_default(),
            ca_file: arguments.ca.clone(),
        },
        status_file: arguments.status_file.clone(),
        external,
    };
    let clock = Arc::new(context.clock);
    let outcome = runtime.block_on(async {
        let mut signals = cancel::Signals::listen().map_err(Failure::failed)?;
        let stop = async move { signals.next().await };
        cluster::watch::Connector::run(settings, clock, stop)
            .await
            .map_err(|error| match error {
                RunError::Connect(error) => connecting(error),
                RunError::Ship(error) => Failure::bad_file(error),
                error @ RunError::Thread(_) => Failure::failed(error),
            })
    });
    outcome.map(|()| Exit::Clean)
}

fn connecting(error: ConnectError) -> Failure {
    match error {
        ConnectError::Kubeconfig { .. } | ConnectError::InCluster(_) => Failure::bad_file(error),
        error => Failure::failed(error).help(
            "can `kubectl version` reach the API server with the same kubeconfig and context?",
        ),
    }
}

fn target(context: &Context, arguments: &Connector) -> Target {
    let is_in_pod = context.env.text("KUBERNETES_SERVICE_HOST").is_some();
    let names_one = arguments.kubeconfig.is_some() || arguments.context.is_some();
    if is_in_pod && !names_one {
        Target::InCluster
    } else {
        Target::Kubeconfig {
            path: arguments.kubeconfig.clone(),
            context: arguments.context.clone(),
        }
    }
}

/// The policies to judge by until a server says.
fn bundle(paths: &[PathBuf]) -> Result<Vec<Document>, Failure> {
    if paths.is_empty() {
        return Ok(policy::bundle());
    }
    files::policies(paths)
}

/// How bad what a policy says is, and what it asks for.
fn known(kind: &str) -> (Severity, &str) {
    let rule = policy::policy_of_kind(kind).and_then(|known| policy::recommendation(&known.id));
    rule.map_or((Severity::Medium, kind), |rule| {
        (rule.severity, &rule.title)
    })
}

fn print(
    context: &Context,
    arguments: &Connector,
    assessment: &Assessment,
) -> Result<Exit, Failure> {
    let text = match arguments.format {
        ConnectorFormat::Json => {
            let mut text = serde_json::to_string_pretty(assessment).map_err(Failure::failed)?;
            text.push('\n');
            text
        }
        ConnectorFormat::Table => {
            let mut rows: Vec<Row<'_>> = assessment
                .policies
                .iter()
                .filter(|(_, count)| count.affected > 0)
                .map(|(kind, count)| Row {
                    severity: known(kind).0,
                    affected: count.affected,
                    judged: count.judged,
                    title: known(kind).1,
                })
                .collect();
            rows.sort_by(|a, b| {
                (b.severity, b.affected, a.title).cmp(&(a.severity, a.affected, b.title))
            });
            table(assessment, &rows)
        }
    };
    write_stdout(text.as_bytes())?;
    for problem in &assessment.problems {
        let mend = match problem.mend.as_str() {
            "" => String::new(),
            mend => format!("; {mend}"),
        };
        context.warn(&format_args!(
            "{}: {}{mend}",
            problem.about, problem.message
        ));
    }
    let is_reached = arguments.fail_on.is_some_and(|least| {
        assessment
            .items
            .iter()
            .flat_map(|item| &item.violations)
            .any(|violation| !violation.failed && known(&violation.kind).0 >= least)
    });
    let is_partial = !assessment.problems.is_empty() && !arguments.allow_partial;
    Ok(match (is_reached, is_partial) {
        (true, _) => Exit::Reached,
        (false, true) => Exit::Partial,
        (false, false) => Exit::Clean,
    })
}

struct Row<'a> {
    severity: Severity,
    affected: u64,
    judged: u64,
    title: &'a str,
}

fn table(assessment: &Assessment, rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        // Strings grow.
        text.write_fmt(args).ok();
        text.push('\n');
    };
    line(format_args!(
        "Kubernetes {}: {} objects, {} judged, {} of them affected",
        assessment.kubernetes, assessment.objects, assessment.judged, assessment.affected
    ));
    if !rows.is_empty() {
        line(format_args!(
            "\n{:<10} {:>13}  POLICY",
            "SEVERITY", "AFFECTED"
        ));
    }
    for row in rows.iter().take(ROWS) {
        let share = format!("{} of {}", row.affected, row.judged);
        line(format_args!(
            "{:<10} {share:>13}  {}",
            row.severity, row.title
        ));
    }
    if rows.len() > ROWS {
        line(format_args!("… and {} more policies", rows.len() - ROWS));
    }
    let mut worst: Vec<_> = assessment.items.iter().collect();
    worst.sort_by_key(|item| std::cmp::Reverse(item.violations.len()));
    if !worst.is_empty() {
        line(format_args!("\n{:>10}  OBJECT", "VIOLATIONS"));
    }
    for item in worst.iter().take(ROWS) {
        let key = &item.object;
        let place = match key.namespace.as_str() {
            "" => key.name.clone(),
            namespace => format!("{namespace}/{}", key.name),
        };
        line(format_args!(
            "{:>10}  {} {place}",
            item.violations.len(),
            key.kind
        ));
    }
    if worst.len() > ROWS {
        line(format_args!(
            "… and {} more objects; --format json has them all",
            worst.len() - ROWS
        ));
    }
    text
}
