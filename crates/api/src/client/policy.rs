//! Questions about policies over clusters' objects.

use super::{Answer, Client, Method, Parameters, Transport, encoded, json};
use crate::policy::{ImpactQuestion, NewPolicySetting, PolicyDetail, PolicyImpact};

impl<T: Transport> Client<T> {
    pub fn policy(&self, id: &str, parameters: &Parameters<'_>) -> Answer<PolicyDetail, T> {
        self.get(&format!("/policies/{}", encoded(id)), parameters)
    }

    pub fn set_policy(&self, id: &str, setting: &NewPolicySetting) -> Answer<PolicyDetail, T> {
        let path = format!("/policies/{}/setting", encoded(id));
        self.ask(Method::Put, &path, Some(json(setting)))
    }

    /// What denying by a policy would have meant, and would mean.
    pub fn policy_impact(&self, id: &str, question: &ImpactQuestion) -> Answer<PolicyImpact, T> {
        self.post(&format!("/policies/{}/impact", encoded(id)), question)
    }
}
