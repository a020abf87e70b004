//! Secrets, malware and licences of images: kept beside vulnerabilities, with
//! lives of their own.

use std::sync::Arc;

use model::{
    Digest, FindingKind, Fingerprint, FoundSecret, Issue, IssueRule, LicenseClass, PackageKind,
    Reason, SecretPlace, Severity,
    malware::{Finding, FindingBy, FoundMalware},
};
use store::{Assessment, FindingAction, LicenseFilter, PageRequest, SecretFilter, Store};

use crate::{
    life::{act, list},
    sample::{TestStore, image, on_each_database},
};

on_each_database!(
    only_a_look_for_secrets_says_that_one_is_gone,
    only_a_look_for_malware_says_that_it_is_gone,
    what_was_decided_about_a_secret_outlives_a_rebuild,
    secrets_are_listed_with_where_they_are,
    licences_say_who_ships_them,
);

/// An image with secrets at these paths; `None`: nobody looked.
fn holding(build: &str, minute: i64, paths: Option<&[&str]>) -> Assessment {
    let assessment = image(
        "shop:1",
        build,
        minute,
        &[("CVE-1", "openssl", Severity::Low)],
    );
    let mut report = (*assessment.report).clone();
    let rule = "private-key";
    report.sbom.secrets = paths.map(|paths| paths.iter().map(|path| secret(path)).collect());
    for path in paths.unwrap_or_default() {
        report.issues.push(Issue {
            fingerprint: Fingerprint::of(&["secret", rule, "shop:1", path, "00"]),
            kind: FindingKind::Secret,
            rule: rule.to_owned(),
            severity: Severity::High,
            summary: format!("••• in {path}"),
            path: Some((*path).to_owned()),
            line: Some(1),
            layer: Some(0),
            evidence: serde_json::json!({ "redacted": "•••", "removed_in": 1 }),
            suppression: None,
        });
    }
    report.rules.insert(
        rule.to_owned(),
        IssueRule {
            id: rule.to_owned(),
            kind: FindingKind::Secret,
            title: "Private key".to_owned(),
            severity: Severity::High,
            description: String::new(),
            why: "whoever has it is whom it names".to_owned(),
            fix: Vec::new(),
            false_positives: String::new(),
            references: Vec::new(),
            techniques: vec!["T1552".to_owned()],
        },
    );
    Assessment {
        report: Arc::new(report),
        ..assessment
    }
}

fn secret(path: &str) -> FoundSecret {
    FoundSecret {
        rule: "private-key".to_owned(),
        severity: Severity::High,
        place: SecretPlace::File,
        path: path.to_owned(),
        line: Some(1),
        redacted: "•••".to_owned(),
        mark: "00".to_owned(),
        proof: None,
        layer: Some(0),
        removed_in: None,
    }
}

async fn open(store: &Store) -> Vec<String> {
    let found = list(store, "kind:secret is:open").await;
    let mut paths: Vec<String> = found.into_iter().filter_map(|one| one.path).collect();
    paths.sort();
    paths
}

async fn only_a_look_for_secrets_says_that_one_is_gone(test: &TestStore) {
    let store = &test.store;
    let put = async |assessment| store.put_report("local", assessment).await.unwrap();
    let first = put(holding("a", 0, Some(&["root/a", "root/b"]))).await;
    assert_eq!(first.new.total(), 3, "two secrets and a vulnerability");
    assert_eq!(open(store).await, ["root/a", "root/b"]);

    // Matched again: nothing is read, and what is stored is told anew.
    let again = Assessment {
        fresh: false,
        ..holding("a", 1, Some(&["root/a", "root/b"]))
    };
    let again = put(again).await;
    assert_eq!((again.new.total(), again.resolved), (0, 0));

    // A report of somebody who looked for vulnerabilities alone.
    let blind = put(holding("a", 2, None)).await;
    assert_eq!((blind.new.total(), blind.resolved), (0, 0));
    assert_eq!(open(store).await.len(), 2);

    let mended = put(holding("b", 3, Some(&["root/b"]))).await;
    assert_eq!(mended.resolved, 1);
    assert_eq!(open(store).await, ["root/b"]);
    let back = put(holding("b", 4, Some(&["root/a", "root/b"]))).await;
    assert_eq!(back.new.total(), 1, "it reopened");
    let all = list(store, "is:open").await;
    assert_eq!(all.len(), 3, "the vulnerability is as it was");
}

