//! The query grammar in SQL: what [`model::Query`] means of findings, as
//! a condition on the table `finding`.
//!
//! The condition names no other table outside of its own sub-selects, so
//! that it may follow any `FROM` that has `finding` in it. What findings
//! share (rules, packages, assets, images) is asked of those small
//! tables first. Values are bound, never written into the text; states
//! and kinds are literals, so that partial indexes serve. Every test is
//! true or false, never NULL: negation must mean the rest.
//!
//! `Query::matches` is the definition, this its translation; a property
//! test holds them together on both databases.

mod alert;
mod column;
mod compile;
mod place;
mod rule;
mod values;

#[cfg(test)]
mod agreement;

use model::query::{Asking, Condition, Field, Node, Op, Query};

pub(crate) use column::{anywhere, is_like};

use crate::db::{Dialect, Sql};

/// Appends ` AND (…)`: only findings that `query` means. A query that
/// means everything appends nothing.
pub(crate) fn constrain(sql: &mut Sql, query: &Query, asking: &Asking<'_>, dialect: Dialect) {
    if let Some(root) = &query.root {
        sql.push(" AND ");
        compile::Compiler {
            sql,
            asking,
            dialect,
        }
        .node(root);
    }
}

/// Whether the query asks for something of which there are few, so that
/// finding those first beats walking the queue.
pub(crate) fn is_narrow(query: &Query) -> bool {
    let is_narrow_test = |condition: &Condition| match condition {
        Condition::Text(field, patterns) => {
            matches!(
                field,
                Field::Rule
                    | Field::Cve
                    | Field::Finding
                    | Field::Exemption
                    | Field::Image
                    | Field::User
                    | Field::ServiceAccount
                    | Field::SourceIp
                    | Field::Incident
            ) && patterns.iter().all(|pattern| pattern.as_exact().is_some())
        }
        Condition::Time(Field::Due, op, _) => *op != Op::Above,
        _ => false,
    };
    match &query.root {
        Some(Node::All(nodes)) => nodes
            .iter()
            .any(|node| matches!(node, Node::Test(test) if is_narrow_test(&test.condition))),
        Some(Node::Test(test)) => is_narrow_test(&test.condition),
        _ => false,
    }
}

/// How many values [`constrain`] binds, at most.
pub(crate) fn weight(query: &Query) -> usize {
    let tests = query.tests();
    let weights = tests.iter().map(|test| match &test.condition {
        Condition::Contains(_) => 9,
        Condition::Text(_, patterns) => patterns.len() * 3,
        Condition::Label(labels) => labels.len() * 2,
        Condition::Assignee(people) => people.len(),
        Condition::Number(_, _, numbers) => numbers.len(),
        Condition::Time(_, _, times) => times.len() * 2,
        Condition::Flags(_, flags) => flags.len(),
        Condition::Present(_) | Condition::Words(..) | Condition::Severity(..) => 0,
    });
    weights.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Database, migrate, sql};

    /// How SQLite would find what `query` means among open findings.
    async fn plan(query: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::file(&folder.path().join("seawall.db"));
        migrate::run(&database).await.unwrap();
        let pool = database.readers().await.unwrap();
        let query = Query::parse(query).unwrap();
        assert!(is_narrow(&query));
        let asking = Asking {
            now: jiff::Timestamp::UNIX_EPOCH,
            me: None,
        };
        let mut select = sql("SELECT id FROM finding WHERE finding.state = 0");
        constrain(&mut select, &query, &asking, pool.dialect());
        select.plan(&pool).await
    }

    #[tokio::test]
    async fn a_rule_and_a_vulnerability_are_looked_up_not_searched_for() {
        for query in ["rule:x", "cve:CVE-2021-44228 is:fixable"] {
            let plan = plan(query).await;
            assert!(plan.contains("finding_by_rule"), "{plan}");
            assert!(plan.contains("rule_by_folded_name"), "{plan}");
        }
    }

    #[test]
    fn a_query_is_narrow_only_where_all_of_it_is() {
        for (query, narrow) in [
            ("rule:a,b severity:high", true),
            ("finding:7", true),
            ("rule:a*", false),
            ("rule:a OR severity:high", false),
            ("-rule:a", false),
            ("severity:high", false),
            ("", false),
        ] {
            assert_eq!(is_narrow(&Query::parse(query).unwrap()), narrow, "{query}");
        }
    }
}
