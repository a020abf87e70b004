//! What a VEX document says, statement by statement.

use api::vex::{VexProduct, VexStatement, VexStatementQuery, VexStatus};
use axum::{
    Json,
    extract::{Path, State},
};
use vulns::vex::{self, Said};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{self, Query},
};
use crate::work::engine;

/// Products of a statement, and parts of a product, that are told.
const TOLD: usize = 100;

/// What a VEX document that holds here says, in its order.
#[utoipa::path(get, path = "/vex/{id}/statements", tag = "vex",
    params(("id" = String, Path, description = "the document's id"), VexStatementQuery),
    responses((status = 200, body = api::Page<VexStatement>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<VexStatementQuery>,
) -> Result<Json<api::Page<VexStatement>>, ApiError> {
    let request = query::page(asked.cursor, asked.limit)?;
    let limit = request.limit as usize;
    // A document never changes under its id: a place in it is a cursor.
    let first = match request.cursor {
        Some(cursor) => cursor
            .parse()
            .map_err(|_cause| ApiError::invalid("cursor", "not a cursor of this list"))?,
        None => 0,
    };
    let scope = access.visible(&app).await?;
    let known = app.store.vex_text(&scope, &id).await?;
    let known = known.ok_or_else(|| ApiError::not_found("VEX document"))?;
    let text = query::text(asked.q).map(|text| text.to_lowercase());
    let page = engine::blocking(move || {
        let parsed = vex::parse(&known.record.name, &known.document)?;
        Ok::<_, vex::VexError>(page(&parsed, text.as_deref(), first, limit))
    });
    let page = page.await.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(page))
}

fn page(
    document: &vex::Document,
    text: Option<&str>,
    first: usize,
    limit: usize,
) -> api::Page<VexStatement> {
    let mut total: u64 = 0;
    let mut items = Vec::new();
    let mut next = None;
    for (place, said) in document.statements().enumerate() {
        if text.is_some_and(|text| !said.mentions(text)) {
            continue;
        }
        total += 1;
        if place < first {
            continue;
        }
        if items.len() < limit {
            items.push(wire(said));
        } else if next.is_none() {
            next = Some(place.to_string());
        }
    }
    api::Page {
        items,
        next_cursor: next,
        total,
        total_capped: false,
    }
}

fn wire(said: Said<'_>) -> VexStatement {
    let (vulnerability, aliases) = match said.names() {
        [] => (String::new(), Vec::new()),
        [first, rest @ ..] => (first.clone(), rest.to_vec()),
    };
    let products = said.products().take(TOLD);
    VexStatement {
        vulnerability,
        aliases,
        status: match said.status() {
            "not_affected" => VexStatus::NotAffected,
            "affected" => VexStatus::Affected,
            "fixed" => VexStatus::Fixed,
            _ => VexStatus::UnderInvestigation,
        },
        justification: said.justification().map(str::to_owned),
        note: said.note().map(str::to_owned),
        time: said.time(),
        products: products
            .map(|(name, mut parts)| {
                parts.truncate(TOLD);
                VexProduct { name, parts }
            })
            .collect(),
        products_total: said.products_count() as u64,
    }
}
