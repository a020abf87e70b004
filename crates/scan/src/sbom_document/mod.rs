//! Reading SBOM files: CycloneDX (JSON and XML) and SPDX 2 (JSON).
//!
//! Each format is read into the same few [`component::Component`]s, and
//! those become a [`model::Sbom`]. Our own documents carry what their
//! standard has no field for as `seawall:*` facts, so that scanning one
//! finds what scanning the image found; other tools' documents are
//! understood by their package URLs and the properties of Syft and
//! Trivy. A document may be wrong in a detail and still be read: only
//! what is no SBOM at all is refused.

mod component;
mod cyclonedx;
mod cyclonedx_xml;
mod foreign;
mod spdx;

use std::{fs::File, io::Read as _, path::Path};

use model::{Cancel, Sbom};
use serde::Deserialize;

use crate::{
    ScanError,
    extract::json::Text,
    worker::{self, Isolation},
};

/// Why a file cannot be read as an SBOM.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SbomError {
    #[error("recognise the SBOM: it is neither CycloneDX (JSON or XML) nor SPDX (JSON)")]
    Recognise,
    #[error("read CycloneDX version '{0}' (1.2 to 1.7 can be read)")]
    CyclonedxVersion(String),
    #[error("read SPDX version '{0}' (SPDX-2.2 and SPDX-2.3 can be read, as JSON)")]
    SpdxVersion(String),
    #[error("read the SBOM as JSON")]
    ReadJson(#[source] serde_json::Error),
    #[error("read the CycloneDX document")]
    ReadCyclonedx(#[source] serde_json::Error),
    #[error("read the CycloneDX document as XML")]
    ReadXml(#[source] quick_xml::Error),
    #[error("read the CycloneDX document: its elements are nested too deep")]
    NestedTooDeep,
    #[error("read the SPDX document")]
    ReadSpdx(#[source] serde_json::Error),
    #[error("read the SBOM: it lists more than {0} components")]
    TooManyComponents(usize),
}

/// More components than any real SBOM lists.
const MAX_COMPONENTS: usize = 500_000;

/// Larger documents are refused unread.
pub(crate) const LARGEST: u64 = 256 << 20;

/// Reads the document in a file, in a worker where there are some.
pub(crate) fn open(
    path: &Path,
    isolation: Option<&Isolation>,
    cancel: &Cancel,
) -> Result<Sbom, ScanError> {
    let open = |source| ScanError::Open {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(open)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(open)?;
    if bytes.len() as u64 > LARGEST {
        return Err(ScanError::TooLarge {
            path: path.to_owned(),
            most: LARGEST,
        });
    }
    read_apart(path, &bytes, isolation, cancel)
}

/// Reads one that was handed in, in a worker where there are some.
pub(crate) fn read_apart(
    path: &Path,
    bytes: &[u8],
    isolation: Option<&Isolation>,
    cancel: &Cancel,
) -> Result<Sbom, ScanError> {
    let refuse = |source: Box<dyn std::error::Error + Send + Sync>| ScanError::Sbom {
        path: path.to_owned(),
        source,
    };
    match isolation {
        Some(isolation) => {
            worker::read_sbom(isolation, bytes, cancel).map_err(|told| refuse(told.into()))
        }
        None => read(bytes).map_err(|error| refuse(Box::new(error))),
    }
}

/// Reads an SBOM in whichever of the known formats it is.
pub(crate) fn read(bytes: &[u8]) -> Result<Sbom, SbomError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document = match bytes.trim_ascii_start() {
        [b'{', ..] => read_json(bytes)?,
        [b'<', ..] => cyclonedx_xml::read(bytes)?,
        text if text.starts_with(b"SPDXVersion:") => {
            return Err(SbomError::SpdxVersion("tag-value".to_owned()));
        }
        _ => return Err(SbomError::Recognise),
    };
    Ok(document.into_sbom())
}

/// The fields that tell the formats apart.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Probe {
    #[serde(rename = "bomFormat")]
    bom_format: Text,
    #[serde(rename = "spdxVersion")]
    spdx_version: Text,
    #[serde(rename = "@context")]
    context: Text,
}

fn read_json(bytes: &[u8]) -> Result<component::Document, SbomError> {
    let probe: Probe = serde_json::from_slice(bytes).map_err(SbomError::ReadJson)?;
    if probe.bom_format.0.as_deref() == Some("CycloneDX") {
        return cyclonedx::read(bytes);
    }
    if probe.spdx_version.0.is_some() {
        return spdx::read(bytes);
    }
    if probe
        .context
        .0
        .is_some_and(|context| context.contains("spdx.org"))
    {
        return Err(SbomError::SpdxVersion("SPDX-3".to_owned()));
    }
    Err(SbomError::Recognise)
}

#[cfg(test)]
mod tests;
