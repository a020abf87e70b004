//! `cargo xtask vm`: kernels this machine does not run, to try things on.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use testkit::vm::{self, Initramfs, Machine, SERIES};

const HELP: &str = "\
Emulated machines with Debian's kernels.

Usage: cargo xtask vm <command>

Commands:
  fetch                                 fetch the kernels the tests boot
  run <series> <program> [argument]...  boot one (6.1, 6.12) and run a program
                                        of this machine in it, as root

/bin holds busybox there. Files that the arguments name by their full path
are found there under the same path.
";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command speaks on the terminal"
)]
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    match perform(arguments, &mut |line| println!("{line}")) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(arguments: &[String], say: &mut dyn FnMut(&str)) -> anyhow::Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fetch"] => {
            for series in SERIES {
                let kernel = vm::kernel::fetch(series, eprint)?;
                say(&format!("{} {}", kernel.release, kernel.image.display()));
            }
            Ok(ExitCode::SUCCESS)
        }
        ["run", series, program, rest @ ..] => boot(series, program, rest, say),
        [] | ["help" | "--help" | "-h"] => {
            say(HELP.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        [other, ..] => bail!("no command '{other}'\n\n{HELP}"),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what takes a while says what it does meanwhile"
)]
fn eprint(text: &str) {
    eprintln!("vm: {text}");
}

fn boot(
    series: &str,
    program: &str,
    arguments: &[&str],
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<ExitCode> {
    let (Some(qemu), Some(kernel)) = (vm::emulator(), vm::kernel(series)?) else {
        return Ok(ExitCode::FAILURE);
    };
    let found = if program.contains('/') {
        Path::new(program).to_owned()
    } else {
        vm::find(program).with_context(|| format!("no program '{program}' here"))?
    };
    let mut files = Initramfs::new();
    // Under its own name: some programs do what they are called.
    let name = found.file_name().unwrap_or_default().to_string_lossy();
    let mut script = format!("/program/{name}");
    files.program(&script, &found)?;
    for argument in arguments {
        let path = Path::new(argument);
        if path.is_absolute() && path.is_file() {
            files.file(argument, 0o755, std::fs::read(path)?);
        }
        script.push_str(" '");
        script.push_str(&argument.replace('\'', r"'\''"));
        script.push('\'');
    }
    let outcome = Machine::new(&kernel, files, &script).run(&qemu, say)?;
    eprint(&format!(
        "{}: booted in {:.1} s, {:.1} s in all, ended with {}",
        kernel.release,
        outcome.booted.as_secs_f64(),
        outcome.took.as_secs_f64(),
        outcome.code
    ));
    Ok(u8::try_from(outcome.code).map_or(ExitCode::FAILURE, ExitCode::from))
}
