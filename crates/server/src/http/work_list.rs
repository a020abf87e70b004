//! What to do first.

use std::collections::{BTreeMap, HashMap};

use api::work_list::{
    BaseImages, BaseList, BaseQuery, BuiltImage, WorkBase, WorkImage, WorkKind, WorkList,
    WorkListQuery, WorkStep, WorkUpgrade,
};
use axum::{Json, extract::State};
use model::{
    Severity,
    work::{Step, What},
};
use store::{Counts, ImageKey};

use super::{Shared, access::Access, error::ApiError, image, query::Query, severity};
use crate::work::engine;

/// Steps when nothing is said, and the most there are of them.
const STEPS: u32 = 50;
const MOST: u32 = 1_000;
/// Images named of one step.
const IMAGES: usize = 50;

/// Steps that each close many findings, those first that close most of
/// what presses: images to build again on a newer base, packages to
/// raise.
#[utoipa::path(get, path = "/work-list", tag = "running", params(WorkListQuery),
    responses((status = 200, body = WorkList)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<WorkListQuery>,
) -> Result<Json<WorkList>, ApiError> {
    let limit = query.limit.unwrap_or(STEPS);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("expected 1 to {MOST}")));
    }
    let priority = query.priority.unwrap_or(0);
    if priority > model::priority::MOST {
        let told = format!("expected 0 to {}", model::priority::MOST);
        return Err(ApiError::invalid("priority", told));
    }
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let running = query.running.unwrap_or(true);
    let work = app.store.work(&scope, running, priority).await?;
    let (work, list) = engine::blocking(move || {
        let list = model::work::work(&work.images, &work.findings);
        (work, list)
    })
    .await;
    let running: HashMap<i64, u64> = work
        .images
        .iter()
        .map(|image| (image.id, image.running))
        .collect();
    Ok(Json(WorkList {
        total: list.steps.len() as u64,
        findings: list.findings,
        closes: list.closes,
        unfixable: list.unfixable,
        truncated: work.truncated,
        steps: list
            .steps
            .into_iter()
            .take(limit as usize)
            .map(|step| wire(step, &work.keys, &running))
            .collect(),
    }))
}

fn counts(closes: &BTreeMap<Severity, u64>) -> Counts {
    let mut counts = Counts::default();
    for (severity, count) in closes {
        *counts.of(*severity) += count;
    }
    counts
}

fn images_in_words(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    }
}

/// What images are built on: images known here by their layers, and what
/// builders named.
#[utoipa::path(get, path = "/bases", tag = "images", params(BaseQuery),
    responses((status = 200, body = BaseList)))]
pub(crate) async fn bases(
    State(app): Shared,
    access: Access,
    Query(query): Query<BaseQuery>,
) -> Result<Json<BaseList>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let (bases, truncated) = app.store.bases(&scope).await?;
    let bases = bases.into_iter().map(|of| BaseImages {
        base: base(of.base),
        image_count: of.images.len() as u64,
        images: of
            .images
            .iter()
            .take(IMAGES)
            .map(|(key, running)| BuiltImage {
                image: image::reference(key),
                running: *running,
            })
            .collect(),
    });
    Ok(Json(BaseList {
        bases: bases.collect(),
        truncated,
    }))
}

/// What one image is built on.
pub(crate) fn base(base: store::ImageBase) -> WorkBase {
    WorkBase {
        name: base.name,
        digest: base.digest,
        image: base.image.as_ref().map(image::reference),
        known_by: base.known_by.as_str().to_owned(),
        newer: base.newer.as_ref().map(image::reference),
    }
}

fn wire(step: Step, keys: &HashMap<i64, ImageKey>, running: &HashMap<i64, u64>) -> WorkStep {
    let key = |id: i64| keys.get(&id).map(image::reference);
    let count = step.images.len();
    let (kind, title, base, upgrade) = match step.what {
        What::Rebuild(base) => {
            let newer = base.newer.and_then(key);
            let onto = match &newer {
                Some(newer) => newer.name.clone(),
                None => format!("the newest {}", base.name),
            };
            let base = WorkBase {
                name: base.name,
                digest: base.digest,
                image: base.image.and_then(key),
                known_by: base.known_by.as_str().to_owned(),
                newer,
            };
            let title = format!("Rebuild {} on {onto}", images_in_words(count));
            (WorkKind::Rebuild, title, Some(base), None)
        }
        What::Upgrade {
            kind,
            package,
            version,
            installed,
        } => {
            let title = format!(
                "Upgrade {package} to {version} in {}",
                images_in_words(count)
            );
            let upgrade = WorkUpgrade {
                kind: kind.into(),
                package,
                installed,
                version,
            };
            (WorkKind::Upgrade, title, None, Some(upgrade))
        }
    };
    WorkStep {
        kind,
        title,
        base,
        upgrade,
        images: step
            .images
            .into_iter()
            .take(IMAGES)
            .filter_map(|(id, closes)| {
                Some(WorkImage {
                    image: key(id)?,
                    closes,
                    running: running.get(&id).copied().unwrap_or(0),
                })
            })
            .collect(),
        image_count: count as u64,
        closes: severity::counts(counts(&step.closes)),
        kev: step.kev,
        weight: step.weight,
        priority: step.priority,
        vulnerabilities: step.vulnerabilities,
    }
}
