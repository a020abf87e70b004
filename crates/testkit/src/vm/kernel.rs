//! Debian's kernels for cloud machines, fetched by apt as packages and
//! unpacked outside the target folder. Nothing of them is installed.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};

use crate::skip::skipped;

/// The series the node sensor is proven on: the oldest it has to work on,
/// and a recent one.
pub const SERIES: [&str; 2] = ["6.1", "6.12"];

/// Modules the kernels do not have built in and containers need.
const MODULES: [&str; 1] = ["overlay"];

/// An unpacked kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// As `uname -r` says it.
    pub release: String,
    pub image: PathBuf,
    pub modules: Vec<PathBuf>,
}

/// The newest kernel of a series that was fetched, or `None` after saying
/// so.
pub fn kernel(series: &str) -> anyhow::Result<Option<Kernel>> {
    let found = kept(series)?;
    if found.is_none() {
        skipped(&format!(
            "Debian's kernel {series} is not here: run `cargo xtask vm fetch`"
        ));
    }
    Ok(found)
}

/// `~/.cache/seawall/vm`
fn place() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(base.join("seawall/vm"))
}

fn kept(series: &str) -> anyhow::Result<Option<Kernel>> {
    let Ok(entries) = std::fs::read_dir(place()?) else {
        return Ok(None);
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_of(series, name))
        .collect();
    found.sort_by_key(|name| numbers(name));
    found.pop().map(|release| open(&release)).transpose()
}

fn open(release: &str) -> anyhow::Result<Kernel> {
    let folder = place()?.join(release);
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(".ko") {
            modules.push(path);
        }
    }
    Ok(Kernel {
        release: release.to_owned(),
        image: folder.join("vmlinuz"),
        modules,
    })
}

/// Whether a release is of a series: `6.1.0-56-cloud-amd64` is of `6.1`,
/// `6.12.117+deb12-cloud-amd64` is not.
fn is_of(series: &str, release: &str) -> bool {
    release
        .strip_prefix(series)
        .is_some_and(|rest| rest.starts_with('.') && release.ends_with("-cloud-amd64"))
}

/// The numbers in a release, to compare by.
fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Fetches the kernel of a series that apt offers, unless it is here
/// already.
pub fn fetch(series: &str, say: impl Fn(&str)) -> anyhow::Result<Kernel> {
    let Some(package) = offered(series)? else {
        return match kept(series)? {
            Some(kernel) => Ok(kernel),
            None => bail!("apt offers no linux-image-{series}…-cloud-amd64 here"),
        };
    };
    let release = package.trim_start_matches("linux-image-");
    let place = place()?;
    let folder = place.join(release);
    if !folder.exists() {
        std::fs::create_dir_all(&place)?;
        let lock = std::fs::File::create(place.join("lock"))?;
        lock.lock()?;
        if !folder.exists() {
            say(&format!("fetching {package}"));
            let unfinished = tempfile::Builder::new()
                .prefix("unfinished-")
                .tempdir_in(&place)?;
            download(&package, unfinished.path())?;
            std::fs::rename(unfinished.keep(), &folder)?;
        }
    }
    open(release)
}

/// The newest package of a series in apt's lists.
fn offered(series: &str) -> anyhow::Result<Option<String>> {
    let output = Command::new("apt-cache")
        .args(["pkgnames", "linux-image-"])
        .output()
        .context("kernels come from apt, and apt-cache is not here")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<_> = text
        .lines()
        .filter(|name| {
            name.strip_prefix("linux-image-")
                .is_some_and(|release| is_of(series, release))
        })
        .map(str::to_owned)
        .collect();
    found.sort_by_key(|name| numbers(name));
    Ok(found.pop())
}

/// Leaves the image and the modules in `folder`.
fn download(package: &str, folder: &Path) -> anyhow::Result<()> {
    let status = Command::new("apt-get")
        .args(["download", "-qq", package])
        // It complains about folders its own account cannot write to.
        .args(["-o", "APT::Sandbox::User=root"])
        .current_dir(folder)
        .status()
        .context("failed to run apt-get")?;
    if !status.success() {
        bail!("apt-get download {package} ended with {status}");
    }
    let archive = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb"))
        .with_context(|| format!("apt-get download {package} left nothing"))?;
    let mut unpack = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(&archive)
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to run dpkg-deb")?;
    let stream = unpack.stdout.take().context("dpkg-deb has no output")?;
    let mut files = tar::Archive::new(stream);
    for entry in files.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let stem = name.split('.').next().unwrap_or_default();
        let wanted = if name.starts_with("vmlinuz-") {
            "vmlinuz"
        } else if name.contains(".ko") && MODULES.contains(&stem) {
            name
        } else {
            continue;
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        std::fs::write(folder.join(wanted), bytes)?;
    }
    let status = unpack.wait()?;
    if !status.success() || !folder.join("vmlinuz").exists() {
        bail!("{} has no kernel that can be read", archive.display());
    }
    std::fs::remove_file(&archive)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_not_a_prefix() {
        assert!(is_of("6.1", "6.1.0-56-cloud-amd64"));
        assert!(!is_of("6.1", "6.12.117+deb12-cloud-amd64"));
        assert!(!is_of("6.1", "6.1.0-56-cloud-amd64-unsigned"));
        assert!(!is_of("6.1", "6.1.0-56-amd64"));
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert!(numbers("6.1.0-56-cloud") > numbers("6.1.0-9-cloud"));
        assert!(numbers("6.12.117+deb12") > numbers("6.12.9+deb12"));
    }
}
