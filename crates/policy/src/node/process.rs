//! Which of a machine's processes are a cluster's.

use crate::facts::Process;

/// The components of Kubernetes that checks are about.
pub const COMPONENTS: [&str; 6] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// A process by its command line, if it is a component's.
pub fn process(mut words: impl Iterator<Item = String>) -> Option<Process> {
    let program = words.next()?;
    let name = program.rsplit('/').next()?;
    let component = COMPONENTS.into_iter().find(|known| *known == name)?;
    Some(Process {
        component: component.to_owned(),
        arguments: words.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_known_by_its_program_wherever_that_lies() {
        let read = |line: &str| process(line.split(' ').map(str::to_owned));
        let etcd = read("/usr/bin/etcd --auto-tls").unwrap();
        assert_eq!(etcd.component, "etcd");
        assert_eq!(etcd.arguments, ["--auto-tls"]);
        assert!(read("sidecar --etcd").is_none());
        assert!(process(std::iter::empty()).is_none());
    }
}
