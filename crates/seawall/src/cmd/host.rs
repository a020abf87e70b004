//! `seawall host`

mod assess;

use std::path::Path;

use api::{
    Host, HostCheck, HostDetail, NewHost,
    host::{HostError, HostTls},
};
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;

use super::{
    Context,
    remote::{
        self, Server, failure,
        output::{Listing, Sheet, age, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        host::{self, AddHost, Certificates, ListHosts, OneHost, ShowHost},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, command: &host::Host) -> Result<Exit, Failure> {
    match command {
        host::Host::Assess(arguments) => assess::run(context, arguments),
        host::Host::Add(arguments) => add(context, arguments),
        host::Host::List(arguments) => list(context, arguments),
        host::Host::Show(arguments) => show(context, arguments),
        host::Host::Check(arguments) => check(context, arguments),
        host::Host::Remove(arguments) => remove(context, arguments),
    }
}

/// Certificates and key as they are in their files.
struct Pem {
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

fn read(certificates: &Certificates) -> Result<Pem, Failure> {
    let text = |path: &Option<std::path::PathBuf>| path.as_deref().map(read_pem).transpose();
    Ok(Pem {
        ca: text(&certificates.ca)?,
        certificate: text(&certificates.cert)?,
        key: text(&certificates.key)?,
    })
}

fn read_pem(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::bad_file(error).context(format!("read {}", path.display())))
}

fn add(context: &Context, arguments: &AddHost) -> Result<Exit, Failure> {
    let pem = read(&arguments.certificates)?;
    let server = remote::connect(context, &arguments.remote)?;
    let host = server
        .add_host(&NewHost {
            environment: arguments.environment.clone(),
            name: arguments.name.clone(),
            address: arguments.address.clone(),
            ca: pem.ca,
            certificate: pem.certificate,
            key: pem.key,
            paused: false,
        })
        .map_err(failure(None))?;
    write_stdout(format!("{}\n", report::plain(&host.id)).as_bytes())?;
    let checked = server.check_host(&host.id).map_err(failure(None))?;
    match &checked.error {
        None => context.note(&format_args!("{} was reached.", host.name)),
        Some(error) => {
            context.warn(&report::plain(&error.message));
            context.note(&format_args!(
                "It was added all the same; {}.",
                error.advice
            ));
        }
    }
    Ok(Exit::Clean)
}

fn list(context: &Context, arguments: &ListHosts) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let hosts = server
        .hosts(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &hosts,
        headings: &[
            Heading::whole("NAME"),
            Heading::whole("STATE"),
            Heading::whole("ADDRESS").cut(12, 1),
            Heading::whole("ENGINE"),
            Heading::whole("RUNNING"),
            Heading::whole("LOOKED").cut(4, 2),
            Heading::whole("ENVIRONMENT").cut(5, 3),
        ],
        row,
        csv_headings: &[
            "id",
            "name",
            "environment",
            "state",
            "address",
            "engine",
            "running",
            "images",
            "looked",
            "error",
        ],
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)?;
    if hosts.is_empty() {
        context.note(
            &"No hosts. Add one: seawall host add NAME tcp://HOST:2376 --ca … --cert … --key …",
        );
    }
    Ok(Exit::Clean)
}

fn number(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

fn row(host: &Host, now: Timestamp) -> Vec<String> {
    let engine = host.engine.as_ref();
    vec![
        host.name.clone(),
        word(&host.state),
        host.address.clone(),
        engine
            .map(|engine| engine.version.clone())
            .unwrap_or_default(),
        number(engine.and_then(|engine| engine.running)),
        host.looked
            .map_or_else(|| "never".to_owned(), |looked| age(looked, now)),
        host.environment.clone(),
    ]
}

fn csv_row(host: &Host) -> Vec<String> {
    let engine = host.engine.as_ref();
    vec![
        host.id.clone(),
        host.name.clone(),
        host.environment.clone(),
        word(&host.state),
        host.address.clone(),
        engine
            .map(|engine| engine.version.clone())
            .unwrap_or_default(),
        number(engine.and_then(|engine| engine.running)),
        number(engine.and_then(|engine| engine.images)),
        host.looked
            .map(|looked| looked.to_string())
            .unwrap_or_default(),
        host.error
            .as_ref()
            .map(|error| error.code.clone())
            .unwrap_or_default(),
    ]
}

/// The host of that name or id.
fn find(server: &Server, name: &str) -> Result<Host, Failure> {
    let hosts = server.hosts(&[]).map_err(failure(None))?;
    let mut found = hosts
        .into_iter()
        .filter(|host| host.name == name || host.id == name);
    match (found.next(), found.next()) {
        (Some(host), None) => Ok(host),
        (Some(_), Some(_)) => Err(Failure::usage(anyhow::anyhow!(
            "several environments have a host called '{name}'; say its id"
        ))),
        (None, _) => Err(
            Failure::usage(anyhow::anyhow!("no host is called '{name}'"))
                .help("seawall host list shows what there is"),
        ),
    }
}

fn show(context: &Context, arguments: &ShowHost) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let id = find(&server, &arguments.name)?.id;
    let detail = server.host(&id).map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&detail)?)?;
        return Ok(Exit::Clean);
    }
    sheet(&detail).print()?;
    Ok(Exit::Clean)
}

