//! `seawall-sensor`: the one privileged process of Seawall, its command
//! line and its wiring. What it does is done by the library beside it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
