//! `seawall sbom` and `seawall vex`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::remote::{Amount, Remote, ShowFormat};

/// Bring SBOMs in, take them out, compare and search them
#[derive(Debug, Subcommand)]
pub(crate) enum Sbom {
    Import(ImportSbom),
    Export(ExportSbom),
    Diff(DiffSboms),
    Search(SearchSboms),
    Attach(AttachSbom),
}

/// Have a server take in an SBOM file and judge it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall sbom import shop.cdx.json
  seawall sbom import shop.spdx.json --name registry.example/shop:1 --digest sha256:3d1a…")]
pub(crate) struct ImportSbom {
    /// CycloneDX (JSON or XML) or SPDX (JSON)
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: PathBuf,
    /// What it is of; default: the file's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The manifest digest of the image it is of
    #[arg(long, value_name = "DIGEST", requires = "name")]
    pub digest: Option<String>,
    /// The environment to list it in
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print what came of it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// In which form an SBOM is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomForm {
    #[default]
    Cyclonedx,
    Spdx,
}

/// Write the SBOM a server has of an image
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall sbom export registry.example/shop:1 > shop.cdx.json
  seawall sbom export registry.example/shop:1 --format spdx -o shop.spdx.json")]
pub(crate) struct ExportSbom {
    /// The image's id, name, tag or digest
    pub image: String,
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    pub format: SbomForm,
    /// Write it here instead of to standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub remote: Remote,
}

/// What tells one image from another: packages and open findings
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall sbom diff registry.example/shop:1 registry.example/shop:2
  seawall sbom diff shop:1 shop:2 --format json | jq .gained")]
pub(crate) struct DiffSboms {
    /// The earlier image's id, name, tag or digest
    pub before: String,
    /// The later image's
    pub after: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// Who has a package, and in which version
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall sbom search log4j-core '<2.17'
  seawall sbom search openssl '>=3.0,<3.0.16' --ecosystem Debian
  seawall sbom search left-pad --format json")]
pub(crate) struct SearchSboms {
    /// A package's or source package's name
    #[arg(value_name = "PACKAGE")]
    pub name: String,
    /// Only these versions, by the ecosystem's own order
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    /// Only of this ecosystem: Maven, Debian, Debian:12, deb
    #[arg(long, value_name = "NAME")]
    pub ecosystem: Option<String>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Attach an image's SBOM to it in its registry, as a referrer
///
/// The document is the one a server has of the image, unless a file is
/// given. The image is left as it is: what is pushed refers to it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall sbom attach registry.example/shop:1 --username robot --password-stdin < token
  seawall sbom attach localhost:5000/shop:1 --file shop.cdx.json")]
pub(crate) struct AttachSbom {
    /// The image as its registry names it, by tag or digest
    pub image: String,
    /// Attach this document instead
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// In which form, where a server writes it
    #[arg(short, long, value_enum, default_value_t, conflicts_with = "file")]
    pub format: SbomForm,
    /// Push as this user
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read that user's password or token from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// Speak plain HTTP with the registry
    #[arg(long)]
    pub plain_http: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// What others say of vulnerabilities, and what you decided, for others
#[derive(Debug, Subcommand)]
pub(crate) enum Vex {
    List(ListVex),
    Show(ShowVex),
    Add(AddVex),
    Remove(RemoveVex),
    Export(ExportVex),
    #[command(subcommand)]
    Source(VexSource),
}

/// Fetch VEX documents from addresses: hubs, vendors' documents
///
/// A server looks at each now and every so many hours, and takes what
/// changed; images it speaks of are judged again.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  seawall vex source add hub https://vendor.example/vex-repository.json
  seawall vex source add curl https://vendor.example/curl.openvex.json --every 6
  seawall vex source list                  how it went, and what each brought
  seawall vex source fetch hub             look at it now")]
pub(crate) enum VexSource {
    List(ListVex),
    Add(AddVexSource),
    /// Look at a source now
    Fetch(OneVexSource),
    /// Forget a source and what came from it
    Remove(OneVexSource),
}

/// Have what is at an address hold on a server
#[derive(Args, Debug)]
pub(crate) struct AddVexSource {
    /// What people know it by; its documents' names begin with it
    pub name: String,
    /// An OpenVEX, CSAF or CycloneDX document, or a VEX repository: its vex-repository.json, its
    /// archive (.tar.gz) or its index.json
    #[arg(value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub address: String,
    /// Only in this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Hours between two looks (24)
    #[arg(long, value_name = "HOURS")]
    pub every: Option<u32>,
    /// It is on a private network
    #[arg(long)]
    pub allow_private: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// One of them.
#[derive(Args, Debug)]
pub(crate) struct OneVexSource {
    /// Its name or id
    pub name: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// List the VEX documents that hold on a server
#[derive(Args, Debug)]
pub(crate) struct ListVex {
    /// Only what holds in this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: super::remote::ListFormat,
}

/// Show what a VEX document on a server says
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall vex show 0198c3d1-7a3e-7b7a-9f6e-0a6f2b1c4d5e
  seawall vex show vexhub/pkg/npm/left/vex.json --query CVE-2024-1 --format json")]
pub(crate) struct ShowVex {
    /// Its id or its name, as `seawall vex list` shows them
    pub document: String,
    /// Only statements that have this text in what they are about or say
    #[arg(long = "query", value_name = "TEXT")]
    pub text: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Have VEX documents hold on a server
///
/// A folder is walked: a VEX hub that was cloned or unpacked is added
/// with all its documents. One of the same name is replaced.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall vex add vendor.openvex.json
  seawall vex add vexhub/ --environment production")]
pub(crate) struct AddVex {
    /// OpenVEX, CSAF or CycloneDX as JSON, or folders of them
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Only in this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub remote: Remote,
}

/// Have a VEX document hold no longer
#[derive(Args, Debug)]
pub(crate) struct RemoveVex {
    /// Its id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// In which form decisions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VexForm {
    #[default]
    Openvex,
    Cyclonedx,
    Csaf,
}

/// Write what exemptions and dismissals say of vulnerabilities, as VEX
///
/// With --in-use-days also what was never seen in use: sensors watched every container of an image
/// for that long without a break, and nothing of the vulnerable package was loaded or executed. That
/// holds as of now; export again to say what holds later.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall vex export > ours.openvex.json
  seawall vex export --image registry.example/shop:1 --format csaf -o shop.csaf.json
  seawall vex export --in-use-days 30      and what was not loaded or executed for a month")]
pub(crate) struct ExportVex {
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    pub format: VexForm,
    /// Only about this image: its id, name, tag or digest
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Say 'not affected' too of vulnerable packages that were watched for so many days without a
    /// break and never seen in use
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub in_use_days: Option<u32>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Write it here instead of to standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub remote: Remote,
}
