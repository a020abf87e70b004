//! VEX: documents that hold here, and our own decisions for others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use api::vex::{NewVexQuery, VexDocument, VexExportQuery, VexFormat, VexQuery};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use model::{FindingKind, FindingState, Permission, VulnerabilityId};
use report::vex::{Basis, Product, Publisher, Statement};
use store::{
    FindingFilter, FindingSort, MAX_VEX_DOCUMENTS, NewImageEvent, NewVexDocument, PageRequest,
    ScanOrigin, Scope, VexRecord, VexText,
};
use vulns::vex;

use super::{
    Shared,
    access::Access,
    action::MAX_TEXT,
    error::ApiError,
    image::reference,
    query::{self, Query},
    sbom,
};
use crate::{
    app::App,
    work::{
        database,
        engine::{self, TOOL},
    },
};

/// The largest document that is taken.
const MAX_DOCUMENT: usize = 64 << 20;
/// Decisions written into one document.
const MAX_STATEMENTS: usize = 50_000;
/// How long packages may be asked to have been watched.
const DAYS: std::ops::RangeInclusive<u32> = 1..=3650;
/// Findings read at once.
const STEP: u32 = 500;

fn wire(record: VexRecord) -> VexDocument {
    VexDocument {
        id: record.id,
        environment: record.environment,
        name: record.name,
        statements: record.statements,
        added: record.added,
        added_by: record.added_by,
    }
}

/// Documents that hold here, by name.
#[utoipa::path(get, path = "/vex", tag = "vex", params(VexQuery),
    responses((status = 200, body = Vec<VexDocument>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<VexQuery>,
) -> Result<Json<Vec<VexDocument>>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let records = app.store.vex_documents(&scope).await?;
    Ok(Json(records.into_iter().map(wire).collect()))
}

/// Have a VEX document (OpenVEX, CSAF or CycloneDX, as JSON) hold here.
/// The body is the document itself. Images it speaks of are judged again.
#[utoipa::path(post, path = "/vex", tag = "vex", params(NewVexQuery),
    request_body(content_type = "application/octet-stream", description = "the document"),
    responses((status = 201, body = VexDocument),
        (status = 413, description = "the document is too large")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Query(asked): Query<NewVexQuery>,
    body: Body,
) -> Result<(StatusCode, Json<VexDocument>), ApiError> {
    let Some(name) = query::text(Some(asked.name)) else {
        return Err(ApiError::invalid(
            "name",
            "is empty: say what people know it by",
        ));
    };
    if name.len() > MAX_TEXT {
        return Err(ApiError::invalid("name", "is too long"));
    }
    may_hold_in(&access, asked.environment.as_deref())?;
    if let Some(environment) = &asked.environment {
        // It must be there, not merely be allowed.
        access.scope(&app, Some(environment)).await?;
    }
    let bytes = sbom::whole(body, MAX_DOCUMENT).await?;
    let (bytes, parsed) = {
        let name = name.clone();
        engine::blocking(move || {
            let parsed = vex::parse(&name, &bytes);
            (bytes, parsed)
        })
        .await
    };
    let parsed = parsed.map_err(|error| {
        ApiError::invalid("body", format!("failed to {}", model::error::chain(&error)))
    })?;
    if parsed.is_empty() {
        return Err(ApiError::invalid("body", "the document makes no statement"));
    }
    let new = NewVexDocument {
        environment: asked.environment,
        name,
        statements: parsed.len() as u64,
        document: bytes,
    };
    let kept = app.store.put_vex_document(access.author(&app), new).await?;
    let Some((record, before)) = kept else {
        return Err(ApiError::conflict(
            "too_many",
            format!("there are {MAX_VEX_DOCUMENTS} documents already: remove some"),
        ));
    };
    let mut said = vec![parsed];
    said.extend(before.as_ref().and_then(reread));
    let reason = format!("VEX document {} was added", record.name);
    judge_again(&app, record.environment.clone(), said, reason);
    Ok((StatusCode::CREATED, Json(wire(record))))
}

/// A document holds no longer.
#[utoipa::path(delete, path = "/vex/{id}", tag = "vex",
    params(("id" = String, Path, description = "the document's id")),
    responses((status = 204, description = "removed")))]