/// An image with malware at these paths beside a secret; `None`: nobody
/// looked for malware.
fn infected(build: &str, minute: i64, paths: Option<&[&str]>) -> Assessment {
    let assessment = holding(build, minute, Some(&["root/a"]));
    let mut report = (*assessment.report).clone();
    let found = |path: &&str| FoundMalware {
        path: (*path).to_owned(),
        digest: Digest::of(b"bad"),
        bytes: 3,
        finding: Finding {
            by: FindingBy::Hash,
            name: "kinsing".to_owned(),
            list: "bad.txt".to_owned(),
            description: String::new(),
            reference: String::new(),
            tags: Vec::new(),
        },
        layer: Some(1),
        removed_in: None,
    };
    report.sbom.malware = paths.map(|paths| paths.iter().map(found).collect());
    let rule = IssueRule {
        id: "malware-in-list".to_owned(),
        kind: FindingKind::Malware,
        title: "A program is in a list of malware".to_owned(),
        severity: Severity::Critical,
        techniques: vec!["T1204.003".to_owned()],
        ..report.rules["private-key"].clone()
    };
    for one in report.sbom.malware.iter().flatten() {
        report.issues.push(Issue {
            fingerprint: Fingerprint::of(&["malware", &rule.id, "shop:1", &one.path]),
            kind: FindingKind::Malware,
            rule: rule.id.clone(),
            severity: Severity::Critical,
            summary: one.summary(),
            path: Some(one.path.clone()),
            line: None,
            layer: one.layer,
            evidence: serde_json::json!({ "list": one.finding.list }),
            suppression: None,
        });
    }
    report.rules.insert(rule.id.clone(), rule);
    Assessment {
        report: Arc::new(report),
        ..assessment
    }
}

async fn only_a_look_for_malware_says_that_it_is_gone(test: &TestStore) {
    let store = &test.store;
    let put = async |assessment| store.put_report("local", assessment).await.unwrap();
    let first = put(infected("a", 0, Some(&["bin/x", "bin/y"]))).await;
    assert_eq!(first.new.total(), 4, "and a secret, and a vulnerability");
    let found = list(store, "kind:malware is:open severity:critical").await;
    assert_eq!(found.len(), 2);
    let summary = Some("bin/x is kinsing, says bad.txt");
    assert!(found.iter().any(|one| one.summary.as_deref() == summary));
    assert_eq!(list(store, "kind:malware tactic:execution").await.len(), 2);

    // Whoever looks for secrets alone says nothing of malware.
    let blind = put(infected("a", 1, None)).await;
    assert_eq!((blind.new.total(), blind.resolved), (0, 0));
    assert_eq!(list(store, "kind:malware is:open").await.len(), 2);

    let mended = put(infected("a", 2, Some(&["bin/y"]))).await;
    assert_eq!(mended.resolved, 1);
    assert_eq!(list(store, "kind:malware is:open").await.len(), 1);
    assert_eq!(open(store).await, ["root/a"], "the secret is as it was");
    let gone = put(infected("a", 3, Some(&[]))).await;
    assert_eq!(gone.resolved, 1);
}

async fn what_was_decided_about_a_secret_outlives_a_rebuild(test: &TestStore) {
    let store = &test.store;
    let put = async |assessment| store.put_report("local", assessment).await.unwrap();
    put(holding("a", 0, Some(&["root/a"]))).await;
    let dismissal = FindingAction::Dismiss {
        reason: Reason::Test,
        note: Some("of a test".to_owned()),
    };
    act(store, 1, "kind:secret", dismissal).await;
    put(holding("b", 2, Some(&["root/a"]))).await;
    assert_eq!(open(store).await, [""; 0]);
    let dismissed = list(store, "kind:secret is:dismissed").await;
    assert_eq!(dismissed.len(), 1);
}

