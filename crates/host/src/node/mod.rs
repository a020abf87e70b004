//! What a machine of a cluster shows of itself: the command lines of the
//! components that run there, and who may touch the files they live by.
//!
//! Files only: nothing is started, nothing written, and of files nothing
//! is kept but what `policy::NodeFacts` holds. Everything is below a
//! root, so that a pod can look at its node through a mount. Processes
//! come from that root's `proc`, which shows the processes of whoever
//! mounted it: the node's own, also to a pod that does not share the
//! node's process namespace.

mod config;
mod file;
mod place;
mod process;

use std::path::Path;

use policy::NodeFacts;

pub use process::Keep;

use file::Root;

/// Looks at the machine below `root`, `/` for this one. What could not be
/// read is said beside the rest.
pub fn look(root: &Path, name: &str, keep: Keep<'_>) -> (NodeFacts, Vec<String>) {
    let root = Root::new(root);
    let mut gaps = Vec::new();
    let processes = process::all(&root, keep, &mut gaps);
    let kubelet = config::of(&root, &processes, "kubelet", &mut gaps);
    let proxy = config::of(&root, &processes, "kube-proxy", &mut gaps);
    let encryption = config::encryption(&root, &processes, &mut gaps);
    let files = place::files(&root, &processes, &kubelet, &mut gaps);
    let facts = NodeFacts {
        name: name.to_owned(),
        processes,
        files,
        kubelet,
        proxy,
        encryption,
    };
    (facts, gaps)
}

#[cfg(test)]
mod tests;
