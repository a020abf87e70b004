//! A container works at full load for minutes, and looks like a miner.
//!
//! # What
//! Reads how much processor time each container used, every ten seconds.
//! One that uses most of a core for five minutes is told where it has
//! traits of a miner besides: a program that is not in the image or has no
//! file, a pool's name looked up, a connection to a port pools use,
//! settings of the processor that miners change.
//!
//! # Why
//! Miners rename themselves and speak encrypted. What they cannot hide is
//! the work.
//!
//! # Limits
//! Load alone is never told: builds and models work as hard. [`MAX_WATCHED`]
//! containers. Where a container's control group cannot be read, nothing is
//! seen.
//!
//! # References
//! ATT&CK T1496; Defender's sustained processor use and `CpuOptimization`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use api::Severity;
use rules::syscall::{Bytes, Container, Event, Kind, Process};

use super::{
    bounded::Bounded,
    entry,
    history::Whose,
    suspicion::{Suspicion, Text},
};

const MAX_WATCHED: usize = 1_024;
/// Nanoseconds between two looks.
const APART: i64 = 10_000_000_000;
/// Looks in a row.
const LOOKS: u32 = 30;
/// Of one core, in a thousand.
const LOAD: u64 = 850;
const QUIET: i64 = 3_600_000_000_000;

/// Ports that pools listen on and little else does.
const POOL_PORTS: [u16; 12] = [
    3333, 3334, 3355, 3357, 4444, 5555, 7777, 9999, 14_433, 14_444, 45_560, 45_700,
];

pub(super) static TEXT: Text = Text {
    id: "K8S.NODE_MinerLikeLoad",
    on_host: "",
    title: "Container works at full load and looks like a miner",
    description: "A container used most of a core for five minutes, and ran a program or made \
                  connections as miners do.",
    severity: Severity::Medium,
    tactics: &["impact"],
    techniques: &["T1496"],
    matrix: &["MS-TA9040"],
    why: "Somebody else's mining costs what it uses and starves what shares the machine. It \
          also shows that whoever did it can run programs here.",
    fix: "1. See which program uses the time:\n   ```sh\n   \
          kubectl -n NAMESPACE top pod --containers\n   ```\n\
          2. Where it is not the workload's own, keep its file and stop the container.\n\
          3. Give workloads limits of processor time.",
    false_positives: "Builds and computations with tools that were installed at run time.",
    references: &["https://attack.mitre.org/techniques/T1496/"],
};

/// Signs, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trait {
    Drifted = 1,
    Pool = 2,
    PoolPort = 4,
    Tuned = 8,
}

const TRAITS: [(Trait, &str); 4] = [
    (Trait::Drifted, "runs a program that is not in its image"),
    (Trait::Pool, "looked up a mining pool"),
    (Trait::PoolPort, "connected to a port that pools use"),
    (
        Trait::Tuned,
        "changed settings of the processor or of memory",
    ),
];

/// How much a container used.
pub(super) trait Meter: std::fmt::Debug + Send {
    /// Microseconds since it began, by the paths of its control groups.
    fn used(&mut self, cgroups: &[(Bytes, Bytes)]) -> Option<u64>;
}

/// Control groups as they are mounted.
#[derive(Debug, Default)]
pub(super) struct Mounted;

impl Meter for Mounted {
    fn used(&mut self, cgroups: &[(Bytes, Bytes)]) -> Option<u64> {
        let root = Path::new("/sys/fs/cgroup");
        cgroups.iter().find_map(|(controller, path)| {
            let path = std::str::from_utf8(path).ok()?.trim_start_matches('/');
            if path.is_empty() || path.contains("..") {
                return None;
            }
            let controllers = std::str::from_utf8(controller).ok()?;
            let is_old = controllers
                .split(',')
                .any(|each| matches!(each, "cpuacct" | "cpu"));
            let folders: [PathBuf; 3] = [
                root.join(path),
                root.join("unified").join(path),
                root.join("cpu,cpuacct").join(path),
            ];
            let unified = folders.iter().find_map(|folder| {
                let text = std::fs::read_to_string(folder.join("cpu.stat")).ok()?;
                text.lines()
                    .find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok())
            });
            unified.or_else(|| {
                let folder = root.join("cpuacct").join(path);
                let text = is_old
                    .then(|| std::fs::read_to_string(folder.join("cpuacct.usage")).ok())
                    .flatten()?;
                Some(text.trim().parse::<u64>().ok()? / 1000)
            })
        })
    }
}

