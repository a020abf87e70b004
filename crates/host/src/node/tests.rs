//! A node made of a few files, looked at through a root.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use policy::{Verdict, facts::FileRole, node};

use super::look;

fn put(root: &Path, path: &str, text: &str, mode: u32) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn a_node() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(
        root,
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n",
        0o644,
    );
    put(
        root,
        "/proc/17/cmdline",
        "/usr/bin/kubelet\0--config=/var/lib/kubelet/config.yaml\0--hostname-override\0one\0",
        0o444,
    );
    put(
        root,
        "/proc/18/cmdline",
        "kube-apiserver\0--profiling=false\0--encryption-provider-config=/etc/enc.yaml\0",
        0o444,
    );
    put(root, "/proc/19/cmdline", "sh\0-c\0kube-scheduler\0", 0o444);
    put(root, "/proc/self/cmdline", "etcd\0", 0o444);
    put(
        root,
        "/var/lib/kubelet/config.yaml",
        "authentication:\n  anonymous: {enabled: true}\nstaticPodPath: /etc/static\n",
        0o644,
    );
    put(
        root,
        "/etc/enc.yaml",
        "resources:\n- resources: [secrets]\n  providers:\n  - secretbox: {keys: [{secret: aGk=}]}\n  - identity: {}\n",
        0o600,
    );
    put(root, "/etc/static/kube-apiserver.yaml", "{}", 0o644);
    put(root, "/etc/kubernetes/pki/ca.key", "key", 0o640);
    put(
        root,
        "/etc/kubernetes/pki/etcd/ca.crt",
        "certificate",
        0o644,
    );
    folder
}

#[test]
fn a_node_is_seen_through_a_mount() {
    let folder = a_node();
    let (node, gaps) = look(folder.path(), "one", &|_, _| true);
    assert_eq!(gaps, [""; 0]);
    let components: Vec<&str> = node
        .processes
        .iter()
        .map(|process| process.component.as_str())
        .collect();
    assert_eq!(components, ["kubelet", "kube-apiserver"]);
    assert_eq!(
        node.encryption.as_deref(),
        Some(&["secretbox".to_owned()][..])
    );
    let text = serde_json::to_string(&node).unwrap();
    assert!(!text.contains("aGk="), "no key is kept: {text}");
    let of = |role: FileRole| {
        let files = node.files.iter().filter(move |file| file.role == role);
        files
            .map(|file| (file.path.as_str(), file.mode))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(FileRole::ApiserverManifest),
        [("/etc/static/kube-apiserver.yaml", 0o644)]
    );
    assert_eq!(
        of(FileRole::PkiKey),
        [("/etc/kubernetes/pki/ca.key", 0o640)]
    );
    assert_eq!(
        of(FileRole::PkiCertificate),
        [("/etc/kubernetes/pki/etcd/ca.crt", 0o644)]
    );
    assert_eq!(of(FileRole::Pki).len(), 4);
    assert_eq!(of(FileRole::SchedulerManifest), []);

    let judged = |id: &str| node::check(id).unwrap().judge(&node);
    assert!(judged("node-kubelet-anonymous-auth").is_affected());
    assert!(judged("node-kubelet-hostname-override").is_affected());
    assert!(judged("node-pki-key-mode").is_affected());
    assert_eq!(judged("node-apiserver-profiling"), Verdict::Healthy);
    assert_eq!(
        judged("node-apiserver-encryption-provider"),
        Verdict::Healthy
    );
    assert_eq!(judged("node-scheduler-profiling"), Verdict::NotApplicable);
    assert_eq!(
        judged("node-scheduler-manifest-mode"),
        Verdict::NotApplicable
    );
}

#[test]
fn links_stay_on_the_node_and_loops_end() {
    let folder = a_node();
    let root = folder.path();
    fs::create_dir_all(root.join("etc/cni")).unwrap();
    // On the node this is the node's own folder, not ours.
    put(root, "/opt/cni/one.conflist", "{}", 0o666);
    symlink("/opt/cni", root.join("etc/cni/net.d")).unwrap();
    symlink("loop", root.join("etc/loop")).unwrap();
    symlink(
        "../../../../../etc/loop/x",
        root.join("etc/kubernetes/azure.json"),
    )
    .unwrap();
    let (node, gaps) = look(root, "one", &|_, _| true);
    let cni: Vec<&str> = node
        .files
        .iter()
        .filter(|file| file.role == FileRole::CniConfig)
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(cni, ["/etc/cni/net.d/one.conflist"]);
    assert!(
        gaps.iter().any(|gap| gap.contains("azure.json")),
        "{gaps:?}"
    );
}

#[test]
fn what_is_too_large_or_no_yaml_is_said_and_not_quoted() {
    let folder = a_node();
    let root = folder.path();
    put(root, "/etc/enc.yaml", "resources: [secret: 'hunter2", 0o600);
    put(
        root,
        "/var/lib/kubelet/config.yaml",
        &"#".repeat((1 << 20) + 1),
        0o600,
    );
    let (node, gaps) = look(root, "one", &|_, _| true);
    assert!(node.kubelet.is_null());
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(!gaps.concat().contains("hunter2"));
    // Its configuration is not known: nothing is said of it.
    let judged = node::check("node-kubelet-anonymous-auth")
        .unwrap()
        .judge(&node);
    assert_eq!(judged, Verdict::NotApplicable);
}

#[test]
fn an_empty_root_says_that_no_process_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (node, gaps) = look(folder.path(), "one", &|_, _| true);
    assert!(node.files.is_empty());
    assert!(gaps[0].contains("/proc"), "{gaps:?}");
}
