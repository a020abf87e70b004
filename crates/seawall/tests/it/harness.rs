//! Runs the command in a folder of its own, with an environment of its
//! own, and writes down everything it said.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A folder to work in, with its own database and layer cache.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// With the few advisories of [`RECORDS`] imported.
    pub(crate) fn with_advisories() -> Self {
        let place = Self::new();
        for (name, record) in RECORDS {
            place.write(&format!("records/{name}.json"), record);
        }
        let ending = place.run(&["db", "import", "records"]);
        assert!(ending.contains("exit: 0"), "{ending}");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("SEAWALL_DATA_DIR", self.path("data"))
            .env("SEAWALL_CACHE_DIR", self.path("cache"));
        command
    }

    /// Exit code, standard output and standard error, with whatever
    /// differs from run to run replaced by a name.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> String {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that refuses its arguments never reads its input.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let mut text = String::new();
        let code = output.status.code().unwrap();
        writeln!(text, "exit: {code}").unwrap();
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let said = String::from_utf8_lossy(bytes);
            write!(text, "----- {name} -----\n{said}").unwrap();
        }
        filtered(&text, self.folder.path())
    }
}

fn filtered(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "[FOLDER]");
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut line = between(line, "newest ", " days old", "[AGE]");
        // The embedded starter set is part of every database and grows.
        line = between(&line, "Database: ", " advisories", "[COUNT]");
        line = between(&line, "packages (", " advisories", "[COUNT]");
        line = between(&line, "Advisories:  ", "", "[COUNT]");
        line = between(&line, "generation ", "", "[GENERATION]");
        line = between(&line, "Generation:  ", "", "[GENERATION]");
        line = between(&line, "Compiled:    ", "", "[TIME]");
        lines.push(line);
    }
    lines.join("\n")
}

/// Replaces what stands between two marks; an empty end mark is the
/// line's end.
fn between(line: &str, start: &str, end: &str, name: &str) -> String {
    let Some((before, rest)) = line.split_once(start) else {
        return line.to_owned();
    };
    if end.is_empty() {
        return format!("{before}{start}{name}");
    }
    match rest.split_once(end) {
        Some((_, after)) => format!("{before}{start}{name}{end}{after}"),
        None => line.to_owned(),
    }
}

/// Advisories about the packages of `testkit::Image::example`.
pub(crate) const RECORDS: [(&str, &str); 4] = [
    (
        "TEST-2024-1",
        r#"{"id": "TEST-2024-1", "aliases": ["CVE-2024-90001"],
            "modified": "2024-02-01T00:00:00Z", "published": "2024-01-30T00:00:00Z",
            "summary": "A crafted certificate runs code",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "references": [{"type": "ADVISORY", "url": "https://example.org/1"}],
            "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.15-1~deb12u1"}]}]}]}"#,
    ),
    (
        "TEST-2024-2",
        r#"{"id": "TEST-2024-2", "aliases": ["CVE-2024-90002"],
            "modified": "2024-02-01T00:00:00Z", "summary": "Slow parsing of long names",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:N/I:N/A:L"}],
            "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
    ),
    (
        "GHSA-0000-test-0003",
        r#"{"id": "GHSA-0000-test-0003", "aliases": ["CVE-2024-90003"],
            "modified": "2024-02-01T00:00:00Z", "summary": "Padding beyond the left",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:L"}],
            "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.3.1"}]}]}]}"#,
    ),
    (
        "GHSA-0000-test-0004",
        r#"{"id": "GHSA-0000-test-0004", "modified": "2024-02-01T00:00:00Z",
            "summary": "In no package of the image",
            "affected": [{"package": {"ecosystem": "npm", "name": "right-pad"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}"#,
    ),
];
