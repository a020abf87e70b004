//! The schema's history: one text for both databases.
//!
//! A file is written in the words of SQLite that PostgreSQL nearly
//! knows, and rendered for it; where one text cannot serve both there
//! are two files, `NNNN_name.sqlite.sql` and `NNNN_name.postgres.sql`.
//! A file that was released never changes: stores remember its checksum.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{Connection, Database, Dialect, sql};
use crate::StoreError;

/// One step of the schema; an empty text does nothing there.
struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: Postgres,
}

enum Postgres {
    /// Rendered from SQLite's.
    Rendered,
    Own(&'static str),
}

const fn both(version: i64, name: &'static str, text: &'static str) -> Step {
    Step {
        version,
        name,
        sqlite: text,
        postgres: Postgres::Rendered,
    }
}

const fn each(
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
) -> Step {
    Step {
        version,
        name,
        sqlite,
        postgres: Postgres::Own(postgres),
    }
}

/// The oldest PostgreSQL, as it numbers itself.
const OLDEST: i64 = 150_000;

/// In the order of their numbers, which may have gaps.
const STEPS: &[Step] = &[
    both(
        1,
        "foundation",
        include_str!("../../migrations/0001_foundation.sql"),
    ),
    each(
        2,
        "writer",
        "",
        include_str!("../../migrations/0002_writer.postgres.sql"),
    ),
    both(10, "life", include_str!("../../migrations/0010_life.sql")),
    both(15, "query", include_str!("../../migrations/0015_query.sql")),
    both(
        20,
        "people",
        include_str!("../../migrations/0020_people.sql"),
    ),
    both(
        30,
        "delivery",
        include_str!("../../migrations/0030_delivery.sql"),
    ),
    both(
        40,
        "retention",
        include_str!("../../migrations/0040_retention.sql"),
    ),
    both(
        41,
        "posture",
        include_str!("../../migrations/0041_posture.sql"),
    ),
    both(60, "alert", include_str!("../../migrations/0060_alert.sql")),
    both(
        70,
        "search",
        include_str!("../../migrations/0070_search.sql"),
    ),
    both(
        80,
        "alert_context",
        include_str!("../../migrations/0080_alert_context.sql"),
    ),
    both(
        81,
        "incident",
        include_str!("../../migrations/0081_incident.sql"),
    ),
    both(82, "rule", include_str!("../../migrations/0082_rule.sql")),
    both(85, "speed", include_str!("../../migrations/0085_speed.sql")),
    each(
        86,
        "lines",
        include_str!("../../migrations/0086_lines.sqlite.sql"),
        include_str!("../../migrations/0086_lines.postgres.sql"),
    ),
    both(
        90,
        "sensor",
        include_str!("../../migrations/0090_sensor.sql"),
    ),
    both(
        110,
        "policy",
        include_str!("../../migrations/0110_policy.sql"),
    ),
    both(120, "host", include_str!("../../migrations/0120_host.sql")),
    both(
        130,
        "compliance",
        include_str!("../../migrations/0130_compliance.sql"),
    ),
    both(
        140,
        "connector",
        include_str!("../../migrations/0140_connector.sql"),
    ),
    both(
        150,
        "registry",
        include_str!("../../migrations/0150_registry.sql"),
    ),
    both(
        160,
        "content",
        include_str!("../../migrations/0160_content.sql"),
    ),
    both(161, "vex", include_str!("../../migrations/0161_vex.sql")),
    both(
        170,
        "running",
        include_str!("../../migrations/0170_running.sql"),
    ),
    both(
        180,
        "contents",
        include_str!("../../migrations/0180_contents.sql"),
    ),
    both(
        185,
        "trust",
        include_str!("../../migrations/0185_trust.sql"),
    ),
    both(
        186,
        "vex_source",
        include_str!("../../migrations/0186_vex_source.sql"),
    ),
    both(
        190,
        "container",
        include_str!("../../migrations/0190_container.sql"),
    ),
    both(195, "walk", include_str!("../../migrations/0195_walk.sql")),
    both(
        205,
        "running_priority",
        include_str!("../../migrations/0205_running_priority.sql"),
    ),
    both(
        210,
        "referrer",
        include_str!("../../migrations/0210_referrer.sql"),
    ),
    each(
        220,
        "finding_key",
        include_str!("../../migrations/0220_finding_key.sqlite.sql"),
        include_str!("../../migrations/0220_finding_key.postgres.sql"),
    ),
];

/// The schema this program writes.
pub(crate) fn known() -> i64 {
    STEPS.last().map_or(0, |step| step.version)
}

/// Brings the schema up to date. One that is newer, or another
/// program's, is left alone and refused. The version it had before.
pub(crate) async fn run(database: &Database) -> Result<i64, StoreError> {
    let mut connection = database.connect_to_migrate().await?;
    suits(database, &mut connection).await?;
    let found = version(&mut connection).await?;
    let outcome = match found {
        None => Err(StoreError::ForeignSchema {
            database: database.name(),
        }),
        Some(found) if found > known() => Err(StoreError::NewerSchema {
            database: database.name(),
            found,
            known: known(),
        }),
        Some(found) => migrate(database, &mut connection).await.map(|()| found),
    };
    connection.close().await;
    outcome
}

/// Whether a server is one we can live with.
async fn suits(database: &Database, connection: &mut Connection) -> Result<(), StoreError> {
    if connection.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let row = sql(
        "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version,
             current_setting('server_encoding') AS encoding",
    )
    .fetch_one(connection)
    .await?;
    let unsuited = |why: String| StoreError::Unsuited {
        database: database.name(),
        why,
    };
    let version = row.int("version")?;
    if version < OLDEST {
        let (found, oldest) = (version / 10_000, OLDEST / 10_000);
        return Err(unsuited(format!(
            "it is PostgreSQL {found}, and {oldest} or newer is needed"
        )));
    }
    let encoding = row.text("encoding")?;
    if encoding != "UTF8" {
        return Err(unsuited(format!(
            "its encoding is {encoding}; make one with UTF8: createdb --encoding UTF8 \
             --template template0"
        )));
    }
    Ok(())
}

async fn migrate(database: &Database, connection: &mut Connection) -> Result<(), StoreError> {
    let migrator = migrator(connection.dialect());
    let ran = match &mut *connection {
        Connection::Sqlite(connection) => migrator.run_direct(None, connection, false).await,
        Connection::Direct(_) => unreachable!("the writer's connection migrates nothing"),
        Connection::Postgres(connection) => migrator.run_direct(None, connection, false).await,
    };
    ran.map_err(|source| StoreError::Migrate {
        database: database.name(),
        source,
    })?;
    if connection.dialect() == Dialect::Sqlite {
        let dangling = sql("SELECT COUNT(*) FROM pragma_foreign_key_check")
            .scalar::<i64>()
            .fetch_one(connection)
            .await?;
        if dangling > 0 {
            tracing::warn!(rows = dangling, "rows refer to rows that are gone");
        }
    }
    Ok(())
}

/// The schema's version; nought where there is none yet, `None` where
/// the tables are somebody else's.
pub(crate) async fn version(connection: &mut Connection) -> Result<Option<i64>, StoreError> {
    let tables = tables(connection).await?;
    if !tables.iter().any(|name| name == "_sqlx_migrations") {
        return Ok(tables.is_empty().then_some(0));
    }
    let version = sql("SELECT MAX(version) FROM _sqlx_migrations")
        .scalar::<Option<i64>>()
        .fetch_one(connection)
        .await?;
    Ok(Some(version.unwrap_or(0)))
}

/// Every table's name, in order.
pub(crate) async fn tables(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let text = connection.dialect().pick(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        "SELECT CAST(tablename AS TEXT) FROM pg_tables
         WHERE schemaname = current_schema() ORDER BY 1",
    );
    sql(text).scalar().fetch_all(connection).await
}

fn migrator(dialect: Dialect) -> Migrator {
    let migrations = STEPS
        .iter()
        .map(|step| {
            let source = match (dialect, &step.postgres) {
                (Dialect::Postgres, Postgres::Own(text)) => text,
                _ => step.sqlite,
            };
            // The checksum is the file's, so that rendering may improve.
            let mut migration = Migration::new(
                step.version,
                Cow::Borrowed(step.name),
                MigrationType::Simple,
                source.into_sql_str(),
                false,
            );
            if let (Dialect::Postgres, Postgres::Rendered) = (dialect, &step.postgres) {
                migration.sql = AssertSqlSafe(render(source)).into_sql_str();
            }
            migration
        })
        .collect();
    Migrator::with_migrations(migrations)
}

/// A migration in PostgreSQL's words.
fn render(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.trim_start().starts_with("--") {
                return format!("{line}\n");
            }
            let line = line
                .replace(
                    "INTEGER PRIMARY KEY",
                    "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                )
                .replace(" WITHOUT ROWID", "");
            let mut words: Vec<Cow<'_, str>> = Vec::new();
            for word in line.split(' ') {
                let (bare, ending) = match word.find([',', ')', ';']) {
                    Some(at) => word.split_at(at),
                    None => (word, ""),
                };
                let is_cast = words.last().is_some_and(|word| word == "AS");
                words.push(match bare {
                    "BLOB" => format!("BYTEA{ending}").into(),
                    // Text compares byte by byte, as it does in SQLite.
                    "TEXT" if !is_cast => format!("TEXT COLLATE \"C\"{ending}").into(),
                    _ => word.to_owned().into(),
                });
            }
            words.join(" ") + "\n"
        })
        .collect()
}

