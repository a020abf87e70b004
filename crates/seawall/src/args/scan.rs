//! `seawall scan`

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use model::{Platform, Severity};
use report::Format;

use super::DatabaseDir;
use crate::gate::Gate;

/// Scan images, folders, archives and SBOMs for vulnerabilities, secrets and bad settings
///
/// A target is an image reference (debian:12, registry.example/app@sha256:…), the
/// path of a `docker save` archive, an OCI layout, a folder with a root file system
/// or an SBOM (CycloneDX or SPDX JSON). What it is, is found out; a prefix decides:
///
///   registry:NAME      an image in its registry, even if it is here too
///   docker:NAME        an image in the local Docker Engine
///   containerd:NAME    an image in the local containerd
///   archive:PATH       a `docker save` archive or a tar of an OCI layout
///   oci:PATH           an OCI layout folder
///   dir:PATH           a folder, taken as a root file system
///   sbom:PATH          an SBOM document
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  seawall scan debian:12
  seawall scan registry.example/shop/web:1.4 --platform linux/arm64
  docker save shop | seawall scan archive:/dev/stdin
  seawall scan / --skip var/lib/docker
  seawall scan . --fail-on high,fixable --format table --format sarif=seawall.sarif
  seawall scan app.cdx.json --vex app.openvex.json --show-suppressed
  seawall scan shop:1 --scanners secret --fail-on medium
  seawall scan shop:1 --scanners license --license-policy licenses.yaml
  seawall scan shop:1 --malware-hashes /etc/seawall/hashes --fail-on low,malware
  seawall scan shop:1 --malware-rules /etc/seawall/yara

Exit codes: 0 clean, 1 --fail-on was reached, 2 usage, 3 a target could not be scanned,
4 part of a target could not be read (unless --allow-partial)."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of a command line"
)]
pub(crate) struct Scan {
    /// What to scan
    #[arg(required = true, value_name = "TARGET", value_hint = clap::ValueHint::AnyPath)]
    pub targets: Vec<String>,

