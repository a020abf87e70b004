//! What says a finding is one: rules, their scores and ATT&CK.

use model::query::{Field, Op, Pattern};

use super::{
    column::{is_any, is_like, whole},
    compile::{Compiler, comparison},
};

impl Compiler<'_, '_> {
    pub(super) fn rule(&mut self, patterns: &[Pattern]) {
        self.rules(|compiler| is_any(compiler.sql, "name", patterns));
    }

    /// A vulnerability by its own id, or by one of the others it has.
    pub(super) fn cve(&mut self, patterns: &[Pattern]) {
        let each = self.dialect.pick(
            "SELECT value AS alias FROM json_each(details, '$.aliases')",
            // A NUL, which JSON can spell, is an error there.
            "SELECT alias FROM json_array_elements_text(CASE
                 WHEN STRPOS(details, '\\u0000') > 0 THEN '[]'
                 ELSE COALESCE(CAST(details AS JSON) -> 'aliases', '[]') END) AS alias",
        );
        let column = self.dialect.pick("alias", "alias COLLATE \"C\"");
        self.sql.push("(finding.kind = 0 AND ");
        self.rules(|compiler| {
            compiler.sql.push("kind = 0 AND (");
            is_any(compiler.sql, "name", patterns);
            for pattern in patterns.iter().filter(|pattern| may_be_alias(pattern)) {
                compiler.sql.push(" OR (");
                if pattern.as_exact().is_some() {
                    // Spares reading the JSON of all the others.
                    is_like(compiler.sql, "details", &format!("%{}%", whole(pattern)));
                    compiler.sql.push(" AND ");
                }
                compiler.sql.push(format_args!(
                    "EXISTS (SELECT 1 FROM ({each}) AS other WHERE "
                ));
                is_any(compiler.sql, column, std::slice::from_ref(pattern));
                compiler.sql.push("))");
            }
            compiler.sql.push(")");
        });
        self.sql.push(")");
    }

    pub(super) fn score(&mut self, column: &'static str, op: Op, numbers: &[f64]) {
        self.rules(|compiler| {
            compiler
                .sql
                .push(format_args!("{column} IS NOT NULL AND ("));
            for (index, number) in numbers.iter().enumerate() {
                if index > 0 {
                    compiler.sql.push(" OR ");
                }
                compiler
                    .sql
                    .push(format_args!("{column} {} ", comparison(op)))
                    .push_bind(*number);
            }
            compiler.sql.push(")");
        });
    }

    /// The rule's bits of tactics hold one that is meant.
    pub(super) fn tactic(&mut self, patterns: &[Pattern]) {
        let known = Field::Tactic.catalogued().values;
        let bits = known
            .iter()
            .enumerate()
            .filter(|(_, slug)| patterns.iter().any(|pattern| pattern.matches(slug)))
            .fold(0_i64, |bits, (index, _)| bits | 1 << index);
        self.rules(|compiler| {
            compiler.sql.push(format_args!("(tactics & {bits}) <> 0"));
        });
    }

    /// One of the rule's techniques, or what it is a sub-technique of.
    pub(super) fn technique(&mut self, patterns: &[Pattern]) {
        let (each, column) = self.dialect.pick(
            ("json_each(techniques)", "technique.value"),
            (
                "json_array_elements_text(CAST(techniques AS JSON)) AS technique (value)",
                "technique.value COLLATE \"C\"",
            ),
        );
        let each = self
            .dialect
            .pick(format!("{each} AS technique"), each.to_owned());
        self.rules(|compiler| {
            compiler.sql.push(format_args!(
                "techniques <> '[]' AND EXISTS (SELECT 1 FROM {each} WHERE "
            ));
            is_any(compiler.sql, column, patterns);
            for pattern in patterns {
                compiler.sql.push(" OR ");
                is_like(compiler.sql, column, &format!("{}.%", whole(pattern)));
            }
            compiler.sql.push(")");
        });
    }

    /// The finding's rule is one of those for which this holds.
    pub(super) fn rules(&mut self, condition: impl FnOnce(&mut Self)) {
        self.sql
            .push("finding.rule_id IN (SELECT id FROM rule WHERE ");
        condition(self);
        self.sql.push(")");
    }
}

/// A vulnerability that has a CVE id is called by it, so no other name
/// of one begins like that.
fn may_be_alias(pattern: &Pattern) -> bool {
    let first = pattern.pieces().first().map_or("", String::as_str);
    !first
        .get(..4)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("cve-"))
}
