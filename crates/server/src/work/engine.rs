//! The one place where the server calls the scanning and matching
//! engines.

use std::{cmp::Ordering, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use model::{Cancel, Report, Sbom, TargetKind, VersionScheme, Warning, db::DatabaseStatus};

use super::{discovery::Found, meter::Meter};
use crate::config::Config;

pub(crate) const COMPARE: fn(VersionScheme, &str, &str) -> Option<Ordering> =
    vulns::version::compare;
