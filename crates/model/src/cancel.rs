//! Stopping long work politely: a flag handed down as an argument.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Shared between the work and whoever may stop it. Long work asks
/// [`Cancel::is_cancelled`] between steps and ends with its "cancelled"
/// error. The default one is never cancelled by anybody else.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop. It cannot be taken back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_hears_of_it() {
        let cancel = Cancel::default();
        let clone = cancel.clone();
        assert!(!clone.is_cancelled());
        cancel.cancel();
        assert!(clone.is_cancelled());
    }
}
