//! The image of the attacked containers, and what an intruder brought to
//! the host: busybox, and programs that only have the name of what they
//! stand for and end at once.

use std::{
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{Image, Layer, sleeper};

/// Programs that do nothing.
const TOOLS: &[&str] = &[
    "worker",
    "xmrig",
    "linpeas.sh",
    "slowloris",
    "dropbear",
    "kinsing",
    "tcpdump",
    "apt-get",
    "iptables",
    "kworker",
    "nmap",
    "kubectl",
    "ssh",
    "redis-cli",
    "ngrok",
    "useradd",
    "shutdown",
    "crictl",
    "insmod",
    "pkill",
    "lazagne",
    "ufw",
    "chattr",
];

/// A page that runs what it is told: what follows the question mark.
const PAGE: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n\
                    /bin/sh -c \"$(printf '%s' \"$QUERY_STRING\" | tr + ' ')\"\n";

/// `docker save` of the image.
pub fn archive(busybox: &Path, tag: &str) -> anyhow::Result<Vec<u8>> {
    let mut system = Layer::new()
        .dir("bin")
        .executable("bin/busybox", std::fs::read(busybox)?);
    for applet in applets(busybox)? {
        if applet != "busybox" && !TOOLS.contains(&applet.as_str()) {
            system = system.symlink(&format!("bin/{applet}"), "busybox");
        }
    }
    for folder in ["tmp", "srv", "proc", "sys", "dev", "etc/cron.d", "var/log"] {
        system = system.dir(folder);
    }
    system = system
        .file(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
        )
        .file("etc/group", "root:x:0:\napp:x:1000:\n")
        .file("etc/shadow", "root:!:19000:0:99999:7:::\n")
        .file("etc/os-release", "ID=shop\nVERSION_ID=1\n");
    let mut application = Layer::new();
    for tool in TOOLS {
        application = application.executable(&format!("usr/bin/{tool}"), sleeper::ending());
    }
    application = application
        .executable("www/cgi-bin/page", PAGE)
        .file("www/index.html", "<p>Shop\n")
        .file("etc/shop.conf", "colour = red\n")
        .file(
            "var/run/secrets/kubernetes.io/serviceaccount/token",
            "none\n",
        )
        .file("var/log/auth.log", "Accepted publickey for root\n")
        .file("root/.bash_history", "ls\n")
        .file("root/.ssh/id_ed25519", "no key\n")
        .file("root/.ssh/id_ed25519.pub", "no key\n")
        .file("root/.aws/credentials", "[default]\n")
        .file("root/.kube/config", "{}\n")
        .file("srv/backup/monday", "data\n");
    let image = Image::new()
        .tag(tag)
        .layer("ADD busybox / # buildkit", system)
        .layer("COPY application / # buildkit", application);
    Ok(image.docker_archive())
}

/// A folder on the host with the same programs in `bin`.
pub fn host(busybox: &Path) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("seawall-node-").tempdir()?;
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    std::fs::copy(busybox, bin.join("busybox"))?;
    for applet in applets(busybox)? {
        if !TOOLS.contains(&applet.as_str()) && applet != "busybox" {
            symlink("busybox", bin.join(applet))?;
        }
    }
    for tool in TOOLS {
        let path = bin.join(tool);
        std::fs::write(&path, sleeper::ending())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(folder)
}

fn applets(busybox: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(busybox)
        .arg("--list")
        .output()
        .context("failed to ask busybox what it can do")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}
