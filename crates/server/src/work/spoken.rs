//! What others say of vulnerabilities in what this server knows: the
//! VEX documents it keeps, read once and again when any changed.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, RwLock},
};

use model::VulnerabilityId;
use store::{Store, StoreError, VexText};
use vulns::{Database, Judgements, vex};

use super::engine;

/// The documents. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spoken {
    kept: Arc<RwLock<Kept>>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    mark: i64,
    documents: Arc<Vec<(Option<String>, vex::Document)>>,
    /// By environment, what holds there.
    judgements: HashMap<String, Arc<Judgements>>,
}

impl Spoken {
    /// What holds in an environment.
    pub(crate) async fn judgements(
        &self,
        store: &Store,
        environment: &str,
    ) -> Result<Arc<Judgements>, StoreError> {
        self.refresh(store).await?;
        let mut kept = self
            .kept
            .write()
            .expect("invariant: no panic under the lock");
        if let Some(judgements) = kept.judgements.get(environment) {
            return Ok(Arc::clone(judgements));
        }
        let holds = kept.documents.iter().filter(|(only, _)| {
            let only = only.as_deref();
            only.is_none_or(|only| only == environment)
        });
        let judgements = Arc::new(Judgements {
            vex: holds.map(|(_, document)| document.clone()).collect(),
            ignore: None,
        });
        kept.judgements
            .insert(environment.to_owned(), Arc::clone(&judgements));
        Ok(judgements)
    }

    /// The vulnerabilities anything is said of, anywhere.
    pub(crate) async fn vulnerabilities(
        &self,
        store: &Store,
        database: &Database,
    ) -> Result<HashSet<VulnerabilityId>, StoreError> {
        self.refresh(store).await?;
        let documents = {
            let kept = self
                .kept
                .read()
                .expect("invariant: no panic under the lock");
            Arc::clone(&kept.documents)
        };
        Ok(documents
            .iter()
            .flat_map(|(_, document)| document.vulnerabilities(database))
            .collect())
    }

    /// Reads the documents again where another server, or this one,
    /// changed them.
    async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let mark = store.vex_mark().await?;
        let known = self
            .kept
            .read()
            .expect("invariant: no panic under the lock")
            .mark;
        if mark == known {
            return Ok(());
        }
        let texts = store.vex_texts().await?;
        let documents = engine::blocking(move || texts.iter().filter_map(read).collect()).await;
        let mut kept = self
            .kept
            .write()
            .expect("invariant: no panic under the lock");
        *kept = Kept {
            mark,
            documents: Arc::new(documents),
            judgements: HashMap::new(),
        };
        Ok(())
    }
}

/// It was read when it came; that it cannot be any more is told.
fn read(text: &VexText) -> Option<(Option<String>, vex::Document)> {
    match vex::parse(&text.record.name, &text.document) {
        Ok(document) => Some((text.record.environment.clone(), document)),
        Err(error) => {
            tracing::error!(
                vex.name = %text.record.name,
                error = %model::error::chain(&error),
                "a kept VEX document cannot be read"
            );
            None
        }
    }
}
