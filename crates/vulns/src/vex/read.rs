//! Reading a VEX document whatever its form: which it is can be told
//! from its first keys.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Document, Statement, csaf, cyclonedx, openvex};

/// Red Hat's largest CSAF documents are near 50 MB.
const MAX_BYTES: u64 = 256 << 20;

/// Why a VEX document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VexError {
    #[error("read {}", .path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("read {source_name}: it is larger than {MAX_BYTES} bytes")]
    TooLarge { source_name: String },
    #[error("recognise {source_name}: it is no OpenVEX, CSAF or CycloneDX document")]
    Unknown { source_name: String },
    #[error("understand {source_name} as {form}")]
    Parse {
        source_name: String,
        form: &'static str,
        source: serde_json::Error,
    },
}

/// The keys that tell the forms apart.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "@context", default)]
    context: Option<serde_json::Value>,
    #[serde(default)]
    document: Option<serde::de::IgnoredAny>,
    #[serde(rename = "bomFormat", default)]
    bom_format: Option<String>,
}

/// Reads a document from a file.
pub fn read(path: &Path) -> Result<Document, VexError> {
    let failed = |source| VexError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    parse(&path.display().to_string(), &bytes)
}

/// Reads a document; `source` is what people know it by.
pub fn parse(source: &str, bytes: &[u8]) -> Result<Document, VexError> {
    let source_name = || source.to_owned();
    if bytes.len() as u64 > MAX_BYTES {
        return Err(VexError::TooLarge {
            source_name: source_name(),
        });
    }
    let invalid = |form| {
        move |error| VexError::Parse {
            source_name: source.to_owned(),
            form,
            source: error,
        }
    };
    let probe: Probe = serde_json::from_slice(bytes).map_err(invalid("VEX"))?;
    let statements: Vec<Statement> = if probe.bom_format.as_deref() == Some("CycloneDX") {
        cyclonedx::parse(bytes).map_err(invalid("CycloneDX"))?
    } else if probe.document.is_some() {
        csaf::parse(bytes).map_err(invalid("CSAF"))?
    } else if is_openvex(probe.context.as_ref()) {
        openvex::parse(bytes).map_err(invalid("OpenVEX"))?
    } else {
        return Err(VexError::Unknown {
            source_name: source_name(),
        });
    };
    Ok(Document {
        source: source_name(),
        statements,
    })
}

fn is_openvex(context: Option<&serde_json::Value>) -> bool {
    let is_named = |value: &serde_json::Value| {
        value
            .as_str()
            .is_some_and(|text| text.contains("openvex.dev") || text.contains("openvex/ns"))
    };
    match context {
        Some(serde_json::Value::Array(list)) => list.iter().any(is_named),
        Some(value) => is_named(value),
        None => false,
    }
}

/// A moment, where the text is one.
pub(super) fn moment(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Text that is there and not blank.
pub(super) fn said(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}
