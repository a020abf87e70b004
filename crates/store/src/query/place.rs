//! Where a finding is: assets, what they are inside of, images.

use model::query::{Label, Pattern};

use super::{
    column::{anywhere, is_any, is_like},
    compile::Compiler,
};

/// An image's name without tag and digest, as `model::query::repository`
/// cuts it: `RTRIM(x, REPLACE(x, ':', ''))` is `x` up to its last colon.
const REPOSITORIES: &str = "SELECT id, CASE
        WHEN colon = '' OR SUBSTR(named, LENGTH(colon) + 1) LIKE '%/%' THEN named
        ELSE SUBSTR(colon, 1, LENGTH(colon) - 1) END AS repository
    FROM (SELECT id, named, RTRIM(named, REPLACE(named, ':', '')) AS colon
        FROM (SELECT id, CASE
                WHEN at = '' THEN name
                ELSE SUBSTR(at, 1, LENGTH(at) - 1) END AS named
            FROM (SELECT id, name, RTRIM(name, REPLACE(name, '@', '')) AS at
                FROM image) AS marked) AS undigested) AS divided";

impl Compiler<'_, '_> {
    /// The image has this in one of the columns.
    pub(super) fn image(&mut self, columns: &[&str], patterns: &[Pattern]) {
        self.sql.push(
            "(finding.image_id IS NOT NULL AND finding.image_id IN (SELECT id FROM image WHERE ",
        );
        self.any_column(columns, patterns);
        self.sql.push("))");
    }

    pub(super) fn repository(&mut self, patterns: &[Pattern]) {
        self.sql
            .push("(finding.image_id IS NOT NULL AND finding.image_id IN (SELECT id FROM (")
            .push(REPOSITORIES)
            .push(") AS cut WHERE ");
        is_any(self.sql, "repository", patterns);
        self.sql.push("))");
    }

    /// The asset has this in a column, which may be NULL.
    pub(super) fn asset_column(&mut self, column: &str, patterns: &[Pattern]) {
        self.sql
            .push("finding.asset_id IN (SELECT id FROM asset WHERE ");
        is_any(self.sql, column, patterns);
        self.sql.push(")");
    }

    /// The asset, or one it is inside of, is called this.
    pub(super) fn inside(&mut self, patterns: &[Pattern]) {
        self.below(|compiler| compiler.any_column(&["uid", "name"], patterns));
    }

    /// The asset, or one it is inside of, is of this kind; and called
    /// this, where names are given.
    pub(super) fn inside_kind(&mut self, kind: &'static str, patterns: Option<&[Pattern]>) {
        self.below(|compiler| {
            compiler.sql.push(format_args!("kind = '{kind}'"));
            if let Some(patterns) = patterns {
                compiler.sql.push(" AND ");
                is_any(compiler.sql, "name", patterns);
            }
        });
    }

    /// It is about a container, or about something inside of one: an
    /// asset, or one of an object's.
    pub(super) fn container(&mut self, patterns: Option<&[Pattern]>) {
        self.sql.push("(");
        self.inside_kind("container", patterns);
        self.sql.push(" OR (finding.container IS NOT NULL");
        if let Some(patterns) = patterns {
            self.sql.push(" AND ");
            is_any(self.sql, "finding.container", patterns);
        }
        self.sql.push("))");
    }

    /// The asset, or one it is inside of, has one of these labels; any
    /// label at all where none is given.
    pub(super) fn labelled(&mut self, labels: Option<&[Label]>) {
        // Text out of JSON compares by the database's own rules unless
        // told otherwise.
        let (each, key, value) = self.dialect.pick(
            ("json_each(asset.labels)", "label.key", "label.value"),
            (
                // A NUL, which JSON can spell, is an error there.
                "json_each_text(CASE WHEN STRPOS(asset.labels, '\\u0000') > 0 THEN '{}'
                     ELSE CAST(asset.labels AS JSON) END)",
                "label.key COLLATE \"C\"",
                "label.value COLLATE \"C\"",
            ),
        );
        self.below(|compiler| {
            compiler.sql.push("labels <> '{}'");
            let Some(labels) = labels else { return };
            compiler.sql.push(format_args!(
                " AND EXISTS (SELECT 1 FROM {each} AS label WHERE "
            ));
            for (index, label) in labels.iter().enumerate() {
                compiler.sql.push(if index > 0 { " OR (" } else { "(" });
                let wanted = Pattern::exact(label.key.as_str());
                is_any(compiler.sql, key, &[wanted]);
                if let Some(pattern) = &label.value {
                    compiler.sql.push(" AND ");
                    is_any(compiler.sql, value, std::slice::from_ref(pattern));
                }
                compiler.sql.push(")");
            }
            compiler.sql.push(")");
        });
    }

    /// The asset is one of these, or below one.
    fn below(&mut self, condition: impl FnOnce(&mut Self)) {
        self.sql
            .push("finding.asset_id IN (WITH RECURSIVE below (id) AS (SELECT id FROM asset WHERE ");
        condition(self);
        self.sql.push(
            " UNION SELECT asset.id FROM asset JOIN below ON asset.parent_id = below.id)
             SELECT id FROM below)",
        );
    }

    /// A container of it, or one made from its image, runs.
    pub(super) fn running(&mut self) {
        const RUNS: &str = "kind = 'container' AND gone IS NULL AND started IS NOT NULL";
        self.sql.push(format_args!(
            "(finding.asset_id IN (SELECT id FROM asset WHERE {RUNS})
             OR (finding.image_id IS NOT NULL AND finding.image_id IN
                 (SELECT image_id FROM asset WHERE {RUNS} AND image_id IS NOT NULL)))"
        ));
    }

    /// Title, rule, package, asset names or summary contain it.
    pub(super) fn contains(&mut self, pattern: &Pattern) {
        let pattern = anywhere(pattern);
        let sql = &mut *self.sql;
        let any = |sql: &mut crate::db::Sql, columns: &[&str]| {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    sql.push(" OR ");
                }
                is_like(sql, column, &pattern);
            }
        };
        // Its own line first: it is at hand, and what many have, their
        // lines have.
        sql.push("((finding.summary IS NOT NULL AND ");
        any(sql, &["finding.summary"]);
        sql.push(") OR finding.rule_id IN (SELECT id FROM rule WHERE ");
        any(sql, &["name", "title"]);
        sql.push(
            ") OR (finding.package_id IS NOT NULL AND finding.package_id IN
             (SELECT id FROM package WHERE ",
        );
        any(sql, &["name"]);
        sql.push(")) OR finding.asset_id IN (SELECT id FROM asset WHERE ");
        any(sql, &["name", "cluster", "namespace", "workload"]);
        sql.push(
            ") OR (finding.image_id IS NOT NULL AND finding.image_id IN
             (SELECT id FROM image WHERE ",
        );
        any(sql, &["name"]);
        sql.push(")))");
    }

    fn any_column(&mut self, columns: &[&str], patterns: &[Pattern]) {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                self.sql.push(" OR ");
            }
            is_any(self.sql, column, patterns);
        }
    }
}
