//! Developer commands: `cargo xtask <command>`.

mod cluster;
mod load;
mod tidy;
mod vm;

use std::{path::PathBuf, process::ExitCode};

const HELP: &str = "\
Developer commands.

Usage: cargo xtask <command>

Commands:
  tidy    check what the compiler and clippy cannot: which room may depend
          on which, where SQL, HTTP and the kernel may be touched, file
          sizes and names, generated files, the dependency count
  cluster a real Kubernetes API server on loopback (`cargo xtask cluster`
          says how)
  audit-load
          send a server as many audit events as an API server can
  vm      boot other kernels to try the node sensor on (`cargo xtask vm`
          says how)
  help    print this
";

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command speaks on the terminal"
)]
fn main() -> ExitCode {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(PathBuf::from)
        .expect("invariant: xtask lies inside the workspace");
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => match tidy::check(&root) {
            Ok(report) if report.offences.is_empty() => {
                println!("{}", report.summary);
                ExitCode::SUCCESS
            }
            Ok(report) => {
                for offence in &report.offences {
                    eprintln!("tidy: {offence}");
                }
                eprintln!("tidy: {} offences", report.offences.len());
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("tidy: {error:#}");
                ExitCode::FAILURE
            }
        },
        Some("audit-load") => {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            load::run(&arguments)
        }
        Some("cluster") => {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            cluster::run(&root, &arguments)
        }
        Some("vm") => {
            let arguments: Vec<String> = std::env::args().skip(2).collect();
            vm::run(&arguments)
        }
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("xtask: no command '{other}'\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}
