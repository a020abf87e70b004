//! What was built or installed here, by whom one expects it from.
//!
//! # What
//! Remembers programs that a compiler, a linker or a package manager made:
//! created executable by it, or made executable.
//!
//! # Why
//! A program that `apt-get` installed an hour ago is not in the image, and
//! is no intruder's either. It is told as low, so that what nobody
//! installed stands out.
//!
//! # Limits
//! Whoever calls themselves `make` is believed: it lowers an alert and
//! hides none. [`MAX_FILES`] files, the oldest go first.

use rules::syscall::{Event, Kind, Process};

use super::{bounded::Bounded, drifted, entry, history::Whose};
use crate::record::File;

const MAX_FILES: usize = 8_192;
/// Longer paths are not remembered.
const MAX_PATH: usize = 512;

type Inode = (u64, (u32, u32));

#[derive(Debug)]
pub(super) struct Built {
    files: Bounded<Inode, ()>,
    paths: Bounded<(Whose, Box<[u8]>), ()>,
}

impl Default for Built {
    fn default() -> Self {
        Self {
            files: Bounded::new(MAX_FILES),
            paths: Bounded::new(MAX_FILES),
        }
    }
}

impl Built {
    /// A file was opened to be written, or its mode was changed.
    pub(super) fn see(&mut self, event: &Event<'_>, file: Option<&File>) {
        let is_executable = match event.kind {
            Kind::Chmod | Kind::Fchmod | Kind::Fchmodat => {
                let mode = event.arguments.named("mode");
                mode.and_then(|mode| mode.raw)
                    .is_some_and(|mode| mode & 0o111 != 0)
            }
            _ => event.open.creates && event.open.executes,
        };
        if !is_executable || event.result < 0 || !drifted::is_built(event.process) {
            return;
        }
        if let Some(file) = file.filter(|file| file.inode != 0) {
            self.files.insert((file.inode, file.device), ());
        }
        let path = entry::path(event, &["path", "filename", "name"]);
        // What it will be called in a moment.
        let path = path.strip_suffix(b".dpkg-new").unwrap_or(path);
        if path.starts_with(b"/") && path.len() <= MAX_PATH {
            let whose = Whose::of(event.process);
            self.paths.insert((whose, path.into()), ());
        }
    }

    /// Whether a program is one of those.
    pub(super) fn has(&self, process: &Process, path: &[u8], file: &File) -> bool {
        self.files.contains(&(file.inode, file.device))
            || self.paths.contains(&(Whose::of(process), path.into()))
    }
}

#[cfg(test)]
mod tests {
    use rules::syscall::{Argument, Arguments, Open};

    use super::*;
    use crate::detect::made;

    #[test]
    fn what_a_package_manager_made_executable_is_known_by_inode_and_path() {
        let mut built = Built::default();
        let file = File {
            inode: 7,
            ..File::default()
        };
        let dpkg = made::process(151, "/usr/bin/dpkg", &[]);
        let arguments = [
            Argument {
                name: "filename",
                text: b"/usr/bin/curl.dpkg-new",
                raw: None,
            },
            Argument {
                name: "mode",
                text: b"",
                raw: Some(0o755),
            },
        ];
        let event = Event {
            arguments: Arguments::new(&arguments),
            ..made::event(&dpkg, Kind::Fchmod)
        };
        built.see(&event, Some(&file));
        let curl = made::process(152, "/usr/bin/curl", &[]);
        assert!(built.has(&curl, b"/nowhere", &file));
        assert!(built.has(&curl, b"/usr/bin/curl", &File::default()));
        assert!(!built.has(&curl, b"/tmp/x", &File::default()));
    }

    #[test]
    fn what_others_make_is_not() {
        let mut built = Built::default();
        let file = File {
            inode: 7,
            ..File::default()
        };
        let curl = made::process(151, "/usr/bin/curl", &[]);
        let made_here = Event {
            open: Open {
                writes: true,
                creates: true,
                executes: true,
                ..Open::default()
            },
            ..made::open(&curl, "/tmp/x", true)
        };
        built.see(&made_here, Some(&file));
        assert!(!built.has(&curl, b"/tmp/x", &file));
        let ld = made::process(152, "/usr/bin/ld", &[]);
        let linked = Event {
            process: &ld,
            ..made_here
        };
        built.see(&linked, Some(&file));
        assert!(built.has(&curl, b"/other", &file));
    }
}
