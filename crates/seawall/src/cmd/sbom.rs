//! `seawall sbom`

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use api::sbom::{ChangedPackage, ComparedFinding, ComparedPackage, Holder, ImageComparison};
use jiff::Timestamp;
use model::{Clock as _, Secret};
use registry::{Account, Credential, Kind, NewReferrer, Registry, Trust};
use report::Heading;

use super::{
    Context, files,
    finding::count,
    image::counted,
    remote::{
        self, Server, failure,
        output::{Listing, Sheet, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        remote::ShowFormat,
        sbom::{AttachSbom, DiffSboms, ExportSbom, ImportSbom, Sbom, SbomForm, SearchSboms},
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, sbom: &Sbom) -> Result<Exit, Failure> {
    match sbom {
        Sbom::Import(arguments) => import(context, arguments),
        Sbom::Export(arguments) => export(context, arguments),
        Sbom::Diff(arguments) => diff(context, arguments),
        Sbom::Search(arguments) => search(context, arguments),
        Sbom::Attach(arguments) => attach(context, arguments),
    }
}

/// Puts bytes where they are wanted.
pub(super) fn put(
    path: Option<&Path>,
    mut from: Box<dyn io::Read + Send>,
) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(error).context("read the answer"))?;
    match path {
        Some(path) => fs::write(path, &bytes)
            .map_err(|error| Failure::failed(error).context(format!("write {}", path.display())))?,
        None => write_stdout(&bytes)?,
    }
    Ok(Exit::Clean)
}

/// The id of the image somebody means by its id, name, a tag or a digest.
pub(super) fn image_id(server: &Server, text: &str) -> Result<String, Failure> {
    let parameters = [
        ("q", Some(text.to_owned())),
        ("limit", Some("200".to_owned())),
    ];
    let page = server.images(&parameters).map_err(failure(None))?;
    let is_meant = |image: &api::Image| {
        let digests = [&image.digest, &image.config_digest];
        image.name == text
            || image.tags.iter().any(|tag| tag == text)
            || digests.into_iter().flatten().any(|digest| digest == text)
    };
    let mut meant = page.items.iter().filter(|image| is_meant(image));
    match (meant.next(), meant.next()) {
        (Some(image), None) => Ok(image.id.clone()),
        (Some(_), Some(_)) => Err(Failure::failed(anyhow::anyhow!(
            "several images are called '{text}': name one by its id ('seawall images list {text}')"
        ))),
        // An id is found by no text.
        _ => match server.image(text) {
            Ok(detail) => Ok(detail.image.id),
            Err(_) => Err(Failure::failed(anyhow::anyhow!(
                "no image is called '{text}': 'seawall images list' says which there are"
            ))),
        },
    }
}

fn import(context: &Context, arguments: &ImportSbom) -> Result<Exit, Failure> {
    let bytes = files::text(&arguments.file)?.into_bytes();
    let server = remote::connect(context, &arguments.remote)?;
    let name = arguments.name.clone().unwrap_or_else(|| {
        let name = arguments.file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    let parameters = [
        ("name", Some(name)),
        ("digest", arguments.digest.clone()),
        ("environment", arguments.environment.clone()),
    ];
    let imported = server
        .import_sbom(&parameters, bytes)
        .map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&imported)?)?;
        return Ok(Exit::Clean);
    }
    let mut sheet = Sheet::title(&imported.image.name);
    sheet
        .line("Id", &imported.image.id)
        .line("Environment", &imported.image.environment)
        .line("Packages", &imported.packages.to_string())
        .line("Open", &counted(&imported.counts))
        .text("Could not be understood", &imported.warnings.join("\n"));
    sheet.print()?;
    Ok(Exit::Clean)
}

fn export(context: &Context, arguments: &ExportSbom) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let id = image_id(&server, &arguments.image)?;
    let format = match arguments.format {
        SbomForm::Cyclonedx => "cyclonedx",
        SbomForm::Spdx => "spdx",
    };
    let report = server
        .image_report(&id, &[("format", Some(format.to_owned()))])
        .map_err(failure(None))?;
    put(arguments.output.as_deref(), report)
}

fn attach(context: &Context, arguments: &AttachSbom) -> Result<Exit, Failure> {
    let image: scan::Reference = arguments.image.parse().map_err(Failure::usage)?;
    let (bytes, media_type) = document(context, arguments)?;
    let credential = match &arguments.username {
        Some(username) => Credential::Basic {
            username: username.clone(),
            password: Secret::new(super::scan::password()?),
        },
        None => Credential::Anonymous,
    };
    let account = Account {
        credential,
        trust: Trust {
            plain_http: arguments.plain_http,
            // Whoever asks is on this machine's network anyway.
            allow_private: true,
            ..Trust::default()
        },
        ..Account::anonymous(Kind::Distribution, &image.registry)
    };
    let clock = Arc::new(model::SystemClock);
    let registry =
        Registry::open(account, clock, &model::Cancel::default()).map_err(Failure::failed)?;
    let digest = match image.digest {
        Some(digest) => digest,
        None => registry.digest(&image).map_err(Failure::failed)?,
    };
    let referrer = NewReferrer {
        artifact_type: media_type.to_owned(),
        media_type: media_type.to_owned(),
        bytes,
        annotations: BTreeMap::new(),
    };
    let pushed = registry
        .push_referrer(&image.repository, &digest, &referrer)
        .map_err(Failure::failed)?;
    write_stdout(format!("{}\n", pushed.digest).as_bytes())?;
    context.note(&format_args!(
        "Attached to {}/{}@{digest}.",
        image.registry, image.repository
    ));
    Ok(Exit::Clean)
}

