//! Providers of external data, asked while what is there is judged.
//!
//! Nobody asks unless told to. What rests on an answer is judged again
//! after a while: an answer changes, and no watch tells of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use policy::{ExternalData, Policies};

use crate::external::Asker;

/// How long until what rests on answers is judged again: longer than
/// those are kept.
pub(super) const AGAIN: Duration = Duration::from_mins(5);

/// Who asks, and when that is to be done again.
#[derive(Debug, Default)]
pub(super) struct Providers {
    asker: Option<Arc<Asker>>,
    after: Duration,
    again: Option<Instant>,
}

impl Providers {
    pub(super) fn asked_by(asker: Arc<Asker>, after: Duration) -> Self {
        Self {
            asker: Some(asker),
            after,
            again: None,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.asker.is_some()
    }

    /// Answers for the providers among `policies`, which hold from now on.
    pub(super) fn of(
        &mut self,
        policies: &Policies,
        now: Instant,
    ) -> Option<Arc<dyn ExternalData>> {
        let asker = self.asker.as_ref()?;
        self.again = (!policies.providers().is_empty()).then(|| now + self.after);
        Some(asker.of(policies))
    }

    /// Whether it is time to ask again; said once.
    pub(super) fn are_due(&mut self, now: Instant) -> bool {
        let is_due = self.again.is_some_and(|due| due <= now);
        if is_due {
            self.again = Some(now + self.after);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use model::SystemClock;
    use policy::Document;
    use serde_json::json;

    use super::*;

    fn of_one_provider() -> Policies {
        let authority = testkit::authority::Authority::new("providers");
        let value = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "Provider", "metadata": {"name": "p"},
            "spec": {"url": "https://localhost:1/", "caBundle": authority.bundle()}});
        let source = "here".to_owned();
        let (policies, problems) = Policies::load(&[Document { source, value }]);
        assert_eq!(problems, []);
        policies
    }

    #[test]
    fn providers_are_due_again_after_a_while_where_there_are_any() {
        let policies = of_one_provider();
        let now = Instant::now();
        let mut nobody = Providers::default();
        assert!(nobody.of(&policies, now).is_none());
        assert!(!nobody.are_due(now + AGAIN));

        let mut providers = Providers::asked_by(Asker::new(Arc::new(SystemClock)), AGAIN);
        assert!(providers.of(&policies, now).is_some());
        assert!(!providers.are_due(now + AGAIN / 2));
        assert!(providers.are_due(now + AGAIN));
        assert!(!providers.are_due(now + AGAIN));
        assert!(providers.are_due(now + AGAIN * 2));
        providers.of(&Policies::default(), now);
        assert!(!providers.are_due(now + AGAIN * 9));
    }
}
