//! How an advisory stands to vulnerabilities: is it one under another
//! name, or does it cover several?

use crate::osv::{self, Record};

/// How a record stands to the vulnerabilities it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the vulnerability, under one of its names.
    Same,
    /// It covers those named in `upstream`.
    Upstream,
    /// It covers each CVE named in `aliases`.
    Aliases,
    /// It covers each CVE named in `related`.
    Related,
    /// It is not about vulnerabilities.
    Unrelated,
}

impl Standing {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let id: &str = &record.id;
        if record.upstream.iter().any(|name| **name != *id) {
            return Self::Upstream;
        }
        let cves = record.aliases.iter().filter(|name| is_cve(name)).count();
        if cves + usize::from(is_cve(id)) > 1 {
            return Self::Aliases;
        }
        if cves > 0 || !is_distribution_bulletin(id) {
            return Self::Same;
        }
        // AlmaLinux and Rocky name what they mend as "related".
        if record.related.iter().any(|name| is_cve(name)) {
            Self::Related
        } else if is_bug_bulletin(id) {
            Self::Unrelated
        } else {
            Self::Same
        }
    }
}

fn is_cve(name: &str) -> bool {
    name.starts_with("CVE-")
}

/// Advisories of distributions bundle what one package update mends.
pub(crate) fn is_distribution_bulletin(id: &str) -> bool {
    let prefix = id.split('-').next().unwrap_or_default();
    matches!(
        prefix,
        "ALSA"
            | "ALBA"
            | "ALEA"
            | "RLSA"
            | "RLBA"
            | "RLEA"
            | "RXSA"
            | "RHSA"
            | "RHBA"
            | "RHEA"
            | "ELSA"
            | "ELBA"
            | "ELEA"
            | "DSA"
            | "DLA"
            | "USN"
            | "LSN"
            | "ALAS"
            | "ALAS2"
            | "ALAS2023"
            | "SUSE"
            | "openSUSE"
            | "MGASA"
            | "OESA"
            | "AZL"
    )
}

/// Bulletins about bugs and new features.
fn is_bug_bulletin(id: &str) -> bool {
    [
        "ALBA-", "ALEA-", "RLBA-", "RLEA-", "RHBA-", "RHEA-", "ELBA-", "ELEA-",
    ]
    .iter()
    .any(|prefix| id.starts_with(prefix))
}

/// What a record is also called, and what it covers.
pub(super) fn names_of<'r>(
    record: &'r Record<'_>,
    standing: Standing,
) -> (Vec<&'r str>, Vec<&'r str>) {
    fn cves<'r>(list: &'r [osv::Text<'_>]) -> Vec<&'r str> {
        let cves = list.iter().map(|name| &**name);
        cves.filter(|name| is_cve(name)).collect()
    }
    let mut covers = match standing {
        Standing::Same | Standing::Unrelated => {
            let aliases = record.aliases.iter().map(|name| &**name);
            return (aliases.filter(|name| !name.is_empty()).collect(), vec![]);
        }
        Standing::Upstream => {
            let upstream = record.upstream.iter().map(|name| &**name);
            upstream
                .filter(|name| !name.is_empty() && *name != &*record.id)
                .collect()
        }
        Standing::Aliases => cves(&record.aliases),
        Standing::Related => cves(&record.related),
    };
    covers.sort_unstable();
    covers.dedup();
    (vec![], covers)
}
