//! `seawall registry` and `seawall queue`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{Amount, Consent, ListFormat, Remote, ShowFormat};

/// Let a server watch registries, so that every image is known as soon as it is pushed
///
/// A registry that is watched is walked every 15 minutes. Give it the
/// address and the secret that `add` prints, too, and its images are
/// scanned within seconds of a push.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  seawall registry add team registry.example:5000
  echo \"$SECRET\" | seawall registry add team harbor.example --kind harbor --username robot --password-stdin
  seawall registry test team                           is it reached, and what does it show?
  seawall registry list
  seawall registry sync team                           look at it now
  seawall queue                                        what waits to be scanned, and why")]
pub(crate) enum Registry {
    Add(Box<AddRegistry>),
    List(ListRegistries),
    /// Show a registry: how it does, how it is watched, what it told last
    Show(ShowRegistry),
    /// Ask a registry whether it is there, takes the credentials, and what it shows
    Test(ShowRegistry),
    Change(Box<ChangeRegistry>),
    /// Look at a registry now
    Sync(OneRegistry),
    /// Give a registry's webhooks a new secret
    Rotate(OneRegistry),
    Repositories(ListRepositories),
    Tags(ListTags),
    /// Forget a registry; what was scanned of it stays
    Remove(OneRegistry),
}

/// What sort of registry it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Docker's, and whatever speaks like it: Zot, Gitea, GitLab, Nexus, Artifactory
    #[default]
    Distribution,
    Harbor,
    Quay,
    Ghcr,
    DockerHub,
    Azure,
    Amazon,
    Google,
}

impl From<Kind> for api::RegistryKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Distribution => Self::Distribution,
            Kind::Harbor => Self::Harbor,
            Kind::Quay => Self::Quay,
            Kind::Ghcr => Self::Ghcr,
            Kind::DockerHub => Self::DockerHub,
            Kind::Azure => Self::Azure,
            Kind::Amazon => Self::Amazon,
            Kind::Google => Self::Google,
        }
    }
}

/// As whom it is asked.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// User, or robot account
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read its password or token from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// Credentials as JSON, `-` for standard input: `{"type": "aws"}`,
    /// `{"type": "service_principal", "tenant": …, "client_id": …, "client_secret": …}`,
    /// `{"type": "service_account", "json": …}`, `{"type": "token", "token": …}`
    #[arg(long, value_name = "FILE", conflicts_with = "username", value_hint = clap::ValueHint::FilePath)]
    pub credential: Option<PathBuf>,
}

/// How much of it is looked at, and how often.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Choices {
    /// A repository to look at, or the beginning of several (`team/*`); may be given several
    /// times. None: all of its catalogue
    #[arg(long = "repository", value_name = "NAME")]
    pub repositories: Vec<String>,
    /// Newest tags of a repository that are looked at (100)
    #[arg(long, value_name = "COUNT")]
    pub tags: Option<u32>,
    /// Minutes between two walks of it (15); 0: it tells by itself
    #[arg(long, value_name = "MINUTES")]
    pub poll: Option<u32>,
    /// Images pulled or running within so many days are read again (30) …
    #[arg(long, value_name = "DAYS")]
    pub recent: Option<u32>,
    /// … after so many (7)
    #[arg(long, value_name = "DAYS")]
    pub again: Option<u32>,
    /// Images read from it in a minute (60); 0: no limit
    #[arg(long, value_name = "COUNT")]
    pub per_minute: Option<u32>,
    /// Images read from it at once (2)
    #[arg(long, value_name = "COUNT")]
    pub concurrency: Option<u32>,
    /// Certificates of the authority it is trusted by, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// Speak to it without TLS
    #[arg(long)]
    pub plain_http: bool,
    /// It is on a private network, and may lead to addresses there
    #[arg(long)]
    pub allow_private: bool,
    /// Amazon: the SQS queue that its events reach by `EventBridge`
    #[arg(long, value_name = "URL")]
    pub queue: Option<String>,
}

