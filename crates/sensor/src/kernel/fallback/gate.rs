//! Stops programs that are not in the image, where the kernel has no hook
//! for it: by fanotify, which asks before a file is executed and waits for
//! the answer. A thread of its own answers, whatever the rest is busy
//! with; where the sensor ends, the kernel lets everything pass.

use std::{
    collections::HashMap,
    os::{fd::OwnedFd, unix::ffi::OsStringExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use nix::sys::fanotify::{
    EventFFlags, Fanotify, FanotifyEvent, FanotifyResponse, InitFlags, MarkFlags, MaskFlags,
    Response,
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use super::{
    layer::{Upper, file_of_descriptor},
    proc::{Processes, Seen},
};
use crate::{
    kernel::Judgement,
    record::{self, Cgroup, Outcome},
};

/// Files about which something is remembered.
const JUDGED: usize = 65_536;
/// Verdicts that may wait to be told.
const WAITING: usize = 1024;

/// What is done about a program that is not in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Action {
    /// It runs, and it is told that it would not have.
    Try,
    /// It does not run.
    Stop,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) who: Seen,
    pub(super) path: Vec<u8>,
    pub(super) file: record::File,
    pub(super) outcome: Outcome,
}

/// Files about which something was said, by inode and device: when they
/// changed last, and whether they may run.
pub(super) type Judged = HashMap<(u64, (u32, u32)), (i64, Judgement)>;

/// What was said, shared with the thread that answers.
#[derive(Debug, Default)]
struct Said {
    /// By the control group of the container.
    orders: HashMap<Cgroup, Order>,
    judged: Judged,
}

#[derive(Clone, Debug)]
struct Order {
    action: Action,
    /// Known once the first process of it was seen.
    upper: Option<Upper>,
}

/// Asked before anything is executed in the containers it watches.
#[derive(Debug)]
pub(super) struct Gate {
    shared: Arc<Shared>,
    answered: Receiver<Answered>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    group: Fanotify,
    said: Mutex<Said>,
    root: PathBuf,
    /// Written to when a verdict waits, and when the end has come.
    news: OwnedFd,
    end: OwnedFd,
    dropped: AtomicU64,
}

impl Gate {
    /// An error where this process may not: it takes the capability
    /// `SYS_ADMIN`.
    pub(super) fn open(root: &Path) -> std::io::Result<Self> {
        let group = Fanotify::init(
            InitFlags::FAN_CLASS_CONTENT
                | InitFlags::FAN_CLOEXEC
                | InitFlags::FAN_NONBLOCK
                | InitFlags::FAN_UNLIMITED_QUEUE,
            EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC,
        )?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let shared = Arc::new(Shared {
            group,
            said: Mutex::default(),
            root: root.to_owned(),
            news: eventfd(0, flags)?,
            end: eventfd(0, flags)?,
            dropped: AtomicU64::new(0),
        });
        let (tell, answered) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("gate".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.answer(&tell)
        })?;
        Ok(Self {
            shared,
            answered,
            thread: Some(thread),
        })
    }

    /// From here on the container of this group is watched, as soon as
    /// [`meet`](Self::meet) was told of a process of it; or no more.
    pub(super) fn set(&self, cgroup: Cgroup, action: Option<Action>) {
        let mut said = lock(&self.shared.said);
        match (action, said.orders.get_mut(&cgroup)) {
            (None, _) => drop(said.orders.remove(&cgroup)),
            (Some(action), Some(order)) => order.action = action,
            (Some(action), None) => {
                let upper = None;
                said.orders.insert(cgroup, Order { action, upper });
            }
        }
    }

    /// A process of a container that is to be watched: its mounts are the
    /// container's.
    pub(super) fn meet(&self, cgroup: Cgroup, pid: u32) -> std::io::Result<()> {
        let mut said = lock(&self.shared.said);
        let Some(order) = said.orders.get_mut(&cgroup) else {
            return Ok(());
        };
        if order.upper.is_some() {
            return Ok(());
        }
        let folder = self.shared.root.join(pid.to_string());
        let upper = Upper::of(&folder).ok_or_else(|| {
            std::io::Error::other("its root is no overlay, so what is in its image is not known")
        })?;
        order.upper = Some(upper);
        drop(said);
        self.mark(MarkFlags::FAN_MARK_ADD, &folder)
    }

    pub(super) fn judge(&self, file: &record::File, judgement: Judgement) {
        let mut said = lock(&self.shared.said);
        if said.judged.len() >= JUDGED {
            said.judged.clear();
        }
        said.judged
            .insert((file.inode, file.device), (file.changed, judgement));
    }

    fn mark(&self, how: MarkFlags, folder: &Path) -> std::io::Result<()> {
        Ok(self.shared.group.mark(
            how | MarkFlags::FAN_MARK_MOUNT,
            MaskFlags::FAN_OPEN_EXEC_PERM,
            rustix::fs::CWD,
            Some(&folder.join("root")),
        )?)
    }

    /// Readable when a verdict waits.
    pub(super) fn news(&self) -> &OwnedFd {
        &self.shared.news
    }

    pub(super) fn take(&self) -> Option<Answered> {
        self.answered.try_recv().ok()
    }

    /// Clears what [`news`](Self::news) says.
    pub(super) fn read_news(&self) {
        // Nothing to read is no error here.
        rustix::io::read(&self.shared.news, &mut [0_u8; 8]).unwrap_or_default();
    }

    /// Verdicts that stood, but could not be told.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        ring(&self.shared.end);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn answer(&self, tell: &SyncSender<Answered>) {
        let mut processes = Processes::new(&self.root);
        loop {
            let mut wait = [
                PollFd::new(&self.group, PollFlags::IN),
                PollFd::new(&self.end, PollFlags::IN),
            ];
            match poll(&mut wait, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            let [_, end] = &wait;
            if end.revents().contains(PollFlags::IN) {
                return;
            }
            let Ok(events) = self.group.read_events() else {
                continue;
            };
            for event in &events {
                self.judge(event, &mut processes, tell);
            }
        }
    }

    /// What is to become of running a file; nothing where nobody said.
    fn outcome(
        &self,
        pid: u32,
        path: &[u8],
        file: &mut record::File,
        processes: &mut Processes,
    ) -> Option<Outcome> {
        if pid == std::process::id() {
            return None;
        }
        let cgroup = processes.cgroup(pid);
        let said = lock(&self.said);
        let judged = said
            .judged
            .get(&(file.inode, file.device))
            .filter(|(changed, _)| *changed == file.changed)
            .map(|(_, judgement)| *judgement);
        let order = said
            .orders
            .iter()
            .find(|(place, _)| processes.is_within(cgroup, **place))
            .map(|(_, order)| order)?;
        let upper = order.upper.as_ref();
        file.is_upper = file.is_overlay && upper.is_some_and(|upper| upper.has(path));
        let action = match judged {
            Some(Judgement::Forbidden) => Action::Stop,
            None if file.is_upper => order.action,
            Some(Judgement::Allowed) | None => return None,
        };
        Some(match action {
            Action::Try => Outcome::WouldStop,
            Action::Stop => Outcome::Refused,
        })
    }

    /// Always answers: who asks waits.
    fn judge(&self, event: &FanotifyEvent, processes: &mut Processes, tell: &SyncSender<Answered>) {
        let Some(file) = event.fd() else { return };
        let pid = u32::try_from(event.pid()).unwrap_or_default();
        let path = std::fs::read_link(format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&file)
        ))
        .map(|path| path.into_os_string().into_vec())
        .unwrap_or_default();
        let mut facts = file_of_descriptor(file);
        let outcome = self.outcome(pid, &path, &mut facts, processes);
        // Before the answer, after which it may be something else, or gone.
        let who = outcome.and_then(|_| processes.see(pid));
        let response = if outcome == Some(Outcome::Refused) {
            Response::FAN_DENY
        } else {
            Response::FAN_ALLOW
        };
        if let Err(error) = self
            .group
            .write_response(FanotifyResponse::new(file, response))
        {
            tracing::warn!(%error, pid, "the kernel did not take an answer of the gate");
        }
        let Some(outcome) = outcome else { return };
        let answered = Answered {
            who: who.unwrap_or_default(),
            path,
            file: facts,
            outcome,
        };
        if tell.try_send(answered).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        ring(&self.news);
    }
}

/// A counter that is full has been rung often enough.
fn ring(bell: &OwnedFd) {
    rustix::io::write(bell, &1_u64.to_ne_bytes()).unwrap_or_default();
}

/// Whoever panicked left it whole: each change is one call.
fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}
