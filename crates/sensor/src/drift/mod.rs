//! Was it in the image? Programs that were not, and what is done about
//! them.
//!
//! The kernel tells of each program that is executed whether its file was
//! written since the container began. A policy says, by the first rule
//! that fits a container, whether that is of no interest, an alert, or not
//! to happen. What is not to happen has to be decided before it does:
//! [`Drift::orders`] are marks for the kernel's side, made when a container
//! becomes known and changed when more is known of it. Until all that its
//! runtime says of a container is known, programs are reported and none is
//! stopped.
//!
//! A rule with exceptions cannot be a mark, since the kernel's side knows
//! no paths: there the sensor ends the process itself, a moment later.

mod layers;
mod policy;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use api::sensor::{DenyLists, DriftAction, DriftPolicy};
use rules::syscall::{Bytes, Container, Process};

pub(crate) use self::layers::open_for;
use self::{
    layers::{Compared, Layers},
    policy::{Decision, Place},
};
use crate::{
    context::Known,
    record::{Cgroup, Exec, File, Outcome},
};

/// Containers remembered.
const MAX_CONTAINERS: usize = 4_096;
/// Answers remembered about files.
const MAX_ANSWERS: usize = 4_096;
/// How often the layers of a container are looked for.
const MAX_TRIES: u8 = 20;
const TMPFS: u64 = 0x0102_1994;

/// What the kernel's side is to do in a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: what happens is told as it is anyway.
    #[default]
    Report,
    /// Tell what would have been stopped.
    Try,
    Stop,
}

/// Marks of one container; what is not named is [`Mark::Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub cgroup: Cgroup,
    /// Programs that are not in the image.
    pub drift: Mark,
    /// Connections to the cloud's metadata service.
    pub metadata: Mark,
    /// Writes to kernel settings.
    pub sysctl: Mark,
    /// The container is gone: forget it.
    pub is_gone: bool,
}

/// Where a program came from that was not in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Written since the container began.
    New,
    /// In the place of one of the image's own, with other bytes.
    Changed,
    /// Written, and nobody can say what was there before.
    Written,
    /// A text, run by an interpreter of the image.
    Script,
    /// In memory only.
    Memory,
    /// It was deleted before it ran.
    Deleted,
    /// From a volume in memory.
    Tmpfs,
    /// From another volume.
    Volume,
}

impl Origin {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "written since the container began",
            Self::Changed => "a changed copy of one in the image",
            Self::Written => "written or changed since the container began",
            Self::Script => "a script written since the container began",
            Self::Memory => "in memory only",
            Self::Deleted => "deleted before it ran",
            Self::Tmpfs => "on a volume in memory",
            Self::Volume => "on a volume",
        }
    }

    pub(crate) fn is_volume(self) -> bool {
        matches!(self, Self::Tmpfs | Self::Volume)
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Ran,
    Told(Outcome),
    /// It should have been ended and was not.
    Escaped,
}

impl Ending {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "it ran",
            Self::Told(Outcome::WouldStop) => "it would have been blocked",
            Self::Told(Outcome::Refused) => "it was blocked",
            Self::Told(Outcome::Killed) => "it was killed",
            Self::Escaped => "it was to be blocked and was not",
        }
    }
}

/// A program that was not in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drifted {
    pub(crate) path: Vec<u8>,
    pub(crate) origin: Origin,
    pub(crate) ending: Ending,
    /// The rule of the policy that decided.
    pub(crate) rule: Option<String>,
}

#[derive(Debug)]
struct Placed {
    cgroup: Cgroup,
    decision: Decision,
    order: Order,
    container: Arc<Container>,
    is_complete: bool,
    /// Whether its root is an overlay: only then are there layers.
    is_overlay: bool,
    layers: Option<Layers>,
    /// How often they were looked for: the process may have been gone.
    tries: u8,
}

/// Judges what containers execute.
#[derive(Debug, Default)]
pub struct Drift {
    cluster: Option<String>,
    policy: DriftPolicy,
    deny: DenyLists,
    /// Whether the kernel's side can stop anything.
    enforces: bool,
    containers: HashMap<Bytes, Placed>,
    orders: Vec<Order>,
    answers: HashMap<(u64, (u32, u32), i64, u64), Compared>,
    /// Processes the sensor ended itself.
    pub(crate) ended_by_hand: u64,
}

impl Drift {
    pub fn new(cluster: Option<String>) -> Self {
        Self {
            cluster,
            ..Self::default()
        }
    }

    /// Whether the kernel's side stops what it is told to stop, and says
    /// so: without it the sensor ends processes itself.
    pub fn set_enforcement(&mut self, is_there: bool) {
        self.enforces = is_there;
    }

