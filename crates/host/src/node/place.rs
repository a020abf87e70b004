//! Where a cluster's machines keep what they live by: where components
//! were told to look, and where kubeadm and the clouds put it.

use policy::facts::{FileRole, NodeFile, Process};
use serde_json::Value;

use super::{file::Root, process::flag};

/// Files of one folder, and levels of folders, that are looked at.
const MOST: usize = 1000;
const DEPTH: usize = 3;

/// Where roles are that no flag says.
const USUAL: &[(FileRole, &[&str])] = &[
    (
        FileRole::AdminKubeconfig,
        &[
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/super-admin.conf",
        ],
    ),
    (
        FileRole::KubeletService,
        &[
            "/etc/systemd/system/kubelet.service",
            "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
            "/lib/systemd/system/kubelet.service",
            "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
            "/etc/systemd/system/kubelet.service.d/10-kubelet-args.conf",
        ],
    ),
    (FileRole::AzureCredentials, &["/etc/kubernetes/azure.json"]),
];

/// A role whose path a flag says, and where it is where none does.
struct Told {
    role: FileRole,
    component: &'static str,
    flag: &'static str,
    usual: &'static [&'static str],
}

const TOLD: &[Told] = &[
    Told {
        role: FileRole::EtcdData,
        component: "etcd",
        flag: "data-dir",
        usual: &["/var/lib/etcd"],
    },
    Told {
        role: FileRole::SchedulerKubeconfig,
        component: "kube-scheduler",
        flag: "kubeconfig",
        usual: &["/etc/kubernetes/scheduler.conf"],
    },
    Told {
        role: FileRole::ControllerManagerKubeconfig,
        component: "kube-controller-manager",
        flag: "kubeconfig",
        usual: &["/etc/kubernetes/controller-manager.conf"],
    },
    Told {
        role: FileRole::KubeletKubeconfig,
        component: "kubelet",
        flag: "kubeconfig",
        usual: &[
            "/etc/kubernetes/kubelet.conf",
            "/var/lib/kubelet/kubeconfig",
        ],
    },
    Told {
        role: FileRole::KubeletConfig,
        component: "kubelet",
        flag: "config",
        usual: &[
            "/var/lib/kubelet/config.yaml",
            "/etc/kubernetes/kubelet/kubelet-config.json",
            "/etc/kubernetes/kubelet/config.json",
            "/home/kubernetes/kubelet-config.yaml",
        ],
    },
    Told {
        role: FileRole::ProxyKubeconfig,
        component: "kube-proxy",
        flag: "kubeconfig",
        usual: &[],
    },
];

/// Manifests of static pods, by the name kubeadm gives them.
const MANIFESTS: &[(FileRole, &str)] = &[
    (FileRole::ApiserverManifest, "kube-apiserver.yaml"),
    (
        FileRole::ControllerManagerManifest,
        "kube-controller-manager.yaml",
    ),
    (FileRole::SchedulerManifest, "kube-scheduler.yaml"),
    (FileRole::EtcdManifest, "etcd.yaml"),
];

/// Every file of every role that is there.
pub(super) fn files(
    root: &Root,
    processes: &[Process],
    kubelet: &Value,
    gaps: &mut Vec<String>,
) -> Vec<NodeFile> {
    let mut found = Found {
        root,
        gaps,
        files: Vec::new(),
    };
    for (role, paths) in USUAL {
        for path in *paths {
            found.file(*role, path);
        }
    }
    for told in TOLD {
        match flag(processes, told.component, told.flag) {
            Some(path) => found.file(told.role, &path),
            None => {
                for path in told.usual {
                    found.file(told.role, path);
                }
            }
        }
    }
    let manifests = kubelet["staticPodPath"]
        .as_str()
        .unwrap_or("/etc/kubernetes/manifests");
    for (role, name) in MANIFESTS {
        found.file(
            *role,
            &format!("{}/{name}", manifests.trim_end_matches('/')),
        );
    }
    found.folder(FileRole::CniConfig, "/etc/cni/net.d", |_| true, 1);
    let client_ca = kubelet["authentication"]["x509"]["clientCAFile"]
        .as_str()
        .map(str::to_owned);
    if let Some(path) = flag(processes, "kubelet", "client-ca-file").or(client_ca) {
        found.file(FileRole::KubeletClientCa, &path);
    }
    let pki = "/etc/kubernetes/pki";
    found.file(FileRole::Pki, pki);
    found.folder(FileRole::Pki, pki, |_| true, DEPTH);
    let ends = |end: &'static str| move |name: &str| name.ends_with(end);
    found.folder(FileRole::PkiCertificate, pki, ends(".crt"), DEPTH);
    found.folder(FileRole::PkiKey, pki, ends(".key"), DEPTH);
    found.files
}

struct Found<'a> {
    root: &'a Root,
    gaps: &'a mut Vec<String>,
    files: Vec<NodeFile>,
}

impl Found<'_> {
    fn file(&mut self, role: FileRole, path: &str) {
        match self.root.file(role, path) {
            Ok(file) => self.files.extend(file),
            Err(error) => self
                .gaps
                .push(format!("{path} could not be looked at: {error}")),
        }
    }

    /// Files of a folder and, down to a depth, of those in it; folders
    /// count where all names do.
    fn folder(
        &mut self,
        role: FileRole,
        folder: &str,
        wanted: impl Fn(&str) -> bool + Copy,
        depth: usize,
    ) {
        let Ok(names) = self.root.names(folder, MOST) else {
            return;
        };
        for name in names {
            let path = format!("{folder}/{name}");
            if self.root.is_folder(&path) && depth > 1 {
                if wanted("") {
                    self.file(role, &path);
                }
                self.folder(role, &path, wanted, depth - 1);
            } else if wanted(&name) && !self.root.is_folder(&path) {
                self.file(role, &path);
            }
        }
    }
}
