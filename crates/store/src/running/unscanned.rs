//! Containers whose image was never scanned, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::{AssetKind, priority::Reach};

use super::{PackageUses, RUNS, RunningFilter, RunningPlace, RunningRow, sorted, unknown_rank};
use crate::{
    Counts, Scope, Store, StoreError,
    asset::IMAGE_FACT,
    db::{Row, sql},
};

/// Containers looked at.
const MOST: u32 = 20_000;
/// Images whose last scan is asked for.
const ASKED: usize = 500;

/// What engines call an image the record does not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Called {
    environment: String,
    name: String,
    digest: Option<String>,
}

impl Called {
    fn id(&self) -> String {
        self.digest.clone().unwrap_or_else(|| self.name.clone())
    }
}

/// How the last attempt to read it went.
struct Attempt {
    state: String,
    error: Option<String>,
    advice: Option<String>,
}

fn called(row: &Row) -> Result<Option<Called>, StoreError> {
    let mut facts: BTreeMap<String, String> = row.json("facts")?;
    let digest = facts
        .remove("image id")
        .or_else(|| facts.get(IMAGE_FACT).cloned())
        .and_then(|text| Some(text.get(text.rfind("sha256:")?..)?.to_owned()))
        .filter(|text| text.len() == 71);
    let Some(name) = facts.remove(IMAGE_FACT).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(Called {
        environment: row.text("environment")?,
        name,
        digest,
    }))
}

impl Store {
    /// What engines call images of an environment that run and were
    /// never scanned: each by its name, and its digest where that is
    /// told.
    pub(crate) async fn called_unscanned(
        &self,
        environment: &str,
    ) -> Result<BTreeSet<(String, Option<String>)>, StoreError> {
        let mut query = sql(
            "SELECT asset.facts, environment.name AS environment FROM asset
             JOIN environment ON environment.id = asset.environment_id
             WHERE asset.image_id IS NULL AND ",
        );
        query.push(RUNS).push(" AND environment.name = ");
        query.push_bind(environment);
        query.push(" ORDER BY asset.id LIMIT ").push_bind(MOST);
        let rows = query.fetch_all(&self.readers).await?;
        let mut all = BTreeSet::new();
        for row in &rows {
            all.extend(called(row)?.map(|called| (called.name, called.digest)));
        }
        Ok(all)
    }

    /// Images that run and were never scanned.
    pub(super) async fn unscanned(
        &self,
        scope: &Scope,
        filter: &RunningFilter,
    ) -> Result<Vec<RunningRow>, StoreError> {
        let mut query = sql(
            "SELECT asset.facts, asset.labels, asset.started, environment.name AS environment,
                 COALESCE(up.id, parent.id) AS holder, parent.kind AS on_kind
             FROM asset JOIN asset AS parent ON parent.id = asset.parent_id
             JOIN environment ON environment.id = asset.environment_id
             LEFT JOIN asset AS up ON up.id = parent.parent_id AND up.kind = 'workload'
             WHERE asset.image_id IS NULL AND ",
        );
        filter.narrow(scope, &mut query);
        query.push(" ORDER BY asset.id LIMIT ").push_bind(MOST);
        let mut images: BTreeMap<Called, Vec<(i64, RunningPlaceRow)>> = BTreeMap::new();
        let mut on_host: HashMap<Called, bool> = HashMap::new();
        for row in &query.fetch_all(&self.readers).await? {
            let Some(called) = called(row)? else { continue };
            let text = filter.image.as_ref().map(|text| text.to_lowercase());
            let is_meant = text.is_none_or(|text| {
                called.name.to_lowercase().contains(&text)
                    || called.digest.as_ref().is_some_and(|d| d.contains(&text))
            });
            if !is_meant {
                continue;
            }
            let is_host = row.text("on_kind")? == AssetKind::Host.as_str();
            on_host.insert(called.clone(), is_host);
            images.entry(called).or_default().push((
                row.int("holder")?,
                RunningPlaceRow {
                    labels: row.json("labels")?,
                    started: row.time("started")?,
                },
            ));
        }
        let holders = images.values().flatten().map(|(holder, _)| *holder);
        let places = self.holders_of(holders.collect()).await?;
        let attempts = self.attempts(scope, images.keys()).await?;
        let mut rows = Vec::with_capacity(images.len());
        for (called, containers) in images {
            let count = containers.len() as u64;
            let mut by_place: BTreeMap<i64, RunningPlace> = BTreeMap::new();
            for (holder, container) in containers {
                let Some(asset) = places.get(&holder) else {
                    continue;
                };
                let place = by_place.entry(holder).or_insert_with(|| RunningPlace {
                    asset: asset.clone(),
                    labels: container.labels,
                    containers: 0,
                    since: container.started,
                });
                place.containers += 1;
                place.since = place.since.min(container.started);
            }
            let is_host = on_host.get(&called).copied().unwrap_or(false);
            rows.push(RunningRow {
                id: called.id(),
                environment: called.environment.clone(),
                name: called.name.clone(),
                image: None,
                digest: called.digest.clone(),
                not_scanned: why(&called, attempts.get(&called), is_host),
                last_scanned: None,
                containers: count,
                workloads: sorted(by_place.into_values().collect()),
                counts: Counts::default(),
                fixable: 0,
                kev: 0,
                priority: 0,
                reach: Reach::NotKnown,
                reached_by: String::new(),
                packages: PackageUses::default(),
                number: None,
                rank: unknown_rank(),
                // After what is known to be bad, before what is known to
                // be harmless.
                risk: 1 << 26,
            });
        }
        Ok(rows)
    }

