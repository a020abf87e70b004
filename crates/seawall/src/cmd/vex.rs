//! `seawall vex`

use std::path::Path;

use api::vex::{NewVexSource, VexDocument, VexStatement, VexStatus};
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;

use super::{
    Context, files,
    finding::count,
    remote::{
        self, Server, failure,
        output::{Listing, age},
    },
    sbom::{image_id, put},
};
use crate::{
    args::sbom::{
        AddVex, AddVexSource, ExportVex, ListVex, OneVexSource, RemoveVex, ShowVex, Vex, VexForm,
        VexSource,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, vex: &Vex) -> Result<Exit, Failure> {
    match vex {
        Vex::List(arguments) => list(context, arguments),
        Vex::Show(arguments) => show(context, arguments),
        Vex::Add(arguments) => add(context, arguments),
        Vex::Remove(arguments) => remove(context, arguments),
        Vex::Export(arguments) => export(context, arguments),
        Vex::Source(source) => match source {
            VexSource::List(arguments) => sources(context, arguments),
            VexSource::Add(arguments) => add_source(context, arguments),
            VexSource::Fetch(arguments) => fetch_source(context, arguments),
            VexSource::Remove(arguments) => remove_source(context, arguments),
        },
    }
}

fn list(context: &Context, arguments: &ListVex) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let documents = server
        .vex_documents(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &documents,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)?;
    Ok(Exit::Clean)
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID").cut(8, 3),
    Heading::whole("NAME").cut(16, 0).ends_matter(),
    Heading::whole("STATEMENTS"),
    Heading::whole("ENVIRONMENT").cut(8, 2),
    Heading::whole("ADDED").cut(6, 4),
    Heading::whole("BY").cut(6, 5),
];

fn row(document: &VexDocument, now: Timestamp) -> Vec<String> {
    vec![
        document.id.clone(),
        document.name.clone(),
        document.statements.to_string(),
        document
            .environment
            .clone()
            .unwrap_or_else(|| "all".to_owned()),
        age(document.added, now),
        document.added_by.clone(),
    ]
}

const CSV: &[&str] = &[
    "id",
    "name",
    "statements",
    "environment",
    "added",
    "added_by",
];

fn csv_row(document: &VexDocument) -> Vec<String> {
    vec![
        document.id.clone(),
        document.name.clone(),
        document.statements.to_string(),
        document.environment.clone().unwrap_or_default(),
        document.added.to_string(),
        document.added_by.clone(),
    ]
}

/// The id of the document of that id or name.
fn document_id(server: &Server, text: &str) -> Result<String, Failure> {
    let documents = server.vex_documents(&[]).map_err(failure(None))?;
    let mut found = documents
        .into_iter()
        .filter(|document| document.id == text || document.name == text);
    match (found.next(), found.next()) {
        (Some(document), None) => Ok(document.id),
        (Some(_), Some(_)) => Err(Failure::usage(anyhow::anyhow!(
            "several VEX documents are called '{text}'"
        ))
        .help("name it by its id: seawall vex list")),
        (None, _) => Err(
            Failure::usage(anyhow::anyhow!("no VEX document is called '{text}'"))
                .help("seawall vex list shows what there is"),
        ),
    }
}

fn show(context: &Context, arguments: &ShowVex) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let id = document_id(&server, &arguments.document)?;
    let parameters = [("q", arguments.text.clone())];
    let (statements, page) = server
        .all(
            &parameters,
            arguments.amount.most(),
            |server, parameters| server.vex_statements(&id, parameters),
        )
        .map_err(failure(None))?;
    let listing = Listing {
        items: &statements,
        headings: &[
            Heading::whole("VULNERABILITY"),
            Heading::whole("STATUS"),
            Heading::whole("PRODUCTS").cut(24, 2),
            Heading::whole("WHY").cut(16, 0).ends_matter(),
        ],
        row: |statement: &VexStatement, _now| {
            vec![
                statement.vulnerability.clone(),
                status(statement).replace('_', " "),
                products(statement, ", "),
                why(statement),
            ]
        },
        csv_headings: &[
            "vulnerability",
            "aliases",
            "status",
            "justification",
            "note",
            "time",
            "products",
        ],
        csv_row: |statement| {
            vec![
                statement.vulnerability.clone(),
                statement.aliases.join(" "),
                status(statement).to_owned(),
                statement.justification.clone().unwrap_or_default(),
                statement.note.clone().unwrap_or_default(),
                statement
                    .time
                    .map(|time| time.to_string())
                    .unwrap_or_default(),
                products(statement, "\n"),
            ]
        },
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(statements.len(), &page, "statement"));
    Ok(Exit::Clean)
}

fn status(statement: &VexStatement) -> &'static str {
    match statement.status {
        VexStatus::NotAffected => "not_affected",
        VexStatus::Affected => "affected",
        VexStatus::Fixed => "fixed",
        VexStatus::UnderInvestigation => "under_investigation",
    }
}

fn products(statement: &VexStatement, between: &str) -> String {
    let mut named: Vec<String> = Vec::new();
    for product in &statement.products {
        if product.parts.is_empty() {
            named.push(product.name.clone());
        }
        let parts = product.parts.iter();
        named.extend(parts.map(|part| format!("{part} in {}", product.name)));
    }
    let told = statement.products.len() as u64;
    if statement.products_total > told {
        named.push(format!("{} more", statement.products_total - told));
    }
    named.join(between)
}

