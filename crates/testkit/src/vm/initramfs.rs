//! The files of a machine, as an archive the kernel unpacks into memory
//! (cpio, the form called `newc`).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
/// When everything was last changed: any time that is not 0.
const MODIFIED: usize = 1_700_000_000;

/// An archive being written.
#[derive(Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    names: BTreeSet<String>,
}

impl std::fmt::Debug for Initramfs {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Initramfs")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Initramfs {
    pub fn new() -> Self {
        Self::default()
    }

    /// A folder, with those above it.
    pub fn folder(&mut self, name: &str) {
        let name = name.trim_matches('/');
        if name.is_empty() || self.names.contains(name) {
            return;
        }
        if let Some((above, _)) = name.rsplit_once('/') {
            self.folder(above);
        }
        self.entry(name, FOLDER | 0o755, &[]);
    }

    /// A file, with the folders above it. The first of a name stays.
    pub fn file(&mut self, name: &str, mode: u32, content: impl AsRef<[u8]>) {
        self.beneath(name, FILE | mode, content.as_ref());
    }

    pub fn link(&mut self, name: &str, target: &str) {
        self.beneath(name, LINK | 0o777, target.as_bytes());
    }

    /// A program of this machine as `name`, and the libraries it needs
    /// where it looks for them. Debug information is left behind: the
    /// machine's memory holds every byte.
    pub fn program(&mut self, name: &str, program: &Path) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let stripped = folder.path().join("program");
        let status = Command::new("strip")
            .arg("-o")
            .arg(&stripped)
            .arg(program)
            .status();
        let bytes = match status {
            Ok(status) if status.success() => std::fs::read(&stripped),
            _ => std::fs::read(program),
        };
        let bytes = bytes.with_context(|| format!("failed to read {}", program.display()))?;
        self.file(name, 0o755, bytes);
        for library in libraries(program)? {
            let inside = library.to_string_lossy();
            if !self.names.contains(inside.trim_start_matches('/')) {
                let bytes = std::fs::read(&library)
                    .with_context(|| format!("failed to read {}", library.display()))?;
                self.file(&inside, 0o755, bytes);
            }
        }
        Ok(())
    }

    /// The archive, ended.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn beneath(&mut self, name: &str, mode: u32, content: &[u8]) {
        let name = name.trim_start_matches('/');
        if self.names.contains(name) {
            return;
        }
        if let Some((above, _)) = name.rsplit_once('/') {
            self.folder(above);
        }
        self.entry(name, mode, content);
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        let inode = self.names.len() + 1;
        self.names.insert(name.to_owned());
        let fields = [
            inode,
            usize::try_from(mode).unwrap_or_default(),
            0, // user
            0, // group
            1, // links
            MODIFIED,
            content.len(),
            0, // device
            0,
            0, // device it stands for
            0,
            name.len() + 1,
            0, // checksum, unused in this form
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The libraries a program is linked with, its loader included; none
/// where it is static.
fn libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd")
        .arg(program)
        .output()
        .context("failed to run ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found = Vec::new();
    for line in text.lines() {
        if line.contains("not found") {
            bail!("{} lacks a library: {}", program.display(), line.trim());
        }
        let path = line
            .split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(|word| PathBuf::from(word.trim_end_matches(':')));
        found.extend(path.filter(|path| path != program));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_above_are_made_once_and_the_first_file_stays() {
        let mut files = Initramfs::new();
        files.file("a/b/one", 0o644, "1");
        files.file("/a/b/one", 0o644, "2");
        files.link("a/two", "b/one");
        let names: Vec<_> = files.names.iter().map(String::as_str).collect();
        assert_eq!(names, ["a", "a/b", "a/b/one", "a/two"]);
        let bytes = files.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("070701").count(), 5);
        assert!(text.ends_with("TRAILER!!!\0\0\0\0"), "{text:?}");
    }
}
