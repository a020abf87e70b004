//! Letting somebody back in, on the server's own machine.
//!
//! Whoever may write the record may do anything to it; this merely does
//! it rightly, with an entry in the trail.

use jiff::Timestamp;
use store::{Author, Place, Store, StoreError, UserChange, UserRefusal};

use crate::{app, config::Config, secret::Token};

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("find the account '{0}'")]
    Missing(String),
    #[error("reset '{0}': the identity provider made this account; sign in there")]
    External(String),
    #[error("make a link")]
    Random(#[source] getrandom::Error),
}

/// Enables an account and makes a one-time link to choose its password
/// with. Works beside a running server.
pub async fn reset(
    place: &Place,
    config: &Config,
    name: &str,
    now: Timestamp,
) -> Result<String, RecoveryError> {
    let record = Store::beside(place).await?;
    let outcome = link(&record, config, name, now).await;
    record.close().await;
    outcome
}

async fn link(
    record: &Store,
    config: &Config,
    name: &str,
    now: Timestamp,
) -> Result<String, RecoveryError> {
    let missing = || RecoveryError::Missing(name.to_owned());
    let named = name.trim().to_lowercase();
    let user = record.user_named(&named, now).await?.ok_or_else(missing)?;
    let refused = |refusal: UserRefusal| match refusal {
        UserRefusal::External => RecoveryError::External(name.to_owned()),
        _ => missing(),
    };
    if user.external {
        return Err(refused(UserRefusal::External));
    }
    if user.disabled {
        let enable = UserChange {
            disabled: Some(false),
            ..UserChange::default()
        };
        record
            .change_user(Author::system(now), &user.id, enable)
            .await?
            .map_err(refused)?;
    }
    let token = Token::new().map_err(RecoveryError::Random)?;
    let expires = now + config.session.link_lifetime.0;
    record
        .invite(Author::system(now), &user.id, token.hash(), expires)
        .await?
        .map_err(refused)?;
    let origin = app::public_url(config, config.listen);
    Ok(format!("{origin}/sign-in#invitation={}", token.reveal()))
}