#[cfg(test)]
mod upgrade;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_step_and_the_order_is_that_of_the_numbers() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut expected = Vec::new();
        for step in STEPS {
            let stem = format!("{:04}_{}", step.version, step.name);
            match step.postgres {
                Postgres::Rendered => expected.push(format!("{stem}.sql")),
                Postgres::Own(text) => {
                    if !text.is_empty() {
                        expected.push(format!("{stem}.postgres.sql"));
                    }
                    if !step.sqlite.is_empty() {
                        expected.push(format!("{stem}.sqlite.sql"));
                    }
                }
            }
        }
        assert_eq!(files, expected);
        assert!(STEPS.is_sorted_by(|a, b| a.version < b.version));
    }

    #[test]
    fn a_released_migration_never_changes() {
        let migrator = migrator(Dialect::Sqlite);
        let first = migrator.iter().next().unwrap();
        assert_eq!(first.version, 1);
        assert_eq!(
            first.checksum[..8],
            [0xC9, 0xAA, 0x77, 0x9F, 0x51, 0xBE, 0x2F, 0xA5]
        );
    }

    /// What a store of the first release may hold.
    pub(super) const FIRST: &str = "
        INSERT INTO environment VALUES (1, 'local', 'This machine', 0);
        INSERT INTO image VALUES (7, 'image-uid', 1, 'image', 'sha256:aa', 'web:1', 'docker:web:1',
            NULL, 'sha256:aa', '[\"web:1\"]', NULL, NULL, 'Debian 12', 1, 1000, 1, 0, 1, 0, 0, 0,
            0, 67108864, 1, 0, 0, 0, 0, 'generation', 100, 200, 300, NULL);
        INSERT INTO package VALUES (5, 'package-print', 'deb', 'openssl', '1.0',
            'pkg:deb/debian/openssl@1.0', NULL, NULL, NULL, '[]');
        INSERT INTO image_package VALUES (7, 0, 5, 'var/lib/dpkg/status', 0, NULL);
        INSERT INTO vulnerability VALUES (3, 'CVE-2014-0160', 4, 'It bleeds', 7.5, 0.9, 1, 50,
            '{\"id\":\"CVE-2014-0160\"}');
        INSERT INTO vulnerability_use VALUES (1, 3, 4, 9900000, 1, 1, 1, '[\"openssl\"]', 100);
        INSERT INTO finding VALUES
            (9, 7, 1, 'open-print', 'vulnerability', 3, 5, 4, 9900000, 0, 0, NULL, 'fixed',
             '[\"1.1\"]', 1, '[\"DSA-1\"]', 'var/lib/dpkg/status', 0, 100, NULL, NULL),
            (11, 7, 1, 'resolved-print', 'vulnerability', 3, 5, 4, 9900000, 1, 0, NULL, 'fixed',
             '[\"1.1\"]', 1, '[\"DSA-1\"]', 'usr/lib', 0, 90, 95, 150);
        INSERT INTO setting VALUES ('kept', 'yes');
        INSERT INTO scan VALUES (2, 'scan-uid', 1, 7, 'docker:web:1', 'web:1', NULL, 'user', 'done',
            0, NULL, NULL, NULL, 100, 110, 120);
        INSERT INTO change VALUES (4, 100, 1, 7, 'image_added', 'web:1: looked at', '{}', 0);
    ";

    async fn upgrade_the_first(database: Database) {
        let mut connection = database.connect_to_migrate().await.unwrap();
        upgrade::reach(&mut connection, 1).await;
        connection.run(FIRST).await.unwrap();
        connection.close().await;

        assert_eq!(run(&database).await.unwrap(), 1);
        let mut connection = database.connect().await.unwrap();
        assert_eq!(version(&mut connection).await.unwrap(), Some(known()));
        for (text, expected) in [
            ("SELECT COUNT(*) FROM finding WHERE state = 0", 1),
            ("SELECT COUNT(*) FROM finding WHERE state = 1", 1),
            ("SELECT COUNT(*) FROM image WHERE uid = 'image-uid'", 1),
            ("SELECT COUNT(*) FROM image_package", 1),
            ("SELECT COUNT(*) FROM setting WHERE value = 'yes'", 1),
            ("SELECT COUNT(*) FROM scan", 1),
            ("SELECT COUNT(*) FROM change", 1),
        ] {
            let count: i64 = sql(text).scalar().fetch_one(&mut connection).await.unwrap();
            assert_eq!(count, expected, "{text}");
        }
        // Once more changes nothing.
        assert_eq!(run(&database).await.unwrap(), known());
    }

    #[tokio::test]
    async fn a_store_of_the_first_release_keeps_everything_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        upgrade_the_first(Database::file(&folder.path().join("seawall.db"))).await;
    }

    #[tokio::test]
    async fn a_store_of_the_first_release_keeps_everything_on_postgresql() {
        if let Some(cluster) = testkit::postgres::shared() {
            let url = cluster.create_database().unwrap();
            upgrade_the_first(Database::server(&url).unwrap()).await;
        }
    }

    #[test]
    fn a_migration_is_told_in_the_words_of_postgresql() {
        let rendered = render(
            "-- TEXT here stays\nCREATE TABLE t (\n    id INTEGER PRIMARY KEY,\n    \
             name TEXT NOT NULL UNIQUE,\n    note TEXT,\n    data BLOB NOT NULL\n);\n\
             INSERT INTO t SELECT CAST(x AS TEXT) FROM u;\n",
        );
        assert_eq!(
            rendered,
            "-- TEXT here stays\nCREATE TABLE t (\n    \
             id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,\n    \
             name TEXT COLLATE \"C\" NOT NULL UNIQUE,\n    note TEXT COLLATE \"C\",\n    \
             data BYTEA NOT NULL\n);\nINSERT INTO t SELECT CAST(x AS TEXT) FROM u;\n"
        );
    }
}
