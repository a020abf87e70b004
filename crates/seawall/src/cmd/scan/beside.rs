//! What a scan tells beside vulnerabilities: secrets, malware, settings,
//! licences.

use std::{path::Path, sync::Arc};

use anyhow::anyhow;
use model::{LicensePolicy, Report};
use scan::{KnownMalware, ListTrouble, MalwareLists, MalwareRules, RuleFiles, RulesError, Source};

use super::Context;
use crate::{
    args::scan::{Scan, Scanner},
    exit::Failure,
    gate,
};

/// The largest file of a policy that is read.
const LARGEST: u64 = 1 << 20;

/// What is asked for.
pub(super) struct Beside {
    /// Empty: what suits the target.
    scanners: Vec<Scanner>,
    licenses: Option<LicensePolicy>,
    malware: Option<Arc<KnownMalware>>,
}

impl Beside {
    pub(super) fn of(context: &Context, scan: &Scan) -> Result<Self, Failure> {
        let licenses = scan.license_policy.as_deref().map(policy).transpose()?;
        let mut scanners = scan.scanners.clone();
        if licenses.is_some() && !scanners.is_empty() && !scanners.contains(&Scanner::License) {
            scanners.push(Scanner::License);
        }
        let malware = malware(context, scan)?;
        let is_asked = scanners.contains(&Scanner::Malware);
        match &malware {
            Some(_) if !scanners.is_empty() && !is_asked => scanners.push(Scanner::Malware),
            None if is_asked => {
                return Err(
                    Failure::usage(anyhow!("nothing is known of malware without lists or rules"))
                        .help("give lists of hashes with --malware-hashes or YARA rules with --malware-rules; see docs/guides/malware-rules.md"),
                );
            }
            _ => {}
        }
        Ok(Self {
            scanners,
            licenses,
            malware,
        })
    }

    fn has(&self, scanner: Scanner) -> bool {
        let is_told_what = match scanner {
            Scanner::License => self.licenses.is_some(),
            Scanner::Malware => self.malware.is_some(),
            Scanner::Vuln | Scanner::Secret | Scanner::Misconfig => true,
        };
        self.scanners.contains(&scanner) || self.scanners.is_empty() && is_told_what
    }

    /// What malware is looked for.
    pub(super) fn malware(&self) -> Option<Arc<KnownMalware>> {
        self.malware.clone()
    }

    /// A machine that runs is where secrets belong.
    pub(super) fn seeks_secrets(&self, source: &Source) -> bool {
        let is_machine = matches!(source, Source::Rootfs(path) if path == Path::new("/"));
        self.has(Scanner::Secret) && (!is_machine || !self.scanners.is_empty())
    }

    /// Adds what is asked for to a report, and leaves out what is not.
    pub(super) fn tell(&self, source: &Source, report: &mut Report) {
        let (sbom, target, now) = (&report.sbom, &report.target, report.scanned);
        let mut issues = Vec::new();
        if self.seeks_secrets(source) {
            issues.extend(scan::secret_issues(sbom, target, now).unwrap_or_default());
        }
        issues.extend(scan::malware_issues(sbom, target).unwrap_or_default());
        let settings = policy::image_issues(sbom, target, self.licenses.as_ref(), now);
        issues.extend(
            settings
                .into_iter()
                .filter(|issue| self.has(gate::sort(issue))),
        );
        report.tell(
            issues,
            [
                scan::secret_rules(),
                scan::malware_rules(),
                policy::image_rules(),
            ],
        );
        if !self.has(Scanner::Vuln) {
            report.findings.clear();
            report.suppressed.clear();
            report.vulnerabilities.clear();
            report.leaves_out_vulnerabilities = true;
        }
        // Asked for by name, they are listed.
        report.lists_licenses = self.scanners.contains(&Scanner::License);
    }
}

/// What is known of malware, by lists and by rules.
fn malware(context: &Context, scan: &Scan) -> Result<Option<Arc<KnownMalware>>, Failure> {
    let listed = listed(context, scan)?;
    let rules = rules(context, scan)?;
    let known = match (listed, rules) {
        (Some(known), Some(rules)) => Some(known.with_rules(rules)),
        (None, Some(rules)) => Some(KnownMalware::by_rules(rules)),
        (known, None) => known,
    };
    Ok(known.map(Arc::new))
}

/// The rules given. A file that cannot be read is an error, one with a
/// fault a warning, as long as there are others.
fn rules(context: &Context, scan: &Scan) -> Result<Option<MalwareRules>, Failure> {
    if scan.malware_rules.is_empty() {
        return Ok(None);
    }
    let own = std::env::current_exe().map_err(Failure::failed)?;
    let files = RuleFiles::beside(scan.malware_rules.clone(), &own);
    let (rules, complaints) = files.read().map_err(|error| {
        let help = match &error {
            RulesError::Missing(_) => {
                "build or install seawall-malware into the folder of seawall; see \
                 docs/guides/malware-rules.md"
            }
            RulesError::Compile { .. } => {
                "it is started without rights: everybody must be allowed to execute it, and to \
                 enter the folders above it"
            }
            RulesError::Read(_) | RulesError::None(_) => {
                "rules are YARA files; a folder has files that end in .yar or .yara"
            }
        };
        Failure::bad_file(error).help(help)
    })?;
    for complaint in complaints {
        context.warn(&complaint);
    }
    Ok(Some(rules))
}

/// The lists given. One that cannot be read is an error, a line that
/// cannot a warning.
fn listed(context: &Context, scan: &Scan) -> Result<Option<KnownMalware>, Failure> {
    if scan.malware_hashes.is_empty() {
        return Ok(None);
    }
    let (known, troubles) = MalwareLists::new(scan.malware_hashes.clone()).read();
    for trouble in troubles {
        match trouble {
            ListTrouble::Read { .. } => {
                return Err(Failure::bad_file(trouble).help(
                    "a list has a SHA-256 hash on each line, as `sha256sum` prints them; a folder \
                     has files that end in .txt, .csv, .sha256 or .hashes",
                ));
            }
            ListTrouble::Odd(text) => context.warn(&text),
        }
    }
    if known.is_empty() {
        context.warn(&"--malware-hashes: there is no hash in any list");
    }
    Ok(Some(known))
}

fn policy(path: &Path) -> Result<LicensePolicy, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    let bad = |error: anyhow::Error| {
        Failure::bad_file(error)
            .context(format!("read the licence policy {}", path.display()))
            .help("it has the keys allowed, forbidden and exceptions; see docs/guides/licenses.md")
    };
    read.map_err(|error| bad(error.into()))?;
    if text.len() as u64 > LARGEST {
        return Err(bad(anyhow!("it is larger than {LARGEST} bytes")));
    }
    serde_norway::from_str(&text).map_err(|error| bad(error.into()))
}
