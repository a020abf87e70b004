//! `seawall rules`

use std::path::PathBuf;

use report::Heading;
use rules::{
    Diagnostic, Loader, content, diagnostic, docs, events,
    field::Source,
    print,
    rule::{Rule, Ruleset},
};
use serde::Serialize;

use super::{
    Context, files,
    remote::output::{Listing, Sheet, json},
    write_stderr, write_stdout,
};
use crate::{
    args::{
        db::TextOrJson,
        remote::ShowFormat,
        rules::{Check, Docs, Explain, List, Pages, RuleFiles, Rules},
    },
    exit::{Exit, Failure},
};

mod trial;

pub(super) fn run(context: &Context, rules: &Rules) -> Result<Exit, Failure> {
    match rules {
        Rules::Check(arguments) => check(context, arguments),
        Rules::List(arguments) => list(context, arguments),
        Rules::Explain(arguments) => explain(context, arguments),
        Rules::Docs(arguments) => page(context, arguments),
        Rules::Test(arguments) => trial::test(context, arguments),
        Rules::Bench(arguments) => trial::bench(context, arguments),
    }
}

#[derive(Serialize)]
struct Checked<'a> {
    rules: usize,
    errors: usize,
    warnings: usize,
    diagnostics: &'a [Diagnostic],
}

fn check(context: &Context, arguments: &Check) -> Result<Exit, Failure> {
    let loader = if arguments.with_own {
        content::loader()
    } else {
        Loader::new()
    };
    let files = [arguments.files.as_slice(), &arguments.rules].concat();
    let (ruleset, mut diagnostics) = read(loader, &files)?.finish();
    if context.global.quiet {
        diagnostics.retain(Diagnostic::is_error);
    }
    let errors = diagnostics.iter().filter(|each| each.is_error()).count();
    let warnings = diagnostics.len() - errors;
    match arguments.format {
        TextOrJson::Json => write_stdout(&json(&Checked {
            rules: ruleset.rules.len(),
            errors,
            warnings,
            diagnostics: &diagnostics,
        })?)?,
        TextOrJson::Text => {
            let mut text = diagnostic::render(&diagnostics, context.terminal.color_stdout);
            if !diagnostics.is_empty() {
                text.push('\n');
            }
            text.extend([format!(
                "{}, {}, {}\n",
                counted(ruleset.rules.len(), "rule"),
                counted(errors, "error"),
                counted(warnings, "warning"),
            )]);
            write_stdout(text.as_bytes())?;
        }
    }
    let is_bad = errors > 0 || (arguments.strict && warnings > 0);
    Ok(if is_bad { Exit::Usage } else { Exit::Clean })
}

fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Reads what the command line names, behind what `loader` has.
fn read(mut loader: Loader, paths: &[PathBuf]) -> Result<Loader, Failure> {
    for file in files::find(paths, &[".yaml", ".yml"])? {
        loader = loader.file(&file.display().to_string(), &files::text(&file)?);
    }
    Ok(loader)
}

/// The rules meant; what is wrong with files named is said, and the rest
/// goes on.
fn ruleset(context: &Context, choice: &RuleFiles) -> Result<Ruleset, Failure> {
    if choice.only && choice.files.is_empty() {
        let failure = Failure::usage(anyhow::anyhow!("--only leaves no rule"));
        return Err(failure.help("name rule files with --rules"));
    }
    let loader = if choice.only {
        Loader::new()
    } else {
        content::loader()
    };
    let (ruleset, diagnostics) = read(loader, &choice.files)?.finish();
    let errors: Vec<Diagnostic> = diagnostics
        .into_iter()
        .filter(Diagnostic::is_error)
        .collect();
    if !errors.is_empty() {
        write_stderr(&diagnostic::render(&errors, context.terminal.color_stderr));
    }
    Ok(ruleset)
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_host: Option<&'a str>,
    title: &'a str,
    name: &'a str,
    source: &'a str,
    severity: model::Severity,
    priority: &'a str,
    enabled: bool,
    maturity: Option<&'a str>,
    tags: &'a [String],
    attack: &'a [String],
    matrix: &'a [String],
    origin: &'a str,
}

impl<'a> Line<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            id: &rule.id,
            on_host: rule.on_host.as_deref(),
            title: rule.title(),
            name: &rule.name,
            source: rule.source.as_str(),
            severity: rule.severity(),
            priority: rule.priority.as_str(),
            enabled: rule.is_enabled,
            maturity: rule.extension.maturity.map(rules::rule::Maturity::as_str),
            tags: &rule.tags,
            attack: &rule.extension.attack,
            matrix: &rule.extension.matrix,
            origin: &rule.origin,
        }
    }
}

