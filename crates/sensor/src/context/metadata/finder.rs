//! Looks a container up in all the places runtimes write to.

use std::{
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use fetch::{Client, Settings, Url};
use rules::syscall::{Container, Pod};

use super::{
    Found, Question, Sources, containerd, docker, image::bytes, oci, rooted::Rooted, storage,
};
use crate::context::{
    container::path,
    process::{files::path_of, users::Users},
};

const MAX_STATE: u64 = 256 * 1024;
/// `passwd` and `group`, of a container and of the host.
const MAX_USERS: u64 = 256 * 1024;
const MAX_NAMESPACES: usize = 64;
/// Places of Docker's data learnt from bundles.
const MAX_LEARNT: usize = 8;

/// The reading side; owned by one thread.
#[derive(Debug)]
pub(super) struct Finder {
    sources: Sources,
    host: Option<Rooted>,
    engines: Vec<Client>,
    /// Answers that did not come, in a row.
    silent: u32,
}

/// Drivers of the storage that Podman and CRI-O share.
const DRIVERS: [&str; 2] = ["overlay", "vfs"];

/// A bundle and where it is.
struct Bundle {
    folder: PathBuf,
    config: oci::Config,
}

impl Finder {
    pub(super) fn new(sources: Sources) -> Self {
        let settings = Settings {
            connect_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(2),
            retries: 0,
            proxy_from_environment: false,
            ..Settings::default()
        };
        let engines = sources
            .docker_sockets
            .iter()
            .map(|socket| Client::unix_socket(&within(&sources.root, socket), &settings))
            .collect();
        Self {
            host: Rooted::host(&sources.root),
            sources,
            engines,
            silent: 0,
        }
    }

    /// All that is known of a container by now. `may_ask` allows to ask
    /// engines what no file tells.
    pub(super) fn find(&mut self, question: &Question, may_ask: bool) -> Found {
        let mut found = Found {
            container: Container {
                full_id: question.id.clone(),
                runtime: question.runtime.clone(),
                ..Container::default()
            },
            ..Found::default()
        };
        let container = &mut found.container;
        if let Some(uid) = path::pod_of(&question.cgroup) {
            container.pod = Some(Pod {
                uid,
                ..Pod::default()
            });
        }
        if !path::is_name(&question.id) {
            return found;
        }
        let bundle = self.bundle(question);
        if let Some(bundle) = &bundle {
            bundle
                .config
                .put(container, &|file, path| self.is_host(file, path));
            name_runtime(bundle, question, container);
            self.learn_docker(&question.id, bundle);
            found.users = self.users(bundle);
        }
        let is_docker = self.docker(container, &mut found.healthcheck);
        let is_stored = !is_docker && self.stored(container, bundle.as_ref());
        let has_files = is_docker
            || is_stored
            || container
                .pod
                .as_ref()
                .is_some_and(|pod| !pod.name.is_empty());
        let wants_engine = !has_files && matches!(&*container.runtime, b"docker" | b"");
        let is_answered = wants_engine && may_ask && self.engine(container, &mut found.healthcheck);
        let needs_more = matches!(&*container.runtime, b"docker" | b"podman" | b"cri-o");
        found.is_complete = has_files || is_answered || (bundle.is_some() && !needs_more);
        if bundle.is_some()
            && container.labels.is_empty()
            && let Some(bundle) = &bundle
            && !has_files
        {
            container.labels = oci::labels(&bundle.config.annotations);
        }
        let is_of_containerd = *container.runtime == *b"containerd"
            && (container.image.is_empty()
                || container
                    .pod
                    .as_ref()
                    .is_some_and(|pod| pod.labels.is_empty()));
        if is_of_containerd && let Some(bundle) = &bundle {
            found.wants_engine = !may_ask;
            if may_ask {
                self.containerd(container, &bundle.folder);
            }
        }
        if found.users.is_none()
            && let Some(pid) = question.pid
        {
            let root = within(&self.sources.root, Path::new("proc")).join(format!("{pid}/root"));
            found.users = Rooted::container(&root).and_then(|root| users(&root));
        }
        found
    }

    /// Users of the host.
    pub(super) fn host_users(&self) -> Option<Users> {
        users(self.host.as_ref()?)
    }

    /// When the host's users changed last.
    pub(super) fn users_changed(&self) -> Option<i64> {
        let passwd = within(&self.sources.root, Path::new("etc/passwd"));
        std::fs::metadata(passwd).ok().map(|it| it.mtime())
    }

    fn read(&self, path: &Path, most: u64) -> Option<Vec<u8>> {
        self.host.as_ref()?.read(path, most, false)
    }

    fn bundle(&self, question: &Question) -> Option<Bundle> {
        let id = path_of(&question.id);
        let hint = question.hint.as_ref();
        let mut places: Vec<PathBuf> = hint.and_then(|it| it.bundle.clone()).into_iter().collect();
        if path::is_id(&question.id) {
            places.extend(
                self.sources
                    .storage
                    .iter()
                    .map(|root| root.join("overlay-containers").join(id).join("userdata")),
            );
        }
        let states = hint
            .and_then(|it| it.state.as_ref())
            .into_iter()
            .chain(&self.sources.states);
        for state in states {
            for file in ["state.json", "status"] {
                if let Some(text) = self.read(&state.join(id).join(file), MAX_STATE)
                    && let Some(bundle) = oci::bundle_of(&text)
                {
                    places.push(path_of(&bundle).to_owned());
                }
            }
        }
        let direct = places.into_iter().find_map(|folder| self.bundle_at(folder));
        direct.or_else(|| {
            let host = self.host.as_ref()?;
            self.sources.tasks.iter().find_map(|tasks| {
                host.names(tasks, MAX_NAMESPACES)
                    .into_iter()
                    .find_map(|namespace| self.bundle_at(tasks.join(namespace).join(id)))
            })
        })
    }

    fn bundle_at(&self, folder: PathBuf) -> Option<Bundle> {
        let text = self.read(&folder.join("config.json"), oci::MAX_CONFIG)?;
        Some(Bundle {
            config: oci::read(&text)?,
            folder,
        })
    }

    /// Docker mounts a few files of its own into each container, which say
    /// where its data is.
    fn learn_docker(&mut self, id: &[u8], bundle: &Bundle) {
        let Ok(id) = std::str::from_utf8(id) else {
            return;
        };
        let needle = format!("/containers/{id}/");
        let root = bundle
            .config
            .sources()
            .find_map(|source| source.find(&needle).and_then(|at| source.get(..at)));
        if let Some(root) = root
            && self.sources.docker.len() < MAX_LEARNT
            && !self.sources.docker.iter().any(|it| it == Path::new(root))
        {
            self.sources.docker.push(root.into());
        }
    }

    fn docker(
        &self,
        container: &mut Container,
        healthcheck: &mut Vec<rules::syscall::Bytes>,
    ) -> bool {
        if !path::is_id(&container.full_id) {
            return false;
        }
        let id = path_of(&container.full_id).to_owned();
        for root in &self.sources.docker {
            let folder = root.join("containers").join(&id);
            let Some(config) = self
                .read(&folder.join("config.v2.json"), docker::MAX_CONFIG)
                .and_then(|text| docker::read(&text))
            else {
                continue;
            };
            *healthcheck = config.put(container);
            if let Some(host) = self
                .read(&folder.join("hostconfig.json"), docker::MAX_CONFIG)
                .and_then(|text| docker::HostConfig::read(&text))
            {
                host.put(container);
            }
            for driver in self.image_drivers(root) {
                let names = root.join("image").join(driver).join("repositories.json");
                if let Some(text) = self.read(&names, docker::MAX_IMAGES) {
                    docker::put_names(&text, container);
                }
            }
            return true;
        }
        false
    }

    fn image_drivers(&self, root: &Path) -> Vec<PathBuf> {
        self.host
            .as_ref()
            .map(|host| host.names(&root.join("image"), 8))
            .unwrap_or_default()
    }

    fn stored(&self, container: &mut Container, bundle: Option<&Bundle>) -> bool {
        if !path::is_id(&container.full_id) {
            return false;
        }
        // …/overlay-containers/ID/userdata says where the storage is, and
        // which driver it has.
        let beside = bundle
            .filter(|bundle| bundle.folder.ends_with("userdata"))
            .and_then(|bundle| {
                let driver = bundle.folder.ancestors().nth(2)?;
                let name = driver.file_name()?.to_str()?.strip_suffix("-containers")?;
                Some((driver.parent()?, name))
            });
        let usual = self
            .sources
            .storage
            .iter()
            .flat_map(|root| DRIVERS.map(|driver| (root.as_path(), driver)));
        beside.into_iter().chain(usual).any(|(root, driver)| {
            // Containers that are not to outlive the machine are listed
            // apart.
            let lists = ["containers.json", "volatile-containers.json"];
            lists.into_iter().any(|list| {
                let list = root.join(format!("{driver}-containers")).join(list);
                let Some(containers) = self.read(&list, storage::MAX_LIST) else {
                    return false;
                };
                let images = root.join(format!("{driver}-images/images.json"));
                let images = self.read(&images, storage::MAX_LIST);
                storage::put(&containers, images.as_deref(), container)
            })
        })
    }

    /// Asks Docker itself.
    fn engine(
        &mut self,
        container: &mut Container,
        healthcheck: &mut Vec<rules::syscall::Bytes>,
    ) -> bool {
        const PATIENCE: u32 = 3;
        let Ok(id) = std::str::from_utf8(&container.full_id) else {
            return false;
        };
        if self.silent >= PATIENCE || !path::is_id(&container.full_id) {
            return false;
        }
        let Ok(url) = Url::parse(&format!("http://docker/containers/{id}/json")) else {
            return false;
        };
        for engine in &self.engines {
            match engine.get(&url).send() {
                Ok(response) if response.is_success() => {
                    self.silent = 0;
                    if let Ok(text) = response.bytes(docker::MAX_CONFIG)
                        && let Some(config) = docker::read(&text)
                    {
                        *healthcheck = config.put(container);
                        return true;
                    }
                }
                Ok(_) => self.silent = 0,
                // Where there is no socket there is nobody to wait for.
                Err(error) => {
                    if error.may_pass() && is_there(&self.sources) {
                        self.silent += 1;
                    }
                }
            }
        }
        false
    }

    /// Asks containerd, in the namespace that a bundle's folder is in.
    fn containerd(&mut self, container: &mut Container, bundle: &Path) {
        let namespace = bundle
            .parent()
            .and_then(Path::file_name)
            .and_then(|it| it.to_str())
            .filter(|it| path::is_name(it.as_bytes()) && it.len() < 100);
        let Some(namespace) = namespace else { return };
        let sockets: Vec<_> = self
            .sources
            .containerd_sockets
            .iter()
            .map(|socket| within(&self.sources.root, socket))
            .filter(|socket| socket.exists())
            .collect();
        let get = |id: &[u8]| {
            let id = std::str::from_utf8(id).ok().filter(|id| id.len() < 128)?;
            sockets
                .iter()
                .find_map(|socket| containerd::get(socket, namespace, id))
        };
        if let Some(entry) = get(&container.full_id) {
            entry.put(container);
        }
        let sandbox = container.pod.as_ref().map(|pod| pod.sandbox.clone());
        if let Some(sandbox) = sandbox.filter(|it| path::is_name(it))
            && let Some(entry) = get(&sandbox)
        {
            entry.put_pod(container);
        }
    }

    /// Lets engines that did not answer be asked again.
    pub(super) fn forgive(&mut self) {
        self.silent = 0;
    }

    /// Whether a namespace that is joined by its path is the host's.
    fn is_host(&self, kind: &str, path: &Path) -> bool {
        let is_plain = ["/proc/", "/run/netns/", "/var/run/netns/"]
            .iter()
            .any(|place| path.as_os_str().as_bytes().starts_with(place.as_bytes()));
        let number = |path: &Path| {
            std::fs::metadata(within(&self.sources.root, path))
                .ok()
                .map(|it| it.ino())
        };
        // Where the first process may not be looked at, the sensor's own
        // namespaces are the host's, unless it is in a container.
        let host = || {
            number(Path::new(&format!("/proc/1/ns/{kind}"))).or_else(|| {
                (self.sources.root == Path::new("/"))
                    .then(|| number(Path::new(&format!("/proc/self/ns/{kind}"))))
                    .flatten()
            })
        };
        is_plain && number(path).is_some_and(|it| host() == Some(it))
    }

    /// Who there is by the files of a bundle's root.
    fn users(&self, bundle: &Bundle) -> Option<Users> {
        let path = &bundle.config.root.path;
        let root = if path.is_empty() {
            bundle.folder.join("rootfs")
        } else {
            bundle.folder.join(path)
        };
        users(&Rooted::container(&within(&self.sources.root, &root))?)
    }
}

fn is_there(sources: &Sources) -> bool {
    sources
        .docker_sockets
        .iter()
        .any(|socket| within(&sources.root, socket).exists())
}

fn users(root: &Rooted) -> Option<Users> {
    let passwd = root.read(Path::new("etc/passwd"), MAX_USERS, true);
    let group = root.read(Path::new("etc/group"), MAX_USERS, true);
    // A root without either is no less read.
    (passwd.is_some() || group.is_some() || root.is_folder(Path::new("")))
        .then(|| Users::read(&passwd.unwrap_or_default(), &group.unwrap_or_default()))
}

/// Whose bundle it is, where that is not known from the group's name.
fn name_runtime(bundle: &Bundle, question: &Question, container: &mut Container) {
    let notes = &bundle.config.annotations;
    let has = |prefix: &str| notes.keys().any(|key| key.starts_with(prefix));
    let is_in = |part: &str| bundle.folder.components().any(|it| it.as_os_str() == part);
    let manager = notes.get("io.container.manager").map(String::as_str);
    // Podman notes some things as CRI-O does.
    let runtime = if manager == Some("libpod") {
        "podman"
    } else if manager == Some("cri-o") || has("io.kubernetes.cri-o.") {
        "cri-o"
    } else if is_in("moby") {
        "docker"
    } else if has("io.kubernetes.cri.") || is_in("io.containerd.runtime.v2.task") {
        "containerd"
    } else if let Some(hint) = &question.hint
        && container.runtime.is_empty()
    {
        hint.runtime
    } else {
        return;
    };
    container.runtime = bytes(runtime);
}

/// A path of the host from where the sensor is.
fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f5e1d0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e";

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn find(root: &Path, question: &Question) -> Found {
        let sources = Sources {
            root: root.to_owned(),
            ..Sources::default()
        };
        Finder::new(sources).find(question, false)
    }

    fn ask(id: &str) -> Question {
        Question {
            id: bytes(id),
            ..Question::default()
        }
    }

    #[test]
    fn docker_is_found_where_its_bundle_says_its_data_is() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            &format!(
                "run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{ID}/config.json"
            ),
            &format!(
                r#"{{"root":{{"path":"/data/docker/overlay2/x/merged"}},
                "mounts":[{{"destination":"/etc/hosts","type":"bind","source":"/data/docker/containers/{ID}/hosts"}}]}}"#
            ),
        );
        put(
            root.path(),
            &format!("data/docker/containers/{ID}/config.v2.json"),
            r#"{"Name":"/shop","Image":"sha256:11","Config":{"Image":"nginx:1"}}"#,
        );
        put(
            root.path(),
            "data/docker/overlay2/x/merged/etc/passwd",
            "app:x:7:7::/:/bin/sh\n",
        );
        let found = find(root.path(), &ask(ID));
        assert!(found.is_complete);
        assert_eq!(&*found.container.name, b"shop");
        assert_eq!(&*found.container.runtime, b"docker");
        assert_eq!(&*found.users.unwrap().user(7).unwrap().name, b"app");
    }

    #[test]
    fn podman_is_found_by_its_storage() {
        let root = tempfile::tempdir().unwrap();
        let storage = "var/lib/containers/storage";
        put(
            root.path(),
            &format!("{storage}/overlay-containers/{ID}/userdata/config.json"),
            r#"{"annotations":{"io.container.manager":"libpod"},"hostname":"abc"}"#,
        );
        put(
            root.path(),
            &format!("{storage}/overlay-containers/containers.json"),
            &format!(r#"[{{"id":"{ID}","names":["shop"],"image":"i1"}}]"#),
        );
        put(
            root.path(),
            &format!("{storage}/overlay-images/images.json"),
            r#"[{"id":"i1","names":["docker.io/library/nginx:1"]}]"#,
        );
        let found = find(root.path(), &ask(ID));
        assert_eq!(&*found.container.repository, b"docker.io/library/nginx");
        assert_eq!(&*found.container.runtime, b"podman");
        assert!(found.is_complete);
    }

    #[test]
    fn names_without_digits_are_found_by_their_state() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "run/runc/web/state.json",
            r#"{"config":{"labels":["bundle=/b"]}}"#,
        );
        put(
            root.path(),
            "b/config.json",
            r#"{"annotations":{"team":"a"}}"#,
        );
        let found = find(root.path(), &ask("web"));
        assert!(found.is_complete);
        assert_eq!(found.container.labels.len(), 1);
        assert!(!find(root.path(), &ask("../runc/web")).is_complete);
        assert!(!find(root.path(), &ask("other")).is_complete);
    }

    #[test]
    fn a_pod_of_containerd_is_complete_by_its_bundle() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            &format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json"),
            r#"{"annotations":{"io.kubernetes.cri.container-name":"web","io.kubernetes.cri.sandbox-name":"web-0",
                "io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.image-name":"nginx:1"}}"#,
        );
        let mut question = ask(ID);
        question.cgroup = bytes(&format!(
            "/kubepods/pod2d3e4f50-1a2b-3c4d-5e6f-708192a3b4c5/{ID}"
        ));
        let found = find(root.path(), &question);
        let pod = found.container.pod.unwrap();
        assert!(found.is_complete);
        assert_eq!(&*found.container.runtime, b"containerd");
        assert_eq!((&*pod.name, pod.uid.len()), (&b"web-0"[..], 36));
    }
}
