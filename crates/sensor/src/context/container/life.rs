//! Tests of containers that come and go.

use crate::{
    context::{
        Group, Membership, Seen, Settings, Snapshot, container,
        sample::{ID, SECOND, context, exec, made, name, open, removed, run, take, task, within},
        tests::{group, tick, with_container},
    },
    record::What,
};

#[test]
fn an_ended_container_is_told_of_and_forgotten() {
    let (mut context, _oracle) = with_container();
    run(
        &mut context,
        within(50, task(100, 1)),
        What::Exit { code: 0 },
    );
    assert_eq!(take(&mut context, &removed(50, &group())), ["ended shop"]);
    assert_eq!(context.containers().count(), 0);
    assert_eq!(context.counters().containers, 1);
    tick(&mut context, 5_010 * SECOND);
    let counters = context.counters();
    assert_eq!(
        (counters.containers, counters.groups, counters.processes),
        (0, 0, 0)
    );
}

#[test]
fn what_waited_is_still_of_a_container_that_is_gone_by_then() {
    let (mut context, oracle) = context(Settings::default());
    take(&mut context, &made(50, &group()));
    let inside = within(50, task(100, 1));
    assert!(run(&mut context, inside, What::Call(open(b"/x"))).is_empty());
    assert!(take(&mut context, &removed(50, &group())).is_empty());
    oracle.say(ID, "shop", true);
    let lines = tick(&mut context, 5_000 * SECOND);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!((&*lines[0], &*lines[2]), ("container shop", "ended shop"));
    assert!(lines[1].starts_with("shop bash(100) openat"));
    // A record that comes late, too.
    assert!(run(&mut context, inside, What::Call(open(b"/y")))[0].starts_with("shop "));
    assert_eq!(context.counters().unattributed, 0);
}

#[test]
fn a_container_that_does_nothing_is_not_waited_for_without_end() {
    let (mut context, _oracle) = context(Settings::default());
    take(&mut context, &made(50, &group()));
    tick(&mut context, 5_000 * SECOND);
    assert_eq!(context.waiting, 1);
    tick(&mut context, 5_003 * SECOND);
    assert_eq!(context.waiting, 0);
}

#[test]
fn churn_of_groups_leaves_nothing_behind() {
    let (mut context, _oracle) = context(Settings::default());
    for number in 0..20_000u64 {
        let path = format!("/docker/{number:064x}");
        take(&mut context, &made(100 + number, path.as_bytes()));
        run(
            &mut context,
            within(100 + number, task(100, 1)),
            What::Call(open(b"/x")),
        );
        take(&mut context, &removed(100 + number, path.as_bytes()));
        if number % 1000 == 0 {
            tick(&mut context, (5_000 + number) * SECOND);
        }
    }
    tick(&mut context, 99_999 * SECOND);
    let counters = context.counters();
    assert_eq!((counters.containers, counters.groups), (0, 0));
    assert_eq!(context.waiting, 0);
    assert_eq!(counters.events, 20_000);
}

#[test]
fn names_chosen_by_people_are_containers_where_a_runtime_says_so() {
    let (mut context, oracle) = context(Settings::default());
    // The runtime says it on its command line.
    let runc = task(40, 1);
    let mut it = exec(b"/usr/sbin/runc", b"runc\0run\0-b\0/srv/b\0web\0");
    it.virtual_pid = 40;
    run(&mut context, runc, What::Exec(it));
    take(&mut context, &made(60, b"/web"));
    let question = oracle.asked.lock().unwrap()[0].clone();
    assert_eq!(
        question.hint.unwrap().bundle.unwrap(),
        std::path::Path::new("/srv/b")
    );
    // A folder that it makes inside is of the same container.
    take(&mut context, &made(61, b"/web/inner"));
    // Its state says it.
    oracle.kept.lock().unwrap().push(b"db".to_vec());
    take(&mut context, &made(62, b"/db"));
    take(&mut context, &made(63, b"/other.slice"));
    assert_eq!(context.counters().containers, 2);
    assert_eq!(oracle.asked.lock().unwrap().len(), 2);
    for (group, is_container) in [(60, true), (61, true), (62, true), (63, false)] {
        let owner = context.containers.owner(within(group, task(1, 0)).cgroup);
        let is_so = matches!(owner, container::Owner::Container(_));
        assert_eq!(is_so, is_container, "{group}");
    }
}

#[test]
fn a_container_that_was_there_is_found_by_what_stays_beside_it() {
    let (mut context, oracle) = context(Settings::default());
    let text = |text: &str| -> rules::syscall::Bytes { text.as_bytes().into() };
    let shim = Seen {
        pid: 70,
        parent: 1,
        started: 70 * SECOND,
        exe_path: text("/usr/bin/containerd-shim-runc-v2"),
        arguments: ["containerd-shim-runc-v2", "-namespace", "x", "-id", "job-1"]
            .map(text)
            .into(),
        working_folder: text("/state/x/job-1"),
        ..Seen::default()
    };
    context.start(
        &Snapshot {
            legacy: 0,
            groups: vec![Group {
                hierarchy: 0,
                id: 50,
                path: b"/x/job-1".to_vec(),
            }],
            processes: vec![shim],
        },
        &mut |_| {},
    );
    let asked = oracle.asked.lock().unwrap();
    let bundle = asked[0].hint.as_ref().unwrap().bundle.as_deref();
    assert_eq!(bundle, Some(std::path::Path::new("/state/x/job-1")));
}

#[test]
fn a_runtime_that_is_not_roots_hints_at_nothing() {
    let (mut context, oracle) = context(Settings::default());
    let mut it = exec(b"/usr/sbin/runc", b"runc\0run\0web\0");
    it.credentials.effective_uid = 1000;
    run(&mut context, task(40, 1), What::Exec(it));
    take(&mut context, &made(60, b"/web"));
    assert!(oracle.asked.lock().unwrap().is_empty());
}

#[test]
fn older_hierarchies_are_read_beside_the_unified_one() {
    let (mut context, oracle) = context(Settings::default());
    context.start(
        &Snapshot {
            legacy: 8,
            groups: vec![
                Group {
                    hierarchy: 8,
                    id: 50,
                    path: group(),
                },
                Group {
                    hierarchy: 0,
                    id: 50,
                    path: b"/system.slice".to_vec(),
                },
            ],
            processes: vec![Seen {
                pid: 100,
                parent: 1,
                virtual_pid: 1,
                name: b"nginx".as_slice().into(),
                started: 100 * SECOND,
                cgroups: vec![Membership {
                    hierarchy: 8,
                    path: group().into(),
                    ..Membership::default()
                }],
                ..Seen::default()
            }],
        },
        &mut |_| {},
    );
    oracle.say(ID, "shop", true);
    tick(&mut context, 5_000 * SECOND);
    // The number means another group in the other hierarchy.
    let mut inside = task(100, 1);
    inside.cgroup.legacy = 50;
    inside.name = name("nginx");
    inside.started += 4_000_000;
    assert!(run(&mut context, inside, What::Call(open(b"/x")))[0].starts_with("shop nginx"));
    let mut outside = task(101, 1);
    outside.cgroup.unified = 50;
    assert!(run(&mut context, outside, What::Call(open(b"/x")))[0].starts_with("host "));
    assert_eq!(context.counters().unknown, 1);
}
