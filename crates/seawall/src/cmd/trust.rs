//! `seawall trust`

use api::{
    TrustOutcome, TrustPolicy,
    trust::{NewTrustPolicy, TrustSigner},
};
use jiff::Timestamp;
use model::Clock as _;
use report::Heading;

use super::{
    Context, files,
    finding::count,
    remote::{
        self, Server, failure,
        output::{Listing, Sheet, age, json, word},
    },
    verify::signers,
    write_stdout,
};
use crate::{
    args::{
        remote::ShowFormat,
        trust::{
            AddTrust, ChangeTrust, ListTrust, OneTrust, Signers, Trust, TrustImages, VerdictWord,
        },
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, trust: &Trust) -> Result<Exit, Failure> {
    match trust {
        Trust::List(arguments) => list(context, arguments),
        Trust::Add(arguments) => add(context, arguments),
        Trust::Show(arguments) => show(context, arguments),
        Trust::Change(arguments) => change(context, arguments),
        Trust::Images(arguments) => images(context, arguments),
        Trust::Verify(arguments) => verify(context, arguments),
        Trust::Remove(arguments) => remove(context, arguments),
    }
}

/// The trust policy of that name or id.
fn find(server: &Server, name: &str) -> Result<TrustPolicy, Failure> {
    let policies = server.trust_policies(&[]).map_err(failure(None))?;
    let mut found = policies
        .into_iter()
        .filter(|policy| policy.name == name || policy.id == name);
    match (found.next(), found.next()) {
        (Some(policy), None) => Ok(policy),
        (Some(_), Some(_)) => Err(Failure::usage(anyhow::anyhow!(
            "several environments have a trust policy called '{name}'; say its id"
        ))),
        (None, _) => Err(
            Failure::usage(anyhow::anyhow!("no trust policy is called '{name}'"))
                .help("seawall trust list shows what there is"),
        ),
    }
}

fn root(signers: &Signers) -> Result<Option<serde_json::Value>, Failure> {
    let Some(path) = &signers.trust_root else {
        return Ok(None);
    };
    let text = files::text(path)?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Failure::bad_file(error).context(format!("read '{}'", path.display())))
}

const HEADINGS: &[Heading] = &[
    Heading::whole("NAME"),
    Heading::whole("ON").cut(3, 4),
    Heading::whole("REPOSITORIES").cut(16, 0).ends_matter(),
    Heading::whole("SIGNED"),
    Heading::whole("REFUSED"),
    Heading::whole("PENDING"),
    Heading::whole("UNKNOWN").cut(3, 3),
    Heading::whole("ENVIRONMENT").cut(5, 2),
    Heading::whole("CHANGED").cut(4, 1),
];

fn row(policy: &TrustPolicy, now: Timestamp) -> Vec<String> {
    let counts = &policy.counts;
    vec![
        policy.name.clone(),
        if policy.enabled { "yes" } else { "no" }.to_owned(),
        policy.repositories.join(", "),
        counts.signed.to_string(),
        counts.refused.to_string(),
        counts.pending.to_string(),
        counts.unknown.to_string(),
        policy.environment.clone(),
        age(policy.updated, now),
    ]
}

fn csv_row(policy: &TrustPolicy) -> Vec<String> {
    let counts = &policy.counts;
    vec![
        policy.id.clone(),
        policy.name.clone(),
        policy.environment.clone(),
        policy.enabled.to_string(),
        policy.repositories.join(" "),
        counts.signed.to_string(),
        counts.refused.to_string(),
        counts.pending.to_string(),
        counts.unknown.to_string(),
        policy.updated.to_string(),
    ]
}

fn list(context: &Context, arguments: &ListTrust) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let policies = server
        .trust_policies(&[("environment", arguments.environment.clone())])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &policies,
        headings: HEADINGS,
        row,
        csv_headings: &[
            "id",
            "name",
            "environment",
            "enabled",
            "repositories",
            "signed",
            "refused",
            "pending",
            "unknown",
            "updated",
        ],
        csv_row,
        now: context.clock.now(),
    };
    listing.print(context, arguments.format)?;
    if policies.is_empty() {
        context.note(
            &"No trust policies. Add one: seawall trust add NAME --repository PATTERN --key FILE",
        );
    }
    Ok(Exit::Clean)
}

fn add(context: &Context, arguments: &AddTrust) -> Result<Exit, Failure> {
    let (signers, stampers) = signers(&arguments.signers)?;
    if signers.is_empty() {
        return Err(
            Failure::usage(anyhow::anyhow!("nobody is named whose signature counts")).help(
                "give --key, --certificate-identity with --trust-root, or --notation-certificate",
            ),
        );
    }
    let body = NewTrustPolicy {
        name: arguments.name.clone(),
        description: arguments.description.clone(),
        environment: arguments.environment.clone(),
        repositories: arguments.repositories.clone(),
        signers,
        stampers,
        trusted_root: root(&arguments.signers)?,
        enabled: true,
    };
    let server = remote::connect(context, &arguments.remote)?;
    let made = server.add_trust_policy(&body).map_err(failure(None))?;
    write_stdout(format!("{}\n", made.id).as_bytes())?;
    context.note(&format_args!(
        "{} holds from now on. Images that are known are verified now: seawall trust images {}",
        made.name, made.name
    ));
    Ok(Exit::Clean)
}

