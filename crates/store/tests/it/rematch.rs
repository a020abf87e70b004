//! Matching again only what a change of advisories touches leaves the
//! record as matching everything again does.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use model::{
    Digest, Ecosystem, ImageIdentity, Layer, Package, PackageKind, Sbom, Severity, SourcePackage,
    TargetKind, scan::Target,
};
use store::{Assessment, FindingFilter, FindingSort, PageRequest, Store};
use vulns::{Database, Judgements};

use crate::{
    sample::{TestStore, assert_roll_ups_hold, image, on_postgres, on_sqlite, time},
    work::{
        fix,
        holdings::Holdings,
        rematch::{self, Change, Done},
    },
};

/// Chance that comes again: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    fn is(&mut self, out_of: usize) -> bool {
        self.below(out_of) == 0
    }
}

const VERSIONS: &[&str] = &["1.0", "1.5", "2.0", "2.0.1"];
const SOURCES: &[&str] = &["ape", "bee", "linux"];
const NPM: &[&str] = &["left", "right"];
const PYPI: &[&str] = &["Foo_Bar", "baz"];

fn package(kind: PackageKind, name: &str, version: &str, path: &str) -> Package {
    let of = match kind {
        PackageKind::Deb => "pkg:deb/debian/",
        PackageKind::Npm => "pkg:npm/",
        _ => "pkg:pypi/",
    };
    Package {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        ecosystem: match kind {
            PackageKind::Deb => Some(Ecosystem::with_release("Debian", "12")),
            _ => None,
        },
        source: None,
        architecture: None,
        licenses: Vec::new(),
        purl: format!("{of}{name}@{version}").parse().unwrap(),
        path: path.to_owned(),
        layer: Some(0),
        owned_by: None,
    }
}

/// An image with packages of a distribution and of languages, some of
/// which the distribution owns, some of which are there twice.
fn sbom(dice: &mut Dice, name: &str) -> Sbom {
    let mut packages = Vec::new();
    if !dice.is(4) {
        for source in SOURCES {
            let version = *dice.one_of(VERSIONS);
            for binary in [
                (*source).to_owned(),
                format!("{source}-dev"),
                "linux-libc-dev".into(),
            ] {
                if dice.is(3) || (binary == "linux-libc-dev" && *source != "linux") {
                    continue;
                }
                packages.push(Package {
                    source: (binary != *source).then(|| SourcePackage {
                        name: (*source).to_owned(),
                        version: version.to_owned(),
                    }),
                    ..package(PackageKind::Deb, &binary, version, "var/lib/dpkg/status")
                });
            }
        }
    }
    for (kind, names) in [(PackageKind::Npm, NPM), (PackageKind::Pypi, PYPI)] {
        for _ in 0..dice.below(5) {
            let (name, version) = (*dice.one_of(names), *dice.one_of(VERSIONS));
            let path = if dice.is(2) {
                "app/lock"
            } else {
                "usr/lib/lock"
            };
            let mut package = package(kind, name, version, path);
            if dice.is(3) {
                package.owned_by = Some("deb".to_owned());
            }
            if dice.is(12) {
                "what?".clone_into(&mut package.version);
            }
            packages.push(package);
        }
    }
    packages.sort();
    packages.dedup();
    Sbom {
        image: Some(ImageIdentity {
            manifest: None,
            config: Some(Digest::of(name.as_bytes())),
            tags: vec![name.to_owned()],
        }),
        layers: vec![Layer {
            diff_id: Digest::of(b"layer"),
            digest: None,
            size: None,
            created_by: None,
            created: None,
        }],
        packages,
        ..Sbom::default()
    }
}

