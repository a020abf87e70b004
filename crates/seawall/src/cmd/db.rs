//! `seawall db`

mod look;
mod write;

use super::Context;
use crate::{
    args::db::Db,
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, db: &Db) -> Result<Exit, Failure> {
    match db {
        Db::Update(update) => write::update(context, update),
        Db::Import(import) => write::import(context, import),
        Db::Export(export) => write::export(context, export),
        Db::Status(status) => look::status(context, status),
        Db::Search(search) => look::search(context, search),
    }
}
