//! Reports as small as they can be.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use model::{
    AffectedState, Digest, Finding, FindingKind, Fingerprint, Fix, ImageIdentity, Layer, Package,
    PackageKind, Purl, Report, Sbom, Severity, TargetKind, Vulnerability, VulnerabilityId,
    db::DatabaseStatus, finding::AffectedPackage, scan::Target,
};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use store::{Assessment, Dialect, PackageFix, Place, Store};

pub(crate) fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
}

/// A store that is gone after the test.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    /// A file's path or a server's URL.
    place: String,
    _folder: Option<tempfile::TempDir>,
}

impl TestStore {
    pub(crate) fn place(&self) -> Place {
        Place::parse(&self.place).unwrap()
    }

    /// Reads one column of text behind the store's back.
    pub(crate) async fn read(&self, text: &'static str) -> Vec<String> {
        match self.store.dialect() {
            Dialect::Sqlite => {
                let url = format!("sqlite:{}", self.place);
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let query = sqlx::query_scalar(text);
                query.fetch_all(&mut connection).await.unwrap()
            }
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&self.place).await.unwrap();
                let query = sqlx::query_scalar(text);
                query.fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn run(&self, text: &'static str) {
        match self.store.dialect() {
            Dialect::Sqlite => {
                let url = format!("sqlite:{}", self.place);
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
            }
            Dialect::Postgres => {
                let mut connection = PgConnection::connect(&self.place).await.unwrap();
                sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
            }
        }
    }
}

pub(crate) async fn on_sqlite() -> TestStore {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let store = Store::open(&path).await.unwrap();
    TestStore {
        store: furnished(store).await,
        place: path.display().to_string(),
        _folder: Some(folder),
    }
}

/// `None`, after saying so, where PostgreSQL is not installed.
pub(crate) async fn on_postgres() -> Option<TestStore> {
    let place = testkit::postgres::shared()?.create_database().unwrap();
    let store = Store::connect(&place).await.unwrap();
    Some(TestStore {
        store: furnished(store).await,
        place,
        _folder: None,
    })
}

async fn furnished(store: Store) -> Store {
    store
        .ensure_environment("local", "This machine", false)
        .await
        .unwrap();
    store
}

/// Whatever a test did, the roll-ups say what the findings say.
pub(crate) async fn assert_roll_ups_hold(store: &Store) {
    match store.check_roll_ups().await {
        // The test itself closed it.
        Err(store::StoreError::Closed) => {}
        drifts => assert_eq!(drifts.unwrap(), []),
    }
}

/// Makes two tests of each function: one for each database.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                let test = crate::sample::on_sqlite().await;
                super::$name(&test).await;
                crate::sample::assert_roll_ups_hold(&test.store).await;
                test.store.close().await;
            }

            #[tokio::test]
            async fn on_postgresql() {
                if let Some(test) = crate::sample::on_postgres().await {
                    super::$name(&test).await;
                    crate::sample::assert_roll_ups_hold(&test.store).await;
                    test.store.close().await;
                }
            }
        }
    )+};
}
pub(crate) use on_each_database;

/// An image named `name` whose content is told by `build`; each finding
/// is `(vulnerability, package, severity)`.
pub(crate) fn image(
    name: &str,
    build: &str,
    minute: i64,
    findings: &[(&str, &str, Severity)],
) -> Assessment {
    let config = Digest::of(build.as_bytes());
    let mut packages = Vec::new();
    let mut report = Report {
        schema: Report::SCHEMA,
        tool: "seawall test".to_owned(),
        target: Target {
            kind: TargetKind::Image,
            name: name.to_owned(),
        },
        scanned: time(minute),
        database: database("0000000000000001"),
        sbom: Sbom::default(),
        findings: Vec::new(),
        suppressed: Vec::new(),
        vulnerabilities: BTreeMap::new(),
        issues: Vec::new(),
        suppressed_issues: Vec::new(),
        rules: BTreeMap::new(),
        lists_licenses: false,
        leaves_out_vulnerabilities: false,
    };
    for (vulnerability, package, severity) in findings {
        let purl: Purl = format!("pkg:deb/debian/{package}@1.0").parse().unwrap();
        let id = VulnerabilityId::new(*vulnerability);
        packages.push(Package {
            kind: PackageKind::Deb,
            name: (*package).to_owned(),
            version: "1.0".to_owned(),
            ecosystem: None,
            source: None,
            architecture: None,
            licenses: Vec::new(),
            purl: purl.clone(),
            path: "var/lib/dpkg/status".to_owned(),
            layer: Some(0),
            owned_by: None,
        });
        report.findings.push(Finding {
            fingerprint: Fingerprint::of(&[vulnerability, package, &config.hex()]),
            kind: FindingKind::Vulnerability,
            vulnerability: id.clone(),
            severity: *severity,
            package: AffectedPackage {
                kind: PackageKind::Deb,
                name: (*package).to_owned(),
                version: "1.0".to_owned(),
                purl,
                path: "var/lib/dpkg/status".to_owned(),
                layer: Some(0),
            },
            fix: Fix {
                state: AffectedState::Fixed,
                versions: vec!["1.1".to_owned()],
            },
            advisories: vec![format!("DSA-{vulnerability}")],
            suppression: None,
        });
        report.vulnerabilities.insert(
            id.clone(),
            Vulnerability {
                id,
                aliases: Vec::new(),
                title: format!("{package} goes wrong"),
                description: String::new(),
                severity: *severity,
                cvss: Vec::new(),
                epss: None,
                kev: None,
                cwes: Vec::new(),
                references: Vec::new(),
                published: None,
                modified: None,
            },
        );
    }
    packages.sort();
    packages.dedup();
    report.sbom = Sbom {
        image: Some(ImageIdentity {
            manifest: None,
            config: Some(config),
            tags: vec![name.to_owned()],
        }),
        layers: vec![Layer {
            diff_id: Digest::of(b"layer"),
            digest: None,
            size: Some(1000),
            created_by: Some("RUN apt-get install".to_owned()),
            created: None,
        }],
        packages,
        ..Sbom::default()
    };
    Assessment {
        fixes: fixes(&report),
        report: Arc::new(report),
        target: format!("docker:{name}"),
        fresh: true,
    }
}

pub(crate) fn database(generation: &str) -> DatabaseStatus {
    DatabaseStatus {
        generation: generation.to_owned(),
        compiled: time(0),
        advisories: 1,
        sources: Vec::new(),
        epss: None,
        kev: None,
        starter_only: false,
    }
}

fn fixes(report: &Report) -> Vec<PackageFix> {
    let mut fixes: BTreeMap<String, PackageFix> = BTreeMap::new();
    for finding in &report.findings {
        let fix = fixes
            .entry(finding.package.name.clone())
            .or_insert_with(|| PackageFix {
                kind: finding.package.kind,
                package: finding.package.name.clone(),
                installed: vec![finding.package.version.clone()],
                version: "1.1".to_owned(),
                layer: Some(0),
                closes: store::Counts::default(),
            });
        *fix.closes.of(finding.severity) += 1;
    }
    fixes.into_values().collect()
}
