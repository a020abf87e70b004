//! The one writer: takes work in order, commits it in groups, and only
//! then answers.
//!
//! On PostgreSQL several servers may each have one; every group first
//! takes the same row lock, so that they write one after another.

use std::{collections::VecDeque, pin::Pin, sync::Mutex, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};

use crate::{
    StoreError,
    db::{Connection, Database, Dialect, sql},
};

/// Work that waits for the writer; a full queue makes callers wait.
const QUEUE: usize = 256;
/// Pieces of work in one commit.
const GROUP: usize = 64;
/// How long work waits for a database server that does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long SQLite's log of what was committed may become before it is
/// moved into the file: as soon as there is nothing else to do, and at
/// the latest.
const LOG: [u64; 2] = [4 << 20, 512 << 20];
/// How long there is nothing to do until that counts.
const LULL: Duration = Duration::from_millis(20);
/// Between two attempts to reach it, at first and at most.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

pub(crate) type Answer<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// Told whether the commit held; then it tells the caller.
type Acknowledge = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// `None`: there is no database to work on; only the answer is wanted.
type Run = Box<dyn for<'c> FnOnce(Option<&'c mut Connection>) -> Step<'c> + Send>;
type Step<'c> = Pin<Box<dyn Future<Output = Worked> + Send + 'c>>;

/// Work that waits.
struct Work {
    run: Run,
    /// It has a commit of its own.
    is_alone: bool,
}

struct Worked {
    outcome: Ended,
    acknowledge: Acknowledge,
}

/// How a piece of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    /// It alone is undone.
    Badly,
    /// With the connection, and so the whole group.
    Lost,
}

/// The writer's front door.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Work>>>,
    task: tokio::sync::Mutex<JoinSet<()>>,
}

impl Writer {
    pub(crate) fn start(database: Database, connection: Connection) -> std::io::Result<Self> {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        let desk = Desk {
            database,
            connection: Some(connection),
            server: uuid::Uuid::now_v7().to_string(),
            turn: 0,
        };
        match desk.database.dialect() {
            Dialect::Sqlite => {
                // Its statements run where they are called: on a thread
                // nobody else waits on. Work that panics ends it.
                let (alive, done) = oneshot::channel::<()>();
                let runtime = tokio::runtime::Handle::current();
                std::thread::Builder::new()
                    .name("store-writer".to_owned())
                    .spawn(move || {
                        runtime.block_on(run(desk, inbox));
                        drop(alive);
                    })?;
                task.spawn(async move { drop(done.await) });
            }
            Dialect::Postgres => {
                task.spawn(run(desk, inbox));
            }
        }
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            task: tokio::sync::Mutex::new(task),
        })
    }

    /// Runs `work` inside the next group and answers once that is on
    /// disk. Work that fails is undone alone.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        self.queue(work, false).await
    }

    /// The same in a commit of its own, for work that changes much: SQLite
    /// keeps every page as it was for whoever may have to be undone alone.
    pub(crate) async fn write_much<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        self.queue(work, true).await
    }

    async fn queue<T, F>(&self, work: F, is_alone: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        let queue = self
            .queue
            .lock()
            .expect("invariant: nothing panics while holding the lock")
            .clone()
            .ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let run: Run = Box::new(move |connection| {
            Box::pin(async move {
                let Some(connection) = connection else {
                    return Worked {
                        outcome: Ended::Lost,
                        acknowledge: Box::new(move |committed| {
                            let why = committed.err().unwrap_or(StoreError::Closed);
                            drop(reply.send(Err(why)));
                        }),
                    };
                };
                let result = work(connection).await;
                Worked {
                    outcome: match &result {
                        Ok(_) => Ended::Well,
                        Err(error) if error.is_disconnect() => Ended::Lost,
                        Err(_) => Ended::Badly,
                    },
                    acknowledge: Box::new(move |committed| {
                        // A caller that no longer waits needs no answer.
                        drop(reply.send(result.and_then(|value| committed.map(|()| value))));
                    }),
                }
            })
        });
        queue
            .send(Work { run, is_alone })
            .await
            .map_err(|_closed| StoreError::Closed)?;
        answer.await.map_err(|_dropped| StoreError::Closed)?
    }

    /// Finishes what is queued and stops.
    pub(crate) async fn close(&self) {
        drop(
            self.queue
                .lock()
                .expect("invariant: nothing panics while holding the lock")
                .take(),
        );
        let mut task = self.task.lock().await;
        while task.join_next().await.is_some() {}
    }
}

