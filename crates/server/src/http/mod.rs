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
use model::Permission::{
    Administer, Configure, Exempt, Ingest, IngestAudit, Metrics, Scan, Triage, View,
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::access::{needs, needs_everywhere, nobody, signed_in};
use crate::app::App;

pub(crate) mod access;
pub(crate) mod action;
pub(crate) mod admission;
pub(crate) mod alert;
pub(crate) mod around;
pub(crate) mod asset;
pub(crate) mod attack;
pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod compliance;
pub(crate) mod context;
pub(crate) mod cookie;
pub(crate) mod dashboard;
pub(crate) mod database;
pub(crate) mod delivery;
pub(crate) mod drift;
pub(crate) mod envelope;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod exemption;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod finding;
pub(crate) mod grammar;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod host;
pub(crate) mod identity;
pub(crate) mod image;
pub(crate) mod incident;
pub(crate) mod license;
pub(crate) mod mute;
pub(crate) mod node;
pub(crate) mod oidc;
pub(crate) mod overview;
pub(crate) mod policy;
mod policy_impact;
pub(crate) mod policy_setting;
pub(crate) mod policy_trial;
pub(crate) mod posture;
pub(crate) mod query;
pub(crate) mod recommendation;
#[cfg(test)]
mod reference;
mod referrer;
pub(crate) mod registry;
pub(crate) mod registry_hook;
pub(crate) mod repository;
pub(crate) mod route;
pub(crate) mod rule;
pub(crate) mod running;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod scan_queue;
pub(crate) mod score;
pub(crate) mod search;
pub(crate) mod secret;
pub(crate) mod sensor;
pub(crate) mod session;
pub(crate) mod severity;
pub(crate) mod sink;
pub(crate) mod token;
pub(crate) mod trend;
pub(crate) mod trust;
pub(crate) mod user;
pub(crate) mod vex;
pub(crate) mod vex_source;
pub(crate) mod vex_statement;
pub(crate) mod view;
pub(crate) mod vulnerability;
pub(crate) mod work_list;

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
    security(("session" = []), ("token" = [])),
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
            .add_security_schemes_from_iter([
                (
                    "session",
                    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("seawall_session"))),
                ),
                (
                    "token",
                    SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).build()),
                ),
            ]);
    }
}

/// What anybody may ask. Everything else needs somebody.
fn open_operations() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(nobody(routes!(session::sign_in)))
        .routes(nobody(routes!(session::providers)))
        .routes(nobody(routes!(session::accept)))
        .routes(nobody(routes!(oidc::start)))
        .routes(nobody(routes!(oidc::callback)))
        .routes(nobody(routes!(oidc::back_channel)))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Proves itself by the registry's secret, and bounds its body.
        .routes(nobody(routes!(registry_hook::hook_in)))
}

