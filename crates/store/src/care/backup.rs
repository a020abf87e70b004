//! A copy of the record in one file, while servers go on.

use std::path::{Path, PathBuf};

use super::copy::{CopyProgress, copy_unleased};
use crate::{
    Dialect, Place, StoreError,
    db::{migrate, sql},
};

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub path: PathBuf,
    pub bytes: u64,
    pub schema: i64,
}

/// Writes the record at `from` as of one moment into the new file
/// `path`, an embedded database like any other. It is complete or not
/// there.
pub async fn backup(
    from: &Place,
    path: &Path,
    progress: &mut (dyn FnMut(CopyProgress<'_>) + Send),
) -> Result<Backup, StoreError> {
    let failed = |source| StoreError::Backup {
        path: path.to_owned(),
        source,
    };
    if path.exists() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".partial");
    let unfinished = PathBuf::from(unfinished);
    // One left by an interrupted attempt is of no use to anybody.
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let outcome = write(from, &unfinished, progress).await;
    let named = outcome.and_then(|schema| {
        let bytes = settle(&unfinished, path).map_err(failed)?;
        Ok(Backup {
            path: path.to_owned(),
            bytes,
            schema,
        })
    });
    if named.is_err() {
        drop(std::fs::remove_file(&unfinished));
    }
    named
}

async fn write(
    from: &Place,
    path: &Path,
    progress: &mut (dyn FnMut(CopyProgress<'_>) + Send),
) -> Result<i64, StoreError> {
    match from.dialect() {
        Dialect::Postgres => {
            let copied = copy_unleased(from, &Place::file(path), progress).await?;
            Ok(copied.schema)
        }
        Dialect::Sqlite => {
            let mut connection = from.database.connect_existing().await?;
            let schema = migrate::version(&mut connection).await?;
            let database = from.to_string();
            let schema = match schema {
                Some(0) => return Err(StoreError::NoStore { database }),
                Some(schema) => schema,
                None => return Err(StoreError::ForeignSchema { database }),
            };
            sql("VACUUM INTO ?")
                .bind(path.to_string_lossy().into_owned())
                .execute(&mut connection)
                .await?;
            connection.close().await;
            Ok(schema)
        }
    }
}

/// Makes the file last and gives it its name; its length.
fn settle(unfinished: &Path, path: &Path) -> std::io::Result<u64> {
    let file = std::fs::File::open(unfinished)?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    std::fs::rename(unfinished, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(bytes)
}
