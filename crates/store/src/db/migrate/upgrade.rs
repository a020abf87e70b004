//! A store that the first release filled is brought up to date.

use super::*;
use crate::db::Row;

const IMAGES: i64 = 4;
const FINDINGS: i64 = 240;

/// Brings a store as far as a release with this schema did.
pub(super) async fn reach(connection: &mut Connection, version: i64) {
    let mut steps = migrator(connection.dialect());
    let steps_then = steps.migrations.to_mut();
    steps_then.retain(|step| step.version <= version);
    match connection {
        Connection::Sqlite(connection) => steps.run_direct(None, connection, false).await,
        Connection::Direct(_) => unreachable!("the writer's connection migrates nothing"),
        Connection::Postgres(connection) => steps.run_direct(None, connection, false).await,
    }
    .unwrap();
}

/// What the first release could say of a finding: open or resolved,
/// suppressed or not, with and without a time of its own.
async fn fill(connection: &mut Connection) {
    let mut statements = vec!["INSERT INTO environment VALUES (1, 'local', 'Here', 0)".to_owned()];
    for image in 1..=IMAGES {
        statements.push(format!(
            "INSERT INTO image VALUES ({image}, 'image-{image}', 1, 'image', 'sha256:{image}',
                 'web:{image}', 'docker:web:{image}', NULL, NULL, '[]', NULL, NULL, 'Debian 12', 1,
                 1000, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'generation', 100, 200,
                 {}, NULL)",
            300 + image
        ));
    }
    for package in 1..=7 {
        statements.push(format!(
            "INSERT INTO package VALUES ({package}, 'print-{package}', 'deb', 'lib{package}',
                 '1.0', 'pkg:deb/debian/lib{package}@1.0', NULL, NULL, NULL, '[]')"
        ));
    }
    for rule in 1..=20 {
        let severity = rule % 6;
        statements.push(format!(
            "INSERT INTO vulnerability VALUES ({rule}, 'CVE-2020-{rule:04}', {severity}, 'It {rule}',
                 NULL, 0.5, {}, 50, '{{}}')",
            rule % 2
        ));
    }
    for number in 1..=FINDINGS {
        let rule = number % 20 + 1;
        let is_resolved = number % 3 == 0;
        let is_suppressed = number % 5 == 0;
        let (last, resolved) = if is_resolved {
            ("195", "250")
        } else {
            ("NULL", "NULL")
        };
        let suppression = if is_suppressed { "'{}'" } else { "NULL" };
        statements.push(format!(
            "INSERT INTO finding VALUES ({}, {}, 1, 'finding-{number}', 'vulnerability', {rule}, {},
                 {}, {}, {}, {}, {suppression}, 'fixed', '[\"1.1\"]', {}, '[\"DSA-1\"]', 'usr/lib',
                 0, {}, {last}, {resolved})",
            1000 - number,
            number % IMAGES + 1,
            number % 7 + 1,
            rule % 6,
            (rule % 6) * 2_000_000 + (rule % 2) * 1_000_000,
            i64::from(is_resolved),
            i64::from(is_suppressed),
            number % 2,
            100 + number % 50,
        ));
    }
    for statement in statements {
        sql(statement)
            .once()
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

/// All that is said of each finding, in the order of their fingerprints.
async fn said(connection: &mut Connection, from: &'static str) -> Vec<String> {
    let mut query = sql(
        "SELECT finding.fingerprint, image.uid AS image, rule.name AS rule,
             package.name AS package, finding.suppression, finding.fix_state,
             finding.fix_versions, finding.advisories, finding.path, finding.severity,
             finding.rank, finding.state, finding.suppressed, finding.fixable, finding.layer,
             finding.first_seen, finding.last_seen, finding.resolved
         FROM finding JOIN image ON image.id = finding.image_id
         JOIN package ON package.id = finding.package_id JOIN ",
    );
    query.push(from).push(" ORDER BY finding.fingerprint");
    let rows = query.fetch_all(connection).await.unwrap();
    let line = |row: &Row| {
        let texts = [
            "fingerprint",
            "image",
            "rule",
            "package",
            "suppression",
            "fix_state",
            "fix_versions",
            "advisories",
            "path",
        ]
        .map(|column| row.maybe_text(column).unwrap());
        let numbers = [
            "severity",
            "rank",
            "state",
            "suppressed",
            "fixable",
            "layer",
            "first_seen",
            "last_seen",
            "resolved",
        ]
        .map(|column| row.maybe_int(column).unwrap());
        format!("{texts:?} {numbers:?}")
    };
    rows.iter().map(line).collect()
}

async fn every_finding_keeps_its_state(database: Database) {
    let mut connection = database.connect_to_migrate().await.unwrap();
    reach(&mut connection, 1).await;
    fill(&mut connection).await;
    let before = said(
        &mut connection,
        "vulnerability AS rule ON rule.id = finding.vulnerability_id",
    )
    .await;
    connection.close().await;
    assert_eq!(i64::try_from(before.len()).unwrap(), FINDINGS);

    assert_eq!(run(&database).await.unwrap(), 1);
    let mut connection = database.connect().await.unwrap();
    let after = said(&mut connection, "rule ON rule.id = finding.rule_id").await;
    assert_eq!(after, before);
    // The roll-ups were made of them. Of suppressed findings the first
    // release kept no count in its images.
    let drifts = crate::rollup::recount(&mut connection).await.unwrap();
    let drifts: Vec<_> = drifts
        .into_iter()
        .filter(|drift| !drift.at.starts_with("image "))
        .collect();
    assert_eq!(drifts, []);
    connection.close().await;
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    every_finding_keeps_its_state(Database::file(&folder.path().join("seawall.db"))).await;
}

#[tokio::test]
async fn on_postgresql() {
    if let Some(cluster) = testkit::postgres::shared() {
        let url = cluster.create_database().unwrap();
        every_finding_keeps_its_state(Database::server(&url).unwrap()).await;
    }
}

/// The table of findings is made anew: what refers to it must neither
/// go with the old one nor stay behind when a finding goes.
async fn make_findings_anew(database: Database) {
    let mut connection = database.connect_to_migrate().await.unwrap();
    reach(&mut connection, 1).await;
    connection.run(tests::FIRST).await.unwrap();
    reach(&mut connection, 210).await;
    connection
        .run(
            "UPDATE finding SET summary = 'a line to look for', priority = 7,
                 container = 'web', note = 'kept' WHERE fingerprint = 'open-print';
             INSERT INTO finding_evidence SELECT id, 'seen' FROM finding",
        )
        .await
        .unwrap();
    connection.close().await;

    assert_eq!(run(&database).await.unwrap(), 210);
    let mut connection = database.connect().await.unwrap();
    let line = connection.dialect().pick(
        "SELECT COUNT(*) FROM finding_line WHERE finding_line MATCH '\"to look\"'",
        "SELECT COUNT(*) FROM finding WHERE summary LIKE '%to look%'",
    );
    let count = async |connection: &mut Connection, text: &'static str| -> i64 {
        sql(text).scalar().fetch_one(connection).await.unwrap()
    };
    let kept = "SELECT COUNT(*) FROM finding WHERE fingerprint = 'open-print' AND priority = 7
                    AND container = 'web' AND note = 'kept'
                        AND rule_id = (SELECT id FROM rule WHERE name = 'CVE-2014-0160')";
    let evidence = "SELECT COUNT(*) FROM finding_evidence
                    JOIN finding ON finding.id = finding_evidence.finding_id";
    for (text, expected) in [(kept, 1), (evidence, 2), (line, 1)] {
        assert_eq!(count(&mut connection, text).await, expected, "{text}");
    }
    let twice = "INSERT INTO finding (environment_id, asset_id, kind, rule_id, fingerprint,
             severity, rank, state, suppressed, fixable, occurrences, first_seen, progress,
             comments)
         SELECT environment_id, asset_id, kind, rule_id, fingerprint, severity, rank, state,
             suppressed, fixable, occurrences, first_seen, progress, comments FROM finding";
    assert!(sql(twice).execute(&mut connection).await.is_err());
    connection.run("DELETE FROM asset").await.unwrap();
    let evidence = "SELECT COUNT(*) FROM finding_evidence";
    for text in ["SELECT COUNT(*) FROM finding", evidence, line] {
        assert_eq!(count(&mut connection, text).await, 0, "{text}");
    }
}

#[tokio::test]
async fn findings_made_anew_keep_what_refers_to_them_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    make_findings_anew(Database::file(&folder.path().join("seawall.db"))).await;
}

#[tokio::test]
async fn findings_made_anew_keep_what_refers_to_them_on_postgresql() {
    if let Some(cluster) = testkit::postgres::shared() {
        let url = cluster.create_database().unwrap();
        make_findings_anew(Database::server(&url).unwrap()).await;
    }
}