/// Every other operation, with what it needs of whoever asks.
fn operations() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(signed_in(routes!(session::read, session::sign_out)))
        .routes(signed_in(routes!(session::list, session::end_others)))
        .routes(signed_in(routes!(session::end)))
        .routes(signed_in(routes!(user::me)))
        .routes(signed_in(routes!(user::change_password)))
        .routes(signed_in(routes!(user::create_first)))
        .routes(needs_everywhere(
            Administer,
            routes!(user::list, user::create),
        ))
        .routes(needs_everywhere(
            Administer,
            routes!(user::read, user::change, user::delete),
        ))
        .routes(needs_everywhere(Administer, routes!(user::reset)))
        .routes(needs_everywhere(
            Administer,
            routes!(user::sessions, user::end_sessions),
        ))
        .routes(signed_in(routes!(token::list, token::create)))
        .routes(signed_in(routes!(token::revoke)))
        .routes(needs_everywhere(Administer, routes!(audit::list)))
        .routes(needs_everywhere(Administer, routes!(audit::export)))
        .routes(needs_everywhere(Administer, routes!(audit::verify)))
        .routes(needs(View, routes!(overview::read)))
        .routes(needs(View, routes!(overview::changes)))
        .routes(needs(View, routes!(trend::read)))
        .routes(needs(View, routes!(recommendation::list)))
        .routes(needs(View, routes!(recommendation::read)))
        .routes(needs(View, routes!(score::read)))
        .routes(needs(View, routes!(score::history)))
        .routes(needs(View, routes!(compliance::read)))
        .routes(needs(View, routes!(compliance::one)))
        .routes(needs(View, routes!(compliance::evidence)))
        .routes(needs(View, routes!(compliance::report)))
        .routes(needs(
            Exempt,
            routes!(compliance::attest, compliance::withdraw),
        ))
        .routes(needs(View, routes!(attack::read)))
        .routes(needs(View, routes!(incident::list)))
        .routes(needs(View, routes!(incident::counts)))
        .routes(needs(View, routes!(incident::read)))
        .routes(needs(Triage, routes!(incident::change)))
        .routes(needs(View, routes!(rule::list)))
        .routes(needs(View, routes!(rule::read)))
        .routes(needs(Configure, routes!(rule::switch)))
        .routes(needs(View, routes!(asset::list)))
        .routes(needs(View, routes!(asset::read)))
        .routes(signed_in(routes!(view::list, view::create)))
        .routes(signed_in(routes!(view::delete)))
        .routes(needs(View, routes!(image::list)))
        .routes(needs(View, routes!(image::facets)))
        .routes(needs(View, routes!(image::read)))
        .routes(needs(Scan, routes!(image::delete)))
        .routes(needs(View, routes!(image::findings)))
        .routes(needs(View, routes!(image::finding_facets)))
        .routes(needs(View, routes!(image::packages)))
        .routes(needs(View, routes!(image::layers)))
        .routes(needs(View, routes!(image::scans)))
        .routes(needs(View, routes!(image::report)))
        .routes(needs(View, routes!(secret::list)))
        .routes(needs(View, routes!(secret::kinds)))
        .routes(needs(View, routes!(license::list)))
        .routes(needs(View, routes!(license::holders)))
        .routes(needs(View, routes!(license::of_image)))
        .routes(needs(View, routes!(referrer::of_image)))
        .routes(needs(View, routes!(sbom::search)))
        .routes(needs(View, routes!(sbom::compare)))
        .routes(needs(View, routes!(vex::list)))
        .routes(needs(View, routes!(vex::export)))
        .routes(needs(Exempt, routes!(vex::delete)))
        .routes(needs(View, routes!(vex_statement::list)))
        .routes(needs(View, routes!(vex_source::list)))
        .routes(needs_everywhere(Configure, routes!(vex_source::create)))
        .routes(needs_everywhere(Configure, routes!(vex_source::fetch_now)))
        .routes(needs_everywhere(Configure, routes!(vex_source::remove)))
        .routes(needs(View, routes!(finding::list)))
        .routes(needs(View, routes!(finding::facets)))
        .routes(needs(View, routes!(finding::groups)))
        .routes(needs(View, routes!(finding::read)))
        .routes(needs(View, routes!(finding::history)))
        .routes(needs(View, routes!(finding::events)))
        .routes(needs(View, routes!(finding::mutes)))
        .routes(needs(Triage, routes!(action::act)))
        .routes(needs(Triage, routes!(action::undo)))
        .routes(needs(View, routes!(exemption::list)))
        .routes(needs(Exempt, routes!(exemption::create)))
        .routes(needs(Exempt, routes!(exemption::preview)))
        .routes(needs(View, routes!(exemption::read)))
        .routes(needs(Exempt, routes!(exemption::change, exemption::end)))
        .routes(needs(Ingest, routes!(alert::falco)))
        .routes(needs(View, routes!(vulnerability::list)))
        .routes(needs(View, routes!(vulnerability::facets)))
        .routes(needs(View, routes!(vulnerability::read)))
        .routes(needs(View, routes!(running::list)))
        .routes(needs(View, routes!(running::read)))
        .routes(needs(View, routes!(running::affected)))
        .routes(needs(View, routes!(work_list::read)))
        .routes(needs(View, routes!(work_list::bases)))
        .routes(needs(View, routes!(scan::list)))
        .routes(needs(Scan, routes!(scan::create)))
        .routes(needs(View, routes!(scan::read)))
        .routes(needs(Scan, routes!(scan::cancel)))
        .routes(needs(Scan, routes!(scan_queue::retry)))
        .routes(needs(View, routes!(scan_queue::read)))
        .routes(needs(Scan, routes!(scan_queue::retry_all)))
        .routes(needs(View, routes!(scan_queue::timeline)))
        .routes(needs(View, routes!(registry::kinds)))
        .routes(needs(View, routes!(registry::list)))
        .routes(needs_everywhere(Configure, routes!(registry::create)))
        .routes(needs(View, routes!(registry::read)))
        .routes(needs_everywhere(
            Configure,
            routes!(registry::change, registry::remove),
        ))
        .routes(needs_everywhere(Configure, routes!(registry::check)))
        .routes(needs_everywhere(Configure, routes!(registry::sync)))
        .routes(needs_everywhere(Configure, routes!(registry::rotate)))
        .routes(needs(View, routes!(repository::list)))
        .routes(needs(View, routes!(repository::tags)))
        .routes(needs(View, routes!(trust::list)))
        .routes(needs(Configure, routes!(trust::create)))
        .routes(needs(View, routes!(trust::read)))
        .routes(needs(Configure, routes!(trust::change, trust::remove)))
        .routes(needs(View, routes!(trust::images)))
        .routes(needs(Configure, routes!(trust::verify)))
        .routes(needs(View, routes!(event::stream)))
        .routes(needs(View, routes!(database::read)))
        .routes(needs_everywhere(Configure, routes!(database::update)))
        .routes(signed_in(routes!(environment::list)))
        .routes(needs_everywhere(Administer, routes!(environment::create)))
        .routes(needs_everywhere(
            Administer,
            routes!(environment::add_demo, environment::remove_demo),
        ))
        .routes(needs(View, routes!(host::list)))
        .routes(needs(View, routes!(host::read)))
        .routes(needs_everywhere(Administer, routes!(host::create)))
        .routes(needs_everywhere(
            Administer,
            routes!(host::change, host::remove),
        ))
        .routes(needs_everywhere(Administer, routes!(host::check)))
        .routes(needs(View, routes!(search::search)))
        .routes(needs(View, routes!(export::findings)))
        .routes(needs_everywhere(Configure, routes!(sink::kinds)))
        .routes(needs_everywhere(
            Configure,
            routes!(sink::list, sink::create),
        ))
        .routes(needs_everywhere(
            Configure,
            routes!(sink::read, sink::change, sink::remove),
        ))
        .routes(needs_everywhere(Configure, routes!(sink::test)))
        .routes(needs_everywhere(Configure, routes!(sink::pause)))
        .routes(needs_everywhere(Configure, routes!(sink::resume)))
        .routes(needs_everywhere(Configure, routes!(delivery::replay_all)))
        .routes(needs_everywhere(Configure, routes!(delivery::list)))
        .routes(needs_everywhere(Configure, routes!(delivery::read)))
        .routes(needs_everywhere(Configure, routes!(delivery::replay)))
        .routes(needs_everywhere(
            Configure,
            routes!(route::list, route::create),
        ))
        .routes(needs_everywhere(
            Configure,
            routes!(route::read, route::change, route::remove),
        ))
        .routes(needs_everywhere(Configure, routes!(route::preview)))
        .routes(signed_in(routes!(grammar::check)))
        .routes(needs(View, routes!(grammar::fields)))
        .routes(needs(View, routes!(cluster::list)))
        .routes(needs(View, routes!(cluster::audit)))
        .routes(needs(View, routes!(node::list)))
        .routes(needs(View, routes!(posture::read)))
        .routes(needs(View, routes!(posture::workloads)))
        .routes(needs(View, routes!(posture::workload)))
        .routes(needs(View, routes!(posture::objects)))
        .routes(needs(View, routes!(posture::object)))
        .routes(needs(View, routes!(sensor::list)))
        .routes(needs(View, routes!(sensor::read)))
        .routes(needs(Configure, routes!(sensor::forget)))
        .routes(needs(Ingest, routes!(sensor::policy)))
        .routes(needs(View, routes!(drift::read)))
        .routes(needs(View, routes!(policy::list)))
        .routes(needs(View, routes!(policy::read)))
        .routes(needs(Configure, routes!(policy::delete)))
        .routes(needs(Configure, routes!(policy_setting::set)))
        .routes(needs(Configure, routes!(policy_impact::ask)))
        .routes(needs(Ingest, routes!(admission::bundle)))
        .routes(needs(View, routes!(admission::decisions)))
        .routes(needs(View, routes!(admission::offenders)))
        .routes(needs(View, routes!(admission::replicas)))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Bodies of these are bounded by their handlers.
        .routes(needs(Scan, routes!(sbom::import)))
        .routes(needs(Exempt, routes!(vex::create)))
        .routes(needs(Ingest, routes!(sensor::take)))
        .routes(needs(Ingest, routes!(sensor::hear)))
        .routes(needs(Ingest, routes!(sensor::used)))
        .routes(needs(Configure, routes!(drift::change)))
        .routes(needs(Ingest, routes!(node::take)))
        .routes(needs(Ingest, routes!(scan_queue::take)))
        .routes(needs(Ingest, routes!(admission::take)))
        .routes(needs(Configure, routes!(policy::create)))
        .routes(needs(Configure, routes!(policy_trial::test)))
        .routes(needs(IngestAudit, routes!(cluster::take_audit)))
        .routes(needs(Ingest, routes!(posture::take)))
        .routes(needs(Ingest, routes!(posture::hear)))
        // Its body is a file, bounded by the handler as it streams.
        .routes(needs_everywhere(Configure, routes!(database::import)))
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
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
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
    let metrics =
        from_fn(|request, next| access::enforce(access::Need::Everywhere(Metrics), request, next));
    let known = from_fn_with_state(Arc::clone(&app), guard::known);
    let guarded = Router::new()
        .nest(API_PREFIX, guarded)
        .route("/api/v1/openapi.json", get(contract))
        .route("/metrics", get(health::metrics).route_layer(metrics))
        .route_layer(known);
    let open = Router::new()
        .nest(API_PREFIX, open)
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .fallback(dashboard::serve);
    open.merge(guarded)
        .layer(from_fn_with_state(Arc::clone(&app), guard::same_site))
        .layer(from_fn_with_state(Arc::clone(&app), guard::known_host))
        .layer(from_fn_with_state(Arc::clone(&app), envelope::wrap))
        .with_state(app)
}

async fn contract() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        api::OPENAPI_JSON,
    )
}
