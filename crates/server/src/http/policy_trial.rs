//! What documents would say, before they are anybody's policy.

use std::sync::Arc;

use api::policy::{PolicyProblem, PolicyTest, PolicyTestResult};
use axum::{Json, extract::State};
use model::Permission;
use policy::World;

use super::{Shared, access::Access, error::ApiError, query::Body};
use crate::{
    app::App,
    policies::{self, MAX_TEXT, Object},
};

/// Objects of one trial.
pub(super) const MAX_OBJECTS: usize = 20_000;
const MAX_PASTED: usize = 4 << 20;

/// Tries documents on objects: pasted ones, or what is in clusters now.
#[utoipa::path(post, path = "/policies/test", tag = "policies", request_body = PolicyTest,
    responses((status = 200, body = PolicyTestResult)))]
pub(crate) async fn test(
    State(app): Shared,
    access: Access,
    Body(asked): Body<PolicyTest>,
) -> Result<Json<PolicyTestResult>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    if asked.text.len() > MAX_TEXT {
        let told = format!("longer than {MAX_TEXT} bytes");
        return Err(ApiError::invalid("text", told));
    }
    let mut wrong: Vec<PolicyProblem> = Vec::new();
    let mut tell = |problems: Vec<policy::Problem>| {
        wrong.extend(problems.into_iter().map(|problem| PolicyProblem {
            document: problem.source,
            kind: problem.kind,
            name: problem.name,
            message: problem.message,
        }));
    };
    let (documents, problems) = policy::documents("document", &asked.text);
    tell(problems);
    let mut is_partial = false;
    let objects: Vec<Object> = if let Some(text) = &asked.objects {
        if text.len() > MAX_PASTED {
            let told = format!("longer than {MAX_PASTED} bytes");
            return Err(ApiError::invalid("objects", told));
        }
        let (objects, problems) = policy::documents("object", text);
        tell(problems);
        let objects = objects.into_iter();
        objects
            .map(|object| Object {
                cluster: String::new(),
                value: object.value,
            })
            .collect()
    } else {
        let cluster = asked.cluster.as_deref();
        let texts = app
            .store
            .object_texts(&scope, cluster, MAX_OBJECTS + 1)
            .await?;
        is_partial = texts.len() > MAX_OBJECTS;
        let objects = texts.into_iter().take(MAX_OBJECTS);
        objects
            .filter_map(|(cluster, text)| {
                let value = serde_json::from_str(&text).ok()?;
                Some(Object { cluster, value })
            })
            .collect()
    };
    let environment = asked
        .environment
        .clone()
        .unwrap_or_else(|| access.own_environment(Permission::Configure));
    let around = around(&app, &environment).await?;
    let trying =
        tokio::task::spawn_blocking(move || policies::trial(&documents, &objects, &around));
    let mut result = trying.await.map_err(|error| ApiError::internal(&error))?;
    result.is_partial |= is_partial;
    result.problems.splice(0..0, wrong);
    Ok(Json(result))
}

/// What is known of images in an environment, as admission would know
/// it.
pub(super) async fn around(app: &App, environment: &str) -> Result<World, ApiError> {
    let images = app.bundles.images_of(app, environment).await?;
    let told = app.bundles.trusted_of(app, environment).await?;
    Ok(World {
        images: Arc::new(policies::states(&images)),
        trust: Arc::new(told.trust()),
        now_ns: i64::try_from(app.clock.now().as_nanosecond()).unwrap_or(i64::MAX),
        ..World::default()
    })
}
