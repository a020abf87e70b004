//! Which findings.
//!
//! Every condition is about columns of `finding` alone; what it says of
//! rules, packages and assets it says by their ids. So a list is picked
//! without joins, and the planner keeps to the index it was led to.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::{
    FindingKind, FindingState, PackageKind, Query, Severity,
    query::{Asking, Condition, Field, Flag, Node},
};

use super::{kind_number, state_number};
use crate::{
    Scope,
    counts::severity_number,
    db::{Dialect, Sql, sql},
    query,
};

/// Which findings.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    pub kinds: Vec<FindingKind>,
    /// Empty: all states.
    pub states: Vec<FindingState>,
    pub severities: Vec<Severity>,
    pub suppressed: Suppressed,
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
    /// Vulnerabilities of at least this priority.
    pub priority: Option<u16>,
    /// Vulnerabilities of packages that were seen in use, or all others.
    pub in_use: Option<bool>,
    /// What a query asks that no field of these says: see [`Self::ask`].
    pub asked: Option<Asked>,
}

/// Whether those are meant that somebody else says need no attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Suppressed {
    #[default]
    No,
    Yes,
    Either,
}

impl Suppressed {
    pub(super) fn means(self, suppressed: bool) -> bool {
        match self {
            Self::No => !suppressed,
            Self::Yes => suppressed,
            Self::Either => true,
        }
    }
}

impl From<bool> for Suppressed {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// A query, and who asks it when.
#[derive(Clone, Debug)]
pub struct Asked {
    query: Query,
    now: Timestamp,
    me: Option<String>,
}

impl Asked {
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Another query, asked by the same person at the same time.
    pub(super) fn with_root(asked: &Self, root: Node) -> Self {
        Self {
            query: Query { root: Some(root) },
            ..asked.clone()
        }
    }
}

impl FindingFilter {
    /// Whether it means open, unsuppressed findings and no others: those
    /// the queue's index holds.
    pub(super) fn is_queue(&self) -> bool {
        self.states == [FindingState::Open] && self.suppressed == Suppressed::No
    }

    /// Whether it asks for nothing the roll-ups do not know.
    pub(super) fn is_counted(&self) -> bool {
        self.image.is_none()
            && self.rule.is_none()
            && self.package.is_none()
            && self.package_kinds.is_empty()
            && self.layer.is_none()
            && self.priority.is_none()
            && self.in_use.is_none()
            && self.asked.is_none()
    }

    /// Whether it names an index of its own, better than the queue's.
    pub(super) fn is_narrow(&self) -> bool {
        self.image.is_some()
            || self.rule.is_some()
            || self
                .asked
                .as_ref()
                .is_some_and(|asked| query::is_narrow(&asked.query))
    }

    /// How the scope's column is written. With a sign in front it is no
    /// column of the queue's index: the planner must not prefer that to
    /// the few rows of one image.
    pub(crate) fn environment_column(&self) -> &'static str {
        if self.is_narrow() {
            "+finding.environment_id"
        } else {
            "finding.environment_id"
        }
    }

    /// How many values it binds, at most, each time it is written out.
    pub(super) fn weight(&self) -> usize {
        self.asked
            .as_ref()
            .map_or(0, |asked| query::weight(&asked.query))
    }

    /// The findings a query means: open ones where it says nothing of
    /// their state, and what VEX suppresses only where it says so.
    pub fn of_query(query: Query, now: Timestamp, me: Option<&str>) -> Self {
        let mut filter = Self::default();
        if query.speaks_of(Flag::Suppressed) {
            filter.suppressed = Suppressed::Either;
        }
        if !query.speaks_of_state() {
            filter.states = vec![FindingState::Open];
        }
        filter.ask(query, now, me);
        filter
    }

