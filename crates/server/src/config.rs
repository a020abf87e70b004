//! What an operator may choose: `seawall.yaml`, and the same keys as
//! `SEAWALL__SECTION__KEY` in the environment.

mod access;
mod audit;
mod malware;
mod rules;
mod sensor;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_norway::{Mapping, Value};

pub use access::{GroupRole, LimitConfig, OidcConfig, SessionConfig, TlsConfig, TokenConfig};
pub use audit::{AuditConfig, AuditSource, CloudwatchSource, EventHubsSource, FileSource};
pub use malware::MalwareConfig;
pub use rules::RuleConfig;
pub use sensor::{Beside, SensorConfig};

/// Everything the server may be told. The defaults suit one person on
/// one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on. Anything but loopback speaks TLS.
    pub listen: SocketAddr,
    /// How browsers reach it, where that is not `listen`:
    /// `https://seawall.example`.
    pub public_url: String,
    /// Proxies (addresses, networks) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Folder for the database, the advisories and the demonstration.
    pub data_dir: PathBuf,
    /// Folder for what was learned of image layers.
    pub cache_dir: PathBuf,
    /// Add the demonstration environment at start.
    pub demo: bool,
    pub store: StoreConfig,
    pub advisories: AdvisoryConfig,
    pub scan: ScanConfig,
    /// Which licences images may ship.
    pub licenses: model::LicensePolicy,
    pub audit: AuditConfig,
    pub rules: RuleConfig,
    pub sensor: SensorConfig,
    pub tls: TlsConfig,
    pub session: SessionConfig,
    pub tokens: TokenConfig,
    pub limits: LimitConfig,
    pub oidc: OidcConfig,
    pub retention: RetentionConfig,
    pub export: ExportConfig,
    pub telemetry: TelemetryConfig,
}

/// `store`: where the record is kept.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// A PostgreSQL database: `postgres://user@host:port/database` with
    /// `sslmode`, `sslrootcert`, `sslcert`, `sslkey` and `password_file`.
    /// Empty: an embedded file in `data_dir`.
    pub url: String,
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        let url = match store::Place::server(&self.url) {
            Ok(place) => place.to_string(),
            Err(_) => String::new(),
        };
        f.debug_struct("StoreConfig").field("url", &url).finish()
    }
}

/// `telemetry`: what the server says of its own work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// An OpenTelemetry collector that takes traces over HTTP:
    /// `http://localhost:4318`. Empty: none are sent.
    pub otlp_url: String,
}

/// `export`: telling other systems.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// The file whose keys seal the secrets of sinks. Empty: `vault.key`
    /// in `data_dir`, made at the first start. Servers that share a
    /// database share it.
    pub key_file: PathBuf,
}

/// `retention`: how long what is over and done with is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Findings that are resolved, since they were.
    pub resolved: Interval,
    /// What happened to findings that are still there.
    pub history: Interval,
    /// Entries of the change feed.
    pub changes: Interval,
    /// Scans that ended.
    pub scans: Interval,
    /// What admission decided.
    pub decisions: Interval,
    /// How often what is older is removed.
    pub interval: Interval,
}

/// `advisories`: where knowledge of vulnerabilities comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdvisoryConfig {
    /// Keep the advisory database up to date over the network.
    pub update: bool,
    /// Where from: a base URL in the OSV bucket's layout. Empty: the
    /// public one.
    pub url: String,
    /// How often.
    pub interval: Interval,
    /// The largest file the dashboard may import.
    pub max_upload: Size,
}

/// `scan`: what is looked at without being asked, and what may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of a configuration file"
)]
pub struct ScanConfig {
    /// Scan this machine's own root file system.
    pub machine: bool,
    /// Scan every image in the local Docker Engine and containerd.
    pub images: bool,
    /// Scan images that watched clusters and hosts run and nobody
    /// scanned, from wherever they were pulled.
    pub running: bool,
    /// How often both are looked at again.
    pub interval: Interval,
    /// Allow the dashboard to ask for files and folders of this machine.
    pub local_paths: bool,
    /// Scans at once; one more is kept free for what somebody waits for.
    pub concurrency: usize,
    /// A scan that takes longer is stopped.
    pub timeout: Interval,
    /// How often images that run are read again, where no watched
    /// registry holds them.
    pub again: Interval,
    /// Registries (`host` or `host:port`) that may be spoken to without
    /// TLS. Loopback always may.
    pub insecure_registries: Vec<String>,
    /// Registries that are not watched may lead to private networks. One
    /// that is on a private network itself always may, link-local
    /// addresses never.
    pub allow_private: bool,
    /// Paths not to report from: `*` within a name, `**` across names.
    pub skip: Vec<String>,
    /// Parse images in processes of their own, which may do nothing else.
    pub isolation: bool,
    pub malware: MalwareConfig,
    /// The program that is such a process: `seawall`. Told by the
    /// command, not by people; without it the server parses by itself.
    #[serde(skip)]
    pub worker: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8470),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            data_dir: PathBuf::from("data"),
            cache_dir: PathBuf::from("data/cache"),
            demo: false,
            store: StoreConfig::default(),
            advisories: AdvisoryConfig::default(),
            scan: ScanConfig::default(),
            licenses: model::LicensePolicy::default(),
            audit: AuditConfig::default(),
            rules: RuleConfig::default(),
            sensor: SensorConfig::default(),
            tls: TlsConfig::default(),
            session: SessionConfig::default(),
            tokens: TokenConfig::default(),
            limits: LimitConfig::default(),
            oidc: OidcConfig::default(),
            retention: RetentionConfig::default(),
            export: ExportConfig::default(),
            telemetry: TelemetryConfig::default(),
        }
    }
}

