//! Real Debian 12 root file systems: one without the security suite,
//! one brought up to date with it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::{
    service::{is_root, program},
    skip::skipped,
};

/// What the application layer installs on top of the base system.
const APPLICATIONS: &[&str] = &[
    "nginx",
    "redis-server",
    "python3-requests",
    "curl",
    "libxml2-utils",
];

/// Two systems that differ only by security updates, and the bare base
/// they grew from.
#[derive(Debug)]
pub struct Roots {
    pub base: PathBuf,
    pub old: PathBuf,
    pub updated: PathBuf,
}

/// Installs the systems below `folder`, or finds them there; `None`
/// (after saying so) where that is not possible.
pub fn roots(folder: &Path) -> anyhow::Result<Option<Roots>> {
    if program("debootstrap").is_none() || !is_root("debootstrap") {
        return Ok(None);
    }
    fs::create_dir_all(folder)?;
    // Tests of several processes may ask at once; the first one builds.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let roots = Roots {
        base: folder.join("base"),
        old: folder.join("old"),
        updated: folder.join("updated"),
    };
    let done = folder.join("done");
    if done.exists() {
        return Ok(Some(roots));
    }
    for root in [&roots.base, &roots.old, &roots.updated] {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
    }
    if let Err(error) = build(&roots) {
        skipped(&format!(
            "no Debian system can be installed here: {error:#}"
        ));
        return Ok(None);
    }
    File::create(done)?;
    Ok(Some(roots))
}

fn build(roots: &Roots) -> anyhow::Result<()> {
    run(Command::new("debootstrap")
        .args(["--variant=minbase", "bookworm"])
        .arg(&roots.base))?;
    // Packages that start services must not start them here.
    fs::write(
        roots.base.join("usr/sbin/policy-rc.d"),
        "#!/bin/sh\nexit 101\n",
    )?;
    run(Command::new("chmod")
        .arg("+x")
        .arg(roots.base.join("usr/sbin/policy-rc.d")))?;
    fs::copy("/etc/resolv.conf", roots.base.join("etc/resolv.conf"))?;
    copy(&roots.base, &roots.old)?;
    chroot(&roots.old, &["apt-get", "update"])?;
    let mut install = vec!["apt-get", "install", "-y", "--no-install-recommends"];
    install.extend(APPLICATIONS);
    chroot(&roots.old, &install)?;
    chroot(&roots.old, &["apt-get", "clean"])?;
    copy(&roots.old, &roots.updated)?;
    fs::write(
        roots.updated.join("etc/apt/sources.list.d/security.list"),
        format!("deb {} bookworm-security main\n", security_mirror(roots)?),
    )?;
    chroot(&roots.updated, &["apt-get", "update"])?;
    chroot(&roots.updated, &["apt-get", "-y", "dist-upgrade"])?;
    chroot(&roots.updated, &["apt-get", "clean"])
}

/// The security suite lies beside the main archive on every full mirror.
fn security_mirror(roots: &Roots) -> anyhow::Result<String> {
    let sources = fs::read_to_string(roots.base.join("etc/apt/sources.list"))?;
    let mirror = sources
        .split_whitespace()
        .find(|word| word.starts_with("http"))
        .context("debootstrap wrote no mirror")?;
    Ok(format!("{}-security", mirror.trim_end_matches('/')))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    run(Command::new("cp").arg("-a").arg(from).arg(to))
}

fn chroot(root: &Path, command: &[&str]) -> anyhow::Result<()> {
    run(Command::new("chroot")
        .arg(root)
        .args(command)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C"))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run {command:?}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let last: Vec<&str> = stderr.lines().chain(stdout.lines()).rev().take(5).collect();
        bail!("{command:?}: {}: {}", output.status, last.join(" | "));
    }
    Ok(())
}
