//! `seawall registry`

use std::{io::Read as _, path::Path};

use api::{
    NewRegistry, Registry,
    registry::{
        HookProof, RegistryChange, RegistryFault, RegistryLosses, RegistryMade, RegistryOptions,
        RegistryTag, Repository,
    },
};
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;
use serde_json::{Value, json as object};

use super::{
    Context,
    finding::count,
    remote::{
        self, Server, failure,
        output::{Listing, Sheet, age, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        registry::{
            self, AddRegistry, ChangeRegistry, Choices, Credentials, ListRegistries,
            ListRepositories, ListTags, OneRegistry, ShowRegistry,
        },
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

/// The longest credential that is read.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(context: &Context, command: &registry::Registry) -> Result<Exit, Failure> {
    match command {
        registry::Registry::Add(arguments) => add(context, arguments),
        registry::Registry::List(arguments) => list(context, arguments),
        registry::Registry::Show(arguments) => show(context, arguments),
        registry::Registry::Test(arguments) => test(context, arguments),
        registry::Registry::Change(arguments) => change(context, arguments),
        registry::Registry::Sync(arguments) => sync(context, arguments),
        registry::Registry::Rotate(arguments) => rotate(context, arguments),
        registry::Registry::Repositories(arguments) => repositories(context, arguments),
        registry::Registry::Tags(arguments) => tags(context, arguments),
        registry::Registry::Remove(arguments) => remove(context, arguments),
    }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::bad_file(error).context(format!("read {}", path.display())))
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(error).context("read standard input"))?;
    Ok(text)
}

/// As the server reads it.
fn credential(credentials: &Credentials) -> Result<Option<Value>, Failure> {
    if let Some(username) = &credentials.username {
        let password = read_stdin()?;
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(
                Failure::usage(anyhow::anyhow!("no password came from standard input"))
                    .help("echo \"$PASSWORD\" | seawall registry …"),
            );
        }
        return Ok(Some(object!({
            "type": "basic", "username": username, "password": password,
        })));
    }
    let Some(path) = &credentials.credential else {
        return Ok(None);
    };
    let text = if path.as_os_str() == "-" {
        read_stdin()?
    } else {
        read_file(path)?
    };
    // What is wrong with it is said without showing any of it.
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Failure::bad_file(anyhow::anyhow!(
            "it is no JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
        .context(format!("read {}", path.display()))
    })
}

fn choose(choices: &Choices, known: RegistryOptions) -> Result<RegistryOptions, Failure> {
    let authorities = choices.ca.as_deref().map(read_file).transpose()?;
    Ok(RegistryOptions {
        repositories: if choices.repositories.is_empty() {
            known.repositories
        } else {
            choices.repositories.clone()
        },
        tags: choices.tags.unwrap_or(known.tags),
        poll_minutes: choices.poll.unwrap_or(known.poll_minutes),
        recent_days: choices.recent.unwrap_or(known.recent_days),
        again_days: choices.again.unwrap_or(known.again_days),
        per_minute: choices.per_minute.unwrap_or(known.per_minute),
        concurrency: choices.concurrency.unwrap_or(known.concurrency),
        authorities: authorities.or(known.authorities),
        plain_http: choices.plain_http || known.plain_http,
        allow_private: choices.allow_private || known.allow_private,
        queue: choices.queue.clone().or(known.queue),
        endpoint: known.endpoint,
    })
}

