//! Which vulnerabilities hit which packages.
//!
//! Pure and lock-free: a generation and packages in, hits out. For each
//! package the advisories that name it are looked up and its version is
//! compared by its ecosystem's own rules; what cannot be compared is
//! said, never guessed.

use std::{borrow::Cow, cmp::Ordering};

use model::{AffectedState, Ecosystem, Package, PackageKind, Severity, VersionScheme, Warning};

use crate::{
    delta::Differing,
    generation::{
        Generation,
        layout::{Bound, Rule},
    },
    names::{self, Named},
    version::{self, Version},
};

/// One vulnerability in one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit<'g> {
    /// Index into the packages handed in.
    pub(crate) package: usize,
    pub(crate) vulnerability: u32,
    pub(crate) severity: Severity,
    pub(crate) state: AffectedState,
    /// Smallest step first.
    pub(crate) fixes: Vec<&'g str>,
    /// Sorted ids of the records it rests on.
    pub(crate) advisories: Vec<&'g str>,
}

/// Matches every package that advisories can speak for.
pub(crate) fn find<'g>(
    generation: &'g Generation,
    packages: &[Package],
) -> (Vec<Hit<'g>>, Vec<Warning>) {
    let mut hits = Vec::new();
    let mut warnings = Vec::new();
    let distribution_speaks = speaks_for(generation, distribution(packages));
    let mut home = None;
    for (index, package) in packages.iter().enumerate() {
        if package.owned_by.is_some() && distribution_speaks {
            continue;
        }
        // Packages of one ecosystem come one after the other.
        if home.as_ref().is_none_or(|home: &Home| !home.is_of(package)) {
            home = Home::of(package.into());
        }
        let Some(home) = &home else {
            continue;
        };
        if let Some(version) = ask(generation, index, package.into(), home, None, &mut hits) {
            warnings.push(not_a_version(package, &version));
        }
    }
    (hits, warnings)
}

/// Asks about one package on its own; the version that could not be
/// compared comes back beside the hits.
pub(crate) fn find_one<'g>(
    generation: &'g Generation,
    package: Named<'_>,
) -> (Vec<Hit<'g>>, Option<String>) {
    let mut hits = Vec::new();
    let unread =
        Home::of(package).and_then(|home| ask(generation, 0, package, &home, None, &mut hits));
    (hits, unread)
}

/// The same for `only` some vulnerabilities, ascending.
pub(crate) fn find_some<'g>(
    generation: &'g Generation,
    package: Named<'_>,
    home: &Home,
    only: &[u32],
) -> Vec<Hit<'g>> {
    let mut hits = Vec::new();
    ask(generation, 0, package, home, Some(only), &mut hits);
    hits
}

/// Puts all questions there are for one package.
fn ask<'g>(
    generation: &'g Generation,
    index: usize,
    package: Named<'_>,
    home: &Home,
    only: Option<&[u32]>,
    hits: &mut Vec<Hit<'g>>,
) -> Option<String> {
    let scheme = home.scheme?;
    let mut key = String::new();
    let mut unread = None;
    let start = hits.len();
    // Vulnerabilities on which an overriding query has spoken.
    let mut settled: Vec<u32> = Vec::new();
    for query in names::queries(package, &home.canonical) {
        names::key(&query.ecosystem, &query.name, &mut key);
        let mut rules = generation.rules(&key);
        if let Some(only) = only {
            keep_what_covers(generation, only, &mut rules);
        }
        if rules.is_empty() {
            continue;
        }
        let Some(version) = Version::parse(scheme, query.version) else {
            unread = Some(query.version.to_owned());
            break;
        };
        let asked = Asked {
            text: query.version,
            version,
        };
        let question = Question::new(generation, scheme, &asked, &rules);
        question.ask(index, &settled, only, hits);
        if query.overrides {
            settled.extend(question.vulnerabilities());
            settled.sort_unstable();
        }
    }
    merge(hits, start);
    unread
}

/// Asks again and again about packages of which only some advisories say
/// something else.
#[derive(Default)]
pub(crate) struct Sieve {
    /// Packages of one ecosystem come one after the other.
    home: Option<Home>,
    key: String,
}

