//! Findings as a file, streamed as they are read.

use std::sync::Arc;

use api::route::{ExportFormat, ExportQuery};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use model::{
    Notice,
    query::{Asking, Query as Filter},
};
use store::{PictureFilter, Scope};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::{app::App, work::delivery};

/// Findings read at once.
const PAGE: u32 = 1000;
/// Pages that may wait for a slow reader; it makes the reading wait.
const AHEAD: usize = 2;

type Piece = Result<Vec<u8>, std::io::Error>;

/// Findings as CSV, lines of JSON or lines of OCSF. Open ones, unless the
/// filter speaks of states.
#[utoipa::path(get, path = "/export/findings", tag = "findings", params(ExportQuery),
    responses((status = 200, description = "the file, streamed",
        body = String, content_type = "text/csv")))]
pub(crate) async fn findings(
    State(app): Shared,
    access: Access,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let text = query.q.unwrap_or_default();
    let filter = Filter::parse(&text).map_err(|error| ApiError::invalid("q", error.to_string()))?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let format = query.format.unwrap_or_default();
    let (content_type, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "findings.csv"),
        ExportFormat::Ndjson => ("application/x-ndjson", "findings.ndjson"),
        ExportFormat::Ocsf => ("application/x-ndjson", "findings.ocsf.ndjson"),
    };
    let (pieces, reader) = mpsc::channel(AHEAD);
    let me = access.actor.name.clone();
    app.tasks
        .spawn(write(Arc::clone(&app), scope, filter, me, format, pieces));
    Ok((
        [
            (header::CONTENT_TYPE, content_type.to_owned()),
            (
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            ),
        ],
        Body::from_stream(ReceiverStream::new(reader)),
    )
        .into_response())
}

async fn write(
    app: Arc<App>,
    scope: Scope,
    filter: Filter,
    me: String,
    format: ExportFormat,
    pieces: mpsc::Sender<Piece>,
) {
    let asking = Asking {
        now: app.clock.now(),
        me: Some(&me),
    };
    let only_open = !filter.speaks_of_state();
    let base = app.public_url();
    if format == ExportFormat::Csv {
        let header = export::format::csv::header().into_bytes();
        if pieces.send(Ok(header)).await.is_err() {
            return;
        }
    }
    let mut after = 0;
    loop {
        let everything = PictureFilter::default();
        let page = tokio::select! {
            page = app.store.pictures(&scope, &everything, after, PAGE) => page,
            () = app.shutdown.cancelled() => return,
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(error = %model::error::chain(&error), "export broke off");
                // Breaks the connection, so that nobody takes a part for
                // the whole.
                let broken = std::io::Error::other("the database does not answer");
                drop(pieces.send(Err(broken)).await);
                return;
            }
        };
        let Some((last, _)) = page.last() else { return };
        after = *last;
        let mut text = String::new();
        for (_, mut notice) in page {
            let is_open = notice
                .finding
                .as_ref()
                .is_some_and(|finding| finding.state == "open");
            if (only_open && !is_open) || !filter.matches(&notice, &asking) {
                continue;
            }
            delivery::link(&mut notice, &base);
            text.push_str(&line(&notice, format));
        }
        if !text.is_empty() && pieces.send(Ok(text.into_bytes())).await.is_err() {
            return;
        }
    }
}

fn line(notice: &Notice, format: ExportFormat) -> String {
    match format {
        ExportFormat::Csv => export::format::csv::write(notice),
        ExportFormat::Ndjson => export::format::json(notice) + "\n",
        ExportFormat::Ocsf => export::format::ocsf::write(notice).to_string() + "\n",
    }
}