async fn run(mut desk: Desk, mut inbox: mpsc::Receiver<Work>) {
    let mut group = VecDeque::with_capacity(GROUP);
    let mut taken = Vec::with_capacity(GROUP);
    while !group.is_empty() || desk.next(&mut inbox, &mut taken).await {
        group.extend(taken.drain(..));
        let mut acknowledgements = Vec::with_capacity(group.len());
        let outcome = desk.commit(&mut group, &mut acknowledgements).await;
        if let Err(error) = &outcome {
            tracing::error!(error = %model::error::chain(error), "commit failed");
            if acknowledgements.is_empty() {
                // Not one was begun: nobody shall wait for ever.
                for work in group.drain(..) {
                    acknowledgements.push((work.run)(None).await.acknowledge);
                }
            }
        }
        for acknowledge in acknowledgements {
            acknowledge(match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(StoreError::Commit(model::error::chain(error))),
            });
        }
    }
    desk.leave().await;
}

/// Runs each piece of work, up to one that wants a commit of its own; one
/// that fails is undone alone.
async fn work_through(
    connection: &mut Connection,
    group: &mut VecDeque<Work>,
    acknowledgements: &mut Vec<Acknowledge>,
) -> Result<(), StoreError> {
    if connection.dialect() == Dialect::Sqlite
        && let Some(work) = group.pop_front_if(|work| work.is_alone)
    {
        return work_alone(connection, work, acknowledgements).await;
    }
    let mut is_first = true;
    while let Some(work) = group.pop_front_if(|work| is_first || !work.is_alone) {
        is_first = false;
        connection.run("SAVEPOINT work").await?;
        let worked = (work.run)(Some(connection)).await;
        if worked.outcome == Ended::Well
            && let Err(error) = connection.run("RELEASE SAVEPOINT work").await
        {
            if error.is_disconnect() {
                acknowledgements.push(worked.acknowledge);
                return Err(error);
            }
            // A statement failed and the work went on regardless, which
            // PostgreSQL does not let it.
            (worked.acknowledge)(Err(StoreError::Commit(model::error::chain(&error))));
            connection.run(UNDO).await?;
            continue;
        }
        if worked.outcome == Ended::Badly {
            connection.run(UNDO).await?;
        }
        acknowledgements.push(worked.acknowledge);
        if worked.outcome == Ended::Lost {
            return Err(StoreError::Lost);
        }
    }
    Ok(())
}

/// Runs work that has the transaction to itself.
async fn work_alone(
    connection: &mut Connection,
    work: Work,
    acknowledgements: &mut Vec<Acknowledge>,
) -> Result<(), StoreError> {
    let worked = (work.run)(Some(connection)).await;
    acknowledgements.push(worked.acknowledge);
    match worked.outcome {
        Ended::Well => Ok(()),
        // What is committed then is nothing.
        Ended::Badly => connection.run("ROLLBACK; BEGIN IMMEDIATE").await,
        Ended::Lost => Err(StoreError::Lost),
    }
}

const UNDO: &str = "ROLLBACK TO SAVEPOINT work; RELEASE SAVEPOINT work";

/// The writer's place at the database.
struct Desk {
    database: Database,
    connection: Option<Connection>,
    /// Names this writer among those of other servers.
    server: String,
    /// Counts its groups.
    turn: i64,
}

impl Desk {
    /// Runs a group and commits it. Work not begun when the connection
    /// breaks stays in `group`.
    async fn commit(
        &mut self,
        group: &mut VecDeque<Work>,
        acknowledgements: &mut Vec<Acknowledge>,
    ) -> Result<(), StoreError> {
        self.begin().await?;
        let mut connection = self
            .connection
            .take()
            .expect("invariant: a transaction has a connection");
        // Dropping the connection undoes what was not committed.
        work_through(&mut connection, group, acknowledgements).await?;
        match connection.run("COMMIT").await {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(error) if error.is_disconnect() => {
                drop(connection);
                self.find_out(error).await
            }
            Err(error) => Err(error),
        }
    }

    /// Takes in what there is to do next; whether there will be anything.
    ///
    /// SQLite by itself would move its log into the file within a commit,
    /// and keep whoever waits for that waiting.
    async fn next(&mut self, inbox: &mut mpsc::Receiver<Work>, taken: &mut Vec<Work>) -> bool {
        let length = self.log_length();
        if length > LOG[0] {
            if length < LOG[1] {
                let more = tokio::time::timeout(LULL, inbox.recv_many(taken, GROUP)).await;
                if let Ok(count) = more {
                    return count > 0;
                }
            }
            if let Some(connection) = &mut self.connection
                && let Err(error) = connection.run("PRAGMA wal_checkpoint(PASSIVE)").await
            {
                tracing::debug!(error = %model::error::chain(&error), "moving the log");
            }
        }
        inbox.recv_many(taken, GROUP).await > 0
    }

    fn log_length(&self) -> u64 {
        let Database::File(path) = &self.database else {
            return 0;
        };
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        std::fs::metadata(log).map_or(0, |log| log.len())
    }