fn why(statement: &VexStatement) -> String {
    let justification = statement.justification.as_ref();
    let justification = justification.map(|word| word.replace('_', " "));
    let said = [justification, statement.note.clone()];
    said.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn add(context: &Context, arguments: &AddVex) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let (mut added, mut statements) = (0, 0);
    let mut left_out = Vec::new();
    for path in &arguments.paths {
        let is_folder = path.is_dir();
        for file in files::find(std::slice::from_ref(path), &[".json"])? {
            let name = named(path, &file, is_folder);
            let bytes = files::text(&file)?.into_bytes();
            // A hub's folders hold other files too.
            if is_folder && let Err(error) = vulns::vex::parse(&name, &bytes) {
                tracing::debug!(%error, "no VEX document");
                left_out.push(name);
                continue;
            }
            let parameters = [
                ("name", Some(name.clone())),
                ("environment", arguments.environment.clone()),
            ];
            let document = server
                .add_vex(&parameters, bytes)
                .map_err(failure(Some(&name)))?;
            added += 1;
            statements += document.statements;
        }
    }
    context.note(&format_args!(
        "Added {added} documents with {statements} statements."
    ));
    if !left_out.is_empty() {
        context.note(&format_args!(
            "{} files are no VEX documents.",
            left_out.len()
        ));
    }
    Ok(Exit::Clean)
}

fn sources(context: &Context, arguments: &ListVex) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let sources = server
        .vex_sources(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &sources,
        headings: &[
            Heading::whole("NAME"),
            Heading::whole("ADDRESS").cut(20, 2),
            Heading::whole("DOCUMENTS"),
            Heading::whole("STATEMENTS"),
            Heading::whole("REACHED"),
            Heading::whole("CHANGED").cut(4, 3),
            Heading::whole("WRONG").cut(10, 0).ends_matter(),
        ],
        row: |source: &api::vex::VexSource, now| {
            let since = |time: Option<Timestamp>| {
                time.map_or_else(|| "never".to_owned(), |time| age(time, now))
            };
            vec![
                source.name.clone(),
                source.address.clone(),
                source.documents.to_string(),
                source.statements.to_string(),
                since(source.reached),
                since(source.changed),
                source.error.clone().unwrap_or_default(),
            ]
        },
        csv_headings: &[
            "id",
            "name",
            "address",
            "environment",
            "documents",
            "statements",
            "left_out",
            "reached",
            "changed",
            "error",
        ],
        csv_row: |source| {
            let time =
                |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
            vec![
                source.id.clone(),
                source.name.clone(),
                source.address.clone(),
                source.environment.clone().unwrap_or_default(),
                source.documents.to_string(),
                source.statements.to_string(),
                source.left_out.to_string(),
                time(source.reached),
                time(source.changed),
                source.error.clone().unwrap_or_default(),
            ]
        },
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)?;
    Ok(Exit::Clean)
}

fn add_source(context: &Context, arguments: &AddVexSource) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let body = NewVexSource {
        name: arguments.name.clone(),
        address: arguments.address.clone(),
        environment: arguments.environment.clone(),
        allow_private: arguments.allow_private,
        every_hours: arguments.every,
    };
    let made = server.add_vex_source(&body).map_err(failure(None))?;
    context.note(&format_args!(
        "{} is fetched now, and every {} hours: seawall vex source list",
        made.name, made.every_hours
    ));
    Ok(Exit::Clean)
}

/// The id of the source of that name or id.
fn source_id(server: &Server, name: &str) -> Result<String, Failure> {
    let sources = server.vex_sources(&[]).map_err(failure(None))?;
    let mut found = sources
        .into_iter()
        .filter(|source| source.name == name || source.id == name);
    found.next().map(|source| source.id).ok_or_else(|| {
        Failure::usage(anyhow::anyhow!("no VEX source is called '{name}'"))
            .help("seawall vex source list shows what there is")
    })
}

fn fetch_source(context: &Context, arguments: &OneVexSource) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let id = source_id(&server, &arguments.name)?;
    server.fetch_vex_source(&id).map_err(failure(None))?;
    context.note(&format_args!("{} is fetched now.", arguments.name));
    Ok(Exit::Clean)
}

fn remove_source(context: &Context, arguments: &OneVexSource) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let id = source_id(&server, &arguments.name)?;
    server.remove_vex_source(&id).map_err(failure(None))?;
    context.note(&format_args!(
        "{} is forgotten, and what came from it.",
        arguments.name
    ));
    Ok(Exit::Clean)
}

/// What a document is known by: its path below the folder's own name.
fn named(root: &Path, file: &Path, is_folder: bool) -> String {
    let root_name = root.file_name().unwrap_or_default().to_string_lossy();
    if !is_folder {
        return root_name.into_owned();
    }
    let below = file.strip_prefix(root).unwrap_or(file);
    format!("{root_name}/{}", below.display())
}

fn remove(context: &Context, arguments: &RemoveVex) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    server.remove_vex(&arguments.id).map_err(failure(None))?;
    context.note(&format_args!("It holds no longer."));
    Ok(Exit::Clean)
}

fn export(context: &Context, arguments: &ExportVex) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let image = match &arguments.image {
        Some(text) => Some(image_id(&server, text)?),
        None => None,
    };
    let format = match arguments.format {
        VexForm::Openvex => "openvex",
        VexForm::Cyclonedx => "cyclonedx",
        VexForm::Csaf => "csaf",
    };
    let parameters = [
        ("format", Some(format.to_owned())),
        ("environment", arguments.environment.clone()),
        ("image", image),
        (
            "in_use_days",
            arguments.in_use_days.map(|days| days.to_string()),
        ),
    ];
    let document = server.export_vex(&parameters).map_err(failure(None))?;
    put(arguments.output.as_deref(), document)
}