impl Sieve {
    /// What two generations may say otherwise of a package, given what
    /// they do not share. Rules that do not hold for it decide nothing,
    /// except those of a query that overrides others.
    pub(crate) fn sift<'d>(
        &mut self,
        generations: (&Generation, &Generation),
        package: Named<'_>,
        differing: impl Fn(&str) -> Option<&'d Differing>,
    ) -> Sifted<'_> {
        let is_home =
            |home: &Home| home.kind == package.kind && home.ecosystem.as_ref() == package.ecosystem;
        if !self.home.as_ref().is_some_and(is_home) {
            self.home = Home::of(package);
        }
        let Some(home) = &self.home else {
            return Sifted::Nothing;
        };
        let Some(scheme) = home.scheme else {
            return Sifted::Nothing;
        };
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let mut is_read = true;
        for query in names::queries(package, &home.canonical) {
            let version = Version::parse(scheme, query.version);
            is_read &= version.is_some();
            names::key(&query.ecosystem, &query.name, &mut self.key);
            let Some(differing) = differing(&self.key) else {
                continue;
            };
            let Some(version) = version.filter(|_| !query.overrides) else {
                return Sifted::Anything;
            };
            let asked = Asked {
                text: query.version,
                version,
            };
            for (generation, rules, into) in [
                (generations.0, &differing.old, &mut old),
                (generations.1, &differing.new, &mut new),
            ] {
                let question = Question {
                    generation,
                    scheme,
                    asked: &asked,
                    rules,
                    held: Vec::new(),
                };
                let held = rules.iter().filter(|rule| question.holds(rule, &asked));
                into.extend(held.flat_map(|rule| question.covered(rule.record)));
            }
        }
        if old.is_empty() && new.is_empty() {
            return Sifted::Nothing;
        }
        // One that cannot be read ends the questions.
        if !is_read {
            return Sifted::Anything;
        }
        // What one calls by a name the other may know by it too.
        let known_to =
            |own: &[u32], (generation, other): (&Generation, &Generation), all: &[u32]| {
                let named = all
                    .iter()
                    .filter_map(|&one| generation.by_name(other.id_of(one)));
                let mut known: Vec<u32> = named.chain(own.iter().copied()).collect();
                known.sort_unstable();
                known.dedup();
                known
            };
        Sifted::Some(
            home,
            known_to(&old, generations, &new),
            known_to(&new, (generations.1, generations.0), &old),
        )
    }
}

/// What two generations may say otherwise of a package.
pub(crate) enum Sifted<'h> {
    Nothing,
    /// Of these vulnerabilities, as each of the two numbers them.
    Some(&'h Home, Vec<u32>, Vec<u32>),
    Anything,
}

/// Leaves the rules of records that cover any of these vulnerabilities.
fn keep_what_covers(generation: &Generation, only: &[u32], rules: &mut Vec<Rule>) {
    let mut last = None;
    rules.retain(|rule| {
        if let Some((record, covers)) = last
            && record == rule.record
        {
            return covers;
        }
        let row = generation.record(rule.record).into_iter();
        let mut covered = row.flat_map(|row| generation.list(row.start, row.count));
        let covers = covered.any(|vulnerability| only.binary_search(&vulnerability).is_ok());
        last = Some((rule.record, covers));
        covers
    });
}

/// Writes every key under which advisories for a package are kept.
pub(crate) fn keys(package: Named<'_>, mut tell: impl FnMut(&str)) {
    let Some(home) = Home::of(package).filter(|home| home.scheme.is_some()) else {
        return;
    };
    let mut key = String::new();
    for query in names::queries(package, &home.canonical) {
        names::key(&query.ecosystem, &query.name, &mut key);
        tell(&key);
    }
}

/// Where a package comes from, as advisories spell it.
pub(crate) struct Home {
    kind: PackageKind,
    ecosystem: Option<Ecosystem>,
    canonical: String,
    scheme: Option<VersionScheme>,
}

impl Home {
    fn of(package: Named<'_>) -> Option<Self> {
        let own = package.ecosystem;
        let ecosystem = own.cloned().or_else(|| package.kind.registry())?;
        Some(Self {
            kind: package.kind,
            ecosystem: own.cloned(),
            canonical: names::ecosystem(&ecosystem.to_string()).into_owned(),
            scheme: ecosystem.version_scheme(),
        })
    }

    fn is_of(&self, package: &Package) -> bool {
        self.kind == package.kind && self.ecosystem == package.ecosystem
    }
}

/// The distribution a bill of materials is of.
fn distribution(packages: &[Package]) -> Option<&Ecosystem> {
    packages
        .iter()
        .filter(|package| package.kind.is_distribution())
        .find_map(|package| package.ecosystem.as_ref())
}