pub(crate) async fn delete(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let scope = access.visible(&app).await?;
    let known = app.store.vex_documents(&scope).await?;
    let known = known.into_iter().find(|record| record.id == id);
    let known = known.ok_or_else(|| ApiError::not_found("VEX document"))?;
    may_hold_in(&access, known.environment.as_deref())?;
    let removed = app
        .store
        .remove_vex_document(access.author(&app), &scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("VEX document"))?;
    let reason = format!("VEX document {} was removed", removed.record.name);
    let said = reread(&removed).into_iter().collect();
    judge_again(&app, removed.record.environment, said, reason);
    Ok(StatusCode::NO_CONTENT)
}

fn may_hold_in(access: &Access, environment: Option<&str>) -> Result<(), ApiError> {
    match environment {
        Some(name) => access.require_in(name),
        None if access.actor.rights.may_everywhere(Permission::Exempt) => Ok(()),
        None => Err(ApiError::forbidden(
            "not_permitted",
            "a document for all environments needs the permission 'exempt' in all of them; name \
             one environment",
        )),
    }
}

pub(crate) fn reread(text: &VexText) -> Option<vex::Document> {
    vex::parse(&text.record.name, &text.document).ok()
}

/// Matches in the background the images of which something else is said.
pub(crate) fn judge_again(
    app: &Arc<App>,
    environment: Option<String>,
    said: Vec<vex::Document>,
    reason: String,
) {
    let app = Arc::clone(app);
    app.clone().tasks.spawn(async move {
        let database = app.database.advisories().database();
        let names: BTreeSet<VulnerabilityId> = said
            .iter()
            .flat_map(|document| document.vulnerabilities(&database))
            .collect();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let again = async {
            let images = app
                .store
                .images_with_vulnerabilities(&names, environment.as_deref())
                .await?;
            for id in images {
                if app.shutdown.is_cancelled() {
                    break;
                }
                let Some(image) = database::reassess_one(&app, &id).await? else {
                    continue;
                };
                app.bus.publish(&api::Event::Image {
                    image: reference(&image),
                });
                let event = NewImageEvent {
                    image: id,
                    time: app.clock.now(),
                    cause: ScanOrigin::Advisory,
                    reason: reason.clone(),
                    source: None,
                };
                app.store.note_image_events(vec![event]).await?;
            }
            Ok::<_, store::StoreError>(())
        };
        if let Err(error) = again.await {
            tracing::error!(error = %model::error::chain(&error), "cannot judge images again");
        }
    });
}

/// What we say of vulnerabilities, for others: what exemptions and
/// dismissals say and, where asked for, what was never seen in use.
#[utoipa::path(get, path = "/vex/export", tag = "vex", params(VexExportQuery),
    responses((status = 200, description = "the document, as an attachment",
        content((String = "application/json")))))]
pub(crate) async fn export(
    State(app): Shared,
    access: Access,
    Query(asked): Query<VexExportQuery>,
) -> Result<Response, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let days = asked.in_use_days;
    if days.is_some_and(|days| !DAYS.contains(&days)) {
        return Err(ApiError::invalid("in_use_days", "is 1 to 3650"));
    }
    let now = app.clock.now();
    let mut statements = Statements::new(&app, &scope);
    statements.decided(asked.image.clone()).await?;
    if let Some(days) = days {
        let since = now - SignedDuration::from_hours(24 * i64::from(days));
        statements
            .not_in_use(asked.image.as_deref(), since, now)
            .await?;
    }
    let statements = statements.finish();
    let publisher = Publisher {
        name: "Seawall".to_owned(),
        address: app.public_url(),
        tool: TOOL.to_owned(),
    };
    let (format, ending) = match asked.format.unwrap_or_default() {
        VexFormat::Openvex => (report::vex::Format::Openvex, "openvex.json"),
        VexFormat::Cyclonedx => (report::vex::Format::Cyclonedx, "vex.cdx.json"),
        VexFormat::Csaf => (report::vex::Format::Csaf, "csaf.json"),
    };
    let bytes = engine::blocking(move || report::vex::write(format, &publisher, &statements, now))
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let disposition = format!("attachment; filename=\"seawall.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, bytes).into_response())
}

