//! Runs this very program in emulated machines with Debian's kernels, so
//! that every test in `live` is also run where BPF LSM, fentry and modules
//! are allowed. Nothing may be skipped there. `SEAWALL_VM_TESTS` names
//! those to run instead.

use std::{collections::BTreeSet, path::Path, time::Duration};

use testkit::vm::{self, Initramfs, Machine};

/// Those of real engines' context, and of malware's own process, need more
/// than a kernel.
const WHICH: &str = "live:: --skip live::context --skip known_to_be_bad";

/// Set inside such a machine: tests may do there what would touch others.
const INSIDE: &str = "SEAWALL_TEST_MACHINE";

pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

#[test]
fn live_tests_pass_on_debian_6_1() {
    prove("6.1");
}

#[test]
fn live_tests_pass_on_debian_6_12() {
    prove("6.12");
}

fn prove(series: &str) {
    let (Some(qemu), Some(kernel)) = (vm::emulator(), vm::kernel(series).unwrap()) else {
        return;
    };
    let mut files = Initramfs::new();
    let own = std::env::current_exe().unwrap();
    files.program("/bin/it", &own).unwrap();
    let sensor = Path::new(env!("CARGO_BIN_EXE_seawall-sensor"));
    files.program("/bin/seawall-sensor", sensor).unwrap();
    match vm::find("runc") {
        Some(runc) => files.program("/bin/runc", &runc).unwrap(),
        None => return testkit::skipped("runc is not installed (package runc)"),
    }
    files.link("/etc/mtab", "/proc/mounts");
    let which = std::env::var("SEAWALL_VM_TESTS").unwrap_or_else(|_| WHICH.into());
    let script = format!(
        "export {INSIDE}=1\n\
         it {which} --test-threads=1 --nocapture"
    );
    let mut machine = Machine::new(&kernel, files, &script);
    // A minute or two where nothing else runs.
    machine.patience = Duration::from_mins(12);
    // One each: processors that are emulated wait for each other.
    machine.processors = 1;
    let outcome = machine
        .run(&qemu, &mut |line| println!("{series}| {line}"))
        .unwrap();
    println!(
        "{}: booted in {:.1} s, {:.1} s in all",
        kernel.release,
        outcome.booted.as_secs_f64(),
        outcome.took.as_secs_f64()
    );
    assert_eq!(outcome.code, 0, "tests failed on {}", kernel.release);
    let passed = outcome
        .lines
        .iter()
        .any(|line| line.starts_with("test result: ok. ") && !line.contains(" 0 passed"));
    assert!(passed, "no test was run on {}", kernel.release);
    let skipped: BTreeSet<_> = outcome
        .lines
        .iter()
        .filter_map(|line| line.split_once("skipped: "))
        .map(|(_, why)| why)
        .collect();
    assert!(
        skipped.is_empty(),
        "skipped on {}: {skipped:?}",
        kernel.release
    );
}
