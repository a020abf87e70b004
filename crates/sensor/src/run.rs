//! The loop: what the kernel tells becomes events, events become alerts,
//! and alerts are kept until the server has them.
//!
//! One thread does all of it in order, so that nothing overtakes; what may
//! take long (files of runtimes, the disk's confirmation, the network) is
//! done by others. About once a second it does what goes by time.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::sensor::{SensorNews, SensorPolicy, SensorStatus};
use jiff::Timestamp;
use model::Clock;
use rules::{
    engine::Windows,
    syscall::{Bytes, Container},
};

use crate::{
    context::{self, Context, Moment, Sources, Told, Worker},
    detect::{self, Detector, Intel, Raised},
    governor::{Budget, Bulk, Governor, Usage},
    kernel::{self, Class, Kernel, Opens},
    malware::{self, Malware},
    ship::{self, Shipper},
    spool::{self, Origin, Spool},
    status::{self, Rates},
    used::Used,
};

/// What goes by time is done this often.
const TICK: Duration = Duration::from_secs(1);
/// The longest wait for the kernel.
const WAIT: Duration = Duration::from_millis(100);
/// How often what rules remember is written down.
const WINDOWS_EVERY: u32 = 60;
/// How long what there is goes on being sent when asked to stop.
const GRACE: Duration = Duration::from_secs(2);
const MAX_WINDOWS: u64 = 64 << 20;

/// All there is to say about how a node is watched.
pub struct Settings {
    pub node: String,
    pub cluster: Option<String>,
    /// Where state is kept; nothing is where nothing is sent.
    pub state_dir: PathBuf,
    pub kernel: kernel::Settings,
    pub context: context::Settings,
    pub sources: Sources,
    /// Rule files of the user's.
    pub rules: Vec<PathBuf>,
    /// Who looks for malware; nobody: nothing is looked at.
    pub malware: Option<malware::Settings>,
    /// Lists of domains that are told when they are looked up.
    pub suspect_domains: Vec<PathBuf>,
    pub budget: Budget,
    pub spool: spool::Limits,
    pub ship: Option<ship::Settings>,
    /// Each alert goes here, too, a line of JSON each.
    pub print: Option<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("node", &self.node)
            .field("state_dir", &self.state_dir)
            .finish_non_exhaustive()
    }
}

