//! The HTTP face: routes, guards and the contract they make together.
//!
//! A handler reads the request, asks the store or the queue, and answers
//! with a body from `api`; it holds no SQL and no engine.

use std::sync::Arc;

use axum::{Router, extract::State};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

pub(crate) mod database;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod finding;
pub(crate) mod image;
pub(crate) mod overview;
pub(crate) mod scan;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod vulnerability;

/// What every handler is given.
pub(crate) type Shared = State<Arc<App>>;

/// Where the contract's paths begin.
pub(crate) const API_PREFIX: &str = "/api/v1";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Seawall",
        description = "Container security: what is in your images and machines, and what is vulnerable in it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    components(schemas(api::Problem)),
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

fn operations() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(ApiDocument::openapi()).nest(
        API_PREFIX,
        OpenApiRouter::new()
            .routes(routes!(session::read, session::sign_in, session::sign_out))
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
            .routes(routes!(database::import))
            .routes(routes!(environment::list))
            .routes(routes!(environment::add_demo, environment::remove_demo))
            .routes(routes!(search::search)),
    )
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
    let (_, mut document) = operations().split_for_parts();
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
    let (router, _) = operations().split_for_parts();
    router.with_state(app)
}
