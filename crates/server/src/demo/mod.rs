//! The demonstration environment: made-up images, built as real archives
//! and sent through the same scan, match and store as any other; made-up
//! containers that run them; and made-up alerts, sent through the same
//! intake. Every row of it belongs to the environment `demo`, so that all
//! of it can be removed at once.

mod alert;
mod archive;
mod definition;
mod running;

use std::{collections::HashMap, io, path::PathBuf, sync::Arc};

use model::Digest;
use rust_embed::RustEmbed;
use store::{
    ImageFilter, ImageSort, NewScan, PageRequest, ScanEnd, ScanFilter, ScanOrigin, ScanState,
    StoreError,
};

use self::definition::Definition;
use crate::{
    app::{App, DEMO},
    work::{self, engine, queue},
};

#[derive(RustEmbed)]
#[folder = "../../content/demo"]
struct Definitions;

/// The demonstration could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("read the demonstration image {name}")]
    Definition {
        name: String,
        #[source]
        source: serde_norway::Error,
    },
    #[error("build a demonstration image in {}", path.display())]
    Build {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("remove {}", path.display())]
    Remove {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("read the demonstration's containers")]
    Running(#[source] serde_json::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn folder(app: &App) -> PathBuf {
    app.config.data_dir.join("demo")
}

/// Builds every image and queues its scan; says how many.
pub(crate) async fn add(app: &Arc<App>) -> Result<u64, DemoError> {
    let path = folder(app);
    let built = engine::blocking(move || build(&path)).await?;
    app.store
        .ensure_environment(DEMO, "Demonstration", true)
        .await?;
    let alerts = alert::parsed(app.clock.now()).alerts;
    work::alert::take(app, DEMO, alerts).await?;
    let count = built.len() as u64;
    for (name, path) in built {
        let scan = NewScan {
            environment: DEMO.to_owned(),
            target: format!("archive:{}", path.display()),
            name,
            origin: ScanOrigin::Demo,
            created: app.clock.now(),
            ..NewScan::default()
        };
        queue::ask(app, scan).await?;
    }
    Ok(count)
}

/// Starts the containers of the images that were scanned by now.
pub(crate) async fn place(app: &App) -> Result<(), DemoError> {
    let scope = app.store.scope(Some(DEMO)).await?;
    let page = PageRequest::first(api::page::MAX_LIMIT);
    let images = app
        .store
        .images(&scope, &ImageFilter::default(), ImageSort::Name, &page)
        .await?;
    let digests: HashMap<String, Digest> = images
        .items
        .into_iter()
        .filter_map(|image| Some((image.key.name, image.config_digest?.parse().ok()?)))
        .collect();
    let placed = running::placed(&digests).map_err(DemoError::Running)?;
    app.store
        .put_workloads(DEMO, running::CLUSTER, placed, app.clock.now())
        .await?;
    app.posture.ring();
    Ok(())
}

fn build(folder: &std::path::Path) -> Result<Vec<(String, PathBuf)>, DemoError> {
    let failed = |source| DemoError::Build {
        path: folder.to_owned(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut built = Vec::new();
    for (name, definition) in definitions()? {
        let path = folder.join(format!("{name}.tar"));
        archive::write(&definition, &path).map_err(failed)?;
        built.push((definition.name, path));
    }
    Ok(built)
}

fn definitions() -> Result<Vec<(String, Definition)>, DemoError> {
    let mut definitions = Vec::new();
    for file in Definitions::iter() {
        let Some(name) = file.strip_suffix(".yaml") else {
            continue;
        };
        let Some(content) = Definitions::get(&file) else {
            continue;
        };
        let definition =
            serde_norway::from_slice(&content.data).map_err(|source| DemoError::Definition {
                name: name.to_owned(),
                source,
            })?;
        definitions.push((name.to_owned(), definition));
    }
    definitions.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(definitions)
}

/// Removes the environment, its rows, its scans and its files.
pub(crate) async fn remove(app: &Arc<App>) -> Result<(), DemoError> {
    let scope = app.store.scope(Some(DEMO)).await?;
    let active = ScanFilter {
        states: vec![ScanState::Queued, ScanState::Running],
        ..ScanFilter::default()
    };
    let page = PageRequest::first(api::page::MAX_LIMIT);
    for scan in app.store.scans(&scope, &active, &page).await?.items {
        app.queue.cancel(&scan.id);
        queue::end_scan(app, &scan.id, ScanEnd::Cancelled).await;
    }
    app.store.remove_environment(DEMO).await?;
    let path = folder(app);
    match tokio::fs::remove_dir_all(&path).await {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DemoError::Remove { path, source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_reads_and_is_clearly_made_up() {
        let definitions = definitions().unwrap();
        assert!(definitions.len() >= 6);
        for (name, definition) in definitions {
            assert!(
                definition.name.starts_with("registry.demo.internal/"),
                "{name}: {}",
                definition.name
            );
            assert!(!definition.layers.is_empty(), "{name}");
        }
    }
}
