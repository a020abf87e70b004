//! `seawall version`

use std::fmt::Write as _;

use vulns::Database;

use super::{Context, write_stdout};
use crate::{
    args::Version,
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, version: &Version) -> Result<Exit, Failure> {
    let folder = context.database_dir(&version.database);
    let mut text = format!(
        "seawall {}\nplatform: {}/{}\ndatabase: {}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        folder.display(),
    );
    // A version must print whatever state the database is in.
    let state = match Database::open(&folder) {
        Ok(database) => {
            let status = database.status();
            format!(
                "generation {}, {} advisories, compiled {}",
                status.generation,
                status.advisories,
                status.compiled.strftime("%Y-%m-%d %H:%M UTC"),
            )
        }
        Err(error) => model::error::chain(&error),
    };
    writeln!(text, "          {state}").expect("invariant: writing to a string cannot fail");
    write_stdout(text.as_bytes())?;
    Ok(Exit::Clean)
}