    /// Format of the result, and the file to write it to; may be given several times
    ///
    /// FORMAT is table, wide, json, sarif, cyclonedx, spdx or csv. Without `=FILE`
    /// the result goes to standard output (or to --output).
    #[arg(short, long, value_name = "FORMAT[=FILE]", help_heading = "Output")]
    pub format: Vec<Sink>,
    /// Write what would go to standard output to this file
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// List suppressed findings too, with who says so and why
    #[arg(long, help_heading = "Output")]
    pub show_suppressed: bool,
    /// List every package found (tables only)
    #[arg(long, help_heading = "Output")]
    pub list_packages: bool,
    /// Lay tables out for this many columns, also in a file or a pipe
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..), help_heading = "Output")]
    pub width: Option<u16>,

    /// What to look for: vuln, secret, misconfig, malware, license
    ///
    /// Without it the first three; of a running machine (`/`), where secrets belong, not
    /// those. `malware` needs lists or rules, and is looked for wherever some are given. `license`
    /// lists the licences of all packages, and judges them where a policy is given. A bill
    /// of materials goes with every one.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "What counts"
    )]
    pub scanners: Vec<Scanner>,
    /// Lists of SHA-256 hashes of programs known to be bad, or folders of them
    ///
    /// On each line a hash, and a name before or behind it if you like. Every program in
    /// every layer is compared with them. Implies `malware`; may be given several times.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath, help_heading = "What counts")]
    pub malware_hashes: Vec<PathBuf>,
    /// YARA rules, files or folders of them (.yar, .yara), to judge programs by
    ///
    /// Every program in every layer is shown to `seawall-malware`, a confined program that is
    /// to be installed beside this one. Implies `malware`; may be given several times.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath, help_heading = "What counts")]
    pub malware_rules: Vec<PathBuf>,
    /// Which licences may be shipped: a YAML file with `allowed`, `forbidden`, `exceptions`
    ///
    /// As `licenses` of a server's configuration. Implies `license`.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "What counts")]
    pub license_policy: Option<PathBuf>,
    /// Report only findings of these severities
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "What counts"
    )]
    pub severity: Vec<Severity>,
    /// Report only findings for which a fixed version exists
    #[arg(long, help_heading = "What counts")]
    pub ignore_unfixed: bool,
    /// Exit with 1 if a reported finding is this severe or worse
    ///
    /// Conditions after the severity must hold too: `high,fixable`, `low,kev` (known
    /// to be exploited), `medium,epss>0.5`, which hold of vulnerabilities alone, or what it is:
    /// `high,vuln`, `low,secret`. Given several times, any of them suffices.
    /// `unknown` means any finding at all.
    #[arg(
        long,
        value_name = "SEVERITY[,CONDITION…]",
        help_heading = "What counts"
    )]
    pub fail_on: Vec<Gate>,
    /// Statements that findings do not apply: OpenVEX, CSAF or CycloneDX files
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "What counts")]
    pub vex: Vec<PathBuf>,
    /// Findings to ignore, each with a reason; default: .seawallignore.yaml if it is there
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "What counts")]
    pub ignorefile: Option<PathBuf>,
    /// Exit with 0 although part of a target could not be read
    #[arg(long, help_heading = "What counts")]
    pub allow_partial: bool,

    /// Which image of a multi-platform index; default: linux on this processor
    #[arg(
        long,
        value_name = "OS/ARCH[/VARIANT]",
        help_heading = "Reading the target"
    )]
    pub platform: Option<Platform>,
    /// Leave out this path inside the target; may be given several times
    #[arg(long, value_name = "PATH", help_heading = "Reading the target")]
    pub skip: Vec<String>,
    /// Which image of an archive or layout that holds several: its name or digest
    #[arg(long, value_name = "NAME", help_heading = "Reading the target")]
    pub select: Option<String>,
    /// Raise or lower a bound on what is read; may be given several times
    ///
    /// entries (files in one layer), layer-bytes (of one layer, unpacked), wanted-bytes
    /// (of the files looked into, per layer), ratio (unpacked per packed byte),
    /// layer-time, layers, packages. As in `--limit layer-bytes=100GiB`.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Reading the target")]
    pub limit: Vec<Limit>,
    /// Give up on a target after this long, as in 90s, 10m or 1h
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Reading the target")]
    pub timeout: Option<Duration>,
    /// Folder for what was learned of layers; default: `$SEAWALL_CACHE_DIR`,
    /// else /var/cache/seawall or ~/.cache/seawall
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache", value_hint = clap::ValueHint::DirPath, help_heading = "Reading the target")]
    pub cache_dir: Option<PathBuf>,
    /// Neither read nor write that folder
    #[arg(long, help_heading = "Reading the target")]
    pub no_cache: bool,

    /// Parse layers in this process, without a sandbox
    ///
    /// For systems whose kernel cannot filter calls (seccomp): a flaw in a parser is then
    /// not contained.
    #[arg(long, help_heading = "Reading the target")]
    pub no_isolation: bool,

    /// Hand the result to this server, too, so that what a pipeline builds is known there
    ///
    /// The token in `$SEAWALL_TOKEN` (permission ingest) or that of `seawall login` is used.
    /// The server keeps what is in the target and decides itself what is vulnerable in it.
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url, help_heading = "Reporting")]
    pub report: Option<String>,
    /// What to call the pipeline there; default: what the CI system says in its variables
    #[arg(
        long,
        value_name = "NAME",
        requires = "report",
        help_heading = "Reporting"
    )]
    pub pipeline: Option<String>,
    /// The server's environment it belongs to
    #[arg(
        long,
        value_name = "NAME",
        requires = "report",
        help_heading = "Reporting"
    )]
    pub environment: Option<String>,

    /// User name for the registry; default: what `docker login` stored
    #[arg(
        long,
        value_name = "NAME",
        requires = "password_stdin",
        help_heading = "Registry"
    )]
    pub username: Option<String>,
    /// Read that user's password or token from standard input
    #[arg(long, requires = "username", help_heading = "Registry")]
    pub password_stdin: bool,
    /// Speak plain HTTP to this registry; loopback always may
    #[arg(long, value_name = "HOST[:PORT]", help_heading = "Registry")]
    pub insecure_registry: Vec<String>,
    /// Further certificate authorities to trust, PEM
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Registry")]
    pub ca_file: Option<PathBuf>,

    #[command(flatten)]
    pub database: DatabaseDir,
    /// Touch no network: refuse registry targets
    #[arg(long)]
    pub offline: bool,
}

/// What a scan looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scanner {
    Vuln,
    Secret,
    Misconfig,
    Malware,
    License,
}

impl Scanner {
    const ALL: [Self; 5] = [
        Self::Vuln,
        Self::Secret,
        Self::Misconfig,
        Self::Malware,
        Self::License,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Vuln => "vuln",
            Self::Secret => "secret",
            Self::Misconfig => "misconfig",
            Self::Malware => "malware",
            Self::License => "license",
        }
    }
}