fn sheet(detail: &HostDetail) -> Sheet {
    let host = &detail.host;
    let mut sheet = Sheet::title(&host.name);
    sheet
        .line("Address", &host.address)
        .line("State", &word(&host.state))
        .line("Environment", &host.environment)
        .line("Secrets", &host.secrets.join(", "));
    if let Some(engine) = &host.engine {
        sheet
            .line("Engine", &engine.version)
            .line("System", engine.os.as_deref().unwrap_or_default())
            .line("Kernel", engine.kernel.as_deref().unwrap_or_default())
            .line("Running", &number(engine.running))
            .line("Images", &number(engine.images))
            .line("Security", &engine.security.join(", "));
    }
    let counts = &detail.findings;
    sheet.line(
        "Findings",
        &format!(
            "{} critical, {} high, {} medium, {} low",
            counts.critical, counts.high, counts.medium, counts.low
        ),
    );
    if let Some(looked) = host.looked {
        sheet.line("Looked", &looked.to_string());
    }
    told(&mut sheet, host.error.as_ref(), detail.tls.as_ref());
    open(&mut sheet, &detail.plain, &detail.unverified, &detail.gaps);
    let containers: Vec<String> = detail
        .containers
        .iter()
        .map(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            format!("{}  {image}", container.name)
        })
        .collect();
    sheet.text("Containers", &containers.join("\n"));
    sheet
}

fn told(sheet: &mut Sheet, error: Option<&HostError>, tls: Option<&HostTls>) {
    if let Some(error) = error {
        sheet.text(
            "Not reached",
            &format!("{}\n{}", error.message, error.advice),
        );
    }
    if let Some(tls) = tls {
        let mut lines = vec![format!(
            "TLS {}",
            tls.version.as_deref().unwrap_or("was not agreed on")
        )];
        lines.extend(tls.certificates.iter().map(|certificate| {
            format!(
                "{}: {}, {}, until {}",
                certificate.of,
                certificate.subject,
                certificate.key,
                certificate.not_after.strftime("%Y-%m-%d")
            )
        }));
        sheet.text("Connection", &lines.join("\n"));
    }
}

fn open(sheet: &mut Sheet, plain: &[String], unverified: &[String], gaps: &[String]) {
    sheet
        .text("Open without TLS", &plain.join("\n"))
        .text("Open to whoever asks", &unverified.join("\n"))
        .text("Could not be asked", &gaps.join("\n"));
}

fn check(context: &Context, arguments: &ShowHost) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let host = find(&server, &arguments.name)?;
    let checked: HostCheck = server.check_host(&host.id).map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&checked)?)?;
    } else {
        let mut sheet = Sheet::title(&host.name);
        sheet
            .line("Address", &host.address)
            .line("Reached", if checked.reached { "yes" } else { "no" });
        if let Some(engine) = &checked.engine {
            sheet.line("Engine", &engine.version);
        }
        told(&mut sheet, checked.error.as_ref(), checked.tls.as_ref());
        open(
            &mut sheet,
            &checked.plain,
            &checked.unverified,
            &checked.gaps,
        );
        sheet.print()?;
    }
    Ok(if checked.reached {
        Exit::Clean
    } else {
        Exit::Failed
    })
}

fn remove(context: &Context, arguments: &OneHost) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let host = find(&server, &arguments.name)?;
    server.remove_host(&host.id).map_err(failure(None))?;
    context.note(&format_args!("{} is forgotten.", host.name));
    Ok(Exit::Clean)
}
