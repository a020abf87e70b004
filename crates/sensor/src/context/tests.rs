//! From records to what is told of them.

use std::os::unix::fs::MetadataExt as _;

use rules::syscall::Kind;

use super::{
    sample::{
        self, ID, SECOND, call, context, exec, fork, made, name, open, run, take, task, within,
    },
    *,
};
use crate::record::{Credentials, Dns, Fork, Record, Task, What};

pub(super) fn tick(context: &mut Context, boot: u64) -> Vec<String> {
    let wall = i64::try_from(boot).unwrap() - 5_000_000_000_000 + 1_700_000_000_000_000_000;
    let mut lines = Vec::new();
    context.tick(Moment { boot, wall }, &mut |told| {
        lines.push(sample::line(&told));
    });
    lines
}

pub(super) fn group() -> Vec<u8> {
    format!("/docker/{ID}").into_bytes()
}

/// A context in which the container is known.
pub(super) fn with_container() -> (Context, sample::Oracle) {
    let (mut context, oracle) = context(Settings::default());
    take(&mut context, &made(50, &group()));
    oracle.say(ID, "shop", true);
    tick(&mut context, 5_000 * SECOND);
    (context, oracle)
}

#[test]
fn a_container_is_known_before_its_first_process() {
    let (mut context, oracle) = context(Settings::default());
    assert!(take(&mut context, &made(50, &group())).is_empty());
    assert_eq!(&*oracle.asked.lock().unwrap()[0].id, ID.as_bytes());
    oracle.say(ID, "shop", true);
    let lines = run(
        &mut context,
        within(50, task(100, 1)),
        What::Call(open(b"/etc/passwd")),
    );
    assert_eq!(lines[0], "container shop");
    assert!(lines[1].starts_with("shop bash(100) openat fd=3 dirfd=AT_FDCWD name=/etc/passwd"));
    let known = context.containers().next().unwrap();
    assert_eq!((known.processes, known.events), (1, 1));
    assert_eq!(known.cgroup.unified, 50);
}

#[test]
fn a_group_nobody_told_of_is_looked_up_although_its_process_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("docker").join(ID);
    std::fs::create_dir_all(&folder).unwrap();
    let number = std::fs::metadata(&folder).unwrap().ino();
    let (mut context, oracle) = context(Settings {
        unified: Some(root.path().to_owned()),
        proc: "/nonexistent".into(),
        ..Settings::default()
    });
    let inside = within(number, task(100, 1));
    run(&mut context, inside, What::Call(open(b"/a")));
    assert_eq!(&*oracle.asked.lock().unwrap()[0].id, ID.as_bytes());
    assert_eq!(context.containers().next().unwrap().processes, 1);
    assert_eq!(context.counters().unattributed, 0);
    // Not again at once, where it is gone as well.
    let lost = within(number + 1_000_000, task(101, 1));
    run(&mut context, lost, What::Call(open(b"/a")));
    assert!(context.counters().unattributed > 0);
}

#[test]
fn records_wait_in_order_until_the_answer_comes() {
    let (mut context, oracle) = context(Settings::default());
    take(&mut context, &made(50, &group()));
    let inside = within(50, task(100, 1));
    assert!(take(&mut context, &fork(inside, 101)).is_empty());
    let child = within(50, task(101, 100));
    assert!(run(&mut context, child, What::Exec(exec(b"/bin/a", b"a\0-x\0"))).is_empty());
    assert_eq!(
        run(&mut context, task(9, 1), What::Call(open(b"/x"))).len(),
        1
    );
    oracle.say(ID, "shop", true);
    let lines = tick(&mut context, 5_000 * SECOND);
    assert_eq!(lines[0], "container shop");
    assert!(lines[1].starts_with("shop bash(100) clone"), "{lines:?}");
    assert!(lines[2].starts_with("shop bash(101) execve res=0 exe=a args=-x"));
    assert_eq!(context.counters().held, 2);
    assert_eq!(context.counters().incomplete, 0);
}

