//! Whole feeds, taken in and asked.

use model::{Cancel, Severity, VulnerabilityId};
use vulns::{Database, feed};

use crate::shared::{Fixed, data};

#[test]
fn the_whole_tree_of_feeds_becomes_one_database() {
    let (Some(osv), Some(derived), Some(intel)) = (data("osv"), data("osv-derived"), data("intel"))
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let paths = [osv, derived, intel];
    let cancel = Cancel::default();
    let outcome = feed::import(dir.path(), &paths, &[], &Fixed, &feed::Silent, &cancel).unwrap();
    // 18 templates among the records list a number where versions belong.
    assert_eq!(outcome.warnings.len(), 18);
    assert!(outcome.status.advisories > 53_000);
    assert!(!outcome.status.starter_only);

    let db = Database::open(dir.path()).unwrap();
    let id = VulnerabilityId::new("CVE-2021-23337");
    let lodash = db.vulnerability(&id).unwrap();
    assert_eq!(lodash.severity, Severity::High);
    assert!(lodash.aliases.contains(&"GHSA-35jh-r3h4-6jhm".to_owned()));
    let log4shell = VulnerabilityId::new("ghsa-jfh8-c2jp-5v3q");
    let log4shell = db.vulnerability(&log4shell).unwrap();
    assert_eq!(log4shell.id.as_str(), "CVE-2021-44228");
    assert_eq!(log4shell.severity, Severity::Critical);
    assert!(log4shell.kev.is_some_and(|kev| kev.ransomware));
    assert!(log4shell.epss.is_some_and(|epss| epss.score > 0.9));
}
