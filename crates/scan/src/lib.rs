//! What is in this image? Layers become packages.
//!
//! This room opens targets (registries, archives, layouts, folders,
//! container engines, SBOM files), streams their layers once, hands the
//! few interesting files to extractors and squashes what they found into
//! one [`model::Sbom`]. It knows nothing of vulnerabilities, databases
//! or clusters. Everything it reads is hostile: sizes, counts, depth and
//! time are bounded at the door, and whatever cannot be read becomes a
//! warning beside the rest of the result.

mod extract;
mod naming;
