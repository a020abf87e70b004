//! Which files of images are used, as sensors tell, and what that says
//! of packages.
//!
//! What a sensor saw is kept by the digest it knows an image by, whether
//! or not the image is known here, and holds of that build alone. What it
//! says of packages is worked out again whenever either changes.

mod intake;
mod map;
mod note;
mod unused;

use model::{
    in_use::{Known, NotKnown},
    priority::Reach,
};

pub(crate) use self::map::refresh as refresh_packages;
pub use self::{
    intake::{TakenUse, UsedFile, UsedImage},
    note::{ImageUse, Reached},
    unused::UnusedVulnerability,
};
use crate::{StoreError, db::Row};

/// The number a reach has in the database.
pub(crate) fn reach_number(reach: Reach) -> i64 {
    match reach {
        Reach::NotRunning => 0,
        Reach::Inside => 1,
        Reach::NotKnown => 2,
        Reach::Node => 3,
        Reach::Outside => 4,
    }
}

pub(crate) fn reach_of(number: i64) -> Reach {
    match number {
        1 => Reach::Inside,
        2 => Reach::NotKnown,
        3 => Reach::Node,
        4 => Reach::Outside,
        _ => Reach::NotRunning,
    }
}

/// The number a reason has in the database; those that are of an image
/// and not of a package have none.
fn reason_number(why: NotKnown) -> i64 {
    match why {
        NotKnown::OldSbom => 1,
        NotKnown::Modules => 2,
        NotKnown::Listed => 3,
        NotKnown::NoPrograms => 4,
        NotKnown::NotRunning | NotKnown::NotWatched | NotKnown::TooShort(_) => 0,
    }
}

fn reason_of(number: i64) -> NotKnown {
    match number {
        1 => NotKnown::OldSbom,
        2 => NotKnown::Modules,
        3 => NotKnown::Listed,
        4 => NotKnown::NoPrograms,
        _ => NotKnown::NotWatched,
    }
}

/// From outer-joined `running` and `watched` of `image_use`, and `noted`,
/// `unseeable`, `seen` and, under this name, `path` of `package_in_use`.
pub(crate) fn known(row: &Row, path: &'static str) -> Result<Known, StoreError> {
    let seen = match row.maybe_time("seen")? {
        Some(at) => Some((at, row.maybe_text(path)?.unwrap_or_default())),
        None => None,
    };
    let unseeable = match row.maybe_int("noted")? {
        // No sensor told of this image.
        None => Some(NotKnown::NotWatched),
        Some(_) => row.maybe_int("unseeable")?.map(reason_of),
    };
    Ok(Known {
        seen,
        running: row
            .maybe_int("running")?
            .and_then(|count| count.try_into().ok())
            .unwrap_or(0),
        watched: row.maybe_time("watched")?,
        unseeable,
    })
}