/// Whether these advisories cover the distribution at all. Only then may
/// it answer for the language packages it owns; where nobody speaks for
/// the distribution, the language's own advisories are all there is.
pub(crate) fn speaks_for(generation: &Generation, distribution: Option<&Ecosystem>) -> bool {
    distribution.is_some_and(|ecosystem| {
        let text = ecosystem.to_string();
        let canonical = names::ecosystem(&text);
        generation.status().sources.iter().any(|source| {
            let known = names::ecosystem(&source.ecosystem);
            known == canonical || known == ecosystem.name
        })
    })
}

fn not_a_version(package: &Package, version: &str) -> Warning {
    Warning::new(format!(
        "{} {}: '{version}' is not a version its ecosystem knows; it was not matched",
        package.kind, package.name
    ))
    .at(package.path.clone())
}

/// Joins what two queries said of one vulnerability in one package.
fn merge(hits: &mut Vec<Hit<'_>>, start: usize) {
    let Some(tail) = hits.get_mut(start..) else {
        return;
    };
    tail.sort_by_key(|hit| hit.vulnerability);
    if !tail
        .windows(2)
        .any(|two| two[0].vulnerability == two[1].vulnerability)
    {
        return;
    }
    let tail = hits.split_off(start);
    for hit in tail {
        match hits.last_mut() {
            Some(last)
                if last.package == hit.package && last.vulnerability == hit.vulnerability =>
            {
                last.advisories.extend(hit.advisories);
                last.advisories.sort_unstable();
                last.advisories.dedup();
                if last.fixes.is_empty() {
                    last.fixes = hit.fixes;
                    last.state = hit.state;
                }
                last.severity = last.severity.max(hit.severity);
            }
            _ => hits.push(hit),
        }
    }
}

/// A version as it is written, and taken apart.
struct Asked<'q> {
    text: &'q str,
    version: Version<'q>,
}

/// One version against the rules of one package name.
struct Question<'g, 'q> {
    generation: &'g Generation,
    scheme: VersionScheme,
    asked: &'q Asked<'q>,
    /// Sorted by record.
    rules: &'q [Rule],
    /// Which of them hold for this version.
    held: Vec<bool>,
}

impl<'g, 'q> Question<'g, 'q> {
    fn new(
        generation: &'g Generation,
        scheme: VersionScheme,
        asked: &'q Asked<'q>,
        rules: &'q [Rule],
    ) -> Self {
        let mut question = Self {
            generation,
            scheme,
            asked,
            rules,
            held: Vec::new(),
        };
        question.held = rules
            .iter()
            .map(|rule| question.holds(rule, asked))
            .collect();
        question
    }

    fn ask(&self, package: usize, settled: &[u32], only: Option<&[u32]>, hits: &mut Vec<Hit<'g>>) {
        // (vulnerability, record) of every rule that holds.
        let mut found: Vec<(u32, u32)> = Vec::new();
        let mut start = 0;
        for rules in self.rules.chunk_by(|a, b| a.record == b.record) {
            let held = self.held.get(start..start + rules.len());
            start += rules.len();
            if !held.unwrap_or_default().contains(&true) {
                continue;
            }
            let record = rules[0].record;
            found.extend(
                self.covered(record)
                    .filter(|vulnerability| settled.binary_search(vulnerability).is_err())
                    .filter(|one| only.is_none_or(|only| only.binary_search(one).is_ok()))
                    .map(|vulnerability| (vulnerability, record)),
            );
        }
        found.sort_unstable();
        for group in found.chunk_by(|a, b| a.0 == b.0) {
            hits.push(self.hit(package, group));
        }
    }

