//! Whether a webhook carries its registry's secret. Nothing here takes
//! longer for a guess that is nearly right.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use model::{Digest, Secret};
use sha2::Sha256;

use super::{Delivery, Refusal};
use crate::Proof;

/// A header of our own, for registries that put something else into
/// `Authorization`.
const OWN: &str = "x-seawall-token";
const SIGNATURE: &str = "x-hub-signature-256";

pub(super) fn check(proof: Proof, delivery: &Delivery<'_>, secret: &Secret) -> Result<(), Refusal> {
    if secret.is_empty() {
        return Err(Refusal::Unproven("none is set up"));
    }
    match proof {
        Proof::Header => by_header(delivery.headers, secret.reveal()),
        Proof::Signature => by_signature(delivery, secret.reveal()),
        Proof::Address => match delivery.token {
            Some(token) if is_same(token, secret.reveal()) => Ok(()),
            Some(_) => Err(Refusal::Unproven("the address has another")),
            None => Err(Refusal::Unproven("the address has none")),
        },
    }
}

fn by_header(headers: &HeaderMap, secret: &str) -> Result<(), Refusal> {
    let mut is_there = false;
    let names = [http::header::AUTHORIZATION.as_str(), OWN];
    for value in names.iter().flat_map(|name| headers.get_all(*name)) {
        is_there = true;
        let Ok(text) = value.to_str() else {
            continue;
        };
        let text = text.trim();
        // Some registries put a name of their own in front.
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        let as_password = || {
            let decoded = BASE64_STANDARD.decode(rest).ok()?;
            let text = String::from_utf8(decoded).ok()?;
            Some(text.split_once(':')?.1.to_owned())
        };
        let is_right = is_same(text, secret)
            || (scheme.eq_ignore_ascii_case("bearer") && is_same(rest, secret))
            || (scheme.eq_ignore_ascii_case("basic")
                && as_password().is_some_and(|password| is_same(&password, secret)));
        if is_right {
            return Ok(());
        }
    }
    Err(Refusal::Unproven(if is_there {
        "the header has another"
    } else {
        "there is no Authorization header"
    }))
}

fn by_signature(delivery: &Delivery<'_>, secret: &str) -> Result<(), Refusal> {
    let header = delivery
        .headers
        .get(SIGNATURE)
        .and_then(|value| value.to_str().ok())
        .ok_or(Refusal::Unproven("there is no X-Hub-Signature-256 header"))?;
    let wrong = Refusal::Unproven("the signature is another's");
    // "sha256=" and hexadecimal digits, as digests are written with ":".
    let Some(stated) = header
        .strip_prefix("sha256=")
        .and_then(|hex| format!("sha256:{}", hex.trim()).parse::<Digest>().ok())
    else {
        return Err(wrong);
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return Err(wrong);
    };
    mac.update(delivery.body);
    mac.verify_slice(stated.as_bytes())
        .map_err(|_unequal| wrong)
}

/// Compares digests, whole: what is guessed cannot be felt for.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (Digest::of(one.as_bytes()), Digest::of(other.as_bytes()));
    let pairs = one.as_bytes().iter().zip(other.as_bytes());
    pairs.fold(0, |differences, (one, other)| differences | (one ^ other)) == 0
}
