//! The keys of all replicas: one authority, shared through a Secret, and
//! a leaf of each replica's own.
//!
//! Whoever sees that it is time makes the next authority and writes it
//! where nobody wrote meanwhile; whoever was too late reads what there is
//! (optimistic concurrency, by the Secret's version).

use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use rustls::{
    ServerConfig,
    crypto::ring,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use super::certificate::{Authority, CertificateError, Leaf, renewed, signing, trusted};

/// Where replicas keep what they share.
pub(super) const SECRET: &str = "seawall-admission-authority";
const AUTHORITIES: &str = "authorities.json";
/// For people to look at.
const CERTIFICATES: &str = "ca.crt";
/// How often it is tried when others write as well.
const TRIES: u32 = 5;

/// Why the keys are not in order.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("make certificates")]
    Make(#[from] CertificateError),
    #[error("read the Secret {SECRET} in the namespace {namespace}")]
    Read {
        namespace: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("write the Secret {SECRET} in the namespace {namespace}")]
    Write {
        namespace: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("the Secret {SECRET} holds something else: {0}; delete it, and another is made")]
    Foreign(String),
    #[error("others write the Secret {SECRET} all the time")]
    Contended,
    #[error("there is no authority")]
    None,
}

#[derive(Debug, Default)]
struct State {
    authorities: Vec<Authority>,
    leaf: Option<Leaf>,
}

/// What this replica shows, and the authorities it may be signed by.
#[derive(Debug)]
pub struct Keys {
    names: Vec<String>,
    state: RwLock<State>,
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let state = self.state.read().expect("invariant: no panic under it");
        state.leaf.as_ref().map(|leaf| Arc::clone(&leaf.key))
    }
}

impl Keys {
    /// For these names and addresses; nothing is there yet.
    pub fn new(names: Vec<String>) -> Self {
        Self {
            names,
            state: RwLock::default(),
        }
    }

    /// Keys nobody shares.
    pub fn alone(names: Vec<String>, now: Timestamp) -> Result<Self, KeysError> {
        let keys = Self::new(names);
        keys.renew_alone(now)?;
        Ok(keys)
    }

    /// Looks after keys nobody shares; `true`: the API server is to be
    /// told.
    pub fn renew_alone(&self, now: Timestamp) -> Result<bool, KeysError> {
        let known = self.authorities();
        let (authorities, is_new) = renewed(&known, now)?;
        self.take(authorities, now)?;
        Ok(is_new)
    }

    /// Looks after shared keys; `true`: the API server is to be told.
    pub async fn renew_shared(
        &self,
        client: &Client,
        namespace: &str,
        now: Timestamp,
    ) -> Result<bool, KeysError> {
        let before = self.trusted();
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let read = |source| KeysError::Read {
            namespace: namespace.to_owned(),
            source: Box::new(source),
        };
        for _ in 0..TRIES {
            let secret = secrets.get_opt(SECRET).await.map_err(read)?;
            let known = secret.as_ref().map_or(Ok(Vec::new()), stored)?;
            let (authorities, is_new) = renewed(&known, now)?;
            if is_new {
                let written = write(&secrets, secret, &authorities).await;
                match written {
                    Ok(()) => {}
                    // Somebody else was there first: see what they wrote.
                    Err(kube::Error::Api(status)) if status.code == 409 => continue,
                    Err(source) => {
                        return Err(KeysError::Write {
                            namespace: namespace.to_owned(),
                            source: Box::new(source),
                        });
                    }
                }
            }
            self.take(authorities, now)?;
            return Ok(self.trusted() != before);
        }
        Err(KeysError::Contended)
    }

    fn authorities(&self) -> Vec<Authority> {
        let state = self.state.read().expect("invariant: no panic under it");
        state.authorities.clone()
    }

    /// Uses these authorities, and a leaf of the one that signs now.
    fn take(&self, authorities: Vec<Authority>, now: Timestamp) -> Result<(), KeysError> {
        let signer = signing(&authorities, now).ok_or(KeysError::None)?;
        let current = {
            let state = self.state.read().expect("invariant: no panic under it");
            let leaf = state.leaf.clone();
            leaf.filter(|leaf| !leaf.is_due(now) && leaf.authority == signer.name)
        };
        let leaf = match current {
            Some(leaf) => leaf,
            None => signer.issue(&self.names, now)?,
        };
        let mut state = self.state.write().expect("invariant: no panic under it");
        state.authorities = authorities;
        state.leaf = Some(leaf);
        Ok(())
    }

    /// Every certificate the API server is to trust, PEM.
    pub fn trusted(&self) -> String {
        let state = self.state.read().expect("invariant: no panic under it");
        trusted(&state.authorities)
    }

    /// The certificate shown now, PEM, and when it ends.
    pub fn shown(&self) -> Option<(String, Timestamp)> {
        let state = self.state.read().expect("invariant: no panic under it");
        let leaf = state.leaf.as_ref()?;
        Some((leaf.certificate.clone(), leaf.ends))
    }

    /// Speaks TLS with whatever certificate there is at the time.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn stored(secret: &Secret) -> Result<Vec<Authority>, KeysError> {
    let data = secret.data.as_ref();
    let Some(bytes) = data.and_then(|data| data.get(AUTHORITIES)) else {
        return Ok(Vec::new());
    };
    serde_json::from_slice(&bytes.0).map_err(|error| {
        // The error may quote the text, keys and all.
        let place = format!("line {}, column {}", error.line(), error.column());
        KeysError::Foreign(place)
    })
}

async fn write(
    secrets: &Api<Secret>,
    known: Option<Secret>,
    authorities: &[Authority],
) -> Result<(), kube::Error> {
    let json = serde_json::to_vec(authorities).map_err(kube::Error::SerdeError)?;
    let is_there = known.is_some();
    // What was read says its version: who wrote meanwhile makes it a
    // conflict.
    let mut secret = known.unwrap_or_else(|| Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    });
    let data = secret.data.get_or_insert_default();
    data.insert(AUTHORITIES.to_owned(), ByteString(json));
    data.insert(
        CERTIFICATES.to_owned(),
        ByteString(trusted(authorities).into_bytes()),
    );
    let options = PostParams::default();
    if is_there {
        secrets.replace(SECRET, &options, &secret).await?;
    } else {
        secrets.create(&options, &secret).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_follows_the_authority_it_is_given() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let keys = Keys::alone(vec!["127.0.0.1".to_owned()], start).unwrap();
        let (first, ends) = keys.shown().unwrap();
        assert!(!keys.renew_alone(start).unwrap());
        assert_eq!(keys.shown().unwrap().0, first);
        // A new day, a new leaf of the same authority.
        assert!(!keys.renew_alone(ends).unwrap());
        assert_ne!(keys.shown().unwrap().0, first);
        let authority = keys.trusted();
        let later = start + jiff::SignedDuration::from_hours(24 * 61);
        assert!(keys.renew_alone(later).unwrap());
        assert!(keys.trusted().starts_with(&authority));
        assert_eq!(keys.trusted().matches("BEGIN").count(), 2);
    }

    #[test]
    fn a_foreign_secret_is_told_without_what_is_in_it() {
        let mut secret = Secret::default();
        let data = secret.data.get_or_insert_default();
        data.insert(AUTHORITIES.to_owned(), ByteString(b"[\"hush\"]".to_vec()));
        let error = stored(&secret).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
        assert!(stored(&Secret::default()).unwrap().is_empty());
    }
}
