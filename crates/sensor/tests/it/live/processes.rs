//! Processes and control groups, as they come and go.

use std::process::Command;

use sensor::{kernel::State, record::What};

use super::{container, is_exec_with, is_of, until, watched};
use crate::vm::is_inside;

#[test]
fn nothing_is_lost_where_the_kernel_allows_all() {
    let Some(kernel) = watched() else {
        return;
    };
    print!("{}", kernel.report());
    if is_inside() {
        let lost: Vec<_> = kernel
            .report()
            .features
            .iter()
            .filter(|feature| feature.state != State::Active)
            .collect();
        assert!(lost.is_empty(), "{lost:#?}");
    }
}

#[test]
fn a_process_is_told_from_its_fork_to_its_exit() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let word = format!("fork-to-exit-{}", std::process::id());
    let mut child = Command::new("sh")
        .args(["-c", "exit 3", &word])
        .env("SEAWALL_TEST_WORD", &word)
        .spawn()
        .unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let (mut forked, mut executed, mut ended) = (false, false, false);
    assert!(until(&mut kernel, |record| {
        match record.what {
            What::Fork(fork) if fork.pid == pid => {
                assert_eq!(record.task.pid, std::process::id());
                forked = true;
            }
            What::Exec(exec) if record.task.pid == pid && is_exec_with(record, &word) => {
                let whole = format!("SEAWALL_TEST_WORD={word}");
                let mut variables = exec.environment.split(|byte| *byte == 0);
                // The first ones are taken along; this test's may be many.
                let has_room = std::env::vars_os().count() < 20;
                assert!(!has_room || variables.any(|each| each == whole.as_bytes()));
                assert!(exec.resolved.starts_with(b"/"), "{:?}", exec.resolved);
                assert!(exec.file.inode > 0 && !exec.file.is_upper);
                assert_eq!(exec.credentials.uid, record.task.uid);
                executed = true;
            }
            What::Exit { code } if record.task.pid == pid => {
                assert_eq!(code, 3 << 8);
                ended = true;
            }
            _ => {}
        }
        ended
    }));
    assert!(forked && executed);
}

#[test]
fn a_container_is_told_before_its_first_process() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let Some(container) = container() else { return };
    let namespace = container.mount_namespace().unwrap();
    let mut groups = Vec::new();
    assert!(until(&mut kernel, |record| {
        match record.what {
            What::CgroupMade(group)
                if String::from_utf8_lossy(group.path).contains(&container.id) =>
            {
                groups.push((group.hierarchy, group.id));
            }
            What::Exec(_) if is_of(record, namespace) && is_exec_with(record, "1000000") => {
                let cgroup = record.task.cgroup;
                let is_known = groups.contains(&(0, cgroup.unified))
                    || groups.iter().any(|(_, id)| *id == cgroup.legacy);
                assert!(is_known, "{cgroup:?} is none of {groups:?}");
                return true;
            }
            _ => {}
        }
        false
    }));
    let id = container.id.clone();
    drop(container);
    assert!(until(&mut kernel, |record| matches!(
        record.what,
        What::CgroupRemoved(group) if String::from_utf8_lossy(group.path).contains(&id)
    )));
}

#[test]
fn what_was_dropped_into_an_image_is_told_apart() {
    let Some(mut kernel) = watched() else {
        return;
    };
    let Some(container) = container() else { return };
    let namespace = container.mount_namespace().unwrap();
    let script = "cp /bin/busybox /tmp/busybox-new; /tmp/busybox-new true dropped; \
                  /bin/busybox true clean";
    container.exec(&["sh", "-c", script]).unwrap();
    let (mut dropped, mut clean) = (None, None);
    assert!(until(&mut kernel, |record| {
        if let What::Exec(exec) = record.what
            && is_of(record, namespace)
        {
            if is_exec_with(record, "dropped") {
                assert_eq!(exec.resolved, b"/tmp/busybox-new");
                dropped = Some(exec.file);
            }
            if is_exec_with(record, "clean") {
                assert_eq!(exec.resolved, b"/bin/busybox");
                clean = Some(exec.file);
            }
        }
        dropped.is_some() && clean.is_some()
    }));
    let (dropped, clean) = (dropped.unwrap(), clean.unwrap());
    assert!(dropped.is_overlay && dropped.is_upper, "{dropped:?}");
    assert!(clean.is_overlay && !clean.is_upper, "{clean:?}");
}
