//! How the secure score would change, were some findings exempted.
//!
//! A misconfiguration that is exempted counts as healthy. A vulnerability
//! that is exempted is no reason to upgrade, so images and machines are
//! judged again as if it were not there. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use model::score::{Part, Score};
use policy::{Verdict, recommendations};
use store::{About, FindingFilter, ImageFacts, Scope, StoreError};

use super::facts;
use crate::app::App;

/// Percent points that exempting these open findings would add.
pub(crate) async fn score_change(
    app: &App,
    scope: &Scope,
    filter: &FindingFilter,
) -> Result<f64, StoreError> {
    let mut mended = app.store.misconfigured(scope, filter).await?;
    mended.extend(upgraded(app, scope, filter).await?);
    if mended.is_empty() {
        return Ok(0.0);
    }
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for about in &mended {
        *counts.entry((&about.environment, &about.rule)).or_default() += 1;
    }
    let mut before: Vec<Part> = Vec::new();
    let mut after: Vec<Part> = Vec::new();
    for standing in app.store.standings(scope).await? {
        let part = standing.part();
        let key = (standing.environment.as_str(), standing.rule.as_str());
        let count = counts.get(&key).copied().unwrap_or(0);
        let count = count.min(part.standing.affected);
        let mut changed = part.clone();
        changed.standing.affected -= count;
        changed.standing.exempted += count;
        before.push(part);
        after.push(changed);
    }
    let percent = |parts: &[Part]| Score::of(parts).percent().unwrap_or(0.0);
    Ok(percent(&after) - percent(&before))
}

/// Recommendations that would no longer hold against an image or a
/// machine, were these vulnerabilities exempted.
async fn upgraded(
    app: &App,
    scope: &Scope,
    filter: &FindingFilter,
) -> Result<BTreeSet<About>, StoreError> {
    let mut assets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for about in app.store.vulnerable(scope, filter).await? {
        assets
            .entry(about.environment)
            .or_default()
            .push(about.asset);
    }
    let mut mended = BTreeSet::new();
    for (environment, assets) in assets {
        let now = app.store.image_facts(&environment, Some(&assets)).await?;
        let then = app
            .store
            .image_facts_without(&environment, &assets, (scope, filter))
            .await?;
        let mut then: BTreeMap<String, ImageFacts> = then
            .into_iter()
            .map(|image| (image.id.clone(), image))
            .collect();
        for image in now {
            let id = image.id.clone();
            let Some(without) = then.remove(&id) else {
                continue;
            };
            let without = against(app, without);
            for rule in against(app, image) {
                if !without.contains(&rule) {
                    mended.insert(About {
                        environment: environment.clone(),
                        rule,
                        asset: id.clone(),
                    });
                }
            }
        }
    }
    Ok(mended)
}

/// The recommendations that hold against an image or a machine.
fn against(app: &App, image: ImageFacts) -> BTreeSet<String> {
    let Some(facts) = facts::image(image, None) else {
        return BTreeSet::new();
    };
    let now = app.clock.now();
    recommendations()
        .iter()
        .filter(|rule| rule.asset == facts.sort())
        .filter(|rule| matches!(policy::judge(&rule.id, &facts, now), Verdict::Affected(_)))
        .map(|rule| rule.id.clone())
        .collect()
}
