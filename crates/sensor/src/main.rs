//! `seawall-sensor`: the one privileged process of Seawall.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