impl FromStr for Scanner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| {
            format!(
                "unknown scanner '{text}' (expected vuln, secret, misconfig, malware or license)"
            )
        })
    }
}

/// A format and where its output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    pub format: Format,
    /// `None`: standard output.
    pub file: Option<PathBuf>,
}

impl FromStr for Sink {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (format, file) = match text.split_once('=') {
            Some((_, "")) => return Err("no file after '='".to_owned()),
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = format
            .parse()
            .map_err(|error: report::ParseFormatError| error.to_string())?;
        Ok(Self { format, file })
    }
}

/// One bound of [`scan::Limits`], by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Entries(u64),
    Layers(usize),
    LayerBytes(u64),
    LayerTime(Duration),
    Packages(usize),
    Ratio(u64),
    WantedBytes(u64),
}

impl Limit {
    pub(crate) fn apply(self, limits: &mut scan::Limits) {
        match self {
            Self::Entries(value) => limits.entries = value,
            Self::Layers(value) => limits.layers = value,
            Self::LayerBytes(value) => limits.layer_bytes = value,
            Self::LayerTime(value) => limits.layer_time = value,
            Self::Packages(value) => limits.packages = value,
            Self::Ratio(value) => limits.ratio = value,
            Self::WantedBytes(value) => limits.wanted_bytes = value,
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or("expected NAME=VALUE, as in layer-bytes=100GiB")?;
        let number = || {
            value
                .parse()
                .map_err(|error| format!("'{value}' is no whole number ({error})"))
        };
        let length = || {
            number().and_then(|value: u64| {
                usize::try_from(value).map_err(|error| format!("'{value}' is too large ({error})"))
            })
        };
        Ok(match name {
            "entries" => Self::Entries(number()?),
            "layers" => Self::Layers(length()?),
            "layer-bytes" => Self::LayerBytes(bytes(value)?),
            "layer-time" => Self::LayerTime(duration(value)?),
            "packages" => Self::Packages(length()?),
            "ratio" => Self::Ratio(number()?),
            "wanted-bytes" => Self::WantedBytes(bytes(value)?),
            _ => {
                return Err(format!(
                    "unknown limit '{name}' (expected one of entries, layers, layer-bytes, \
                     layer-time, packages, ratio, wanted-bytes)"
                ));
            }
        })
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let refuse =
        || format!("'{text}' is no size (expected a number, KiB, MiB or GiB, as in 10GiB)");
    let (digits, shift) = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))
        .unwrap_or((text, 0));
    let number: u64 = digits.trim().parse().ok().ok_or_else(refuse)?;
    number.checked_mul(1 << shift).ok_or_else(refuse)
}

fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("'{text}' is no duration (expected a number and s, m or h, as in 10m)");
    let (digits, seconds) = match text.char_indices().next_back().ok_or_else(refuse)? {
        (at, 's') => (text.get(..at), 1),
        (at, 'm') => (text.get(..at), 60),
        (at, 'h') => (text.get(..at), 3600),
        _ => (Some(text), 1),
    };
    let number: u64 = digits
        .and_then(|digits| digits.parse().ok())
        .filter(|number| *number > 0)
        .ok_or_else(refuse)?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_may_name_its_file() {
        let sink: Sink = "sarif=out/a=b.sarif".parse().unwrap();
        assert_eq!(sink.format, Format::Sarif);
        assert_eq!(
            sink.file.as_deref(),
            Some(std::path::Path::new("out/a=b.sarif"))
        );
        assert!("sarif=".parse::<Sink>().is_err());
        assert!(
            "pdf"
                .parse::<Sink>()
                .unwrap_err()
                .contains("expected one of table")
        );
    }

    #[test]
    fn a_limit_names_its_bound_and_unit() {
        assert_eq!("layer-bytes=2GiB".parse(), Ok(Limit::LayerBytes(2 << 30)));
        assert_eq!("entries=5".parse(), Ok(Limit::Entries(5)));
        let refusal = |text: &str| text.parse::<Limit>().unwrap_err();
        assert!(refusal("files=5").contains("expected one of entries"));
        assert!(refusal("layer-bytes=2TB").contains("'2TB'"));
        assert!(refusal("layer-bytes=99999999999999GiB").contains("no size"));
        assert!(refusal("entries").contains("NAME=VALUE"));
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("1h"), Ok(Duration::from_hours(1)));
        for bad in ["", "0s", "m", "-1s", "1 m", "1d", "½h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
