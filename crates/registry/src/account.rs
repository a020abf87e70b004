//! Where a registry is, as whom it is asked, and whom it is believed.

use std::{fmt, path::PathBuf};

use model::Secret;
use serde::Deserialize;

use crate::{AskError, Kind};

/// One account at one registry. It reads from JSON, secrets included;
/// it cannot be written, and prints no secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub kind: Kind,
    /// `registry.example` or `registry.example:5000`, without scheme.
    pub address: String,
    #[serde(default)]
    pub credential: Credential,
    /// The repositories to look at: whole names, or beginnings that end
    /// with `*`. None: all of the catalogue.
    #[serde(default)]
    pub repositories: Vec<String>,
    #[serde(default)]
    pub trust: Trust,
    /// Amazon only: the address of the SQS queue that ECR's events reach
    /// by `EventBridge`.
    #[serde(default)]
    pub queue: Option<String>,
    /// Other addresses than the cloud's own, for its token service and
    /// its interface (Azure, Amazon, Google).
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Where Docker keeps whom somebody logged in as (`config.json`), for
    /// an account without a credential of its own. A server has none.
    #[serde(skip)]
    pub docker_config: Option<PathBuf>,
}

/// As whom a registry is asked.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    #[default]
    Anonymous,
    /// A name and a password, an access token or a robot's secret.
    Basic { username: String, password: Secret },
    /// A token sent as it is (`Authorization: Bearer`).
    Token { token: Secret },
    /// Azure: an application of Entra ID with the role `AcrPull`.
    ServicePrincipal {
        tenant: String,
        client_id: String,
        client_secret: Secret,
    },
    /// Azure: a refresh token of the registry's own, kept by whoever
    /// gives it.
    RefreshToken { token: Secret },
    /// Azure and Google: the identity of the machine Seawall runs on.
    ManagedIdentity {
        #[serde(default)]
        client_id: Option<String>,
    },
    /// Amazon: an access key; without one AWS's usual chain is used,
    /// which is the environment, a web identity, the pod's or the
    /// machine's role.
    Aws {
        #[serde(default)]
        key: Option<AwsKey>,
    },
    /// Google: the JSON key of a service account.
    ServiceAccount { json: Secret },
}

/// An access key of AWS's.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsKey {
    pub id: String,
    pub secret: Secret,
    #[serde(default)]
    pub session_token: Option<Secret>,
}

impl fmt::Debug for AwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

impl Credential {
    /// Its `type` in JSON.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Basic { .. } => "basic",
            Self::Token { .. } => "token",
            Self::ServicePrincipal { .. } => "service_principal",
            Self::RefreshToken { .. } => "refresh_token",
            Self::ManagedIdentity { .. } => "managed_identity",
            Self::Aws { .. } => "aws",
            Self::ServiceAccount { .. } => "service_account",
        }
    }

    /// The one kind that knows what to do with it, if there is but one.
    fn only_for(&self) -> Option<Kind> {
        match self {
            Self::Anonymous
            | Self::Basic { .. }
            | Self::Token { .. }
            | Self::ManagedIdentity { .. } => None,
            Self::ServicePrincipal { .. } | Self::RefreshToken { .. } => Some(Kind::Azure),
            Self::Aws { .. } => Some(Kind::Amazon),
            Self::ServiceAccount { .. } => Some(Kind::Google),
        }
    }
}

/// Whom a registry is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Certificates of further authorities, PEM.
    #[serde(default)]
    pub authorities: Option<String>,
    /// Speak plain HTTP. Loopback always does.
    #[serde(default)]
    pub plain_http: bool,
    /// The registry is on a private network, and may lead to addresses
    /// there. Link-local addresses are refused all the same.
    #[serde(default)]
    pub allow_private: bool,
}

/// Patterns an account may have.
const MOST_PATTERNS: usize = 10_000;

impl Account {
    /// An account without credentials at `address`.
    pub fn anonymous(kind: Kind, address: impl Into<String>) -> Self {
        Self {
            kind,
            address: address.into(),
            credential: Credential::Anonymous,
            repositories: Vec::new(),
            trust: Trust::default(),
            queue: None,
            endpoint: None,
            docker_config: None,
        }
    }

    /// Whether the settings make sense together.
    pub fn check(&self) -> Result<(), AskError> {
        let refuse = |field, reason: String| Err(AskError::Account { field, reason });
        if self.address.contains("://") {
            return refuse("address", "leave out http:// or https://".to_owned());
        }
        let named = format!("{}/a/b:c", self.address).parse::<scan::Reference>();
        // A bare word would be read as a repository of Docker Hub.
        let is_host = named.is_ok_and(|name| name.repository == "a/b");
        if self.address.contains('/') || !is_host {
            return refuse(
                "address",
                format!(
                    "'{}' is no host with its domain or port, as in registry.example:5000",
                    self.address
                ),
            );
        }
        if let Some(kind) = self.credential.only_for()
            && kind != self.kind
        {
            let name = self.credential.type_name();
            return refuse(
                "credential",
                format!("'{name}' is understood by {} only", kind.title()),
            );
        }
        let is_cloud = matches!(self.kind, Kind::Azure | Kind::Google);
        if matches!(self.credential, Credential::ManagedIdentity { .. }) && !is_cloud {
            return refuse(
                "credential",
                "'managed_identity' is understood by Azure and Google only".to_owned(),
            );
        }
        if self.kind == Kind::Amazon
            && matches!(self.credential, Credential::Aws { .. })
            && crate::cloud::amazon::Place::of(&self.address).is_none()
        {
            return refuse(
                "address",
                format!(
                    "'{}' names no account and region, as in \
                     123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                    self.address
                ),
            );
        }
        if self.repositories.len() > MOST_PATTERNS {
            return refuse("repositories", format!("more than {MOST_PATTERNS}"));
        }
        if !self.kind.has_catalogue() {
            let title = self.kind.title();
            if self.repositories.is_empty() {
                return refuse(
                    "repositories",
                    format!(
                        "{title} does not list what it holds: name repositories, or owners as in \
                         'team/*'"
                    ),
                );
            }
            let is_ownerless = |pattern: &&String| pattern.ends_with('*') && !pattern.contains('/');
            if let Some(pattern) = self.repositories.iter().find(is_ownerless) {
                return refuse(
                    "repositories",
                    format!("'{pattern}' names no owner, as 'team/*' does"),
                );
            }
        }
        if self.queue.is_some() && self.kind != Kind::Amazon {
            return refuse("queue", "only Amazon's registries have one".to_owned());
        }
        Ok(())
    }
}
