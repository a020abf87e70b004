//! `seawall audit`

mod policy;
mod replay;
mod verify;

use super::Context;
use crate::{
    args::audit::Audit,
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, audit: &Audit) -> Result<Exit, Failure> {
    match audit {
        Audit::Replay(replay) => replay::run(context, replay),
        Audit::Policy(policy) => policy::run(policy),
        Audit::Verify(verify) => verify::run(context, verify),
    }
}
