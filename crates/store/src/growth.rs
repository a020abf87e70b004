//! Letting PostgreSQL look at a table again that grew fast: what it
//! believes of a table decides how it reads it, and it looks by itself
//! only every minute.

use std::sync::Mutex;

use crate::{Dialect, Store, StoreError};

/// Findings that come before it looks for the first time; then four times
/// as many each time.
const FIRST: u64 = 10_000;

/// Findings that came since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Growth(Mutex<Grown>);

#[derive(Debug)]
struct Grown {
    findings: u64,
    next: u64,
}

impl Default for Grown {
    fn default() -> Self {
        Self {
            findings: 0,
            next: FIRST,
        }
    }
}

impl Growth {
    /// Whether it is time to look, now that so many more came.
    fn is_due(&self, more: u64) -> bool {
        let mut grown = self
            .0
            .lock()
            .expect("invariant: nothing panics while holding the lock");
        grown.findings += more;
        let is_due = grown.findings >= grown.next;
        if is_due {
            grown.next = grown.findings.saturating_mul(4);
        }
        is_due
    }
}

impl Store {
    /// Findings came. What the planner believes is only about speed:
    /// that it could not look is no failure of theirs.
    pub(crate) async fn grew(&self, more: u64) {
        if self.dialect() == Dialect::Sqlite || !self.grown.is_due(more) {
            return;
        }
        let looked: Result<(), StoreError> = self
            .writer
            .write(|connection| Box::pin(connection.run("ANALYZE finding; ANALYZE asset")))
            .await;
        if let Err(error) = looked {
            tracing::debug!(error = %model::error::chain(&error), "looking at tables again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_less_and_less_often() {
        let growth = Growth::default();
        let looks = (0..100).filter(|_| growth.is_due(5000)).count();
        assert_eq!(looks, 3);
    }
}
