//! Documents tried on objects: what they would say of each.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use api::policy::{BundleImage, PolicyTestResult, TestChange, TestViolation};
use policy::{
    Document, ImageState, Policies, World,
    review::{Kind, Moment, Operation, Origin, Review},
};
use serde_json::Value;

use super::custom::told;

/// How long a trial may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Violations and changes that are told.
const TOLD: usize = 300;

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
            scanned: true,
            critical: image.critical,
            high: image.high,
            fixable: image.fixable,
            exploited: image.exploited,
            ..ImageState::default()
        };
        for reference in &image.references {
            for spelling in policy::spellings(reference, image.digest.as_deref()) {
                states.insert(spelling, state);
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
        ..PolicyTestResult::default()
    };
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
    let started = Instant::now();
    for object in objects {
        if started.elapsed() > PATIENCE {
            result.is_partial = true;
            break;
        }
        let (Some(kind), Some(world)) =
            (Kind::of(&object.value), worlds.get(object.cluster.as_str()))
        else {
            continue;
        };
        if !policies.wants(&kind) {
            continue;
        }
        judge(&policies, object, kind, world, &mut result);
    }
    result
}

fn judge(
    policies: &Policies,
    object: &Object,
    kind: Kind,
    world: &World,
    result: &mut PolicyTestResult,
) {
    let namespace = text(&object.value, "/metadata/namespace");
    let name = text(&object.value, "/metadata/name");
    let shown = format!("{}/{name}", kind.kind);
    let review = Review {
        moment: Moment::Audit,
        operation: Operation::Create,
        kind,
        object: Some(&object.value),
        old_object: None,
        name,
        namespace,
        namespace_object: world.namespace(namespace),
        origin: Origin::Original,
        request: None,
    };
    result.judged += 1;
    let violations = policies.review(&review, world);
    result.against += u64::from(!violations.is_empty());
    for violation in violations {
        if result.violations.len() >= TOLD {
            break;
        }
        let container = violation.details.get("container").and_then(Value::as_str);
        result.violations.push(TestViolation {
            cluster: object.cluster.clone(),
            namespace: namespace.to_owned(),
            object: shown.clone(),
            constraint: violation.constraint.clone(),
            container: container.map(str::to_owned),
            patch: violation.details.get("patch").cloned(),
            message: violation.message,
        });
    }
    if let Ok(Some(changed)) = policies.mutate(&review, world)
        && changed != object.value
        && result.changes.len() < TOLD
    {
        result.changes.push(TestChange {
            cluster: object.cluster.clone(),
            namespace: namespace.to_owned(),
            object: shown,
            patch: policy::difference(&object.value, &changed),
        });
    }
}
