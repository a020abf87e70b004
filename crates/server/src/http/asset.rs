//! The inventory: environments, hosts and clusters, namespaces,
//! workloads, pods, containers and images.

use api::{
    Asset, AssetDetail, Page,
    asset::{AssetQuery, Fact},
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::AssetKind;
use store::AssetFilter;

use super::{
    Shared,
    access::Access,
    error::ApiError,
    finding, image,
    query::{self, Query},
    severity,
};
use crate::app::App;

fn wire(asset: store::Asset) -> Asset {
    Asset {
        asset: finding::asset(asset.key),
        parent: asset.parent,
        labels: asset.labels,
        counts: severity::counts(asset.counts),
        children: asset.children,
        running: asset.running,
        first_seen: asset.first_seen,
        last_seen: asset.last_seen,
        gone: asset.gone,
        image: asset.image.as_ref().map(image::reference),
    }
}

fn kinds(text: Option<&str>) -> Result<Vec<AssetKind>, ApiError> {
    query::list("kind", text, |word| {
        AssetKind::named(word).ok_or_else(|| {
            let known = AssetKind::ALL.map(AssetKind::as_str).join(", ");
            format!("unknown kind of asset '{word}' (expected one of {known})")
        })
    })
}

/// Assets, worst first.
#[utoipa::path(get, path = "/assets", tag = "inventory", params(AssetQuery),
    responses((status = 200, body = Page<Asset>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<AssetQuery>,
) -> Result<Json<Page<Asset>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = AssetFilter {
        parent: query.parent,
        kinds: kinds(query.kind.as_deref())?,
        text: query::text(query.q),
        gone: query.gone.unwrap_or(false),
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.assets(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// One asset; its findings are those of `/findings?q=asset:ID`.
#[utoipa::path(get, path = "/assets/{id}", tag = "inventory",
    params(("id" = String, Path, description = "the asset's id")),
    responses((status = 200, body = AssetDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<AssetDetail>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let detail = app
        .store
        .asset(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("asset"))?;
    let mut facts: Vec<Fact> = detail
        .facts
        .into_iter()
        .map(|(name, value)| Fact { name, value })
        .collect();
    if let Some(image) = &detail.asset.image {
        facts.extend(image_facts(&app, &scope, &image.id, detail.asset.key.kind).await?);
    }
    Ok(Json(AssetDetail {
        asset: wire(detail.asset),
        chain: detail.chain.into_iter().map(finding::asset).collect(),
        facts,
        below: detail
            .below
            .into_iter()
            .map(|(kind, count)| (kind.to_string(), count))
            .collect(),
        running_in: detail.running_in.into_iter().map(finding::asset).collect(),
    }))
}

/// What the record knows of an image; of a container's, its system only.
async fn image_facts(
    app: &App,
    scope: &store::Scope,
    id: &str,
    kind: AssetKind,
) -> Result<Vec<Fact>, ApiError> {
    let Some(image) = app.store.image(scope, id).await? else {
        return Ok(Vec::new());
    };
    let system = ("operating system", image.os.map(|os| os.to_string()));
    let mut told = vec![system];
    if kind == AssetKind::Image {
        told.extend([
            ("digest", image.digest),
            ("configuration digest", image.config_digest),
            ("platform", image.platform),
            ("tags", Some(image.tags.join(", "))),
            ("packages", Some(image.packages.to_string())),
        ]);
    }
    let told = told.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(Fact {
            name: name.to_owned(),
            value,
        })
    });
    Ok(told.collect())
}
