//! Signing in through an identity provider.

use crate::app::App;

/// Where to send the browser to sign out there too.
pub(crate) fn sign_out_url(_app: &App, _id_token: &str) -> Option<String> {
    None
}
