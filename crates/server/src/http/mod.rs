//! The HTTP face: routes, guards and the contract they make together.
//!
//! A handler reads the request, asks the store or the queue, and answers
//! with a body from `api`; it holds no SQL and no engine.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::header,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::get,
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) mod dashboard;
pub(crate) mod database;
pub(crate) mod envelope;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod finding;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod overview;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod severity;
pub(crate) mod vulnerability;

/// What every handler is given.
pub(crate) type Shared = State<Arc<App>>;

/// Where the contract's paths begin.
pub(crate) const API_PREFIX: &str = "/api/v1";

/// The largest JSON body that is read.
const MAX_BODY: usize = 64 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seawall",
        description = "Container security: what is in your images and machines, and what is vulnerable in it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    components(schemas(
        api::Problem,
        api::finding::FindingSort,
        api::image::ImageSort,
        api::image::ReportFormat,
        api::vulnerability::VulnerabilitySort
    )),
    security(("session" = [])),
    modifiers(&Contract),
)]
struct ApiDocument;

/// What holds for every operation, said once.
struct Contract;

impl Modify for Contract {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(
                "session",
                SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("seawall_session"))),
            );
    }
}

/// What anybody may ask. Everything else needs a session.
fn open_operations() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(session::sign_in))
}

fn operations() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(session::read, session::sign_out))
        .routes(routes!(overview::read))
        .routes(routes!(overview::changes))
        .routes(routes!(image::list))
        .routes(routes!(image::facets))
        .routes(routes!(image::read, image::delete))
        .routes(routes!(image::findings))
        .routes(routes!(image::finding_facets))
        .routes(routes!(image::packages))
        .routes(routes!(image::layers))
        .routes(routes!(image::scans))
        .routes(routes!(image::report))
        .routes(routes!(finding::list))
        .routes(routes!(finding::facets))
        .routes(routes!(vulnerability::list))
        .routes(routes!(vulnerability::facets))
        .routes(routes!(vulnerability::read))
        .routes(routes!(scan::list, scan::create))
        .routes(routes!(scan::read, scan::cancel))
        .routes(routes!(event::stream))
        .routes(routes!(database::read))
        .routes(routes!(database::update))
        .routes(routes!(environment::list))
        .routes(routes!(environment::add_demo, environment::remove_demo))
        .routes(routes!(search::search))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Its body is a file, bounded by the handler as it streams.
        .routes(routes!(database::import))
}

/// `get_images_id_findings`: unique because method and path are.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .strip_prefix(API_PREFIX)
        .unwrap_or(path)
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    std::iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

/// The contract, as JSON text.
pub fn openapi() -> String {
    let all = OpenApiRouter::<Arc<App>>::with_openapi(ApiDocument::openapi())
        .nest(API_PREFIX, operations().merge(open_operations()));
    let (_, mut document) = all.split_for_parts();
    let problem = ResponseBuilder::new()
        .description("what went wrong")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        )
        .build();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
        ] {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(operation_id(method, path));
            operation
                .responses
                .responses
                .insert("default".to_owned(), problem.clone().into());
        }
    }
    let mut text = document
        .to_pretty_json()
        .expect("invariant: the document is plain data");
    text.push('\n');
    text
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let (guarded, _) = operations().split_for_parts();
    let (open, _) = open_operations().split_for_parts();
    let signed_in = from_fn_with_state(Arc::clone(&app), guard::signed_in);
    let guarded = Router::new()
        .nest(API_PREFIX, guarded)
        .route("/api/v1/openapi.json", get(contract))
        .route("/metrics", get(health::metrics))
        .route_layer(signed_in);
    let open = Router::new()
        .nest(API_PREFIX, open.layer(DefaultBodyLimit::max(MAX_BODY)))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .fallback(dashboard::serve);
    open.merge(guarded)
        .layer(from_fn(guard::same_site))
        .layer(from_fn(guard::known_host))
        .layer(from_fn_with_state(Arc::clone(&app), envelope::wrap))
        .with_state(app)
}

async fn contract() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        api::OPENAPI_JSON,
    )
}
