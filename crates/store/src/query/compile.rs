//! One condition after another.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use model::{
    FindingKind, FindingState, Progress,
    query::{Asking, Condition, Field, Flag, Node, Op, Pattern, Person, Stretch, When},
};

use super::column::{is_any, is_like, whole};
use crate::{
    counts::severity_number,
    db::{Dialect, Sql},
};

pub(super) struct Compiler<'s, 'a> {
    pub(super) sql: &'s mut Sql,
    pub(super) asking: &'s Asking<'a>,
    pub(super) dialect: Dialect,
}

impl Compiler<'_, '_> {
    pub(super) fn node(&mut self, node: &Node) {
        match node {
            Node::All(nodes) => self.group(nodes, " AND "),
            Node::Any(nodes) => self.group(nodes, " OR "),
            Node::Not(node) => {
                self.sql.push("NOT (");
                self.node(node);
                self.sql.push(")");
            }
            Node::Test(test) => self.condition(&test.condition),
        }
    }

    fn group(&mut self, nodes: &[Node], between: &'static str) {
        self.sql.push("(");
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                self.sql.push(between);
            }
            self.node(node);
        }
        self.sql.push(")");
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Contains(pattern) => self.contains(pattern),
            Condition::Present(field) => self.present(*field),
            Condition::Words(field, words) => self.words(*field, words),
            Condition::Severity(op, severities) => self.any(severities, |compiler, severity| {
                compiler.sql.push(format_args!(
                    "finding.severity {} {}",
                    comparison(*op),
                    severity_number(*severity)
                ));
            }),
            Condition::Flags(_, flags) => {
                self.any(flags, |compiler, flag| compiler.flag(*flag));
            }
            Condition::Text(field, patterns) => self.text(*field, patterns),
            Condition::Label(labels) => self.labelled(Some(labels)),
            Condition::Assignee(people) => self.any(people, Self::assignee),
            Condition::Number(Field::Layer, op, numbers) => {
                self.guarded("finding.layer", numbers, |compiler, number| {
                    compiler
                        .sql
                        .push(format_args!("finding.layer {} ", comparison(*op)))
                        .push_bind(*number);
                });
            }
            Condition::Number(field, op, numbers) => self.score(score_column(*field), *op, numbers),
            Condition::Time(field, op, times) => self.time(*field, *op, times),
        }
    }

    /// Any of the values; each writes its own condition.
    fn any<T>(&mut self, values: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.sql.push("(");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.sql.push(" OR ");
            }
            each(self, value);
        }
        self.sql.push(")");
    }

    /// Any of the values, of a column that may be NULL.
    fn guarded<T>(&mut self, column: &str, values: &[T], each: impl FnMut(&mut Self, &T)) {
        self.sql.push(format_args!("({column} IS NOT NULL AND "));
        self.any(values, each);
        self.sql.push(")");
    }

    fn words(&mut self, field: Field, words: &[&'static str]) {
        let numbers: Vec<String> = words
            .iter()
            .map(|word| word_number(field, word).to_string())
            .collect();
        let column = match field {
            Field::Kind => "finding.kind",
            Field::State => "finding.state",
            _ => "finding.progress",
        };
        match numbers.as_slice() {
            [number] => self.sql.push(format_args!("{column} = {number}")),
            _ => self
                .sql
                .push(format_args!("{column} IN ({})", numbers.join(", "))),
        };
    }

    fn flag(&mut self, flag: Flag) {
        if let Some(state) = flag.as_state() {
            return self.words(Field::State, &[state]);
        }
        match flag {
            Flag::Fixable => {
                self.sql.push("finding.fixable = 1");
            }
            Flag::Suppressed => {
                self.sql.push("finding.suppressed = 1");
            }
            Flag::Assigned => {
                self.sql.push("finding.assignee IS NOT NULL");
            }
            Flag::Commented => {
                self.sql.push("finding.comments > 0");
            }
            Flag::Kev => self.rules(|compiler| {
                compiler.sql.push("kev = 1");
            }),
            Flag::New => {
                let since = self
                    .asking
                    .now
                    .as_microsecond()
                    .saturating_sub(Flag::NEW_SECONDS * 1_000_000);
                self.sql.push("finding.first_seen >= ").push_bind(since);
            }
            Flag::Overdue => {
                let today = self.asking.now.to_zoned(TimeZone::UTC).date();
                self.sql
                    .push("(finding.state = 0 AND finding.due IS NOT NULL AND finding.due < ")
                    .push_bind(today.to_string())
                    .push(")");
            }
            Flag::Running => self.running(),
            Flag::Open | Flag::Resolved | Flag::Dismissed | Flag::Exempted => {}
        }
    }

    fn text(&mut self, field: Field, patterns: &[Pattern]) {
        match field {
            Field::Rule => self.rule(patterns),
            Field::Cve => self.cve(patterns),
            Field::Package => self.package(&["name"], patterns),
            Field::Version => self.package(&["version"], patterns),
            Field::Purl => self.package(&["purl"], patterns),
            Field::Ecosystem => self.package(&["kind", "ecosystem"], patterns),
            Field::Path => self.own("finding.path", patterns),
            Field::Image => self.image(&["uid", "name"], patterns),
            Field::Repository => self.repository(patterns),
            Field::Digest => self.image(&["digest"], patterns),
            Field::Asset => self.inside(patterns),
            Field::Environment => {
                self.sql
                    .push("finding.environment_id IN (SELECT id FROM environment WHERE ");
                is_any(self.sql, "name", patterns);
                self.sql.push(")");
            }
            Field::Cluster => self.asset_column("cluster", patterns),
            Field::Namespace => self.asset_column("namespace", patterns),
            Field::Workload => self.asset_column("workload", patterns),
            Field::Host => self.inside_kind("host", Some(patterns)),
            Field::Pod => self.inside_kind("pod", Some(patterns)),
            Field::Container => self.container(Some(patterns)),
            Field::Tactic => self.tactic(patterns),
            Field::Technique => self.technique(patterns),
            Field::User
            | Field::Groups
            | Field::ServiceAccount
            | Field::SourceIp
            | Field::Verb
            | Field::Resource => self.said_of_alert(field, Some(patterns)),
            Field::Incident => self.incident(Some(patterns)),
            Field::Finding => self.finding(patterns),
            Field::Exemption => {
                self.sql.push(
                    "(finding.exemption_id IS NOT NULL AND finding.exemption_id IN
                     (SELECT id FROM exemption WHERE ",
                );
                is_any(self.sql, "uid", patterns);
                self.sql.push("))");
            }
            // Not fields of text; the parser makes no such condition.
            _ => {
                self.sql.push("1 = 0");
            }
        }
    }

    fn own(&mut self, column: &str, patterns: &[Pattern]) {
        self.sql.push(format_args!("({column} IS NOT NULL AND "));
        is_any(self.sql, column, patterns);
        self.sql.push(")");
    }

    fn package(&mut self, columns: &[&str], patterns: &[Pattern]) {
        self.sql.push(
            "(finding.package_id IS NOT NULL AND finding.package_id IN
             (SELECT id FROM package WHERE ",
        );
        self.any(columns, |compiler, column| {
            is_any(compiler.sql, column, patterns);
        });
        self.sql.push("))");
    }

    /// By id or by fingerprint.
    fn finding(&mut self, patterns: &[Pattern]) {
        self.sql.push("(");
        is_any(self.sql, "finding.fingerprint", patterns);
        let ids: Vec<i64> = patterns
            .iter()
            .filter_map(Pattern::as_exact)
            .filter_map(|text| text.parse().ok().filter(|id: &i64| id.to_string() == text))
            .collect();
        if !ids.is_empty() {
            self.sql.push(" OR finding.id IN ").push_list(ids);
        }
        for pattern in patterns
            .iter()
            .filter(|pattern| pattern.as_exact().is_none())
        {
            self.sql.push(" OR ");
            is_like(self.sql, "CAST(finding.id AS TEXT)", &whole(pattern));
        }
        self.sql.push(")");
    }

    fn assignee(&mut self, person: &Person) {
        match (person, self.asking.me) {
            (Person::Nobody, _) => {
                self.sql.push("finding.assignee IS NULL");
            }
            (Person::Me, Some(me)) => {
                self.sql
                    .push("(finding.assignee IS NOT NULL AND finding.assignee = ")
                    .push_bind(me)
                    .push(")");
            }
            (Person::Me, None) => {
                self.sql.push("1 = 0");
            }
            (Person::Named(pattern), _) => {
                self.own("finding.assignee", std::slice::from_ref(pattern));
            }
        }
    }

    fn time(&mut self, field: Field, op: Op, times: &[When]) {
        let now = self.asking.now;
        let column = match field {
            Field::FirstSeen => "finding.first_seen",
            Field::Resolved => "finding.resolved",
            Field::Due => "finding.due",
            // Without a time of its own, it was seen when its asset was.
            _ => {
                "COALESCE(finding.last_seen,
                 (SELECT last_seen FROM asset WHERE asset.id = finding.asset_id))"
            }
        };
        self.guarded(column, times, |compiler, when| {
            let Stretch { from, until } = Stretch::of(field, op, *when, now);
            compiler.sql.push("(1 = 1");
            for (bound, sign) in [(from, ">="), (until, "<")] {
                let Some(bound) = bound else { continue };
                compiler.sql.push(format_args!(" AND {column} {sign} "));
                if field == Field::Due {
                    compiler.sql.push_bind(first_day_from(bound).to_string());
                } else {
                    compiler.sql.push_bind(bound);
                }
            }
            compiler.sql.push(")");
        });
    }

    fn present(&mut self, field: Field) {
        let test = match field {
            Field::Package | Field::Version | Field::Purl | Field::Ecosystem => {
                "finding.package_id IS NOT NULL"
            }
            Field::Image | Field::Repository => "finding.image_id IS NOT NULL",
            Field::Path => "finding.path IS NOT NULL",
            Field::Layer => "finding.layer IS NOT NULL",
            Field::Assignee => "finding.assignee IS NOT NULL",
            Field::Due => "finding.due IS NOT NULL",
            Field::Resolved => "finding.resolved IS NOT NULL",
            Field::Exemption => "finding.exemption_id IS NOT NULL",
            Field::Cve => "finding.kind = 0",
            Field::Digest => {
                "(finding.image_id IS NOT NULL AND finding.image_id IN
                 (SELECT id FROM image WHERE digest IS NOT NULL))"
            }
            Field::Cluster => {
                "finding.asset_id IN (SELECT id FROM asset WHERE cluster IS NOT NULL)"
            }
            Field::Namespace => {
                "finding.asset_id IN (SELECT id FROM asset WHERE namespace IS NOT NULL)"
            }
            Field::Workload => {
                "finding.asset_id IN (SELECT id FROM asset WHERE workload IS NOT NULL)"
            }
            Field::Epss => "finding.rule_id IN (SELECT id FROM rule WHERE epss IS NOT NULL)",
            Field::Cvss => "finding.rule_id IN (SELECT id FROM rule WHERE cvss IS NOT NULL)",
            Field::Tactic => "finding.rule_id IN (SELECT id FROM rule WHERE tactics <> 0)",
            Field::Technique => "finding.rule_id IN (SELECT id FROM rule WHERE techniques <> '[]')",
            Field::User
            | Field::Groups
            | Field::ServiceAccount
            | Field::SourceIp
            | Field::Verb
            | Field::Resource => return self.said_of_alert(field, None),
            Field::Incident => return self.incident(None),
            Field::Host => return self.inside_kind("host", None),
            Field::Pod => return self.inside_kind("pod", None),
            Field::Container => return self.container(None),
            Field::Label => return self.labelled(None),
            // Every finding has these.
            Field::Kind
            | Field::Severity
            | Field::State
            | Field::Is
            | Field::Has
            | Field::Progress
            | Field::Rule
            | Field::Asset
            | Field::Environment
            | Field::Finding
            | Field::FirstSeen
            | Field::LastSeen => "1 = 1",
        };
        self.sql.push(test);
    }
}

