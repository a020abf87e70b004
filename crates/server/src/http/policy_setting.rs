//! What is done about a policy, where.

use api::{
    PolicyDetail,
    policy::{NewPolicySetting, PolicyQuery},
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::Permission;
use serde_json::Value;
use store::NewPolicySetting as Set;

use super::{
    Shared,
    access::Access,
    action::{self, MAX_TEXT as MAX_REASON},
    error::ApiError,
    policy::{changed, compiled, detail, find},
    query::Body,
};
use crate::policies;

const MAX_CLUSTER: usize = 200;

/// Sets what is done about a policy in an environment or one of its
/// clusters. Whoever judges there has it within seconds.
#[utoipa::path(put, path = "/policies/{id}/setting", tag = "policies",
    params(("id" = String, Path, description = "the policy's id")),
    request_body = NewPolicySetting,
    responses((status = 200, body = PolicyDetail),
        (status = 422, description = "parameters or scope do not fit the policy")))]
pub(crate) async fn set(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(asked): Body<NewPolicySetting>,
) -> Result<Json<PolicyDetail>, ApiError> {
    let environment = asked
        .environment
        .clone()
        .unwrap_or_else(|| access.own_environment(Permission::Configure));
    access.require_in(&environment)?;
    let scope = access.scope(&app, Some(&environment)).await?;
    let known = find(&app, &scope, &id).await?;
    let cluster = asked.cluster.as_deref().unwrap_or("").trim();
    if cluster.len() > MAX_CLUSTER || cluster.chars().any(char::is_control) {
        return Err(ApiError::invalid("cluster", "expected a cluster's name"));
    }
    if asked.action.is_none() && (asked.parameters.is_some() || asked.scope.is_some()) {
        let told = "say what is done, or leave parameters and scope out";
        return Err(ApiError::invalid("action", told));
    }
    let reason = match asked.reason.trim() {
        "" => String::new(),
        reason => action::text("reason", reason, MAX_REASON)?,
    };
    let setting = Set {
        environment: environment.clone(),
        cluster: cluster.to_owned(),
        policy: id.clone(),
        action: asked
            .action
            .map(|action| policies::action_word(action).to_owned()),
        parameters: asked.parameters,
        scope: asked
            .scope
            .map(|scope| serde_json::to_value(scope).unwrap_or(Value::Null)),
        reason,
    };
    if let Some(action) = asked.action {
        let trial = store::PolicySetting {
            environment: environment.clone(),
            cluster: setting.cluster.clone(),
            policy: id.clone(),
            action: String::new(),
            parameters: setting.parameters.clone(),
            scope: setting.scope.clone(),
            reason: String::new(),
            changed: app.clock.now(),
            changed_by: String::new(),
        };
        let documents = policies::documents_for(&known.documents(), Some(action), Some(&trial));
        compiled("parameters", documents).await?;
    }
    app.store.set_policy(access.author(&app), setting).await?;
    changed(&app, &environment);
    let asked = PolicyQuery::default();
    Ok(Json(detail(&app, &scope, &id, &asked).await?))
}
