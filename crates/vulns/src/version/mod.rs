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
    if a.len() > MAX_LENGTH || b.len() > MAX_LENGTH {
        return None;
    }
    match scheme {
        VersionScheme::Dpkg => dpkg::compare(a, b),
        VersionScheme::Rpm => rpm::compare(a, b),
        VersionScheme::Apk => apk::compare(a, b),
        VersionScheme::Semver => semver::compare(a, b),
        VersionScheme::Crates => semver::compare_strict(a, b),
        VersionScheme::Go => go::compare(a, b),
        VersionScheme::Pep440 => pep440::compare(a, b),
        VersionScheme::Maven => maven::compare(a, b),
        VersionScheme::RubyGems => rubygems::compare(a, b),
        VersionScheme::NuGet => nuget::compare(a, b),
        VersionScheme::Composer => composer::compare(a, b),
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
    compare(scheme, version, version).is_some()
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
