//! `seawall completion`

use clap::CommandFactory as _;

use super::write_stdout;
use crate::{
    args::{Cli, Completion},
    exit::{Exit, Failure},
};

pub(super) fn run(completion: &Completion) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        completion.shell,
        &mut Cli::command(),
        "seawall",
        &mut script,
    );
    write_stdout(&script)?;
    Ok(Exit::Clean)
}
