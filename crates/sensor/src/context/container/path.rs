//! Which container a control group belongs to, by its path.
//!
//! Runtimes name the group after the container: `docker-ID.scope`,
//! `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope` under
//! systemd, plain `ID` in folders of their own otherwise. Where containers
//! run containers the outermost is the container: what is below it, it
//! made itself, and may have named as it liked.

use rules::syscall::Bytes;

/// Longer names are nobody's.
pub(crate) const MAX_NAME: usize = 128;

/// What a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: Bytes,
    /// A container within it.
    pub(crate) inner: Option<Bytes>,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`, or empty.
    pub(crate) runtime: &'static str,
    /// Where its name stands in the path: up to here it is the container.
    pub(crate) end: usize,
}

/// The container of a path whose name no other thing would have; nothing
/// where none of its parts is one.
pub(crate) fn identify(path: &[u8]) -> Option<Identity> {
    let mut found: Option<Identity> = None;
    let mut above: &[u8] = b"";
    let mut at = 0;
    for part in path.split(|byte| *byte == b'/') {
        let end = at + part.len();
        at = end + 1;
        if let Some((id, runtime)) = of_part(part, above) {
            if let Some(found) = &mut found {
                if *found.id != *id {
                    found.inner = Some(id.into());
                }
            } else {
                found = Some(Identity {
                    id: id.into(),
                    inner: None,
                    runtime,
                    end,
                });
            }
        }
        above = part;
    }
    found
}

/// Prefixes of names under systemd, and whose they are.
const PREFIXES: &[(&[u8], &str)] = &[
    (b"docker-", "docker"),
    (b"cri-containerd-", "containerd"),
    (b"nerdctl-", "containerd"),
    (b"crio-", "cri-o"),
    (b"libpod-", "podman"),
];

/// The same for runtimes that let whoever calls them choose the name.
const CHOSEN: &[(&[u8], &str)] = &[
    (b"runc-", "runc"),
    (b"crun-", "crun"),
    (b"lxc.payload.", "lxc"),
    (b"machine-", "systemd-nspawn"),
];

fn of_part<'p>(part: &'p [u8], above: &[u8]) -> Option<(&'p [u8], &'static str)> {
    let (name, is_scope) = match part.strip_suffix(b".scope") {
        Some(name) => (name, true),
        None => (part, false),
    };
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = name.strip_prefix(*prefix)
            && is_id(id)
        {
            return Some((id, runtime));
        }
    }
    if is_id(name) {
        return Some((name, by_folder(above)));
    }
    for (prefix, runtime) in CHOSEN {
        if (is_scope || *runtime == "lxc")
            && let Some(id) = name.strip_prefix(*prefix)
            && is_name(id)
        {
            return Some((id, runtime));
        }
    }
    None
}

/// 64 hexadecimal digits, in small letters.
pub(crate) fn is_id(text: &[u8]) -> bool {
    text.len() == 64
        && text
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a runtime takes as the name of a container.
pub(crate) fn is_name(text: &[u8]) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME
        && text != b"."
        && text != b".."
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(byte))
}

/// The name a part would give a container, were it one: itself, or what
/// stands between a prefix and `.scope`.
pub(crate) fn candidate(path: &[u8]) -> Option<&[u8]> {
    let part = path.rsplit(|byte| *byte == b'/').next()?;
    let name = part.strip_suffix(b".scope").unwrap_or(part);
    is_name(name).then_some(name)
}

/// Who makes groups of plain identifiers in such a folder.
fn by_folder(above: &[u8]) -> &'static str {
    match above {
        b"docker" => "docker",
        b"libpod_parent" | b"libpod" => "podman",
        b"default" | b"k8s.io" | b"moby" | b"nerdctl" => "containerd",
        b"lxc" => "lxc",
        // A pod's folder: of whichever runtime its node has.
        _ => "",
    }
}

/// The pod of a path that Kubernetes made: `pod` and a UUID, its dashes
/// underscores under systemd.
pub(crate) fn pod_of(path: &[u8]) -> Option<Bytes> {
    path.split(|byte| *byte == b'/').find_map(|part| {
        let name = part.strip_suffix(b".slice").unwrap_or(part);
        let at = name.windows(3).rposition(|window| window == b"pod")?;
        let is_start = at == 0 || name.get(at - 1) == Some(&b'-');
        let uid = name.get(at + 3..)?;
        let is_uid = is_start
            && (32..=36).contains(&uid.len())
            && uid
                .iter()
                .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_'));
        is_uid.then(|| {
            uid.iter()
                .map(|byte| if *byte == b'_' { b'-' } else { *byte })
                .collect::<Vec<_>>()
                .into()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f5e1d0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e";
    const OTHER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn told(path: &str) -> Option<(String, &'static str, Option<String>)> {
        let text = |it: &Bytes| String::from_utf8(it.to_vec()).unwrap();
        identify(path.replace("ID", ID).replace("OTHER", OTHER).as_bytes())
            .map(|it| (text(&it.id), it.runtime, it.inner.as_ref().map(text)))
    }

    #[test]
    fn every_runtime_and_driver_is_known() {
        for (path, runtime) in [
            ("/docker/ID", "docker"),
            ("/system.slice/docker-ID.scope", "docker"),
            ("/kubepods/burstable/pod8e2/ID", ""),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-ID.scope",
                "containerd",
            ),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", "cri-o"),
            ("/kubepods/besteffort/pod1/crio-ID", "cri-o"),
            ("/machine.slice/libpod-ID.scope/container", "podman"),
            ("/libpod_parent/libpod-ID", "podman"),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
                "podman",
            ),
            ("/default/ID", "containerd"),
            ("/system.slice/nerdctl-ID.scope", "containerd"),
            ("/actions_job/ID", ""),
        ] {
            assert_eq!(told(path), Some((ID.into(), runtime, None)), "{path}");
        }
        for (path, id, runtime) in [
            ("/user.slice/runc-web.scope", "web", "runc"),
            ("/system.slice/crun-a_b.1.scope", "a_b.1", "crun"),
            ("/lxc.payload.web", "web", "lxc"),
        ] {
            assert_eq!(told(path), Some((id.into(), runtime, None)), "{path}");
        }
    }

    #[test]
    fn what_serves_containers_is_no_container() {
        for path in [
            "/",
            "",
            "/system.slice/docker.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/kubepods-pod1.slice/crio-conmon-ID.scope",
            "/init.scope",
            "/process_api/dcff96f76d9e413097de94232203ddf3",
            "/docker/IDx",
            "/system.slice/runc-.scope",
            "/kubepods/besteffort/pod1",
        ] {
            assert_eq!(told(path), None, "{path}");
        }
        assert!(identify(ID.to_uppercase().as_bytes()).is_none());
    }

    #[test]
    fn the_outermost_is_the_container() {
        assert_eq!(
            told("/docker/ID/docker/OTHER/init.scope"),
            Some((ID.into(), "docker", Some(OTHER.into())))
        );
        assert_eq!(
            told("/docker/ID/libpod-ID"),
            Some((ID.into(), "docker", None))
        );
        let path = format!("/docker/{ID}/docker/{OTHER}");
        assert_eq!(identify(path.as_bytes()).unwrap().end, 8 + 64);
    }

    #[test]
    fn pods_are_read_from_both_drivers() {
        let uid = "2d3e4f50-1a2b-3c4d-5e6f-708192a3b4c5";
        let slice = format!(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/x",
            uid.replace('-', "_")
        );
        for path in [format!("/kubepods/burstable/pod{uid}/x"), slice] {
            assert_eq!(pod_of(path.as_bytes()).as_deref(), Some(uid.as_bytes()));
        }
        assert_eq!(pod_of(b"/system.slice/podman.service"), None);
    }

    proptest::proptest! {
        #[test]
        fn hostile_paths_do_no_harm(path in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            if let Some(found) = identify(&path) {
                proptest::prop_assert!(is_name(&found.id));
                proptest::prop_assert!(found.end <= path.len());
            }
            _ = pod_of(&path);
            _ = candidate(&path);
        }
    }
}
