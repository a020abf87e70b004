//! Objects in, verdicts and batches out: no network.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::posture::ObjectKey;
use policy::Document;
use serde_json::{Value, json};

use super::{Arrived, Core, core::path};

fn document(value: Value) -> Document {
    Document {
        source: "test".to_owned(),
        value,
    }
}

fn template(kind: &str, rego: &str) -> Document {
    document(
        json!({"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate",
        "metadata": {"name": kind.to_lowercase()},
        "spec": {"crd": {"spec": {"names": {"kind": kind}}}, "targets": [
            {"target": "admission.k8s.gatekeeper.sh",
                "rego": format!("package {}\n{rego}", kind.to_lowercase())}]}}),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "a test says it in place")]
fn constraint(kind: &str, matches: Value) -> Document {
    document(
        json!({"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind,
        "metadata": {"name": "test"},
        "spec": {"enforcementAction": "dryrun", "match": matches}}),
    )
}

fn core(documents: Vec<Document>) -> Core {
    Core::new(Arc::new(documents))
}

/// Judges pods, and what makes them, whose image is of no digest.
fn digests() -> Vec<Document> {
    vec![
        template(
            "Digests",
            r#"violation[{"msg": msg}] {
                 not contains(json.marshal(input.review.object.spec), "@sha256:")
                 msg := sprintf("%v has no digest", [input.review.object.metadata.name])
               }"#,
        ),
        constraint(
            "Digests",
            json!({"kinds": [{"apiGroups": ["", "apps"],
                "kinds": ["Pod", "Deployment", "ReplicaSet"]}]}),
        ),
    ]
}

fn object(version: &str, kind: &str, name: &str, owner: Option<(&str, &str)>) -> Value {
    let owners: Vec<Value> = owner
        .into_iter()
        .map(|(kind, name)| {
            json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name,
                "controller": true})
        })
        .collect();
    json!({"apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owners},
        "spec": {"image": "nginx:1"}})
}

fn judged(core: &mut Core) -> Vec<String> {
    core.judge(Duration::from_mins(1), 0);
    let mut told: Vec<String> = core
        .verdicts()
        .flat_map(|(key, judged)| {
            judged
                .violations()
                .into_iter()
                .map(move |violation| format!("{}: {}", path(key), violation.message))
        })
        .collect();
    told.sort();
    told
}

#[test]
fn a_pod_is_judged_only_while_nothing_known_made_it() {
    let mut core = core(digests());
    core.extend([object(
        "v1",
        "Pod",
        "web-1-x",
        Some(("ReplicaSet", "web-1")),
    )]);
    assert_eq!(
        judged(&mut core),
        ["Pod shop/web-1-x: web-1-x has no digest"]
    );
    core.extend([
        object(
            "apps/v1",
            "ReplicaSet",
            "web-1",
            Some(("Deployment", "web")),
        ),
        object("apps/v1", "Deployment", "web", None),
    ]);
    assert_eq!(
        judged(&mut core),
        ["Deployment shop/web: web has no digest"]
    );
    core.remove(
        &ObjectKey {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        },
        Instant::now(),
    );
    assert_eq!(
        judged(&mut core),
        ["ReplicaSet shop/web-1: web-1 has no digest"]
    );
}

#[test]
fn a_mended_object_is_healthy_and_says_by_what_it_was_judged() {
    let mut core = core(digests());
    core.extend([object("v1", "Pod", "a", None)]);
    assert_eq!(judged(&mut core).len(), 1);
    let mut mended = object("v1", "Pod", "a", None);
    mended["spec"]["image"] = json!("nginx@sha256:0");
    core.extend([mended]);
    assert!(judged(&mut core).is_empty());
    let (_, verdict) = core.verdicts().next().unwrap();
    assert_eq!(core.set(verdict.policies), ["Digests"]);
    // What no policy is asked about is not judged at all.
    core.extend([object("v1", "Service", "s", None)]);
    assert!(judged(&mut core).is_empty());
    assert_eq!(core.verdicts().count(), 1);
}

