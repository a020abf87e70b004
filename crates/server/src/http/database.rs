//! The advisory database.

use api::{Database, database::ImportQuery};
use axum::{Json, body::Body, extract::State, http::StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio_stream::StreamExt as _;

use super::{Shared, error::ApiError, query::Query};
use crate::work::{
    database::{self, Busy, Errand, Upload},
    engine,
};

fn busy(_: Busy) -> ApiError {
    ApiError::conflict(
        "database_busy",
        "an update or import is running; wait for it to end",
    )
}

/// What the advisory database knows and what is being done to it.
#[utoipa::path(get, path = "/database", tag = "database",
    responses((status = 200, body = Database)))]
pub(crate) async fn read(State(app): Shared) -> Result<Json<Database>, ApiError> {
    Ok(Json(app.database.describe(&app)))
}

/// Bring it up to date from its source, in the background.
#[utoipa::path(post, path = "/database/update", tag = "database",
    responses((status = 202, body = Database, description = "started"),
        (status = 409, description = "an update or import is running")))]
pub(crate) async fn update(State(app): Shared) -> Result<(StatusCode, Json<Database>), ApiError> {
    database::start(&app, Errand::Update).map_err(busy)?;
    Ok((StatusCode::ACCEPTED, Json(app.database.describe(&app))))
}

/// Import a file: a zip of OSV records or a bundle made by
/// `seawall db export`. The body is the file itself.
#[utoipa::path(post, path = "/database/import", tag = "database", params(ImportQuery),
    request_body(content_type = "application/octet-stream", description = "the file"),
    responses((status = 202, body = Database, description = "received; importing"),
        (status = 409, description = "an update or import is running"),
        (status = 413, description = "the file is too large")))]
pub(crate) async fn import(
    State(app): Shared,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> Result<(StatusCode, Json<Database>), ApiError> {
    let internal = |error: std::io::Error| ApiError::internal(&error);
    let parent = app.config.data_dir.clone();
    let folder = engine::blocking(move || {
        tempfile::Builder::new()
            .prefix("import-")
            .tempdir_in(parent)
    })
    .await
    .map_err(internal)?;
    let upload = Upload::new(folder, &upload_name(query.name.as_deref()));
    let limit = app.config.advisories.max_upload;
    let mut out = tokio::fs::File::create_new(upload.path())
        .await
        .map_err(internal)?;
    let mut received = 0_u64;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_cut| ApiError::invalid("body", "the upload was cut off before its end"))?;
        received += chunk.len() as u64;
        if received > limit.0 {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the file is larger than {limit} (advisories.max_upload)"),
            ));
        }
        out.write_all(&chunk).await.map_err(internal)?;
    }
    if received == 0 {
        return Err(ApiError::invalid("body", "the file is empty"));
    }
    out.flush().await.map_err(internal)?;
    drop(out);
    database::start(&app, Errand::Import(upload)).map_err(busy)?;
    Ok((StatusCode::ACCEPTED, Json(app.database.describe(&app))))
}

/// The upload's own name, which says what it holds (`Debian.zip`,
/// `kev.json`), reduced to what cannot leave its folder.
fn upload_name(name: Option<&str>) -> String {
    let name: String = name
        .and_then(|name| name.rsplit(['/', '\\']).next())
        .unwrap_or_default()
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || " ._-".contains(*character))
        .take(100)
        .collect();
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() {
        "upload".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploads_name_cannot_leave_its_folder() {
        let cases = [
            ("Debian.zip", "Debian.zip"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\kev.json", "kev.json"),
            ("..", "upload"),
            ("", "upload"),
            ("a\0b\nc.zip", "abc.zip"),
        ];
        for (given, kept) in cases {
            assert_eq!(upload_name(Some(given)), kept, "{given}");
        }
        assert_eq!(upload_name(None), "upload");
    }
}
