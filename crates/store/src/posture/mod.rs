//! What recommendations are judged by, and what was judged.
//!
//! The record lends facts and takes verdicts; what makes an asset healthy
//! is decided elsewhere.

mod effect;
mod facts;
mod judgement;

pub use effect::About;
pub use facts::{ContainerFacts, HostFacts, ImageFacts};
pub use judgement::{Fault, Judgement, JudgementChanges, RuleText};