fn add(context: &Context, arguments: &AddRegistry) -> Result<Exit, Failure> {
    let body = NewRegistry {
        environment: arguments.environment.clone(),
        name: arguments.name.clone(),
        kind: arguments.kind.into(),
        address: arguments.address.clone(),
        credential: credential(&arguments.credentials)?,
        options: choose(&arguments.choices, RegistryOptions::default())?,
        paused: false,
    };
    let server = remote::connect(context, &arguments.remote)?;
    let made = server.add_registry(&body).map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&made)?)?;
    } else {
        webhook(&made).print()?;
    }
    let checked = server
        .check_registry(&made.registry.id)
        .map_err(failure(None))?;
    match &checked.error {
        None => context.note(&format_args!(
            "{} was reached, and is looked at now.",
            made.registry.name
        )),
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

fn webhook(made: &RegistryMade) -> Sheet {
    let mut sheet = Sheet::title(&made.registry.name);
    sheet
        .line("Id", &made.registry.id)
        .line("Webhook", &made.url)
        .line("Secret", &made.secret);
    sheet.text(
        "How it proves itself",
        match made.proof {
            HookProof::Header => {
                "Let the registry send the secret as 'Authorization: Bearer SECRET'."
            }
            HookProof::Signature => {
                "Give the secret to the webhook; it signs what it sends with it."
            }
            HookProof::Address => {
                "The secret is part of the address: keep the whole address to yourself."
            }
        },
    );
    sheet
}

const HEADINGS: &[Heading] = &[
    Heading::whole("NAME"),
    Heading::whole("STATE"),
    Heading::whole("KIND").cut(5, 3),
    Heading::whole("ADDRESS").cut(12, 1),
    Heading::whole("REPOSITORIES"),
    Heading::whole("TAGS"),
    Heading::whole("LOOKED").cut(4, 2),
    Heading::whole("TOLD").cut(4, 4),
    Heading::whole("ENVIRONMENT").cut(5, 5),
];

fn since(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| "never".to_owned(), |time| age(time, now))
}

fn row(registry: &Registry, now: Timestamp) -> Vec<String> {
    vec![
        registry.name.clone(),
        word(&registry.state),
        word(&registry.kind),
        registry.address.clone(),
        registry.repositories.to_string(),
        registry.tags.to_string(),
        since(registry.polled, now),
        since(registry.told, now),
        registry.environment.clone(),
    ]
}

const CSV: &[&str] = &[
    "id",
    "name",
    "environment",
    "kind",
    "address",
    "state",
    "repositories",
    "tags",
    "looked",
    "told",
    "error",
];

fn csv_row(registry: &Registry) -> Vec<String> {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    vec![
        registry.id.clone(),
        registry.name.clone(),
        registry.environment.clone(),
        word(&registry.kind),
        registry.address.clone(),
        word(&registry.state),
        registry.repositories.to_string(),
        registry.tags.to_string(),
        time(registry.polled),
        time(registry.told),
        registry
            .error
            .as_ref()
            .map(|error| error.message.clone())
            .unwrap_or_default(),
    ]
}

fn list(context: &Context, arguments: &ListRegistries) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registries = server
        .registries(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &registries,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)?;
    if registries.is_empty() {
        context.note(&"No registries. Add one: seawall registry add NAME registry.example");
    }
    Ok(Exit::Clean)
}

/// The registry of that name or id.
fn find(server: &Server, name: &str) -> Result<Registry, Failure> {
    let registries = server.registries(&[]).map_err(failure(None))?;
    let mut found = registries
        .into_iter()
        .filter(|registry| registry.name == name || registry.id == name);
    match (found.next(), found.next()) {
        (Some(registry), None) => Ok(registry),
        (Some(_), Some(_)) => Err(Failure::usage(anyhow::anyhow!(
            "several environments have a registry called '{name}'; say its id"
        ))),
        (None, _) => Err(
            Failure::usage(anyhow::anyhow!("no registry is called '{name}'"))
                .help("seawall registry list shows what there is"),
        ),
    }
}

fn fault(sheet: &mut Sheet, error: Option<&RegistryFault>) {
    if let Some(error) = error {
        sheet.text(
            "Not reached",
            &format!("{}\n{}", error.message, error.advice),
        );
    }
}

