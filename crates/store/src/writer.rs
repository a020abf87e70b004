//! The one writer: takes work in order, commits it in groups, and only
//! then answers.

use std::{pin::Pin, sync::Mutex};

use sqlx::{Connection, SqliteConnection, SqlitePool, query};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::StoreError;

/// Work that waits for the writer; a full queue makes callers wait.
const QUEUE: usize = 256;
/// Pieces of work in one commit.
const GROUP: usize = 64;

pub(crate) type Answer<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// Told whether the commit held; then it tells the caller.
type Acknowledge = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

type Work = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Step<'c> + Send>;
type Step<'c> = Pin<Box<dyn Future<Output = Worked> + Send + 'c>>;

struct Worked {
    succeeded: bool,
    acknowledge: Acknowledge,
}

/// The writer's front door.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Work>>>,
    task: tokio::sync::Mutex<JoinSet<()>>,
}

impl Writer {
    pub(crate) fn start(pool: SqlitePool) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        task.spawn(run(pool, inbox));
        Self {
            queue: Mutex::new(Some(queue)),
            task: tokio::sync::Mutex::new(task),
        }
    }

    /// Runs `work` inside the next group and answers once that is on
    /// disk. Work that fails is undone alone.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Answer<'c, T> + Send + 'static,
    {
        let queue = self
            .queue
            .lock()
            .expect("invariant: nothing panics while holding the lock")
            .clone()
            .ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let result = work(connection).await;
                Worked {
                    succeeded: result.is_ok(),
                    acknowledge: Box::new(move |committed| {
                        // A caller that no longer waits needs no answer.
                        drop(reply.send(result.and_then(|value| committed.map(|()| value))));
                    }),
                }
            })
        });
        queue
            .send(work)
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

async fn run(pool: SqlitePool, mut inbox: mpsc::Receiver<Work>) {
    let mut group = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut group, GROUP).await > 0 {
        let mut acknowledgements = Vec::with_capacity(group.len());
        let outcome = commit(&pool, group.drain(..), &mut acknowledgements).await;
        if let Err(error) = &outcome {
            tracing::error!(error = %model::error::chain(error), "commit failed");
        }
        for acknowledge in acknowledgements {
            acknowledge(match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(StoreError::Commit(model::error::chain(error))),
            });
        }
    }
    pool.close().await;
}

async fn commit(
    pool: &SqlitePool,
    group: impl Iterator<Item = Work>,
    acknowledgements: &mut Vec<Acknowledge>,
) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for work in group {
        query("SAVEPOINT work").execute(&mut *transaction).await?;
        let worked = work(&mut transaction).await;
        if !worked.succeeded {
            query("ROLLBACK TO work").execute(&mut *transaction).await?;
        }
        query("RELEASE work").execute(&mut *transaction).await?;
        acknowledgements.push(worked.acknowledge);
    }
    transaction.commit().await
}