#[test]
fn labels_of_a_namespace_decide_anew_about_what_is_in_it() {
    let mut documents = digests();
    documents[1] = constraint(
        "Digests",
        json!({"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}],
            "namespaceSelector": {"matchLabels": {"strict": "yes"}}}),
    );
    let mut core = core(documents);
    let namespace = |strict: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"strict": strict}}})
    };
    core.extend([namespace("no"), object("v1", "Pod", "a", None)]);
    assert!(judged(&mut core).is_empty());
    core.extend([namespace("yes")]);
    assert_eq!(judged(&mut core).len(), 1);
    core.extend([namespace("no")]);
    assert!(judged(&mut core).is_empty());
}

#[test]
fn what_policies_look_up_decides_anew_about_those_who_look() {
    let documents = vec![
        template(
            "Isolated",
            r#"violation[{"msg": "nothing guards it"}] {
                 name := input.review.object.metadata.name
                 not data.inventory.namespace[name]["networking.k8s.io/v1"].NetworkPolicy
               }"#,
        ),
        constraint(
            "Isolated",
            json!({"kinds": [{"apiGroups": [""], "kinds": ["Namespace"]}]}),
        ),
        document(
            json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
            "metadata": {"name": "config"}, "spec": {"sync": {"syncOnly": [
                {"group": "networking.k8s.io", "version": "v1", "kind": "NetworkPolicy"}]}}}),
        ),
    ];
    let mut core = core(documents);
    core.extend([json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})]);
    assert_eq!(judged(&mut core), ["Namespace shop: nothing guards it"]);
    let guard = object("networking.k8s.io/v1", "NetworkPolicy", "guard", None);
    core.extend([guard]);
    let due = core.due().expect("those who look are judged again soon");
    while Instant::now() < due {
        std::thread::yield_now();
    }
    assert!(judged(&mut core).is_empty());
}

#[test]
fn policies_of_the_cluster_itself_hold_too() {
    let mut core = core(Vec::new());
    core.extend([object("v1", "Pod", "a", None)]);
    assert!(judged(&mut core).is_empty());
    core.extend(digests().into_iter().map(|document| document.value));
    let due = core.due().expect("policies are read again soon");
    while Instant::now() < due {
        std::thread::yield_now();
    }
    assert_eq!(judged(&mut core).len(), 1);
}

#[test]
fn batches_hold_what_changed_once_and_what_is_gone() {
    let mut core = core(digests());
    core.extend([
        object(
            "apps/v1",
            "ReplicaSet",
            "web-1",
            Some(("Deployment", "web")),
        ),
        object("apps/v1", "Deployment", "web", None),
        object("v1", "Pod", "web-1-x", Some(("ReplicaSet", "web-1"))),
        json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "namespace": "shop"}, "data": {"k": "dg=="}}),
    ]);
    // What is about to be judged is not told before.
    let (early, _) = core.parcel();
    assert!(early.objects.is_empty(), "{early:?}");
    core.judge(Duration::from_mins(1), 0);
    let (batch, has_more) = core.parcel();
    assert!(!has_more);
    let names: Vec<&str> = batch
        .objects
        .iter()
        .map(|one| one.key.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["web-1-x", "web"],
        "neither replica sets nor secrets"
    );
    let pod = &batch.objects[0];
    assert_eq!(pod.owner.as_ref().unwrap().kind, "Deployment");
    assert!(pod.body.is_none() && pod.judged.is_none());
    let web = batch.objects[1].judged.as_ref().unwrap();
    assert_eq!(web.violations.len(), 1);
    assert_eq!(batch.policies[0], ["Digests"]);

    core.extend([object("apps/v1", "Deployment", "web", None)]);
    core.judge(Duration::from_mins(1), 0);
    assert!(core.parcel().0.objects.is_empty(), "nothing changed");
    core.remove(&batch.objects[0].key, Instant::now());
    core.judge(Duration::from_mins(1), 0);
    let (batch, _) = core.parcel();
    assert_eq!(batch.gone.len(), 1);
    core.tell_all();
    assert_eq!(core.parcel().0.objects.len(), 1);
}

