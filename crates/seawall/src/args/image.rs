//! `seawall images` and `seawall recommendations`

use clap::{Args, Subcommand};

use super::remote::{Amount, ListFormat, Remote, ShowFormat};

/// List the images, machines and SBOMs a server has scanned
#[derive(Debug, Subcommand)]
pub(crate) enum Images {
    List(ListImages),
    Show(ShowImage),
    Timeline(ShowTimeline),
    Referrers(ListReferrers),
}

/// List what is attached to an image at its registry: signatures, SBOMs, attestations
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall images referrers 0197…
  seawall images referrers 0197… --format json")]
pub(crate) struct ListReferrers {
    /// The image's id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// Show why an image was looked at, what the looks found, and what changed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall images timeline 0197…            pushed, scanned, an advisory changed, running, …
  seawall images timeline 0197… --format json")]
pub(crate) struct ShowTimeline {
    /// The image's id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// List scanned targets, worst first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall images list
  seawall images list shop --severity critical,high
  seawall images list --vulnerability CVE-2021-44228 --format json")]
pub(crate) struct ListImages {
    /// Text in the name, a tag, the digest or the system's name
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Only with an open finding of any of these severities
    #[arg(short, long, value_name = "SEVERITY,…")]
    pub severity: Option<String>,
    /// Only with an open finding of this vulnerability
    #[arg(long, value_name = "ID")]
    pub vulnerability: Option<String>,
    /// Only with a package of this name
    #[arg(long, value_name = "NAME")]
    pub package: Option<String>,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    #[command(flatten)]
    pub amount: Amount,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show one image
#[derive(Args, Debug)]
pub(crate) struct ShowImage {
    /// Its id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// List what should be otherwise, and what mending it is worth
#[derive(Debug, Subcommand)]
pub(crate) enum Recommendations {
    List(ListRecommendations),
    Show(ShowRecommendation),
}

/// List recommendations, most points to gain first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall recommendations list
  seawall recommendations list --severity high,critical --state all")]
pub(crate) struct ListRecommendations {
    /// Text in the title or the id
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
    /// Only of these severities
    #[arg(short, long, value_name = "SEVERITY,…")]
    pub severity: Option<String>,
    /// open, healthy, `not_applicable` or all
    #[arg(long, value_name = "STATE", default_value = "open")]
    pub state: String,
    /// Only this environment
    #[arg(short, long, value_name = "NAME")]
    pub environment: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub remote: Remote,
}

/// Show one recommendation, with its steps
#[derive(Args, Debug)]
pub(crate) struct ShowRecommendation {
    /// Its id
    pub id: String,
    #[command(flatten)]
    pub remote: Remote,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    pub format: ShowFormat,
}
