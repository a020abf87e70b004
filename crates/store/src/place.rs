//! Where a record is kept.

use std::{fmt, path::Path};

use crate::{Dialect, StoreError, db::Database, lease::Lease};

/// A database's place: a file, or a server's database. Printed without
/// its password.
#[derive(Clone, Debug)]
pub struct Place {
    pub(crate) database: Database,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.database.name())
    }
}

impl Place {
    pub fn file(path: &Path) -> Self {
        Self {
            database: Database::file(path),
        }
    }

    /// `postgres://user@host:port/database`, with parameters `sslmode`
    /// (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`),
    /// `sslrootcert`, `sslcert`, `sslkey`, `host` (a socket's folder) and
    /// `password_file`.
    pub fn server(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::server(url)?,
        })
    }

    /// A server's URL, or else a file's path.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if text.contains("://") {
            Self::server(text)
        } else {
            Ok(Self::file(Path::new(text)))
        }
    }

    pub fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.database {
            Database::File(path) => Some(path),
            Database::Server(_) => None,
        }
    }

    /// Keeps every server off a file for as long as it is held.
    pub(crate) fn lease(&self) -> Result<Option<Lease>, StoreError> {
        self.path().map(Lease::take).transpose()
    }
}
