//! Files written, and secrets read, as fanotify tells them afterwards.
//! It knows no names, only places: whole mounts for what is written, and
//! a list of files and folders for what is read.

use std::{
    collections::HashSet,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStringExt as _,
    },
    path::Path,
};

use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use super::layer::file_of_descriptor;
use crate::record;

/// Secrets by their usual places; in a folder, what lies right in it.
const SECRETS: &[&str] = &[
    "etc/shadow",
    "etc/gshadow",
    "etc/sudoers",
    "etc/kubernetes/admin.conf",
    "etc/kubernetes/pki",
    "root/.aws",
    "root/.azure",
    "root/.docker",
    "root/.gnupg",
    "root/.kube",
    "root/.ssh",
    "run/secrets/kubernetes.io/serviceaccount",
];

/// Read in one turn, so that a storm of writing leaves time for others.
const TURN: usize = 64;

/// What happened to a file.
#[derive(Debug)]
pub(super) struct Touched {
    pub(super) pid: u32,
    pub(super) path: Vec<u8>,
    pub(super) file: record::File,
    pub(super) is_written: bool,
}

/// The files that are watched.
#[derive(Debug)]
pub(super) struct Files {
    group: Fanotify,
    /// Mount namespaces whose root is marked.
    marked: HashSet<u32>,
    pub(super) lost: u64,
}

impl Files {
    pub(super) fn open() -> std::io::Result<Self> {
        let group = Fanotify::init(
            InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK,
            EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC,
        )?;
        Ok(Self {
            group,
            marked: HashSet::new(),
            lost: 0,
        })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.group.as_fd()
    }

    /// Watches what a process calls its root, once for each mount
    /// namespace.
    pub(super) fn watch(&mut self, mount_namespace: u32, folder: &Path) {
        if !self.marked.insert(mount_namespace) {
            return;
        }
        if self.marked.len() > 4096 {
            // Namespaces that are gone took their marks with them.
            self.marked.clear();
            self.marked.insert(mount_namespace);
        }
        let root = folder.join("root");
        let result = self.group.mark(
            MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_MOUNT,
            MaskFlags::FAN_CLOSE_WRITE,
            rustix::fs::CWD,
            Some(&root),
        );
        if let Err(error) = result {
            tracing::debug!(%error, mount_namespace, "a root is not watched");
        }
        for secret in SECRETS {
            // Most are not there.
            let marked = self.group.mark(
                MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_DONT_FOLLOW,
                MaskFlags::FAN_OPEN | MaskFlags::FAN_EVENT_ON_CHILD,
                rustix::fs::CWD,
                Some(&root.join(secret)),
            );
            marked.unwrap_or_default();
        }
    }

    /// Takes what has happened.
    pub(super) fn read(&mut self, tell: &mut dyn FnMut(Touched)) {
        let own = std::process::id();
        for _ in 0..TURN {
            let Ok(events) = self.group.read_events() else {
                return;
            };
            if events.is_empty() {
                return;
            }
            for event in events {
                let Some(descriptor) = event.fd() else {
                    self.lost += 1;
                    continue;
                };
                let pid = u32::try_from(event.pid()).unwrap_or_default();
                if pid == own || pid == 0 {
                    continue;
                }
                let number = std::os::fd::AsRawFd::as_raw_fd(&descriptor);
                let Ok(path) = std::fs::read_link(format!("/proc/self/fd/{number}")) else {
                    continue;
                };
                tell(Touched {
                    pid,
                    path: path.into_os_string().into_vec(),
                    file: file_of_descriptor(descriptor),
                    is_written: event.mask().contains(MaskFlags::FAN_CLOSE_WRITE),
                });
            }
        }
    }
}
