//! Capability sets as rules read them.

use rules::syscall::Bytes;

const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// May write files whose permissions say otherwise.
pub(crate) const DAC_OVERRIDE: u64 = 1 << 1;

/// `CAP_CHOWN CAP_KILL`; bits without a name are left out.
pub(crate) fn text(set: u64) -> Bytes {
    let mut text = Vec::new();
    for (bit, name) in NAMES.iter().enumerate() {
        if set >> bit & 1 == 1 {
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(name.as_bytes());
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_have_names() {
        assert_eq!(&*text(1 << 21 | 1), b"CAP_CHOWN CAP_SYS_ADMIN");
        assert_eq!(&*text(0), b"");
        assert_eq!(&*text(1 << 63), b"");
        assert_eq!(text(u64::MAX).split(|byte| *byte == b' ').count(), 41);
    }
}
