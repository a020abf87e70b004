//! What was acknowledged survives everybody's sudden end, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use model::Severity;
use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};
use store::{ChangeKind, Counts, Dialect, NewChange, Place, Store};
use testkit::postgres::Postgres;

use crate::sample::{image, time};

/// Set in the child: where its database is.
const DATABASE: &str = "SEAWALL_TEST_CRASH_DATABASE";
/// Set in the child: begins the names of what it writes. Process ids
/// come again.
const CHILD: &str = "SEAWALL_TEST_CRASH_CHILD";
/// How often everything is killed. The whole suite says 50.
const ROUNDS: &str = "SEAWALL_TEST_CRASH_ROUNDS";
const FEW: usize = 5;
/// Writers of one child at once, so that commits have company.
const WRITERS: usize = 4;
/// How long a child may be silent.
const PATIENCE: Duration = Duration::from_mins(2);

fn rounds() -> usize {
    std::env::var(ROUNDS).map_or(FEW, |text| text.parse().unwrap())
}

/// A process that writes for ever and says what was acknowledged.
struct Writing {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Writing {
    fn start(test: &str, place: &str, child: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", test])
            .env(DATABASE, place)
            .env(CHILD, child)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::sync_channel(10_000);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(name) = line.strip_prefix("acknowledged ") {
                    sender.send(name.to_owned()).unwrap();
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for so many more acknowledgements.
    fn acknowledged(&self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| self.lines.recv_timeout(PATIENCE).unwrap())
            .collect()
    }

    /// SIGKILL: no destructor runs. What it had said until then.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

/// In the child: takes the database and never comes back.
async fn write_if_child() {
    let Some(place) = std::env::var_os(DATABASE) else {
        return;
    };
    let child = std::env::var(CHILD).unwrap();
    let place = Place::parse(place.to_str().unwrap()).unwrap();
    let store = Store::at(&place).await.unwrap();
    store.ensure_environment("local", "", false).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, child) = (store.clone(), child.clone());
        writers.spawn(async move {
            for step in 0_u64.. {
                let name = format!("{child}-{writer}-{step}");
                // A refusal means that nobody knows, and nobody was told.
                if write(&store, &name, step).await.is_ok() {
                    let mut output = std::io::stdout().lock();
                    writeln!(output, "acknowledged {name}").unwrap();
                }
            }
        });
    }
    while writers.join_next().await.is_some() {}
    unreachable!("invariant: the writers have no end");
}

/// Now a row that a second attempt would make twice, now a report.
async fn write(store: &Store, name: &str, step: u64) -> Result<(), store::StoreError> {
    if step.is_multiple_of(2) {
        let change = NewChange {
            time: time(0),
            kind: ChangeKind::DatabaseUpdated,
            summary: name.to_owned(),
            new: Counts::default(),
            resolved: 0,
        };
        store.put_change(Some("local"), change).await
    } else {
        let findings = [
            ("CVE-2014-0160", "openssl", Severity::High),
            ("CVE-2014-6271", "bash", Severity::Critical),
        ];
        let report = image(name, name, 0, &findings);
        store.put_report("local", report).await.map(drop)
    }
}

fn say(acknowledged: usize) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{acknowledged} writes survived {} kills", rounds()).unwrap();
}

/// `(name, how often)` of the statement's two columns.
async fn tally(place: &str, text: &'static str) -> BTreeMap<String, i64> {
    if place.contains("://") {
        let mut connection = PgConnection::connect(place).await.unwrap();
        let rows = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    } else {
        let url = format!("sqlite:{place}");
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let rows = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

/// Everything acknowledged is there whole, and nothing is there twice.
async fn account_for(place: &str, acknowledged: &BTreeSet<String>) {
    let changes = tally(
        place,
        "SELECT summary, COUNT(*) FROM change WHERE kind = 'database_updated' GROUP BY summary",
    )
    .await;
    let images = tally(place, "SELECT name, COUNT(*) FROM image GROUP BY name").await;
    let findings = tally(
        place,
        "SELECT image.name, COUNT(*) FROM finding JOIN image ON image.id = finding.image_id
         GROUP BY image.name",
    )
    .await;
    for name in acknowledged {
        let step: u64 = name.rsplit('-').next().unwrap().parse().unwrap();
        if step.is_multiple_of(2) {
            assert!(changes.contains_key(name), "{name} was lost");
        } else {
            assert!(images.contains_key(name), "{name} was lost");
            assert_eq!(findings.get(name), Some(&2), "findings of {name} were lost");
        }
    }
    let counted = changes.iter().chain(&images);
    for (name, count) in counted {
        assert_eq!(*count, 1, "{name} is there {count} times");
    }
    for (name, count) in &findings {
        assert_eq!(*count, 2, "{name} is there in part");
    }
    let check = store::check(&Place::parse(place).unwrap()).await.unwrap();
    assert_eq!(check.problems, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_it_acknowledged_on_sqlite() {
    write_if_child().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let place = path.to_str().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds() {
        let writing = Writing::start(
            "crash::a_killed_server_loses_nothing_it_acknowledged_on_sqlite",
            place,
            &format!("{round}"),
        );
        acknowledged.extend(writing.acknowledged(5 + round * 7 % 30));
        acknowledged.extend(writing.kill());
        account_for(place, &acknowledged).await;
    }
    assert!(acknowledged.len() >= rounds() * 5);
    say(acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_servers_lose_nothing_they_acknowledged_on_postgresql() {
    write_if_child().await;
    // One that writes to disk as it would for a living.
    let Some(mut cluster) = Postgres::start(true).unwrap() else {
        testkit::skipped("PostgreSQL is not installed");
        return;
    };
    let place = cluster.create_database().unwrap();
    let start = |child: String| {
        Writing::start(
            "crash::killed_servers_lose_nothing_they_acknowledged_on_postgresql",
            &place,
            &child,
        )
    };
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds() {
        // Two servers on one database, as the record may have.
        let first = start(format!("{round}-first"));
        let second = start(format!("{round}-second"));
        let count = 5 + round * 7 % 30;
        // A server whose database goes while it starts ends, and should:
        // what is asked here is what becomes of those that write.
        acknowledged.extend(second.acknowledged(1));
        acknowledged.extend(first.acknowledged(count));
        match round % 3 {
            0 => acknowledged.extend(first.kill()),
            1 => {
                cluster.kill();
                cluster.run().unwrap();
                // It finds its way back by itself.
                acknowledged.extend(first.acknowledged(count));
                acknowledged.extend(first.kill());
            }
            _ => {
                cluster.kill();
                acknowledged.extend(first.kill());
                cluster.run().unwrap();
            }
        }
        acknowledged.extend(second.acknowledged(5));
        acknowledged.extend(second.kill());
        account_for(&place, &acknowledged).await;
    }
    assert!(acknowledged.len() >= rounds() * 10);
    say(acknowledged.len());
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.db");
    let first = Store::open(&path).await.unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(
        error.to_string().ends_with("another server is using it"),
        "{error}"
    );
    assert_eq!(first.dialect(), Dialect::Sqlite);
    first.close().await;
    Store::open(&path).await.unwrap();
}
