//! Questions about trust policies.

use super::{Answer, Client, Method, Parameters, Transport, encoded, json};
use crate::{Page, TrustOutcome, TrustPolicy, trust::NewTrustPolicy};

impl<T: Transport> Client<T> {
    pub fn trust_policies(&self, parameters: &Parameters<'_>) -> Answer<Vec<TrustPolicy>, T> {
        self.get("/trust", parameters)
    }

    pub fn add_trust_policy(&self, policy: &NewTrustPolicy) -> Answer<TrustPolicy, T> {
        self.post("/trust", policy)
    }

    pub fn change_trust_policy(&self, id: &str, policy: &NewTrustPolicy) -> Answer<TrustPolicy, T> {
        let path = format!("/trust/{}", encoded(id));
        self.ask(Method::Put, &path, Some(json(policy)))
    }

    pub fn remove_trust_policy(&self, id: &str) -> Answer<(), T> {
        self.end(&format!("/trust/{}", encoded(id)))
    }

    /// Images a policy holds for, and what was found of each.
    pub fn trust_images(
        &self,
        id: &str,
        parameters: &Parameters<'_>,
    ) -> Answer<Page<TrustOutcome>, T> {
        self.get(&format!("/trust/{}/images", encoded(id)), parameters)
    }

    /// Has everything a policy holds for verified again.
    pub fn verify_trust(&self, id: &str) -> Answer<TrustPolicy, T> {
        self.post(&format!("/trust/{}/verify", encoded(id)), &())
    }
}