/// Watch a registry
///
/// Credentials are sealed by the server and never shown again. The
/// address and the secret for its webhooks are printed this once.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall registry add team registry.example:5000
  seawall registry add hub --kind docker-hub --repository acme/shop --repository 'acme/web*'
  seawall registry add cloud 123456789012.dkr.ecr.eu-central-1.amazonaws.com --kind amazon --credential aws.json
  seawall registry add lab 10.0.0.5:5000 --plain-http --allow-private --poll 5

Docker's registry is told of it in its configuration:
  notifications:
    endpoints:
      - name: seawall
        url: https://seawall.example/api/v1/registries/ID/hook
        headers: {Authorization: [Bearer SECRET]}")]
pub(crate) struct AddRegistry {
    /// What to call it
    pub name: String,
    /// `host` or `host:port`; not needed for Quay, GHCR and Docker Hub
    pub address: Option<String>,
    /// What sort it is
    #[arg(short, long, value_enum, default_value_t)]
    pub kind: Kind,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub choices: Choices,
    /// The environment its images belong to
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Change a registry; what is not said stays
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall registry change team --poll 60 --per-minute 10
  echo \"$NEW\" | seawall registry change team --username robot --password-stdin
  seawall registry change team --pause")]
pub(crate) struct ChangeRegistry {
    /// Its name or id
    pub name: String,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub choices: Choices,
    /// Ask it nothing until resumed
    #[arg(long, conflicts_with = "resume")]
    pub pause: bool,
    /// Ask it again
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// List registries and how they do
#[derive(Args, Debug)]
pub(crate) struct ListRegistries {
    /// Only of this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show a registry, or ask it whether it is there
#[derive(Args, Debug)]
pub(crate) struct ShowRegistry {
    /// Its name or id
    pub name: String,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Look at a registry now, give its webhooks a new secret, or forget it
#[derive(Args, Debug)]
pub(crate) struct OneRegistry {
    /// Its name or id
    pub name: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// List what a registry holds
#[derive(Args, Debug)]
pub(crate) struct ListRepositories {
    /// Its name or id
    pub name: String,
    /// Part of the repositories' names
    pub text: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// List tags of a repository, newest first
#[derive(Args, Debug)]
pub(crate) struct ListTags {
    /// The registry's name or id
    pub name: String,
    /// The repository
    pub repository: String,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show what waits to be scanned, why, and what was given up
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  seawall queue                       how much waits, and why
  seawall queue list                  each scan that waits or runs
  seawall queue list --given-up       scans that failed for good, and why
  seawall queue retry --all           try those again"
)]
pub(crate) struct Queue {
    #[command(subcommand)]
    pub command: Option<QueueCommand>,
    #[command(flatten)]
    pub show: ShowQueue,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    List(Box<ListQueue>),
    Retry(Box<RetryScans>),
}

#[derive(Args, Debug)]
pub(crate) struct ShowQueue {
    /// Only of this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// List scans, newest first
#[derive(Args, Debug)]
pub(crate) struct ListQueue {
    /// Only in these states: queued, running, done, failed, cancelled
    #[arg(
        short,
        long,
        value_name = "STATE,…",
        default_value = "queued,running",
        conflicts_with = "given_up"
    )]
    pub state: String,
    /// Only those that failed and are not tried again by themselves
    #[arg(long)]
    pub given_up: bool,
    /// Only for these reasons: push, import, running, admission, `recent_pull`, schedule, user, …
    #[arg(short, long, value_name = "TRIGGER,…")]
    pub trigger: Option<String>,
    /// Only of this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Queue scans anew that failed
#[derive(Args, Debug)]
pub(crate) struct RetryScans {
    /// A scan's id
    #[arg(required_unless_present = "all")]
    pub id: Option<String>,
    /// Everything that was given up
    #[arg(long, conflicts_with = "id")]
    pub all: bool,
    /// Only of this environment
    #[arg(short, long, value_name = "NAME", requires = "all")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
    #[command(flatten)]
    pub remote: Remote,
}
