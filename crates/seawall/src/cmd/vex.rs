//! `seawall vex`

use std::path::Path;

use api::vex::VexDocument;
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;

use super::{
    Context, files,
    remote::{
        self, failure,
        output::{Listing, age},
    },
    sbom::{image_id, put},
};
use crate::{
    args::sbom::{AddVex, ExportVex, ListVex, RemoveVex, Vex, VexForm},
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, vex: &Vex) -> Result<Exit, Failure> {
    match vex {
        Vex::List(arguments) => list(context, arguments),
        Vex::Add(arguments) => add(context, arguments),
        Vex::Remove(arguments) => remove(context, arguments),
        Vex::Export(arguments) => export(context, arguments),
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
    ];
    let document = server.export_vex(&parameters).map_err(failure(None))?;
    put(arguments.output.as_deref(), document)
}
