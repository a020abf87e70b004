//! cosign itself, where there is one in `.tools/cosign`: building it takes
//! longer than `scripts/setup` should.

use std::{path::Path, process::Command};

use model::Digest;
use registry::signature::{Believed, Claim, PublicKey, Scheme, Signer};
use testkit::{Image, service, web};

use crate::anonymous;

#[test]
fn what_cosign_signs_is_verified_in_both_its_forms() {
    let cosign = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/cosign");
    if !cosign.exists() {
        testkit::skipped(
            "what cosign signs (GOBIN=$PWD/.tools go install \
             github.com/sigstore/cosign/v2/cmd/cosign@v2.6.2)",
        );
        return;
    }
    let Some(server) = service::Registry::start().unwrap() else {
        return;
    };
    let image = Image::example();
    web::push(&image, &server.host, "team/shop", "1.0");
    let digest = Digest::of(&image.blobs().manifest);
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(cosign.canonicalize().unwrap())
            .args(arguments)
            .current_dir(folder.path())
            .env("COSIGN_PASSWORD", "")
            .env("HOME", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    run(&["generate-key-pair"]);
    let name = format!("{}/team/shop@{digest}", server.host);
    let sign = [
        "sign",
        "--yes",
        "--key=cosign.key",
        "--tlog-upload=false",
        "--allow-http-registry",
        "--annotations=build=4711",
    ];
    run(&[&sign[..], &[&name]].concat());
    run(&[&sign[..], &["--new-bundle-format", &name]].concat());
    let public = std::fs::read_to_string(folder.path().join("cosign.pub")).unwrap();
    let believed = Believed {
        keys: vec![("release".to_owned(), PublicKey::from_pem(&public).unwrap())],
        ..Believed::default()
    };
    let registry = anonymous(&server.host);
    let found = registry
        .signatures("team/shop", &digest, &believed)
        .unwrap();
    for scheme in [Scheme::Cosign, Scheme::Bundle] {
        let one = found.iter().find(|one| one.scheme == scheme);
        let verified = one.map(|one| one.verdict.as_ref());
        let Some(Ok(verified)) = verified else {
            panic!("{scheme:?}: {found:?}");
        };
        assert!(
            matches!(&verified.signer, Signer::Key { name, .. } if name == "release"),
            "{verified:?}"
        );
        assert_eq!(verified.claim, Claim::Signature);
    }
}
