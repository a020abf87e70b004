//! TLS: the machine's trusted authorities, and a file's beside them.

use std::{
    path::Path,
    sync::{Arc, Once},
};

use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::SourceError;

/// Makes *ring* the process's provider of cryptography, once. Libraries
/// that are told nothing take it from there.
pub(super) fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else's choice stands.
        drop(ring::default_provider().install_default());
    });
}

/// A client that trusts the machine's authorities and those in a file.
pub(super) fn client_config(extra: Option<&Path>) -> Result<Arc<ClientConfig>, SourceError> {
    install_provider();
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(ring::default_provider()));
    let extra = match extra {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| {
                SourceError::of(format!("read certificates from {}", path.display()), error)
            })?,
        None => Vec::new(),
    };
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
            .map_err(|error| SourceError::of("set TLS up", error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SourceError::of("set TLS up", error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}
