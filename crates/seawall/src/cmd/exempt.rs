//! `seawall exempt`

use api::{
    Exemption,
    exemption::{ExemptionChange, ExemptionPreview, NewExemption},
    finding::Reason,
};
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;

use super::{
    Context,
    finding::{count, place},
    image::counted,
    remote::{
        self, Server, consent, declined, failure,
        output::{Listing, Sheet, json, moment, word},
    },
    write_stdout,
};
use crate::{
    args::{
        exempt::{Create, End, Exempt, Extend, List, Preview, Show},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, exempt: &Exempt) -> Result<Exit, Failure> {
    match exempt {
        Exempt::Create(arguments) => create(context, arguments),
        Exempt::Preview(arguments) => preview(context, arguments),
        Exempt::List(arguments) => list(context, arguments),
        Exempt::Show(arguments) => show(context, arguments),
        Exempt::Extend(arguments) => extend(context, arguments),
        Exempt::End(arguments) => end(context, arguments),
    }
}

fn create(context: &Context, arguments: &Create) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let scope = arguments.scope.scope.join(" ");
    let expires = match &arguments.expires {
        Some(text) => Some(moment(text, context.clock.now())?),
        None => None,
    };
    let exemption = NewExemption {
        scope: scope.clone(),
        environment: arguments.scope.environment.clone(),
        reason: arguments.reason.into(),
        note: arguments.note.clone(),
        owner: arguments.owner.clone(),
        expires,
    };
    let preview = server
        .preview_exemption(&exemption)
        .map_err(failure(Some(&scope)))?;
    let question = format!("Exempt {}?", counted(&preview.counts));
    if !consent(context, arguments.consent.yes, &question)? {
        return Ok(declined(context));
    }
    let made = server
        .create_exemption(&exemption)
        .map_err(failure(Some(&scope)))?;
    write_stdout(format!("{}\n", report::plain(&made.id)).as_bytes())?;
    context.note(&format_args!(
        "It holds {} findings{}.",
        made.findings,
        ends(made.expires)
    ));
    Ok(Exit::Clean)
}

fn ends(expires: Option<Timestamp>) -> String {
    expires.map_or_else(
        || " and never ends by itself".to_owned(),
        |expires| format!(" until {expires}"),
    )
}

fn preview(context: &Context, arguments: &Preview) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let scope = arguments.scope.scope.join(" ");
    let exemption = NewExemption {
        scope: scope.clone(),
        environment: arguments.scope.environment.clone(),
        reason: Reason::Other,
        note: "preview".to_owned(),
        owner: None,
        expires: None,
    };
    let preview = server
        .preview_exemption(&exemption)
        .map_err(failure(Some(&scope)))?;
    match arguments.format {
        ShowFormat::Json => write_stdout(&json(&preview)?)?,
        ShowFormat::Text => previewed(&preview, &scope)?,
    }
    Ok(Exit::Clean)
}

fn previewed(preview: &ExemptionPreview, scope: &str) -> Result<(), Failure> {
    let examples: Vec<String> = preview
        .examples
        .iter()
        .map(|finding| {
            format!(
                "{} {} {} {}",
                finding.id,
                word(&finding.severity),
                finding.rule,
                place(finding)
            )
        })
        .collect();
    let mut sheet = Sheet::title(scope);
    sheet
        .line("Would take", &counted(&preview.counts))
        .line("Score", &format!("{:+.1} points", preview.score))
        .text("Among them", &examples.join("\n"));
    sheet.print()
}

fn list(context: &Context, arguments: &List) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let parameters = [
        ("q", arguments.text.clone()),
        ("state", Some(arguments.state.clone())),
        ("environment", arguments.environment.clone()),
    ];
    let (exemptions, page) = server
        .all(&parameters, arguments.amount.most(), Server::exemptions)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &exemptions,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(exemptions.len(), &page, "exemption"));
    Ok(Exit::Clean)
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID"),
    Heading::whole("STATE"),
    Heading::whole("SCOPE").cut(16, 0),
    Heading::whole("FINDINGS").cut(8, 3),
    Heading::whole("OWNER").cut(5, 4),
    Heading::whole("ENDS"),
    Heading::whole("REASON").cut(6, 2),
    Heading::whole("NOTE").cut(12, 1),
];

fn until(exemption: &Exemption) -> String {
    let never = || "never".to_owned();
    exemption.expires.map_or_else(never, |end| end.to_string())
}

fn row(exemption: &Exemption, _: Timestamp) -> Vec<String> {
    vec![
        exemption.id.clone(),
        word(&exemption.state),
        exemption.scope.clone(),
        exemption.findings.to_string(),
        exemption.owner.clone(),
        until(exemption),
        word(&exemption.reason),
        exemption.note.clone(),
    ]
}

const CSV: &[&str] = &[
    "id",
    "state",
    "scope",
    "environment",
    "reason",
    "note",
    "owner",
    "findings",
    "created",
    "created_by",
    "expires",
];

fn csv_row(exemption: &Exemption) -> Vec<String> {
    vec![
        exemption.id.clone(),
        word(&exemption.state),
        exemption.scope.clone(),
        exemption.environment.clone().unwrap_or_default(),
        word(&exemption.reason),
        exemption.note.clone(),
        exemption.owner.clone(),
        exemption.findings.to_string(),
        exemption.created.to_string(),
        exemption.created_by.clone(),
        exemption
            .expires
            .map(|end| end.to_string())
            .unwrap_or_default(),
    ]
}

fn show(context: &Context, arguments: &Show) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let exemption = server.exemption(&arguments.id).map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&exemption)?)?;
        return Ok(Exit::Clean);
    }
    let mut sheet = Sheet::title(&exemption.scope);
    sheet
        .line("Id", &exemption.id)
        .line("State", &word(&exemption.state))
        .line(
            "Environment",
            exemption.environment.as_deref().unwrap_or_default(),
        )
        .line("Reason", &word(&exemption.reason))
        .line("Note", &exemption.note)
        .line("Owner", &exemption.owner)
        .line("Holds", &format!("{} findings", exemption.findings))
        .line(
            "Made",
            &format!("{} by {}", exemption.created, exemption.created_by),
        )
        .line("Ends", &until(&exemption));
    sheet.print()?;
    Ok(Exit::Clean)
}

fn extend(context: &Context, arguments: &Extend) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let change = ExemptionChange {
        expires: Some(moment(&arguments.expires, context.clock.now())?),
        ..ExemptionChange::default()
    };
    let exemption = server
        .change_exemption(&arguments.id, &change)
        .map_err(failure(None))?;
    context.note(&format_args!(
        "It holds {} findings{}.",
        exemption.findings,
        ends(exemption.expires)
    ));
    Ok(Exit::Clean)
}

fn end(context: &Context, arguments: &End) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    server.end_exemption(&arguments.id).map_err(failure(None))?;
    context.note(&"Ended: what it held is open again.");
    Ok(Exit::Clean)
}
