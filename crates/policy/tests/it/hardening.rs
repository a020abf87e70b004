//! The default bundle over the seeded cluster: it finds each fault that
//! was planted, nothing else, and nothing in the hardened twin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy::review::{Kind, Moment, Operation, Origin, Review};
use policy::{ImageState, Inventory, Policies, World, bundle, policies};
use serde_json::Value;

use self::cluster::{Planted, bad, images, key, twin};

// The file alone: of the rest of `testkit`, C compiled for archives
// among it, nothing is needed here.
#[path = "../../../testkit/src/hardening.rs"]
#[expect(unreachable_pub, reason = "it is a part of another crate")]
pub(crate) mod cluster;

pub(crate) fn world(cluster: &[Planted]) -> World {
    let mut world = World {
        inventory: Inventory::default(),
        ..World::default()
    };
    for one in cluster {
        world.inventory.put(&one.object);
        if one.object["kind"] == "Namespace" {
            let name = one.object["metadata"]["name"].as_str().unwrap().to_owned();
            world.namespaces.insert(name, Arc::new(one.object.clone()));
        }
    }
    let states = images().into_iter().map(|(name, state)| {
        let state: ImageState = serde_json::from_value(state).unwrap();
        (name, state)
    });
    world.images = Arc::new(states.collect());
    world
}

/// Each object's policies that have something to say.
fn judge(policies: &Policies, cluster: &[Planted]) -> BTreeMap<String, BTreeSet<String>> {
    let world = world(cluster);
    let mut found = BTreeMap::new();
    for Planted { object, .. } in cluster {
        let text = |at: &str| {
            object
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let review = Review {
            moment: Moment::Audit,
            operation: Operation::Create,
            kind: Kind::of(object).unwrap(),
            object: Some(object),
            old_object: None,
            name: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            namespace_object: world.namespace(text("/metadata/namespace")),
            origin: Origin::Original,
            request: None,
        };
        let said = policies.review(&review, &world);
        for one in &said {
            assert!(!one.failed, "{}: {one:?}", key(object));
        }
        let names: BTreeSet<String> = said.into_iter().map(|one| one.constraint).collect();
        if !names.is_empty() {
            found.insert(key(object), names);
        }
    }
    found
}

#[test]
fn the_bundle_finds_each_planted_fault_and_nothing_in_the_twin() {
    let (all, problems) = Policies::load(&bundle());
    assert!(problems.is_empty(), "{problems:#?}");
    let (bad, twin) = (bad().unwrap(), twin().unwrap());
    let expected: BTreeMap<String, BTreeSet<String>> = bad
        .iter()
        .filter(|one| !one.policies.is_empty())
        .map(|one| (key(&one.object), one.policies.iter().cloned().collect()))
        .collect();
    let found = judge(&all, &bad);
    let places: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let mut faults = Vec::new();
    let none = BTreeSet::new();
    for place in places {
        let (wanted, told) = (
            expected.get(place).unwrap_or(&none),
            found.get(place).unwrap_or(&none),
        );
        for missed in wanted - told {
            faults.push(format!("{place}: {missed} does not find it"));
        }
        for extra in told - wanted {
            faults.push(format!("{place}: {extra} was not planted"));
        }
    }
    for (place, told) in judge(&all, &twin) {
        faults.push(format!("{place} of the twin: {told:?}"));
    }
    let planted: BTreeSet<&str> = bad
        .iter()
        .flat_map(|one| one.policies.iter().map(String::as_str))
        .collect();
    for policy in policies().iter().filter(|policy| policy.bundle) {
        if !planted.contains(policy.id.as_str()) {
            faults.push(format!("{} is planted nowhere", policy.id));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(bad.len() >= 150, "{} objects", bad.len());
    let real = bad.iter().filter(|one| one.real).count();
    assert!(
        bad.len() - real <= 3,
        "what no API server takes stays little"
    );
}