fn show(context: &Context, arguments: &ShowRegistry) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&registry)?)?;
        return Ok(Exit::Clean);
    }
    let options = &registry.options;
    let now = context.clock.now();
    let mut sheet = Sheet::title(&registry.name);
    sheet
        .line("Id", &registry.id)
        .line("Address", &registry.address)
        .line("Kind", &word(&registry.kind))
        .line("State", &word(&registry.state))
        .line("Environment", &registry.environment)
        .line("Credential", &registry.credential)
        .line("Webhook", &registry.hook)
        .line("Only", &options.repositories.join(", "))
        .line(
            "Holds",
            &format!(
                "{} repositories, {} tags",
                registry.repositories, registry.tags
            ),
        )
        .line(
            "Looked at",
            &match options.poll_minutes {
                0 => "never: it tells by itself".to_owned(),
                minutes => format!("every {minutes} minutes"),
            },
        )
        .line("Last looked", &since(registry.polled, now))
        .line("Last told", &since(registry.told, now))
        .line(
            "In use",
            &format!(
                "pulled or run within {} days: read again after {}",
                options.recent_days, options.again_days
            ),
        )
        .line(
            "At most",
            &format!(
                "{} at once, {} a minute",
                options.concurrency,
                match options.per_minute {
                    0 => "any number".to_owned(),
                    count => count.to_string(),
                }
            ),
        );
    if let Some(until) = registry.hold_until {
        sheet.line("Left alone", &format!("until {until}: it said so"));
    }
    fault(&mut sheet, registry.error.as_ref());
    if registry.failing > 0 {
        let listed = format!("seawall registry repositories {}", registry.name);
        sheet.line(
            "Not read",
            &format!("{} of them: {listed}", registry.failing),
        );
    }
    if let Some(losses) = &registry.losses {
        sheet.text("Told to no avail", &lost(losses, now));
    }
    sheet.print()?;
    Ok(Exit::Clean)
}

/// How much of what it told came to nothing, and why the last did.
fn lost(losses: &RegistryLosses, now: Timestamp) -> String {
    format!(
        "{} events given up within 30 days, {} not understood. The last, {}:\n{}",
        losses.given_up,
        losses.misread,
        since(losses.last, now),
        losses.reason
    )
}

fn test(context: &Context, arguments: &ShowRegistry) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    let checked = server.check_registry(&registry.id).map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&checked)?)?;
    } else {
        let mut sheet = Sheet::title(&registry.name);
        sheet
            .line("Address", &registry.address)
            .line("Reached", if checked.reached { "yes" } else { "no" });
        sheet.text("Some of what it holds", &checked.repositories.join("\n"));
        fault(&mut sheet, checked.error.as_ref());
        sheet.print()?;
    }
    Ok(if checked.reached {
        Exit::Clean
    } else {
        Exit::Failed
    })
}

fn change(context: &Context, arguments: &ChangeRegistry) -> Result<Exit, Failure> {
    let credential = credential(&arguments.credentials)?;
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    let options = choose(&arguments.choices, registry.options.clone())?;
    let paused = match (arguments.pause, arguments.resume) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let body = RegistryChange {
        credential,
        options: (options != registry.options).then_some(options),
        paused,
        ..RegistryChange::default()
    };
    let changed = server
        .change_registry(&registry.id, &body)
        .map_err(failure(None))?;
    context.note(&format_args!(
        "{} is {}.",
        changed.name,
        word(&changed.state)
    ));
    Ok(Exit::Clean)
}

fn sync(context: &Context, arguments: &OneRegistry) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    server.sync_registry(&registry.id).map_err(failure(None))?;
    context.note(&format_args!(
        "{} is looked at now; seawall queue shows what comes of it.",
        registry.name
    ));
    Ok(Exit::Clean)
}

fn rotate(context: &Context, arguments: &OneRegistry) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    let made = server
        .rotate_registry(&registry.id)
        .map_err(failure(None))?;
    webhook(&made).print()?;
    context.note(&"The secret before is believed for another 24 hours.");
    Ok(Exit::Clean)
}

