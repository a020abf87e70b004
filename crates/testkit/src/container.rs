//! A real container without an engine: runc over an overlay whose lower
//! layer is busybox. What is written in it lies in the upper layer, as
//! with an engine's images. Gone on drop.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    skip::skipped,
    vm::{busybox, find},
};

/// A container that sleeps until something is executed in it.
#[derive(Debug)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    folder: TempDir,
    runc: PathBuf,
    is_mounted: bool,
}

/// What differs from the smallest of containers.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files that the image has beside busybox: where, and their content.
    pub files: Vec<(String, Vec<u8>)>,
    /// All capabilities that can be had, and nothing of `/proc` masked.
    pub is_privileged: bool,
    /// In the host's network.
    pub has_host_network: bool,
}

impl Container {
    /// Starts one, or `None` after saying what is missing.
    pub fn start(options: &Options) -> anyhow::Result<Option<Self>> {
        let (Some(runc), Some(busybox)) = (find("runc"), busybox()) else {
            skipped("runc or a static busybox is not installed (packages runc, busybox-static)");
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("seawall-container-")
            .tempdir()?;
        let mut container = Self {
            id: id_of(folder.path()),
            folder,
            runc,
            is_mounted: false,
        };
        container.make_image(&busybox, options)?;
        if let Err(error) = container.mount() {
            skipped(&format!("an overlay cannot be mounted here: {error:#}"));
            return Ok(None);
        }
        let bundle = container.folder.path().join("bundle");
        std::fs::write(
            bundle.join("config.json"),
            serde_json::to_vec_pretty(&container.configuration(options))?,
        )?;
        let output = container
            .runc()
            .args(["run", "--detach", "--bundle"])
            .arg(&bundle)
            // The first file system of a machine cannot be left by pivoting.
            .args(is_in_initramfs().then_some("--no-pivot"))
            .arg(&container.id)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(container.folder.path().join("log"))?)
            .status()?;
        if !output.success() {
            let log = std::fs::read_to_string(container.folder.path().join("log"))?;
            skipped(&format!("runc starts no container here: {}", log.trim()));
            return Ok(None);
        }
        Ok(Some(container))
    }

    /// Runs a command in it and waits.
    pub fn exec(&self, command: &[&str]) -> anyhow::Result<Output> {
        self.command(command).output().context("failed to run runc")
    }

    /// The same, to be started by the caller.
    pub fn command(&self, command: &[&str]) -> Command {
        let mut runc = self.runc();
        runc.args(["exec", &self.id]).args(command);
        runc.stdin(Stdio::null());
        runc
    }