#[derive(Debug)]
struct Watched {
    container: Arc<Container>,
    cgroups: Vec<(Bytes, Bytes)>,
    used: Option<u64>,
    looked: i64,
    /// Looks in a row at which it was busy.
    busy: u32,
    load: u64,
    traits: u8,
    /// Who had a trait last.
    process: Option<Arc<Process>>,
    quiet_until: i64,
}

/// What a look found, for an alert that no event is about.
#[derive(Debug)]
pub(super) struct Busy {
    pub(super) suspicion: Suspicion,
    pub(super) container: Arc<Container>,
    pub(super) process: Option<Arc<Process>>,
}

#[derive(Debug)]
pub(super) struct Load {
    watched: Bounded<Whose, Watched>,
    meter: Box<dyn Meter>,
    looked: i64,
}

impl Default for Load {
    fn default() -> Self {
        Self::with(Box::new(Mounted))
    }
}

impl Load {
    fn with(meter: Box<dyn Meter>) -> Self {
        Self {
            watched: Bounded::new(MAX_WATCHED),
            meter,
            looked: i64::MIN,
        }
    }

    /// A process of a container was executed: it is watched from here on.
    pub(super) fn watch(&mut self, process: &Process) {
        let Some(container) = &process.container else {
            return;
        };
        let whose = Whose::of_container(container);
        if let Some(known) = self.watched.get_mut(&whose) {
            // More may be known of it by now.
            if !Arc::ptr_eq(&known.container, container) {
                known.container = Arc::clone(container);
            }
            return;
        }
        self.watched.insert(
            whose,
            Watched {
                container: Arc::clone(container),
                cgroups: process.cgroups.clone(),
                used: None,
                looked: 0,
                busy: 0,
                load: 0,
                traits: 0,
                process: None,
                quiet_until: i64::MIN,
            },
        );
    }

    /// Percent of one core a container used lately.
    pub(super) fn percent(&self, container: &Container) -> Option<f64> {
        let known = self.watched.get(&Whose::of_container(container))?;
        known.used?;
        #[expect(clippy::cast_precision_loss, reason = "a percentage is no count")]
        let load = known.load as f64;
        Some(load / 10.0)
    }

    /// A container has a trait of a miner.
    pub(super) fn mark(&mut self, process: &Arc<Process>, sign: Trait) {
        let Some(container) = &process.container else {
            return;
        };
        if let Some(known) = self.watched.get_mut(&Whose::of_container(container)) {
            known.traits |= sign as u8;
            if sign != Trait::Pool || known.process.is_none() {
                known.process = Some(Arc::clone(process));
            }
        }
    }

    pub(super) fn see(&mut self, event: &Event<'_>, process: &Arc<Process>) {
        if process.container.is_none() {
            return;
        }
        let sign = match event.kind {
            Kind::Execve | Kind::Execveat => return self.watch(process),
            Kind::Connect => {
                let connection = event.descriptor.and_then(|it| it.connection);
                let end = connection.as_ref().and_then(entry::other_end);
                let is_one = end.is_some_and(|(address, port)| {
                    !address.is_loopback() && POOL_PORTS.contains(&port)
                });
                is_one.then_some(Trait::PoolPort)
            }
            _ if event.open.writes => {
                let path = entry::path(event, &["path", "name"]);
                let is_tuning = path.ends_with(b"/nr_hugepages")
                    || (path.starts_with(b"/dev/cpu/") && path.ends_with(b"/msr"));
                is_tuning.then_some(Trait::Tuned)
            }
            _ => None,
        };
        if let Some(sign) = sign {
            self.mark(process, sign);
        }
    }

    pub(super) fn ended(&mut self, container: &Container) {
        self.watched.remove(&Whose::of_container(container));
    }

