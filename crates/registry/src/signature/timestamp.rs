//! Timestamps of authorities (RFC 3161): when a signature existed, where
//! the log gives no time of its own.
//!
//! Only what authorities of today write is understood: one signer, with
//! signed attributes, over SHA-2.
//! References: RFC 3161, section 2.4.2; RFC 5652, sections 5.1 to 5.6.

use jiff::Timestamp;
use ring::digest;

use super::{TrustRoot, certificate::Certificate};

/// DER of the object identifiers that are met.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 4];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 3];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const FIRST: u8 = 0xa0;

/// Certificates one timestamp may bring.
const MOST_CERTIFICATES: usize = 8;

/// What is left of a DER encoding.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag, its content, and all of it.
    fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let whole = self.0;
        let (&[tag, first], rest) = whole.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        let whole = whole.get(..whole.len() - rest.len())?;
        Some((tag, content, whole))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, _) = self.next()?;
        (found == tag).then_some(content)
    }

    fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }

    /// The same, where it may be left out.
    fn take_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) {
            self.take(tag)
        } else {
            None
        }
    }
}

/// A timestamp, taken apart and not yet believed.
struct Stamp<'a> {
    info: &'a [u8],
    certificates: Vec<&'a [u8]>,
    /// As they were signed: a set, whatever the tag they are sent with.
    attributes: Vec<u8>,
    info_digest: &'a [u8],
    digest: &'static digest::Algorithm,
    signature: &'a [u8],
}

/// The time of a timestamp over `signature` by one of the root's
/// authorities; `None` for anything else.
pub(super) fn time_of(stamp: &[u8], signature: &[u8], root: &TrustRoot) -> Option<Timestamp> {
    let stamp = read(stamp)?;
    if digest::digest(stamp.digest, stamp.info).as_ref() != stamp.info_digest {
        return None;
    }
    let time = stamped(stamp.info, signature)?;
    let is_vouched_for = root.timestamps_at(time).any(|authority| {
        let own = authority.intermediates.iter().map(Vec::as_slice);
        let candidates = stamp.certificates.iter().copied().chain(own);
        candidates
            .filter_map(|der| Certificate::from_der(der).ok())
            .any(|certificate| {
                certificate
                    .key
                    .has_signed(&stamp.attributes, stamp.signature)
                    && certificate
                        .may_stamp(&authority.intermediates, &authority.root, time)
                        .is_ok()
            })
    });
    is_vouched_for.then_some(time)
}

/// What an information says of `signature`.
fn stamped(info: &[u8], signature: &[u8]) -> Option<Timestamp> {
    let mut info = Der(info).inside(SEQUENCE)?;
    info.take(INTEGER)?;
    info.take(OID)?;
    let mut imprint = info.inside(SEQUENCE)?;
    let algorithm = algorithm(imprint.inside(SEQUENCE)?)?;
    if digest::digest(algorithm, signature).as_ref() != imprint.take(OCTETS)? {
        return None;
    }
    info.take(INTEGER)?;
    let text = std::str::from_utf8(info.take(TIME)?).ok()?;
    // 20261120100000Z, or with a fraction, which is left out.
    let digits = text
        .get(..14)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    if !text.ends_with('Z') {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    )
    .parse()
    .ok()
}

fn algorithm(mut identifier: Der<'_>) -> Option<&'static digest::Algorithm> {
    match identifier.take(OID)?.strip_prefix(SHA2)? {
        [1] => Some(&digest::SHA256),
        [2] => Some(&digest::SHA384),
        [3] => Some(&digest::SHA512),
        _ => None,
    }
}

fn read(stamp: &[u8]) -> Option<Stamp<'_>> {
    let mut content = Der(stamp).inside(SEQUENCE)?;
    // An authority's whole answer, as sigstore keeps it, or only the token
    // in it, as notation does.
    if let Some(status) = content.take_if(SEQUENCE) {
        // Granted, or granted with changes.
        if !matches!(Der(status).take(INTEGER)?, [0 | 1]) {
            return None;
        }
        content = content.inside(SEQUENCE)?;
    }
    if content.take(OID)? != SIGNED_DATA {
        return None;
    }
    let mut data = content.inside(FIRST)?.inside(SEQUENCE)?;
    data.take(INTEGER)?;
    data.take(SET)?;
    let mut encapsulated = data.inside(SEQUENCE)?;
    if encapsulated.take(OID)? != TST_INFO {
        return None;
    }
    let info = encapsulated.inside(FIRST)?.take(OCTETS)?;
    let mut certificates = Vec::new();
    if let Some(list) = data.take_if(FIRST) {
        let mut list = Der(list);
        while let Some((tag, _, whole)) = list.next() {
            if tag == SEQUENCE && certificates.len() < MOST_CERTIFICATES {
                certificates.push(whole);
            }
        }
    }
    data.take_if(0xa1);
    let mut signers = data.inside(SET)?;
    let mut signer = signers.inside(SEQUENCE)?;
    if !signers.0.is_empty() {
        return None;
    }
    signer.take(INTEGER)?;
    signer.next()?;
    let digest = algorithm(signer.inside(SEQUENCE)?)?;
    let (tag, list, whole) = signer.next()?;
    if tag != FIRST {
        return None;
    }
    let mut attributes = whole.to_vec();
    *attributes.first_mut()? = SET;
    let mut list = Der(list);
    let (mut info_digest, mut is_of_a_stamp) = (None, false);
    while !list.0.is_empty() {
        let mut attribute = list.inside(SEQUENCE)?;
        let name = attribute.take(OID)?;
        let mut values = attribute.inside(SET)?;
        match name {
            MESSAGE_DIGEST if info_digest.is_none() => info_digest = values.take(OCTETS),
            MESSAGE_DIGEST => return None,
            CONTENT_TYPE => is_of_a_stamp = values.take(OID)? == TST_INFO,
            _ => {}
        }
    }
    signer.take(SEQUENCE)?;
    let signature = signer.take(OCTETS)?;
    is_of_a_stamp.then_some(Stamp {
        info,
        certificates,
        attributes,
        info_digest: info_digest?,
        digest,
        signature,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_that_lie_end() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x05, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x80, 0, 0],
        ] {
            assert!(Der(bytes).next().is_none(), "{bytes:?}");
        }
        let mut der = Der(&[0x04, 0x81, 0x01, 0x07, 0x05]);
        assert_eq!(der.take(OCTETS), Some(&[7][..]));
        assert!(der.next().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).is_none());
        }
    }
}
