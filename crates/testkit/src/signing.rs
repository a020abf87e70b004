//! Signatures of images, as cosign makes them with a key and puts them
//! beside an image, without cosign.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::Digest;
use rcgen::{KeyPair, SigningKey as _};
use serde_json::json;

use crate::web;

const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Somebody with a key of their own.
#[derive(Debug)]
pub struct Signer(KeyPair);

impl Default for Signer {
    fn default() -> Self {
        Self(KeyPair::generate().expect("invariant: there is randomness"))
    }
}

impl Signer {
    /// As `cosign.pub` has it.
    pub fn public_pem(&self) -> String {
        self.0.public_key_pem()
    }

    /// Signs an image and pushes the signature under cosign's tag.
    pub fn sign(&self, host: &str, repository: &str, image: &Digest) {
        self.sign_as(host, repository, image, image);
    }

    /// Signs `signed`, and attaches that to `image`.
    pub fn sign_as(&self, host: &str, repository: &str, image: &Digest, signed: &Digest) {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": format!("{host}/{repository}")},
                "image": {"docker-manifest-digest": signed.to_string()},
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let signature = self
            .0
            .sign(payload.as_bytes())
            .expect("invariant: its key signs anything");
        let signature = BASE64_STANDARD.encode(signature);
        let config = b"{}";
        web::push_blob(host, repository, config);
        web::push_blob(host, repository, payload.as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": crate::image::OCI_MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                       "digest": Digest::of(config).to_string(), "size": config.len()},
            "layers": [{"mediaType": SIMPLE, "size": payload.len(),
                        "digest": Digest::of(payload.as_bytes()).to_string(),
                        "annotations": {"dev.cosignproject.cosign/signature": signature}}],
        })
        .to_string();
        let target = format!("/v2/{repository}/manifests/sha256-{}.sig", image.hex());
        let kind = [("content-type", crate::image::OCI_MANIFEST)];
        let (status, _) = web::send("PUT", host, &target, &kind, manifest.as_bytes());
        assert_eq!(status, 201);
    }
}
