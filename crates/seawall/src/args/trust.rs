//! `seawall verify` and `seawall trust`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{Amount, ListFormat, Remote, ShowFormat};

/// Whose signature is asked for; any one of them will do.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Whose signature counts")]
pub(crate) struct Signers {
    /// A public key cosign signs with, PEM; may be given several times
    #[arg(long = "key", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub keys: Vec<PathBuf>,
    /// Somebody sigstore knows: an e-mail address, or the address of a workflow. `*` stands for
    /// anything; may be given several times
    #[arg(
        long = "certificate-identity",
        value_name = "SUBJECT",
        requires = "issuer"
    )]
    pub identities: Vec<String>,
    /// Where they log in, exactly, as `https://token.actions.githubusercontent.com`
    #[arg(long = "certificate-oidc-issuer", value_name = "URL")]
    pub issuer: Option<String>,
    /// Sigstore's trusted root (`trusted_root.json`): its authorities and its logs. Needed for
    /// identities; with keys, a signature's entry in the log is checked, too
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub trust_root: Option<PathBuf>,
    /// Certificates notation's signers are vouched for by, or theirs, PEM; may be given several
    /// times
    #[arg(long = "notation-certificate", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub certificates: Vec<PathBuf>,
    /// The name in notation's signer's certificate; `*` stands for anything
    #[arg(
        long = "notation-subject",
        value_name = "NAME",
        requires = "certificates"
    )]
    pub subject: Option<String>,
    /// Root certificates of timestamp authorities, PEM: they say that notation's signature was
    /// made while its certificate was good
    #[arg(long = "timestamp-certificate", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub stampers: Vec<PathBuf>,
}

/// Say whether an image is signed, by whom, and whether that is whom you trust
///
/// The image's signatures are fetched from its registry, wherever cosign and notation put them:
/// referrers, the tags that stand in for them, and cosign's older tags. They are judged on this
/// machine without asking anybody else, by the keys, roots and certificates you name.
///
/// Ends with 0 where one of them signed it, with 1 where none did: the reason is told, and what
/// would mend it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall verify registry.example/shop:1.4 --key cosign.pub
  seawall verify ghcr.io/acme/shop:1.4 --trust-root trusted_root.json \\
      --certificate-identity 'https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/*' \\
      --certificate-oidc-issuer https://token.actions.githubusercontent.com
  seawall verify registry.example/shop@sha256:3d1a… --notation-certificate ca.pem
  seawall verify shop:1.4 --key cosign.pub --format json | jq .signer

The trusted root of sigstore's public instance comes with `cosign trusted-root create` and lies in
~/.sigstore/root after `cosign initialize`. Nothing is fetched of it here.

Exit codes: 0 signed as asked, 1 not so, 2 a file or flag makes no sense, 3 the registry could not
be asked.")]
pub(crate) struct Verify {
    /// The image as its registry names it, by tag or digest
    pub image: String,
    #[command(flatten)]
    pub signers: Signers,
    /// Ask the registry as this user; default: as Docker is logged in
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read that user's password or token from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// Speak plain HTTP with the registry
    #[arg(long)]
    pub plain_http: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// Say whose signatures images must have, and which have them
///
/// A trust policy names repositories and signers. A server verifies every image of these that it
/// knows: those that are pushed at once, all of them when the policy changes. What admission does
/// about images that are not signed so is the matter of the policy `pods-images-signed`, which is on
/// (and tells, and refuses nothing) where there is a trust policy.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  seawall trust add shop --repository 'registry.example/shop/*' --key cosign.pub
  seawall trust list
  seawall trust images shop --verdict refused          what is not signed, and why
  seawall policy set pods-images-signed deny           keep it from running")]
pub(crate) enum Trust {
    List(ListTrust),
    Add(Box<AddTrust>),
    /// Show a trust policy: where it holds, and whose signatures count
    Show(OneTrust),
    Change(Box<ChangeTrust>),
    Images(TrustImages),
    /// Verify everything a trust policy holds for again
    Verify(OneTrust),
    /// Ask nothing by a trust policy any more
    Remove(OneTrust),
}

/// List trust policies
#[derive(Args, Debug)]
pub(crate) struct ListTrust {
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Ask for signatures on images of some repositories
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall trust add shop --repository 'registry.example/shop/*' --key cosign.pub
  seawall trust add ci --repository 'ghcr.io/acme/*' --trust-root trusted_root.json \\
      --certificate-identity 'https://github.com/acme/*' \\
      --certificate-oidc-issuer https://token.actions.githubusercontent.com
  seawall trust add vendor --repository 'vendor.azurecr.io/*' --notation-certificate ca.pem")]
pub(crate) struct AddTrust {
    /// What people know it by
    pub name: String,
    /// A repository with its registry; `*` stands for anything; may be given several times
    #[arg(long = "repository", value_name = "PATTERN", required = true)]
    pub repositories: Vec<String>,
    #[command(flatten)]
    pub signers: Signers,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub description: String,
    /// Where it holds
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

/// Change a trust policy; what is not named stays
///
/// Signers that are named take the place of those before.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall trust change shop --key old.pub --key new.pub    both count while the key is changed
  seawall trust change shop --off")]
pub(crate) struct ChangeTrust {
    /// Its name or id
    pub name: String,
    /// A repository with its registry; may be given several times
    #[arg(long = "repository", value_name = "PATTERN")]
    pub repositories: Vec<String>,
    #[command(flatten)]
    pub signers: Signers,
    /// Ask nothing by it for now
    #[arg(long, conflicts_with = "on")]
    pub off: bool,
    /// Ask by it again
    #[arg(long)]
    pub on: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// One of them.
#[derive(Args, Debug)]
pub(crate) struct OneTrust {
    /// Its name or id
    pub name: String,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Which images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictWord {
    /// Nobody looked yet, or not since the policy changed
    Pending,
    /// Signed as is asked for
    Signed,
    /// Not signed so
    Refused,
    /// The registry could not be asked
    Unknown,
}

/// List the images a trust policy holds for, and what was found of each
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall trust images shop
  seawall trust images shop --verdict refused --format json | jq '.[].mend'")]
pub(crate) struct TrustImages {
    /// The policy's name or id
    pub name: String,
    /// Text in the repository or the digest
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Only those of this verdict
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub verdict: Option<VerdictWord>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}