    /// Goes on with another policy: every container is decided about anew.
    pub fn set_policy(&mut self, policy: DriftPolicy, deny: DenyLists) {
        self.policy = policy;
        self.deny = deny;
        let mut containers = std::mem::take(&mut self.containers);
        for placed in containers.values_mut() {
            self.decide(placed);
        }
        self.containers = containers;
    }

    /// Marks that changed since this was asked last.
    pub fn orders(&mut self) -> impl Iterator<Item = Order> {
        self.orders.drain(..)
    }

    /// A container is there, or more is known of it.
    pub(crate) fn container(&mut self, known: &Known) {
        let id = known.container.full_id.clone();
        let before = self.containers.remove(&id);
        if before.is_none() && self.containers.len() >= MAX_CONTAINERS {
            // Not decided about is reported, which is no harm.
            return;
        }
        let mut placed = before.unwrap_or_else(|| Placed::new(&known.container, known.cgroup));
        placed.cgroup = known.cgroup;
        placed.container = Arc::clone(&known.container);
        placed.is_complete = known.is_complete;
        self.decide(&mut placed);
        self.containers.insert(id, placed);
    }

    pub(crate) fn ended(&mut self, known: &Known) {
        if let Some(placed) = self.containers.remove(&known.container.full_id) {
            self.orders.push(Order {
                is_gone: true,
                ..order(placed.cgroup)
            });
        }
    }

    fn decide(&mut self, placed: &mut Placed) {
        let place = Place::of(&placed.container, self.cluster.as_deref());
        let decided = if placed.is_complete {
            policy::decide(&self.policy, &place)
        } else {
            Decision::default()
        };
        let stop = |action: DriftAction| match action {
            DriftAction::Block => Mark::Stop,
            DriftAction::Ignore | DriftAction::Alert => Mark::Report,
        };
        let drift = match decided.action {
            // Exceptions are paths: see the head of this file.
            _ if !decided.allow.is_empty() => Mark::Report,
            DriftAction::Block if decided.is_dry_run => Mark::Try,
            action => stop(action),
        };
        let order = Order {
            drift,
            metadata: stop(self.deny.metadata),
            sysctl: stop(self.deny.sysctl),
            ..order(placed.cgroup)
        };
        if placed.order != order {
            self.orders.push(order);
        }
        placed.order = order;
        placed.decision = decided;
    }

    /// A process runs another program: is it one of the image?
    pub(crate) fn executed(&mut self, process: &Process, exec: &Exec<'_>) -> Option<Drifted> {
        let container = process.container.as_ref()?;
        if !self.containers.contains_key(&container.full_id) {
            // Its runtime has said nothing yet, or never will.
            if self.containers.len() >= MAX_CONTAINERS {
                return None;
            }
            let new = Placed::new(container, Cgroup::default());
            self.containers.insert(container.full_id.clone(), new);
        }
        let placed = self.containers.get_mut(&container.full_id)?;
        let file = &exec.file;
        placed.is_overlay |= file.is_overlay;
        let origin = origin(file);
        if file.is_overlay {
            // While somebody lives whose mounts can be read.
            placed.learn(process, file.device);
        } else if !placed.is_overlay && !matches!(origin, Some(Origin::Memory | Origin::Deleted)) {
            // Without layers nobody can tell, but of what has no file.
            return None;
        }
        // A runtime on its way into the container runs a copy of itself
        // from memory, or from the host.
        let comes_in = process
            .parent
            .as_ref()
            .is_none_or(|parent| parent.container.is_none());
        if comes_in && origin.is_some_and(|origin| origin != Origin::Written) {
            return None;
        }
        let path = if exec.resolved.is_empty() {
            &process.exe_path
        } else {
            exec.resolved
        };
        let (origin, path) = match origin {
            Some(Origin::Written) => {
                let key = (file.inode, file.device, file.modified, file.size);
                let compared = if let Some(known) = self.answers.get(&key) {
                    *known
                } else {
                    let layers = placed.layers.as_ref();
                    let answer = layers.map_or(Compared::Unknown, |it| it.compare(as_path(path)));
                    if self.answers.len() >= MAX_ANSWERS {
                        self.answers.clear();
                    }
                    if answer != Compared::Unknown {
                        self.answers.insert(key, answer);
                    }
                    answer
                };
                let origin = match compared {
                    Compared::Same => return None,
                    Compared::New => Origin::New,
                    Compared::Changed => Origin::Changed,
                    Compared::Unknown => Origin::Written,
                };
                (origin, path.to_vec())
            }
            Some(origin) => (origin, path.to_vec()),
            // The program is the image's; what it was given to run may not
            // be.
            None => (Origin::Script, placed.script(process, exec)?),
        };
        let decision = &placed.decision;
        if decision.action == DriftAction::Ignore || decision.allows(&path) {
            return None;
        }
        let is_stopped = decision.action == DriftAction::Block
            && !origin.is_volume()
            && origin != Origin::Script;
        let is_by_kernel = self.enforces && placed.order.drift != Mark::Report;
        let ending = if !is_stopped {
            Ending::Ran
        } else if is_by_kernel {
            // It tells what became of it.
            return None;
        } else if decision.is_dry_run {
            Ending::Told(Outcome::WouldStop)
        } else if end(process.pid, file) {
            self.ended_by_hand += 1;
            Ending::Told(Outcome::Killed)
        } else {
            Ending::Escaped
        };
        Some(Drifted {
            path,
            origin,
            ending,
            rule: decision.rule.clone(),
        })
    }