/// One record of a feed, with a seldom changing shape.
fn record(dice: &mut Dice, number: usize) -> String {
    let mut affected = Vec::new();
    for _ in 0..=dice.below(2) {
        let (ecosystem, name) = match dice.below(3) {
            0 => ("Debian:12", *dice.one_of(SOURCES)),
            1 => ("npm", *dice.one_of(NPM)),
            _ => ("PyPI", *dice.one_of(PYPI)),
        };
        let events = match dice.below(4) {
            0 => String::new(),
            1 => format!(r#",{{"last_affected":"{}"}}"#, dice.one_of(VERSIONS)),
            _ => format!(r#",{{"fixed":"{}"}}"#, dice.one_of(VERSIONS)),
        };
        let listed = if dice.is(5) {
            format!(r#","versions":["{}"]"#, dice.one_of(VERSIONS))
        } else {
            String::new()
        };
        let urgency = dice.one_of(&["low", "high", "unimportant", "not yet assigned"]);
        affected.push(format!(
            r#"{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":
            "ECOSYSTEM","events":[{{"introduced":"0"}}{events}]}}],"ecosystem_specific":
            {{"urgency":"{urgency}"}}{listed}}}"#
        ));
    }
    let alias = dice.below(6);
    let names = match dice.below(4) {
        0 => format!(
            r#""id":"DSA-{number}","upstream":["CVE-1-{alias}","CVE-1-{}"]"#,
            alias + 1
        ),
        1 => format!(r#""id":"GHSA-{number}","aliases":["CVE-1-{alias}"]"#),
        _ => format!(r#""id":"CVE-2-{number}""#),
    };
    let score = dice.one_of(&["L/I:N/A:N", "H/I:H/A:H"]);
    let vector = format!("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:{score}");
    let severity = format!(r#""severity":[{{"type":"CVSS_V3","score":"{vector}"}}]"#);
    let words = dice.below(3);
    format!(
        r#"{{{names},{severity},"summary":"words {words}","affected":[{}]}}"#,
        affected.join(",")
    )
}

/// Records that stay, so that feeds speak of the same ecosystems.
const ALWAYS: [&str; 3] = [
    r#"{"id":"CVE-9-1","affected":[{"package":{"ecosystem":"Debian:12","name":"none"}}]}"#,
    r#"{"id":"CVE-9-2","affected":[{"package":{"ecosystem":"npm","name":"none"},"versions":["1"]}]}"#,
    r#"{"id":"CVE-9-3","affected":[{"package":{"ecosystem":"PyPI","name":"none"},"versions":["1"]}]}"#,
];

fn database(records: &BTreeMap<usize, String>, minute: i64) -> Arc<Database> {
    let all: Vec<&str> = ALWAYS
        .into_iter()
        .chain(records.values().map(String::as_str))
        .collect();
    Arc::new(Database::from_records(&[("feed", &all)], time(minute)).unwrap())
}

fn assess(db: &Database, sbom: Sbom, name: &str, minute: i64, fresh: bool) -> Assessment {
    let target = Target {
        kind: TargetKind::Image,
        name: name.to_owned(),
    };
    let report = vulns::assess(
        db,
        sbom,
        target,
        &Judgements::default(),
        "test",
        time(minute),
    );
    Assessment {
        fixes: fix::fixes(
            report.sbom.packages.iter(),
            report.findings.iter(),
            vulns::version::compare,
        ),
        report: Arc::new(report),
        target: format!("docker:{name}"),
        fresh,
    }
}

/// Everything matched again, but what says it was.
async fn reassess(store: &Store, db: &Database, minute: i64) -> usize {
    let outdated = store.outdated(&db.status().generation).await.unwrap();
    for image in &outdated {
        let stored = store.sbom(image).await.unwrap().unwrap();
        let assessment = assess(db, stored.sbom, &stored.image.name, minute, false);
        store
            .put_report(&stored.image.environment, assessment)
            .await
            .unwrap();
    }
    outdated.len()
}

fn change(old: &Arc<Database>, new: &Arc<Database>) -> Change {
    Change {
        old: Arc::clone(old),
        new: Arc::clone(new),
        from: old.status().generation.clone(),
        to: new.status().generation.clone(),
        spoken: HashSet::new(),
    }
}

async fn carry(
    store: &Store,
    holdings: &Holdings,
    (old, new): (&Arc<Database>, &Arc<Database>),
    minute: i64,
) -> Done {
    let change = change(old, new);
    rematch::apply(
        store,
        holdings,
        change,
        vulns::version::compare,
        time(minute),
    )
    .await
    .unwrap()
}

/// What the record says of findings, upgrades, images and
/// vulnerabilities, line by line.
async fn told(test: &TestStore) -> Vec<String> {
    const ASKED: [&str; 4] = [
        "SELECT 'finding ' || image.name || ' ' || rule.name || ' ' || finding.fingerprint || ' ' ||
            package.name || '@' || package.version || ' ' ||
            CAST(finding.state AS TEXT) || ' ' || CAST(finding.severity AS TEXT) || ' ' ||
            CAST(finding.rank AS TEXT) || ' ' || COALESCE(finding.suppression, '-') || ' ' ||
            finding.fix_state || ' ' || finding.fix_versions || ' ' || finding.advisories || ' ' ||
            CAST(finding.first_seen AS TEXT) || ' ' || COALESCE(CAST(finding.resolved AS TEXT), '-')
         FROM finding JOIN image ON image.id = finding.image_id
         JOIN rule ON rule.id = finding.rule_id
         JOIN package ON package.id = finding.package_id",
        "SELECT 'fix ' || image.name || ' ' || fix.kind || ' ' || fix.package || ' ' ||
            fix.version || ' ' || fix.installed || ' ' ||
            CAST(fix.critical + fix.high AS TEXT) || ' ' || CAST(fix.medium AS TEXT) || ' ' ||
            CAST(fix.low + fix.unknown AS TEXT)
         FROM fix JOIN image ON image.id = fix.image_id",
        "SELECT 'image ' || name || ' ' || generation || ' ' || CAST(assessed AS TEXT) || ' ' ||
            CAST(warnings AS TEXT) || ' ' || CAST(risk AS TEXT) || ' ' ||
            CAST(fixable AS TEXT) || ' ' || CAST(suppressed AS TEXT) FROM image",
        // A finding that may only be hidden stays open though nothing says
        // so; a whole match does not look its vulnerability up.
        "SELECT 'rule ' || rule.name || ' ' || rule.details FROM rule
         WHERE EXISTS (SELECT 1 FROM finding JOIN image ON image.id = finding.image_id
             WHERE finding.rule_id = rule.id AND state = 0 AND image.warnings = 0)",
    ];
    let mut told = Vec::new();
    for query in ASKED {
        told.extend(test.read(query).await);
    }
    told.sort();
    told
}

/// One history of images and feeds, kept in two records.
async fn agree(seed: u64, carried: &TestStore, whole: &TestStore) -> Done {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut records: BTreeMap<usize, String> = BTreeMap::new();
    for number in 0..8 {
        records.insert(number, record(&mut dice, number));
    }
    let mut db = database(&records, 0);
    let holdings = Holdings::default();
    let mut sums = Done::default();
    for minute in 1..6 {
        for _ in 0..2 {
            let name = format!("image-{}:1", dice.below(5));
            let sbom = sbom(&mut dice, &name);
            for test in [carried, whole] {
                let assessment = assess(&db, sbom.clone(), &name, 10 * minute, true);
                test.store.put_report("local", assessment).await.unwrap();
            }
        }
        for _ in 0..=dice.below(3) {
            let number = dice.below(10);
            if dice.is(3) {
                records.remove(&number);
            } else {
                records.insert(number, record(&mut dice, number));
            }
        }
        let next = database(&records, minute);
        let done = carry(&carried.store, &holdings, (&db, &next), 10 * minute + 5).await;
        let left = reassess(&carried.store, &next, 10 * minute + 5).await;
        assert_eq!(
            left, done.left,
            "seed {seed}: images left to be matched whole"
        );
        reassess(&whole.store, &next, 10 * minute + 5).await;
        let (a, b) = (told(carried).await, told(whole).await);
        for (a, b) in a.iter().zip(&b) {
            assert_eq!(a, b, "seed {seed}, minute {minute}");
        }
        assert_eq!(
            a.len(),
            b.len(),
            "seed {seed}, minute {minute}: {a:#?}\n{b:#?}"
        );
        sums.touched += done.touched;
        sums.findings += done.findings;
        sums.left += done.left;
        db = next;
    }
    for test in [carried, whole] {
        assert_roll_ups_hold(&test.store).await;
    }
    sums
}

#[tokio::test]
async fn what_is_touched_is_all_that_changes_on_sqlite() {
    let mut sums = Done::default();
    for seed in 1..=25 {
        let (carried, whole) = (on_sqlite().await, on_sqlite().await);
        let done = agree(seed, &carried, &whole).await;
        sums.touched += done.touched;
        sums.findings += done.findings;
        sums.left += done.left;
    }
    // The test looks at something.
    assert!(sums.touched > 100 && sums.findings > 200, "{sums:?}");
    assert!(sums.left < sums.touched, "{sums:?}");
}

#[tokio::test]
async fn what_is_touched_is_all_that_changes_on_postgresql() {
    for seed in 101..=106 {
        let (Some(carried), Some(whole)) = (on_postgres().await, on_postgres().await) else {
            return;
        };
        agree(seed, &carried, &whole).await;
    }
}

const FLAW: &str = r#"{"id":"CVE-3-1","summary":"left goes wrong","severity":[{"type":"CVSS_V3",
    "score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":
    "npm","name":"left"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0"}]
    }]}]}"#;

