//! On the kernel these tests run on: all of this works where BPF does not.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use testkit::container::{self, Container};

use super::*;
use crate::{kernel::Judgement, record::Outcome};

/// Polls until `enough` says so, for ten seconds at most.
fn watch(fallback: &mut Fallback, mut enough: impl FnMut(&Record<'_>) -> bool) -> bool {
    let began = Instant::now();
    let mut found = false;
    while !found && began.elapsed() < Duration::from_secs(10) {
        fallback
            .poll(Duration::from_millis(50), &mut |record| {
                found |= enough(record);
            })
            .unwrap();
    }
    found
}

fn skips_without_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        testkit::skipped("the process connector and fanotify are for root");
    }
    !is_root
}

/// Says whether a record is the exec of a program with this argument.
fn is_exec_with(record: &Record<'_>, word: &str) -> bool {
    matches!(record.what, What::Exec(exec)
        if exec.arguments.split(|byte| *byte == 0).any(|each| each == word.as_bytes()))
}

/// A sleeper named by a word nobody else has in their command line.
fn sleeper(word: &str) -> std::process::Child {
    Command::new("sh")
        .args(["-c", "read line", word])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

fn sees_a_process(mut fallback: Fallback, word: &str) {
    let mut child = sleeper(word);
    let pid = child.id();
    assert!(watch(&mut fallback, |record| {
        record.task.pid == pid && is_exec_with(record, word)
    }));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(watch(&mut fallback, |record| {
        record.task.pid == pid && matches!(record.what, What::Exit { .. })
    }));
    assert!(fallback.process.sent >= 2);
}

#[test]
fn the_connector_tells_of_processes() {
    if skips_without_root() {
        return;
    }
    let fallback = Fallback::start(&Options::default());
    if fallback.connector.is_none() {
        return testkit::skipped("this kernel has no process connector");
    }
    let word = format!("connector-{}", std::process::id());
    sees_a_process(fallback, &word);
}

#[test]
fn looking_again_and_again_tells_of_processes() {
    let mut fallback = Fallback::start(&Options::default());
    fallback.connector = None;
    let word = format!("looking-{}", std::process::id());
    sees_a_process(fallback, &word);
}

#[test]
fn drift_is_refused_in_a_container_and_clean_programs_run() {
    if skips_without_root() {
        return;
    }
    let Some(container) = Container::start(&container::Options::default()).unwrap() else {
        return;
    };
    let mut fallback = Fallback::start(&Options::default());
    assert!(fallback.gate.is_some(), "{:?}", fallback.why);
    let namespace = container.mount_namespace().unwrap();
    let cgroup = fallback.processes.cgroup(container.pid().unwrap());
    let script = "cp /bin/busybox /tmp/busybox-new; chmod 755 /tmp/busybox-new; \
                  for i in 1 2 3 4 5 6 7 8 9 10; do \
                    /tmp/busybox-new echo drifted; /bin/busybox echo clean; \
                  done 2>&1";
    let run = || {
        let output = container.exec(&["sh", "-c", script]).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        (
            count("clean"),
            text.lines().filter(|line| *line == "drifted").count(),
            count("not permitted"),
        )
    };
    let mut file = crate::record::File::default();
    let mut drain = |fallback: &mut Fallback| {
        let mut outcomes = Vec::new();
        watch(fallback, |record| {
            if let What::Verdict(verdict) = record.what
                && record.task.mount_namespace == namespace
            {
                assert_eq!(verdict.path, b"/tmp/busybox-new");
                assert!(verdict.file.is_upper);
                file = verdict.file;
                outcomes.push(verdict.outcome);
            }
            outcomes.len() == 10
        });
        outcomes
    };
    assert_eq!(run(), (10, 10, 0));

    fallback.set_drift(cgroup, Some(Action::Try));
    assert_eq!(run(), (10, 10, 0));
    assert_eq!(drain(&mut fallback), [Outcome::WouldStop; 10]);

    fallback.set_drift(cgroup, Some(Action::Stop));
    assert_eq!(run(), (10, 0, 10));
    assert_eq!(drain(&mut fallback), [Outcome::Refused; 10]);

    // What was said of a file counts for more, until it changes.
    fallback.judge(&file, Judgement::Allowed);
    let echo = ["/tmp/busybox-new", "echo", "drifted"];
    assert_eq!(container.exec(&echo).unwrap().stdout, b"drifted\n");
    assert_eq!(run(), (10, 0, 10));

    fallback.set_drift(cgroup, None);
    assert_eq!(run(), (10, 10, 0));
}

#[test]
fn drift_is_ended_where_nobody_asks() {
    if skips_without_root() {
        return;
    }
    let Some(container) = Container::start(&container::Options::default()).unwrap() else {
        return;
    };
    let mut fallback = Fallback::start(&Options::default());
    fallback.gate = None;
    let cgroup = fallback.processes.cgroup(container.pid().unwrap());
    fallback.set_drift(cgroup, Some(Action::Stop));
    let mut child = container
        .command(&[
            "sh",
            "-c",
            "cp /bin/busybox /tmp/busybox-new; exec /tmp/busybox-new sleep 30",
        ])
        .spawn()
        .unwrap();
    assert!(watch(&mut fallback, |record| matches!(
        record.what,
        What::Verdict(verdict) if verdict.outcome == Outcome::Killed
    )));
    assert!(!child.wait().unwrap().success());
}

#[test]
fn files_written_and_secrets_read_are_told() {
    if skips_without_root() {
        return;
    }
    let files = vec![("/etc/shadow".to_owned(), b"root:*::\n".to_vec())];
    let options = container::Options {
        files,
        ..container::Options::default()
    };
    let Some(container) = Container::start(&options).unwrap() else {
        return;
    };
    let namespace = container.mount_namespace().unwrap();
    let mut fallback = Fallback::start(&Options::default());
    let mut child = container
        .command(&[
            "sh",
            "-c",
            "echo x > /tmp/written; read line < /etc/shadow; sleep 30",
        ])
        .spawn()
        .unwrap();
    let (mut written, mut read) = (false, false);
    assert!(watch(&mut fallback, |record| {
        if let What::Call(call) = record.what
            && record.task.mount_namespace == namespace
        {
            written |= call.resolved == b"/tmp/written" && call.arguments[2] & 1 == 1;
            read |= call.resolved == b"/etc/shadow" && call.arguments[2] & 1 == 0;
        }
        written && read
    }));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_is_lost_is_said() {
    let fallback = Fallback::start(&Options {
        has_files: false,
        ..Options::default()
    });
    let report = fallback.report();
    assert!(report.iter().all(|feature| !feature.lost.is_empty()));
    assert!(
        report
            .iter()
            .all(|feature| feature.state != crate::kernel::State::Active)
    );
}