/// The document to attach, and of which type it is.
fn document(context: &Context, arguments: &AttachSbom) -> Result<(Vec<u8>, &'static str), Failure> {
    const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
    const SPDX: &str = "application/spdx+json";
    let Some(path) = &arguments.file else {
        let server = remote::connect(context, &arguments.remote)?;
        let id = image_id(&server, &arguments.image)?;
        let (format, media_type) = match arguments.format {
            SbomForm::Cyclonedx => ("cyclonedx", CYCLONEDX),
            SbomForm::Spdx => ("spdx", SPDX),
        };
        let mut report = server
            .image_report(&id, &[("format", Some(format.to_owned()))])
            .map_err(failure(None))?;
        let mut bytes = Vec::new();
        report
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::failed(error).context("read the answer"))?;
        return Ok((bytes, media_type));
    };
    let bytes = files::text(path)?.into_bytes();
    let name = path.display().to_string();
    // What is no SBOM is not attached as one.
    scan::read_sbom(&name, &bytes, None, &model::Cancel::default()).map_err(Failure::failed)?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::failed(error).context(format!("read {name}: only documents in JSON are attached"))
    })?;
    let is_spdx = value.get("spdxVersion").is_some();
    Ok((bytes, if is_spdx { SPDX } else { CYCLONEDX }))
}

fn diff(context: &Context, arguments: &DiffSboms) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let before = image_id(&server, &arguments.before)?;
    let after = image_id(&server, &arguments.after)?;
    let comparison = server
        .compare_images(&before, &after)
        .map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&comparison)?)?;
        return Ok(Exit::Clean);
    }
    print(&comparison)?;
    Ok(Exit::Clean)
}

fn print(comparison: &ImageComparison) -> Result<(), Failure> {
    let (before, after) = (&comparison.before.name, &comparison.after.name);
    let lines = |packages: &[ComparedPackage]| {
        let lines = packages.iter().map(|package| {
            let versions = package.versions.join(", ");
            format!("{} {} {versions}", word(&package.kind), package.name)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let changed = comparison.changed.iter().map(|package: &ChangedPackage| {
        format!(
            "{} {} {} -> {}",
            word(&package.kind),
            package.name,
            package.before.join(", "),
            package.after.join(", ")
        )
    });
    let findings = |findings: &[ComparedFinding]| {
        let lines = findings.iter().map(|finding| {
            format!(
                "{} {} in {} {}",
                word(&finding.severity),
                finding.vulnerability,
                finding.package,
                finding.version
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut sheet = Sheet::title(&format!("{before} -> {after}"));
    sheet
        .line("Added", &comparison.added.len().to_string())
        .line("Removed", &comparison.removed.len().to_string())
        .line("Changed", &comparison.changed.len().to_string())
        .line("Gained", &comparison.gained.len().to_string())
        .line("Lost", &comparison.lost.len().to_string())
        .text("Packages added", &lines(&comparison.added))
        .text("Packages removed", &lines(&comparison.removed))
        .text("Packages changed", &changed.collect::<Vec<_>>().join("\n"))
        .text("Findings gained", &findings(&comparison.gained))
        .text("Findings lost", &findings(&comparison.lost));
    sheet.print()
}

fn search(context: &Context, arguments: &SearchSboms) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let parameters = [
        ("name", Some(arguments.name.clone())),
        ("version", arguments.version.clone()),
        ("ecosystem", arguments.ecosystem.clone()),
        ("environment", arguments.environment.clone()),
    ];
    let (holders, page) = server
        .all(&parameters, arguments.amount.most(), Server::search_sboms)
        .map_err(failure(None))?;
    let listing = Listing {
        items: &holders,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(holders.len(), &page, "image"));
    Ok(Exit::Clean)
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID").cut(8, 5),
    Heading::whole("IMAGE").cut(16, 0).ends_matter(),
    Heading::whole("PACKAGE").cut(12, 1).ends_matter(),
    Heading::whole("VERSIONS").cut(8, 2),
    Heading::whole("PLACES"),
];

fn row(holder: &Holder, _: Timestamp) -> Vec<String> {
    let mut names: Vec<&str> = holder
        .packages
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut versions: Vec<&str> = holder
        .packages
        .iter()
        .map(|one| one.version.as_str())
        .collect();
    versions.sort_unstable();
    versions.dedup();
    vec![
        holder.image.id.clone(),
        holder.image.name.clone(),
        names.join(", "),
        versions.join(", "),
        holder.packages.len().to_string(),
    ]
}

const CSV: &[&str] = &["id", "environment", "image", "packages", "places"];

fn csv_row(holder: &Holder) -> Vec<String> {
    let purls: Vec<&str> = holder
        .packages
        .iter()
        .map(|one| one.purl.as_str())
        .collect();
    let places: Vec<&str> = holder
        .packages
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    vec![
        holder.image.id.clone(),
        holder.image.environment.clone(),
        holder.image.name.clone(),
        purls.join(" "),
        places.join(" "),
    ]
}