fn list(context: &Context, arguments: &List) -> Result<Exit, Failure> {
    let source = match &arguments.source {
        None => None,
        Some(word) => Some(Source::parse(word).ok_or_else(|| {
            let known = Source::ALL.map(Source::as_str).join(", ");
            Failure::usage(anyhow::anyhow!(
                "unknown source '{word}' (expected one of {known})"
            ))
        })?),
    };
    let ruleset = ruleset(context, &arguments.rules)?;
    let has_tag = |rule: &Rule, tag: &str| {
        rule.tags
            .iter()
            .chain(&rule.extension.attack)
            .chain(&rule.extension.matrix)
            .any(|own| own == tag)
    };
    let mut lines: Vec<Line<'_>> = ruleset
        .rules
        .iter()
        .filter(|rule| source.is_none_or(|source| rule.source == source))
        .filter(|rule| arguments.tag.as_ref().is_none_or(|tag| has_tag(rule, tag)))
        .filter(|rule| {
            arguments
                .severity
                .is_none_or(|least| rule.severity() >= least)
        })
        .map(Line::of)
        .collect();
    lines.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(b.id)));
    let listing = Listing {
        items: &lines,
        headings: HEADINGS,
        row: |line, _| {
            vec![
                line.id.to_owned(),
                line.severity.to_string(),
                line.source.to_owned(),
                if line.enabled { "on" } else { "off" }.to_owned(),
                line.on_host.unwrap_or("").to_owned(),
                line.title.to_owned(),
            ]
        },
        csv_headings: &[
            "id", "title", "source", "severity", "priority", "enabled", "tags", "origin", "on_host",
        ],
        csv_row: |line| {
            vec![
                line.id.to_owned(),
                line.title.to_owned(),
                line.source.to_owned(),
                line.severity.to_string(),
                line.priority.to_owned(),
                line.enabled.to_string(),
                line.tags.join(" "),
                line.origin.to_owned(),
                line.on_host.unwrap_or("").to_owned(),
            ]
        },
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.format)?;
    if lines.is_empty() {
        context.note(&"No rules.");
    }
    Ok(Exit::Clean)
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID").cut(20, 2),
    Heading::whole("SEVERITY"),
    Heading::whole("SOURCE"),
    Heading::whole("IS"),
    Heading::whole("ON A HOST").cut(12, 3),
    Heading::whole("TITLE").cut(16, 1),
];

#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    description: &'a str,
    written: &'a str,
    condition: String,
    /// `null`: any event.
    event_types: Option<std::collections::BTreeSet<String>>,
    fields: Vec<String>,
    output: &'a str,
    why: Option<&'a str>,
    fix: Option<&'a str>,
    false_positives: Option<&'a str>,
    references: &'a [String],
}

fn explain(context: &Context, arguments: &Explain) -> Result<Exit, Failure> {
    let ruleset = ruleset(context, &arguments.rules)?;
    let rule = chosen(&ruleset, &arguments.rule)?;
    let extension = &rule.extension;
    let event_types = match rule.source {
        Source::Syscall => events::event_types(&rule.condition),
        Source::K8sAudit => None,
    };
    let fields: Vec<String> = rule
        .condition
        .fields()
        .into_iter()
        .map(str::to_owned)
        .collect();
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&Explained {
            line: Line::of(rule),
            description: &rule.description,
            written: &rule.written,
            condition: rule.condition.to_string(),
            event_types,
            fields,
            output: &rule.output,
            why: extension.why.as_deref(),
            fix: extension.fix.as_deref(),
            false_positives: extension.false_positives.as_deref(),
            references: &extension.references,
        })?)?;
        return Ok(Exit::Clean);
    }
    let mut sheet = Sheet::title(rule.title());
    sheet
        .line("Id", &rule.id)
        .line("On a host", rule.on_host.as_deref().unwrap_or(""))
        .line("Name", &rule.name)
        .line("Source", rule.source.as_str())
        .line("Severity", rule.severity().as_str())
        .line("Priority", rule.priority.as_str())
        .line("Is", if rule.is_enabled { "on" } else { "off" })
        .line(
            "Maturity",
            extension.maturity.map_or("", rules::rule::Maturity::as_str),
        )
        .line(
            "Techniques",
            &[&*extension.attack, &*extension.matrix].concat().join(", "),
        )
        .line("Tags", &rule.tags.join(", "))
        .line("File", &rule.origin)
        .line(
            "Events",
            &match (rule.source, event_types) {
                (Source::K8sAudit, _) => String::new(),
                (Source::Syscall, None) => "every event".to_owned(),
                (Source::Syscall, Some(types)) => types.into_iter().collect::<Vec<_>>().join(", "),
            },
        )
        .line("Fields", &fields.join(", "))
        .text("What it says", &rule.description)
        .text("As written", &rule.written)
        .text(
            "With macros and lists in place",
            &print::pretty(&rule.condition),
        )
        .text("Counts", &print::windows(rule))
        .text("Output", &rule.output);
    for (heading, text) in [
        ("Why it matters", &extension.why),
        ("What to do", &extension.fix),
        ("False positives", &extension.false_positives),
    ] {
        sheet.text(heading, text.as_deref().unwrap_or(""));
    }
    sheet.text("References", &extension.references.join("\n"));
    sheet.print()?;
    Ok(Exit::Clean)
}

/// By id, else by name; both without regard to case.
fn chosen<'r>(ruleset: &'r Ruleset, word: &str) -> Result<&'r Rule, Failure> {
    let found = ruleset
        .rules
        .iter()
        .find(|rule| rule.ids().any(|id| id.eq_ignore_ascii_case(word)))
        .or_else(|| {
            ruleset
                .rules
                .iter()
                .find(|rule| rule.name.eq_ignore_ascii_case(word))
        });
    found.ok_or_else(|| {
        let failure = Failure::usage(anyhow::anyhow!("no rule '{word}'"));
        match ruleset.nearest(word) {
            Some(near) => failure.help(format!("did you mean '{near}'?")),
            None => failure.help("`seawall rules list` lists them"),
        }
    })
}

fn page(context: &Context, arguments: &Docs) -> Result<Exit, Failure> {
    let page = match arguments.what {
        Pages::Fields => docs::fields(),
        Pages::Rules => docs::rules(&ruleset(context, &arguments.rules)?),
    };
    write_stdout(page.as_bytes())?;
    Ok(Exit::Clean)
}
