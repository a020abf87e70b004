//! What is decided, marked and told, without a kernel.

use std::os::unix::fs::MetadataExt as _;

use api::sensor::DriftRule;
use rules::syscall::{Container, Pod};

use super::*;
use crate::record::Credentials;

const CGROUP: Cgroup = Cgroup {
    unified: 77,
    legacy: 0,
};

fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn known(namespace: Option<&str>) -> Known {
    Known {
        container: Arc::new(Container {
            full_id: bytes("c1"),
            image: bytes("nginx:1"),
            pod: namespace.map(|namespace| Pod {
                namespace: bytes(namespace),
                ..Pod::default()
            }),
            ..Container::default()
        }),
        cgroup: CGROUP,
        inner: None,
        is_complete: namespace.is_some(),
        processes: 1,
        events: 0,
    }
}

fn process(known: &Known) -> Process {
    Process {
        // No process has it: nothing is ended, nothing is read.
        pid: i64::from(i32::MAX),
        exe_path: bytes("/tmp/x"),
        working_folder: bytes("/"),
        container: Some(Arc::clone(&known.container)),
        parent: Some(Arc::new(Process {
            container: Some(Arc::clone(&known.container)),
            ..Process::default()
        })),
        ..Process::default()
    }
}

fn exec(path: &'static [u8], file: File) -> Exec<'static> {
    Exec {
        path,
        resolved: path,
        arguments: b"",
        are_arguments_cut: false,
        environment: b"",
        file,
        credentials: Credentials::default(),
        virtual_pid: 1,
        session: 1,
        group: 1,
        terminal: 0,
        login_uid: u32::MAX,
        stdio: [None; 3],
    }
}

fn file(is_overlay: bool, is_upper: bool) -> File {
    File {
        inode: 9,
        is_overlay,
        is_upper,
        ..File::default()
    }
}

fn policy(rule: DriftRule) -> DriftPolicy {
    DriftPolicy { rules: vec![rule] }
}

fn block() -> DriftRule {
    DriftRule {
        name: "shop".to_owned(),
        action: DriftAction::Block,
        namespaces: vec!["shop".to_owned()],
        ..DriftRule::default()
    }
}

fn orders(drift: &mut Drift) -> Vec<Order> {
    drift.orders().collect()
}

#[test]
fn programs_of_the_image_are_not_told_and_others_say_where_they_came_from() {
    let mut drift = Drift::new(None);
    let known = known(Some("shop"));
    let process = process(&known);
    drift.container(&known);
    let told = |drift: &mut Drift, file: File| {
        let drifted = drift.executed(&process, &exec(b"/tmp/x", file));
        drifted.map(|it| it.origin)
    };
    // No overlay was seen yet: it might be the root itself.
    assert_eq!(told(&mut drift, file(false, false)), None);
    assert_eq!(told(&mut drift, file(true, false)), None);
    assert_eq!(told(&mut drift, file(true, true)), Some(Origin::Written));
    assert_eq!(told(&mut drift, file(false, false)), Some(Origin::Volume));
    let tmpfs = File {
        magic: TMPFS,
        ..file(false, false)
    };
    assert_eq!(told(&mut drift, tmpfs), Some(Origin::Tmpfs));
    let memory = File {
        is_memfd: true,
        is_unlinked: true,
        ..tmpfs
    };
    assert_eq!(told(&mut drift, memory), Some(Origin::Memory));
    let deleted = File {
        is_unlinked: true,
        ..file(true, true)
    };
    assert_eq!(told(&mut drift, deleted), Some(Origin::Deleted));
    // A runtime comes in through a copy of itself.
    let coming_in = Process {
        parent: Some(Arc::default()),
        ..process.clone()
    };
    assert_eq!(
        drift.executed(&coming_in, &exec(b"/memfd:runc", memory)),
        None
    );
    // On the host there is no image to be absent from.
    let outside = Process {
        container: None,
        ..process.clone()
    };
    assert_eq!(
        drift.executed(&outside, &exec(b"/tmp/x", file(true, true))),
        None
    );
}

#[test]
fn a_container_nobody_told_of_is_judged_as_well() {
    let mut drift = Drift::new(None);
    drift.set_policy(policy(block()), DenyLists::default());
    let known = known(Some("shop"));
    let process = process(&known);
    let drifted = drift.executed(&process, &exec(b"/tmp/x", file(true, true)));
    assert_eq!(drifted.map(|it| it.ending), Some(Ending::Ran));
    assert!(orders(&mut drift).is_empty());
    drift.container(&known);
    let marked = orders(&mut drift);
    assert_eq!((marked[0].cgroup, marked[0].drift), (CGROUP, Mark::Stop));
}

#[test]
fn nothing_is_stopped_before_all_is_known_and_marks_change_with_what_is() {
    let mut drift = Drift::new(None);
    drift.set_policy(policy(block()), DenyLists::default());
    drift.container(&known(None));
    assert!(orders(&mut drift).is_empty());
    drift.container(&known(Some("shop")));
    let marked = orders(&mut drift);
    assert_eq!(marked.len(), 1);
    assert_eq!((marked[0].cgroup, marked[0].drift), (CGROUP, Mark::Stop));
    drift.container(&known(Some("shop")));
    assert!(orders(&mut drift).is_empty());
    let dry = DriftRule {
        dry_run: true,
        ..block()
    };
    let deny = DenyLists {
        metadata: DriftAction::Block,
        sysctl: DriftAction::Alert,
    };
    drift.set_policy(policy(dry), deny);
    let marked = orders(&mut drift);
    assert_eq!(
        (marked[0].drift, marked[0].metadata),
        (Mark::Try, Mark::Stop)
    );
    drift.set_policy(DriftPolicy::default(), DenyLists::default());
    assert_eq!(orders(&mut drift)[0].drift, Mark::Report);
    drift.ended(&known(Some("shop")));
    assert!(orders(&mut drift)[0].is_gone);
}

#[test]
fn whoever_stops_it_tells_what_became_of_it_and_only_they() {
    let known = known(Some("shop"));
    let process = process(&known);
    let told = |rule: DriftRule, enforces: bool| {
        let mut drift = Drift::new(None);
        drift.set_enforcement(enforces);
        drift.set_policy(policy(rule), DenyLists::default());
        drift.container(&known);
        drift
            .executed(&process, &exec(b"/tmp/x", file(true, true)))
            .map(|it| (it.ending, it.rule.unwrap_or_default()))
    };
    let dry = DriftRule {
        dry_run: true,
        ..block()
    };
    let shop = || "shop".to_owned();
    assert_eq!(told(block(), true), None);
    assert_eq!(told(dry.clone(), true), None);
    assert_eq!(
        told(dry, false),
        Some((Ending::Told(Outcome::WouldStop), shop()))
    );
    // Nobody has that number.
    assert_eq!(told(block(), false), Some((Ending::Escaped, shop())));
    let allowing = |path: &str| DriftRule {
        allow: vec![path.to_owned()],
        ..block()
    };
    assert_eq!(told(allowing("/tmp/*"), true), None);
    assert_eq!(
        told(allowing("/opt/*"), true),
        Some((Ending::Escaped, shop()))
    );
    let ignore = DriftRule {
        action: DriftAction::Ignore,
        ..block()
    };
    assert_eq!(told(ignore, false), None);
    let elsewhere = DriftRule {
        namespaces: vec!["other".to_owned()],
        ..block()
    };
    assert_eq!(told(elsewhere, true), Some((Ending::Ran, String::new())));
}

#[test]
fn only_a_process_that_runs_that_file_is_ended() {
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let pid = i64::from(child.id());
    assert!(!end(pid, &file(true, true)));
    assert!(child.try_wait().unwrap().is_none());
    // It may be on its way to another program still.
    let sleep = std::fs::canonicalize("/bin/sleep").unwrap();
    let metadata = std::fs::metadata(&sleep).unwrap();
    while std::fs::read_link(format!("/proc/{pid}/exe")).unwrap() != sleep {
        std::thread::yield_now();
    }
    let its = File {
        inode: metadata.ino(),
        size: metadata.len(),
        ..File::default()
    };
    assert!(end(pid, &its));
    assert!(!child.wait().unwrap().success());
}

#[test]
fn containers_are_bounded() {
    let mut drift = Drift::new(None);
    for number in 0..10_000 {
        let mut each = known(Some("shop"));
        each.container = Arc::new(Container {
            full_id: bytes(&number.to_string()),
            ..Container::default()
        });
        drift.container(&each);
    }
    assert_eq!(drift.containers.len(), MAX_CONTAINERS);
}
