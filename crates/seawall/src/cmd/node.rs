//! `seawall node`

use std::{fs, io::Read as _, path::Path, time::Duration};

use api::node::{NewNodeAssessment, NodeState, NodeVerdict};
use jiff::Timestamp;
use policy::{Facts, Recommendation, Verdict, standard};
use report::Heading;
use serde::Serialize;

use super::{
    Context,
    remote::{self, failure, output::Listing},
};
use crate::{
    args::node::{Assess, Node, Profile},
    cancel::Signals,
    exit::{Exit, Failure},
};

/// The longest name or token that is read from a file.
const MAX_TEXT: u64 = 4096;
/// How soon what went wrong is tried again, at the latest.
const SOONER: Duration = Duration::from_mins(5);

pub(super) fn run(context: &Context, node: &Node) -> Result<Exit, Failure> {
    let Node::Assess(arguments) = node;
    match arguments.every {
        Some(every) => again_and_again(context, arguments, every),
        None => assess(context, arguments),
    }
}

/// Looks now and then, until told to end. What goes wrong is said, and
/// tried again sooner.
fn again_and_again(
    context: &Context,
    arguments: &Assess,
    every: Duration,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(|error| Failure::failed(error).context("listen for Ctrl-C"))?
    };
    loop {
        let pause = match assess(context, arguments) {
            Ok(_) => every,
            Err(failure) => {
                context.complain(&failure);
                every.min(SOONER)
            }
        };
        let is_over = runtime.block_on(async {
            tokio::select! {
                () = signals.next() => true,
                () = tokio::time::sleep(pause) => false,
            }
        });
        if is_over {
            return Ok(Exit::Clean);
        }
    }
}

/// One line of the result.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    title: String,
    severity: model::Severity,
    state: NodeState,
    #[serde(skip_serializing_if = "String::is_empty")]
    summary: String,
    /// Of the benchmark of the profile.
    controls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remediation: Vec<policy::Step>,
}

fn assess(context: &Context, arguments: &Assess) -> Result<Exit, Failure> {
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => match context.env.text("NODE_NAME") {
            Some(name) => name,
            None => host_name(&arguments.root)?,
        },
    };
    let (facts, gaps) = host::node::look(&arguments.root, &name, &|_, _| true);
    for gap in &gaps {
        context.warn(gap);
    }
    let now = model::Clock::now(&context.clock);
    let facts = Facts::Node(facts);
    let judged: Vec<(&Recommendation, Vec<String>, Verdict)> = checks(arguments.profile)
        .into_iter()
        .map(|(rule, controls)| (rule, controls, policy::judge(&rule.id, &facts, now)))
        .collect();
    let is_affected = judged.iter().any(|(.., verdict)| verdict.is_affected());
    if let Some(cluster) = &arguments.cluster {
        tell(context, arguments, (cluster, &name), &judged, &gaps)?;
    }
    let lines: Vec<Line> = judged
        .into_iter()
        .map(|(rule, controls, verdict)| line(rule, controls, verdict))
        .filter(|line| !arguments.affected || line.state == NodeState::Affected)
        .collect();
    let listing = Listing {
        items: &lines,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now,
    };
    listing.print(context, arguments.format)?;
    Ok(match (arguments.fail && is_affected, gaps.is_empty()) {
        (true, _) => Exit::Reached,
        (false, false) => Exit::Partial,
        (false, true) => Exit::Clean,
    })
}

