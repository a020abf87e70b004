//! `seawall export`

use std::{fs, io, path::Path};

use super::{
    Context,
    remote::{self, failure, joined},
};
use crate::{
    args::finding::{Export, ExportFormat},
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, export: &Export) -> Result<Exit, Failure> {
    let Export::Findings(arguments) = export;
    let server = remote::connect(context, &arguments.remote)?;
    let query = joined(&arguments.query);
    let format = match arguments.format {
        ExportFormat::Csv => "csv",
        ExportFormat::Ndjson => "ndjson",
        ExportFormat::Ocsf => "ocsf",
    };
    let mut stream = server
        .export_findings(&[
            ("q", query.clone()),
            ("environment", arguments.environment.clone()),
            ("format", Some(format.to_owned())),
        ])
        .map_err(failure(query.as_deref()))?;
    match &arguments.output {
        Some(path) => to_file(&mut stream, path)?,
        None => match io::copy(&mut stream, &mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure::failed(error).context("write the findings"));
            }
            _ => {}
        },
    }
    Ok(Exit::Clean)
}

/// Written beside and renamed: a file of that name is always whole.
fn to_file(stream: &mut dyn io::Read, path: &Path) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let beside = Path::new(&name);
    let written = fs::File::create(beside)
        .and_then(|mut file| io::copy(stream, &mut file).and_then(|_| file.sync_all()))
        .and_then(|()| fs::rename(beside, path));
    written.map_err(|error| {
        fs::remove_file(beside).ok();
        Failure::failed(error).context(format!("write {}", path.display()))
    })
}
