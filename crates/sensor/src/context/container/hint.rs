//! What the command line of a low-level runtime says of the container it
//! is about to make: its name, and where its bundle and state are. Those
//! that stay beside a container (a shim, `conmon`) say it of containers
//! that are there already.
//!
//! That way a container is known by whatever name, folder or runtime.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

use rules::syscall::{Bytes, Process};

use super::path::is_name;
use crate::context::{hash::FastHash, metadata::Hint, process::files::path_of};

/// Runtimes that were started and whose container is not there yet.
const MAX_HINTS: usize = 512;
const RUNTIMES: [&str; 4] = ["runc", "crun", "youki", "docker-runc"];

/// By the name of the container.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    by_id: HashMap<Bytes, Hint, FastHash>,
    order: VecDeque<Bytes>,
}

impl Hints {
    pub(crate) fn get(&self, id: &[u8]) -> Option<&Hint> {
        self.by_id.get(id)
    }

    pub(crate) fn put(&mut self, hint: Hint) {
        if self.order.len() >= MAX_HINTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.order.retain(|id| *id != hint.id);
        self.order.push_back(hint.id.clone());
        self.by_id.insert(hint.id.clone(), hint);
    }
}

/// Reads the command line of a process that just started.
pub(crate) fn read(process: &Process) -> Option<Hint> {
    let program = process
        .exe_path
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    if program.starts_with(b"containerd-shim") {
        // A shim works in the bundle.
        return beside(process, &[b"id"], &[b"bundle"], true);
    }
    if program == b"conmon" {
        return beside(process, &[b"c", b"cid"], &[b"b", b"bundle"], false);
    }
    let runtime = RUNTIMES
        .into_iter()
        .find(|name| program == name.as_bytes())?;
    let mut state = None;
    let mut bundle = None;
    let mut verb: Option<&[u8]> = None;
    let mut last: &[u8] = b"";
    let mut words = process.arguments.iter().map(|it| &**it);
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix(b"-") else {
            if verb.is_none() {
                verb = Some(word);
            }
            last = word;
            continue;
        };
        let option = option.strip_prefix(b"-").unwrap_or(option);
        let mut halves = option.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let takes_value = matches!(
            name,
            b"root"
                | b"bundle"
                | b"b"
                | b"log"
                | b"log-format"
                | b"log-level"
                | b"pid-file"
                | b"console-socket"
                | b"f"
                | b"config"
                | b"preserve-fds"
                | b"criu"
                | b"rootless"
                | b"cgroup-manager"
        );
        let value = match halves.next() {
            Some(value) => value,
            None if takes_value => words.next().unwrap_or_default(),
            None => continue,
        };
        match name {
            b"root" => state = Some(path(value, process)),
            b"bundle" | b"b" => bundle = Some(path(value, process)),
            _ => {}
        }
    }
    if !matches!(verb, Some(b"create" | b"run" | b"restore")) || !is_name(last) {
        return None;
    }
    Some(Hint {
        id: last.into(),
        runtime: if runtime == "docker-runc" {
            "runc"
        } else {
            runtime
        },
        state,
        bundle: bundle.or_else(|| Some(path(b"", process)).filter(|it| it.is_absolute())),
    })
}

/// What stays beside a container, by the options that name it.
fn beside(process: &Process, id: &[&[u8]], bundle: &[&[u8]], is_in_bundle: bool) -> Option<Hint> {
    let value = |names: &[&[u8]]| {
        let mut words = process.arguments.iter();
        words.find(|word| {
            let name = word.strip_prefix(b"-").unwrap_or_default();
            names.contains(&name.strip_prefix(b"-").unwrap_or(name))
        })?;
        words.next()
    };
    let id = value(id).filter(|id| is_name(id))?;
    let bundle = match value(bundle) {
        Some(given) => path(given, process),
        None if is_in_bundle => path(b"", process),
        None => return None,
    };
    bundle.is_absolute().then(|| Hint {
        id: id.clone(),
        runtime: "",
        state: None,
        bundle: Some(bundle),
    })
}

/// A path of the command line, from where its process works.
fn path(given: &[u8], process: &Process) -> PathBuf {
    let folder: &Path = path_of(&process.working_folder);
    if given.is_empty() {
        folder.to_owned()
    } else {
        folder.join(path_of(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(line: &str, folder: &str) -> Process {
        let mut words = line.split(' ').map(|word| Bytes::from(word.as_bytes()));
        Process {
            exe_path: words.next().unwrap(),
            arguments: words.collect(),
            working_folder: folder.as_bytes().into(),
            ..Process::default()
        }
    }

    #[test]
    fn command_lines_of_engines_are_read() {
        let hint = read(&process(
            "/usr/sbin/runc --root /run/docker/runtime-runc/moby --log /l.json --log-format json \
             create --bundle /run/b --pid-file /run/b/init.pid abc",
            "/",
        ))
        .unwrap();
        assert_eq!((&*hint.id, hint.runtime), (&b"abc"[..], "runc"));
        assert_eq!(hint.bundle.as_deref(), Some(Path::new("/run/b")));
        assert_eq!(
            hint.state.as_deref(),
            Some(Path::new("/run/docker/runtime-runc/moby"))
        );
    }

    #[test]
    fn a_bundle_is_where_the_runtime_works() {
        for line in ["/usr/bin/crun run web", "/usr/bin/crun --debug run -d web"] {
            let hint = read(&process(line, "/srv/b")).unwrap();
            assert_eq!(hint.bundle.as_deref(), Some(Path::new("/srv/b")));
        }
        let hint = read(&process("/bin/runc run -b x web", "/srv")).unwrap();
        assert_eq!(hint.bundle.as_deref(), Some(Path::new("/srv/x")));
    }

    #[test]
    fn what_stays_beside_a_container_names_it() {
        let hint = read(&process(
            "/usr/bin/containerd-shim-runc-v2 -namespace moby -id abc -address /a.sock",
            "/run/b/abc",
        ))
        .unwrap();
        assert_eq!((&*hint.id, hint.runtime), (&b"abc"[..], ""));
        assert_eq!(hint.bundle.as_deref(), Some(Path::new("/run/b/abc")));
        let conmon =
            "/usr/bin/conmon --api-version 1 -c abc -u abc -r /usr/bin/crun -b /s/userdata";
        let hint = read(&process(conmon, "/")).unwrap();
        assert_eq!(hint.bundle.as_deref(), Some(Path::new("/s/userdata")));
        assert_eq!(read(&process("/usr/bin/conmon -c", "/")), None);
    }

    #[test]
    fn what_makes_no_container_says_nothing() {
        for line in [
            "/usr/sbin/runc exec abc sh",
            "/usr/sbin/runc --root /x",
            "/usr/sbin/runc run ../x",
            "/usr/bin/make run web",
            "/usr/sbin/runc init",
        ] {
            assert_eq!(read(&process(line, "/")), None, "{line}");
        }
    }

    #[test]
    fn hints_are_bounded() {
        let mut hints = Hints::default();
        for number in 0..5000 {
            hints.put(Hint {
                id: number.to_string().into_bytes().into(),
                ..Hint::default()
            });
        }
        assert_eq!(
            (hints.by_id.len(), hints.order.len()),
            (MAX_HINTS, MAX_HINTS)
        );
        assert!(hints.get(b"4999").is_some() && hints.get(b"0").is_none());
    }
}
