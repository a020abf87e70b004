//! Authorities of certificates, and certificates from them, right and
//! wrong, for whoever tries TLS.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// An authority with a name of its own.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a certificate is for.
#[derive(Debug)]
pub enum For<'names> {
    Server(&'names [&'names str]),
    Client,
}

/// A certificate and its key, PEM.
#[derive(Debug)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// # Panics
    ///
    /// Where this machine has no random numbers.
    pub fn new(name: &str) -> Self {
        let mut parameters =
            CertificateParams::new(Vec::new()).expect("a test's certificate is well-formed");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a test's certificate is well-formed");
        Self(
            CertifiedIssuer::self_signed(parameters, key)
                .expect("a test's certificate is well-formed"),
        )
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// As a `caBundle` of Kubernetes holds it.
    pub fn bundle(&self) -> String {
        BASE64_STANDARD.encode(self.pem())
    }

    pub fn issue(&self, purpose: &For<'_>) -> Pair {
        self.issue_until(purpose, 2099)
    }

    /// One that ends at the beginning of that year.
    pub fn issue_until(&self, purpose: &For<'_>, year: i32) -> Pair {
        let (names, usage) = match purpose {
            For::Server(names) => (*names, ExtendedKeyUsagePurpose::ServerAuth),
            For::Client => (&[][..], ExtendedKeyUsagePurpose::ClientAuth),
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters =
            CertificateParams::new(names).expect("a test's certificate is well-formed");
        parameters
            .distinguished_name
            .push(DnType::CommonName, "somebody");
        parameters.extended_key_usages = vec![usage];
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a test's certificate is well-formed");
        let certificate = parameters
            .signed_by(&key, &self.0)
            .expect("a test's certificate is well-formed");
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}
