//! `seawall policy`

use model::Severity;
use policy::review::{Action, Violation};
use policy::{Document, Policies, Problem, Recommendation};
use report::Heading;
use serde::Serialize;
use serde_json::Value;

use super::{
    Context, files,
    remote::output::{Listing, Sheet, json},
    write_stderr, write_stdout,
};
use crate::{
    args::{
        policy::{List, Policy, PolicyFiles, Show},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

mod check;
mod output;
mod setting;
mod trial;

pub(super) fn run(context: &Context, policy: &Policy) -> Result<Exit, Failure> {
    match policy {
        Policy::Check(arguments) => check::run(context, arguments),
        Policy::Test(arguments) => trial::run(context, arguments),
        Policy::List(arguments) => list(context, arguments),
        Policy::Show(arguments) => show(context, arguments),
        Policy::Set(arguments) => setting::set(context, arguments),
        Policy::Impact(arguments) => setting::impact(context, arguments),
    }
}

fn counted(count: usize, noun: &str) -> String {
    let ending = match (count, noun) {
        (1, _) => "",
        (_, "policy") => return format!("{count} policies"),
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// The documents meant: ours, and behind them those of files.
fn documents(choice: &PolicyFiles) -> Result<Vec<Document>, Failure> {
    if choice.only && choice.files.is_empty() {
        let failure = Failure::usage(anyhow::anyhow!("--only leaves no policy"));
        return Err(failure.help("name files of policies with --policies"));
    }
    let mut documents = if choice.only {
        Vec::new()
    } else {
        policy::bundle()
    };
    documents.extend(files::policies(&choice.files)?);
    Ok(documents)
}

/// The policies meant; what is wrong with them is said, and the rest goes
/// on.
fn load(choice: &PolicyFiles) -> Result<(Policies, Vec<Problem>), Failure> {
    let documents = documents(choice)?;
    let (policies, problems) = Policies::load(&documents);
    for problem in &problems {
        tell("", problem);
    }
    for note in policy::notes(&documents) {
        tell("warning: ", &note);
    }
    Ok((policies, problems))
}

fn tell(what: &str, problem: &Problem) {
    let name = [problem.kind.as_str(), problem.name.as_str()].join(" ");
    write_stderr(&format!(
        "{what}{}: {}: {}\n",
        problem.source,
        name.trim(),
        problem.message
    ));
}

/// What is said of the policy behind constraints of this kind, where it
/// is one of ours.
fn prose(kind: &str) -> Option<&'static Recommendation> {
    policy::recommendation(&policy::policy_of_kind(kind)?.id)
}

/// The name a policy goes by: its id, or its constraints' kind.
fn name(kind: &str) -> &str {
    policy::policy_of_kind(kind).map_or(kind, |policy| policy.id.as_str())
}

fn severity(violation: &Violation) -> Severity {
    prose(&violation.kind).map_or(Severity::Unknown, |prose| prose.severity)
}

fn action(action: Action) -> &'static str {
    match action {
        Action::DryRun => "dryrun",
        Action::Warn => "warn",
        Action::Deny => "deny",
    }
}

const HEADINGS: &[Heading] = &[
    Heading::whole("POLICY").cut(24, 2),
    Heading::whole("SEVERITY"),
    Heading::whole("ACTION"),
    Heading::whole("ABOUT").cut(16, 1),
    Heading::whole("TITLE").cut(16, 1),
];

#[derive(Serialize)]
struct Line {
    policy: String,
    title: String,
    severity: Severity,
    action: &'static str,
    kind: String,
    constraint: String,
    about: String,
    source: String,
}

fn list(context: &Context, arguments: &List) -> Result<Exit, Failure> {
    let (policies, problems) = load(&arguments.policies)?;
    let mut lines: Vec<Line> = policies
        .constraints()
        .map(|constraint| {
            let prose = prose(&constraint.kind);
            Line {
                policy: name(&constraint.kind).to_owned(),
                title: prose.map(|prose| prose.title.clone()).unwrap_or_default(),
                severity: prose.map_or(Severity::Unknown, |prose| prose.severity),
                action: action(constraint.action),
                kind: constraint.kind,
                constraint: constraint.name,
                about: constraint.matches,
                source: constraint.source,
            }
        })
        .collect();
    lines.sort_by(|a, b| {
        (b.severity, &a.policy, &a.constraint).cmp(&(a.severity, &b.policy, &b.constraint))
    });
    let listing = Listing {
        items: &lines,
        headings: HEADINGS,
        row: |line, _| {
            vec![
                line.policy.clone(),
                line.severity.to_string(),
                line.action.to_owned(),
                line.about.clone(),
                line.title.clone(),
            ]
        },
        csv_headings: &[
            "policy",
            "title",
            "severity",
            "action",
            "kind",
            "constraint",
            "about",
            "source",
        ],
        csv_row: |line| {
            vec![
                line.policy.clone(),
                line.title.clone(),
                line.severity.to_string(),
                line.action.to_owned(),
                line.kind.clone(),
                line.constraint.clone(),
                line.about.clone(),
                line.source.clone(),
            ]
        },
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.format)?;
    if lines.is_empty() {
        context.note(&"No policies.");
    }
    Ok(if problems.is_empty() {
        Exit::Clean
    } else {
        Exit::Usage
    })
}

#[derive(Serialize)]
struct Shown<'a> {
    policy: &'a str,
    title: &'a str,
    severity: Severity,
    kind: &'a str,
    in_bundle: bool,
    built_in: &'a [String],
    description: &'a str,
    why: &'a str,
    remediation: &'a [policy::Step],
    checked_by: &'a str,
    references: &'a [String],
    template: &'a Value,
    constraint: &'a Value,
}

fn show(_context: &Context, arguments: &Show) -> Result<Exit, Failure> {
    let wanted = arguments.policy.as_str();
    let found = policy::policy(wanted).or_else(|| policy::policy_of_kind(wanted));
    let prose = found.and_then(|found| policy::recommendation(&found.id));
    let (Some(found), Some(prose)) = (found, prose) else {
        let failure = Failure::usage(anyhow::anyhow!("there is no policy '{wanted}'"));
        return Err(failure.help(match close(wanted) {
            Some(other) => format!("did you mean '{other}'?"),
            None => "see `seawall policy list`".to_owned(),
        }));
    };
    if arguments.yaml {
        let yaml = policy::manifest::write(&[found.template.clone(), found.constraint.clone()])
            .map_err(|error| Failure::failed(anyhow::anyhow!("write YAML: {error}")))?;
        write_stdout(yaml.as_bytes())?;
        return Ok(Exit::Clean);
    }
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&Shown {
            policy: &found.id,
            title: &prose.title,
            severity: prose.severity,
            kind: &found.kind,
            in_bundle: found.bundle,
            built_in: &found.built_in,
            description: &prose.description,
            why: &prose.why,
            remediation: &prose.remediation,
            checked_by: &prose.checked_by,
            references: &prose.references,
            template: &found.template,
            constraint: &found.constraint,
        })?)?;
        return Ok(Exit::Clean);
    }
    let bundle = if found.bundle {
        "yes".to_owned()
    } else {
        match &found.needs {
            Some(needs) => format!("no: {needs}"),
            None => "no".to_owned(),
        }
    };
    let steps: Vec<String> = prose
        .remediation
        .iter()
        .map(|step| match &step.code {
            Some(code) => format!("{}\n{}", step.text, code.trim_end()),
            None => step.text.clone(),
        })
        .collect();
    let mut sheet = Sheet::title(&prose.title);
    sheet
        .line("Id", &found.id)
        .line("Severity", prose.severity.as_str())
        .line("Kind", &found.kind)
        .line("In bundle", &bundle)
        .text("What", &prose.description)
        .text("Why", &prose.why)
        .text("What to do", &steps.join("\n"))
        .text("How it is checked", &prose.checked_by)
        .text("References", &prose.references.join("\n"));
    sheet.print()?;
    Ok(Exit::Clean)
}

/// The policy whose id is most like `wanted`.
fn close(wanted: &str) -> Option<&'static str> {
    let words: Vec<&str> = wanted.split('-').collect();
    policy::policies()
        .iter()
        .map(|policy| {
            let shared = words
                .iter()
                .filter(|word| word.len() > 2 && policy.id.split('-').any(|own| own == **word))
                .count();
            (shared, policy.id.as_str())
        })
        .filter(|(shared, _)| *shared > 0)
        .max_by_key(|(shared, _)| *shared)
        .map(|(_, id)| id)
}
