//! Who, from where and what, of alerts; and the incidents they are in.

use model::{
    alert::context::Term,
    query::{Field, Pattern},
};

use super::{column::is_any, compile::Compiler};
use crate::alert::term_number;

impl Compiler<'_, '_> {
    /// The alert says this under the field; anything where nothing is
    /// given.
    pub(super) fn said_of_alert(&mut self, field: Field, patterns: Option<&[Pattern]>) {
        let term = Term::ALL
            .into_iter()
            .find(|term| Field::from(*term) == field);
        let number = term.map_or(-1, term_number);
        self.sql.push(format_args!(
            "finding.id IN (SELECT finding_id FROM alert_term WHERE field = {number}"
        ));
        if let Some(patterns) = patterns {
            self.sql.push(" AND ");
            is_any(self.sql, "value", patterns);
        }
        self.sql.push(")");
    }

    /// The alert is in one of these incidents; in any where none is
    /// given.
    pub(super) fn incident(&mut self, patterns: Option<&[Pattern]>) {
        self.sql.push(
            "finding.id IN (SELECT incident_alert.finding_id FROM incident
             JOIN incident_alert ON incident_alert.incident_id = incident.id
             WHERE incident.shown = 1",
        );
        if let Some(patterns) = patterns {
            self.sql.push(" AND ");
            is_any(self.sql, "incident.uid", patterns);
        }
        self.sql.push(")");
    }
}