impl Default for AdvisoryConfig {
    fn default() -> Self {
        Self {
            update: true,
            url: String::new(),
            interval: Interval::hours(24),
            max_upload: Size(4 << 30),
        }
    }
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            machine: true,
            images: true,
            running: true,
            interval: Interval::hours(24),
            local_paths: true,
            concurrency: 1,
            timeout: Interval::hours(1),
            again: Interval::hours(24 * 7),
            insecure_registries: Vec::new(),
            allow_private: false,
            skip: Vec::new(),
            isolation: true,
            malware: MalwareConfig::default(),
            worker: None,
        }
    }
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            resolved: Interval::hours(24 * 180),
            history: Interval::hours(24 * 365),
            changes: Interval::hours(24 * 90),
            scans: Interval::hours(24 * 90),
            decisions: Interval::hours(24 * 30),
            interval: Interval::hours(1),
        }
    }
}

/// Why the configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("understand the configuration: {0}")]
    Parse(String),
    #[error("apply {variable}: '{part}' is a value, not a section")]
    NotASection { variable: String, part: String },
    #[error("understand the configuration: {key}: {why}")]
    Refused { key: &'static str, why: String },
    #[error("set scan.concurrency to {0}: expected 1 to 64")]
    Concurrency(usize),
}

/// Begins the name of every variable that overrides a key.
pub const ENV_PREFIX: &str = "SEAWALL__";

impl Config {
    /// Reads a file's text and the environment's overrides over it.
    pub fn read<I>(yaml: &str, environment: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        Self::default().overlaid(yaml, environment)
    }

    /// As [`Self::read`], over these values instead of the defaults.
    pub fn overlaid<I>(&self, yaml: &str, environment: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let refuse = |error: serde_norway::Error| ConfigError::Parse(error.to_string());
        let mut value = serde_norway::to_value(self).map_err(refuse)?;
        let written: Value = serde_norway::from_str(yaml).map_err(refuse)?;
        overlay(&mut value, written);
        for (name, text) in environment {
            let Some(path) = name.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            let text = serde_norway::from_str(&text).unwrap_or(Value::String(text));
            let parts: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
            set(&mut value, &parts, text, &name)?;
        }
        let config: Self = match serde_norway::from_value(value.clone()) {
            Ok(config) => config,
            Err(error) => {
                let base = serde_norway::to_value(self).map_err(refuse)?;
                return Err(match culprit(&value, &base) {
                    Some(key) => ConfigError::Parse(format!("{key}: {error}")),
                    None => refuse(error),
                });
            }
        };
        config.check()?;
        Ok(config)
    }

    /// What the types alone cannot hold.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_access()?;
        self.check_audit()?;
        self.check_sensor()?;
        if !(1..=64).contains(&self.scan.concurrency) {
            return Err(ConfigError::Concurrency(self.scan.concurrency));
        }
        Ok(())
    }

    /// Where the record is kept.
    pub fn store(&self) -> Result<store::Place, store::StoreError> {
        if self.store.url.is_empty() {
            Ok(store::Place::file(&self.data_dir.join("seawall.db")))
        } else {
            store::Place::server(&self.store.url)
        }
    }

    /// Where the keys are that seal secrets.
    pub fn vault_key(&self) -> PathBuf {
        if self.export.key_file.as_os_str().is_empty() {
            self.data_dir.join("vault.key")
        } else {
            self.export.key_file.clone()
        }
    }

    /// Where audit events wait.
    pub fn audit_dir(&self) -> PathBuf {
        self.data_dir.join("audit")
    }

    /// Where the advisory database lives.
    pub fn advisories_dir(&self) -> PathBuf {
        self.data_dir.join("advisories")
    }
}

/// The key whose value is refused: the one that is not when put back to
/// what it was. `None` where a key is not known, which serde names.
fn culprit(value: &Value, base: &Value) -> Option<String> {
    let mut keys = Vec::new();
    leaves(base, &mut Vec::new(), &mut keys);
    keys.into_iter().find_map(|(path, leaf)| {
        let mut mended = value.clone();
        set(&mut mended, &path, leaf, "").ok()?;
        let is_mended = serde_norway::from_value::<Config>(mended).is_ok();
        is_mended.then(|| path.join("."))
    })
}

