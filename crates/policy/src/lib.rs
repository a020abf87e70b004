//! Does this object comply? Recommendations as content, and the checks
//! that judge an asset by them.
//!
//! Facts in, verdicts out: this room does not know where facts come
//! from, does no input or output but reading what is embedded, and asks
//! no clock. What a recommendation says is one file in
//! `content/recommendations`; how it judges is one function here, named
//! by the same id. Whatever a fact leaves open is judged "not
//! applicable", never healthy.

pub mod attack;
pub mod benchmark;
mod cel;
mod check;
mod document;
mod engine;
pub mod exempt;
mod expansion;
pub mod external;
pub mod facts;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gatekeeper;
mod inventory;
mod issue;
pub mod manifest;
mod mend;
mod mutation;
pub mod node;
mod policies;
mod recommendation;
mod rego;
pub mod review;
mod set;
mod spelling;
pub mod standard;
pub mod suite;
pub mod system;
mod trust;
mod upgrade;
mod verdict;
mod world;

pub use check::{Part, audited_paths};
pub use document::{MAX_TEXT, documents};
pub use facts::{
    AdvisoryFacts, ContainerFacts, Facts, HostFacts, ImageFacts, MachineFacts, NodeFacts,
};
pub use gatekeeper::notes;
pub use inventory::{Inventory, names_only};
pub use issue::{LICENSES, image_issues, image_rules};
pub use mend::{MendError, fix, mended, pod_path};
pub use mutation::{MutateError, difference};
pub use policies::{Policy, bundle, policies, policy, policy_of_kind};
pub use recommendation::{AssetSort, Effort, Recommendation, recommendation, recommendations};
pub use set::{CONNECTIONS, ConstraintInfo, Document, Policies, Problem};
pub use spelling::spellings;
pub use trust::{ImageTrust, Trust, TrustFound};
pub use verdict::{Fault, Step, Verdict};
pub use world::{ExternalData, ImageState, World, image_names};

/// Judges `facts` by the recommendation `rule`, as of `now`.
///
/// A recommendation that is not for this sort of asset, or is not known,
/// does not apply.
pub fn judge(rule: &str, facts: &Facts, now: jiff::Timestamp) -> Verdict {
    check::judge(rule, facts, now)
}

/// What each control of the Docker benchmark says of `facts`, where one
/// recommendation serves several with different things to look at;
/// `None`: all its controls say the same.
pub fn parts(rule: &str, facts: &Facts) -> Option<Vec<Part>> {
    check::parts(rule, facts)
}
