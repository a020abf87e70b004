//! The query grammar: what it may say, and whether a query can be read.

use api::query::{QueryCheck, QueryChecked, QueryError, QueryField, QueryFieldKind, QueryFields};
use axum::{Json, extract::State};
use model::query::{Catalogued, Field, FieldKind};

use super::{Shared, access::Access, error::ApiError, query::Query};

/// Values told of a field that takes any text.
const EXAMPLES: u32 = 50;

/// What queries may say, for completion.
#[utoipa::path(get, path = "/query/fields", tag = "query",
    responses((status = 200, body = QueryFields)))]
pub(crate) async fn fields(
    State(app): Shared,
    access: Access,
) -> Result<Json<QueryFields>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let occurring = app.store.query_values(&scope, EXAMPLES).await?;
    let fields = Field::catalogue().iter().map(|known| {
        let found = occurring.iter().filter(|(field, _)| *field == known.field);
        wire(known, found.map(|(_, value)| value.clone()))
    });
    Ok(Json(QueryFields {
        fields: fields.collect(),
    }))
}

fn wire(known: &Catalogued, occurring: impl Iterator<Item = String>) -> QueryField {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut values: Vec<String> = own(known.values);
    values.extend(occurring);
    QueryField {
        name: known.name.to_owned(),
        aliases: own(known.aliases),
        kind: match known.kind {
            FieldKind::Word => QueryFieldKind::Word,
            FieldKind::Rank => QueryFieldKind::Rank,
            FieldKind::Text => QueryFieldKind::Text,
            FieldKind::Number => QueryFieldKind::Number,
            FieldKind::Time => QueryFieldKind::Time,
            FieldKind::Flag => QueryFieldKind::Flag,
        },
        values,
        doc: known.doc.to_owned(),
        example: known.example.to_owned(),
        identity: known.identity,
    }
}

/// Whether a query can be read, and how.
#[utoipa::path(get, path = "/query/check", tag = "query", params(QueryCheck),
    responses((status = 200, body = QueryChecked)))]
pub(crate) async fn check(Query(asked): Query<QueryCheck>) -> Json<QueryChecked> {
    Json(match model::Query::parse(&asked.q) {
        Ok(query) => QueryChecked {
            canonical: Some(query.to_string()),
            errors: Vec::new(),
        },
        Err(errors) => QueryChecked {
            canonical: None,
            errors: errors
                .0
                .into_iter()
                .map(|error| QueryError {
                    message: error.message,
                    start: error.place.start as u64,
                    end: error.place.end as u64,
                    suggestion: error.suggestion,
                })
                .collect(),
        },
    })
}

/// A query as a request has it; nothing is everything.
pub(crate) fn read(pointer: &str, text: Option<&str>) -> Result<model::Query, ApiError> {
    model::Query::parse(text.unwrap_or_default())
        .map_err(|errors| ApiError::invalid_query(pointer, &errors))
}
