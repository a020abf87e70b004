//! What the fields of a query can be completed with.

use model::{alert::context::Term, query::Field};

use crate::{Scope, Store, StoreError, db::sql};

/// Kinds of assets whose names complete a field of the same name.
const PLACES: &[(&str, Field)] = &[
    ("cluster", Field::Cluster),
    ("environment", Field::Environment),
    ("host", Field::Host),
    ("namespace", Field::Namespace),
    ("workload", Field::Workload),
];

/// Alerts' words looked at.
const RECENT: u32 = 5_000;

impl Store {
    /// Names that occur, of each field at most `limit`, commonest first.
    pub async fn query_values(
        &self,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<(Field, String)>, StoreError> {
        let mut values = Vec::new();
        for (kind, field) in PLACES {
            let column = if *field == Field::Environment {
                "identity"
            } else {
                "name"
            };
            let mut query = sql("SELECT ");
            query
                .push(column)
                .push(" AS value FROM asset WHERE kind = ")
                .push_bind(*kind)
                .push(" AND gone IS NULL AND ");
            scope.constrain(&mut query, "environment_id");
            query
                .push(format_args!(
                    " GROUP BY {column} ORDER BY COUNT(*) DESC, {column} LIMIT "
                ))
                .push_bind(limit);
            for row in query.fetch_all(&self.readers).await? {
                values.push((*field, row.text("value")?));
            }
        }
        self.alert_values(scope, limit, &mut values).await?;
        Ok(values)
    }

    /// What occurs in alerts' contexts.
    async fn alert_values(
        &self,
        scope: &Scope,
        limit: u32,
        values: &mut Vec<(Field, String)>,
    ) -> Result<(), StoreError> {
        for term in Term::ALL {
            // The commonest of the newest: what occurs is asked for at
            // every opening of a search box.
            let mut query = sql("SELECT value FROM (SELECT alert_term.value FROM alert_term
                 JOIN finding ON finding.id = alert_term.finding_id
                 WHERE alert_term.field = ");
            query.push(crate::alert::term_number(term)).push(" AND ");
            scope.constrain(&mut query, "finding.environment_id");
            query
                .push(format_args!(
                    " ORDER BY alert_term.finding_id DESC LIMIT {RECENT}) AS recent
                     GROUP BY value ORDER BY COUNT(*) DESC, value LIMIT "
                ))
                .push_bind(limit);
            for row in query.fetch_all(&self.readers).await? {
                values.push((Field::from(term), row.text("value")?));
            }
        }
        Ok(())
    }
}
