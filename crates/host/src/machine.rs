//! What only the machine itself can tell: the daemon's command line and
//! file, whose its files are, what the audit system watches, and who is
//! in the group docker. Read below a root folder, so that a test has a
//! machine of its own; nothing is started and no shell is asked.

use std::{
    collections::BTreeMap,
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use policy::{
    audited_paths,
    facts::{AuditFacts, EngineFile, FileFacts, HostFacts},
};
use serde_json::Value;

use crate::command;

/// Bytes of one file.
const LARGEST: u64 = 1 << 20;
/// Entries of one folder, and files of one sort.
const MOST: usize = 1_000;
const MOST_FILES: usize = 100;
/// Lines of the audit system's rules.
const MOST_RULES: usize = 5_000;

/// The machine that this process runs on, or a folder like it.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Machine {
    /// A machine whose files lie below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Fills in what the machine tells of the daemon behind `socket`.
    pub(crate) fn tell(&self, socket: &Path, facts: &mut HostFacts) {
        let line = self.command_line(socket);
        let file = self.daemon_file(line.as_deref().unwrap_or_default());
        let options = command::options(file.as_ref(), line.as_deref().unwrap_or_default());
        if line.is_some() {
            let (plain, unverified) = command::open(&options);
            add(&mut facts.plain, plain);
            add(&mut facts.unverified, unverified);
        }
        facts.files = Some(self.files(socket, &options));
        facts.audit = Some(self.audit());
        facts.trusted = self.trusted();
        let data = facts
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.root.clone())
            .unwrap_or_else(|| "/var/lib/docker".to_owned());
        facts.own_partition = self.is_own_partition(Path::new(&data));
        // Without its command line the daemon's defaults are a guess.
        facts.options = (line.is_some() || file.is_some()).then_some(options);
    }

    /// A path of the machine, where it lies here.
    fn at_root(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        read(&self.at_root(path))
    }

    /// The command line of the daemon that listens on `socket`, or of the
    /// only one there is.
    fn command_line(&self, socket: &Path) -> Option<Vec<String>> {
        let mut daemons: Vec<Vec<String>> = folder(&self.at_root("/proc"))
            .into_iter()
            .filter(|path| {
                path.file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            })
            .filter_map(|process| {
                let line = read(&process.join("cmdline"))?;
                let words: Vec<String> = line
                    .split('\0')
                    .filter(|word| !word.is_empty())
                    .take(MOST)
                    .map(str::to_owned)
                    .collect();
                let program = words.first()?.rsplit('/').next()?;
                (program == "dockerd").then_some(words)
            })
            .collect();
        let socket = format!("unix://{}", socket.display());
        let listens = |words: &Vec<String>| {
            let options = command::options(None, words);
            let hosts = options.get("hosts").and_then(Value::as_array);
            let mut hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
            hosts.any(|host| host == socket)
        };
        if let Some(at) = daemons.iter().position(listens) {
            return Some(daemons.swap_remove(at));
        }
        // Sockets that systemd hands over have no name on the command line.
        let usual = ["unix:///var/run/docker.sock", "unix:///run/docker.sock"];
        if !usual.contains(&socket.as_str()) {
            return None;
        }
        daemons.retain(|words| {
            let options = command::options(None, words);
            let hosts = options.get("hosts").and_then(Value::as_array);
            let mut hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
            !hosts.any(|host| host.starts_with("unix://"))
        });
        (daemons.len() == 1).then(|| daemons.swap_remove(0))
    }

    fn daemon_file(&self, line: &[String]) -> Option<Value> {
        let flags = command::options(None, line);
        let path = flags.get("config-file").and_then(Value::as_str);
        let text = self.read(path.unwrap_or("/etc/docker/daemon.json"))?;
        serde_json::from_str(&text).ok()
    }

    fn files(
        &self,
        socket: &Path,
        options: &BTreeMap<String, Value>,
    ) -> BTreeMap<EngineFile, Vec<FileFacts>> {
        let option = |name: &str| options.get(name).and_then(Value::as_str).map(PathBuf::from);
        let units = |name: &str| {
            [
                "/etc/systemd/system",
                "/usr/lib/systemd/system",
                "/lib/systemd/system",
            ]
            .map(|folder| Path::new(folder).join(name))
        };
        let registries = folder(&self.at_root("/etc/docker/certs.d"))
            .into_iter()
            .flat_map(|registry| folder(&registry))
            .filter_map(|path| {
                let inside = path.strip_prefix(&self.root).ok()?;
                Some(Path::new("/").join(inside))
            });
        let wanted: [(EngineFile, Vec<PathBuf>); 12] = [
            (EngineFile::DockerService, units("docker.service").to_vec()),
            (EngineFile::SocketUnit, units("docker.socket").to_vec()),
            (EngineFile::DockerFolder, vec!["/etc/docker".into()]),
            (EngineFile::RegistryCertificate, registries.collect()),
            (
                EngineFile::TlsAuthority,
                option("tlscacert").into_iter().collect(),
            ),
            (
                EngineFile::TlsCertificate,
                option("tlscert").into_iter().collect(),
            ),
            (EngineFile::TlsKey, option("tlskey").into_iter().collect()),
            (EngineFile::DockerSocket, vec![socket.to_owned()]),
            (
                EngineFile::DaemonJson,
                vec![option("config-file").unwrap_or_else(|| "/etc/docker/daemon.json".into())],
            ),
            (
                EngineFile::DefaultDocker,
                vec!["/etc/default/docker".into()],
            ),
            (
                EngineFile::SysconfigDocker,
                vec!["/etc/sysconfig/docker".into()],
            ),
            (
                EngineFile::ContainerdSocket,
                vec![
                    option("containerd")
                        .unwrap_or_else(|| "/run/containerd/containerd.sock".into()),
                ],
            ),
        ];
        let names = Names::read(self);
        let mut files = BTreeMap::new();
        for (role, paths) in wanted {
            let mut there: Vec<FileFacts> = Vec::new();
            let mut seen = Vec::new();
            for path in paths.into_iter().take(MOST_FILES) {
                let Ok(meta) = std::fs::metadata(self.at_root(&path)) else {
                    continue;
                };
                // /lib is /usr/lib on most systems.
                if seen.contains(&(meta.dev(), meta.ino())) {
                    continue;
                }
                seen.push((meta.dev(), meta.ino()));
                there.push(FileFacts {
                    path: path.display().to_string(),
                    owner: names.user(meta.uid()),
                    group: names.group(meta.gid()),
                    mode: meta.mode() & 0o7777,
                });
            }
            if !there.is_empty() {
                files.insert(role, there);
            }
        }
        files
    }

    fn audit(&self) -> AuditFacts {
        let mut files = vec![self.at_root("/etc/audit/audit.rules")];
        files.extend(
            folder(&self.at_root("/etc/audit/rules.d"))
                .into_iter()
                .filter(|path| path.extension().is_some_and(|end| end == "rules")),
        );
        let mut rules = Vec::new();
        for text in files.iter().filter_map(|path| read(path)) {
            let lines = text.lines().map(str::trim);
            let lines = lines.filter(|line| line.starts_with('-'));
            rules.extend(
                lines
                    .take(MOST_RULES - rules.len().min(MOST_RULES))
                    .map(str::to_owned),
            );
        }
        rules.sort_unstable();
        rules.dedup();
        AuditFacts {
            rules,
            present: audited_paths()
                .filter(|path| std::fs::symlink_metadata(self.at_root(path)).is_ok())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Members of the group docker; nobody where there is no such group.
    fn trusted(&self) -> Option<Vec<String>> {
        let text = self.read("/etc/group")?;
        let members = text.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some("docker")).then(|| fields.nth(2).unwrap_or_default())
        });
        Some(
            members
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .take(MOST_FILES)
                .map(str::to_owned)
                .collect(),
        )
    }

    fn is_own_partition(&self, data: &Path) -> Option<bool> {
        let own = std::fs::metadata(self.at_root(data)).ok()?;
        let root = std::fs::metadata(&self.root).ok()?;
        Some(own.dev() != root.dev())
    }
}

