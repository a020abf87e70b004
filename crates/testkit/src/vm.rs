//! Emulated machines: Debian's kernels, which allow what the kernel under
//! a test may not (BPF LSM, fentry, kprobes, modules), booted by qemu
//! from an initramfs made here. A machine runs one script as root, prints
//! to a serial line and is gone; nothing of it is written to a disk.
//! Kernels are fetched by `cargo xtask vm fetch` and kept; tests only
//! ever use what is there.

pub mod initramfs;
pub mod kernel;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

pub use initramfs::Initramfs;
pub use kernel::{Kernel, SERIES, kernel};

use crate::skip::skipped;

/// What the first process prints before and after the script.
const READY: &str = "@@ready ";
const ENDED: &str = "@@ended ";

/// The first process: mounts what a program expects to find, runs
/// `/script` and switches the machine off.
const INIT: &str = r"#!/bin/busybox sh
export PATH=/bin HOME=/tmp
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /mnt
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /mnt
cp -a /tmp/. /mnt
mount --move /mnt /tmp
mount -t tmpfs tmpfs /run
mount -t securityfs securityfs /sys/kernel/security
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in cpu memory pids; do
    echo +$controller > /sys/fs/cgroup/cgroup.subtree_control
done
for module in /modules/*.xz; do
    [ -e $module ] && xz -dc $module > ${module%.xz} && rm $module
done
for module in /modules/*.ko; do [ -e $module ] && insmod $module; done
ip link set lo up
hostname emulated
read uptime idle < /proc/uptime
echo '@@ready' $uptime
sh /script
echo '@@ended' $?
poweroff -f
";

/// One machine.
#[derive(Debug)]
pub struct Machine<'a> {
    pub kernel: &'a Kernel,
    /// What is found in it.
    pub files: Initramfs,
    /// What it runs, in busybox's shell.
    pub script: &'a str,
    /// It is switched off after this long.
    pub patience: Duration,
    pub memory_mib: u32,
    pub processors: u32,
}

/// What a machine did.
#[derive(Debug)]
pub struct Outcome {
    /// From the start until the script ran.
    pub booted: Duration,
    pub took: Duration,
    /// What the script ended with.
    pub code: i32,
    /// What was printed meanwhile, kernel's complaints included.
    pub lines: Vec<String>,
}

/// The emulator, or `None` after saying what is missing.
pub fn emulator() -> Option<PathBuf> {
    let Some(qemu) = find("qemu-system-x86_64") else {
        skipped("qemu-system-x86_64 is not installed (package qemu-system-x86)");
        return None;
    };
    if !cfg!(target_arch = "x86_64") {
        skipped("machines are emulated on x86_64 only");
        return None;
    }
    if busybox().is_none() {
        skipped("no busybox that needs no libraries (package busybox-static)");
        return None;
    }
    Some(qemu)
}

/// A busybox that runs where nothing else is; one that is linked with
/// libraries does not.
pub fn busybox() -> Option<PathBuf> {
    let path = find("busybox")?;
    let mut head = vec![0; 4096];
    let read = std::fs::File::open(&path)
        .and_then(|mut file| std::io::Read::read(&mut file, &mut head))
        .ok()?;
    let mut head = head.get(..read)?.windows(3);
    (!head.any(|bytes| bytes == b"ld-")).then_some(path)
}

/// Where a command lies.
pub fn find(name: &str) -> Option<PathBuf> {
    std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

impl<'a> Machine<'a> {
    pub fn new(kernel: &'a Kernel, files: Initramfs, script: &'a str) -> Self {
        Self {
            kernel,
            files,
            script,
            patience: Duration::from_mins(3),
            memory_mib: 1024,
            processors: 2,
        }
    }

    /// Boots it and hands each line to `line` as it is printed. An error
    /// where it did not come up, or did not finish in time.
    pub fn run(mut self, qemu: &Path, line: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
        let busybox = busybox().context("busybox is not installed")?;
        self.files.folder("bin");
        self.files
            .file("bin/busybox", 0o755, std::fs::read(busybox)?);
        self.files.file("init", 0o755, INIT.as_bytes());
        self.files.file("script", 0o644, self.script.as_bytes());
        for module in &self.kernel.modules {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("modules/{name}");
            self.files.file(&name, 0o644, std::fs::read(module)?);
        }
        let folder = tempfile::Builder::new().prefix("seawall-vm-").tempdir()?;
        let initramfs = folder.path().join("initramfs");
        std::fs::write(&initramfs, std::mem::take(&mut self.files).finish())?;

        let began = Instant::now();
        let mut child = self.command(qemu, &initramfs).spawn()?;
        let (send, lines) = mpsc::sync_channel(1024);
        let output = child.stdout.take().context("qemu has no output")?;
        let reader = std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut bytes = Vec::new();
            while matches!(output.read_until(b'\n', &mut bytes), Ok(read) if read > 0) {
                let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                if send.send(text).is_err() {
                    break;
                }
            }
        });
        let watched = watch(&lines, began, self.patience, line);
        // The other end first: the reader may wait to be heard.
        drop(lines);
        end(&mut child);
        drop(reader.join());
        let mut errors = String::new();
        if let Some(mut stream) = child.stderr.take() {
            drop(std::io::Read::read_to_string(&mut stream, &mut errors));
        }
        watched.with_context(|| {
            format!(
                "the emulated machine ({}) did not finish {}",
                self.kernel.release,
                errors.trim()
            )
        })
    }

    fn command(&self, qemu: &Path, initramfs: &Path) -> Command {
        let mut command = Command::new(qemu);
        command
            .args([
                "-machine",
                if has_kvm() {
                    "q35,accel=kvm:tcg"
                } else {
                    "q35,accel=tcg"
                },
            ])
            .args(["-cpu", "max"])
            .args(["-m", &self.memory_mib.to_string()])
            .args(["-smp", &self.processors.to_string()])
            .args([
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
            ])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(&self.kernel.image)
            .arg("-initrd")
            .arg(initramfs)
            // Where much else runs, a timer that is emulated seems broken to
            // a kernel that checks it.
            .args([
                "-append",
                "no_timer_check console=ttyS0 quiet panic=-1 lsm=lockdown,capability,landlock,bpf \
                 mitigations=off nokaslr",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// Whether the processor's own virtualization can be used. A machine that
/// is itself virtual may show the device and yet run nothing by it, so
/// the processor is asked too.
fn has_kvm() -> bool {
    let has_flag = std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| {
        text.lines()
            .filter(|line| line.starts_with("flags"))
            .flat_map(str::split_whitespace)
            .any(|flag| flag == "vmx" || flag == "svm")
    });
    has_flag
        && std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_ok()
}

fn watch(
    lines: &mpsc::Receiver<String>,
    began: Instant,
    patience: Duration,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Outcome> {
    let mut booted = None;
    let mut seen = Vec::new();
    loop {
        let left = patience.saturating_sub(began.elapsed());
        match lines.recv_timeout(left) {
            Ok(line) if line.starts_with(READY) => booted = Some(began.elapsed()),
            Ok(line) => {
                if let Some(code) = line.strip_prefix(ENDED) {
                    return Ok(Outcome {
                        booted: booted.unwrap_or_default(),
                        took: began.elapsed(),
                        code: code.trim().parse().unwrap_or(-1),
                        lines: seen,
                    });
                }
                // What the firmware prints before is terminal control.
                if booted.is_some() || line.contains("panic") {
                    tell(&line);
                }
                seen.push(line);
            }
            Err(why) => {
                let last = seen.len().saturating_sub(30);
                let tail = seen.get(last..).unwrap_or_default().join("\n");
                bail!(
                    "{} after {:.0} s; it printed last:\n{tail}",
                    match why {
                        RecvTimeoutError::Timeout => "out of patience",
                        RecvTimeoutError::Disconnected => "it ended by itself",
                    },
                    began.elapsed().as_secs_f64()
                );
            }
        }
    }
}

/// It switches itself off; whatever remains is ended.
fn end(child: &mut Child) {
    for _ in 0..30 {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(child.kill());
    drop(child.wait());
}