fn holding(name: &str, package: Package) -> Sbom {
    Sbom {
        image: Some(ImageIdentity {
            manifest: None,
            config: Some(Digest::of(name.as_bytes())),
            tags: vec![name.to_owned()],
        }),
        packages: vec![package],
        ..Sbom::default()
    }
}

async fn says_why(test: &TestStore) {
    let store = &test.store;
    let old = database(&BTreeMap::new(), 0);
    let new = database(&BTreeMap::from([(0, FLAW.to_owned())]), 1);
    for (name, package_name) in [("shop:1", "left"), ("blog:1", "right")] {
        let package = package(PackageKind::Npm, package_name, "1.0", "app/lock");
        let assessment = assess(&old, holding(name, package), name, 0, true);
        store.put_report("local", assessment).await.unwrap();
    }
    let holdings = Holdings::default();
    let done = carry(store, &holdings, (&old, &new), 5).await;
    assert_eq!(
        (done.names, done.touched, done.findings, done.left),
        (1, 1, 1, 0)
    );
    let names: Vec<&str> = done.changed.keys().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["shop:1"]);
    assert!(
        store
            .outdated(&new.status().generation)
            .await
            .unwrap()
            .is_empty()
    );

    let scope = store.scope(None).await.unwrap();
    let changes = store.changes(&scope, &PageRequest::first(1)).await.unwrap();
    let summary = &changes.items[0].entry.summary;
    assert_eq!(summary, "shop:1: 1 new, because advisory CVE-3-1 came");
    let history = store
        .finding_history(&scope, "1", 10)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(history[0].text, "first seen, because advisory CVE-3-1 came");

    let done = carry(store, &holdings, (&new, &old), 10).await;
    assert_eq!(done.touched, 1);
    let history = store
        .finding_history(&scope, "1", 10)
        .await
        .unwrap()
        .unwrap();
    let why = "no longer affected, because advisory CVE-3-1 was withdrawn";
    assert_eq!(history[0].text, why);
}