#[test]
fn records_go_on_after_the_patience_and_are_counted() {
    let (mut context, oracle) = context(Settings::default());
    take(&mut context, &made(50, &group()));
    let mut inside = within(50, task(100, 1));
    assert!(run(&mut context, inside, What::Call(open(b"/a"))).is_empty());
    assert!(tick(&mut context, 5_000 * SECOND + 199_000_000).is_empty());
    assert_eq!(tick(&mut context, 5_000 * SECOND + 200_000_000).len(), 1);
    inside.time += SECOND;
    assert_eq!(run(&mut context, inside, What::Call(open(b"/b"))).len(), 1);
    assert_eq!(context.counters().incomplete, 2);
    // What comes late counts from then on.
    oracle.say(ID, "shop", true);
    tick(&mut context, 5_002 * SECOND);
    let lines = run(&mut context, inside, What::Call(open(b"/c")));
    assert!(lines[0].starts_with("shop "));
}

#[test]
fn what_waits_is_bounded() {
    let (mut context, _oracle) = context(Settings {
        most_held: 2_000,
        ..Settings::default()
    });
    take(&mut context, &made(50, &group()));
    let inside = within(50, task(100, 1));
    let told: usize = (0..100)
        .map(|_| run(&mut context, inside, What::Call(open(b"/a"))).len())
        .sum();
    assert_eq!(told, 100);
    assert!(context.counters().held < 50);
    assert!(context.held == 0);
}

#[test]
fn ancestors_outlive_their_exit_and_their_exec_is_seen() {
    let (mut context, _) = context(Settings::default());
    let shell = task(10, 1);
    take(&mut context, &fork(shell, 11));
    take(&mut context, &fork(task(11, 10), 12));
    // The grandparent becomes another program while its descendants live.
    let mut python = task(10, 1);
    python.name = name("python3");
    run(
        &mut context,
        python,
        What::Exec(exec(b"/usr/bin/python3", b"python3\0")),
    );
    let mut above = Vec::new();
    let record = Record {
        task: task(12, 11),
        what: What::Call(open(b"/x")),
    };
    context.take(&record, &mut |told| {
        if let Told::Event { process, .. } = told {
            let mut at = process.parent.as_deref();
            while let Some(it) = at {
                above.push(String::from_utf8_lossy(&it.name).into_owned());
                at = it.parent.as_deref();
            }
        }
    });
    assert_eq!(above, ["bash", "python3"]);
    run(&mut context, task(10, 1), What::Exit { code: 0 });
    run(&mut context, task(11, 10), What::Exit { code: 0 });
    tick(&mut context, 6_000 * SECOND);
    let mut depth = 0;
    context.take(&record, &mut |told| {
        if let Told::Event { process, .. } = told {
            depth =
                std::iter::successors(process.parent.as_deref(), |it| it.parent.as_deref()).count();
        }
    });
    assert_eq!(depth, 2);
    assert_eq!(context.counters().processes, 1);
}

#[test]
fn versions_change_with_what_rules_may_ask_about() {
    let (mut context, _) = context(Settings::default());
    let version = |context: &mut Context, what: What<'_>| {
        let mut seen = (0, 0);
        let record = Record {
            task: task(10, 1),
            what,
        };
        context.take(&record, &mut |told| {
            if let Told::Event { event, .. } = told {
                seen = (event.process.slot, event.process.version);
            }
        });
        seen
    };
    let first = version(&mut context, What::Call(open(b"/a")));
    assert_eq!(version(&mut context, What::Call(open(b"/b"))), first);
    let mut last = first;
    let root = Credentials {
        permitted: 1 << 21,
        ..Credentials::default()
    };
    for what in [
        What::Exec(exec(b"/bin/a", b"a\0")),
        What::Call(crate::record::Call {
            credentials: Some(root),
            ..call(Kind::Setuid)
        }),
        What::Call(crate::record::Call {
            result: 10,
            ..call(Kind::Setsid)
        }),
        What::Call(crate::record::Call {
            resolved: b"/srv",
            ..call(Kind::Chdir)
        }),
    ] {
        let now = version(&mut context, what);
        assert!(now.0 == last.0 && now.1 > last.1, "{what:?}");
        last = now;
    }
    // The same again is no change.
    let again = What::Call(crate::record::Call {
        credentials: Some(root),
        ..call(Kind::Capset)
    });
    assert_eq!(version(&mut context, again), last);
}

