//! Bringing a schema up to date, by itself.

use crate::{Place, StoreError, db};

/// From which schema to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    pub from: i64,
    pub to: i64,
}

/// Makes or upgrades the schema at `place`, which no server may be using.
pub async fn migrate(place: &Place) -> Result<Migrated, StoreError> {
    let _lease = place.lease()?;
    let from = db::migrate::run(&place.database).await?;
    Ok(Migrated {
        from,
        to: db::migrate::known(),
    })
}
