//! Documents tried on objects: what they would say of each.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use api::policy::{BundleImage, ImpactExample, PolicyTestResult, TestChange, TestViolation};
use jiff::Timestamp;
use policy::{
    Document, ImageState, Policies, World,
    exempt::{Exemption, Offence},
    review::{Kind, Moment, Operation, Origin, Review, Violation},
};
use serde_json::Value;

use super::custom::told;

/// How long a trial may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Violations and changes that are told.
const TOLD: usize = 300;
/// Objects that are told of those a policy is against.
const EXAMPLES: usize = 10;

/// One object, and the cluster it is in.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Empty for a pasted one.
    pub(crate) cluster: String,
    pub(crate) value: Value,
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// What scans said of images, by every way a pod may name each.
pub(crate) fn states(images: &[BundleImage]) -> BTreeMap<String, ImageState> {
    let mut states = BTreeMap::new();
    for image in images {
        let state = ImageState {
            scanned: !image.unscanned,
            critical: image.critical,
            high: image.high,
            fixable: image.fixable,
            exploited: image.exploited,
            ..ImageState::default()
        };
        for reference in &image.references {
            for spelling in policy::spellings(reference, image.digest.as_deref()) {
                // A name may lead to several, and what is known of one
                // says more than that nothing is of another.
                if image.unscanned {
                    states.entry(spelling).or_insert(state);
                } else {
                    states.insert(spelling, state);
                }
            }
        }
    }
    states
}

/// Judges `objects`, with what is known of images and the time `around`
/// them; blocks for as long as it takes.
pub(crate) fn trial(
    documents: &[Document],
    objects: &[Object],
    around: &World,
) -> PolicyTestResult {
    let (policies, problems) = Policies::load(documents);
    let mut result = PolicyTestResult {
        problems: problems.into_iter().map(told).collect(),
        notes: policy::notes(documents).into_iter().map(told).collect(),
        ..PolicyTestResult::default()
    };
    let until = Instant::now() + PATIENCE;
    result.is_partial = !each(
        &policies,
        objects,
        around,
        until,
        |object, review, world| {
            judge(&policies, object, review, world, &mut result);
        },
    );
    result
}

/// Shows `told` every object that policies want, as something that is
/// asked for anew; whether there was time for all.
fn each(
    policies: &Policies,
    objects: &[Object],
    around: &World,
    until: Instant,
    mut told: impl FnMut(&Object, &Review<'_>, &World),
) -> bool {
    let mut worlds: BTreeMap<&str, World> = BTreeMap::new();
    for object in objects {
        let world = worlds.entry(&object.cluster).or_insert_with(|| World {
            images: Arc::clone(&around.images),
            trust: Arc::clone(&around.trust),
            now_ns: around.now_ns,
            ..World::default()
        });
        world.inventory.put(&object.value);
        if text(&object.value, "/kind") == "Namespace" {
            let name = text(&object.value, "/metadata/name").to_owned();
            let value = Arc::new(object.value.clone());
            world.namespaces.insert(name, value);
        }
    }
    for object in objects {
        if Instant::now() > until {
            return false;
        }
        let (Some(kind), Some(world)) =
            (Kind::of(&object.value), worlds.get(object.cluster.as_str()))
        else {
            continue;
        };
        if !policies.wants(&kind) {
            continue;
        }
        let namespace = text(&object.value, "/metadata/namespace");
        let review = Review {
            moment: Moment::Audit,
            operation: Operation::Create,
            kind,
            object: Some(&object.value),
            old_object: None,
            name: text(&object.value, "/metadata/name"),
            namespace,
            namespace_object: world.namespace(namespace),
            origin: Origin::Original,
            request: None,
        };
        told(object, &review, world);
    }
    true
}

fn judge(
    policies: &Policies,
    object: &Object,
    review: &Review<'_>,
    world: &World,
    result: &mut PolicyTestResult,
) {
    let shown = format!("{}/{}", review.kind.kind, review.name);
    result.judged += 1;
    let violations = policies.review(review, world);
    result.against += u64::from(!violations.is_empty());
    for violation in violations {
        if result.violations.len() >= TOLD {
            break;
        }
        let container = violation.details.get("container").and_then(Value::as_str);
        result.violations.push(TestViolation {
            cluster: object.cluster.clone(),
            namespace: review.namespace.to_owned(),
            object: shown.clone(),
            constraint: violation.constraint.clone(),
            container: container.map(str::to_owned),
            patch: violation.details.get("patch").cloned(),
            message: violation.message,
        });
    }
    if let Ok(Some(changed)) = policies.mutate(review, world)
        && changed != object.value
        && result.changes.len() < TOLD
    {
        result.changes.push(TestChange {
            cluster: object.cluster.clone(),
            namespace: review.namespace.to_owned(),
            object: shown,
            patch: policy::difference(&object.value, &changed),
        });
    }
}

/// The policy a trial is of, and where: what exemptions ask for.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    pub(crate) policy: String,
    pub(crate) title: String,
    pub(crate) severity: model::Severity,
    pub(crate) environment: String,
}