#[test]
fn a_number_used_again_is_another_process() {
    let (mut context, _) = context(Settings::default());
    run(
        &mut context,
        task(10, 1),
        What::Exec(exec(b"/bin/old", b"old\0")),
    );
    let old = task(10, 1);
    let mut new = task(10, 1);
    new.started += 60 * SECOND;
    new.name = name("new");
    let lines = run(&mut context, new, What::Call(open(b"/x")));
    assert!(lines[0].contains("new(10)"));
    // A record of the first that comes late still finds it.
    let mut late = String::new();
    context.take(
        &Record {
            task: old,
            what: What::Call(open(b"/y")),
        },
        &mut |told| {
            if let Told::Event { process, .. } = told {
                late = String::from_utf8_lossy(&process.exe_path).into_owned();
            }
        },
    );
    assert_eq!(late, "/bin/old");
    assert_eq!(context.counters().reused, 1);
    tick(&mut context, 9_000 * SECOND);
    assert_eq!(context.counters().processes, 1);
}

#[test]
fn a_fork_bomb_is_bounded_and_counted() {
    let (mut context, _) = context(Settings {
        most_processes: 200,
        ..Settings::default()
    });
    let mut parent = task(1000, 1);
    for pid in 1001..6000 {
        take(&mut context, &fork(parent, pid));
        parent = task(pid, parent.pid);
    }
    let counters = context.counters();
    assert!(counters.processes <= 200, "{counters:?}");
    assert!(counters.evicted > 4000);
    let mut longest = 0;
    context.take(
        &Record {
            task: parent,
            what: What::Call(open(b"/x")),
        },
        &mut |told| {
            if let Told::Event { process, .. } = told {
                longest =
                    std::iter::successors(process.parent.as_deref(), |it| it.parent.as_deref())
                        .count();
            }
        },
    );
    assert!((64..=140).contains(&longest), "{longest}");
}

#[test]
fn a_process_that_renames_itself_is_followed_for_a_while() {
    let (mut context, _) = context(Settings::default());
    let mut task = task(10, 1);
    for number in 0..100 {
        task.name = name(&format!("x{number}"));
        run(&mut context, task, What::Call(open(b"/x")));
    }
    assert_eq!(context.counters().renames_ignored, 100 - 33);
    // A thread's name is not its process's.
    task.tid = 11;
    task.name = name("worker");
    assert!(run(&mut context, task, What::Call(open(b"/x")))[0].contains(" x32(10) "));
}

#[test]
fn names_are_those_of_the_place() {
    let (mut context, _oracle) = with_container();
    let mut inside = within(50, task(100, 1));
    inside.uid = 7;
    let who = Credentials {
        uid: 7,
        gid: 7,
        effective_uid: 7,
        effective_gid: 7,
        ..Credentials::default()
    };
    let user = |context: &mut Context, task: Task| {
        let mut found = String::new();
        let mut it = exec(b"/bin/a", b"a\0");
        it.credentials = who;
        context.take(
            &Record {
                task,
                what: What::Exec(it),
            },
            &mut |told| {
                if let Told::Event { process, .. } = told {
                    let user = &process.user;
                    found = format!(
                        "{} {}",
                        String::from_utf8_lossy(&user.name),
                        String::from_utf8_lossy(&user.group)
                    );
                }
            },
        );
        found
    };
    assert_eq!(user(&mut context, inside), "app app");
    assert_eq!(user(&mut context, task(9, 1)), " ");
    let setuid = crate::record::Call {
        arguments: [7, 0, 0, 0, 0, 0],
        ..call(Kind::Setuid)
    };
    assert!(run(&mut context, inside, What::Call(setuid))[0].ends_with("uid=app"));
}

#[test]
fn a_health_check_comes_from_outside() {
    let (mut context, _oracle) = with_container();
    let is_check = |context: &mut Context, task: Task| {
        let mut seen = false;
        context.take(
            &Record {
                task,
                what: What::Exec(exec(b"/bin/check", b"/bin/check\0-q\0")),
            },
            &mut |told| {
                if let Told::Event { process, .. } = told {
                    seen = process.is_healthcheck;
                }
            },
        );
        seen
    };
    run(&mut context, task(20, 1), What::Call(open(b"/x")));
    take(&mut context, &fork(task(20, 1), 21));
    assert!(is_check(&mut context, within(50, task(21, 20))));
    // The same from within is somebody who would like to look like one.
    let shell = within(50, task(30, 1));
    run(&mut context, shell, What::Call(open(b"/x")));
    take(&mut context, &fork(shell, 31));
    assert!(!is_check(&mut context, within(50, task(31, 30))));
}

