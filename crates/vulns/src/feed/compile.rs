//! From the archives in the depot to the generation in use.

use std::{
    fs,
    io::{self, BufWriter, Cursor, Seek, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use model::{Cancel, Warning, db::DatabaseStatus, error::chain};

use super::{
    Event, FeedError, Progress, Warnings,
    archive::{Archive, Entry},
    depot::Depot,
    intel::{Epss, Intel, IntelError, KevCatalogue},
};
use crate::{
    database::GENERATIONS,
    generation::{
        Compiler,
        link::SourceName,
        write::{Added, SourceIndex},
    },
    mapped::Bytes,
    starter,
};

/// Records between two words on progress.
const STEP: u64 = 1000;
const STARTER: &str = "starter";

/// Compiles everything in the depot and makes it current.
pub(crate) fn compile(
    depot: &Depot,
    now: Timestamp,
    warnings: &mut Warnings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<DatabaseStatus, FeedError> {
    let folder = depot.dir().join(GENERATIONS);
    let mut draft = depot.draft(&folder.join("draft"))?;
    let out = BufWriter::with_capacity(1 << 20, draft.as_file_mut());
    let mut compiler = Compiler::new(out).map_err(FeedError::Compile)?;
    let mut sources = Vec::new();
    let mut archives = archives(depot, &mut sources, warnings, progress)?;
    let total = archives
        .iter()
        .map(|(_, archive)| archive.len() as u64)
        .sum();
    let mut done = 0;
    for (source, archive) in &mut archives {
        archive.for_each(|entry| {
            if done % STEP == 0 {
                if cancel.is_cancelled() {
                    return Err(FeedError::Cancelled);
                }
                progress.report(Event::Compiling { done, total });
            }
            done += 1;
            let source_name = sources.get(usize::from(*source));
            let source_name = source_name.map_or("", |source| source.name.as_str());
            let left_out = match entry {
                Entry::Record { name, bytes } => match compiler.add(*source, bytes) {
                    Ok(Added::Advisory | Added::Ignored | Added::Superseded) => None,
                    Err(error) => Some((name, chain(&error))),
                },
                Entry::Bad { name, reason } => Some((name, reason)),
            };
            if let Some((name, reason)) = left_out {
                let warning = format!("left out a record: {reason}");
                let path = format!("{source_name}/{name}");
                warnings.push(Warning::new(warning).at(path), progress);
            }
            Ok(())
        })?;
    }
    drop(archives);
    add_starter(&mut compiler, &mut sources);
    let mut intel = read_intel(depot, warnings, progress);
    if intel.kev.is_none() {
        intel.kev = KevCatalogue::read(starter::KEV).ok();
    }
    let (out, status) = compiler
        .finish(&sources, &intel, now)
        .map_err(FeedError::Compile)?;
    drop(out);
    progress.report(Event::Compiling { done: total, total });
    if cancel.is_cancelled() {
        return Err(FeedError::Cancelled);
    }
    depot.switch(draft, &status.generation)?;
    tracing::info!(
        generation = status.generation,
        advisories = status.advisories,
        "advisory database compiled"
    );
    Ok(status)
}

/// Every readable archive, changes before what they change.
fn archives(
    depot: &Depot,
    sources: &mut Vec<SourceName>,
    warnings: &mut Warnings,
    progress: &dyn Progress,
) -> Result<Vec<(SourceIndex, Archive)>, FeedError> {
    let mut archives = Vec::new();
    for name in depot.sources()? {
        let folder = depot.source(&name);
        let index = SourceIndex::try_from(sources.len()).unwrap_or(SourceIndex::MAX);
        for file in ["changes.zip", "all.zip"] {
            let path = folder.join(file);
            if !path.is_file() {
                continue;
            }
            match Archive::open(&path) {
                Ok(archive) => archives.push((index, archive)),
                Err(error) => {
                    let warning = Warning::new(format!("left out: {}", chain(&error)));
                    warnings.push(warning.at(format!("{name}/{file}")), progress);
                }
            }
        }
        sources.push(SourceName {
            name,
            is_starter: false,
        });
    }
    Ok(archives)
}

fn add_starter<W: Write + Seek>(compiler: &mut Compiler<W>, sources: &mut Vec<SourceName>) {
    let index = SourceIndex::try_from(sources.len()).unwrap_or(SourceIndex::MAX);
    for record in starter::starter() {
        if let Err(error) = compiler.add_starter(index, record.as_bytes()) {
            tracing::warn!(error = chain(&error), "an embedded advisory was left out");
        }
    }
    sources.push(SourceName {
        name: STARTER.to_owned(),
        is_starter: true,
    });
}

/// What is known of exploitation; broken files are said and passed over.
fn read_intel(depot: &Depot, warnings: &mut Warnings, progress: &dyn Progress) -> Intel {
    Intel {
        epss: read_one(&depot.intel("epss"), Epss::read, warnings, progress),
        kev: read_one(&depot.intel("kev"), KevCatalogue::read, warnings, progress),
    }
}

fn read_one<T>(
    path: &Path,
    read: impl Fn(&[u8]) -> Result<T, IntelError>,
    warnings: &mut Warnings,
    progress: &dyn Progress,
) -> Option<T> {
    let bytes = match Bytes::map(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            let warning = Warning::new(format!("left out: {error}"));
            warnings.push(warning.at(path.to_string_lossy()), progress);
            return None;
        }
    };
    match read(&bytes) {
        Ok(found) => Some(found),
        Err(error) => {
            let warning = Warning::new(format!("left out: {}", chain(&error)));
            warnings.push(warning.at(path.to_string_lossy()), progress);
            None
        }
    }
}

/// Compiles the embedded set in memory.
pub(crate) fn compile_starter() -> io::Result<Vec<u8>> {
    let mut compiler = Compiler::new(Cursor::new(Vec::new()))?;
    let mut sources = Vec::new();
    add_starter(&mut compiler, &mut sources);
    // A fixed time: the set is as old as the program, not as this run.
    let kev = KevCatalogue::read(starter::KEV).map_err(io::Error::other)?;
    let intel = Intel {
        epss: None,
        kev: Some(kev),
    };
    let (out, _) = compiler.finish(&sources, &intel, Timestamp::UNIX_EPOCH)?;
    Ok(out.into_inner())
}

/// Compiles records in memory.
pub(crate) fn compile_records(sources: &[(&str, &[&str])], now: Timestamp) -> io::Result<Vec<u8>> {
    let mut compiler = Compiler::new(Cursor::new(Vec::new()))?;
    let mut names = Vec::new();
    for (index, (name, records)) in sources.iter().enumerate() {
        for record in *records {
            let index = SourceIndex::try_from(index).unwrap_or(SourceIndex::MAX);
            let added = if *name == STARTER {
                compiler.add_starter(index, record.as_bytes())
            } else {
                compiler.add(index, record.as_bytes())
            };
            if let Err(error) = added {
                return Err(io::Error::other(chain(&error)));
            }
        }
        names.push(SourceName {
            name: (*name).to_owned(),
            is_starter: *name == STARTER,
        });
    }
    let (out, _) = compiler.finish(&names, &Intel::default(), now)?;
    Ok(out.into_inner())
}

/// Replaces one source by an archive copied from elsewhere.
pub(crate) fn adopt(
    depot: &Depot,
    name: &str,
    from: &Path,
    progress: &dyn Progress,
) -> Result<(), FeedError> {
    // Looked at first: what is no archive must not displace one.
    if !Archive::open(from)?.holds_records() {
        return Err(FeedError::NothingFound(from.to_owned()));
    }
    let length = fs::metadata(from).map_err(FeedError::read(from))?.len();
    progress.report(Event::Started {
        source: name,
        bytes: Some(length),
    });
    let path = depot.source(name).join("all.zip");
    let mut draft = depot.draft(&path)?;
    let mut file = fs::File::open(from).map_err(FeedError::read(from))?;
    io::copy(&mut file, &mut draft).map_err(FeedError::write(&path))?;
    Depot::publish(draft, &path)?;
    forget_deltas(&depot.source(name))?;
    progress.report(Event::Done {
        source: name,
        changed: true,
    });
    Ok(())
}

/// Removes what belonged to the archive that was there before.
pub(crate) fn forget_deltas(folder: &Path) -> Result<(), FeedError> {
    for file in ["changes.zip", "state.json"] {
        let path: PathBuf = folder.join(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FeedError::Write {
                    path,
                    source: error,
                });
            }
            _ => {}
        }
    }
    Ok(())
}
