//! What is asked of the list of what to do first.

use proptest::prelude::*;

use super::*;

fn image(id: i64, name: &str, layers: &[&str]) -> WorkImage {
    WorkImage {
        id,
        name: name.to_owned(),
        os: "Debian GNU/Linux 12".to_owned(),
        layers: layers.iter().map(|layer| (*layer).to_owned()).collect(),
        running: 1,
        is_asked: true,
        ..WorkImage::default()
    }
}

fn base(id: i64, name: &str, layers: &[&str]) -> WorkImage {
    WorkImage {
        is_asked: false,
        running: 0,
        ..image(id, name, layers)
    }
}

fn finding(image: i64, cve: &str, package: &str, layer: u32) -> WorkFinding {
    WorkFinding {
        image,
        vulnerability: cve.to_owned(),
        kind: PackageKind::Deb,
        package: package.to_owned(),
        installed: "1".to_owned(),
        version: Some("2".to_owned()),
        layer: Some(layer),
        severity: Severity::High,
        kev: false,
        priority: 100,
    }
}

#[test]
fn what_came_with_the_base_is_one_step_for_all_images_on_it() {
    let images = [
        base(9, "debian:12", &["a", "b"]),
        image(1, "shop:1", &["a", "b", "c"]),
        image(2, "bank:1", &["a", "b", "d", "e"]),
        image(3, "other:1", &["x", "y"]),
    ];
    let findings = [
        finding(1, "CVE-1", "openssl", 0),
        finding(1, "CVE-2", "curl", 1),
        finding(2, "CVE-1", "openssl", 0),
        finding(2, "CVE-3", "node", 2),
        finding(3, "CVE-3", "node", 1),
    ];
    let list = work(&images, &findings);
    assert_eq!((list.findings, list.closes, list.unfixable), (5, 5, 0));
    let first = &list.steps[0];
    let What::Rebuild(base) = &first.what else {
        panic!("{first:?}");
    };
    assert_eq!((base.name.as_str(), base.image), ("debian:12", Some(9)));
    assert_eq!(first.images, [(1, 2), (2, 1)]);
    assert_eq!((first.weight, first.priority), (300, 100));
    let second = &list.steps[1];
    assert!(matches!(&second.what, What::Upgrade { package, .. } if package == "node"));
    assert_eq!(second.images, [(2, 1), (3, 1)]);
}

#[test]
fn a_newer_base_closes_what_it_lacks_and_no_more() {
    let mut old = base(9, "registry.example/debian:12.5", &["a"]);
    old.created = Some(Timestamp::from_second(1).unwrap());
    let mut new = base(8, "registry.example/debian:12.6", &["n"]);
    new.created = Some(Timestamp::from_second(2).unwrap());
    let images = [old, new, image(1, "shop:1", &["a", "c"])];
    let mut gone = finding(1, "CVE-2", "curl", 0);
    gone.version = None;
    let findings = [
        finding(1, "CVE-1", "openssl", 0),
        gone,
        finding(8, "CVE-1", "openssl", 0),
    ];
    let list = work(&images, &findings);
    // The newer base is not asked for: its findings are not work.
    assert_eq!((list.findings, list.closes), (2, 2));
    let rebuilt = list
        .steps
        .iter()
        .find(|step| matches!(step.what, What::Rebuild(_)));
    let rebuilt = rebuilt.unwrap();
    assert_eq!(rebuilt.vulnerabilities, ["CVE-2"]);
    let What::Rebuild(base) = &rebuilt.what else {
        unreachable!()
    };
    assert_eq!(base.newer, Some(8));
}

#[test]
fn a_label_names_a_base_nobody_has_scanned() {
    let mut images = [
        image(1, "shop:1", &["a", "b", "c"]),
        image(2, "bank:1", &["a", "b", "d"]),
    ];
    for image in &mut images {
        image.label = Some(("docker.io/library/python:3.12".to_owned(), None));
    }
    let bases = bases(&images);
    assert_eq!(bases[&1].layers, 2);
    assert_eq!(bases[&1].base.name, "docker.io/library/python:3.12");
    assert_eq!(bases[&1].base.known_by, KnownBy::Label);
    let mut known = base(3, "python:3.12", &["a", "b"]);
    known.digest = Some("sha256:x".to_owned());
    let all = [images[0].clone(), known];
    let bases = super::bases(&all);
    assert_eq!(bases[&1].base.known_by, KnownBy::Both);
}

#[test]
fn nothing_closes_what_has_no_fix() {
    let images = [image(1, "shop:1", &["a", "b"])];
    let mut none = finding(1, "CVE-1", "openssl", 1);
    none.version = None;
    let list = work(&images, &[none]);
    assert!(list.steps.is_empty());
    assert_eq!((list.closes, list.unfixable), (0, 1));
}

fn world() -> impl Strategy<Value = (Vec<WorkImage>, Vec<WorkFinding>)> {
    let layers = proptest::collection::vec(proptest::sample::select(&["a", "b", "c"][..]), 0..4);
    let images = proptest::collection::vec((layers, any::<bool>(), any::<bool>()), 1..6).prop_map(
        |images| {
            let images = images.into_iter().zip(0..);
            images
                .map(|((layers, is_asked, has_label), id)| WorkImage {
                    is_asked,
                    label: has_label.then(|| ("debian:12".to_owned(), None)),
                    created: Timestamp::from_second(id).ok(),
                    ..image(id, "same:1", &layers)
                })
                .collect::<Vec<_>>()
        },
    );
    let finding = (
        0..6_i64,
        0..4_u8,
        0..3_u8,
        0..4_u32,
        any::<bool>(),
        0..=1000_u16,
    )
        .prop_map(
            |(image, cve, package, layer, has_fix, priority)| WorkFinding {
                version: has_fix.then(|| "2".to_owned()),
                priority,
                ..finding(image, &format!("CVE-{cve}"), &format!("p{package}"), layer)
            },
        );
    (images, proptest::collection::vec(finding, 0..40))
}

proptest! {
    #[test]
    fn each_finding_is_in_one_step_or_in_none((images, findings) in world()) {
        let list = work(&images, &findings);
        let asked = |id: i64| images.iter().any(|image| image.id == id && image.is_asked);
        let total = findings.iter().filter(|finding| asked(finding.image)).count() as u64;
        prop_assert_eq!(list.findings, total);
        prop_assert_eq!(list.closes + list.unfixable, total);
        let closed: u64 = list.steps.iter().flat_map(|step| step.closes.values()).sum();
        prop_assert_eq!(closed, list.closes);
        for step in &list.steps {
            let by_image: u64 = step.images.iter().map(|(_, closes)| closes).sum();
            prop_assert_eq!(by_image, step.closes.values().sum::<u64>());
        }
        // What presses most comes first.
        prop_assert!(list.steps.is_sorted_by_key(|step| std::cmp::Reverse(step.weight)));
    }

    #[test]
    fn a_base_is_below_and_never_the_whole((images, _) in world()) {
        for (id, based) in bases(&images) {
            let image = images.iter().find(|image| image.id == id).unwrap();
            prop_assert!(based.layers >= 1 && based.layers <= image.layers.len());
            if let Some(base) = based.base.image {
                let base = images.iter().find(|image| image.id == base).unwrap();
                prop_assert!(image.layers.starts_with(&base.layers));
                prop_assert!(base.layers.len() < image.layers.len());
            }
        }
    }
}