/// Of an image that is scanned again while it is looked at nothing is
/// said: what it holds now is not what was looked at.
async fn what_came_between_is_left(test: &TestStore) {
    let store = &test.store;
    let old = database(&BTreeMap::new(), 0);
    let new = database(&BTreeMap::from([(0, FLAW.to_owned())]), 1);
    let put = async |name: &str, package_name: &str| {
        let package = package(PackageKind::Npm, package_name, "1.0", "app/lock");
        let assessment = assess(&old, holding(name, package), name, 0, true);
        store.put_report("local", assessment).await.unwrap();
    };
    put("shop:1", "left").await;
    put("blog:1", "left").await;
    let holdings = Holdings::default();
    holdings.sweep(store).await.unwrap();
    let change = change(&old, &new);
    let computed = rematch::compute(&change, &holdings).unwrap();
    put("shop:1", "right").await;
    let compare = vulns::version::compare;
    let done = rematch::write(store, change, computed, compare, time(5))
        .await
        .unwrap();
    assert_eq!((done.touched, done.changed.len()), (2, 1));
    let left = store.outdated(&new.status().generation).await.unwrap();
    assert_eq!(left.len(), 1);
    let image = store.sbom(&left[0]).await.unwrap().unwrap().image;
    assert_eq!(image.name, "shop:1");
}