    /// A file that was written in a container, whoever of it still runs.
    pub(crate) fn open_written(&self, process: &Process, path: &Path) -> Option<std::fs::File> {
        let placed = self.containers.get(&process.container.as_ref()?.full_id)?;
        placed.layers.as_ref()?.open_written(path)
    }

    /// The kernel's side stopped a program, or would have.
    pub(crate) fn verdict(
        &self,
        process: &Process,
        path: &[u8],
        file: &File,
        outcome: Outcome,
    ) -> Drifted {
        let container = process.container.as_ref();
        let placed = container.and_then(|it| self.containers.get(&it.full_id));
        Drifted {
            path: path.to_vec(),
            origin: origin(file).unwrap_or(Origin::Written),
            ending: Ending::Told(outcome),
            rule: placed.and_then(|placed| placed.decision.rule.clone()),
        }
    }
}

impl Placed {
    fn new(container: &Arc<Container>, cgroup: Cgroup) -> Self {
        Self {
            cgroup,
            decision: Decision::default(),
            order: order(cgroup),
            container: Arc::clone(container),
            is_complete: false,
            is_overlay: false,
            layers: None,
            tries: 0,
        }
    }

    /// What its root is laid together from, by a process of it or that
    /// one's parent.
    fn learn(&mut self, process: &Process, device: (u32, u32)) {
        if self.layers.is_some() || self.tries >= MAX_TRIES {
            return;
        }
        self.tries += 1;
        let parent = process.parent.as_ref().map(|parent| parent.pid);
        self.layers = [Some(process.pid), parent]
            .into_iter()
            .flatten()
            .find_map(|pid| Layers::of_process(pid, device));
    }

    /// A text that was executed, where it was not in the image: its path
    /// was passed, and the file that runs is its interpreter's.
    fn script(&mut self, process: &Process, exec: &Exec<'_>) -> Option<Vec<u8>> {
        let last = |path: &[u8]| -> Vec<u8> {
            let name = path.rsplit(|byte| *byte == b'/').next();
            name.unwrap_or_default().to_vec()
        };
        if exec.path.is_empty() || last(exec.path) == last(exec.resolved) {
            return None;
        }
        let passed = if exec.path.starts_with(b"/") {
            as_path(exec.path).to_owned()
        } else {
            as_path(&process.working_folder).join(as_path(exec.path))
        };
        // `sh` is a link to `dash`: most of what comes here.
        let resolved = layers::resolve_for(process.pid, &passed)?;
        if resolved == as_path(exec.resolved) {
            return None;
        }
        let layers = self.layers.as_ref()?;
        let is_new = layers.is_upper(&resolved)
            && matches!(layers.compare(&resolved), Compared::New | Compared::Changed);
        is_new.then(|| {
            use std::os::unix::ffi::OsStrExt as _;
            resolved.as_os_str().as_bytes().to_vec()
        })
    }
}

fn order(cgroup: Cgroup) -> Order {
    Order {
        cgroup,
        drift: Mark::Report,
        metadata: Mark::Report,
        sysctl: Mark::Report,
        is_gone: false,
    }
}

/// Where a file came from; none: the image.
fn origin(file: &File) -> Option<Origin> {
    match file {
        File { is_memfd: true, .. } => Some(Origin::Memory),
        File {
            is_unlinked: true, ..
        } => Some(Origin::Deleted),
        File {
            is_overlay: true,
            is_upper,
            ..
        } => is_upper.then_some(Origin::Written),
        File { magic: TMPFS, .. } => Some(Origin::Tmpfs),
        File { inode: 0, .. } => None,
        _ => Some(Origin::Volume),
    }
}

fn as_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Ends a process that still runs this file, and no other.
fn end(pid: i64, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // The handle is taken first: whatever it stands for, it is that whose
    // file is looked at.
    let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else {
        return false;
    };
    let runs = std::fs::metadata(PathBuf::from(format!("/proc/{pid}/exe")));
    let is_it = runs.is_ok_and(|runs| runs.ino() == file.inode && runs.size() == file.size);
    is_it && pidfd_send_signal(&handle, Signal::KILL).is_ok()
}

#[cfg(test)]
mod tests;