    /// Looks at all of them, where it is time to.
    pub(super) fn tick(&mut self, now: i64) -> Vec<Busy> {
        let since = now.saturating_sub(self.looked);
        if (0..APART).contains(&since) {
            return Vec::new();
        }
        self.looked = now;
        let mut found = Vec::new();
        for (_, known) in self.watched.iter_mut() {
            let Some(used) = self.meter.used(&known.cgroups) else {
                known.used = None;
                known.busy = 0;
                continue;
            };
            let before = known.used.replace(used);
            let passed = now.saturating_sub(known.looked) / 1000;
            known.looked = now;
            let Some(before) = before else { continue };
            let Ok(passed) = u64::try_from(passed) else {
                known.busy = 0;
                continue;
            };
            known.load = used.saturating_sub(before).saturating_mul(1000) / passed.max(1);
            if known.load < LOAD {
                known.busy = 0;
                continue;
            }
            known.busy += 1;
            if known.busy < LOOKS || known.traits == 0 || now < known.quiet_until {
                continue;
            }
            known.quiet_until = now + QUIET;
            found.push(known.told());
        }
        found
    }
}

impl Watched {
    fn told(&self) -> Busy {
        let signs: Vec<_> = TRAITS
            .iter()
            .filter(|(sign, _)| self.traits & *sign as u8 != 0)
            .map(|(_, words)| *words)
            .collect();
        let mut suspicion = Suspicion::new(
            &TEXT,
            format!(
                "The container used {} % of a core for five minutes and {}",
                self.load / 10,
                signs.join(", and ")
            ),
        )
        .field("cpu.percent", (self.load / 10).to_string())
        .field("cpu.signs", signs.join(", "));
        if signs.len() < 2 {
            suspicion.severity = Some(Severity::Low);
        }
        Busy {
            suspicion,
            container: Arc::clone(&self.container),
            process: self.process.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::made;

    /// So much of a core, whatever it is asked for.
    #[derive(Debug)]
    struct Made(u64, u64);

    impl Meter for Made {
        fn used(&mut self, _: &[(Bytes, Bytes)]) -> Option<u64> {
            self.1 += self.0;
            Some(self.1)
        }
    }

    fn looks(percent: u64, signs: &[Trait], count: i64) -> Vec<Busy> {
        let process = Arc::new(made::process(151, "/tmp/x", &[]));
        let mut load = Load::with(Box::new(Made(percent * 100_000, 0)));
        load.watch(&process);
        for sign in signs {
            load.mark(&process, *sign);
        }
        (0..count)
            .flat_map(|look| load.tick(look * APART))
            .collect()
    }

    #[test]
    fn full_load_with_signs_is_told_once_and_load_alone_never() {
        let found = looks(97, &[Trait::Drifted, Trait::PoolPort], 100);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].suspicion.summary,
            "The container used 97 % of a core for five minutes and runs a program that is not \
             in its image, and connected to a port that pools use"
        );
        assert_eq!(found[0].suspicion.severity, None);
        assert!(found[0].process.is_some());
        let one = looks(97, &[Trait::Pool], 100);
        assert_eq!(one[0].suspicion.severity, Some(Severity::Low));
        assert!(looks(97, &[], 100).is_empty());
        assert!(looks(60, &[Trait::Drifted, Trait::Pool], 100).is_empty());
        assert!(looks(97, &[Trait::Drifted, Trait::Pool], 30).is_empty());
    }

    #[test]
    fn signs_are_found_in_events() {
        let process = Arc::new(made::process(151, "/tmp/x", &[]));
        let mut load = Load::with(Box::new(Made(1, 0)));
        load.see(&made::event(&process, Kind::Execve), &process);
        load.see(&made::connect(&process, [192, 0, 2, 1], 3333), &process);
        load.see(&made::open(&process, "/dev/cpu/0/msr", true), &process);
        load.see(&made::connect(&process, [127, 0, 0, 1], 4444), &process);
        let whose = Whose::of(&process);
        let signs = load.watched.get(&whose).unwrap().traits;
        assert_eq!(signs, Trait::PoolPort as u8 | Trait::Tuned as u8);
        load.ended(process.container.as_ref().unwrap());
        assert_eq!(load.watched.len(), 0);
    }

    #[test]
    fn a_group_that_cannot_be_read_is_no_load() {
        let nowhere = [(
            b"cpu".as_slice().into(),
            b"/no/such/group".as_slice().into(),
        )];
        assert_eq!(Mounted.used(&nowhere), None);
        let upwards = [(b"".as_slice().into(), b"/../../etc".as_slice().into())];
        assert_eq!(Mounted.used(&upwards), None);
    }
}
