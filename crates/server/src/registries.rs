//! Registries between the record and the room that asks them: accounts
//! sealed, and opened again to ask.

use api::registry::{RegistryFault, RegistryLosses};
use jiff::Timestamp;
use model::{Cancel, Secret, error::chain};
use registry::{Account, AskError, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::RegistrySettings;

use crate::{
    app::App,
    vault::{Purpose, VaultError},
};

/// What is sealed of a registry.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// As [`registry::Credential`] reads it.
    pub(crate) credential: Value,
    /// The secret of its webhooks.
    pub(crate) hook: String,
    /// The one before, which is believed until then: whoever changes it
    /// at both ends cannot do so at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hook_before: Option<(String, Timestamp)>,
}

impl Secrets {
    /// Nobody's credentials, and a new secret for webhooks.
    pub(crate) fn new(credential: Option<Value>) -> Result<Self, getrandom::Error> {
        Ok(Self {
            credential: credential.unwrap_or_else(|| json!({ "type": "anonymous" })),
            hook: crate::secret::Token::new()?.reveal().to_owned(),
            hook_before: None,
        })
    }

    pub(crate) fn seal(&self, app: &App) -> Result<String, VaultError> {
        let text = serde_json::to_string(self).expect("invariant: JSON is plain data");
        app.vault.seal(Purpose::Registry, &text)
    }

    pub(crate) fn open(app: &App, registry: &store::Registry) -> Result<Self, VaultError> {
        let sealed = registry.sealed.as_deref().unwrap_or_default();
        let text = app.vault.open_sealed(Purpose::Registry, sealed)?;
        serde_json::from_str(&text).map_err(|_damaged| VaultError::Changed)
    }

    /// Secrets a webhook may prove itself with now.
    pub(crate) fn hooks(&self, now: Timestamp) -> Vec<Secret> {
        let before = self.hook_before.as_ref();
        let before = before.filter(|(_, until)| now < *until);
        std::iter::once(&self.hook)
            .chain(before.map(|(secret, _)| secret))
            .map(Secret::new)
            .collect()
    }
}

/// Why a registry cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("open the registry's credentials")]
    Vault(#[from] VaultError),
    #[error("open the registry: this version does not know the kind '{0}'")]
    Kind(String),
    /// Which of its parts, and why.
    #[error("use the registry's {field}: {reason}")]
    Account { field: String, reason: String },
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// An account from what the record and the vault keep of it.
pub(crate) fn account(
    kind: Kind,
    address: &str,
    settings: &RegistrySettings,
    credential: &Value,
) -> Result<Account, OpenError> {
    // It reads secrets and cannot be written, so it is put together as
    // JSON; only the credential can be wrong in form.
    let text = json!({
        "kind": kind,
        "address": address,
        "credential": credential,
        "repositories": settings.repositories,
        "trust": {
            "authorities": settings.authorities,
            "plain_http": settings.plain_http,
            "allow_private": settings.allow_private,
        },
        "queue": settings.queue,
        "endpoint": settings.endpoint,
    });
    let account: Account = serde_json::from_value(text).map_err(|error| OpenError::Account {
        field: "credential".to_owned(),
        reason: error.to_string(),
    })?;
    account.check().map_err(|error| match error {
        AskError::Account { field, reason } => OpenError::Account {
            field: field.to_owned(),
            reason,
        },
        other => OpenError::Ask(other),
    })?;
    Ok(account)
}

pub(crate) fn kind(text: &str) -> Result<Kind, OpenError> {
    text.parse()
        .map_err(|_unknown| OpenError::Kind(text.to_owned()))
}

/// Makes a stored registry ready to be asked.
pub(crate) fn open(
    app: &App,
    registry: &store::Registry,
    cancel: &Cancel,
) -> Result<registry::Registry, OpenError> {
    let secrets = Secrets::open(app, registry)?;
    let account = account(
        kind(&registry.kind)?,
        &registry.address,
        &registry.settings,
        &secrets.credential,
    )?;
    Ok(registry::Registry::open(
        account,
        std::sync::Arc::clone(&app.clock),
        cancel,
    )?)
}

/// The watched registry that an image of an environment is in, by the
/// host in its name.
pub(crate) async fn of_host(
    app: &App,
    environment: &str,
    host: &str,
) -> Result<Option<store::Registry>, store::StoreError> {
    let scope = app.store.scope(Some(environment)).await?;
    let registries = app.store.registries(&scope).await?;
    Ok(registries
        .into_iter()
        .find(|registry| !registry.paused && registry.address == host))
}

/// What somebody is told to do about a registry that cannot be asked.
pub(crate) fn fault(error: &OpenError) -> Value {
    let advice = match error {
        OpenError::Vault(_) => "give the registry's credentials anew",
        OpenError::Kind(_) => "start the newer version that added it",
        OpenError::Account { .. } => "change the registry's settings",
        OpenError::Ask(error) => advice(error),
    };
    json!({ "message": chain(error), "advice": advice })
}

/// The same for an answer that did not come.
pub(crate) fn unanswered(error: &AskError) -> Value {
    json!({ "message": format!("failed to {}", chain(error)), "advice": advice(error) })
}

/// What was noted of either, as people read it.
pub(crate) fn noted(text: Option<&str>) -> Option<RegistryFault> {
    serde_json::from_str(text?).ok()
}

/// What a registry told to no avail, if anything.
pub(crate) fn losses(losses: store::Losses) -> Option<RegistryLosses> {
    let is_any = losses.given_up > 0 || losses.misread > 0;
    let (last, reason) = losses.last.unzip();
    is_any.then(|| RegistryLosses {
        given_up: losses.given_up,
        misread: losses.misread,
        last,
        reason: reason.unwrap_or_default(),
    })
}

fn advice(error: &AskError) -> &'static str {
    match error {
        AskError::Later { .. } => {
            "nothing needs to be done; fewer images a minute (per_minute) keep it from happening"
        }
        AskError::LogIn { .. }
        | AskError::Registry(
            scan::RegistryError::CredentialsRefused { .. }
            | scan::RegistryError::CredentialsWanted { .. }
            | scan::RegistryError::Denied { .. }
            | scan::RegistryError::LogIn { .. },
        ) => "check the credentials, and that they may list and pull",
        AskError::Fetch { .. } | AskError::Registry(scan::RegistryError::Fetch { .. }) => {
            "check the address, and that this server reaches it; a registry on a private network \
             needs allow_private, one without TLS plain_http"
        }
        _ => "look at what the registry answered",
    }
}

