//! What admission decided: taken once, kept for a while, counted by
//! policy and by whose objects they were.

mod intake;
mod list;
mod replica;

pub(crate) use self::intake::PRUNE;
pub use self::{
    intake::{AdmissionHit, NewAdmissionDecision, TakenDecisions},
    list::{
        AdmissionDecision, AdmissionFilter, AdmissionOffender, AdmissionTally, PolicyDecisionCount,
    },
    replica::AdmissionReplica,
};
