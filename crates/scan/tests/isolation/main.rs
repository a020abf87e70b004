//! What a parser that fell to its input can do: nothing.
//!
//! This program is both sides. As a test it scans images; asked for an
//! `attack` it is a worker, shut in by the very code that shuts in the
//! real one, whose parser does what the layer says. Everything is done
//! twice: as root, and as an ordinary user who owns the asker too.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says where by panicking, and a runner prints"
)]

mod attack;
mod subject;
mod tests;

use std::{
    ffi::OsString,
    panic::catch_unwind,
    process::{Command, ExitCode},
};

/// As the program has it: memory is bounded whoever hands it out.
#[global_allocator]
static PIECES: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The second round, as nobody.
const AS_NOBODY: &str = "as-nobody";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    if scan::Isolation::is_asked(first.as_ref()) {
        return scan::serve(arguments);
    }
    let first = first.unwrap_or_default();
    if first == "attack" {
        return attack::serve(arguments);
    }
    let is_second = first == AS_NOBODY;
    let filter = if is_second {
        arguments.next().unwrap_or_default()
    } else {
        first
    };
    // Flags are for the usual runner.
    let filter = filter
        .into_string()
        .ok()
        .filter(|filter| !filter.starts_with('-'))
        .unwrap_or_default();
    if filter.is_empty() && std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let who = if rustix::process::geteuid().is_root() {
        "root"
    } else {
        "an ordinary user"
    };
    let mut failed = 0;
    for (name, test) in tests::ALL {
        if !name.contains(filter.as_str()) {
            continue;
        }
        let outcome = catch_unwind(test);
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("test as {who}: {name} ... {word}");
        failed += u8::from(outcome.is_err());
    }
    if !is_second && who == "root" {
        failed += u8::from(!second_round(&filter));
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The same again as nobody, from a place nobody may read.
fn second_round(filter: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), mode).unwrap();
    let program = folder.path().join("isolation");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let arguments: [OsString; 6] = [
        "--reuid=65534".into(),
        "--regid=65534".into(),
        "--clear-groups".into(),
        program.into(),
        AS_NOBODY.into(),
        filter.into(),
    ];
    let Ok(status) = Command::new("setpriv")
        .args(arguments)
        .current_dir("/")
        .status()
    else {
        testkit::skipped("there is no setpriv to become an ordinary user with");
        return true;
    };
    status.success()
}
