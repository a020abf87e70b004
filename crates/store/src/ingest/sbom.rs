//! The stored form of a bill of materials: JSON, compressed.

use model::Sbom;

use crate::StoreError;

/// The most a stored document may inflate to.
const LIMIT: usize = 512 * 1024 * 1024;

pub(crate) fn pack(sbom: &Sbom) -> Result<Vec<u8>, StoreError> {
    let text = serde_json::to_vec(sbom)
        .map_err(std::io::Error::other)
        .map_err(StoreError::Sbom)?;
    zstd::bulk::compress(&text, 3).map_err(StoreError::Sbom)
}

pub(crate) fn unpack(document: &[u8]) -> Result<Sbom, StoreError> {
    use std::io::Read as _;
    let mut text = Vec::new();
    zstd::Decoder::new(document)
        .and_then(|decoder| decoder.take(LIMIT as u64).read_to_end(&mut text))
        .map_err(StoreError::Sbom)?;
    serde_json::from_slice(&text)
        .map_err(std::io::Error::other)
        .map_err(StoreError::Sbom)
}
