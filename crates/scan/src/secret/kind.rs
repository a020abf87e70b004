//! Kinds of secrets: one file each in `content/secrets`.

use std::sync::LazyLock;

use model::{Severity, alert::RuleStep};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::check::Check;

/// A kind of secret: how it is known, why it matters, what to do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretKind {
    /// The file's name.
    pub id: String,
    pub title: String,
    pub severity: Severity,
    /// Whose it is: `GitHub`, `AWS`; `Any` where anybody's.
    pub issuer: String,
    /// One of these is in every file that holds one; however written.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// What it looks like: linear-time syntax over bytes, the value in the
    /// group `secret`. Absent where the file's form tells.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Only in files whose path ends so, or that lie in a folder where it
    /// ends with `/`; everywhere when empty.
    #[serde(default)]
    pub files: Vec<String>,
    /// How it is proved without asking anybody.
    #[serde(default)]
    pub check: Option<Check>,
    /// Bits per letter a value has at least.
    #[serde(default)]
    pub entropy: f64,
    /// Letters shown of its beginning and its end.
    #[serde(default)]
    pub show: [usize; 2],
    /// People choose such values: no letter is shown, and its mark is cut
    /// so short that it cannot be guessed by.
    #[serde(default)]
    pub chosen: bool,
    pub why: String,
    pub fix: Vec<RuleStep>,
    /// When it is nothing bad.
    #[serde(default)]
    pub false_positives: String,
    pub references: Vec<String>,
    pub cases: Vec<SecretCase>,
    /// Its place in the list: of two that hit the same letters the one
    /// that comes first is told.
    #[serde(skip)]
    pub(super) order: usize,
    #[serde(skip)]
    compiled: LazyRegex,
}

/// A text, and whether a secret is in it. Values are written as what to
/// fill in (`<base62:36>`), so that no file of ours looks as if it held
/// a secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretCase {
    #[serde(default = "anywhere")]
    pub path: String,
    pub text: String,
    pub found: bool,
}

fn anywhere() -> String {
    "app/settings.conf".to_owned()
}

/// Compiled when a file needs it: a worker reads one layer, and most
/// layers hold words of few kinds.
#[derive(Debug, Default)]
struct LazyRegex(std::sync::OnceLock<Option<Regex>>);

impl SecretKind {
    /// The expression, if it has one.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let compiled = self.compiled.0.get_or_init(|| {
            let pattern = self.pattern.as_deref()?;
            // A test compiles them all before a release.
            build(pattern).ok()
        });
        compiled.as_ref()
    }

    /// Whether it is looked for in such a file; a text without a path is
    /// none.
    pub(super) fn is_for(&self, path: &str) -> bool {
        self.files.is_empty() || self.files.iter().any(|end| lies(path, end))
    }
}

/// Whether `path` is, or lies in, what `place` names.
pub(super) fn lies(path: &str, place: &str) -> bool {
    if let Some(folder) = place.strip_suffix('/') {
        let mut rest = path;
        while let Some((_, after)) = rest.split_once(folder) {
            let before = path.len() - after.len() - folder.len();
            let begins = before == 0 || path.as_bytes().get(before - 1) == Some(&b'/');
            if begins && after.starts_with('/') {
                return true;
            }
            rest = after;
        }
        return false;
    }
    let Some(before) = path.strip_suffix(place) else {
        return false;
    };
    // `.env` is a name, `.pem` an end of names: both are written so.
    before.is_empty() || before.ends_with('/') || place.starts_with('.')
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(4 << 20)
        .dfa_size_limit(2 << 20)
        .build()
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../content/secrets/", $name, ".yaml")))),*]
    };
}

/// Worth telling first to last: of two kinds that hit the same letters,
/// the one that says more. Part of the program, because a worker that may
/// open no file reads them.
const FILES: &[(&str, &str)] = files![
    "gcp-service-account",
    "pgp-private-key",
    "private-key",
    "private-key-base64",
    "putty-private-key",
    "age-secret-key",
    "github-personal-token",
    "github-oauth-token",
    "github-app-token",
    "github-installation-token",
    "github-refresh-token",
    "github-fine-grained-token",
    "gitlab-personal-token",
    "gitlab-runner-token",
    "gitlab-deploy-token",
    "gitlab-pipeline-trigger",
    "aws-secret-access-key",
    "aws-access-key-id",
    "aws-session-key-id",
    "google-api-key",
    "google-oauth-secret",
    "azure-storage-key",
    "azure-client-secret",
    "azure-shared-access",
    "digitalocean-token",
    "heroku-key",
    "vault-token",
    "terraform-token",
    "databricks-token",
    "docker-hub-token",
    "npm-token",
    "npm-registry-auth",
    "pypi-token",
    "rubygems-token",
    "crates-token",
    "artifactory-key",
    "slack-bot-token",
    "slack-user-token",
    "slack-app-token",
    "slack-webhook",
    "stripe-live-key",
    "stripe-test-key",
    "stripe-webhook-secret",
    "square-token",
    "shopify-token",
    "sendgrid-key",
    "twilio-key",
    "mailgun-key",
    "mailchimp-key",
    "telegram-bot-token",
    "discord-bot-token",
    "discord-webhook",
    "openai-key",
    "anthropic-key",
    "hugging-face-token",
    "new-relic-key",
    "grafana-token",
    "sentry-token",
    "dynatrace-token",
    "atlassian-token",
    "linear-key",
    "notion-token",
    "postman-key",
    "doppler-token",
    "planetscale-token",
    "pulumi-token",
    "fly-token",
    "supabase-token",
    "kubeconfig-token",
    "docker-registry-auth",
    "netrc-password",
    "git-credentials",
    "pgpass-password",
    "mysql-client-password",
    "shadow-hash",
    "htpasswd-hash",
    "rails-master-key",
    "wireguard-key",
    "django-secret-key",
    "json-web-token",
    "database-address",
    "address-password",
    "ansible-vault",
    "generic-secret",
];

/// Every kind, the most telling first.
pub fn secret_kinds() -> &'static [SecretKind] {
    static ALL: LazyLock<Vec<SecretKind>> = LazyLock::new(|| {
        FILES
            .iter()
            .enumerate()
            .map(|(order, (_, text))| {
                let mut kind = read(text)
                    .expect("invariant: a test reads every kind of secret before a release");
                kind.order = order;
                kind
            })
            .collect()
    });
    &ALL
}

fn read(text: &str) -> Result<SecretKind, serde_norway::Error> {
    serde_norway::from_str(text)
}

/// One kind by id.
pub(super) fn named(id: &str) -> Option<&'static SecretKind> {
    secret_kinds().iter().find(|kind| kind.id == id)
}