/// The checks of nodes that a profile's benchmark names, each once, with
/// the controls they answer.
fn checks(profile: Profile) -> Vec<(&'static Recommendation, Vec<String>)> {
    let benchmark = standard::standards()
        .iter()
        .find(|standard| standard.id.starts_with(profile.benchmark()));
    let mut all: Vec<(&'static Recommendation, Vec<String>)> = Vec::new();
    for control in benchmark
        .into_iter()
        .flat_map(|benchmark| &benchmark.controls)
    {
        for check in &control.checks {
            let rule =
                policy::node::check(check).and_then(|check| policy::recommendation(&check.id));
            let Some(rule) = rule else { continue };
            match all.iter_mut().find(|(known, _)| known.id == rule.id) {
                Some((_, controls)) => controls.push(control.id.clone()),
                None => all.push((rule, vec![control.id.clone()])),
            }
        }
    }
    all
}

fn tell(
    context: &Context,
    arguments: &Assess,
    (cluster, name): (&str, &str),
    judged: &[(&Recommendation, Vec<String>, Verdict)],
    gaps: &[String],
) -> Result<(), Failure> {
    let server = match &arguments.token_file {
        Some(path) => remote::connect_as(context, &arguments.remote, first_line(path)?)?,
        None => remote::connect(context, &arguments.remote)?,
    };
    let checks = judged.iter().map(|(rule, _, verdict)| match verdict {
        Verdict::Affected(fault) => NodeVerdict {
            id: rule.id.clone(),
            state: NodeState::Affected,
            summary: fault.summary.clone(),
            evidence: fault.evidence.clone(),
            remediation: fault
                .remediation
                .iter()
                .map(|step| api::finding::Step {
                    text: step.text.clone(),
                    code: step.code.clone(),
                    language: step.language.clone(),
                })
                .collect(),
        },
        other => NodeVerdict {
            id: rule.id.clone(),
            state: state(other),
            summary: String::new(),
            evidence: serde_json::Value::Null,
            remediation: Vec::new(),
        },
    });
    let assessment = NewNodeAssessment {
        profile: arguments.profile.word().to_owned(),
        checks: checks.collect(),
        gaps: gaps.to_vec(),
    };
    let parameters = [("environment", arguments.environment.clone())];
    let receipt = server
        .send_node((cluster, name), &parameters, &assessment)
        .map_err(failure(None))?;
    context.note(&format!(
        "{name} of {cluster}: {} new, {} resolved",
        receipt.new, receipt.resolved
    ));
    if !receipt.unknown.is_empty() {
        context.warn(&format!(
            "the server is older and does not know: {}",
            receipt.unknown.join(", ")
        ));
    }
    Ok(())
}

fn state(verdict: &Verdict) -> NodeState {
    match verdict {
        Verdict::NotApplicable => NodeState::NotApplicable,
        Verdict::Healthy => NodeState::Healthy,
        Verdict::Affected(_) => NodeState::Affected,
    }
}

fn line(rule: &Recommendation, controls: Vec<String>, verdict: Verdict) -> Line {
    let state = state(&verdict);
    let (summary, remediation) = match verdict {
        Verdict::Affected(fault) => (fault.summary, fault.remediation),
        _ => (String::new(), Vec::new()),
    };
    Line {
        id: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity,
        state,
        summary,
        controls,
        remediation,
    }
}

/// What the machine calls itself.
fn host_name(root: &Path) -> Result<String, Failure> {
    first_line(&root.join("etc/hostname")).map_err(|failure| failure.help("say it with --name"))
}

fn first_line(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_TEXT).read_to_string(&mut text))
        .map_err(|error| Failure::bad_file(error).context(format!("read {}", path.display())))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

const HEADINGS: &[Heading] = &[
    Heading::whole("CONTROL"),
    Heading::whole("STATE"),
    Heading::whole("SEVERITY"),
    Heading::whole("CHECK").cut(16, 1),
];

fn row(line: &Line, _: Timestamp) -> Vec<String> {
    let said = match line.state {
        NodeState::Affected => &line.summary,
        _ => &line.title,
    };
    vec![
        line.controls.join(" "),
        word(line.state).to_owned(),
        line.severity.to_string(),
        said.clone(),
    ]
}

const CSV: &[&str] = &["id", "controls", "state", "severity", "title", "summary"];

fn csv_row(line: &Line) -> Vec<String> {
    vec![
        line.id.clone(),
        line.controls.join(" "),
        word(line.state).to_owned(),
        line.severity.to_string(),
        line.title.clone(),
        line.summary.clone(),
    ]
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Healthy => "healthy",
        NodeState::Affected => "affected",
        NodeState::NotApplicable => "not applicable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_has_the_checks_of_its_benchmark() {
        for (profile, least, most) in [
            (Profile::SelfManaged, 80, 100),
            (Profile::Eks, 13, 13),
            (Profile::Aks, 13, 13),
            (Profile::Gke, 4, 4),
        ] {
            let checks = checks(profile);
            assert!(
                (least..=most).contains(&checks.len()),
                "{profile:?}: {}",
                checks.len()
            );
        }
        let managed = checks(Profile::Gke);
        assert!(
            managed
                .iter()
                .all(|(rule, _)| !rule.id.starts_with("node-apiserver")),
            "whose control plane is not theirs is not asked of it"
        );
    }
}
