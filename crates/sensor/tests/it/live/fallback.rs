//! The kernel watched from outside, as where it takes no programs.

use std::time::{Duration, Instant};

use sensor::{
    drift::{Mark, Order},
    kernel::{Error, Kernel, Means, Settings, State},
    record::{Cgroup, Outcome, What},
};

use super::{container, is_exec_with};

#[test]
fn drift_is_refused_from_outside_and_clean_programs_run() {
    let settings = Settings {
        by: Means::Outside,
        ..Settings::default()
    };
    let (mut kernel, report) = match Kernel::start(&settings) {
        Ok(both) => both,
        Err(Error::Privilege) => return testkit::skipped("only root may watch from outside"),
        Err(error) => panic!("{}", model::error::chain(&error)),
    };
    println!("{report}");
    assert_eq!(report.state("programs"), Some(State::Off));
    if !report
        .features
        .iter()
        .any(|it| it.name == "drift" && it.detail.starts_with("fanotify"))
    {
        return testkit::skipped("fanotify may not ask here before programs run");
    }
    let Some(container) = container() else { return };
    let namespace = container.mount_namespace().unwrap();
    let mut cgroup = Cgroup::default();
    let until = |kernel: &mut Kernel,
                 enough: &mut dyn FnMut(&sensor::record::Record<'_>) -> bool| {
        let began = Instant::now();
        let mut found = false;
        while !found
            && began.elapsed() < Duration::from_secs(if crate::vm::is_inside() { 180 } else { 20 })
        {
            kernel
                .poll(Duration::from_millis(20), &mut |record| {
                    found = found || enough(record);
                })
                .unwrap();
        }
        found
    };
    assert!(until(&mut kernel, &mut |record| {
        let is_it = record.task.mount_namespace == namespace
            && matches!(record.what, What::Exec(_))
            && is_exec_with(record, "1000000");
        if is_it {
            cgroup = record.task.cgroup;
        }
        is_it
    }));
    kernel
        .order(&Order {
            cgroup,
            drift: Mark::Stop,
            metadata: Mark::Report,
            sysctl: Mark::Report,
            is_gone: false,
        })
        .unwrap();
    let script = "cp /bin/busybox /tmp/echo; i=0; \
                  while [ $i -lt 100 ]; do /tmp/echo escaped; /bin/busybox true || echo refused; \
                  i=$((i+1)); done; echo $i";
    let output = container.exec(&["sh", "-c", script]).unwrap();
    assert_eq!(output.stdout, b"100\n", "{output:?}");
    let mut refused = 0;
    assert!(until(&mut kernel, &mut |record| {
        if let What::Verdict(verdict) = record.what
            && record.task.mount_namespace == namespace
        {
            assert_eq!(verdict.outcome, Outcome::Refused);
            assert_eq!(verdict.path, b"/tmp/echo");
            refused += 1;
        }
        refused == 100
    }));
}
