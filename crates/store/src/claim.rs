//! What several servers on one record share out: one at a time has the
//! right to a row, until it ends or is given up. Tables of such rows have
//! `lease_holder` and `lease_until`.

use jiff::Timestamp;

use crate::{Dialect, Store, StoreError, db::sql};

impl Store {
    /// Takes, or keeps, the right to a row of `table` until `until`;
    /// `false`: somebody else has it.
    pub(crate) async fn claim(
        &self,
        table: &'static str,
        row: i64,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let holder = holder.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let touched = sql(format!(
                        "UPDATE {table} SET lease_holder = ?, lease_until = ?
                         WHERE id = ? AND (lease_holder = ? OR lease_until < ?)"
                    ))
                    .bind(&holder)
                    .bind(until)
                    .bind(row)
                    .bind(&holder)
                    .bind(now)
                    .execute(connection)
                    .await?;
                    Ok(touched > 0)
                })
            })
            .await
    }

    /// Takes every right to rows of `table` away where that is nobody
    /// else's: an embedded file has one server, so what a killed one held
    /// is free.
    pub(crate) async fn free_claims(&self, table: &'static str) -> Result<(), StoreError> {
        if self.dialect() != Dialect::Sqlite {
            return Ok(());
        }
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(format!(
                        "UPDATE {table} SET lease_until = 0, lease_holder = ''"
                    ))
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }
}
