//! Saved views.

use jiff::Timestamp;

use crate::{
    Store, StoreError,
    db::{Row, sql},
};

/// A page with its filters, under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub id: String,
    /// Whose it is: an account's or a token's id, or `owner`.
    pub owner: String,
    pub owner_name: String,
    pub name: String,
    pub page: String,
    pub search: String,
    pub shared: bool,
    pub created: Timestamp,
}

/// A view to save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewView {
    pub owner: String,
    pub owner_name: String,
    pub name: String,
    pub page: String,
    pub search: String,
    pub shared: bool,
    pub created: Timestamp,
}

/// Views one owner may have.
const MOST: i64 = 200;

impl Store {
    /// The views that `owner` sees: their own and shared ones, by name.
    pub async fn views(&self, owner: &str) -> Result<Vec<View>, StoreError> {
        sql("SELECT * FROM saved_view WHERE owner = ? OR shared = 1 ORDER BY name, id")
            .bind(owner)
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    pub async fn view(&self, id: &str) -> Result<Option<View>, StoreError> {
        let row = sql("SELECT * FROM saved_view WHERE uid = ?")
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Saves a view; one of the same name and owner is replaced. `None`:
    /// the owner has as many as anybody may have.
    pub async fn put_view(&self, view: NewView) -> Result<Option<View>, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let others: i64 =
                        sql("SELECT COUNT(*) FROM saved_view WHERE owner = ? AND name <> ?")
                            .bind(&view.owner)
                            .bind(&view.name)
                            .scalar()
                            .fetch_one(&mut *connection)
                            .await?;
                    if others >= MOST {
                        return Ok(None);
                    }
                    let row = sql("INSERT INTO saved_view (uid, owner, owner_name, name, page,
                             search, shared, created)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                         ON CONFLICT (owner, name) DO UPDATE SET
                             owner_name = excluded.owner_name, page = excluded.page,
                             search = excluded.search, shared = excluded.shared
                         RETURNING *")
                    .bind(crate::scan::mint())
                    .bind(&view.owner)
                    .bind(&view.owner_name)
                    .bind(&view.name)
                    .bind(&view.page)
                    .bind(&view.search)
                    .bind(view.shared)
                    .bind(view.created)
                    .fetch_one(connection)
                    .await?;
                    read(&row).map(Some)
                })
            })
            .await
    }

    /// Forgets a view. `false`: there was none.
    pub async fn delete_view(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let gone = sql("DELETE FROM saved_view WHERE uid = ?")
                        .bind(&id)
                        .execute(connection)
                        .await?;
                    Ok(gone > 0)
                })
            })
            .await
    }
}

fn read(row: &Row) -> Result<View, StoreError> {
    Ok(View {
        id: row.text("uid")?,
        owner: row.text("owner")?,
        owner_name: row.text("owner_name")?,
        name: row.text("name")?,
        page: row.text("page")?,
        search: row.text("search")?,
        shared: row.flag("shared")?,
        created: row.time("created")?,
    })
}