    /// The first process, as the host counts.
    pub fn pid(&self) -> anyhow::Result<u32> {
        let output = self.runc().args(["state", &self.id]).output()?;
        let state: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("runc tells no state")?;
        state["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .context("runc tells no process")
    }

    /// The number of its mount namespace.
    pub fn mount_namespace(&self) -> anyhow::Result<u32> {
        self.namespace("mnt")
    }

    /// The number of its process namespace, which its processes cannot
    /// leave.
    pub fn pid_namespace(&self) -> anyhow::Result<u32> {
        self.namespace("pid")
    }

    fn namespace(&self, sort: &str) -> anyhow::Result<u32> {
        let link = std::fs::read_link(format!("/proc/{}/ns/{sort}", self.pid()?))?;
        let text = link.to_string_lossy();
        text.split_once('[')
            .and_then(|(_, number)| number.trim_end_matches(']').parse().ok())
            .with_context(|| format!("no number in {text}"))
    }

    /// Where the upper layer lies on the host.
    pub fn upper(&self) -> PathBuf {
        self.folder.path().join("upper")
    }

    fn runc(&self) -> Command {
        let mut command = Command::new(&self.runc);
        command
            .arg("--root")
            .arg(self.folder.path().join("state"))
            .stdin(Stdio::null());
        command
    }

    fn make_image(&self, busybox: &Path, options: &Options) -> anyhow::Result<()> {
        let image = self.folder.path().join("image");
        for name in ["bin", "tmp", "etc", "proc", "sys", "dev", "root", "var/log"] {
            std::fs::create_dir_all(image.join(name))?;
        }
        std::fs::copy(busybox, image.join("bin/busybox"))?;
        let applets = Command::new(busybox).arg("--list").output()?;
        for name in String::from_utf8_lossy(&applets.stdout).lines() {
            if name != "busybox" {
                std::os::unix::fs::symlink("busybox", image.join("bin").join(name))?;
            }
        }
        for (name, content) in &options.files {
            let path = image.join(name.trim_start_matches('/'));
            if let Some(above) = path.parent() {
                std::fs::create_dir_all(above)?;
            }
            std::fs::write(&path, content)?;
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        Ok(())
    }

    fn mount(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.path();
        for name in ["upper", "work", "bundle/rootfs"] {
            std::fs::create_dir_all(folder.join(name))?;
        }
        let layers = format!(
            "lowerdir={0}/image,upperdir={0}/upper,workdir={0}/work",
            folder.display()
        );
        let output = Command::new("mount")
            .args(["-t", "overlay", "overlay", "-o", &layers])
            .arg(folder.join("bundle/rootfs"))
            .output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        self.is_mounted = true;
        Ok(())
    }

    fn configuration(&self, options: &Options) -> serde_json::Value {
        let mut namespaces = vec!["pid", "mount", "ipc", "uts"];
        if !options.has_host_network {
            namespaces.push("network");
        }
        let namespaces: Vec<_> = namespaces
            .into_iter()
            .map(|name| json!({ "type": name }))
            .collect();
        let mut names = USUAL.to_vec();
        if options.is_privileged {
            names.extend(more());
        }
        let capabilities: Vec<_> = names.iter().map(|name| format!("CAP_{name}")).collect();
        let mut linux = json!({
            "namespaces": namespaces,
            "cgroupsPath": format!("/seawall-test/{}", self.id),
        });
        if !options.is_privileged {
            linux["maskedPaths"] = json!(["/proc/kcore", "/proc/keys"]);
            linux["readonlyPaths"] = json!(["/proc/sys", "/proc/sysrq-trigger"]);
        }
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": { "uid": 0, "gid": 0 },
                "args": ["sleep", "1000000"],
                "env": ["PATH=/bin", "HOME=/root"],
                "cwd": "/",
                "capabilities": {
                    "bounding": capabilities,
                    "effective": capabilities,
                    "permitted": capabilities,
                },
            },
            "root": { "path": "rootfs" },
            "hostname": "container",
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                  "options": ["nosuid", "mode=755", "size=65536k"] },
                { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                  "options": ["nosuid", "mode=1777", "size=65536k"] },
            ],
            "linux": linux,
        })
    }
}

const USUAL: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
/// What a privileged one has beside, with the kernel's numbers.
const MORE: &[(&str, u32)] = &[
    ("DAC_READ_SEARCH", 2),
    ("NET_ADMIN", 12),
    ("SYS_MODULE", 16),
    ("SYS_RAWIO", 17),
    ("SYS_PTRACE", 19),
    ("SYS_ADMIN", 21),
    ("SYS_BOOT", 22),
    ("SYS_NICE", 23),
    ("SYS_RESOURCE", 24),
    ("SYS_TIME", 25),
    ("SYSLOG", 34),
    ("PERFMON", 38),
    ("BPF", 39),
];

/// Those of [`MORE`] that this process could hand on.
fn more() -> Vec<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or_default();
    let held = MORE.iter().filter(|(_, number)| own & (1 << number) != 0);
    held.map(|(name, _)| *name).collect()
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(
            self.runc()
                .args(["delete", "--force", &self.id])
                .stderr(Stdio::null())
                .status(),
        );
        if self.is_mounted {
            drop(
                Command::new("umount")
                    .arg(self.folder.path().join("bundle/rootfs"))
                    .status(),
            );
        }
    }
}

/// An id like an engine's, from a name that is unique here.
fn id_of(folder: &Path) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    let mut hash = sha2::Sha256::new();
    hash.update(folder.as_os_str().as_encoded_bytes());
    hash.update(std::process::id().to_le_bytes());
    hash.finalize().iter().fold(String::new(), |mut id, byte| {
        write!(id, "{byte:02x}").unwrap_or_default();
        id
    })
}

fn is_in_initramfs() -> bool {
    std::fs::read_to_string("/proc/mounts")
        .is_ok_and(|text| text.lines().any(|line| line.starts_with("rootfs / ")))
        || !Path::new("/etc").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_runs_what_it_is_told_and_is_gone() {
        let Some(container) = Container::start(&Options::default()).unwrap() else {
            return;
        };
        assert_eq!(container.id.len(), 64);
        let output = container
            .exec(&[
                "sh",
                "-c",
                "cp /bin/busybox /tmp/busybox-new; /tmp/busybox-new echo $HOME",
            ])
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "/root\n");
        assert!(container.upper().join("tmp/busybox-new").exists());
        assert!(container.mount_namespace().unwrap() > 0);
        let folder = container.folder.path().to_owned();
        drop(container);
        assert!(!folder.exists());
    }
}