#[test]
fn news_of_images_concern_those_that_name_them_and_wait_behind_changes() {
    let unscanned = "
        violation[{\"msg\": image}] {
            image := input.review.object.spec.containers[_].image
            not data.seawall.images[image].scanned
        }";
    let mut core = core(vec![
        template("Unscanned", unscanned),
        constraint("Unscanned", json!({})),
    ]);
    let pod = |name: &str, image: &str| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"containers": [{"name": "c", "image": image}]}})
    };
    core.extend((0..300).map(|number| pod(&format!("a-{number}"), "shop:1")));
    core.extend([pod("b", "other:1")]);
    core.judge(Duration::from_mins(1), 0);
    assert!(core.problems().is_empty(), "{:?}", core.problems());
    while core.parcel().1 {}
    let scanned = policy::ImageState {
        scanned: true,
        ..policy::ImageState::default()
    };
    let known = [("shop:1".to_owned(), scanned)];
    core.take_images(Arc::new(known.clone().into()), Instant::now());
    assert_eq!(core.to_judge(), 300, "nobody else names it");
    core.judge(Duration::from_mins(1), 0);
    core.take_images(Arc::new(known.into()), Instant::now());
    assert_eq!(core.to_judge(), 0, "that is no news");
    // Later than all of them by name and by time, and told before them.
    core.extend([pod("z", "shop:1")]);
    core.judge(Duration::from_mins(1), 0);
    let (batch, has_more) = core.parcel();
    assert!(has_more);
    assert_eq!(batch.objects[0].key.name, "z");
    assert!(batch.objects.len() < 200, "{}", batch.objects.len());
    let mut told = batch.objects.len();
    loop {
        let (batch, has_more) = core.parcel();
        told += batch.objects.len();
        if !has_more {
            break;
        }
    }
    assert_eq!(told, 301);
    core.take_images(Arc::default(), Instant::now());
    assert_eq!(core.to_judge(), 301, "what is known no more counts, too");
}

#[test]
fn violations_that_are_not_sent_are_counted() {
    let many = template(
        "Many",
        r#"violation[{"msg": msg}] {
             n := numbers.range(1, 1003)[_]
             msg := sprintf("no %v", [n])
           }"#,
    );
    let mut core = core(vec![many, constraint("Many", json!({}))]);
    core.extend([object("v1", "Pod", "a", None)]);
    core.judge(Duration::from_mins(1), 0);
    let (batch, _) = core.parcel();
    let judged = batch.objects[0].judged.as_ref().unwrap();
    assert_eq!((judged.violations.len(), judged.left_out), (1_000, 3));
}

#[test]
fn what_a_constraint_says_and_nobody_does_is_told() {
    let mut all = digests();
    all[1].value["spec"]["enforcementAction"] = json!("scoped");
    all[1].value["spec"]["scopedEnforcementActions"] = json!([{"action": "deny",
        "enforcementPoints": [{"name": "*"}, {"name": "vap.k8s.io"}]}]);
    let mut core = core(all);
    core.extend([object("v1", "Pod", "a", None)]);
    assert_eq!(judged(&mut core).len(), 1, "the rest holds");
    let problems = core.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].about.contains("Digests/test"), "{problems:?}");
    assert!(problems[0].message.contains("'vap.k8s.io'"), "{problems:?}");
}

#[test]
fn a_config_leaves_namespaces_out_of_what_is_watched() {
    let mut all = digests();
    all.push(document(
        json!({"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
        "metadata": {"name": "config"},
        "spec": {"match": [{"excludedNamespaces": ["shop"], "processes": ["audit"]}]}}),
    ));
    let mut core = core(all);
    core.extend([object("v1", "Pod", "a", None)]);
    assert!(judged(&mut core).is_empty());
}

#[test]
fn the_same_policies_told_again_are_not_read_again() {
    let documents = vec![Document {
        source: "x".to_owned(),
        value: json!({"kind": "None"}),
    }];
    let mut core = Core::new(Arc::new(documents.clone()));
    let now = Instant::now();
    core.take_bundle(Arc::new(documents), now);
    assert_eq!(core.due(), None);
    core.take_bundle(Arc::new(Vec::new()), now);
    assert_eq!(core.due(), Some(now));
}

