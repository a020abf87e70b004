//! Licences of what images ship.

use std::collections::BTreeMap;

use api::{
    Page,
    license::{
        ImageLicense, ImageLicenses, LicenseClassCount, LicenseHolder, LicenseHolderQuery,
        LicensePolicyText, LicenseQuery, LicenseUse, LicenseViolation, Licenses,
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::{LicenseClass, LicensePolicy};
use policy::facts::Unlicensed;
use store::LicenseFilter;

use super::{
    Shared,
    access::Access,
    error::ApiError,
    image,
    query::{self, Query},
};

fn classes(text: Option<&str>) -> Result<Vec<LicenseClass>, ApiError> {
    query::list("class", text, |word| {
        LicenseClass::named(word).ok_or_else(|| {
            let known = LicenseClass::ALL.map(LicenseClass::as_str).join(", ");
            format!("unknown class '{word}' (expected one of {known})")
        })
    })
}

fn policy_text(policy: &LicensePolicy) -> Option<LicensePolicyText> {
    let words =
        |rules: &[model::license::LicenseRule]| rules.iter().cloned().map(String::from).collect();
    (!policy.is_empty()).then(|| LicensePolicyText {
        allowed: words(&policy.allowed),
        forbidden: words(&policy.forbidden),
        exceptions: policy.exceptions.clone(),
    })
}

/// Licences of everything in the images: most images first.
#[utoipa::path(get, path = "/licenses", tag = "images", params(LicenseQuery),
    responses((status = 200, body = Licenses)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<LicenseQuery>,
) -> Result<Json<Licenses>, ApiError> {
    let filter = LicenseFilter {
        text: query::text(query.q),
        license: None,
        classes: classes(query.class.as_deref())?,
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let found = app.store.licenses(&scope, &filter).await?;
    let mut by_class: BTreeMap<LicenseClass, (u64, u64)> = BTreeMap::new();
    for license in &found {
        let (licenses, packages) = by_class.entry(license.class).or_default();
        *licenses += 1;
        *packages += license.packages;
    }
    let policy = &app.config.licenses;
    Ok(Json(Licenses {
        licenses: found
            .into_iter()
            .map(|license| LicenseUse {
                forbidden: policy.forbids(&license.license),
                license: license.license,
                class: license.class.into(),
                images: license.images,
                packages: license.packages,
            })
            .collect(),
        classes: by_class
            .into_iter()
            .rev()
            .map(|(class, (licenses, packages))| LicenseClassCount {
                class: class.into(),
                licenses,
                packages,
            })
            .collect(),
        policy: policy_text(policy),
    }))
}

/// Images that ship something under a licence, or under one of a class.
#[utoipa::path(get, path = "/licenses/images", tag = "images", params(LicenseHolderQuery),
    responses((status = 200, body = Page<LicenseHolder>)))]
pub(crate) async fn holders(
    State(app): Shared,
    access: Access,
    Query(query): Query<LicenseHolderQuery>,
) -> Result<Json<Page<LicenseHolder>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = LicenseFilter {
        text: None,
        license: query.license,
        classes: classes(query.class.as_deref())?,
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.license_holders(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, |holder| LicenseHolder {
        image: image::reference(&holder.image),
        packages: holder.packages,
        named: holder.named,
    })))
}

/// An image's licences, and which of its packages may not be shipped.
#[utoipa::path(get, path = "/images/{id}/licenses", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = ImageLicenses)))]
pub(crate) async fn of_image(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<ImageLicenses>, ApiError> {
    let scope = access.scope(&app, None).await?;
    image::find(&app, &scope, &id).await?;
    let licenses = app.store.image_licenses(&scope, &id).await?;
    let policy = &app.config.licenses;
    let mut violations = Vec::new();
    if !policy.is_empty()
        && let Some(stored) = app.store.sbom(&id).await?
    {
        let packages = stored.sbom.packages.iter();
        violations.extend(packages.filter_map(|package| Unlicensed::of(policy, package)));
    }
    Ok(Json(ImageLicenses {
        licenses: licenses
            .into_iter()
            .map(|license| ImageLicense {
                license: license.license,
                class: license.class.into(),
                packages: license.packages,
                named: license.named,
            })
            .collect(),
        violations: violations
            .into_iter()
            .map(|fault| LicenseViolation {
                package: fault.package,
                version: fault.version,
                license: fault.license,
                unclear: fault.is_unclear,
            })
            .collect(),
    }))
}
