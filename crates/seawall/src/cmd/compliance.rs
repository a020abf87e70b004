//! `seawall compliance`

use std::{fs, io, path::Path};

use api::compliance::{Control, Standard};
use jiff::Timestamp;
use report::Heading;

use super::{
    Context,
    remote::{
        self, failure,
        output::{Listing, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        compliance::{Compliance, ComplianceFormat},
        remote::ListFormat,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, arguments: &Compliance) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let mut parameters = vec![
        ("environment", arguments.environment.clone()),
        ("cluster", arguments.cluster.clone()),
    ];
    let Some(id) = &arguments.standard else {
        let all = server.compliance(&parameters).map_err(failure(None))?;
        return match arguments.format {
            ComplianceFormat::Table => {
                let format = ListFormat::Table;
                list(context, &all.standards, STANDARDS, standard, format)
            }
            ComplianceFormat::Json => put(arguments.output.as_deref(), &json(&all)?),
            _ => Err(Failure::usage(anyhow::anyhow!(
                "a report is on one standard, and none is named"
            ))
            .help("seawall compliance lists them")),
        };
    };
    let form = match arguments.format {
        ComplianceFormat::Table | ComplianceFormat::Json => {
            let detail = server.standard(id, &parameters).map_err(failure(None))?;
            if arguments.format == ComplianceFormat::Json {
                return put(arguments.output.as_deref(), &json(&detail)?);
            }
            let controls = &detail.standard.controls;
            return list(context, controls, CONTROLS, control, ListFormat::Table);
        }
        ComplianceFormat::Csv => "csv",
        ComplianceFormat::Html => "html",
        ComplianceFormat::Oscal => "oscal",
    };
    parameters.push(("format", Some(form.to_owned())));
    let mut report = server
        .compliance_report(id, &parameters)
        .map_err(failure(None))?;
    let mut bytes = Vec::new();
    io::copy(&mut report, &mut bytes)
        .map_err(|error| Failure::failed(error).context("read the report"))?;
    put(arguments.output.as_deref(), &bytes)
}

fn put(path: Option<&Path>, bytes: &[u8]) -> Result<Exit, Failure> {
    match path {
        Some(path) => fs::write(path, bytes)
            .map_err(|error| Failure::failed(error).context(format!("write {}", path.display())))?,
        None => write_stdout(bytes)?,
    }
    Ok(Exit::Clean)
}

fn list<T: serde::Serialize>(
    context: &Context,
    items: &[T],
    headings: &[Heading],
    row: fn(&T, Timestamp) -> Vec<String>,
    format: ListFormat,
) -> Result<Exit, Failure> {
    let listing = Listing {
        items,
        headings,
        row,
        csv_headings: &[],
        csv_row: |_| Vec::new(),
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, format)?;
    Ok(Exit::Clean)
}

const STANDARDS: &[Heading] = &[
    Heading::whole("ID"),
    Heading::whole("PASSED"),
    Heading::whole("FAILED"),
    Heading::whole("MANUAL"),
    Heading::whole("NOT APPLICABLE"),
    Heading::whole("NAME").cut(16, 1),
];

fn standard(standard: &Standard, _: Timestamp) -> Vec<String> {
    vec![
        standard.id.clone(),
        standard.passed.to_string(),
        standard.failed.to_string(),
        standard.manual.to_string(),
        standard.not_applicable.to_string(),
        standard.name.clone(),
    ]
}

const CONTROLS: &[Heading] = &[
    Heading::whole("CONTROL"),
    Heading::whole("STATE"),
    Heading::whole("AFFECTED"),
    Heading::whole("TITLE").cut(16, 1),
];

fn control(control: &Control, _: Timestamp) -> Vec<String> {
    vec![
        control.id.clone(),
        word(&control.state).replace('_', " "),
        control.affected.to_string(),
        control.title.clone(),
    ]
}