#[test]
fn a_policy_that_breaks_stays_as_it_was_and_so_does_what_it_found() {
    let found = "Pod shop/web: web has no digest";
    let mut core = core(digests());
    core.extend([object("v1", "Pod", "web", None)]);
    assert_eq!(judged(&mut core), [found]);
    let now = Instant::now();
    let mut broken = digests();
    broken[0] = template(
        "Digests",
        "violation[{\"msg\": msg}] { msg := nothing_that_is }",
    );
    core.take_bundle(Arc::new(broken.clone()), now);
    assert_eq!(judged(&mut core), [found]);
    let told: Vec<_> = core.problems();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].about.starts_with("ConstraintTemplate/digests"));
    assert!(
        told[0].message.ends_with("its last version stays in force"),
        "{told:?}"
    );
    // Broken once more, otherwise.
    broken[0] = template("Digests", "violation[");
    core.take_bundle(Arc::new(broken.clone()), now);
    assert_eq!(judged(&mut core), [found]);
    // Mended; what holds is the new one.
    let mut mended = digests();
    mended[0] = template("Digests", "violation[{\"msg\": \"mended\"}] { true }");
    core.take_bundle(Arc::new(mended), now);
    assert_eq!(judged(&mut core), ["Pod shop/web: mended"]);
    assert_eq!(core.problems(), []);
    // What was taken away is gone, and does not come back.
    core.take_bundle(Arc::default(), now);
    assert_eq!(judged(&mut core), [""; 0]);
    core.take_bundle(Arc::new(broken), now);
    assert_eq!(judged(&mut core), [""; 0]);
    assert_eq!(core.problems().len(), 2, "nothing to keep");
}

#[test]
fn a_template_of_the_cluster_that_breaks_stays_as_it_was() {
    let mut core = core(Vec::new());
    // So long ago that nothing more is waited for.
    let then = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    let put = |core: &mut Core, value| {
        core.put(Arrived::of(value).unwrap().unwrap(), then);
    };
    for own in digests() {
        put(&mut core, own.value);
    }
    put(&mut core, object("v1", "Pod", "web", None));
    assert_eq!(judged(&mut core), ["Pod shop/web: web has no digest"]);
    put(&mut core, template("Digests", "violation[").value);
    assert_eq!(judged(&mut core), ["Pod shop/web: web has no digest"]);
    assert!(core.problems()[0].message.ends_with("stays in force"));
}

/// Finds maps with a password, in these words.
fn held(word: &str) -> Vec<Document> {
    let rego = format!(
        "violation[{{\"msg\": \"{word}\"}}] {{ input.review.object.data.password != \"\" }}"
    );
    vec![
        template("Held", &rego),
        constraint(
            "Held",
            json!({"kinds": [{"apiGroups": [""], "kinds": ["ConfigMap"]}]}),
        ),
    ]
}

fn map(password: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop"}, "data": {"password": password}})
}

#[test]
fn what_a_config_map_holds_is_judged_and_not_kept() {
    let mut core = core(held("a password"));
    core.extend([map("hunter22")]);
    assert_eq!(judged(&mut core), ["ConfigMap shop/settings: a password"]);
    let (batch, _) = core.parcel();
    let told = serde_json::to_string(&batch).unwrap();
    assert!(
        told.contains("a password") && !told.contains("hunter22"),
        "{told}"
    );
    let keys: Vec<_> = core.mirror.keys().cloned().collect();
    let kept = core.mirror.get(&keys[0]).unwrap().value();
    assert_eq!(kept.get("data"), None, "{kept}");
    assert!(!core.wants_contents());
    // Nothing but what it holds changed.
    core.extend([map("")]);
    assert_eq!(judged(&mut core), [""; 0]);
    core.extend([map("hunter22")]);
    assert_eq!(judged(&mut core).len(), 1);
}

#[test]
fn what_is_not_kept_has_to_come_again_for_other_policies() {
    let mut core = core(held("a password"));
    core.extend([map("hunter22")]);
    judged(&mut core);
    core.take_bundle(Arc::new(held("another word")), Instant::now());
    // Till then what was found is.
    assert_eq!(judged(&mut core), ["ConfigMap shop/settings: a password"]);
    assert!(core.wants_contents());
    assert!(!core.wants_contents(), "said once");
    core.extend([map("hunter22")]);
    assert_eq!(judged(&mut core), ["ConfigMap shop/settings: another word"]);
    assert!(!core.wants_contents());
}

#[test]
fn nobody_looks_into_config_maps_that_no_policy_names() {
    let mut documents = held("a password");
    documents[1] = constraint(
        "Held",
        json!({"kinds": [{"apiGroups": ["*"], "kinds": ["*"]}]}),
    );
    let mut core = core(documents);
    core.extend([map("hunter22")]);
    assert_eq!(judged(&mut core), [""; 0]);
    assert!(!core.wants_contents());
}