fn leaves(value: &Value, path: &mut Vec<String>, out: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Mapping(section) => {
            for (key, value) in section {
                path.extend(key.as_str().map(str::to_owned));
                leaves(value, path, out);
                path.pop();
            }
        }
        leaf => out.push((path.clone(), leaf.clone())),
    }
}

fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (_, Value::Null) => {}
        (Value::Mapping(base), Value::Mapping(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(known) => overlay(known, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

fn set(value: &mut Value, path: &[String], leaf: Value, variable: &str) -> Result<(), ConfigError> {
    let Some((first, rest)) = path.split_first() else {
        *value = leaf;
        return Ok(());
    };
    let Value::Mapping(section) = value else {
        return Err(ConfigError::NotASection {
            variable: variable.to_owned(),
            part: first.clone(),
        });
    };
    let key = Value::String(first.clone());
    let next = section
        .entry(key)
        .or_insert_with(|| Value::Mapping(Mapping::new()));
    set(next, rest, leaf, variable)
}

/// A length of time: `30s`, `15m`, `24h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(pub Duration);

impl Interval {
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3600))
    }
}

const TIME_UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number_and_unit(text, &TIME_UNITS)
            .filter(|seconds| (1..=366 * 86_400).contains(seconds))
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| {
                format!("'{text}' is no length of time (expected a number and s, m, h or d: 24h)")
            })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_with_unit(f, self.0.as_secs(), &TIME_UNITS)
    }
}

/// A number of bytes: `64MiB`, `4GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number_and_unit(text, &SIZE_UNITS).map(Self).ok_or_else(|| {
            format!("'{text}' is no size (expected a number and B, KiB, MiB or GiB: 64MiB)")
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_with_unit(f, self.0, &SIZE_UNITS)
    }
}

fn number_and_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, scale) = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(*scale)
}

fn print_with_unit(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (unit, scale) = units
        .iter()
        .find(|(_, scale)| value >= *scale && value.is_multiple_of(*scale))
        .unwrap_or(&units[units.len() - 1]);
    write!(f, "{}{unit}", value / scale)
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Interval);
as_text!(Size);

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::read("", []).unwrap(), Config::default());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = Config::read(
            "scan:\n  machine: false\n  interval: 12h\nlisten: '127.0.0.1:9000'\n",
            variables(&[
                ("SEAWALL__SCAN__INTERVAL", "30m"),
                ("SEAWALL__SCAN__CONCURRENCY", "3"),
                ("SEAWALL__SCAN__SKIP", "[a, b]"),
                ("HOME", "/root"),
            ]),
        )
        .unwrap();
        assert!(!config.scan.machine);
        assert_eq!(config.scan.interval.to_string(), "30m");
        assert_eq!(config.scan.concurrency, 3);
        assert_eq!(config.scan.skip, ["a", "b"]);
        assert_eq!(config.listen.port(), 9000);
    }

    #[test]
    fn refusals_name_the_key_and_what_is_allowed() {
        let refusal = |yaml: &str, pairs: &[(&str, &str)]| {
            Config::read(yaml, variables(pairs))
                .unwrap_err()
                .to_string()
        };
        let cases = [
            refusal("scan:\n  machin: true", &[]),
            refusal("scan:\n  interval: soon", &[]),
            refusal("advisories:\n  max_upload: 4 gigs", &[]),
            refusal("tls:\n  certificate: c.pem", &[]),
            refusal("public_url: seawall.example", &[]),
            refusal("trusted_proxies: [everyone]", &[]),
            refusal("session:\n  idle: 8d", &[]),
            refusal("oidc:\n  issuer: http://id.example", &[]),
            refusal("oidc:\n  issuer: https://id.example\n  client_id: s", &[]),
            refusal("scan:\n  concurrency: 0", &[]),
            refusal("", &[("SEAWALL__LISTEN__PORT", "1")]),
        ];
        insta::assert_snapshot!(cases.join("\n"));
    }

    /// The reference names every key with its default, and no other.
    #[test]
    fn the_reference_page_lists_every_key() {
        let page = include_str!("../../../docs/reference/config.md");
        let documented: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
            .map(|(key, _)| key)
            .collect();
        let mut keys = Vec::new();
        let defaults = serde_norway::to_value(Config::default()).unwrap();
        leaves(&defaults, &mut Vec::new(), &mut keys);
        let known: Vec<String> = keys.iter().map(|(path, _)| path.join(".")).collect();
        assert_eq!(documented, known);
        for (path, value) in keys {
            let value = serde_norway::to_string(&value).unwrap();
            let row = format!("| `{}` | `{}` |", path.join("."), value.trim());
            assert!(page.contains(&row), "docs/reference/config.md lacks: {row}");
        }
    }

    #[test]
    fn lengths_of_time_and_sizes_print_as_they_are_written() {
        for text in ["30s", "15m", "24h", "7d", "90s"] {
            let expected = if text == "24h" { "1d" } else { text };
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), expected);
        }
        assert_eq!("64MiB".parse::<Size>().unwrap(), Size(64 << 20));
        assert_eq!(Size(1536).to_string(), "1536B");
    }
}
