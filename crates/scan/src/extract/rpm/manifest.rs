//! `container-manifest-2`: what distroless Azure Linux images keep in
//! place of a database, one package a line in tab-separated columns:
//! name, version-release, installed, built, vendor, epoch or `(none)`,
//! size, architecture, epoch as a number, source rpm.

use super::{assemble, word};
use crate::extract::Extraction;

pub(super) fn read(bytes: &[u8], out: &mut Extraction) {
    let mut damaged = 0_usize;
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let columns: Vec<&str> = line.split('\t').map(str::trim).take(10).collect();
        let column = |index: usize| columns.get(index).copied().filter(|text| *text != "(none)");
        let version = word(column(1)).and_then(|version| version.rsplit_once('-'));
        let (Some(name), Some((version, release))) = (word(column(0)), version) else {
            damaged += 1;
            continue;
        };
        let epoch = column(8).and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut found = assemble(name, version, release, epoch, word(column(9)));
        found.architecture = word(column(7)).map(str::to_owned);
        out.packages.push(found);
    }
    if damaged > 0 {
        out.warn(format!("{damaged} damaged lines were skipped"));
    }
    out.packages.sort();
}