fn change(context: &Context, arguments: &ChangeTrust) -> Result<Exit, Failure> {
    let (signers, stampers) = signers(&arguments.signers)?;
    let server = remote::connect(context, &arguments.remote)?;
    let policy = find(&server, &arguments.name)?;
    let or = |given: &[String], before: Vec<String>| {
        if given.is_empty() {
            before
        } else {
            given.to_vec()
        }
    };
    let body = NewTrustPolicy {
        name: policy.name,
        description: policy.description,
        environment: None,
        repositories: or(&arguments.repositories, policy.repositories),
        signers: if signers.is_empty() {
            policy.signers
        } else {
            signers
        },
        stampers: if stampers.is_empty() {
            policy.stampers
        } else {
            stampers
        },
        trusted_root: root(&arguments.signers)?,
        enabled: (policy.enabled || arguments.on) && !arguments.off,
    };
    let changed = server
        .change_trust_policy(&policy.id, &body)
        .map_err(failure(None))?;
    context.note(&format_args!(
        "{} was changed; what it holds for is verified anew.",
        changed.name
    ));
    Ok(Exit::Clean)
}

fn signer(signer: &TrustSigner) -> String {
    match signer {
        TrustSigner::Key {
            name, fingerprint, ..
        } => {
            let digest = fingerprint.as_deref().unwrap_or_default();
            format!("the key {name} ({digest})")
        }
        TrustSigner::Identity { issuer, subject } => format!("{subject} at {issuer}"),
        TrustSigner::Certificate {
            name,
            subject,
            ends,
            ..
        } => {
            let who = subject.as_deref().unwrap_or("whoever");
            let ends = ends.map(|ends| format!(", which ends at {ends}"));
            format!(
                "{who} by the certificate {name}{}",
                ends.unwrap_or_default()
            )
        }
    }
}

fn show(context: &Context, arguments: &OneTrust) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let policy = find(&server, &arguments.name)?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&policy)?)?;
        return Ok(Exit::Clean);
    }
    let counts = &policy.counts;
    let signers: Vec<String> = policy.signers.iter().map(signer).collect();
    let stampers: Vec<&str> = policy.stampers.iter().map(|it| it.name.as_str()).collect();
    let mut sheet = Sheet::title(&policy.name);
    sheet
        .line("Id", &policy.id)
        .line("Environment", &policy.environment)
        .line("On", if policy.enabled { "yes" } else { "no" })
        .line("For", &policy.description)
        .line("Trusted root", if policy.has_root { "set" } else { "" })
        .line("Timestamps", &stampers.join(", "))
        .line(
            "Images",
            &format!(
                "{} signed, {} refused, {} not verified yet, {} whose registry could not be asked",
                counts.signed, counts.refused, counts.pending, counts.unknown
            ),
        )
        .line(
            "Changed",
            &format!("{} by {}", policy.updated, policy.updated_by),
        )
        .text("Holds for", &policy.repositories.join("\n"))
        .text("Any one of these must have signed", &signers.join("\n"));
    sheet.print()?;
    Ok(Exit::Clean)
}

fn images(context: &Context, arguments: &TrustImages) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let policy = find(&server, &arguments.name)?;
    let verdict = arguments.verdict.map(|word| match word {
        VerdictWord::Pending => "pending",
        VerdictWord::Signed => "signed",
        VerdictWord::Refused => "refused",
        VerdictWord::Unknown => "unknown",
    });
    let parameters = [
        ("q", arguments.text.clone()),
        ("verdict", verdict.map(str::to_owned)),
    ];
    let (items, page) = server
        .all(
            &parameters,
            arguments.amount.most(),
            |server, parameters| server.trust_images(&policy.id, parameters),
        )
        .map_err(failure(None))?;
    let listing = Listing {
        items: &items,
        headings: &[
            Heading::whole("REPOSITORY").cut(20, 0).ends_matter(),
            Heading::whole("DIGEST").cut(19, 2),
            Heading::whole("VERDICT"),
            Heading::whole("BY, OR WHY NOT").cut(20, 1),
            Heading::whole("SINCE"),
        ],
        row: |image: &TrustOutcome, now| {
            vec![
                image.repository.clone(),
                image.digest.clone(),
                word(&image.verdict),
                said(image),
                age(image.since, now),
            ]
        },
        csv_headings: &[
            "repository",
            "digest",
            "verdict",
            "signer",
            "why",
            "reason",
            "mend",
            "signed_at",
            "since",
            "checked",
        ],
        csv_row: |image| {
            let time =
                |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            vec![
                image.repository.clone(),
                image.digest.clone(),
                word(&image.verdict),
                text(&image.signer),
                text(&image.why),
                text(&image.reason),
                text(&image.mend),
                time(image.signed_at),
                image.since.to_string(),
                time(image.checked),
            ]
        },
        now: context.clock.now(),
    };
    listing.print(context, arguments.amount.format)?;
    context.note(&count(items.len(), &page, "image"));
    Ok(Exit::Clean)
}

fn said(image: &TrustOutcome) -> String {
    let text = image.reason.as_ref().or(image.signer.as_ref());
    text.cloned().unwrap_or_default()
}

fn verify(context: &Context, arguments: &OneTrust) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let policy = find(&server, &arguments.name)?;
    server.verify_trust(&policy.id).map_err(failure(None))?;
    context.note(&format_args!(
        "Everything {} holds for is verified now.",
        policy.name
    ));
    Ok(Exit::Clean)
}

fn remove(context: &Context, arguments: &OneTrust) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let policy = find(&server, &arguments.name)?;
    server
        .remove_trust_policy(&policy.id)
        .map_err(failure(None))?;
    context.note(&format_args!("{} is forgotten.", policy.name));
    Ok(Exit::Clean)
}
