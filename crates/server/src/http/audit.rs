//! The audit trail: listed, exported, checked.

use std::convert::Infallible;

use api::{
    AuditEntry, AuditVerdict, Page,
    audit::{AuditFault, AuditQuery},
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use store::AuditFilter;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{self, Query},
};

/// Pieces of an export on their way to a slow reader.
const ON_THE_WAY: usize = 4;

fn filter(query: AuditQuery) -> AuditFilter {
    AuditFilter {
        actor: query::text(query.actor),
        action: query::text(query.action),
        object: query::text(query.object).map(|object| match object.split_once('/') {
            Some((kind, id)) => (kind.to_owned(), Some(id.to_owned())),
            None => (object, None),
        }),
        environment: query::text(query.environment),
        from: query.from,
        to: query.to,
    }
}

/// Entries, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Page<AuditEntry>)))]
pub(crate) async fn list(
    State(app): Shared,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let request = query::page(query.cursor.clone(), query.limit)?;
    let page = app.store.audit(&filter(query), &request).await?;
    Ok(Json(query::wire(page, Into::into)))
}

/// Entries, oldest first, one JSON object a line, for keeping elsewhere
/// and for `seawall audit verify`. Unfiltered, the chain can be checked.
#[utoipa::path(get, path = "/audit/export", tag = "audit", params(AuditQuery),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub(crate) async fn export(
    State(app): Shared,
    access: Access,
    Query(query): Query<AuditQuery>,
) -> Result<Response, ApiError> {
    let filter = filter(query);
    let note = store::Note::of("audit.export", "audit", "trail");
    app.store.note(access.author(&app), note).await?;
    // Read before answering: a store that does not answer is no file.
    let mut entries = app.store.audit_after(0, &filter).await?;
    let (out, pieces) = mpsc::channel::<Bytes>(ON_THE_WAY);
    app.tasks.clone().spawn(async move {
        while let Some(last) = entries.last().map(|entry| entry.number) {
            let mut lines = String::new();
            for entry in entries {
                let line = serde_json::to_string(&entry);
                lines.push_str(&line.expect("invariant: an entry is plain data"));
                lines.push('\n');
            }
            if out.send(lines.into()).await.is_err() {
                return;
            }
            entries = match app.store.audit_after(last, &filter).await {
                Ok(entries) => entries,
                Err(error) => {
                    // The file ends early, which its reader can tell by
                    // the numbers; the log says why.
                    tracing::error!(error = %model::error::chain(&error), "audit export broke off");
                    return;
                }
            };
        }
    });
    let body = Body::from_stream(ReceiverStream::new(pieces).map(Ok::<_, Infallible>));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"seawall-audit.ndjson\"",
        ),
    ];
    Ok((headers, body).into_response())
}

/// Check the chain of the whole trail.
#[utoipa::path(get, path = "/audit/verify", tag = "audit",
    responses((status = 200, body = AuditVerdict)))]
pub(crate) async fn verify(State(app): Shared) -> Result<Json<AuditVerdict>, ApiError> {
    let (verifier, fault) = app.store.verify_audit(|_| {}).await?;
    if let Some(fault) = &fault {
        tracing::error!(
            audit.number = fault.number,
            "the audit trail is not as it was written"
        );
    }
    Ok(Json(AuditVerdict {
        intact: fault.is_none(),
        entries: verifier.entries(),
        head: verifier.head().to_owned(),
        fault: fault.map(|fault| AuditFault {
            number: fault.number,
            message: fault.message,
        }),
    }))
}
