//! Containers of real runtimes, each living for a moment: all they do is
//! told of with their container.
//!
//! `SEAWALL_CONTAINERS=1000` makes it as many with runc.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use model::SystemClock;
use rules::syscall::Process;
use sensor::{
    capture::{Recorder, excerpt},
    context::{Context, Counters, Moment, Settings, Sources, Told, Worker},
    kernel::Kernel,
};
use testkit::service::{Containerd, Engine, program};

/// What was seen of one container.
#[derive(Clone, Debug, Default)]
struct Seen {
    id: String,
    events: u64,
    /// Events of processes that the kernel says are in another mount
    /// namespace than the host, and that were given no container.
    lost: Vec<String>,
    name: String,
    image: String,
    runtime: String,
    labels: usize,
    users: BTreeSet<String>,
}

/// What was seen of all of them, by the word on their command line.
#[derive(Debug, Default)]
struct Report {
    seen: BTreeMap<String, Seen>,
    counters: Counters,
    dropped: u64,
    /// Resident kilobytes early on and at the end.
    memory: (u64, u64),
}

/// A kernel and a context on a thread of their own.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Report>,
}

impl Watch {
    /// Nothing where the kernel may not be watched.
    fn start(word: &str) -> Option<Self> {
        Self::with(word, Sources::default())
    }

    fn with(word: &str, sources: Sources) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, word) = (Arc::clone(&stop), word.to_owned());
        let (sender, ready) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            let Some(mut kernel) = super::watched() else {
                sender.send(false).unwrap();
                return Report::default();
            };
            let dropped =
                |kernel: &Kernel| kernel.counters().iter().map(|it| it.dropped).sum::<u64>();
            let before = dropped(&kernel);
            let worker = Worker::start(sources).unwrap();
            let now = Moment::now(&SystemClock);
            let mut context = Context::new(Settings::default(), Box::new(worker), now);
            let capture = recorded_to(&word).map(|path| path.with_extension("whole"));
            if let Some(path) = &capture {
                let file = Box::new(fs::File::create(path).unwrap());
                context.record_to(Recorder::new(file, now).unwrap());
            }
            let snapshot = context.snapshot();
            context.start(&snapshot, &mut |_| {});
            sender.send(true).unwrap();
            let host = namespace();
            let mut report = Report::default();
            let mut last = Instant::now();
            let mut quiet = 0;
            while quiet < 5 {
                kernel
                    .poll(Duration::from_millis(20), &mut |record| {
                        context.take(record, &mut |told| {
                            note(&told, &word, host, &mut report.seen);
                        });
                    })
                    .unwrap();
                if last.elapsed() > Duration::from_millis(50) {
                    last = Instant::now();
                    let now = Moment::now(&SystemClock);
                    context.tick(now, &mut |told| note(&told, &word, host, &mut report.seen));
                    if ended.load(Ordering::Relaxed) {
                        quiet += 1;
                    }
                }
                // Buffers have their size, and tables the machine's.
                if report.memory.0 == 0 && report.seen.len() >= 20 {
                    report.memory.0 = resident();
                }
            }
            report.memory.1 = resident();
            if let Some(whole) = capture {
                context.stop_recording().unwrap().unwrap();
                let first = report.seen.values().next().unwrap();
                let from = fs::File::open(&whole).unwrap();
                let to = fs::File::create(recorded_to(&word).unwrap()).unwrap();
                excerpt(from, to, first.id.as_bytes()).unwrap();
                fs::remove_file(whole).unwrap();
            }
            report.counters = context.counters();
            report.dropped = dropped(&kernel) - before;
            report
        });
        ready.recv().unwrap().then_some(Self { stop, thread })
    }

    fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// `SEAWALL_RECORD=1` records anew what `replay` plays.
fn recorded_to(word: &str) -> Option<PathBuf> {
    std::env::var_os("SEAWALL_RECORD")?;
    let runtime = word.split('-').nth(1)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join(format!("{runtime}.capture")))
}

/// `seawall-…-N` on the command line of a process or of one above it.
fn word_of<'p>(process: &'p Process, word: &str) -> Option<&'p str> {
    std::iter::successors(Some(process), |it| it.parent.as_deref())
        .flat_map(|it| &it.arguments)
        .filter_map(|it| std::str::from_utf8(it).ok())
        .find(|it| it.starts_with(word))
}

fn note(told: &Told<'_>, word: &str, host: u32, seen: &mut BTreeMap<String, Seen>) {
    let Told::Event {
        event,
        process,
        record,
    } = told
    else {
        return;
    };
    if record.task.mount_namespace == host || record.task.mount_namespace == 0 {
        return;
    }
    // The runtime's own command line names the container, too; what it
    // does in the container's namespaces is the container's.
    let Some(found) = word_of(process, word) else {
        return;
    };
    let one = seen.entry(found.to_owned()).or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &process.container {
        Some(container) => {
            one.events += 1;
            one.id = text(&container.full_id);
            one.name = text(&container.name);
            one.image = text(&container.image);
            one.runtime = text(&container.runtime);
            one.labels = container.labels.len();
            one.users.insert(text(&process.user.name));
        }
        None => one
            .lost
            .push(format!("{} {}", text(&process.name), event.kind.as_str())),
    }
}

