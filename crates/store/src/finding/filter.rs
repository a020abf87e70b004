//! Which findings.
//!
//! Every condition is about columns of `finding` alone; what it says of
//! rules, packages and assets it says by their ids. So a list is picked
//! without joins, and the planner keeps to the index it was led to.

use model::{FindingKind, FindingState, PackageKind, Severity};

use super::{kind_number, state_number};
use crate::{
    Scope,
    counts::severity_number,
    db::{Sql, sql},
    row::like,
};

/// Which findings.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    pub kinds: Vec<FindingKind>,
    /// Empty: all states.
    pub states: Vec<FindingState>,
    pub severities: Vec<Severity>,
    pub suppressed: bool,
    pub fixable: Option<bool>,
    pub kev: Option<bool>,
    /// One image's id.
    pub image: Option<String>,
    /// One rule's or vulnerability's name.
    pub rule: Option<String>,
    /// One package's exact name.
    pub package: Option<String>,
    pub package_kinds: Vec<PackageKind>,
    pub layer: Option<u32>,
    /// Text in the rule, the package, the asset or the summary.
    pub text: Option<String>,
}

impl FindingFilter {
    /// Whether it means open, unsuppressed findings and no others: those
    /// the queue's index holds.
    pub(super) fn is_queue(&self) -> bool {
        self.states == [FindingState::Open] && !self.suppressed
    }

    /// Whether it asks for nothing the roll-ups do not know.
    pub(super) fn is_counted(&self) -> bool {
        self.image.is_none()
            && self.rule.is_none()
            && self.package.is_none()
            && self.package_kinds.is_empty()
            && self.layer.is_none()
            && self.text.is_none()
    }

    /// Whether it names an index of its own, better than the queue's.
    pub(super) fn is_narrow(&self) -> bool {
        self.image.is_some() || self.rule.is_some()
    }

    /// Adds what of it the roll-ups know, for columns of their names.
    pub(super) fn narrow_counts(&self, query: &mut Sql) {
        self.narrow_flags(query, "");
        if let Some(kev) = self.kev {
            query.push(" AND kev = ").push_bind(kev);
        }
    }

    /// Adds all of it, for columns of `finding`. `environment` says how
    /// the scope's column is written.
    pub(super) fn narrow(&self, scope: &Scope, query: &mut Sql, environment: &str) {
        scope.constrain(query, environment);
        self.narrow_flags(query, "finding.");
        if let Some(kev) = self.kev {
            query
                .push(" AND finding.rank / 1000000 % 2 = ")
                .push_bind(kev);
        }
        if let Some(image) = &self.image {
            query
                .push(" AND finding.asset_id = (SELECT id FROM asset WHERE uid = ")
                .push_bind(image)
                .push(")");
        }
        if let Some(rule) = &self.rule {
            query
                .push(" AND finding.rule_id IN (SELECT id FROM rule WHERE name = ")
                .push_bind(rule)
                .push(")");
        }
        if let Some(package) = &self.package {
            query
                .push(" AND finding.package_id IN (SELECT id FROM package WHERE name = ")
                .push_bind(package)
                .push(")");
        }
        if !self.package_kinds.is_empty() {
            query
                .push(" AND finding.package_id IN (SELECT id FROM package WHERE kind IN ")
                .push_list(self.package_kinds.iter().map(|kind| kind.as_str()))
                .push(")");
        }
        if let Some(layer) = self.layer {
            query.push(" AND finding.layer = ").push_bind(layer);
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            query
                .push(" AND (finding.rule_id IN (SELECT id FROM rule WHERE LOWER(name) LIKE ")
                .push_bind(&pattern)
                .push(" ESCAPE '\\' OR LOWER(title) LIKE ")
                .push_bind(&pattern)
                .push(" ESCAPE '\\') OR finding.package_id IN (SELECT id FROM package WHERE LOWER(name) LIKE ")
                .push_bind(&pattern)
                .push(" ESCAPE '\\') OR finding.asset_id IN (SELECT id FROM asset WHERE LOWER(name) LIKE ")
                .push_bind(&pattern)
                .push(" ESCAPE '\\') OR LOWER(finding.summary) LIKE ")
                .push_bind(&pattern)
                .push(" ESCAPE '\\')");
        }
    }

    /// Conditions under the same names in `finding` and the roll-ups.
    fn narrow_flags(&self, query: &mut Sql, table: &str) {
        // Literal, not bound: only so does the planner know that a
        // partial index covers the query.
        if !self.states.is_empty() {
            let numbers: Vec<String> = self
                .states
                .iter()
                .map(|state| state_number(*state).to_string())
                .collect();
            match numbers.as_slice() {
                [one] => query.push(format_args!(" AND {table}state = {one}")),
                several => query.push(format_args!(
                    " AND {table}state IN ({})",
                    several.join(", ")
                )),
            };
        }
        query.push(format_args!(
            " AND {table}suppressed = {}",
            i64::from(self.suppressed)
        ));
        if !self.kinds.is_empty() {
            query
                .push(format_args!(" AND {table}kind IN "))
                .push_list(self.kinds.iter().copied().map(kind_number));
        }
        if !self.severities.is_empty() {
            query
                .push(format_args!(" AND {table}severity IN "))
                .push_list(self.severities.iter().copied().map(severity_number));
        }
        if let Some(fixable) = self.fixable {
            query
                .push(format_args!(" AND {table}fixable = "))
                .push_bind(fixable);
        }
    }

    /// The ranks its severities can have, as a closed range.
    pub(super) fn ranks(&self) -> Option<(i64, i64)> {
        let numbers = || self.severities.iter().copied().map(severity_number);
        let step = crate::counts::finding_rank(Severity::Info, false, None);
        Some((
            numbers().min()?.saturating_mul(step),
            (numbers().max()? + 1).saturating_mul(step) - 1,
        ))
    }

    /// The statement that counts what it means, as far as it is worth
    /// counting.
    pub(super) fn count(&self, scope: &Scope, cap: u64) -> Sql {
        let mut query = sql("SELECT COUNT(*) FROM (SELECT 1 FROM finding WHERE ");
        let environment = if self.is_narrow() {
            "+finding.environment_id"
        } else {
            "finding.environment_id"
        };
        self.narrow(scope, &mut query, environment);
        query.push(format_args!(" LIMIT {}) AS counted", cap + 1));
        query
    }
}
