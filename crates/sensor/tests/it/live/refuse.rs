//! Ways around what is forbidden, and what has to hold when nobody
//! listens.

use std::process::Output;

use sensor::{
    drift::{Mark, Order},
    kernel::{Class, Kernel, Settings, State},
    record::{Cgroup, Matter, Outcome, What},
};
use testkit::container::{Container, Options};

use super::{enforce::contained_in, until, watched};

fn stop_drift(cgroup: Cgroup) -> Order {
    Order {
        cgroup,
        drift: Mark::Stop,
        metadata: Mark::Report,
        sysctl: Mark::Report,
        is_gone: false,
    }
}

fn run(container: &Container, script: &str) -> Output {
    container.exec(&["sh", "-c", script]).unwrap()
}

#[test]
fn clean_programs_are_never_touched() {
    let Some((mut kernel, container, cgroup)) = contained_in(&Options::default()) else {
        return;
    };
    kernel.order(&stop_drift(cgroup)).unwrap();
    let script = "i=0; while [ $i -lt 100 ]; do /bin/busybox echo clean; i=$((i+1)); done";
    let output = run(&container, script);
    assert_eq!(output.stdout, b"clean\n".repeat(100), "{output:?}");
    run(&container, ":> /tmp/done");
    assert!(until(&mut kernel, |record| {
        assert!(
            record.task.cgroup != cgroup || !matches!(record.what, What::Verdict(_)),
            "{record:?}"
        );
        matches!(&record.what, What::Call(call)
            if record.task.cgroup == cgroup && call.path == b"/tmp/done")
    }));
}

#[test]
fn another_mount_namespace_is_no_way_around() {
    let options = Options {
        is_privileged: true,
        ..Options::default()
    };
    let Some((mut kernel, container, cgroup)) = contained_in(&options) else {
        return;
    };
    kernel.order(&stop_drift(cgroup)).unwrap();
    let output = run(
        &container,
        "cp /bin/busybox /tmp/echo; unshare -m /tmp/echo escaped; \
         ln /tmp/echo /etc/echo; /etc/echo escaped; \
         ln -s /tmp/echo /bin/linked; /bin/linked escaped; \
         cd /tmp; ./echo escaped; chroot / /tmp/echo escaped; echo over",
    );
    assert_eq!(output.stdout, b"over\n", "{output:?}");
    let mut told = 0;
    assert!(until(&mut kernel, |record| {
        told += usize::from(
            record.task.cgroup == cgroup
                && matches!(&record.what, What::Verdict(verdict)
                    if verdict.matter == Matter::Drift && verdict.outcome != Outcome::WouldStop),
        );
        told == 5
    }));
}

#[test]
fn a_script_that_was_dropped_is_refused_where_hooks_are() {
    let Some((mut kernel, container, cgroup)) = contained_in(&Options::default()) else {
        return;
    };
    let is_refused = kernel.report().state("drift") == Some(State::Active);
    kernel.order(&stop_drift(cgroup)).unwrap();
    let output = run(
        &container,
        "printf '#!/bin/sh\\necho ran\\n' > /tmp/script; chmod 755 /tmp/script; \
         /tmp/script; echo over",
    );
    let expected: &[u8] = if is_refused {
        b"over\n"
    } else {
        b"ran\nover\n"
    };
    assert_eq!(output.stdout, expected, "{output:?}");
}

#[test]
fn what_is_refused_stays_so_when_nobody_listens() {
    let Some((kernel, container, cgroup)) = contained_in(&Options::default()) else {
        return;
    };
    drop(kernel);
    let settings = Settings {
        critical_bytes: 16 << 10,
        ..Settings::default()
    };
    let (mut kernel, _) = Kernel::start(&settings).unwrap();
    kernel.order(&stop_drift(cgroup)).unwrap();
    let output = run(
        &container,
        "cp /bin/busybox /tmp/echo; i=0; \
         while [ $i -lt 100 ]; do /tmp/echo escaped; i=$((i+1)); done; \
         /bin/busybox echo clean; echo $i",
    );
    assert_eq!(output.stdout, b"clean\n100\n", "{output:?}");
    let counters = kernel.counters();
    let verdicts = counters
        .iter()
        .find(|each| each.class == Class::Verdict)
        .unwrap();
    assert!(verdicts.dropped > 0, "{verdicts:?}");
    assert!(verdicts.sent + verdicts.dropped >= 100, "{verdicts:?}");
}

#[test]
fn kernel_settings_are_refused_to_a_privileged_container() {
    let options = Options {
        is_privileged: true,
        ..Options::default()
    };
    let Some((mut kernel, container, cgroup)) = contained_in(&options) else {
        return;
    };
    kernel
        .order(&Order {
            sysctl: Mark::Stop,
            drift: Mark::Report,
            ..stop_drift(cgroup)
        })
        .unwrap();
    // What is there already, so that no harm is done where it is written.
    let output = run(
        &container,
        "p=/proc/sys/kernel/core_pattern; old=$(cat $p); echo \"$old\" > $p || echo refused; \
         p=/proc/sys/kernel/hostname; old=$(cat $p); echo \"$old\" > $p && echo written",
    );
    assert_eq!(output.stdout, b"refused\nwritten\n", "{output:?}");
    assert!(until(&mut kernel, |record| {
        matches!(&record.what, What::Verdict(verdict)
            if record.task.cgroup == cgroup
                && matches!(verdict.matter, Matter::Sysctl | Matter::File)
                && verdict.outcome == Outcome::Refused
                && verdict.path.ends_with(b"kernel/core_pattern"))
    }));
}

#[test]
fn connections_made_by_io_uring_are_seen() {
    let Some(mut kernel) = watched() else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    if let Err(error) = testkit::uring::connect(address) {
        return testkit::skipped(&format!("no io_uring here: {error}"));
    }
    assert!(until(&mut kernel, |record| {
        matches!(&record.what, What::Call(call)
        if call.by == sensor::record::Via::IoUring
            && call.socket.is_some_and(|socket| {
                socket.remote == Some((address.ip(), address.port()))
            }))
    }));
}
