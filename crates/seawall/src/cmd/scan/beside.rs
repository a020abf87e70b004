//! What a scan tells beside vulnerabilities: secrets, settings, licences.

use std::path::Path;

use anyhow::anyhow;
use model::{LicensePolicy, Report};
use scan::Source;

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
}

impl Beside {
    pub(super) fn of(scan: &Scan) -> Result<Self, Failure> {
        let licenses = scan.license_policy.as_deref().map(policy).transpose()?;
        let mut scanners = scan.scanners.clone();
        if licenses.is_some() && !scanners.is_empty() && !scanners.contains(&Scanner::License) {
            scanners.push(Scanner::License);
        }
        Ok(Self { scanners, licenses })
    }

    fn has(&self, scanner: Scanner) -> bool {
        self.scanners.contains(&scanner)
            || self.scanners.is_empty() && (scanner != Scanner::License || self.licenses.is_some())
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
        let settings = policy::image_issues(sbom, target, self.licenses.as_ref(), now);
        issues.extend(
            settings
                .into_iter()
                .filter(|issue| self.has(gate::sort(issue))),
        );
        report.tell(issues, [scan::secret_rules(), policy::image_rules()]);
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
