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
    mounts: Option<Vec<Mount>>,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(default)]
    source: String,
    #[serde(default)]
    options: Vec<String>,
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

/// Paths of the machine mounted into it; `None`: it cannot be told.
pub(super) fn host_paths(spec: &[u8]) -> Option<Vec<String>> {
    if spec.len() > LARGEST {
        return None;
    }
    let spec: Spec = serde_json::from_slice(spec).ok()?;
    let is_bound = |mount: &Mount| {
        let mut options = mount.options.iter();
        options.any(|option| option == "bind" || option == "rbind")
    };
    let mounts = spec.mounts?.into_iter().filter(is_bound);
    Some(mounts.map(|mount| mount.source).collect())
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
    fn only_what_is_bound_comes_from_the_machine() {
        let spec = br#"{"mounts":[
            {"type":"proc","source":"proc"},
            {"type":"bind","source":"/run/containerd","options":["rbind","rw"]}]}"#;
        assert_eq!(host_paths(spec).unwrap(), ["/run/containerd"]);
        assert_eq!(host_paths(b"{}"), None);
    }

    #[test]
    fn what_is_no_linux_specification_tells_nothing() {
        assert_eq!(is_privileged(b"{\"windows\":{}}"), None);
        assert_eq!(is_privileged(b"\x0a\x02"), None);
    }
}
