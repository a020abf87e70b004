//! Tests that talk to the kernel they run on.

mod calls;
mod context;
mod detect;
mod enforce;
mod fallback;
mod kernel;
mod machine;
mod processes;
mod refuse;

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sensor::{
    kernel::{Error, Kernel, Opens, Report, Settings},
    record::{Record, What},
};
use testkit::container::{Container, Options};

/// Started once for all tests: verifying the programs takes seconds where
/// a machine is emulated.
static WATCHED: Mutex<Option<(Kernel, Report)>> = Mutex::new(None);

/// The kernel that is watched, for one test at a time.
struct Watched(MutexGuard<'static, Option<(Kernel, Report)>>);

impl Watched {
    fn report(&self) -> &Report {
        &self.0.as_ref().unwrap().1
    }
}

impl Deref for Watched {
    type Target = Kernel;

    fn deref(&self) -> &Kernel {
        &self.0.as_ref().unwrap().0
    }
}

impl DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Kernel {
        &mut self.0.as_mut().unwrap().0
    }
}

/// The kernel, watched from here on, or `None` after saying why it is not.
fn watched() -> Option<Watched> {
    let mut shared = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        match Kernel::start(&Settings::default()) {
            Ok((kernel, report)) if report.state("programs").is_none() => {
                *shared = Some((kernel, report));
            }
            Ok((_, report)) => {
                testkit::skipped(&format!("this kernel takes no programs:\n{report}"));
                return None;
            }
            Err(error @ (Error::Privilege | Error::NoTypes(_))) => {
                testkit::skipped(&model::error::chain(&error));
                return None;
            }
            Err(error) => panic!("{}", model::error::chain(&error)),
        }
    }
    let mut watched = Watched(shared);
    watched.set_opens(Opens::Sensitive).unwrap();
    // What the test before left, and others did meanwhile.
    while watched.poll(Duration::ZERO, &mut |_| {}).unwrap() > 1000 {}
    Some(watched)
}

/// Polls until it was told enough, for some seconds at most; whether it
/// was.
fn until(kernel: &mut Kernel, mut enough: impl FnMut(&Record<'_>) -> bool) -> bool {
    // Emulated on a busy machine, all takes longer.
    let patience = Duration::from_secs(if crate::vm::is_inside() { 180 } else { 20 });
    let began = Instant::now();
    let mut found = false;
    while !found && began.elapsed() < patience {
        kernel
            .poll(Duration::from_millis(20), &mut |record| {
                found = found || enough(record);
            })
            .unwrap();
    }
    found
}

/// A container of a test's own.
fn container() -> Option<Container> {
    Container::start(&Options::default()).unwrap()
}

/// Whether a record is about this container and no other.
fn is_of(record: &Record<'_>, mount_namespace: u32) -> bool {
    record.task.mount_namespace == mount_namespace
}

/// Whether a record is the exec of a program with this argument.
fn is_exec_with(record: &Record<'_>, word: &str) -> bool {
    matches!(record.what, What::Exec(exec)
        if exec.arguments.split(|byte| *byte == 0).any(|each| each == word.as_bytes()))
}