fn namespace() -> u32 {
    let link = fs::read_link("/proc/self/ns/mnt").unwrap();
    let text = link.to_string_lossy().into_owned();
    text.trim_start_matches("mnt:[")
        .trim_end_matches(']')
        .parse()
        .unwrap()
}

fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4
}

/// A root of busybox.
fn root(folder: &Path) -> Option<PathBuf> {
    let busybox = program("busybox")?;
    let root = folder.join("rootfs");
    for name in ["bin", "tmp", "etc", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for name in ["sh", "cat", "true"] {
        symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    fs::write(root.join("etc/passwd"), "captain:x:0:0::/:/bin/sh\n").unwrap();
    fs::write(root.join("etc/shadow"), "captain:*::\n").unwrap();
    Some(root)
}

/// What each container does: starts a program, reads a secret, writes.
fn script(word: &str) -> Vec<String> {
    ["/bin/sh", "-c", "cat /etc/shadow >/tmp/x; exec true", word]
        .map(str::to_owned)
        .to_vec()
}

fn bundle(folder: &Path, word: &str) {
    let namespaces =
        ["pid", "mount", "ipc", "uts", "network"].map(|kind| serde_json::json!({ "type": kind }));
    let config = serde_json::json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": script(word),
                     "env": ["PATH=/bin"], "cwd": "/" },
        "root": { "path": "rootfs" },
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" },
                   { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs" }],
        "linux": { "namespaces": namespaces },
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whether it works at all here: other tests would say why not.
fn works(command: &mut Command) -> bool {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            testkit::skipped(&format!(
                "{} fails here: {why}",
                command.get_program().display()
            ));
            false
        }
        Err(error) => {
            testkit::skipped(&error.to_string());
            false
        }
    }
}

/// All events of each container have it, and there are some of each.
fn check(report: &Report, count: usize, least: u64) {
    println!(
        "{:?} {} dropped, {:?} kB",
        report.counters, report.dropped, report.memory
    );
    assert_eq!(report.dropped, 0);
    assert_eq!(report.seen.len(), count, "{:?}", report.seen.keys());
    let lost: Vec<_> = report
        .seen
        .iter()
        .filter(|(_, it)| !it.lost.is_empty())
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    let few: Vec<_> = report
        .seen
        .iter()
        .filter(|(_, it)| it.events < least)
        .collect();
    assert!(few.is_empty(), "{few:?}");
}

fn low_level(runtime: &str, count: usize, chosen: bool) -> Option<Report> {
    let binary = program(runtime)?;
    let folder = tempfile::tempdir().unwrap();
    root(folder.path())?;
    let word = format!("seawall-{runtime}-{}-{chosen}-", std::process::id());
    let once = |number: usize, watched: bool| {
        let word = format!("{}{number}", if watched { word.as_str() } else { "trial-" });
        bundle(folder.path(), &word);
        let id = if chosen {
            format!("web-{}-{number}", std::process::id())
        } else {
            format!("{:032x}{number:032x}", std::process::id())
        };
        let mut command = Command::new(&binary);
        command
            .arg("--root")
            .arg(folder.path().join("state"))
            .args(["run", "--bundle"])
            .arg(folder.path())
            .arg(&id);
        command
    };
    if !works(&mut once(0, false)) {
        return None;
    }
    let watch = Watch::start(&word)?;
    for number in 0..count {
        run(&mut once(number, true));
    }
    Some(watch.stop())
}

#[test]
fn short_lived_containers_of_runc_are_attributed_and_leave_no_memory() {
    let count = std::env::var("SEAWALL_CONTAINERS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(60);
    let Some(report) = low_level("runc", count, false) else {
        return;
    };
    check(&report, count, 4);
    let (early, late) = report.memory;
    assert!(late < early + 5 * 1024, "{:?} kB", report.memory);
    assert!(report.seen.values().all(|it| it.runtime == "runc"));
    // A container that is gone after milliseconds may leave before its
    // files were read; what waited then goes on without.
    let named = report
        .seen
        .values()
        .filter(|it| it.users.contains("captain"));
    assert_eq!(named.count(), count, "users are those of the container");
}

#[test]
fn containers_with_names_of_their_own_are_attributed() {
    for runtime in ["runc", "crun"] {
        if let Some(report) = low_level(runtime, 5, true) {
            check(&report, 5, 4);
            assert!(
                report.seen.values().all(|it| it.runtime == runtime),
                "{report:?}"
            );
        }
    }
}

#[test]
fn containers_of_docker_have_name_and_image() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(engine), Some(docker), Some(root)) = (
        Engine::start().unwrap(),
        program("docker"),
        root(folder.path()),
    ) else {
        return;
    };
    let socket = format!("unix://{}", engine.socket.display());
    let docker = |arguments: &[&str]| {
        let mut command = Command::new(&docker);
        command.arg("--host").arg(&socket).args(arguments);
        command
    };
    let archive = folder.path().join("root.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&archive)
        .arg("."));
    run(&mut docker(&[
        "import",
        archive.to_str().unwrap(),
        "shop/web:1.2",
    ]));
    let word = format!("seawall-docker-{}-", std::process::id());
    let Some(watch) = Watch::start(&word) else {
        return;
    };
    for number in 0..4 {
        let name = format!("shop-{number}");
        let words = script(&format!("{word}{number}"));
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut arguments = vec![
            "run",
            "--rm",
            "--network",
            "none",
            "--name",
            &name,
            "shop/web:1.2",
        ];
        arguments.extend(words);
        run(&mut docker(&arguments));
    }
    let report = watch.stop();
    check(&report, 4, 4);
    for (word, seen) in &report.seen {
        assert!(seen.name.starts_with("shop-"), "{word} {seen:?}");
        assert_eq!(
            (&*seen.image, &*seen.runtime),
            ("shop/web:1.2", "docker"),
            "{word}"
        );
    }
}

