//! Container hosts between the record and the room that reaches them:
//! certificates and keys sealed, and opened again to connect.

use std::time::Duration;

use host::{Access, Address, Credentials, CredentialsError};
use model::error::chain;
use scan::RemoteEngine;
use serde::{Deserialize, Serialize};
use store::ContainerHost;

use crate::{
    app::App,
    vault::{Purpose, VaultError},
};

/// The longest silence while an image is exported: the engine gathers it
/// whole before it sends the first byte.
const EXPORT: Duration = Duration::from_mins(10);

/// What is sealed of a host, PEM all.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Secrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

impl Secrets {
    /// Which are set.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = [
            ("ca", &self.ca),
            ("certificate", &self.certificate),
            ("key", &self.key),
        ];
        let set = all.into_iter().filter(|(_, value)| value.is_some());
        set.map(|(name, _)| name.to_owned()).collect()
    }

    /// `Ok(None)`: nothing is set, so it is spoken to without TLS.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, CredentialsError> {
        match &self.ca {
            None if self.certificate.is_none() && self.key.is_none() => Ok(None),
            ca => Credentials::new(
                ca.as_deref().unwrap_or_default(),
                self.certificate.as_deref(),
                self.key.as_deref(),
            )
            .map(Some),
        }
    }

    pub(crate) fn seal(&self, app: &App) -> Result<Option<String>, VaultError> {
        if self.names().is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_string(self).expect("invariant: three texts are plain data");
        app.vault.seal(Purpose::Host, &text).map(Some)
    }

    pub(crate) fn open(app: &App, host: &ContainerHost) -> Result<Self, VaultError> {
        let Some(sealed) = &host.sealed else {
            return Ok(Self::default());
        };
        let text = app.vault.open_sealed(Purpose::Host, sealed)?;
        serde_json::from_str(&text).map_err(|_damaged| VaultError::Changed)
    }
}

/// Why a host cannot be tried at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("open the host's credentials")]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Address(#[from] host::ParseAddressError),
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
}

/// Makes a stored host ready to be reached.
pub(crate) fn open(app: &App, host: &ContainerHost) -> Result<Access, OpenError> {
    let credentials = Secrets::open(app, host)?.credentials()?;
    let address: Address = host.address.parse()?;
    Ok(Access::new(address, credentials))
}

/// A host's engine, for short questions.
pub(crate) fn engine(access: &Access) -> Result<RemoteEngine, OpenError> {
    let endpoint = access.endpoint()?;
    Ok(RemoteEngine {
        client: endpoint.client,
        base: endpoint.base,
    })
}

/// A host's engine, for exports of images.
pub(crate) fn exporter(access: &Access) -> Result<RemoteEngine, OpenError> {
    let endpoint = access.stream(EXPORT)?;
    Ok(RemoteEngine {
        client: endpoint.client,
        base: endpoint.base,
    })
}

/// Seals anew what an older key sealed.
pub(crate) async fn reseal(app: &App) -> Result<(), store::StoreError> {
    let scope = app.store.scope(None).await?;
    for host in app.store.container_hosts(&scope).await? {
        let Some(sealed) = &host.sealed else { continue };
        if app.vault.is_current(sealed) {
            continue;
        }
        let resealed = app
            .vault
            .open_sealed(Purpose::Host, sealed)
            .and_then(|text| app.vault.seal(Purpose::Host, &text));
        match resealed {
            Ok(resealed) => {
                app.store.reseal_container_host(&host, resealed).await?;
                tracing::info!(host.name = %host.name, "sealed credentials with the new key");
            }
            Err(error) => tracing::error!(
                host.name = %host.name,
                error = %chain(&error),
                "cannot open a host's credentials"
            ),
        }
    }
    Ok(())
}
