//! `seawall users recover`

use clap::Args;

use super::store::StorePlace;

/// Print a one-time link to choose a new password, on the server's own machine
///
/// Works on the record itself, whether the server runs or not; whoever may read the
/// record may do this. The account's old password stops working, its sessions end, and
/// a disabled account works again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  seawall users recover ada
  seawall users recover ada --config /etc/seawall/seawall.yaml")]
pub(crate) struct Recover {
    /// The account's sign-in name
    pub name: String,
    #[command(flatten)]
    pub place: StorePlace,
}
