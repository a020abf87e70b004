//! A small world, made of words that are hard on SQL.

mod alert;
mod subject;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use model::{Severity, alert::context::Term, query::Field};

use crate::{
    counts::severity_number,
    db::{Connection, lines, sql},
};

pub(super) const NOW: &str = "2026-11-25T12:00:00Z";
const FINDINGS: usize = 240;

pub(super) const NAMES: &[&str] = &[
    "openssl",
    "OpenSSL",
    "libssl3",
    "a%b",
    "a_b",
    "axb",
    "it's",
    "\"q\"",
    "back\\slash",
    "'; DROP TABLE finding; --",
    "É",
    "é",
    "日本",
    "x*y",
    "shop",
    "-",
    "42",
];
pub(super) const IMAGES: &[&str] = &[
    "shop/web:1.2",
    "reg.example:5000/shop/web",
    "reg.example:5000/shop/web:2",
    "reg.example/shop/api@sha256:00ff",
    "reg.example/shop/api:1@sha256:00ff",
    "Shop",
    ":",
    "a:b/c",
];
pub(super) const REPOSITORIES: &[&str] = &[
    "shop/web",
    "reg.example:5000/shop/web",
    "reg.example/shop/api",
    "shop",
    "a:b/c",
];
pub(super) const KEYS: &[&str] = &["app", "team", "x%", "it's"];
pub(super) const ALIASES: &[&str] = &["GHSA-jfh8-c2jp-5v3q", "DSA-1", "it's"];
pub(super) const TECHNIQUES: &[&str] = &["T1059", "T1059.004", "T1611", "T10_9"];
pub(super) const PEOPLE: &[&str] = &["Ada", "ada", "Bob%"];
const KINDS: &[&str] = &[
    "environment",
    "host",
    "namespace",
    "workload",
    "pod",
    "container",
];