    /// Every vulnerability the rules speak of, whatever the version.
    fn vulnerabilities(&self) -> impl Iterator<Item = u32> + '_ {
        let records = self.rules.chunk_by(|a, b| a.record == b.record);
        records.flat_map(|rules| self.covered(rules[0].record))
    }

    fn covered(&self, record: u32) -> impl Iterator<Item = u32> + use<'g> {
        let generation = self.generation;
        generation
            .record(record)
            .into_iter()
            .flat_map(move |row| generation.list(row.start, row.count))
    }

    /// The rules of a record, each with whether it holds.
    fn rules_of(&self, record: u32) -> impl Iterator<Item = (&Rule, bool)> {
        let start = self.rules.partition_point(|rule| rule.record < record);
        let rules = self.rules.iter().zip(self.held.iter().copied()).skip(start);
        rules.take_while(move |(rule, _)| rule.record == record)
    }

    fn hit(&self, package: usize, group: &[(u32, u32)]) -> Hit<'g> {
        let vulnerability = group[0].0;
        let mut severity = Severity::Unknown;
        let mut state = AffectedState::Unfixed;
        let mut fixes: Vec<&'g str> = Vec::new();
        let mut advisories: Vec<&'g str> = Vec::new();
        let mut rules = 0;
        for &(_, record) in group {
            if let Some(row) = self.generation.record(record) {
                advisories.push(self.generation.string(row.id));
            }
            for (rule, is_held) in self.rules_of(record) {
                rules += 1;
                if rule.flags.bound == Bound::Fixed {
                    fixes.push(self.generation.string(rule.upper));
                }
                if is_held {
                    severity = severity.max(rule.flags.severity);
                    state = graver(state, rule.flags.state);
                }
            }
        }
        advisories.sort_unstable();
        advisories.dedup();
        // A single rule that holds is mended by its own upper end.
        if rules > 1 {
            self.keep_what_mends(group, &mut fixes);
        }
        if !fixes.is_empty() {
            state = AffectedState::Fixed;
        }
        if severity == Severity::Unknown {
            severity = self.generation.severity(vulnerability);
        }
        Hit {
            package,
            vulnerability,
            severity,
            state,
            fixes,
            advisories,
        }
    }

    /// Leaves the versions that are a step up and that no advisory of
    /// the group calls affected, smallest first.
    fn keep_what_mends(&self, group: &[(u32, u32)], fixes: &mut Vec<&'g str>) {
        fixes.sort_unstable();
        fixes.dedup();
        fixes.retain(|fix| {
            let Some(version) = Version::parse(self.scheme, fix) else {
                return false;
            };
            let order = version.compare(self.asked.text);
            let fix = Asked { text: fix, version };
            let mut rules = group.iter().flat_map(|&(_, record)| self.rules_of(record));
            order.is_some_and(Ordering::is_gt) && !rules.any(|(rule, _)| self.holds(rule, &fix))
        });
        if fixes.len() < 2 {
            return;
        }
        fixes.sort_by(|a, b| {
            version::compare(self.scheme, a, b)
                .unwrap_or(Ordering::Equal)
                .then_with(|| a.cmp(b))
        });
    }

    /// Whether a rule says that a version is affected.
    fn holds(&self, rule: &Rule, asked: &Asked<'_>) -> bool {
        let compare = |bound: u32| {
            let bound = self.generation.string(bound);
            // Packages of a module are versioned apart from those outside.
            if self.scheme == VersionScheme::Rpm && is_modular(asked.text) != is_modular(bound) {
                return None;
            }
            asked.version.compare(bound)
        };
        if rule.flags.bound == Bound::Versions {
            return self
                .generation
                .list(rule.upper, rule.count)
                .map(|listed| self.generation.string(listed))
                .any(|listed| {
                    listed == asked.text
                        || asked.version.compare(listed).is_some_and(Ordering::is_eq)
                });
        }
        let is_below = match rule.flags.bound {
            Bound::Open => true,
            Bound::Fixed | Bound::Limit => compare(rule.upper).is_some_and(Ordering::is_lt),
            Bound::LastAffected => compare(rule.upper).is_some_and(Ordering::is_le),
            Bound::Versions => false,
        };
        is_below && (rule.introduced == 0 || compare(rule.introduced).is_some_and(Ordering::is_ge))
    }
}

fn is_modular(version: &str) -> bool {
    version.contains(".module") || version.contains("+module")
}

/// Of two words on an unfixed package the one that leaves less hope.
fn graver(a: AffectedState, b: AffectedState) -> AffectedState {
    let rank = |state| match state {
        AffectedState::WillNotFix => 2,
        AffectedState::UnderInvestigation => 1,
        _ => 0,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// The name as it is displayed and looked up: ids are upper-case except
/// for the tail of a GHSA id.
pub(crate) fn normalise_id(text: &str) -> Cow<'_, str> {
    let upper = text.trim().to_ascii_uppercase();
    match upper.strip_prefix("GHSA-") {
        Some(rest) => Cow::Owned(format!("GHSA-{}", rest.to_ascii_lowercase())),
        None => Cow::Owned(upper),
    }
}
