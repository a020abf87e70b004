//! What becomes of alerts while the server is away, the network is cut, and
//! sensor and server are killed: with the programs as they are deployed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{node::Sensor, service::is_root, skipped};

use crate::{
    attacks::program,
    program::Seawall,
    sensor::{CUT, OPEN, Proxy},
    server::Server,
};

const NODE: &str = "node-that-is-cut-off";
const RULE: &str = "VM_KnownLinuxAttackTool";
/// Attacks in each part.
const MANY: usize = 8;
const PATIENCE: Duration = Duration::from_mins(3);

struct Stage {
    seawall: Seawall,
    server: Server,
    proxy: Proxy,
    program: PathBuf,
    sensor: Option<Sensor>,
    logs: Vec<PathBuf>,
    /// Programs that were run, each once.
    run: Vec<String>,
}

impl Stage {
    fn set() -> Option<Self> {
        if !is_root("a sensor") {
            return None;
        }
        let program = program()?;
        let seawall = Seawall::new();
        let server = Server::start(&seawall);
        fs::write(seawall.folder().join("token"), server.token("ingest"))
            .expect("the token is written");
        let proxy = Proxy::start(server.address.clone());
        let mut stage = Self {
            seawall,
            server,
            proxy,
            program,
            sensor: None,
            logs: Vec::new(),
            run: Vec::new(),
        };
        stage.start();
        let path = format!("/api/v1/sensors/{NODE}");
        let begun = Instant::now();
        while stage.server.find(&path).is_none() {
            if let Some(end) = stage.sensor.as_mut().and_then(Sensor::ended) {
                skipped(&format!("the sensor does not run here: {end}"));
                return None;
            }
            assert!(begun.elapsed() < PATIENCE, "no status: {}", stage.log());
            thread::sleep(Duration::from_millis(100));
        }
        Some(stage)
    }

    /// Starts the sensor where it was, and waits until it watches.
    fn start(&mut self) {
        let folder = self.seawall.folder();
        let log = folder.join(format!("sensor-{}.log", self.logs.len()));
        let mut command = Command::new(&self.program);
        command
            .args(["run", "--print", "--node", NODE, "--server"])
            .arg(format!("http://{}", self.proxy.address))
            .arg("--token-file")
            .arg(folder.join("token"))
            .arg("--state-dir")
            .arg(folder.join("state"))
            .env("NO_COLOR", "1");
        self.sensor = Some(Sensor::start(command, &log).expect("it starts"));
        self.logs.push(log);
        self.until("the sensor watches", |stage| {
            let last = stage.logs.last().map(fs::read_to_string);
            last.is_some_and(|text| text.unwrap_or_default().contains("watching"))
        });
    }

    fn kill_sensor(&mut self) {
        if let Some(sensor) = self.sensor.take() {
            let pid = sensor.pid().to_string();
            let killed = Command::new("kill").args(["-9", &pid]).status();
            assert!(killed.is_ok_and(|it| it.success()), "it is killed");
        }
    }

    /// Runs programs nobody else has, called like an attacker's, and waits
    /// until each is an alert on the node.
    fn attack(&mut self) {
        let folder = self.seawall.folder().to_owned();
        for _ in 0..MANY {
            // One rule tells of a name once an hour; of names 15 bytes count.
            let own = std::process::id() % 10_000;
            let path = folder.join(format!("linpeas{own}x{}", self.run.len()));
            fs::copy("/bin/true", &path).expect("a program is copied");
            let ended = Command::new(&path).status();
            assert!(ended.is_ok_and(|it| it.success()), "it runs");
            self.run.push(path.display().to_string());
        }
        self.until("attacks are alerts", |stage| {
            let log = stage.log();
            let is_told = |path: &String| log.contains(&format!("\"proc.exepath\":\"{path}\""));
            stage.run.iter().all(is_told)
        });
        // It is said just before it is kept.
        thread::sleep(Duration::from_millis(100));
    }

    fn log(&self) -> String {
        let texts = self.logs.iter().map(fs::read_to_string);
        texts.map(Result::unwrap_or_default).collect()
    }

    /// How often each program's alert is in the record.
    fn record(&self) -> BTreeMap<String, u64> {
        let path = format!("/api/v1/findings?limit=1000&q=kind:alert+rule:{RULE}");
        let page = self.server.get(&path);
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let told = |item: &Value| {
            let id = item["id"].as_str().unwrap_or_default();
            let detail = self.server.get(&format!("/api/v1/findings/{id}"));
            let path = detail["evidence"]["fields"]["proc.exepath"].as_str();
            let times = item["occurrences"].as_u64().unwrap_or_default();
            (path.unwrap_or_default().to_owned(), times)
        };
        items.iter().map(told).collect()
    }

    fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until all that was run is in the record.
    fn settle(&self, part: &str, begun: Instant) {
        self.until("alerts are in the record", |stage| {
            let found = stage.record();
            stage.run.iter().all(|path| found.contains_key(path))
        });
        println!(
            "measured: {part}: {} alerts in all in the record {:.1} s after",
            self.run.len(),
            begun.elapsed().as_secs_f64()
        );
    }
}

/// How long a server is away; longer by hand.
fn absence() -> Option<Duration> {
    let seconds = std::env::var_os("SEAWALL_AWAY")?;
    let seconds = seconds.to_str()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_ours(folder: &Path, path: &str) -> bool {
    Path::new(path).starts_with(folder)
}

#[test]
fn alerts_outlive_whatever_is_away_or_killed() {
    let Some(absence) = absence() else {
        return skipped("absences (set SEAWALL_AWAY to the seconds each lasts, 300 for the bar)");
    };
    let Some(mut stage) = Stage::set() else {
        return;
    };
    stage.attack();
    stage.settle("before anything happens", Instant::now());

    // The network is cut.
    stage.proxy.set(CUT);
    stage.attack();
    thread::sleep(absence);
    stage.attack();
    stage.proxy.set(OPEN);
    stage.settle("the network was cut", Instant::now());

    // The server is killed, and stays away.
    stage.server.kill();
    stage.attack();
    thread::sleep(absence);
    stage.attack();
    stage.server.restart(&stage.seawall);
    stage.settle("the server was away", Instant::now());

    // The sensor is killed with alerts nobody has, while the server is away.
    stage.server.kill();
    stage.attack();
    stage.kill_sensor();
    stage.start();
    stage.attack();
    stage.server.restart(&stage.seawall);
    stage.settle("the sensor was killed while alone", Instant::now());

    // Both are killed in the middle of it.
    for _ in 0..5 {
        stage.attack();
        stage.kill_sensor();
        stage.server.kill();
        stage.server.restart(&stage.seawall);
        stage.start();
    }
    stage.attack();
    stage.settle("both were killed, five times", Instant::now());

    let folder = stage.seawall.folder().to_owned();
    let found = stage.record();
    let missing: Vec<_> = stage
        .run
        .iter()
        .filter(|path| !found.contains_key(*path))
        .collect();
    let twice: Vec<_> = found
        .iter()
        .filter(|(path, times)| is_ours(&folder, path) && **times != 1)
        .collect();
    println!(
        "measured: {} attacks, {} missing, {} more than once, absences of {} s",
        stage.run.len(),
        missing.len(),
        twice.len(),
        absence.as_secs()
    );
    assert!(missing.is_empty(), "{missing:?}");
    assert!(twice.is_empty(), "{twice:?}");
}