/// Adds what is not known yet.
fn add(known: &mut Option<Vec<String>>, more: Vec<String>) {
    let known = known.get_or_insert_with(Vec::new);
    for address in more {
        if !known.contains(&address) {
            known.push(address);
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    // A pipe or a device in the place of a file is not waited for.
    let meta = file.metadata().ok()?;
    if !meta.is_file() {
        return None;
    }
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let limit = if path.ends_with("proc") {
        100 * MOST
    } else {
        MOST
    };
    let mut paths: Vec<PathBuf> = entries
        .take(limit)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort_unstable();
    paths
}

/// Names of users and groups by number.
struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl Names {
    fn read(machine: &Machine) -> Self {
        let of = |path: &str| {
            let text = machine.read(path).unwrap_or_default();
            text.lines()
                .filter_map(|line| {
                    let mut fields = line.split(':');
                    let name = fields.next()?.to_owned();
                    Some((fields.nth(1)?.parse().ok()?, name))
                })
                .collect()
        };
        Self {
            users: of("/etc/passwd"),
            groups: of("/etc/group"),
        }
    }

    fn user(&self, id: u32) -> String {
        name(&self.users, id)
    }

    fn group(&self, id: u32) -> String {
        name(&self.groups, id)
    }
}

fn name(names: &BTreeMap<u32, String>, id: u32) -> String {
    match (names.get(&id), id) {
        (_, 0) => "root".to_owned(),
        (Some(name), _) => name.clone(),
        (None, id) => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_machine_tells_of_its_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(
            root,
            "proc/12/cmdline",
            "/usr/bin/dockerd\0--host\0unix:///other.sock\0",
        );
        put(
            root,
            "proc/34/cmdline",
            "/usr/bin/dockerd\0--host\0unix:///run/x.sock\0-H\0tcp://0.0.0.0:2375\0--icc=false\0",
        );
        put(root, "proc/self/cmdline", "seawall\0");
        put(
            root,
            "etc/docker/daemon.json",
            r#"{"userland-proxy": false}"#,
        );
        put(root, "etc/group", "root:x:0:\ndocker:x:999:ci,ann\n");
        put(root, "etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        put(
            root,
            "etc/audit/rules.d/docker.rules",
            "# ours\n-w /etc/docker -p wa\n",
        );
        put(root, "etc/docker/certs.d/registry.test:5000/ca.crt", "x");
        let json = root.join("etc/docker/daemon.json");
        std::fs::set_permissions(&json, std::fs::Permissions::from_mode(0o666)).unwrap();
        let mut facts = HostFacts::default();
        Machine::at(root).tell(Path::new("/run/x.sock"), &mut facts);
        let options = facts.options.unwrap();
        assert_eq!(options["icc"], serde_json::json!(false));
        assert_eq!(options["userland-proxy"], serde_json::json!(false));
        assert_eq!(facts.plain.unwrap(), ["tcp://0.0.0.0:2375"]);
        assert_eq!(facts.trusted.unwrap(), ["ci", "ann"]);
        let audit = facts.audit.unwrap();
        assert_eq!(audit.rules, ["-w /etc/docker -p wa"]);
        assert_eq!(audit.present, ["/etc/docker", "/etc/docker/daemon.json"]);
        let files = facts.files.unwrap();
        assert_eq!(files[&EngineFile::DaemonJson][0].mode, 0o666);
        assert_eq!(
            files[&EngineFile::RegistryCertificate][0].path,
            "/etc/docker/certs.d/registry.test:5000/ca.crt"
        );
        assert!(!files.contains_key(&EngineFile::TlsKey), "absent is absent");
    }

    #[test]
    fn a_daemon_that_is_not_seen_is_not_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let mut facts = HostFacts::default();
        Machine::at(folder.path()).tell(Path::new("/run/docker.sock"), &mut facts);
        assert_eq!((facts.options, facts.plain), (None, None));
        assert_eq!((facts.trusted, facts.own_partition), (None, None));
    }
}