/// Reproducible choice.
pub(super) struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).unwrap();
        high % sides
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }

    fn name(&mut self) -> String {
        self.pick(NAMES).to_owned()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.roll(3) > 0).then(|| make(self))
    }

    fn time(&mut self) -> Timestamp {
        let now: Timestamp = NOW.parse().unwrap();
        let ago = self.pick(&[0, 1, 3_599, 3_600, 86_400, 86_401, 604_800, 10_000_000]);
        Timestamp::from_second(now.as_second() - ago).unwrap()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    id: i64,
    kind: usize,
    name: String,
    title: String,
    cvss: Option<f64>,
    epss: Option<f64>,
    kev: bool,
    tactics: i64,
    techniques: Vec<String>,
    aliases: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Package {
    id: i64,
    kind: String,
    name: String,
    version: String,
    purl: String,
    ecosystem: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Image {
    id: i64,
    uid: String,
    name: String,
    digest: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Asset {
    id: i64,
    uid: String,
    kind: &'static str,
    name: String,
    cluster: Option<String>,
    namespace: Option<String>,
    workload: Option<String>,
    labels: BTreeMap<String, String>,
    runs: bool,
    last_seen: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Finding {
    id: i64,
    environment: String,
    rule: Rule,
    package: Option<Package>,
    image: Option<Image>,
    /// It first, then what it is inside of.
    assets: Vec<Asset>,
    image_runs: bool,
    fingerprint: String,
    severity: Severity,
    state: &'static str,
    suppressed: bool,
    fixable: bool,
    path: Option<String>,
    container: Option<String>,
    layer: Option<i64>,
    summary: Option<String>,
    first_seen: Timestamp,
    last_seen: Option<Timestamp>,
    resolved: Option<Timestamp>,
    progress: &'static str,
    assignee: Option<String>,
    due: Option<Date>,
    comments: i64,
    exemption: Option<String>,
    incident: Option<String>,
    terms: Vec<(Term, String)>,
}

pub(super) struct World {
    pub(super) findings: Vec<Finding>,
    first: i64,
}

impl World {
    /// Makes it, and writes it to the database.
    pub(super) async fn make(connection: &mut Connection) -> Self {
        let mut dice = Dice(7);
        connection.run("BEGIN").await.unwrap();
        let mut environments = Vec::new();
        for name in ["production", "it's"] {
            let id: i64 = sql(
                "INSERT INTO environment (name, title, demo) VALUES (?, ?, 0)
                 RETURNING id",
            )
            .bind(name)
            .bind(name)
            .scalar()
            .fetch_one(&mut *connection)
            .await
            .unwrap();
            environments.push((id, name));
        }
        let rules = rules(&mut dice, connection).await;
        let packages = packages(&mut dice, connection).await;
        let mut findings = Vec::new();
        for (environment_id, environment) in environments {
            let images = images(&mut dice, connection, environment_id).await;
            let assets = assets(&mut dice, connection, environment_id, &images).await;
            let exemption = exemption(connection, environment).await;
            let incident = alert::incident(connection, environment_id, environment).await;
            for _ in 0..FINDINGS / 2 {
                let rule = dice.pick(&rules);
                let image = dice.maybe(|dice| dice.pick(&images));
                let state = dice.roll(4);
                let finding = Finding {
                    id: 0,
                    environment: environment.to_owned(),
                    package: dice.maybe(|dice| dice.pick(&packages)),
                    image_runs: image.as_ref().is_some_and(|image| {
                        assets
                            .iter()
                            .any(|(chain, runs)| chain[0].runs && *runs == Some(image.id))
                    }),
                    image,
                    assets: dice.pick(&assets).0,
                    rule,
                    fingerprint: format!("{:032x}", findings.len() * 7919),
                    severity: dice.pick(&Severity::WORST_FIRST),
                    state: Field::State.catalogued().values[state],
                    suppressed: dice.roll(3) == 0,
                    fixable: dice.roll(2) == 0,
                    path: dice.maybe(Dice::name),
                    container: dice.maybe(Dice::name),
                    layer: dice.maybe(|dice| i64::try_from(dice.roll(4)).unwrap()),
                    summary: dice.maybe(Dice::name),
                    first_seen: dice.time(),
                    last_seen: dice.maybe(Dice::time),
                    resolved: dice.maybe(Dice::time),
                    progress: dice.pick(Field::Progress.catalogued().values),
                    assignee: dice.maybe(|dice| dice.pick(PEOPLE).to_owned()),
                    due: dice.maybe(|dice| {
                        let day =
                            dice.pick(&["2026-11-24", "2026-11-25", "2026-11-28", "2027-01-01"]);
                        day.parse().unwrap()
                    }),
                    comments: i64::try_from(dice.roll(2)).unwrap(),
                    exemption: (state == 3).then(|| exemption.1.clone()),
                    incident: dice.maybe(|_| incident.1.clone()),
                    terms: alert::terms(&mut dice),
                };
                let finding = put(connection, environment_id, exemption.0, finding).await;
                alert::put(connection, incident.0, &finding).await;
                findings.push(finding);
            }
        }
        connection.run("COMMIT").await.unwrap();
        Self {
            first: findings[0].id,
            findings,
        }
    }

    /// Ids are given out one after the other.
    pub(super) fn place_of(&self, id: i64) -> usize {
        let place = usize::try_from(id - self.first).unwrap();
        assert_eq!(self.findings[place].id, id);
        place
    }
}

async fn put(
    connection: &mut Connection,
    environment_id: i64,
    exemption_id: i64,
    finding: Finding,
) -> Finding {
    let state = Field::State
        .catalogued()
        .values
        .iter()
        .position(|state| *state == finding.state)
        .unwrap();
    let id = sql(
        "INSERT INTO finding (environment_id, asset_id, image_id, kind, rule_id,
             package_id, fingerprint, severity, rank, state, suppressed, fixable, path, layer,
             container, summary, occurrences, first_seen, last_seen, resolved, progress, assignee, due,
             comments, exemption_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
         RETURNING id",
    )
    .bind(environment_id)
    .bind(finding.assets[0].id)
    .bind(finding.image.as_ref().map(|image| image.id))
    .bind(i64::try_from(finding.rule.kind).unwrap())
    .bind(finding.rule.id)
    .bind(finding.package.as_ref().map(|package| package.id))
    .bind(&finding.fingerprint)
    .bind(severity_number(finding.severity))
    .bind(i64::try_from(state).unwrap())
    .bind(finding.suppressed)
    .bind(finding.fixable)
    .bind(&finding.path)
    .bind(finding.layer)
    .bind(&finding.container)
    .bind(&finding.summary)
    .bind(finding.first_seen)
    .bind(finding.last_seen)
    .bind(finding.resolved)
    .bind(i64::from(finding.progress == "in_progress"))
    .bind(&finding.assignee)
    .bind(finding.due.map(|due| due.to_string()))
    .bind(finding.comments)
    .bind(finding.exemption.as_ref().map(|_| exemption_id))
    .scalar()
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let line = finding.summary.iter().map(|line| (id, line.as_str()));
    lines::put(connection, line).await.unwrap();
    Finding { id, ..finding }
}

async fn exemption(connection: &mut Connection, environment: &str) -> (i64, String) {
    let uid = format!("exemption-{environment}");
    let id = sql(
        "INSERT INTO exemption (uid, scope, reason, note, owner, created, created_by,
             state, findings)
         VALUES (?, '', '', '', '', 0, '', 0, 0) RETURNING id",
    )
    .bind(&uid)
    .scalar()
    .fetch_one(connection)
    .await
    .unwrap();
    (id, uid)
}

async fn rules(dice: &mut Dice, connection: &mut Connection) -> Vec<Rule> {
    let mut rules = Vec::new();
    for number in 0..24 {
        let kind = number % 5;
        let mut rule = Rule {
            id: 0,
            kind,
            name: match (kind, dice.roll(3)) {
                (0, 1) => format!("CVE-2024-{number}"),
                (0, 2) => format!("GHSA-{number}"),
                _ => format!("{}{}", dice.name(), " ".repeat(number)),
            },
            title: dice.name(),
            cvss: dice.maybe(|dice| dice.pick(&[0.0, 5.5, 9.8])),
            epss: dice.maybe(|dice| dice.pick(&[0.0, 0.1, 0.97])),
            kev: dice.roll(3) == 0,
            tactics: i64::try_from(dice.roll(1 << 14)).unwrap(),
            techniques: (0..dice.roll(3))
                .map(|_| dice.pick(TECHNIQUES).to_owned())
                .collect(),
            aliases: (0..dice.roll(3))
                .map(|_| dice.pick(ALIASES).to_owned())
                .collect(),
        };
        if dice.roll(4) == 0 {
            rule.tactics = 0;
        }
        let details = if dice.roll(5) == 0 && rule.aliases.is_empty() {
            serde_json::json!({ "title": "GHSA-jfh8-c2jp-5v3q \"DSA-1\"" })
        } else {
            serde_json::json!({ "aliases": rule.aliases })
        };
        rule.id = sql(
            "INSERT INTO rule (kind, name, severity, title, cvss, epss, kev, tactics,
                 techniques, details)
             VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(i64::try_from(kind).unwrap())
        .bind(&rule.name)
        .bind(&rule.title)
        .bind(rule.cvss)
        .bind(rule.epss)
        .bind(rule.kev)
        .bind(rule.tactics)
        .bind(serde_json::to_string(&rule.techniques).unwrap())
        .bind(details.to_string())
        .scalar()
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        rules.push(rule);
    }
    rules
}

async fn packages(dice: &mut Dice, connection: &mut Connection) -> Vec<Package> {
    let mut packages = Vec::new();
    for number in 0..20 {
        let mut package = Package {
            id: 0,
            kind: dice.pick(&["deb", "npm"]).to_owned(),
            name: dice.name(),
            version: dice.name(),
            purl: format!("pkg:deb/{}", dice.name()),
            ecosystem: dice.maybe(|dice| dice.pick(&["Debian:12", "npm", "a%b"]).to_owned()),
        };
        package.id = sql(
            "INSERT INTO package (fingerprint, kind, name, version, purl, ecosystem,
                 licenses)
             VALUES (?, ?, ?, ?, ?, ?, '[]') RETURNING id",
        )
        .bind(format!("p{number}"))
        .bind(&package.kind)
        .bind(&package.name)
        .bind(&package.version)
        .bind(&package.purl)
        .bind(&package.ecosystem)
        .scalar()
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        packages.push(package);
    }
    packages
}

async fn images(dice: &mut Dice, connection: &mut Connection, environment: i64) -> Vec<Image> {
    let mut images = Vec::new();
    for (number, name) in IMAGES.iter().enumerate() {
        let mut image = Image {
            id: 0,
            uid: format!("image-{environment}-{number}"),
            name: (*name).to_owned(),
            digest: dice.maybe(|_| format!("sha256:{number:02}ff")),
        };
        image.id = sql(
            "INSERT INTO image (uid, environment_id, kind, identity, name, target,
                 tags, os_name, layers, packages, critical, high, medium, low, info, unknown,
                 risk, fixable, kev, suppressed, warnings, starter_only, generation,
                 first_scanned, last_scanned, assessed, digest)
             VALUES (?, ?, 'image', ?, ?, '', '[]', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                 '', 0, 0, 0, ?) RETURNING id",
        )
        .bind(&image.uid)
        .bind(environment)
        .bind(&image.uid)
        .bind(&image.name)
        .bind(&image.digest)
        .scalar()
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        images.push(image);
    }
    images
}

/// Assets with all they are inside of, and the image each runs.
async fn assets(
    dice: &mut Dice,
    connection: &mut Connection,
    environment: i64,
    images: &[Image],
) -> Vec<(Vec<Asset>, Option<i64>)> {
    let mut assets: Vec<(Vec<Asset>, Option<i64>)> = Vec::new();
    for number in 0..24 {
        let above = (number > 0)
            .then(|| dice.roll(number))
            .map(|above| assets[above].0.clone());
        let image_id = dice.maybe(|dice| dice.pick(images).id);
        let kind = dice.pick(KINDS);
        let started = dice.roll(2) == 0;
        let gone = dice.roll(2) == 0;
        let mut labels = BTreeMap::new();
        for _ in 0..dice.roll(3) {
            labels.insert(dice.pick(KEYS).to_owned(), dice.name());
        }
        let mut asset = Asset {
            id: 0,
            uid: format!("asset-{environment}-{number}"),
            kind,
            name: dice.name(),
            cluster: dice.maybe(Dice::name),
            namespace: dice.maybe(Dice::name),
            workload: dice.maybe(Dice::name),
            labels,
            runs: kind == "container" && started && !gone,
            last_seen: dice.time(),
        };
        let parent = above.as_ref().map_or(0, |chain| chain[0].id);
        asset.id = sql(
            "INSERT INTO asset (uid, environment_id, parent_id, kind, identity, name,
                 cluster, namespace, workload, labels, facts, image_id, started, first_seen,
                 last_seen, gone)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', ?, ?, 0, ?, ?) RETURNING id",
        )
        .bind(&asset.uid)
        .bind(environment)
        .bind(parent)
        .bind(asset.kind)
        .bind(&asset.uid)
        .bind(&asset.name)
        .bind(&asset.cluster)
        .bind(&asset.namespace)
        .bind(&asset.workload)
        .bind(serde_json::to_string(&asset.labels).unwrap())
        .bind(image_id)
        .bind(started.then_some(1_i64))
        .bind(asset.last_seen)
        .bind(gone.then_some(1_i64))
        .scalar()
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        let chain = std::iter::once(asset)
            .chain(above.into_iter().flatten())
            .collect();
        assets.push((chain, image_id));
    }
    assets
}
