//! Who reaches a host's engine, and how sure both are of each other.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::list;
use crate::{
    Fault, Step, Verdict,
    facts::{CertificateFacts, HostFacts},
};

/// How long before its end a certificate is spoken of.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Bits of a key that hold out.
const RSA_BITS: u32 = 2048;
const EC_BITS: u32 = 224;

pub(in crate::check) fn tls_only(host: &HostFacts) -> Verdict {
    match host.plain.as_deref() {
        None => Verdict::NotApplicable,
        Some([]) => Verdict::Healthy,
        Some(addresses) => Fault::verdict(
            format!(
                "answers on {} without TLS: whoever reaches it is root of the machine",
                list(addresses)
            ),
            json!({ "addresses": addresses }),
            vec![
                Step::copy(
                    "Take the address out of the daemon's, or ask for certificates of clients there.",
                    "shell",
                    "dockerd --host unix:///var/run/docker.sock --host tcp://0.0.0.0:2376 \\\n  \
                     --tlsverify --tlscacert=/etc/docker/ca.pem \\\n  \
                     --tlscert=/etc/docker/cert.pem --tlskey=/etc/docker/key.pem",
                ),
                Step::say(
                    "Until then, close the port in the firewall; look through what was started \
                     meanwhile.",
                ),
            ],
        ),
    }
}

pub(in crate::check) fn clients_verified(host: &HostFacts) -> Verdict {
    match host.unverified.as_deref() {
        None => Verdict::NotApplicable,
        Some([]) => Verdict::Healthy,
        Some(addresses) => Fault::verdict(
            format!(
                "answers on {} over TLS whoever asks: no certificate is wanted of clients",
                list(addresses)
            ),
            json!({ "addresses": addresses }),
            vec![Step::copy(
                "Ask for one: TLS alone encrypts, only --tlsverify tells friend from stranger.",
                "yaml",
                "# /etc/docker/daemon.json\n{\"tlsverify\": true, \"tlscacert\": \
                 \"/etc/docker/ca.pem\"}",
            )],
        ),
    }
}

pub(in crate::check) fn tls_strong(host: &HostFacts) -> Verdict {
    let Some(tls) = &host.tls else {
        return Verdict::NotApplicable;
    };
    let mut weak = Vec::new();
    for version in tls.old_versions.iter().flatten() {
        weak.push(format!("it agrees on TLS {version}"));
    }
    for certificate in &tls.certificates {
        let whose = whose(certificate);
        let short = match (certificate.key.as_str(), certificate.bits) {
            ("RSA" | "DSA", Some(bits)) => bits < RSA_BITS,
            ("EC", Some(bits)) => bits < EC_BITS,
            _ => false,
        };
        if short {
            let bits = certificate.bits.unwrap_or_default();
            weak.push(format!(
                "the key of {whose} has {bits} bits ({})",
                certificate.key
            ));
        }
        if let Some(hash) = &certificate.hash
            && matches!(hash.as_str(), "SHA-1" | "MD5" | "MD2")
        {
            weak.push(format!("{whose} is signed over {hash}"));
        }
    }
    if weak.is_empty() {
        return Verdict::Healthy;
    }
    Fault::verdict(
        list(&weak),
        json!({ "weak": weak, "version": tls.version }),
        vec![Step::copy(
            "Issue the certificates anew, with keys that hold out.",
            "shell",
            "openssl ecparam -genkey -name prime256v1 -noout -out key.pem\nopenssl req -new -sha256 \
             -key key.pem -subj /CN=HOST -out request.pem",
        )],
    )
}

fn whose(certificate: &CertificateFacts) -> String {
    match certificate.of.as_str() {
        "client" => "our own certificate".to_owned(),
        "authority" => format!("the authority {}", certificate.subject),
        _ => format!("the certificate {}", certificate.subject),
    }
}

pub(in crate::check) fn certificates_valid(host: &HostFacts, now: Timestamp) -> Verdict {
    let Some(tls) = &host.tls else {
        return Verdict::NotApplicable;
    };
    if tls.certificates.is_empty() {
        return Verdict::NotApplicable;
    }
    let mut ending: Vec<&CertificateFacts> = tls
        .certificates
        .iter()
        .filter(|certificate| certificate.not_after < now + SOON)
        .collect();
    ending.sort_by_key(|certificate| certificate.not_after);
    let Some(first) = ending.first() else {
        return Verdict::Healthy;
    };
    let whose = whose(first);
    let day = first.not_after.strftime("%Y-%m-%d");
    let summary = if first.not_after <= now {
        format!("{whose} ended on {day}")
    } else {
        let days = first.not_after.duration_since(now).as_hours() / 24;
        format!("{whose} ends on {day}, in {days} days")
    };
    Fault::verdict(
        summary,
        json!({
            "certificates": ending
                .iter()
                .map(|one| json!({
                    "of": one.of, "subject": one.subject, "ends": one.not_after,
                }))
                .collect::<Vec<_>>(),
        }),
        vec![Step::say(
            "Issue it anew from the same authority, put it in the old one's place, and restart the \
             daemon where it is the daemon's.",
        )],
    )
}
