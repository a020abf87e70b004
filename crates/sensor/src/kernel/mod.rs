//! The kernel: programs loaded, rings read, what it allows and what was
//! lost.
//!
//! [`Kernel::start`] loads each program of `bpf/` by itself, so that one
//! this kernel refuses takes no other with it, and says in a [`Report`]
//! what is missing. [`Kernel::poll`] hands out [`Record`]s. Nothing of a
//! record is resolved here.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aya::{
    Ebpf, EbpfError,
    maps::{Array, HashMap, MapData, MapError, PerCpuArray, RingBuf},
};
use thiserror::Error;

use crate::{
    drift::Order,
    record::{File, Record},
};

mod calls;
mod cast;
mod decode;
mod fallback;
mod forbid;
mod layout;
mod load;
mod names;
mod pace;
mod report;
mod ring;
mod watch;

pub use decode::{NoRecord, decode};
pub use forbid::Judgement;
pub use report::{Feature, Report, State};
pub use watch::{Kernel, Means};

/// Classes of records: each can be switched off and is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    Process = 0,
    Cgroup = 1,
    File = 2,
    Network = 3,
    Dns = 4,
    Privilege = 5,
    Verdict = 6,
    /// Made by measurements alone.
    Synthetic = 7,
}

impl Class {
    pub const ALL: &[Self] = &[
        Self::Process,
        Self::Cgroup,
        Self::File,
        Self::Network,
        Self::Dns,
        Self::Privilege,
        Self::Verdict,
        Self::Synthetic,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Cgroup => "cgroup",
            Self::File => "file",
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Privilege => "privilege",
            Self::Verdict => "verdict",
            Self::Synthetic => "synthetic",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// Which opens of files are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    None,
    /// That write, create or empty a file.
    Writes,
    /// And reads of files whose name, or whose folder's name, is sensitive.
    Sensitive,
    All,
}

/// How the kernel is watched.
#[derive(Clone, Debug)]
pub struct Settings {
    pub by: Means,
    /// Room for what must not be lost. Powers of two; in the resident size
    /// of the process they count twice.
    pub critical_bytes: u32,
    pub bulk_bytes: u32,
    /// Records of this process are not told.
    pub own_pid: Option<u32>,
    /// Classes that are looked at.
    pub classes: Vec<Class>,
    /// Whether system calls are looked at: all calls of all processes cost
    /// a little more from then on, whatever the classes are.
    pub has_calls: bool,
    pub opens: Opens,
    /// Names of files that are sensitive to read: the last part of a path,
    /// of which the first 15 bytes count.
    pub sensitive_files: Vec<String>,
    /// Names of folders right in which everything is.
    pub sensitive_folders: Vec<String>,
    /// Bulk records a second each control group may send; 0 is any number.
    pub bulk_rate: u32,
    /// Records wait at most so long while others come; the first wakes the
    /// reader, unless it means nothing by itself (a fork, an exit).
    pub batch: Duration,
    /// Addresses that [`Order::metadata`] is about.
    pub forbidden_addresses: Vec<IpAddr>,
    /// Kernel settings that [`Order::sysctl`] is about, as below
    /// `/proc/sys`, and names of files that do the same elsewhere.
    pub forbidden_settings: Vec<String>,
    pub forbidden_files: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            by: Means::Best,
            critical_bytes: 1 << 20,
            bulk_bytes: 4 << 20,
            own_pid: None,
            classes: Class::ALL.to_vec(),
            has_calls: true,
            opens: Opens::Sensitive,
            sensitive_files: owned(names::SENSITIVE_FILES),
            sensitive_folders: owned(names::SENSITIVE_FOLDERS),
            bulk_rate: 20_000,
            batch: Duration::from_millis(10),
            forbidden_addresses: vec![
                Ipv4Addr::new(169, 254, 169, 254).into(),
                Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254).into(),
            ],
            forbidden_settings: owned(names::FORBIDDEN_SETTINGS),
            forbidden_files: owned(names::FORBIDDEN_FILES),
        }
    }
}

