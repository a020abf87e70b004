//! Folders: what is entered, what is not, and what cannot be read.

use std::{fs, path::Path, process::Command};

use scan::{Limits, Options, Source};

use crate::subject::{scan_with, warnings};

fn put_package(root: &Path, folder: &str, name: &str) {
    let folder = root.join(folder).join("node_modules").join(name);
    fs::create_dir_all(&folder).unwrap();
    let content = format!(r#"{{"name":"{name}","version":"1.0.0"}}"#);
    fs::write(folder.join("package.json"), content).unwrap();
}

fn names(root: &Path, options: &Options) -> (Vec<String>, Vec<String>) {
    let sbom = scan_with(&Source::Rootfs(root.to_owned()), options);
    let complaints = warnings(&sbom);
    let name = |package: model::Package| package.name;
    (sbom.packages.into_iter().map(name).collect(), complaints)
}

#[test]
fn links_are_not_followed_and_pipes_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    put_package(outside.path(), "", "outside");
    let root = folder.path();
    put_package(root, "app", "inside");
    std::os::unix::fs::symlink(outside.path(), root.join("way-out")).unwrap();
    std::os::unix::fs::symlink(root, root.join("circle")).unwrap();
    let module = root.join("node_modules/linked");
    fs::create_dir_all(&module).unwrap();
    let target = outside.path().join("node_modules/outside/package.json");
    std::os::unix::fs::symlink(target, module.join("package.json")).unwrap();
    let module = root.join("node_modules/pipe");
    fs::create_dir_all(&module).unwrap();
    let made = Command::new("mkfifo")
        .arg(module.join("package.json"))
        .status();
    assert!(made.unwrap().success());
    let (names, complaints) = names(root, &Options::default());
    assert_eq!(names, ["inside"]);
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn storage_of_engines_and_skipped_paths_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put_package(root, "srv", "kept");
    put_package(root, "var/lib/docker/overlay2/abc/diff", "dockers");
    put_package(root, "var/lib/containerd/io/1/fs", "containerds");
    put_package(root, "home/me/.local/share/containers/storage/x", "podmans");
    put_package(root, ".snapshots/1", "old");
    put_package(root, "srv/cache/a", "unwanted");
    let options = Options {
        skip: vec!["/srv/*/a".to_owned()],
        ..Options::default()
    };
    assert_eq!(names(root, &options).0, ["kept"]);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put_package(root, "a", "kept");
    put_package(root, "b", "closed");
    fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_allmighty = fs::read_dir(root.join("b")).is_ok();
    let (names, complaints) = names(root, &Options::default());
    fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o755)).unwrap();
    if is_allmighty {
        testkit::skipped("root can read everything");
        return;
    }
    assert_eq!(names, ["kept"]);
    assert!(
        complaints[0].starts_with("b: could not be read"),
        "{complaints:?}"
    );
}

#[test]
fn too_many_files_or_folders_stop_at_their_bound() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put_package(root, "a", "kept");
    for number in 0..50 {
        fs::write(root.join(format!("z{number}")), "").unwrap();
    }
    put_package(root, &"d/".repeat(20), "deep");
    let limits = Limits {
        entries: 20,
        path_depth: 10,
        ..Limits::default()
    };
    let options = Options {
        limits,
        ..Options::default()
    };
    let (names, complaints) = names(root, &options);
    assert_eq!(names, ["kept"]);
    let text = complaints.join("\n");
    assert!(text.contains("more than 20 files"), "{text}");
    assert!(text.contains("too many folders"), "{text}");
}
