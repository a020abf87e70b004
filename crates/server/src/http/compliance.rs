//! Compliance: how the recommendations stand, by the controls they
//! serve. Controls that nothing is known about are not listed: a control
//! is passed or failed by what was judged, never by silence.

use api::{
    Recommendation,
    compliance::{Compliance, Control, ControlState, Standard},
    overview::OverviewQuery,
};
use axum::{Json, extract::State};

use super::{Shared, access::Access, error::ApiError, query::Query, recommendation};

/// How the recommendations stand, by standard and control.
#[utoipa::path(get, path = "/compliance", tag = "compliance", params(OverviewQuery),
    responses((status = 200, body = Compliance)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Compliance>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let recommendations = recommendation::all(&app, &scope).await?;
    let standards = policy::standard::standards()
        .iter()
        .map(|standard| gather(standard, &recommendations))
        .collect();
    Ok(Json(Compliance { standards }))
}

fn gather(standard: &policy::standard::Standard, recommendations: &[Recommendation]) -> Standard {
    let controls: Vec<Control> = standard
        .controls
        .iter()
        .map(|control| {
            let name = format!("{} {}", standard.id, control.id);
            let serving: Vec<&Recommendation> = recommendations
                .iter()
                .filter(|recommendation| recommendation.controls.contains(&name))
                .collect();
            let sum = |count: fn(&Recommendation) -> u64| {
                serving.iter().map(|served| count(served)).sum::<u64>()
            };
            let affected = sum(|served| served.affected);
            Control {
                id: control.id.clone(),
                title: control.title.clone(),
                state: match (affected, sum(|served| served.assessed)) {
                    (0, 0) => ControlState::NotApplicable,
                    (0, _) => ControlState::Passed,
                    _ => ControlState::Failed,
                },
                affected,
                recommendations: serving.iter().map(|served| served.id.clone()).collect(),
            }
        })
        .collect();
    let count = |state| {
        let of = controls.iter().filter(|control| control.state == state);
        of.count() as u64
    };
    Standard {
        id: standard.id.clone(),
        name: standard.name.clone(),
        passed: count(ControlState::Passed),
        failed: count(ControlState::Failed),
        controls,
    }
}
