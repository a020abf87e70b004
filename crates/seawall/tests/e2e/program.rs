//! Runs the command under test with a data folder of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use model::Report;
use tempfile::TempDir;

/// The command, its advisory database and its layer cache.
pub(crate) struct Seawall {
    folder: TempDir,
}

impl Seawall {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a folder for the test"),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .env("SEAWALL_DATA_DIR", self.folder.path().join("data"))
            .env("SEAWALL_CACHE_DIR", self.folder.path().join("cache"))
            .env("NO_COLOR", "1");
        command
    }

    /// Imports advisories from `paths`.
    pub(crate) fn import(&self, paths: &[PathBuf]) {
        let output = self
            .command()
            .args(["db", "import"])
            .args(paths)
            .output()
            .expect("the command starts");
        succeeded(&output);
    }

    /// Scans `target` and reads the report; `arguments` come first.
    pub(crate) fn scan(&self, arguments: &[&str], target: &str) -> Report {
        self.scan_with(&[], arguments, target)
    }

    /// The same, with further environment variables.
    pub(crate) fn scan_with(
        &self,
        environment: &[(&str, &str)],
        arguments: &[&str],
        target: &str,
    ) -> Report {
        let output = self
            .command()
            .envs(environment.iter().copied())
            .args(["scan", "--format", "json", "--allow-partial"])
            .args(arguments)
            .arg(target)
            .output()
            .expect("the command starts");
        succeeded(&output);
        serde_json::from_slice(&output.stdout).expect("the report is JSON")
    }
}

/// The program under test: the one named, or the one built beside.
fn program() -> PathBuf {
    std::env::var_os("SEAWALL_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_seawall").into(), PathBuf::from)
}

fn succeeded(output: &Output) {
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where tests keep what is dear to build: below cargo's own folder.
pub(crate) fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("roots")
}