/// Why a node is not watched, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("watch the kernel")]
    Kernel(#[from] kernel::Error),
    #[error("open the spool")]
    Spool(#[from] spool::SpoolOpenError),
    #[error("send to the server")]
    Ship(#[from] ship::ShipError),
    #[error("start the thread that asks container runtimes")]
    Metadata(#[source] io::Error),
    #[error("read which start of the machine this is (/proc/sys/kernel/random/boot_id)")]
    Boot(#[source] io::Error),
}

/// Both clocks, now.
pub fn moment(clock: &dyn Clock) -> Moment {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let nanos = |seconds: i64, nanos: i64| {
        u64::try_from(seconds.saturating_mul(1_000_000_000).saturating_add(nanos)).unwrap_or(0)
    };
    Moment {
        boot: nanos(boot.tv_sec, boot.tv_nsec),
        wall: i64::try_from(clock.now().as_nanosecond()).unwrap_or(i64::MAX),
    }
}

/// Watches until `stop` is set.
pub fn run(settings: Settings, clock: &Arc<dyn Clock>, stop: &AtomicBool) -> Result<(), RunError> {
    let mut sensor = Sensor::start(settings, clock)?;
    let mut next = moment(clock.as_ref()).boot;
    while !stop.load(Ordering::Relaxed) {
        sensor.turn()?;
        let now = moment(clock.as_ref());
        if now.boot >= next {
            next = now.boot + u64::try_from(TICK.as_nanos()).unwrap_or(u64::MAX);
            sensor.tick(now)?;
        }
    }
    sensor.stop();
    Ok(())
}

struct Sensor {
    clock: Arc<dyn Clock>,
    kernel: Kernel,
    context: Context,
    detector: Detector,
    governor: Governor,
    exit: Exit,
    shipper: Option<Shipper>,
    /// Notes which files of images are used, where somebody is told.
    used: Option<Used>,
    status: Arc<Mutex<SensorStatus>>,
    rates: Rates,
    last_tick: u64,
    ticks: u32,
    opens: Opens,
    rules: Vec<PathBuf>,
    policy: SensorPolicy,
    windows: PathBuf,
}

/// Where what was raised goes.
struct Exit {
    spool: Option<Spool>,
    print: Option<Box<dyn Write + Send>>,
    /// Alerts of each container, by its full id.
    alerts: HashMap<Bytes, u64>,
}

impl Sensor {
    fn start(settings: Settings, clock: &Arc<dyn Clock>) -> Result<Self, RunError> {
        let origin = Origin::of_this_machine().map_err(RunError::Boot)?;
        let spool = match &settings.ship {
            Some(_) => Some(Spool::open(
                &settings.state_dir.join("spool"),
                origin.clone(),
                settings.spool,
                Arc::clone(clock),
            )?),
            None => None,
        };
        let opens = settings.kernel.opens;
        let (kernel, report) = Kernel::start(&settings.kernel)?;
        let worker = Worker::start(settings.sources).map_err(RunError::Metadata)?;
        let now = moment(clock.as_ref());
        let proc = settings.context.proc.clone();
        let context = Context::new(settings.context, Box::new(worker), now);
        let loaded = detect::load(&settings.rules, &[], &[]);
        for complaint in &loaded.complaints {
            tracing::warn!(complaint, "a rule is not as its author meant");
        }
        let windows = settings.state_dir.join("windows.json");
        let remembered = settings.ship.as_ref().and_then(|_| read_windows(&windows));
        let mut detector = Detector::with_windows(
            loaded.engine,
            detect::Settings {
                host: settings.node.clone(),
                cluster: settings.cluster.clone(),
                ..detect::Settings::default()
            },
            remembered.unwrap_or_default(),
        );
        for list in &settings.suspect_domains {
            match fs::read_to_string(list) {
                Ok(text) => _ = detector.add_intel(Intel::Suspect, &text),
                Err(error) => {
                    tracing::warn!(list = %list.display(), %error, "a list is not read");
                }
            }
        }
        if let Some(malware) = settings.malware {
            match Malware::start(malware) {
                Ok(malware) => detector.set_malware(Some(malware)),
                Err(error) => {
                    let error = model::error::chain(&error);
                    tracing::warn!(error, "nobody looks for malware");
                }
            }
        }
        let enforces = report.state("drift") != Some(kernel::State::Absent);
        detector.drift().set_enforcement(enforces);
        let status = Arc::new(Mutex::new(status::first(
            settings.cluster.as_deref(),
            &origin,
            &report,
            clock.now(),
        )));
        let mut shipper = match (settings.ship, &spool) {
            (Some(ship), Some(spool)) => {
                let status = Arc::clone(&status);
                Some(Shipper::start(ship, spool.clone(), move || {
                    lock(&status).clone()
                })?)
            }
            _ => None,
        };
        let used = Used::beside(shipper.as_mut(), &proc, clock)?;
        let mut sensor = Self {
            clock: Arc::clone(clock),
            kernel,
            context,
            detector,
            governor: Governor::new(settings.budget),
            exit: Exit {
                spool,
                print: settings.print,
                alerts: HashMap::new(),
            },
            shipper,
            used,
            status,
            rates: Rates::default(),
            last_tick: now.boot,
            ticks: 0,
            opens,
            rules: settings.rules,
            policy: SensorPolicy::default(),
            windows,
        };
        sensor.take_policy();
        sensor.look_around();
        tracing::info!(
            node = settings.node,
            rules = sensor.detector.rules(),
            processes = sensor.context.counters().processes,
            "watching"
        );
        Ok(sensor)
    }

    /// Learns what was there before.
    fn look_around(&mut self) {
        let Self {
            context,
            detector,
            exit,
            clock,
            ..
        } = self;
        let now = clock.now();
        let snapshot = context.snapshot();
        context.start(&snapshot, &mut |told| {
            let of = container(&told);
            detector.take(&told, now, &mut |raised| exit.take(raised, of));
        });
    }

    /// Waits for the kernel and deals with what it tells.
    fn turn(&mut self) -> Result<(), RunError> {
        let Self {
            kernel,
            context,
            detector,
            exit,
            clock,
            used,
            ..
        } = self;
        let now = clock.now();
        kernel.poll(WAIT, &mut |record| {
            context.take(record, &mut |told| {
                let of = container(&told);
                // Windows count by when something happened: much of it may
                // have waited.
                let at = when(&told).unwrap_or(now);
                if let Some(used) = used {
                    used.take(&told, at);
                }
                detector.take(&told, at, &mut |raised| exit.take(raised, of));
            });
        })?;
        self.give_orders();
        Ok(())
    }

    /// What is forbidden where, as far as it changed.
    fn give_orders(&mut self) {
        for order in self.detector.drift().orders() {
            if let Err(error) = self.kernel.order(&order) {
                let error = model::error::chain(&error);
                tracing::warn!(error, "what a container may not do could not be set");
            }
        }
    }

    /// What goes by time.
    fn tick(&mut self, now: Moment) -> Result<(), RunError> {
        let wall = self.clock.now();
        let Self {
            context,
            detector,
            exit,
            ..
        } = self;
        context.tick(now, &mut |told| {
            let of = container(&told);
            detector.take(&told, wall, &mut |raised| exit.take(raised, of));
        });
        detector.tick(wall, &mut |raised| exit.take(raised, None));
        if let Some(used) = &mut self.used {
            used.tick(&self.context, wall);
        }
        self.measure(now, wall)?;
        self.take_policy();
        self.give_orders();
        self.tell_status(now, wall);
        self.ticks += 1;
        if self.ticks.is_multiple_of(WINDOWS_EVERY) {
            self.write_windows();
        }
        Ok(())
    }

    /// Stays within the budget.
    fn measure(&mut self, now: Moment, wall: Timestamp) -> Result<(), RunError> {
        let usage = match Usage::of_this_process() {
            Ok(usage) => usage,
            Err(error) => {
                tracing::warn!(%error, "what this process takes cannot be measured");
                return Ok(());
            }
        };
        let at = Duration::from_nanos(now.boot);
        let Some(turn) = self.governor.measure(at, usage, wall) else {
            return Ok(());
        };
        let gap = turn.gap(self.governor.budget(), wall);
        tracing::warn!(reason = gap.reason, "events are left out, or no longer");
        if let Some(spool) = &self.exit.spool
            && let Err(error) = spool.append(wall, SensorNews::Gap(gap))
        {
            tracing::warn!(error = %model::error::chain(&error), "a gap could not be kept");
        }
        let shed = self.governor.shed();
        let classes: Vec<Class> = Class::ALL
            .iter()
            .copied()
            .filter(|class| match class {
                Class::File => !shed.contains(&Bulk::FileWrite),
                Class::Network => !shed.contains(&Bulk::Network),
                Class::Dns => !shed.contains(&Bulk::Dns),
                _ => true,
            })
            .collect();
        self.kernel.set_classes(&classes)?;
        let opens = if shed.contains(&Bulk::FileRead) {
            Opens::Writes
        } else {
            self.opens
        };
        self.kernel.set_opens(opens)?;
        Ok(())
    }

    /// Goes on by another policy, where the server has one.
    fn take_policy(&mut self) {
        let Some(policy) = self.shipper.as_ref().and_then(Shipper::new_policy) else {
            return;
        };
        self.detector
            .drift()
            .set_policy(policy.drift.clone(), policy.deny.clone());
        if policy.rules_off != self.policy.rules_off || policy.rules_on != self.policy.rules_on {
            let loaded = detect::load(&self.rules, &policy.rules_off, &policy.rules_on);
            self.detector.replace(loaded.engine);
            // Analytics are switched by their ids, too, and are no rules.
            let mut off = loaded.off;
            off.extend_from_slice(&policy.rules_off);
            self.detector.switch_off(off);
        }
        tracing::info!(mark = policy.mark, "goes by another policy");
        self.policy = policy;
    }

    fn tell_status(&mut self, now: Moment, wall: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a rate")]
        let seconds = now.boot.saturating_sub(self.last_tick) as f64 / 1e9;
        self.last_tick = now.boot;
        let counters = self.kernel.counters();
        let (classes, lost) = self.rates.classes(&counters, self.governor.shed(), seconds);
        for lost in lost {
            let class = lost.class.as_str();
            self.detector
                .lost(class, lost.dropped + lost.suppressed, wall);
            let Some(spool) = &self.exit.spool else {
                tracing::warn!(
                    class,
                    dropped = lost.dropped,
                    suppressed = lost.suppressed,
                    "events were lost"
                );
                continue;
            };
            if lost.dropped > 0 {
                spool.lose(
                    "kernel",
                    class,
                    "no room between the kernel and the sensor",
                    lost.dropped,
                );
            }
            if lost.suppressed > 0 {
                spool.lose(
                    "kernel",
                    class,
                    "more than one container may send",
                    lost.suppressed,
                );
            }
        }
        let Self {
            context,
            detector,
            exit,
            rates,
            ..
        } = self;
        exit.alerts.retain(|id, _| context.container(id).is_some());
        let containers = rates.containers(
            context.containers(),
            |each| exit.alerts.get(&each.full_id).copied().unwrap_or_default(),
            |each| detector.cpu(each),
            seconds,
        );
        let mut notes = self.governor.notes();
        if self.kernel.unreadable() > 0 {
            notes.push(format!(
                "{} records of the kernel could not be read",
                self.kernel.unreadable()
            ));
        }
        let mut status = lock(&self.status);
        status.cpu = (self.governor.cpu() * 10.0).round() / 10.0;
        status.memory = self.governor.memory();
        status.memory_limit = self.governor.budget().memory;
        status.processes = self.context.counters().processes;
        status.classes = classes;
        status.containers = containers;
        status.rules = self.detector.rules() as u64;
        status.policy.clone_from(&self.policy.mark);
        if let Some(malware) = self.detector.malware() {
            let state = malware.state();
            // The first few; all are in the log.
            notes.extend(state.complaints.into_iter().take(5));
            if state.skipped > 0 {
                notes.push(format!(
                    "{} files were not looked at for malware: too large, or too many at once",
                    state.skipped
                ));
            }
        }
        status.notes = notes;
    }

    fn write_windows(&self) {
        if self.exit.spool.is_none() {
            return;
        }
        let written = serde_json::to_vec(self.detector.windows())
            .map_err(io::Error::from)
            .and_then(|bytes| {
                let new = self.windows.with_extension("new");
                fs::write(&new, bytes)?;
                fs::rename(&new, &self.windows)
            });
        if let Err(error) = written {
            let path = self.windows.display();
            tracing::warn!(%path, %error, "what rules remember could not be written down");
        }
    }

    fn stop(mut self) {
        self.write_windows();
        if let Some(shipper) = self.shipper.take() {
            shipper.stop(GRACE);
        }
        tracing::info!("no longer watching");
    }
}

impl Exit {
    /// Sends what was raised on its way; `of` is the container it is of.
    fn take(&mut self, raised: Raised, of: Option<&Arc<Container>>) {
        if let SensorNews::Alert(alert) = &raised.news {
            if let Some(container) = of {
                *self.alerts.entry(container.full_id.clone()).or_default() += 1;
            }
            tracing::debug!(rule.id = alert.rule.id, "{}", alert.summary);
        }
        if let Some(print) = &mut self.print {
            let line = serde_json::json!({ "time": raised.time, "what": raised.news });
            if let Err(error) = writeln!(print, "{line}").and_then(|()| print.flush()) {
                tracing::warn!(%error, "alerts can be printed no longer");
                self.print = None;
            }
        }
        if let Some(spool) = &self.spool
            && let Err(error) = spool.append(raised.time, raised.news)
        {
            tracing::error!(error = %model::error::chain(&error), "an alert could not be kept");
        }
    }
}

/// When it happened.
fn when(told: &Told<'_>) -> Option<Timestamp> {
    let nanos = match told {
        Told::Event { event, .. } => event.time,
        Told::Verdict { time, .. } => *time,
        Told::Lookup(lookup) => lookup.time,
        Told::Container(_) | Told::Ended(_) => return None,
    };
    Timestamp::from_nanosecond(nanos.into()).ok()
}

/// The container of what is told.
fn container<'t>(told: &Told<'t>) -> Option<&'t Arc<Container>> {
    match told {
        Told::Event { process, .. } | Told::Verdict { process, .. } => process.container.as_ref(),
        Told::Lookup(lookup) => lookup.container,
        Told::Container(known) | Told::Ended(known) => Some(&known.container),
    }
}

fn read_windows(path: &std::path::Path) -> Option<Windows> {
    let size = fs::metadata(path).ok()?.len();
    if size > MAX_WINDOWS {
        tracing::warn!(path = %path.display(), size, "what rules remembered is too long to be read");
        return None;
    }
    let read = fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    match read {
        Ok(windows) => Some(windows),
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "what rules remembered cannot be read");
            None
        }
    }
}

fn lock(status: &Mutex<SensorStatus>) -> std::sync::MutexGuard<'_, SensorStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
