//! Reading hostile bytes in a process that may do nothing else.
//!
//! For each layer a process of its own is started (this program again,
//! as `scan-worker`). Before it is given a byte it gives up its user,
//! every file, the network and all but a few calls of the kernel
//! ([`seal`]). It is fed the blob through a pipe and says what it finds
//! while it finds it, so that of a reader that dies the rest is kept.
//!
//! One process reads one layer (or the files of one folder, which it is
//! handed opened), because it may have fallen to what it
//! reads: what it says is then a lie about that layer, and about no
//! other one. For the same reason the asker hashes the blob itself,
//! checks and bounds everything it is told ([`told`]), and remembers it
//! under that hash alone.

mod ask;
mod end;
mod files;
mod filter;
mod seal;
mod serve;
mod told;
mod unpack;
mod wire;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};

pub(crate) use ask::read_layer;
pub(crate) use end::clean;
pub(crate) use files::{Files, Handed};
pub use serve::{Parser, serve, serve_with};
pub(crate) use unpack::{read_sbom, unpack};

/// The word on the command line that makes this program a worker.
const COMMAND: &str = "scan-worker";

/// How workers are started, and how much each may use.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// A program that calls [`serve`] with the arguments after these.
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Bytes of memory one may write to.
    pub memory: u64,
    sealed: Arc<OnceLock<Sealed>>,
}

/// What a worker is shut in by, beside the filter of calls and the
/// limits, without which there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub user: User,
    pub landlock: Landlock,
}

/// Whom a worker runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// A user that is nobody else.
    Own,
    /// Whoever started it.
    Asker,
    /// Root, without any of its rights: there is no other user here.
    BareRoot,
}

/// How much of a file system's fence the kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Landlock {
    Whole,
    Partly,
    Absent,
}

impl Isolation {
    /// Workers that are `program`, started with `arguments` before ours.
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments,
            memory: 1 << 30,
            sealed: Arc::default(),
        }
    }

    /// Workers that are this very program. It must answer to
    /// `scan-worker` with [`serve`].
    pub fn own() -> std::io::Result<Self> {
        // The link leads to the program as it was started, even if the
        // file has been replaced since.
        let link = Path::new("/proc/self/exe");
        let program = if link.exists() {
            link.to_owned()
        } else {
            std::env::current_exe()?
        };
        Ok(Self::of(program))
    }

    /// Workers that are this program, which answers to `scan-worker`.
    pub fn of(program: impl Into<PathBuf>) -> Self {
        Self::new(program, vec![COMMAND.into()])
    }

    /// Whether a command line asks for a worker; what follows is for
    /// [`serve`].
    pub fn is_asked(argument: Option<&OsString>) -> bool {
        argument.is_some_and(|argument| argument == COMMAND)
    }

    /// Starts a worker for nothing but to see what it is shut in by.
    /// The error says why there can be none.
    pub fn check(&self) -> Result<Sealed, String> {
        ask::check(self)
    }

    /// What the first worker was shut in by, once there was one.
    pub fn sealed(&self) -> Option<Sealed> {
        self.sealed.get().copied()
    }

    fn command(&self, seconds: u64, last_words: std::fs::File, input: Stdio) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args([self.memory.to_string(), seconds.to_string()])
            .env_clear()
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::from(last_words));
        // Where spooled files go is the one thing it need be told.
        command.env("TMPDIR", std::env::temp_dir());
        // Where mimalloc is the allocator: what it reserves is not held
        // writable before it is used, or it would count as used.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        command
    }
}

impl std::fmt::Display for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.user {
            User::Own => "a user of its own",
            User::Asker => "the same user",
            User::BareRoot => "root without rights",
        })?;
        f.write_str(", seccomp, ")?;
        f.write_str(match self.landlock {
            Landlock::Whole => "Landlock",
            Landlock::Partly => "an older Landlock",
            Landlock::Absent => "no Landlock, which this kernel does not have",
        })
    }
}