/// What a policy is against of what is there.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) judged: u64,
    pub(crate) against: u64,
    /// Against these as well, but for exemptions.
    pub(crate) exempted: u64,
    /// Not everything could be judged.
    pub(crate) is_partial: bool,
    /// The first few it is against.
    pub(crate) examples: Vec<ImpactExample>,
}

/// Judges what is there as if it were asked for again, exemptions
/// counted; what another object makes is left to that.
pub(crate) fn standing(
    tried: &Tried,
    documents: &[Document],
    objects: &[Object],
    around: &World,
    exemptions: &[Exemption],
    until: Instant,
) -> Standing {
    let (policies, problems) = Policies::load(documents);
    let mut standing = Standing {
        is_partial: !problems.is_empty(),
        ..Standing::default()
    };
    let now = Timestamp::from_nanosecond(around.now_ns.into()).unwrap_or_default();
    let is_whole = each(
        &policies,
        objects,
        around,
        until,
        |object, review, world| {
            let kind = review.kind.kind.as_str();
            if is_made(&object.value) && policy::pod_path(kind).is_some() {
                return;
            }
            standing.judged += 1;
            let mut violations = policies.review(review, world);
            let all = violations.len();
            // What cannot be evaluated here says neither yes nor no.
            violations.retain(|violation| !violation.failed);
            standing.is_partial |= violations.len() < all;
            let holds = |violation: &Violation| {
                is_exempted(tried, object, review, violation, exemptions, now)
            };
            let (held, against): (Vec<_>, Vec<_>) = violations.into_iter().partition(holds);
            let Some(first) = against.first() else {
                standing.exempted += u64::from(!held.is_empty());
                return;
            };
            standing.against += 1;
            if standing.examples.len() < EXAMPLES {
                standing.examples.push(ImpactExample {
                    finding: None,
                    cluster: object.cluster.clone(),
                    namespace: review.namespace.to_owned(),
                    workload: format!("{kind}/{}", review.name),
                    summary: first.message.clone(),
                });
            }
        },
    );
    standing.is_partial |= !is_whole;
    standing
}

/// Another object makes it, and would make it again.
fn is_made(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences");
    let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
    owners.any(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

fn is_exempted(
    tried: &Tried,
    object: &Object,
    review: &Review<'_>,
    violation: &Violation,
    exemptions: &[Exemption],
    now: Timestamp,
) -> bool {
    if exemptions.is_empty() {
        return false;
    }
    let kind = review.kind.kind.as_str();
    let workloads = [review.name.to_owned(), format!("{kind}/{}", review.name)];
    let container = violation.details.get("container").and_then(Value::as_str);
    let pod = policy::pod_path(kind).and_then(|path| object.value.pointer(path));
    let spec = pod.and_then(|pod| pod.get("spec"));
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let containers = lists.iter().filter_map(|list| spec?.get(list)?.as_array());
    let images: Vec<&str> = containers
        .flatten()
        .filter(|one| container.is_none_or(|name| text(one, "/name") == name))
        .map(|one| text(one, "/image"))
        .collect();
    let labels = object.value.pointer("/metadata/labels");
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let labels: Vec<(&str, &str)> = labels
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    let offence = Offence {
        policy: &tried.policy,
        title: &tried.title,
        severity: tried.severity,
        environment: &tried.environment,
        cluster: &object.cluster,
        namespace: review.namespace,
        workloads: &workloads,
        container,
        images: &images,
        labels: &labels,
        message: &violation.message,
    };
    exemptions.iter().any(|one| one.holds(&offence, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_says_more_than_none_under_the_same_name() {
        let image = |digest: &str, unscanned| BundleImage {
            references: vec!["registry.test/shop:1".to_owned()],
            digest: Some(digest.to_owned()),
            unscanned,
            ..BundleImage::default()
        };
        let (read, unread) = (image("sha256:a", false), image("sha256:b", true));
        for images in [[read.clone(), unread.clone()], [unread, read]] {
            let states = states(&images);
            assert!(states["registry.test/shop:1"].scanned);
            assert!(states["registry.test/shop@sha256:a"].scanned);
            assert!(!states["registry.test/shop@sha256:b"].scanned);
        }
    }
}
