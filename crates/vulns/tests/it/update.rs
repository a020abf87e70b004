//! Updating from a bucket: whole, by changes, cut off, and unreachable.

use std::io::{Cursor, Write};

use fetch::{Client, Settings, Url};
use model::{Cancel, VulnerabilityId};
use vulns::{
    Database,
    feed::{self, FeedError, Outcome, Silent, UpdateOptions},
};

use crate::{server::Mirror, shared::Fixed};

const EPSS: &str = "#model_version:v1,score_date:2026-08-16T00:00:00+0000\n\
                    cve,epss,percentile\nCVE-2026-1,0.5,0.9\n";

fn record(number: u32, modified: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"GHSA-{number}","modified":"{modified}","aliases":["CVE-2026-{number}"],
        "summary":"Number {number}","affected":[{{"package":{{"ecosystem":"npm","name":"tooth"}},
        "ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

fn archive(records: &[(u32, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, text) in records {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("GHSA-{number}.json"), options)
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

struct Site {
    mirror: Mirror,
    dir: tempfile::TempDir,
}

impl Site {
    /// A bucket of one ecosystem with three records.
    fn new() -> Self {
        let mirror = Mirror::start();
        mirror.put("ecosystems.txt", "npm\nnpm:x\nGIT\n");
        let moment = "2026-01-01T00:00:00Z";
        let records: Vec<_> = (1..4).map(|n| (n, record(n, moment, "2.0.0"))).collect();
        mirror.put("npm/all.zip", archive(&records));
        let rows: Vec<_> = (1..4).map(|n| format!("{moment},GHSA-{n}")).collect();
        mirror.put("npm/modified_id.csv", rows.join("\n"));
        mirror.put("epss.csv", EPSS);
        mirror.put("kev.json", r#"{"vulnerabilities":[]}"#);
        Self {
            mirror,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn update(&self) -> Result<Outcome, FeedError> {
        let file = |name| Url::parse(&format!("{}/{name}", self.mirror.url())).ok();
        let options = UpdateOptions {
            base_url: self.mirror.url(),
            ecosystems: vec![],
            epss_url: file("epss.csv"),
            kev_url: file("kev.json"),
        };
        self.update_with(&options)
    }

    fn update_with(&self, options: &UpdateOptions) -> Result<Outcome, FeedError> {
        let settings = Settings {
            retries: 0,
            ..Settings::default()
        };
        let client = Client::new(&settings).unwrap();
        let cancel = Cancel::default();
        feed::update(self.dir.path(), options, &client, &Fixed, &Silent, &cancel)
    }

    /// The titles of the bucket's own vulnerabilities.
    fn titles(&self) -> Vec<String> {
        let db = Database::open(self.dir.path()).unwrap();
        (1..4)
            .map(|number| VulnerabilityId::new(format!("CVE-2026-{number}")))
            .filter_map(|id| db.vulnerability(&id))
            .map(|vulnerability| vulnerability.title)
            .collect()
    }
}

#[test]
fn the_first_time_all_comes_and_then_nothing_that_is_here() {
    let site = Site::new();
    let outcome = site.update().unwrap();
    assert!(outcome.changed);
    assert_eq!(site.titles().len(), 3);
    assert_eq!(outcome.warnings, []);
    site.mirror.log();
    let again = site.update().unwrap();
    assert!(!again.changed);
    assert_eq!(again.status, outcome.status);
    assert_eq!(
        site.mirror.log(),
        [
            "/osv/ecosystems.txt 200 0",
            "/osv/npm/modified_id.csv 304",
            "/osv/epss.csv 304",
            "/osv/kev.json 304"
        ]
    );
}

#[test]
fn of_a_few_changes_only_the_changed_records_come() {
    let site = Site::new();
    site.update().unwrap();
    let later = "2026-01-02T00:00:00Z";
    let changed = record(2, later, "3.0.0").replace("Number 2", "Number two");
    site.mirror.put("npm/GHSA-2.json", changed);
    site.mirror.put(
        "npm/modified_id.csv",
        format!("{later},GHSA-2\n2026-01-01T00:00:00Z,GHSA-1\n2026-01-01T00:00:00Z,GHSA-3\n"),
    );
    site.mirror.log();
    let outcome = site.update().unwrap();
    assert!(outcome.changed);
    assert_eq!(site.titles().len(), 3);
    assert_eq!(site.titles(), ["Number 1", "Number two", "Number 3"]);
    let log = site.mirror.log();
    assert!(
        log.contains(&"/osv/npm/GHSA-2.json 200 0".to_owned()),
        "{log:?}"
    );
    assert!(!log.iter().any(|line| line.contains("all.zip")), "{log:?}");
}

#[test]
fn a_download_cut_off_goes_on_where_it_stopped() {
    let site = Site::new();
    site.mirror.hang_up_after(100);
    site.update().unwrap();
    assert_eq!(site.titles().len(), 3);
    let log = site.mirror.log();
    assert!(
        log.contains(&"/osv/npm/all.zip 206 100".to_owned()),
        "{log:?}"
    );
}

#[test]
fn a_broken_archive_leaves_what_was_there() {
    let site = Site::new();
    let first = site.update().unwrap();
    site.mirror.put("npm/all.zip", "no archive at all");
    let many: Vec<_> = (10..999)
        .map(|n| format!("2026-03-01T00:00:00Z,GHSA-{n}"))
        .collect();
    site.mirror.put("npm/modified_id.csv", many.join("\n"));
    let error = site.update().unwrap_err();
    assert!(matches!(error, FeedError::AllFailed { .. }), "{error}");
    let now = Database::open(site.dir.path()).unwrap();
    assert_eq!(*now.status(), first.status);
    assert_eq!(site.titles().len(), 3);
}

#[test]
fn intelligence_that_cannot_be_had_is_a_warning() {
    let site = Site::new();
    site.mirror.put("epss.csv", "<html>sign in</html>");
    let outcome = site.update().unwrap();
    assert_eq!(site.titles().len(), 3);
    assert_eq!(outcome.status.epss, None);
    assert_eq!(outcome.warnings.len(), 1);
    assert_eq!(outcome.warnings[0].path.as_deref(), Some("epss"));
}

#[test]
fn an_unreachable_bucket_is_an_error_and_the_database_stays() {
    let site = Site::new();
    let first = site.update().unwrap();
    let options = UpdateOptions {
        base_url: Url::parse("http://127.0.0.1:9/").unwrap(),
        ..UpdateOptions::default()
    };
    let error = site.update_with(&options).unwrap_err();
    assert!(matches!(error, FeedError::Fetch { .. }), "{error}");
    let now = Database::open(site.dir.path()).unwrap();
    assert_eq!(*now.status(), first.status);
}

#[test]
fn a_folder_serves_as_a_bucket() {
    let site = Site::new();
    let bucket = tempfile::tempdir().unwrap();
    let folder = bucket.path().join("npm");
    std::fs::create_dir(&folder).unwrap();
    let one = [(1, record(1, "2026-01-01T00:00:00Z", "2.0.0"))];
    std::fs::write(folder.join("all.zip"), archive(&one)).unwrap();
    let options = UpdateOptions {
        base_url: Url::from_directory_path(bucket.path()).unwrap(),
        ecosystems: vec![],
        epss_url: None,
        kev_url: None,
    };
    assert!(site.update_with(&options).unwrap().changed);
    assert!(!site.update_with(&options).unwrap().changed);
    assert_eq!(site.titles(), ["Number 1"]);
}
