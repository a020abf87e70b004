//! `seawall man`

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::write_stdout;
use crate::{
    args::{Cli, Man},
    exit::{Exit, Failure},
};

pub(super) fn run(man: &Man) -> Result<Exit, Failure> {
    let command = Cli::command();
    if let Some(folder) = &man.out {
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .with_context(|| format!("write manual pages to {}", folder.display()))
            .map_err(Failure::failed)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(Failure::failed)?;
        write_stdout(&page)?;
    }
    Ok(Exit::Clean)
}
