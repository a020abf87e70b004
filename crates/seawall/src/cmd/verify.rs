//! `seawall verify`

use std::{path::Path, sync::Arc};

use api::trust::{TrustSigner, TrustStamper};
use jiff::Timestamp;
use model::{Digest, Secret};
use registry::{
    Account, AskError, Credential, Kind, Registry, Trust,
    signature::{Accepted, Asked, AskedError, Refused, TrustRoot, Wanted, judge},
};
use scan::Reference;
use serde::Serialize;

use super::{
    Context, files,
    remote::output::{Sheet, json},
    scan::{docker_config, password},
    write_stdout,
};
use crate::{
    args::{
        remote::ShowFormat,
        trust::{Signers, Verify},
    },
    exit::{Exit, Failure},
};

/// What is printed, as JSON.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    image: String,
    digest: String,
    signed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    /// What carries the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    annotations: std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

pub(super) fn run(context: &Context, arguments: &Verify) -> Result<Exit, Failure> {
    let image: Reference = arguments.image.parse().map_err(Failure::usage)?;
    let asked = asked(&arguments.signers)?;
    let registry = open(context, arguments, &image)?;
    let digest = match image.digest {
        Some(digest) => digest,
        None => registry
            .digest(&image)
            .map_err(|error| refuse(&image, error))?,
    };
    let artifacts = registry
        .signed(&image.repository, &digest)
        .map_err(|error| refuse(&image, error))?;
    let now = model::Clock::now(&context.clock);
    let found = judge(&digest, &artifacts, &asked, now);
    let exit = if found.is_ok() {
        Exit::Clean
    } else {
        Exit::Reached
    };
    let outcome = outcome(arguments.image.clone(), digest, found);
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&outcome)?)?;
    } else {
        print(&outcome)?;
    }
    Ok(exit)
}

fn refuse(image: &Reference, error: AskError) -> Failure {
    let is_missing = error.is_not_found();
    let failure = Failure::failed(error);
    if is_missing {
        failure.help(format!(
            "look whether {} holds {} under that tag or digest",
            image.registry, image.repository
        ))
    } else {
        failure
    }
}

fn outcome(image: String, digest: Digest, found: Result<Accepted, Refused>) -> Outcome {
    let (image, digest) = (image, digest.to_string());
    match found {
        Ok(accepted) => Outcome {
            image,
            digest,
            signed: true,
            signer: Some(accepted.verified.signer.to_string()),
            scheme: Some(accepted.scheme.as_str()),
            referrer: Some(accepted.referrer.to_string()),
            signed_at: accepted.verified.logged,
            ends: accepted.verified.until,
            annotations: accepted.verified.annotations,
            ..Outcome::default()
        },
        Err(refused) => Outcome {
            image,
            digest,
            signer: refused.signer.map(|signer| signer.to_string()),
            why: Some(refused.why.as_str()),
            reason: Some(refused.reason),
            mend: Some(refused.mend),
            ..Outcome::default()
        },
    }
}

fn print(outcome: &Outcome) -> Result<(), Failure> {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let mut sheet = Sheet::title(&outcome.image);
    sheet
        .line("Digest", &outcome.digest)
        .line("Signed", if outcome.signed { "yes" } else { "no" })
        .line("By", outcome.signer.as_deref().unwrap_or_default())
        .line("Form", outcome.scheme.unwrap_or_default())
        .line("Seen at", &time(outcome.signed_at))
        .line("Counts until", &time(outcome.ends));
    let annotations = outcome.annotations.iter();
    let annotations: Vec<_> = annotations
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    sheet
        .line("Says", &annotations.join(", "))
        .text("Why not", outcome.reason.as_deref().unwrap_or_default())
        .text("The mend", outcome.mend.as_deref().unwrap_or_default());
    sheet.print()
}

fn open(context: &Context, arguments: &Verify, image: &Reference) -> Result<Registry, Failure> {
    let credential = match &arguments.username {
        Some(username) => Credential::Basic {
            username: username.clone(),
            password: Secret::new(password()?),
        },
        None => Credential::Anonymous,
    };
    let account = Account {
        docker_config: docker_config(context),
        credential,
        trust: Trust {
            plain_http: arguments.plain_http,
            // Whoever asks is on this machine's network anyway.
            allow_private: true,
            ..Trust::default()
        },
        ..Account::anonymous(Kind::Distribution, &image.registry)
    };
    let clock = Arc::new(context.clock);
    Registry::open(account, clock, &model::Cancel::default()).map_err(Failure::failed)
}

/// A file's name, which its key or certificate is known by.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Signers as a server takes them.
pub(super) fn signers(
    arguments: &Signers,
) -> Result<(Vec<TrustSigner>, Vec<TrustStamper>), Failure> {
    let mut signers = Vec::new();
    for path in &arguments.keys {
        signers.push(TrustSigner::Key {
            name: name(path),
            pem: files::text(path)?,
            fingerprint: None,
        });
    }
    for subject in &arguments.identities {
        signers.push(TrustSigner::Identity {
            issuer: arguments.issuer.clone().unwrap_or_default(),
            subject: subject.clone(),
        });
    }
    for path in &arguments.certificates {
        signers.push(TrustSigner::Certificate {
            name: name(path),
            pem: files::text(path)?,
            subject: arguments.subject.clone(),
            fingerprint: None,
            ends: None,
        });
    }
    let stampers = arguments.stampers.iter().map(|path| {
        Ok(TrustStamper {
            name: name(path),
            pem: files::text(path)?,
        })
    });
    Ok((signers, stampers.collect::<Result<_, Failure>>()?))
}

/// Signers as they are judged by here.
fn asked(arguments: &Signers) -> Result<Asked, Failure> {
    let (signers, stampers) = signers(arguments)?;
    let mut anyone_of = Vec::new();
    for signer in &signers {
        let wanted = match signer {
            TrustSigner::Key { name, pem, .. } => Wanted::key(name, pem),
            TrustSigner::Identity { issuer, subject } => Wanted::identity(subject, issuer),
            TrustSigner::Certificate {
                name, pem, subject, ..
            } => Wanted::certificate(name, pem, subject.as_deref()),
        };
        anyone_of.push(wanted.map_err(wrong)?);
    }
    let root = match &arguments.trust_root {
        Some(path) => {
            let text = files::text(path)?;
            let root = TrustRoot::from_json(&text).map_err(|error| {
                Failure::bad_file(error).context(format!("use {}", path.display()))
            })?;
            Some(Arc::new(root))
        }
        None => None,
    };
    let asked = Asked {
        anyone_of,
        root,
        stampers: stampers.into_iter().map(|it| (it.name, it.pem)).collect(),
    };
    match asked.check() {
        Ok(()) => Ok(asked),
        Err(AskedError::Nobody) => Err(Failure::usage(anyhow::anyhow!(
            "nobody is named whose signature counts"
        ))
        .help("give --key, --certificate-identity with --trust-root, or --notation-certificate")),
        Err(error) => Err(wrong(error)),
    }
}

fn wrong(error: AskedError) -> Failure {
    match error {
        AskedError::Key { .. } | AskedError::Certificate { .. } => Failure::bad_file(error),
        AskedError::NoRoot => Failure::usage(error).help("give --trust-root trusted_root.json"),
        error => Failure::usage(error),
    }
}