#[test]
fn containers_of_podman_have_name_and_image() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(podman), Some(root)) = (program("podman"), root(folder.path())) else {
        return;
    };
    let at = |name: &str| folder.path().join(name);
    let podman = |arguments: &[&str]| {
        let mut command = Command::new(&podman);
        command
            .arg("--root")
            .arg(at("data"))
            .arg("--runroot")
            .arg(at("run"));
        command.arg("--tmpdir").arg(at("tmp"));
        command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "none"]);
        command.args(["--storage-driver", "vfs", "--runtime", "runc"]);
        command.args(arguments);
        command
    };
    // A machine may not let limits be raised.
    let limits = [
        "--ulimit",
        "nofile=1024:1024",
        "--ulimit",
        "nproc=1000:1000",
    ];
    let with_limits = |arguments: &[&str]| {
        let mut all = vec!["run", "--rm", "--network", "none"];
        all.extend(limits);
        all.extend(arguments);
        podman(&all)
    };
    let archive = at("root.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&archive)
        .arg("."));
    if !works(&mut podman(&[
        "import",
        archive.to_str().unwrap(),
        "shop/web:1.2",
    ])) || !works(&mut with_limits(&["shop/web:1.2", "true"]))
    {
        return;
    }
    let word = format!("seawall-podman-{}-", std::process::id());
    let Some(watch) = Watch::start(&word) else {
        return;
    };
    for number in 0..3 {
        let name = format!("shop-{number}");
        let words = script(&format!("{word}{number}"));
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut arguments = vec!["--name", &name, "shop/web:1.2"];
        arguments.extend(words);
        run(&mut with_limits(&arguments));
    }
    let report = watch.stop();
    check(&report, 3, 4);
    for (word, seen) in &report.seen {
        assert!(seen.name.starts_with("shop-"), "{word} {seen:?}");
        assert!(seen.image.ends_with("shop/web:1.2"), "{word} {seen:?}");
        assert_eq!(seen.runtime, "podman", "{word}");
    }
}

#[test]
fn containers_of_containerd_are_attributed() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(containerd), Some(ctr), Some(root)) = (
        Containerd::start().unwrap(),
        program("ctr"),
        root(folder.path()),
    ) else {
        return;
    };
    let ctr = |number: usize, word: &str| {
        let mut command = Command::new(&ctr);
        command.arg("--address").arg(&containerd.socket);
        command.args(["run", "--rm", "--label", "team=shop", "--rootfs"]);
        command.arg(&root);
        command.arg(format!("job-{}-{number}", std::process::id()));
        // What is asked of containerd comes after the files.
        let long = "busybox sleep 1; cat /etc/shadow; exec true";
        command.args(["/bin/sh", "-c", long, word]);
        command
    };
    if !works(&mut ctr(0, "trial")) {
        return;
    }
    let word = format!("seawall-ctr-{}-", std::process::id());
    let sources = Sources {
        containerd_sockets: vec![containerd.socket.clone()],
        ..Sources::default()
    };
    let Some(watch) = Watch::with(&word, sources) else {
        return;
    };
    for number in 0..3 {
        run(&mut ctr(number, &format!("{word}{number}")));
    }
    let report = watch.stop();
    check(&report, 3, 4);
    let is_so = |it: &Seen| it.runtime == "containerd" && it.labels > 0;
    assert!(report.seen.values().all(is_so), "{report:?}");
}