#[test]
fn a_step_of_the_clock_moves_events_and_starts() {
    let (mut context, _) = context(Settings::default());
    let times = |context: &mut Context| {
        let mut seen = (0, 0);
        context.take(
            &Record {
                task: task(10, 1),
                what: What::Call(open(b"/x")),
            },
            &mut |told| {
                if let Told::Event { event, .. } = told {
                    seen = (event.time, event.process.started);
                }
            },
        );
        seen
    };
    let (time, started) = times(&mut context);
    assert_eq!(time, 1_700_000_000_000_000_000);
    let later = Moment {
        boot: 5_000 * SECOND,
        wall: 1_600_000_000_000_000_000,
    };
    context.tick(later, &mut |_| {});
    let (then, began) = times(&mut context);
    assert_eq!(then, 1_600_000_000_000_000_000);
    assert_eq!(time - started, then - began);
    assert_eq!(context.counters().clock_steps, 1);
}

#[test]
fn text_that_is_not_utf8_and_long_lines_come_through() {
    let (mut context, _) = context(Settings::default());
    let mut long = b"\xff\xfe\0".to_vec();
    long.extend(b"x\0".repeat(5000));
    let lines = run(
        &mut context,
        task(10, 1),
        What::Exec(exec(b"/bin/\xff", &long)),
    );
    assert_eq!(lines.len(), 1);
    let path = vec![b'\xfe'; 5000];
    assert_eq!(
        run(&mut context, task(10, 1), What::Call(open(&path))).len(),
        1
    );
}

#[test]
fn names_that_were_looked_up_stay_in_their_container() {
    let (mut context, _oracle) = with_container();
    let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    message.extend_from_slice(
        b"\x04pool\x07example\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x09",
    );
    let dns = What::Dns(Dns {
        is_answer: true,
        server: None,
        message: &message,
    });
    let lines = run(&mut context, within(50, task(100, 1)), dns);
    assert_eq!(lines, ["lookup pool.example [Address(10.0.0.9)]"]);
    let names = |context: &mut Context, task: Task| {
        let connect = crate::record::Call {
            socket: Some(crate::record::Socket {
                protocol: "tcp",
                local: Some(([10, 0, 0, 1].into(), 4000)),
                remote: Some(([10, 0, 0, 9].into(), 3333)),
                path: b"",
                is_server: false,
            }),
            ..call(Kind::Connect)
        };
        let mut names = 0;
        context.take(
            &Record {
                task,
                what: What::Call(connect),
            },
            &mut |told| {
                if let Told::Event { event, .. } = told {
                    names = event
                        .descriptor
                        .unwrap()
                        .connection
                        .unwrap()
                        .server_names
                        .len();
                }
            },
        );
        names
    };
    assert_eq!(names(&mut context, within(50, task(100, 1))), 1);
    assert_eq!(names(&mut context, task(9, 1)), 0);
    let broken = What::Dns(Dns {
        is_answer: false,
        server: None,
        message: b"\0",
    });
    assert!(run(&mut context, task(9, 1), broken).is_empty());
    assert_eq!(context.counters().unread_messages, 1);
}

#[test]
fn a_child_that_was_heard_of_first_is_not_made_twice() {
    let (mut context, _) = context(Settings::default());
    run(&mut context, task(11, 10), What::Call(open(b"/x")));
    let record = Record {
        task: task(10, 1),
        what: What::Fork(Fork {
            pid: 11,
            started: 11 * SECOND,
            virtual_pid: 11,
        }),
    };
    take(&mut context, &record);
    assert_eq!(context.counters().processes, 2);
    assert_eq!(context.counters().reused, 0);
}

#[test]
fn a_real_machine_is_taken_in() {
    let settings = Settings::default();
    let (fake, _) = context(Settings::default());
    drop(fake);
    let mut context = Context::new(settings, Box::new(Nothing), Moment::default());
    let snapshot = context.snapshot();
    assert!(
        snapshot
            .processes
            .iter()
            .any(|seen| seen.pid == std::process::id())
    );
    context.start(&snapshot, &mut |_| {});
    assert!(context.counters().processes > 1);
    assert_eq!(context.counters().evicted, 0);
}
