//! What the other tests of this folder stand on: if one of these fails,
//! look here first.

use testkit::container::{Container, Options};

#[test]
fn containers_run_here() {
    let Some(container) = Container::start(&Options::default()).unwrap() else {
        return;
    };
    let output = container.exec(&["cat", "/proc/1/cmdline"]).unwrap();
    assert_eq!(output.stdout, b"sleep\x001000000\0");
}

#[test]
fn files_are_opened_by_io_uring() {
    match testkit::uring::open("/etc/mtab") {
        Ok(file) => drop(file),
        Err(error) => testkit::skipped(&format!("no io_uring here: {error}")),
    }
}
