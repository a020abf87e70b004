//! What images hold, in memory: the index from components to images,
//! made of what the store has and kept up with it.

use std::{
    collections::BTreeSet,
    sync::{Arc, RwLock, RwLockReadGuard},
};

use store::{Store, StoreError};
use vulns::{Component, Held, Index};

/// The index. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holdings {
    kept: Arc<RwLock<Kept>>,
    /// One reads the store at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) index: Index,
    /// All that was written up to here is in it.
    pub(crate) mark: i64,
}

impl Holdings {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept
            .read()
            .expect("invariant: no panic under the lock")
    }

    /// Takes in what was written since the last time, by whichever
    /// server.
    pub(crate) async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.catch_up(store).await
    }

    /// The same, and forgets images that are no longer there.
    pub(crate) async fn sweep(&self, store: &Store) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        if self.read().index.is_worn() {
            *self
                .kept
                .write()
                .expect("invariant: no panic under the lock") = Kept::default();
        }
        self.catch_up(store).await?;
        if store.content_count().await? >= self.read().index.images() as u64 {
            return Ok(());
        }
        let there = store.content_images().await?;
        let index = &mut self
            .kept
            .write()
            .expect("invariant: no panic under the lock")
            .index;
        let gone: Vec<i64> = index
            .image_numbers()
            .filter(|image| !there.contains(image))
            .collect();
        for image in gone {
            index.remove(image);
        }
        Ok(())
    }

    async fn catch_up(&self, store: &Store) -> Result<(), StoreError> {
        loop {
            let mark = self.read().mark;
            let contents = store.contents_after(mark).await?;
            let Some(last) = contents.last() else {
                return Ok(());
            };
            let mark = last.mark;
            let unknown: BTreeSet<i64> = {
                let kept = self.read();
                let packages = contents.iter().flat_map(|content| &content.packages);
                kept.index.unknown(packages.copied())
            };
            let unknown: Vec<i64> = unknown.into_iter().collect();
            let packages = store.packages_numbered(&unknown).await?;
            let mut kept = self
                .kept
                .write()
                .expect("invariant: no panic under the lock");
            for known in packages {
                let package = known.package;
                kept.index.learn(&Component {
                    package: known.number,
                    kind: package.kind,
                    name: package.name,
                    version: package.version,
                    ecosystem: package.ecosystem,
                    source: package.source.map(|source| (source.name, source.version)),
                });
            }
            for content in contents {
                kept.index.put(&Held {
                    image: content.image,
                    environment: content.environment,
                    packages: content.packages,
                });
            }
            kept.mark = mark;
        }
    }
}