/// Why the kernel cannot be watched.
#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "the kernel lets this process load no programs: run it as root, or with the capabilities \
         BPF, PERFMON, SYS_RESOURCE, NET_ADMIN and SYS_PTRACE"
    )]
    Privilege,
    #[error(
        "this kernel does not describe its types (/sys/kernel/btf/vmlinux): it has to be built \
         with CONFIG_DEBUG_INFO_BTF"
    )]
    NoTypes(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("load the programs")]
    Load(#[source] Box<EbpfError>),
    #[error("use the programs' table {name}")]
    Map {
        name: &'static str,
        #[source]
        source: Box<MapError>,
    },
    #[error("the programs have no table {0}")]
    NoMap(&'static str),
    #[error("a ring of {0} bytes: the size has to be a power of two and at least one page")]
    RingSize(u32),
    #[error("{0}: no process can be seen to begin, so nothing can be told")]
    NoProcesses(String),
    #[error("run {0}: {1}")]
    Run(&'static str, String),
    #[error("wait for the kernel")]
    Wait(#[source] rustix::io::Errno),
}

/// What became of the records of a class, since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCounters {
    pub class: Class,
    /// How often a program looked.
    pub seen: u64,
    /// Not wanted.
    pub filtered: u64,
    /// Over what one control group may send.
    pub suppressed: u64,
    pub sent: u64,
    /// No room in the ring.
    pub dropped: u64,
    /// Given to [`Kernel::poll`]'s caller; less than `sent` while some wait.
    pub delivered: u64,
}

/// Programs in a kernel, until this is dropped.
struct Programs {
    rings: ring::Rings,
    control: Array<MapData, layout::Control>,
    counters: PerCpuArray<MapData, layout::Counts>,
    sensitive: HashMap<MapData, [u8; 16], u8>,
    protected: HashMap<MapData, u32, u8>,
    forbidden: forbid::Forbidden,
    classes: u32,
    opens: Opens,
    has_folders: bool,
    sketch: [u32; layout::SKETCH / 32],
    has_hooks: bool,
    pace: pace::Pace,
    asleep: Array<MapData, u32>,
    delivered: [u64; Class::ALL.len()],
    unreadable: u64,
    /// Holds the programs: they are detached when it goes.
    loaded: Arc<Mutex<Ebpf>>,
}

impl fmt::Debug for Programs {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Programs")
            .field("opens", &self.opens)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}

impl Programs {
    /// Loads the programs and attaches them. Records wait in the rings
    /// from here on.
    fn start(settings: &Settings) -> Result<(Self, Report), Error> {
        let (mut programs, report) = load::load(settings)?;
        let rings = ring::Rings::new(
            RingBuf::try_from(take_map(&mut programs, "critical")?).map_err(map("critical"))?,
            RingBuf::try_from(take_map(&mut programs, "bulk")?).map_err(map("bulk"))?,
        );
        let mut kernel = Self {
            rings,
            control: Array::try_from(take_map(&mut programs, "control_map")?)
                .map_err(map("control_map"))?,
            counters: PerCpuArray::try_from(take_map(&mut programs, "counters_map")?)
                .map_err(map("counters_map"))?,
            sensitive: HashMap::try_from(take_map(&mut programs, "sensitive")?)
                .map_err(map("sensitive"))?,
            protected: HashMap::try_from(take_map(&mut programs, "protected")?)
                .map_err(map("protected"))?,
            forbidden: forbid::Forbidden::new(&mut programs)?,
            has_hooks: report.state(load::IO_URING) == Some(State::Active),
            classes: settings
                .classes
                .iter()
                .fold(0, |all, each| all | each.bit()),
            opens: settings.opens,
            has_folders: false,
            sketch: [0; layout::SKETCH / 32],
            pace: pace::Pace::new(settings.batch),
            asleep: Array::try_from(take_map(&mut programs, "asleep_map")?)
                .map_err(map("asleep_map"))?,
            delivered: [0; Class::ALL.len()],
            unreadable: 0,
            loaded: Arc::new(Mutex::new(programs)),
        };
        kernel.forbidden.name_all(
            &settings.forbidden_addresses,
            &settings.forbidden_settings,
            &settings.forbidden_files,
        )?;
        kernel.set_sensitive(&settings.sensitive_files, &settings.sensitive_folders)?;
        Ok((kernel, report))
    }

    /// Waits until there is something, at most so long, and hands it out in
    /// the order of time. Says how many records there were.
    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(&Record<'_>)) -> Result<usize, Error> {
        let next = self.pace.next();
        let mut count = 0;
        if next.is_sleep {
            self.asleep.set(0, 1, 0).map_err(map("asleep_map"))?;
            // What came before the kernel saw that wakes nobody.
            count = self.drain(take);
        }
        if count == 0 {
            self.rings.wait(wait.min(next.time)).map_err(Error::Wait)?;
            count = self.drain(take);
        }
        self.pace.saw(count);
        Ok(count)
    }

    fn drain(&mut self, take: &mut dyn FnMut(&Record<'_>)) -> usize {
        let Self {
            rings,
            delivered,
            unreadable,
            ..
        } = self;
        rings.drain(|bytes| {
            if let Some(count) = bytes
                .get(1)
                .and_then(|&class| delivered.get_mut(usize::from(class)))
            {
                *count += 1;
            }
            match decode(bytes) {
                Ok(record) => take(&record),
                Err(error) => {
                    *unreadable += 1;
                    if unreadable.is_power_of_two() {
                        tracing::warn!(%error, count = *unreadable, "a record could not be read");
                    }
                }
            }
        })
    }

    /// What became of the records of each class.
    fn counters(&self) -> Vec<ClassCounters> {
        Class::ALL
            .iter()
            .map(|&class| {
                let mut all = [0_u64; 5];
                if let Ok(each) = self.counters.get(&(class as u32), 0) {
                    for one in each.iter() {
                        for (sum, count) in all.iter_mut().zip(one) {
                            *sum += count;
                        }
                    }
                }
                let [seen, filtered, suppressed, sent, dropped] = all;
                ClassCounters {
                    class,
                    seen,
                    filtered,
                    suppressed,
                    sent,
                    dropped,
                    delivered: self.delivered[class as usize],
                }
            })
            .collect()
    }

    /// Records that could not be read, which is a mistake of ours.
    fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Which classes are looked at from here on. Processes and control
    /// groups always are: nothing could be told without.
    fn set_classes(&mut self, classes: &[Class]) -> Result<(), Error> {
        self.classes = classes.iter().fold(0, |all, each| all | each.bit());
        self.write_control()
    }

    fn set_opens(&mut self, opens: Opens) -> Result<(), Error> {
        self.opens = opens;
        self.write_control()
    }

    /// Names of files, and of folders, whose opening for reading is told.
    fn set_sensitive(&mut self, files: &[String], folders: &[String]) -> Result<(), Error> {
        let old: Vec<_> = self.sensitive.keys().filter_map(Result::ok).collect();
        for key in old {
            self.sensitive.remove(&key).map_err(map("sensitive"))?;
        }
        let mut all = std::collections::BTreeMap::<[u8; 16], u8>::new();
        for (names, flag) in [(files, 1), (folders, 2)] {
            for name in names {
                *all.entry(name_key(name)).or_default() |= flag;
            }
        }
        self.sketch = [0; layout::SKETCH / 32];
        for (key, flags) in all {
            let bit = sketch_bit(&key);
            self.sketch[bit / 32] |= 1 << (bit % 32);
            self.sensitive
                .insert(key, flags, 0)
                .map_err(map("sensitive"))?;
        }
        self.has_folders = !folders.is_empty();
        self.write_control()
    }

    /// Processes whose being signalled is told.
    fn set_protected(&mut self, pids: &[u32]) -> Result<(), Error> {
        let old: Vec<_> = self.protected.keys().filter_map(Result::ok).collect();
        for key in old {
            self.protected.remove(&key).map_err(map("protected"))?;
        }
        for pid in pids {
            self.protected.insert(pid, 1, 0).map_err(map("protected"))?;
        }
        Ok(())
    }

    /// What is forbidden in a container from here on.
    fn order(&mut self, order: &Order) -> Result<(), Error> {
        self.forbidden.order(order)
    }

    /// What was said about a file, wherever it runs; until it is changed.
    fn judge(&mut self, file: &File, judgement: Judgement) -> Result<(), Error> {
        self.forbidden.mark(file, judgement)
    }

    /// What writes records that mean nothing, from another thread.
    fn synthetic(&self) -> Synthetic {
        Synthetic(Arc::clone(&self.loaded))
    }

    fn write_control(&mut self) -> Result<(), Error> {
        let opens = match self.opens {
            Opens::None => 0,
            Opens::Writes => 1,
            Opens::Sensitive => 2,
            Opens::All => 3,
        };
        let mut value: layout::Control = [0; _];
        let (flags, sketch) = value.split_at_mut(4);
        flags.copy_from_slice(&[
            self.classes,
            opens,
            u32::from(self.has_folders),
            u32::from(self.has_hooks),
        ]);
        sketch.copy_from_slice(&self.sketch);
        self.control.set(0, value, 0).map_err(map("control_map"))
    }
}

/// Fills a ring, to measure how much it carries.
#[derive(Debug)]
pub struct Synthetic(Arc<Mutex<Ebpf>>);

impl Synthetic {
    /// Writes a thousand records.
    pub fn write(&mut self) -> Result<(), Error> {
        let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        load::run(&mut programs, "synthetic")
    }
}

/// The first 15 bytes of a name, as the programs read it.
fn name_key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    key
}

/// Which bit of the sketch the first bytes of a name set.
fn sketch_bit(key: &[u8; 16]) -> usize {
    let begin = key.first_chunk().map_or(0, |it| u64::from_ne_bytes(*it));
    let hash = begin.wrapping_mul(layout::SKETCH_FACTOR);
    usize::try_from(hash >> (u64::BITS - layout::SKETCH_BITS)).unwrap_or_default()
}

fn take_map(programs: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, Error> {
    programs.take_map(name).ok_or(Error::NoMap(name))
}

fn map(name: &'static str) -> impl FnOnce(MapError) -> Error {
    move |source| Error::Map {
        name,
        source: Box::new(source),
    }
}
