//! TLS: the machine's trusted authorities, and a sink's own beside them.

use std::sync::{Arc, Once};

use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Makes *ring* the process's provider of cryptography, once. Libraries
/// that are told nothing take it from there.
pub(crate) fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else's choice stands.
        drop(ring::default_provider().install_default());
    });
}

/// The certificates in a text of PEM blocks.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not a PEM certificate: {error}"))?;
    if found.is_empty() {
        return Err("holds no PEM certificate ('-----BEGIN CERTIFICATE-----')".to_owned());
    }
    Ok(found)
}

/// A client that trusts the machine's authorities and `extra`.
pub(crate) fn client_config(extra: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    install_provider();
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(ring::default_provider()));
    let extra = match extra {
        Some(pem) => certificates(pem)?,
        None => Vec::new(),
    };
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
            .map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_is_refused_by_name() {
        let refusal = certificates("hello").unwrap_err();
        assert!(refusal.contains("BEGIN CERTIFICATE"), "{refusal}");
        assert!(client_config(None).is_ok());
    }
}
