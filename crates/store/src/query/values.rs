//! What the fields of a query can be completed with.

use model::query::Field;

use crate::{Scope, Store, StoreError, db::sql};

/// Kinds of assets whose names complete a field of the same name.
const PLACES: &[(&str, Field)] = &[
    ("cluster", Field::Cluster),
    ("environment", Field::Environment),
    ("host", Field::Host),
    ("namespace", Field::Namespace),
    ("workload", Field::Workload),
];

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
        Ok(values)
    }
}