    /// Narrows to what a query means. What the fields can say they say
    /// from now on, because roll-ups and indexes know them; they must
    /// not contradict it. `me` is the name findings are assigned under.
    pub fn ask(&mut self, query: Query, now: Timestamp, me: Option<&str>) {
        let nodes = match query.root {
            None => return,
            Some(Node::All(nodes)) => nodes,
            Some(node) => vec![node],
        };
        let rest = nodes.into_iter().filter(|node| !self.take(node)).collect();
        self.asked = Node::all(rest).map(|root| Asked {
            query: Query { root: Some(root) },
            now,
            me: me.map(str::to_owned),
        });
    }

    /// Lets a field say what this part of a query says; false where none
    /// can.
    fn take(&mut self, node: &Node) -> bool {
        let (test, holds) = match node {
            Node::Test(test) => (test, true),
            Node::Not(inner) => match inner.as_ref() {
                Node::Test(test) => (test, false),
                _ => return false,
            },
            Node::All(_) | Node::Any(_) => return false,
        };
        match &test.condition {
            Condition::Flags(_, flags) => match flags.as_slice() {
                [Flag::Fixable] if self.fixable.is_none() => self.fixable = Some(holds),
                [Flag::Kev] if self.kev.is_none() => self.kev = Some(holds),
                [Flag::Suppressed] if self.suppressed == Suppressed::Either => {
                    self.suppressed = holds.into();
                }
                flags if holds && self.states.is_empty() => {
                    let states = flags.iter().map(|flag| state_named(flag.as_state()?));
                    match states.collect::<Option<Vec<_>>>() {
                        Some(states) => self.states = states,
                        None => return false,
                    }
                }
                _ => return false,
            },
            Condition::Words(Field::State, words) if holds && self.states.is_empty() => {
                self.states = words.iter().filter_map(|word| state_named(word)).collect();
            }
            Condition::Words(Field::Kind, words) if holds && self.kinds.is_empty() => {
                self.kinds = FindingKind::ALL
                    .into_iter()
                    .filter(|kind| words.contains(&kind.as_str()))
                    .collect();
            }
            Condition::Severity(op, values) if self.severities.is_empty() => {
                let meant = |severity: &Severity| {
                    values.iter().any(|value| op.holds(severity, value)) == holds
                };
                let severities: Vec<Severity> =
                    Severity::WORST_FIRST.into_iter().filter(meant).collect();
                if severities.is_empty() {
                    return false;
                }
                self.severities = severities;
            }
            _ => return false,
        }
        true
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
    pub(crate) fn narrow(&self, scope: &Scope, sql: &mut Sql, environment: &str, dialect: Dialect) {
        scope.constrain(sql, environment);
        self.narrow_rest(sql, dialect);
    }

    /// Adds all of it but the scope: what a run of the queue in it has.
    /// Saying again what the run's bounds say would only make PostgreSQL
    /// expect few rows.
    pub(super) fn narrow_run(&self, sql: &mut Sql, dialect: Dialect) {
        let mut rest = Self {
            kinds: Vec::new(),
            ..self.clone()
        };
        if self.is_stretch() {
            rest.severities = Vec::new();
        }
        rest.narrow_rest(sql, dialect);
    }

    /// Whether its severities are neighbours, so that their ranks are
    /// one range and nothing else is in it.
    fn is_stretch(&self) -> bool {
        let numbers: BTreeSet<i64> = self
            .severities
            .iter()
            .copied()
            .map(severity_number)
            .collect();
        match (numbers.first(), numbers.last()) {
            (Some(least), Some(most)) => {
                usize::try_from(most - least).is_ok_and(|steps| steps + 1 == numbers.len())
            }
            _ => false,
        }
    }

    fn narrow_rest(&self, sql: &mut Sql, dialect: Dialect) {
        self.narrow_flags(sql, "finding.");
        if let Some(kev) = self.kev {
            sql.push(" AND finding.rank / 1000000 % 2 = ")
                .push_bind(kev);
        }
        if let Some(image) = &self.image {
            sql.push(" AND finding.asset_id = (SELECT id FROM asset WHERE uid = ")
                .push_bind(image)
                .push(")");
        }
        if let Some(rule) = &self.rule {
            sql.push(" AND finding.rule_id IN (SELECT id FROM rule WHERE name = ")
                .push_bind(rule)
                .push(")");
        }
        if let Some(package) = &self.package {
            sql.push(" AND finding.package_id IN (SELECT id FROM package WHERE name = ")
                .push_bind(package)
                .push(")");
        }
        if !self.package_kinds.is_empty() {
            sql.push(" AND finding.package_id IN (SELECT id FROM package WHERE kind IN ")
                .push_list(self.package_kinds.iter().map(|kind| kind.as_str()))
                .push(")");
        }
        if let Some(layer) = self.layer {
            sql.push(" AND finding.layer = ").push_bind(layer);
        }
        if let Some(priority) = self.priority {
            sql.push(" AND finding.priority >= ")
                .push_bind(i64::from(priority));
        }
        if let Some(in_use) = self.in_use {
            sql.push(if in_use { " AND " } else { " AND NOT " }).push(
                "EXISTS (SELECT 1 FROM package_in_use
                     WHERE package_in_use.image_id = finding.image_id
                       AND package_in_use.package_id = finding.package_id
                       AND package_in_use.seen IS NOT NULL)",
            );
        }
        if let Some(asked) = &self.asked {
            let asking = Asking {
                now: asked.now,
                me: asked.me.as_deref(),
            };
            query::constrain(sql, &asked.query, &asking, dialect);
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
        match self.suppressed {
            Suppressed::No => query.push(format_args!(" AND {table}suppressed = 0")),
            Suppressed::Yes => query.push(format_args!(" AND {table}suppressed = 1")),
            Suppressed::Either => query,
        };
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
    pub(super) fn count(&self, scope: &Scope, cap: u64, dialect: Dialect) -> Sql {
        let mut query = sql("SELECT COUNT(*) FROM (SELECT 1 FROM finding WHERE ");
        self.narrow(scope, &mut query, self.environment_column(), dialect);
        query.push(format_args!(" LIMIT {}) AS counted", cap + 1));
        query
    }
}

fn state_named(word: &str) -> Option<FindingState> {
    FindingState::ALL
        .into_iter()
        .find(|state| state.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> FindingFilter {
        let query = Query::parse(text).unwrap();
        let mut filter = FindingFilter {
            states: if query.speaks_of_state() {
                Vec::new()
            } else {
                vec![FindingState::Open]
            },
            suppressed: if query.speaks_of(Flag::Suppressed) {
                Suppressed::Either
            } else {
                Suppressed::No
            },
            ..FindingFilter::default()
        };
        filter.ask(query, Timestamp::UNIX_EPOCH, None);
        filter
    }

    #[test]
    fn what_roll_ups_and_indexes_know_is_taken_out_of_the_query() {
        let filter = asked("severity:>=high kind:alert -is:kev is:fixable");
        assert!(filter.is_counted() && filter.is_queue());
        assert_eq!(filter.severities, [Severity::Critical, Severity::High]);
        assert_eq!(filter.kinds, [FindingKind::Alert]);
        assert_eq!((filter.kev, filter.fixable), (Some(false), Some(true)));
        let filter = asked("is:dismissed,exempted is:suppressed");
        assert!(filter.is_counted() && !filter.is_queue());
        assert_eq!(filter.suppressed, Suppressed::Yes);
    }

    #[test]
    fn what_they_do_not_know_stays_a_query() {
        for (text, left) in [
            ("severity:high ns:shop", "namespace:shop"),
            ("kind:alert OR severity:high", "kind:alert OR severity:high"),
            ("severity:high severity:low", "severity:low"),
            ("severity:>critical", "severity:>critical"),
            ("-state:open", "-state:open"),
            ("-kind:alert", "-kind:alert"),
            ("is:open,kev", "is:open,kev"),
        ] {
            let filter = asked(text);
            assert_eq!(filter.asked.unwrap().query.to_string(), left, "{text}");
        }
        assert!(asked("-state:open").states.is_empty());
    }
}
