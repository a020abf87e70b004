//! Whole feeds, taken in and asked.

use model::{Cancel, Severity, VulnerabilityId};
use vulns::{
    Database,
    feed::{self, FeedError},
};

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

#[test]
fn a_folder_of_other_things_is_refused_and_changes_nothing() {
    let (dir, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("package.json"), r#"{"name":"x"}"#).unwrap();
    std::fs::write(folder.path().join("all.zip"), "no archive").unwrap();
    let paths = [folder.path().to_owned()];
    let cancel = Cancel::default();
    let import = || feed::import(dir.path(), &paths, &[], &Fixed, &feed::Silent, &cancel);
    let error = import().unwrap_err();
    assert!(matches!(error, FeedError::OpenArchive { .. }), "{error}");
    assert!(Database::open(dir.path()).is_err());

    // One good record is enough; the rest is named.
    let record = r#"{"id":"GHSA-1","affected":[]}"#;
    std::fs::write(folder.path().join("GHSA-1.json"), record).unwrap();
    let outcome = import().unwrap();
    assert_eq!(outcome.warnings.len(), 2);
    // What was left out once is not there to be left out again.
    let again = feed::import(
        dir.path(),
        &[folder.path().join("GHSA-1.json")],
        &[],
        &Fixed,
        &feed::Silent,
        &cancel,
    );
    assert_eq!(again.unwrap().warnings, []);
}

#[test]
fn a_cancelled_import_leaves_the_old_generation() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("GHSA-1.json");
    std::fs::write(&record, r#"{"id":"GHSA-1","affected":[]}"#).unwrap();
    let (home, paths) = (dir.path().join("db"), [record]);
    let cancel = Cancel::default();
    let import = || feed::import(&home, &paths, &[], &Fixed, &feed::Silent, &cancel);
    let first = import().unwrap();
    cancel.cancel();
    assert!(matches!(import().unwrap_err(), FeedError::Cancelled));
    let now = Database::open(&home).unwrap();
    assert_eq!(*now.status(), first.status);
}
