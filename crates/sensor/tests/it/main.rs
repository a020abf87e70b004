//! The node sensor from outside. What needs a kernel that allows it lies
//! in `live`: those tests say "skipped" where this one does not, and
//! [`vm`] runs them on kernels that do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "what kernels allow is worth knowing")]

mod live;
mod replay;
mod vm;
