//! What a container's OCI runtime specification tells of its powers
//! (runtime-spec, config.md and config-linux.md).

use serde::Deserialize;

/// A larger one is not read.
const LARGEST: usize = 4 << 20;

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    process: Process,
    linux: Option<Linux>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Process {
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(default)]
    masked_paths: Vec<String>,
    #[serde(default)]
    readonly_paths: Vec<String>,
}

/// Whether nothing of the machine is hidden from it or forbidden to it:
/// no flag says so, but this is what engines turn `--privileged` into.
/// `None`: it cannot be told.
pub(super) fn is_privileged(spec: &[u8]) -> Option<bool> {
    if spec.len() > LARGEST {
        return None;
    }
    let spec: Spec = serde_json::from_slice(spec).ok()?;
    let linux = spec.linux?;
    let may = |name: &str| {
        let bounding = &spec.process.capabilities.bounding;
        bounding.iter().any(|capability| capability == name)
    };
    let is_open = linux.masked_paths.is_empty() && linux.readonly_paths.is_empty();
    Some(
        is_open
            && ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"]
                .into_iter()
                .all(may),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_powers_and_nothing_masked_is_privileged() {
        let capabilities =
            r#""capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO"]}"#;
        let open = format!(r#"{{"process":{{{capabilities}}},"linux":{{}}}}"#);
        assert_eq!(is_privileged(open.as_bytes()), Some(true));
        let masked = format!(
            r#"{{"process":{{{capabilities}}},"linux":{{"maskedPaths":["/proc/kcore"]}}}}"#
        );
        assert_eq!(is_privileged(masked.as_bytes()), Some(false));
        let weak = br#"{"process":{"capabilities":{"bounding":["CAP_CHOWN"]}},"linux":{}}"#;
        assert_eq!(is_privileged(weak), Some(false));
    }

    #[test]
    fn what_is_no_linux_specification_tells_nothing() {
        assert_eq!(is_privileged(b"{\"windows\":{}}"), None);
        assert_eq!(is_privileged(b"\x0a\x02"), None);
    }
}