fn repositories(context: &Context, arguments: &ListRepositories) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    let (items, page) = held(
        &server,
        &registry,
        arguments.text.as_ref(),
        arguments.amount.most(),
    )?;
    let listing = Listing {
        items: &items,
        headings: &[
            Heading::whole("NAME").ends_matter(),
            Heading::whole("TAGS"),
            Heading::whole("SCANNED"),
            Heading::whole("SEEN"),
            Heading::whole("NOT READ").cut(16, 1),
        ],
        row: |repository: &Repository, now| {
            vec![
                repository.name.clone(),
                repository.tags.to_string(),
                repository.scanned.to_string(),
                age(repository.last_seen, now),
                unread(repository),
            ]
        },
        csv_headings: &[
            "id",
            "name",
            "tags",
            "scanned",
            "first_seen",
            "last_seen",
            "error",
        ],
        csv_row: |repository| {
            vec![
                repository.id.clone(),
                repository.name.clone(),
                repository.tags.to_string(),
                repository.scanned.to_string(),
                repository.first_seen.to_string(),
                repository.last_seen.to_string(),
                unread(repository),
            ]
        },
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&format_args!(
        "{} of {} repositories.",
        items.len(),
        page.total.max(items.len() as u64)
    ));
    Ok(Exit::Clean)
}

/// Why a repository could not be read, if it could not.
fn unread(repository: &Repository) -> String {
    let error = repository.error.as_ref();
    error.map(|error| error.message.clone()).unwrap_or_default()
}

fn held(
    server: &Server,
    registry: &Registry,
    text: Option<&String>,
    most: usize,
) -> Result<(Vec<Repository>, api::Page<Repository>), Failure> {
    let parameters = [("q", text.cloned())];
    server
        .all(&parameters, most, |server, parameters| {
            server.repositories(&registry.id, parameters)
        })
        .map_err(failure(None))
}

fn tags(context: &Context, arguments: &ListTags) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    let (known, _) = held(&server, &registry, Some(&arguments.repository), usize::MAX)?;
    let repository = known
        .into_iter()
        .find(|repository| repository.name == arguments.repository)
        .ok_or_else(|| {
            Failure::usage(anyhow::anyhow!(
                "{} has no repository '{}'",
                registry.name,
                arguments.repository
            ))
            .help(format!("seawall registry repositories {}", registry.name))
        })?;
    let (items, page) = server
        .all(&[], arguments.amount.most(), |server, parameters| {
            server.registry_tags(&repository.id, parameters)
        })
        .map_err(failure(None))?;
    let listing = Listing {
        items: &items,
        headings: &[
            Heading::whole("TAG").ends_matter(),
            Heading::whole("DIGEST").cut(19, 1),
            Heading::whole("CHANGED"),
            Heading::whole("PULLED"),
            Heading::whole("SCANNED"),
        ],
        row: |tag: &RegistryTag, now| {
            vec![
                tag.name.clone(),
                tag.digest.clone().unwrap_or_default(),
                since(tag.changed, now),
                since(tag.pulled, now),
                if tag.image.is_some() { "yes" } else { "no" }.to_owned(),
            ]
        },
        csv_headings: &["tag", "digest", "first_seen", "changed", "pulled", "image"],
        csv_row: |tag| {
            let time =
                |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
            vec![
                tag.name.clone(),
                tag.digest.clone().unwrap_or_default(),
                tag.first_seen.to_string(),
                time(tag.changed),
                time(tag.pulled),
                tag.image
                    .as_ref()
                    .map(|image| image.id.clone())
                    .unwrap_or_default(),
            ]
        },
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(items.len(), &page, "tag"));
    Ok(Exit::Clean)
}

fn remove(context: &Context, arguments: &OneRegistry) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let registry = find(&server, &arguments.name)?;
    server
        .remove_registry(&registry.id)
        .map_err(failure(None))?;
    context.note(&format_args!(
        "{} is forgotten; images that were scanned stay.",
        registry.name
    ));
    Ok(Exit::Clean)
}
