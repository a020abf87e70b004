//! The server's configuration, for the commands that need it.

use std::{fs, path::Path};

use server::Config;

use super::Context;
use crate::exit::Failure;

/// Read where it lies in the working folder, without being asked for.
const CONFIG_FILE: &str = "seawall.yaml";

/// Defaults, the file, the environment, the folder given: later ones win.
pub(super) fn read(
    context: &Context,
    named: Option<&Path>,
    data_dir: Option<&Path>,
) -> Result<Config, Failure> {
    let defaults = Config {
        data_dir: context.env.data_dir(),
        cache_dir: context.env.cache_dir(),
        ..Config::default()
    };
    let found = named.or_else(|| Some(Path::new(CONFIG_FILE)).filter(|path| path.is_file()));
    let yaml = match found {
        Some(path) => fs::read_to_string(path).map_err(|error| {
            Failure::bad_file(error).context(format!("read {}", path.display()))
        })?,
        None => String::new(),
    };
    let mut config = defaults
        .overlaid(&yaml, context.env.texts())
        .map_err(|error| {
            let failure = Failure::bad_file(error);
            match found {
                Some(path) => failure.context(format!("use {}", path.display())),
                None => failure,
            }
        })?;
    if let Some(folder) = data_dir {
        folder.clone_into(&mut config.data_dir);
    }
    Ok(config)
}