/// What is new is written before what is no longer so, in one image too.
async fn what_comes_is_first(test: &TestStore) {
    let store = &test.store;
    let of_right = FLAW.replace("left", "right").replace("CVE-3-1", "CVE-3-2");
    let old = database(&BTreeMap::from([(0, FLAW.to_owned())]), 0);
    let new = database(&BTreeMap::from([(1, of_right)]), 1);
    for (name, packages) in [
        ("shop:1", ["left", "other"]),
        ("blog:1", ["left", "right"]),
        ("news:1", ["left", "other"]),
    ] {
        let mut sbom = holding(
            name,
            package(PackageKind::Npm, packages[0], "1.0", "a/lock"),
        );
        let second = package(PackageKind::Npm, packages[1], "1.0", "b/lock");
        sbom.packages.push(second);
        let assessment = assess(&old, sbom, name, 0, true);
        store.put_report("local", assessment).await.unwrap();
    }
    let holdings = Holdings::default();
    holdings.sweep(store).await.unwrap();
    let change = change(&old, &new);
    let computed = rematch::compute(&change, &holdings).unwrap();
    let (images, with_new) = (&computed.rematch.images, computed.rematch.with_new);
    assert_eq!((images.len(), with_new), (3, 1));
    let numbers = "SELECT CAST(id AS TEXT) FROM image WHERE name = 'blog:1'";
    assert_eq!(test.read(numbers).await, [images[0].0.to_string()]);
    let compare = vulns::version::compare;
    let done = rematch::write(store, change, computed, compare, time(5))
        .await
        .unwrap();
    assert!(!done.new_on_disk.is_zero());
    assert_eq!(done.changed.len(), 3);
    let scope = store.scope(None).await.unwrap();
    let changes = store.changes(&scope, &PageRequest::first(4)).await.unwrap();
    let told: Vec<&str> = changes
        .items
        .iter()
        .map(|it| it.entry.summary.as_str())
        .collect();
    let because = "advisory CVE-3-1 was withdrawn and advisory CVE-3-2 came";
    assert_eq!(told[3], format!("blog:1: 1 new, because {because}"));
    let mut rest = told[..3].to_vec();
    rest.sort_unstable();
    let left = "1 resolved, because advisory CVE-3-1 was withdrawn";
    assert_eq!(
        rest,
        [
            format!("blog:1: 1 resolved, because {because}"),
            format!("news:1: {left}"),
            format!("shop:1: {left}"),
        ]
    );
    assert!(
        store
            .outdated(&new.status().generation)
            .await
            .unwrap()
            .is_empty()
    );
}

/// A vulnerability that turns out to be exploited moves its findings up,
/// without any image being looked at.
async fn exploited_moves_up(test: &TestStore) {
    let store = &test.store;
    let findings = [
        ("CVE-1", "left", Severity::High),
        ("CVE-2", "right", Severity::High),
    ];
    store
        .put_report("local", image("shop:1", "a", 0, &findings))
        .await
        .unwrap();
    let known = image("shop:1", "a", 0, &findings[1..]).report;
    let mut vulnerability = known.vulnerabilities.values().next().unwrap().clone();
    vulnerability.kev = Some(model::vulnerability::Kev {
        added: jiff::civil::date(2026, 1, 1),
        due: None,
        ransomware: false,
    });
    store
        .put_vulnerabilities(vec![vulnerability], time(1))
        .await
        .unwrap();
    let scope = store.scope(None).await.unwrap();
    let listed = store
        .findings(
            &scope,
            &FindingFilter::default(),
            FindingSort::Severity,
            &PageRequest::first(10),
        )
        .await
        .unwrap();
    let rules: Vec<&str> = listed.items.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(rules, ["CVE-2", "CVE-1"]);
    assert!(listed.items[0].kev);
    let images = store.totals(&scope).await.unwrap();
    assert_eq!(images.kev, 1);
}

crate::sample::on_each_database!(
    says_why,
    what_came_between_is_left,
    what_comes_is_first,
    exploited_moves_up
);
