//! Sigstore's conformance suite: its bundles of statements, made by others
//! with the public instance and with roots of their own. Set
//! `SEAWALL_SIGSTORE_SUITE` to a copy of its `test/assets/bundle-verify`.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::Digest;
use registry::signature::{Believed, TrustRoot, verify};
use serde_json::Value;
use testkit::skipped;

use super::{BUNDLE, artifact, image};
use crate::now;

#[test]
fn sigstores_own_suite_agrees() {
    let Some(folder) = std::env::var_os("SEAWALL_SIGSTORE_SUITE") else {
        skipped("no copy of sigstore's conformance suite (set SEAWALL_SIGSTORE_SUITE)");
        return;
    };
    let mut roots = Vec::new();
    let mut cases = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap();
    for path in entries.flatten().map(|entry| entry.path()) {
        if let Ok(text) = std::fs::read_to_string(path.join("trusted_root.json")) {
            roots.push(text);
        }
        if let Ok(bytes) = std::fs::read(path.join("bundle.sigstore.json")) {
            cases.push((path, bytes));
        }
    }
    let mut judged = 0;
    for (path, bytes) in cases {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(bundle) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        let Some(payload) = bundle.pointer("/dsseEnvelope/payload") else {
            continue;
        };
        let payload = BASE64_STANDARD.decode(payload.as_str().unwrap()).unwrap();
        let stated: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let subject = stated
            .pointer("/subject/0/digest/sha256")
            .and_then(Value::as_str);
        let subject: Digest = format!("sha256:{}", subject.unwrap_or_default())
            .parse()
            .unwrap_or_else(|_| image());
        let own = std::fs::read_to_string(path.join("trusted_root.json")).ok();
        let tried: Vec<&String> = own
            .as_ref()
            .map_or_else(|| roots.iter().collect(), |own| vec![own]);
        let verdicts: Vec<_> = tried
            .into_iter()
            .filter_map(|text| TrustRoot::from_json(text).ok())
            .map(|root| {
                let believed = Believed {
                    root: Some(Arc::new(root)),
                    ..Believed::default()
                };
                let artifact = artifact(BUNDLE, BUNDLE, bytes.clone(), &[]);
                verify(&subject, &artifact, &believed, now())
                    .remove(0)
                    .verdict
            })
            .collect();
        judged += 1;
        show(&format!("{name}: {verdicts:?}"));
        let is_verified = verdicts.iter().any(Result::is_ok);
        if name.ends_with("_fail") {
            assert!(!is_verified, "{name}: {verdicts:?}");
        } else {
            assert!(is_verified, "{name}: {verdicts:?}");
        }
    }
    assert!(judged > 10, "{judged}");
}

#[expect(clippy::print_stdout, reason = "shown with --show-output")]
fn show(line: &str) {
    println!("{line}");
}