pub(super) fn comparison(op: Op) -> &'static str {
    match op {
        Op::Is => "=",
        other => other.as_str(),
    }
}

fn score_column(field: Field) -> &'static str {
    match field {
        Field::Epss => "epss",
        _ => "cvss",
    }
}

/// A word as its column holds it: its place among the words.
fn word_number(field: Field, word: &str) -> usize {
    let place = match field {
        Field::Kind => FindingKind::ALL
            .iter()
            .position(|kind| kind.as_str() == word),
        Field::State => FindingState::ALL
            .iter()
            .position(|state| state.as_str() == word),
        _ => [Progress::New, Progress::InProgress]
            .iter()
            .position(|progress| progress.as_str() == word),
    };
    place.expect("invariant: the catalogue's words are the model's")
}

/// The first day that begins at this microsecond or later, UTC.
fn first_day_from(microsecond: i64) -> Date {
    let Ok(time) = Timestamp::from_microsecond(microsecond) else {
        return if microsecond < 0 {
            Date::MIN
        } else {
            Date::MAX
        };
    };
    let zoned = time.to_zoned(TimeZone::UTC);
    if zoned.time() == jiff::civil::Time::midnight() {
        zoned.date()
    } else {
        zoned.date().tomorrow().unwrap_or(Date::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_catalogue_has_a_number() {
        for field in [Field::Kind, Field::State, Field::Progress] {
            for (index, word) in field.catalogued().values.iter().enumerate() {
                assert_eq!(word_number(field, word), index, "{word}");
            }
        }
    }

    #[test]
    fn a_due_date_is_bound_by_whole_days() {
        for (time, day) in [
            ("2026-11-25T00:00:00Z", "2026-11-25"),
            ("2026-11-25T00:00:00.000001Z", "2026-11-26"),
        ] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(first_day_from(time.as_microsecond()).to_string(), day);
        }
    }
}
