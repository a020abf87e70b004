//! Findings counted by what they have in common.

use model::FindingState;

use super::FindingFilter;
use crate::{Scope, Store, StoreError, Tally, counts::severity_of, db::sql, image::tallies};

/// What an image's findings are tallied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingColumn {
    Severity,
    Kind,
    Layer,
    Fixable,
}

impl Store {
    /// One image's open, unsuppressed findings by a column.
    pub async fn finding_tallies(
        &self,
        scope: &Scope,
        image: &str,
        column: FindingColumn,
    ) -> Result<Vec<Tally>, StoreError> {
        let (expression, order) = match column {
            FindingColumn::Severity => ("finding.severity", "finding.severity DESC"),
            FindingColumn::Kind => ("package.kind", "COUNT(*) DESC"),
            FindingColumn::Layer => ("finding.layer", "finding.layer"),
            FindingColumn::Fixable => ("finding.fixable", "finding.fixable DESC"),
        };
        let filter = FindingFilter {
            image: Some(image.to_owned()),
            states: vec![FindingState::Open],
            ..FindingFilter::default()
        };
        let mut query = sql("SELECT ");
        query.push(format_args!(
            "CAST({expression} AS TEXT) AS value, COUNT(*) AS number FROM finding
             LEFT JOIN package ON package.id = finding.package_id WHERE "
        ));
        filter.narrow(scope, &mut query, "+finding.environment_id", self.dialect());
        query.push(format_args!(
            " AND {expression} IS NOT NULL GROUP BY {expression} ORDER BY {order}"
        ));
        let mut tallies = tallies(&query.fetch_all(&self.readers).await?)?;
        for tally in &mut tallies {
            match column {
                FindingColumn::Severity => {
                    let number = tally.value.parse().unwrap_or(0);
                    tally.value = severity_of(number).to_string();
                }
                FindingColumn::Fixable => tally.value = (tally.value == "1").to_string(),
                FindingColumn::Kind | FindingColumn::Layer => {}
            }
        }
        Ok(tallies)
    }
}
