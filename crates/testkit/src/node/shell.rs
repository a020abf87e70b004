//! A shell of the host that nobody here started: what cargo's or make's
//! descendants do is somebody's build, and rules leave it alone. It has to
//! be there before a sensor is, which would see whose child it was.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, ensure};

/// Does one script after the other; ends with its input.
const LOOP: &str = "while read -r mark; do sh -s \"$mark\" <script >/dev/null 2>&1; echo; done";

/// The shell, ended on drop.
#[derive(Debug)]
pub(super) struct Shell {
    folder: PathBuf,
    line: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Shell {
    /// Starts it with the programs in `bin` of a folder, which is its home.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new("/usr/bin/setsid")
            .args(["--fork", "sh", "-c", LOOP])
            .env_clear()
            .env("PATH", folder.join("bin"))
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start a shell on the host")?;
        let line = pipes(&mut child).context("a shell has no input or output")?;
        // From here on the shell is the first process's child.
        ensure!(child.wait()?.success(), "a shell on the host did not start");
        Ok(Self {
            folder: folder.to_owned(),
            line: Mutex::new(line),
        })
    }

    /// Runs a script by a shell with `mark` in its command line, to its end.
    pub(super) fn run(&self, script: &str, mark: &str) -> anyhow::Result<()> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = &mut *line;
        fs::write(self.folder.join("script"), script)?;
        writeln!(input, "{mark}")?;
        let length = output.read_line(&mut String::new())?;
        ensure!(length > 0, "the shell on the host has ended");
        Ok(())
    }
}

fn pipes(child: &mut Child) -> Option<(ChildStdin, BufReader<ChildStdout>)> {
    Some((child.stdin.take()?, BufReader::new(child.stdout.take()?)))
}