async fn secrets_are_listed_with_where_they_are(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let put = holding("a", 0, Some(&["root/a", "srv/b", "srv/c"]));
    store.put_report("local", put).await.unwrap();
    let page = async |filter: &SecretFilter, request: &PageRequest| {
        store.secrets(&scope, filter, request).await.unwrap()
    };
    let first = page(&SecretFilter::default(), &PageRequest::first(2)).await;
    assert_eq!((first.items.len(), first.total), (2, 3));
    let rest = PageRequest {
        limit: 2,
        cursor: first.next_cursor,
    };
    let rest = page(&SecretFilter::default(), &rest).await;
    assert_eq!(rest.items.len(), 1);
    let one = &rest.items[0];
    assert_eq!((one.title.as_str(), one.layer), ("Private key", Some(0)));
    assert!(one.evidence.contains("removed_in"), "{}", one.evidence);
    let searched = SecretFilter {
        text: Some("SRV/".to_owned()),
        ..SecretFilter::default()
    };
    assert_eq!(page(&searched, &PageRequest::first(9)).await.total, 2);
    let tallies = store.secret_tallies(&scope).await.unwrap();
    assert_eq!(tallies.len(), 1);
    assert_eq!((tallies[0].findings, tallies[0].images), (3, 1));
    let nobody = store.scope(Some("elsewhere")).await.unwrap();
    assert!(store.secret_tallies(&nobody).await.unwrap().is_empty());
}

async fn licences_say_who_ships_them(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    for (name, licenses) in [
        ("a:1", &["MIT", "AGPL-3.0-only"][..]),
        ("b:1", &["MIT"]),
        ("c:1", &["Our own terms"]),
    ] {
        let assessment = image(name, name, 0, &[("CVE-1", "x", Severity::Low)]);
        let mut report = (*assessment.report).clone();
        let template = report.sbom.packages[0].clone();
        let letter = name.trim_end_matches(":1");
        for (index, license) in licenses.iter().enumerate() {
            let purl = format!("pkg:npm/p{index}-{letter}@1");
            report.sbom.packages.push(model::Package {
                kind: PackageKind::Npm,
                name: format!("p{index}-{letter}"),
                licenses: vec![(*license).to_owned()],
                purl: purl.parse().unwrap(),
                ..template.clone()
            });
        }
        let assessment = Assessment {
            report: Arc::new(report),
            ..assessment
        };
        store.put_report("local", assessment).await.unwrap();
    }
    let all = store
        .licenses(&scope, &LicenseFilter::default())
        .await
        .unwrap();
    let lines: Vec<(String, LicenseClass, u64)> = all
        .into_iter()
        .map(|one| (one.license, one.class, one.images))
        .collect();
    assert_eq!(
        lines,
        [
            ("MIT".to_owned(), LicenseClass::Permissive, 2),
            ("AGPL-3.0-only".to_owned(), LicenseClass::NetworkCopyleft, 1),
            ("Our own terms".to_owned(), LicenseClass::Unknown, 1),
        ]
    );
    let agpl = LicenseFilter {
        license: Some("AGPL-3.0-only".to_owned()),
        ..LicenseFilter::default()
    };
    let request = PageRequest::first(10);
    let holders = store
        .license_holders(&scope, &agpl, &request)
        .await
        .unwrap();
    assert_eq!((holders.items.len(), holders.total), (1, 1));
    assert_eq!(holders.items[0].image.name, "a:1");
    assert_eq!(holders.items[0].named, ["p1-a"]);
    let image = holders.items[0].image.id.clone();
    let own = store.image_licenses(&scope, &image).await.unwrap();
    assert_eq!(
        own[0].license, "AGPL-3.0-only",
        "what asks most comes first"
    );

    let texts = store.license_texts().await.unwrap();
    assert!(
        texts.contains(&vec!["AGPL-3.0-only".to_owned()]),
        "{texts:?}"
    );
    let bad = [vec!["AGPL-3.0-only".to_owned()]];
    let held = store.packages_licensed("local", &bad, None).await.unwrap();
    assert_eq!((held.len(), held[0].name.as_str()), (1, "p1-a"));
    let others = [String::from("nobody")];
    let none = store.packages_licensed("local", &bad, Some(&others)).await;
    assert!(none.unwrap().is_empty());
    // Every image of two, page by page.
    let by_class = LicenseFilter {
        classes: vec![LicenseClass::Permissive],
        ..LicenseFilter::default()
    };
    let first = store
        .license_holders(&scope, &by_class, &PageRequest::first(1))
        .await
        .unwrap();
    let second = PageRequest {
        limit: 1,
        cursor: first.next_cursor,
    };
    let second = store
        .license_holders(&scope, &by_class, &second)
        .await
        .unwrap();
    assert_eq!(second.items[0].image.name, "b:1");
    assert_eq!(second.next_cursor, None);
}