    /// How the last attempts to read these went.
    async fn attempts(
        &self,
        scope: &Scope,
        images: impl Iterator<Item = &Called>,
    ) -> Result<HashMap<Called, Attempt>, StoreError> {
        let images: Vec<&Called> = images.take(ASKED).collect();
        if images.is_empty() {
            return Ok(HashMap::new());
        }
        let names = images.iter().map(|called| called.name.as_str());
        let digests = images.iter().filter_map(|called| called.digest.as_deref());
        let digests: Vec<&str> = digests.collect();
        let mut query = sql(
            "SELECT scan.name, scan.digest, scan.state, scan.error, scan.advice,
                 environment.name AS environment
             FROM scan JOIN environment ON environment.id = scan.environment_id WHERE ",
        );
        scope.constrain(&mut query, "scan.environment_id");
        query.push(" AND (scan.name IN ").push_list(names);
        if !digests.is_empty() {
            query.push(" OR scan.digest IN ").push_list(digests);
        }
        query.push(") ORDER BY scan.id DESC LIMIT 5000");
        let mut attempts = HashMap::new();
        for row in &query.once().fetch_all(&self.readers).await? {
            let (name, digest) = (row.text("name")?, row.maybe_text("digest")?);
            let environment = row.text("environment")?;
            for called in &images {
                let is_it = called.environment == environment
                    && (called.name == name || (digest.is_some() && called.digest == digest));
                if is_it && !attempts.contains_key(*called) {
                    let attempt = Attempt {
                        state: row.text("state")?,
                        error: row.maybe_text("error")?,
                        advice: row.maybe_text("advice")?,
                    };
                    attempts.insert((*called).clone(), attempt);
                }
            }
        }
        Ok(attempts)
    }
}

struct RunningPlaceRow {
    labels: BTreeMap<String, String>,
    started: Timestamp,
}

/// Why it was never scanned, and what mends that.
fn why(called: &Called, attempt: Option<&Attempt>, is_host: bool) -> String {
    match attempt {
        Some(attempt) if attempt.state == "queued" => "its scan waits in the queue".to_owned(),
        Some(attempt) if attempt.state == "running" => "it is being scanned now".to_owned(),
        Some(Attempt {
            error: Some(error),
            advice,
            ..
        }) => match advice {
            Some(advice) => format!("its scan failed: {error}; {advice}"),
            None => format!("its scan failed: {error}"),
        },
        Some(attempt) if attempt.state == "done" => {
            "what was scanned under this name has another digest: the tag was moved; scan the \
             digest that runs"
                .to_owned()
        }
        _ if is_host => "nobody asked its host's engine for it yet; where it was built there and \
             is in no registry, run `seawall scan --report` on that host"
            .to_owned(),
        _ if called.digest.is_none() => "its cluster tells no digest of it; connect the registry \
             it comes from, or run `seawall scan --report`"
            .to_owned(),
        _ => "no connected registry holds it: connect the registry it comes from, or run \
             `seawall scan --report` in the pipeline that builds it"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_what_mends_it() {
        let called = Called {
            environment: "local".to_owned(),
            name: "shop:1".to_owned(),
            digest: None,
        };
        assert!(why(&called, None, false).contains("tells no digest"));
        assert!(why(&called, None, true).contains("on that host"));
        let failed = Attempt {
            state: "failed".to_owned(),
            error: Some("401".to_owned()),
            advice: Some("sign in".to_owned()),
        };
        assert_eq!(
            why(&called, Some(&failed), false),
            "its scan failed: 401; sign in"
        );
    }
}