/// What is said, each with everything it holds for.
struct Statements<'a> {
    app: &'a App,
    scope: &'a Scope,
    /// Images by id, as products.
    products: BTreeMap<String, Option<(String, String)>>,
    said: BTreeMap<Statement, BTreeMap<(String, String), BTreeSet<String>>>,
}

impl<'a> Statements<'a> {
    fn new(app: &'a App, scope: &'a Scope) -> Self {
        Self {
            app,
            scope,
            products: BTreeMap::new(),
            said: BTreeMap::new(),
        }
    }

    async fn say(
        &mut self,
        statement: Statement,
        image: &str,
        package: String,
    ) -> Result<(), ApiError> {
        let product = if let Some(product) = self.products.get(image) {
            product.clone()
        } else {
            let known = self.app.store.image(self.scope, image).await?;
            let product = known.and_then(|image| product(&image));
            self.products.insert(image.to_owned(), product.clone());
            product
        };
        if let Some(product) = product {
            let packages = self.said.entry(statement).or_default();
            packages.entry(product).or_default().insert(package);
        }
        Ok(())
    }

    /// What exemptions and dismissals say.
    async fn decided(&mut self, image: Option<String>) -> Result<(), ApiError> {
        let filter = FindingFilter {
            kinds: vec![FindingKind::Vulnerability],
            states: vec![FindingState::Dismissed, FindingState::Exempted],
            suppressed: store::Suppressed::Either,
            image,
            ..FindingFilter::default()
        };
        let mut request = PageRequest::first(STEP);
        loop {
            let page = self
                .app
                .store
                .findings(self.scope, &filter, FindingSort::Severity, &request)
                .await?;
            for finding in page.items {
                let (Some(decision), Some(image), Some(package)) =
                    (finding.decision, finding.image, finding.package)
                else {
                    continue;
                };
                let statement = Statement {
                    vulnerability: finding.rule,
                    basis: Basis::Decision {
                        reason: decision.reason,
                        note: decision.note.unwrap_or_default(),
                        by: decision.by,
                    },
                    time: decision.at,
                    products: Vec::new(),
                };
                self.say(statement, &image.id, package.purl).await?;
            }
            match page.next_cursor {
                Some(cursor) if self.said.len() < MAX_STATEMENTS => {
                    request = PageRequest {
                        limit: STEP,
                        cursor: Some(cursor),
                    };
                }
                _ => return Ok(()),
            }
        }
    }

    /// What was watched since then without a break, and never seen in
    /// use.
    async fn not_in_use(
        &mut self,
        image: Option<&str>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let unused = self
            .app
            .store
            .unused_vulnerabilities(self.scope, image, since, now, MAX_STATEMENTS)
            .await?;
        for one in unused {
            let statement = Statement {
                vulnerability: one.vulnerability,
                basis: Basis::NotInUse { since: one.since },
                time: now,
                products: Vec::new(),
            };
            self.say(statement, &one.image, one.package).await?;
        }
        Ok(())
    }

    fn finish(self) -> Vec<Statement> {
        let said = self.said.into_iter().map(|(statement, products)| {
            let products = products
                .into_iter()
                .map(|((name, purl), packages)| Product {
                    name,
                    purl,
                    packages: packages.into_iter().collect(),
                });
            Statement {
                products: products.collect(),
                ..statement
            }
        });
        said.collect()
    }
}

/// An image's name and package URL; nothing else has one.
fn product(image: &store::Image) -> Option<(String, String)> {
    let digest = image.digest.as_ref().or(image.config_digest.as_ref())?;
    let name = image.key.name.split('@').next().unwrap_or_default();
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let colon = name.get(last..)?.find(':').map(|colon| last + colon);
    let repository = name.get(..colon.unwrap_or(name.len()))?;
    let short = repository.get(last..)?.to_lowercase();
    let tag = colon.and_then(|colon| name.get(colon + 1..));
    let mut purl = format!(
        "pkg:oci/{short}@{}?repository_url={repository}",
        digest.replace(':', "%3A")
    );
    if let Some(tag) = tag {
        purl.push_str("&tag=");
        purl.push_str(tag);
    }
    // One that is no package URL means nothing to anybody.
    purl.parse::<model::Purl>().ok()?;
    Some((image.key.name.clone(), purl))
}
