//! One server per database file.

use std::{fs::File, path::Path};

use crate::StoreError;

/// An advisory lock on a file beside the database; the kernel drops it
/// with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lease {
    _file: File,
}

impl Lease {
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = database.with_extension("lock");
        let failed = |source| StoreError::Lock {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: database.to_owned(),
            }),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