/// Whether a repository is among those that are looked at.
pub(crate) fn is_wanted(settings: &RegistrySettings, repository: &str) -> bool {
    let patterns = &settings.repositories;
    patterns.is_empty()
        || patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => repository.starts_with(beginning),
                None => pattern == repository,
            })
}

/// Seals anew what an older key sealed.
pub(crate) async fn reseal(app: &App) -> Result<(), store::StoreError> {
    let scope = app.store.scope(None).await?;
    for registry in app.store.registries(&scope).await? {
        let Some(sealed) = &registry.sealed else {
            continue;
        };
        if app.vault.is_current(sealed) {
            continue;
        }
        let resealed = app
            .vault
            .open_sealed(Purpose::Registry, sealed)
            .and_then(|text| app.vault.seal(Purpose::Registry, &text));
        match resealed {
            Ok(resealed) => {
                app.store.reseal_registry(&registry, resealed).await?;
                tracing::info!(registry.name = %registry.name, "sealed credentials with the new key");
            }
            Err(error) => tracing::error!(
                registry.name = %registry.name,
                error = %chain(&error),
                "cannot open a registry's credentials"
            ),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_whole_or_by_its_beginning() {
        let settings = |patterns: &[&str]| RegistrySettings {
            repositories: patterns.iter().map(|&text| text.to_owned()).collect(),
            ..RegistrySettings::default()
        };
        assert!(is_wanted(&settings(&[]), "team/shop"));
        assert!(is_wanted(&settings(&["other", "team/*"]), "team/shop"));
        assert!(!is_wanted(&settings(&["team"]), "team/shop"));
        assert!(!is_wanted(&settings(&["shop*"]), "team/shop"));
    }

    #[test]
    fn a_credential_that_makes_no_sense_names_its_part_and_no_secret() {
        let settings = RegistrySettings::default();
        let wrong = json!({ "type": "basic", "username": "x", "pasword": "hunter2" });
        let error = account(Kind::Harbor, "h.example", &settings, &wrong).unwrap_err();
        let text = chain(&error);
        assert!(
            text.contains("credential") && !text.contains("hunter2"),
            "{text}"
        );
        let secret = json!({ "type": "aws" });
        let error = account(Kind::Harbor, "h.example", &settings, &secret).unwrap_err();
        assert!(chain(&error).contains("Amazon"), "{error}");
    }

    #[test]
    fn the_old_secret_of_webhooks_is_believed_for_a_while() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let secrets = Secrets {
            credential: Value::Null,
            hook: "new".to_owned(),
            hook_before: Some(("old".to_owned(), at(10))),
        };
        assert_eq!(secrets.hooks(at(9)).len(), 2);
        let now: Vec<Secret> = secrets.hooks(at(10));
        let now: Vec<&str> = now.iter().map(Secret::reveal).collect();
        assert_eq!(now, ["new"]);
    }
}