    /// Begins the next group's transaction, reaching the server again if
    /// need be.
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.turn += 1;
        let deadline = Instant::now() + PATIENCE;
        let mut pause = BACKOFF[0];
        loop {
            let error = match self.try_begin().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // Whatever state it is in, a fresh one is better.
            self.connection = None;
            if !error.is_disconnect() || Instant::now() > deadline {
                return Err(error);
            }
            tracing::warn!(error = %model::error::chain(&error), "database does not answer");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF[1]);
        }
    }

    async fn try_begin(&mut self) -> Result<(), StoreError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.database.connect_to_write().await?),
        };
        match connection.dialect() {
            Dialect::Sqlite => connection.run("BEGIN IMMEDIATE").await,
            Dialect::Postgres => {
                // Every statement after the lock sees what the last
                // writer committed.
                connection
                    .run(
                        "BEGIN ISOLATION LEVEL READ COMMITTED;
                         SELECT turn FROM writer WHERE server = '' FOR UPDATE",
                    )
                    .await?;
                sql(
                    "INSERT INTO writer (server, turn, seen) VALUES (?, ?, now())
                     ON CONFLICT (server) DO UPDATE SET turn = excluded.turn, seen = excluded.seen",
                )
                .bind(&self.server)
                .bind(self.turn)
                .execute(connection)
                .await
                .map(drop)
            }
        }
    }

    /// Whether a COMMIT whose answer was lost held.
    async fn find_out(&mut self, error: StoreError) -> Result<(), StoreError> {
        if self.database.dialect() == Dialect::Sqlite {
            return Err(error);
        }
        let deadline = Instant::now() + PATIENCE;
        let mut pause = BACKOFF[0];
        while Instant::now() < deadline {
            match self.last_turn().await {
                Ok(turn) if turn == Some(self.turn) => return Ok(()),
                Ok(_) => return Err(error),
                Err(again) => {
                    tracing::warn!(
                        error = %model::error::chain(&again),
                        "asking whether a commit held"
                    );
                    self.connection = None;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACKOFF[1]);
                }
            }
        }
        Err(error)
    }

    /// The last of this writer's groups that the database has. Waits for
    /// the lock: a commit still under way holds it.
    async fn last_turn(&mut self) -> Result<Option<i64>, StoreError> {
        let mut connection = self.database.connect().await?;
        connection
            .run("BEGIN; SELECT turn FROM writer WHERE server = '' FOR UPDATE")
            .await?;
        let turn = sql("SELECT turn FROM writer WHERE server = ?")
            .bind(&self.server)
            .scalar()
            .fetch_optional(&mut connection)
            .await?;
        connection.run("COMMIT").await?;
        self.connection = Some(connection);
        Ok(turn)
    }

    async fn leave(self) {
        let Some(mut connection) = self.connection else {
            return;
        };
        if connection.dialect() == Dialect::Sqlite {
            // Whoever copies the file of a server that was stopped shall
            // have all of it.
            if let Err(error) = connection.run("PRAGMA wal_checkpoint(TRUNCATE)").await {
                tracing::debug!(error = %model::error::chain(&error), "moving the log");
            }
        }
        if connection.dialect() == Dialect::Postgres {
            let left = sql("DELETE FROM writer WHERE server = ? OR
                            (server <> '' AND seen < now() - INTERVAL '1 day')")
            .bind(self.server)
            .execute(&mut connection)
            .await;
            if let Err(error) = left {
                tracing::debug!(error = %model::error::chain(&error), "leaving the database");
            }
        }
        connection.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    async fn note(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
        sql("INSERT INTO mark (name, value) VALUES (?, 1)")
            .bind(name)
            .execute(connection)
            .await
            .map(drop)
    }

    #[tokio::test]
    async fn work_with_a_commit_of_its_own_is_undone_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("seawall.db"))
            .await
            .unwrap();
        let writer = &store.writer;
        let few = |name: &'static str| {
            writer.write(move |connection| Box::pin(async move { note(connection, name).await }))
        };
        let much = |name: &'static str, is_bad: bool| {
            writer.write_much(move |connection| {
                Box::pin(async move {
                    note(connection, name).await?;
                    if is_bad {
                        return Err(StoreError::NoRule(name.to_owned()));
                    }
                    Ok(())
                })
            })
        };
        let outcomes = tokio::join!(
            few("first"),
            much("bad", true),
            much("good", false),
            few("between"),
            few("first"),
            much("worse", true),
            few("last"),
        );
        assert!(matches!(outcomes.1, Err(StoreError::NoRule(_))));
        assert!(matches!(outcomes.5, Err(StoreError::NoRule(_))));
        assert!(outcomes.4.is_err(), "a name is there once");
        outcomes.0.and(outcomes.2).and(outcomes.3).unwrap();
        outcomes.6.unwrap();
        let names: Vec<String> = sql("SELECT name FROM mark ORDER BY name")
            .scalar()
            .fetch_all(&store.readers)
            .await
            .unwrap();
        assert_eq!(names, ["between", "first", "good", "last"]);
    }
}
