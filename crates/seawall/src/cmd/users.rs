//! `seawall users recover`

use model::Clock as _;
use server::recovery;

use super::{Context, config, store, write_stdout};
use crate::{
    args::users::Recover,
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, arguments: &Recover) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime.block_on(reset(context, arguments))
}

async fn reset(context: &Context, arguments: &Recover) -> Result<Exit, Failure> {
    let place = store::place(context, &arguments.place)?;
    let config = config::read(
        context,
        arguments.place.config.as_deref(),
        arguments.place.data_dir.as_deref(),
    )?;
    let link = recovery::reset(&place, &config, &arguments.name, context.clock.now())
        .await
        .map_err(Failure::failed)?;
    let text = format!(
        "Open this link to choose a new password for {}; it works once:\n\n  {link}\n",
        arguments.name
    );
    write_stdout(text.as_bytes())?;
    Ok(Exit::Clean)
}
