//! The order of versions, ecosystem by ecosystem: which of two is older.
//!
//! One file holds one ecosystem's rules, written from its specification.
//! Knows nothing of advisories or packages. Invariants: a comparison
//! costs time linear in its inputs, never panics, and over the versions
//! a scheme accepts is a total order, but for corners of Maven's.

use std::cmp::Ordering;

use model::VersionScheme;

mod composer;
mod dpkg;
mod go;
mod maven;
mod nuget;
mod pep440;
pub mod range;
mod rpm;
mod rubygems;
mod semver;

mod apk;
#[cfg(test)]
mod laws;

/// A longer text is no version of any scheme: real ones stay below a
/// tenth of this, and the bound keeps hostile ones cheap.
pub const MAX_LENGTH: usize = 1024;

/// Orders `a` and `b` by the rules of `scheme`; `None` when either is
/// not a version of that scheme.
pub fn compare(scheme: VersionScheme, a: &str, b: &str) -> Option<Ordering> {
    Version::parse(scheme, a)?.compare(b)
}

/// How a version stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Below,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    Above,
}

impl Relation {
    /// As it is written, longest first.
    const WRITTEN: [(&'static str, Self); 7] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("!=", Self::Unequal),
        ("==", Self::Equal),
        ("<", Self::Below),
        (">", Self::Above),
        ("=", Self::Equal),
    ];

    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::AtLeast => order.is_ge(),
            Self::Above => order.is_gt(),
        }
    }

    /// Reads `<2.17`, `>= 2.0, < 2.17` or a version alone, which means
    /// just that one. The error names what is not understood.
    pub fn parse_all(text: &str) -> Result<Vec<(Self, String)>, String> {
        let mut all = Vec::new();
        for part in text.split(',') {
            let part = part.trim();
            let written = Self::WRITTEN.iter().find_map(|(sign, relation)| {
                let rest = part.strip_prefix(sign)?;
                Some((*relation, rest.trim()))
            });
            let (relation, version) = written.unwrap_or((Self::Equal, part));
            if version.is_empty() || version.len() > MAX_LENGTH {
                return Err(format!("'{part}' names no version (expected '<2.17')"));
            }
            all.push((relation, version.to_owned()));
        }
        Ok(all)
    }
}

/// A version taken apart once, to be compared with many.
#[derive(Debug)]
pub(crate) struct Version<'a>(Parts<'a>);

#[derive(Debug)]
enum Parts<'a> {
    Dpkg(dpkg::Version<'a>),
    Rpm(rpm::Version<'a>),
    Apk(apk::Version<'a>),
    Semver(semver::Version<'a>),
    Crates(::semver::Version),
    Go(go::Version<'a>),
    Pep440(pep440::Version),
    Maven(maven::Version),
    RubyGems(rubygems::Version<'a>),
    NuGet(nuget::Version<'a>),
    Composer(composer::Version<'a>),
}

impl<'a> Version<'a> {
    /// `None` when `text` is not a version of that scheme.
    pub(crate) fn parse(scheme: VersionScheme, text: &'a str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        Some(Self(match scheme {
            VersionScheme::Dpkg => Parts::Dpkg(dpkg::parse(text)?),
            VersionScheme::Rpm => Parts::Rpm(rpm::parse(text)?),
            VersionScheme::Apk => Parts::Apk(apk::parse(text)?),
            VersionScheme::Semver => Parts::Semver(semver::parse(text)?),
            VersionScheme::Crates => Parts::Crates(semver::parse_strict(text)?),
            VersionScheme::Go => Parts::Go(go::parse(text)?),
            VersionScheme::Pep440 => Parts::Pep440(pep440::parse(text)?),
            VersionScheme::Maven => Parts::Maven(maven::parse(text)?),
            VersionScheme::RubyGems => Parts::RubyGems(rubygems::parse(text)?),
            VersionScheme::NuGet => Parts::NuGet(nuget::parse(text)?),
            VersionScheme::Composer => Parts::Composer(composer::parse(text)?),
        }))
    }

    /// Orders this against `other`; `None` when that is not a version of
    /// the same scheme.
    pub(crate) fn compare(&self, other: &str) -> Option<Ordering> {
        if other.len() > MAX_LENGTH {
            return None;
        }
        match &self.0 {
            Parts::Dpkg(version) => Some(version.cmp(&dpkg::parse(other)?)),
            Parts::Rpm(version) => Some(version.cmp(&rpm::parse(other)?)),
            Parts::Apk(version) => version.cmp(other),
            Parts::Semver(version) => Some(version.cmp(&semver::parse(other)?)),
            Parts::Crates(version) => Some(version.cmp_precedence(&semver::parse_strict(other)?)),
            Parts::Go(version) => version.cmp(&go::parse(other)?),
            Parts::Pep440(version) => Some(version.cmp(&pep440::parse(other)?)),
            Parts::Maven(version) => Some(version.cmp(&maven::parse(other)?)),
            Parts::RubyGems(version) => Some(version.cmp(&rubygems::parse(other)?)),
            Parts::NuGet(version) => Some(version.cmp(&nuget::parse(other)?)),
            Parts::Composer(version) => Some(version.cmp(&composer::parse(other)?)),
        }
    }
}

/// Sorts stably by `order`, which need be none.
///
/// The standard library's sorts may panic when an order contradicts
/// itself. Ours can: Maven's is not transitive in odd corners, and
/// callers take what is no version for equal to everything.
pub fn sort_by<T>(items: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut runs: Vec<Vec<T>> = items.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut unmerged = runs.into_iter();
        while let Some(first) = unmerged.next() {
            let second = unmerged.next().unwrap_or_default();
            merged.push(merge(first, second, &order));
        }
        runs = merged;
    }
    runs.pop().unwrap_or_default()
}

fn merge<T>(a: Vec<T>, b: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    while let (Some(one), Some(two)) = (a.peek(), b.peek()) {
        merged.extend(if order(one, two).is_gt() {
            b.next()
        } else {
            a.next()
        });
    }
    merged.extend(a.chain(b));
    merged
}

/// Whether `version` is one by the rules of `scheme`.
pub fn is_version(scheme: VersionScheme, version: &str) -> bool {
    Version::parse(scheme, version).is_some()
}

/// Orders two runs of ASCII digits by value, however long; the empty
/// run is zero.
fn by_value(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_leading_zeros(a), without_leading_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// Splits off the leading bytes that satisfy `wanted`.
fn split_run(bytes: &[u8], wanted: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| wanted(byte)).count())
}
