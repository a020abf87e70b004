//! One layer: a tar built entry by entry.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use tar::{EntryType, Header};

/// A layer under construction. Entries appear in the order given.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    tar: Vec<u8>,
    unfinished: bool,
}

/// How a layer's blob is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    Plain,
    #[default]
    Gzip,
    Zstd,
}

impl Compression {
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Self::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        }
    }

    /// The OCI media type's suffix.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => "+gzip",
            Self::Zstd => "+zstd",
        }
    }
}

impl Layer {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path, "", 0o644, content.as_ref())
    }

    #[must_use]
    pub fn executable(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path, "", 0o755, content.as_ref())
    }

    /// A file with such permission bits.
    #[must_use]
    pub fn with_mode(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.entry(EntryType::Regular, path, "", mode, content.as_ref())
    }

    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        self.entry(EntryType::Directory, &format!("{path}/"), "", 0o755, &[])
    }

    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, path, target, 0o777, &[])
    }

    #[must_use]
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Link, path, target, 0o644, &[])
    }

    /// Removes `path` from the layers below.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let marker = match path.rsplit_once('/') {
            Some((dir, name)) => format!("{dir}/.wh.{name}"),
            None => format!(".wh.{path}"),
        };
        self.file(&marker, [])
    }

    /// Hides what the layers below have in `dir`.
    #[must_use]
    pub fn opaque(self, dir: &str) -> Self {
        if dir.is_empty() {
            self.file(".wh..wh..opq", [])
        } else {
            self.file(&format!("{dir}/.wh..wh..opq"), [])
        }
    }

    #[must_use]
    pub fn device(self, path: &str) -> Self {
        self.entry(EntryType::Char, path, "", 0o666, &[])
    }

    #[must_use]
    pub fn fifo(self, path: &str) -> Self {
        self.entry(EntryType::Fifo, path, "", 0o666, &[])
    }

    /// A folder of this machine with everything below it, as `path` in
    /// the layer (empty: the root). Devices and sockets are left out.
    #[must_use]
    pub fn tree(mut self, path: &str, from: &Path) -> Self {
        let mut names: Vec<_> = fs::read_dir(from)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        for name in names {
            let source = from.join(&name);
            let inner = if path.is_empty() {
                name
            } else {
                format!("{path}/{name}")
            };
            let meta = source.symlink_metadata().unwrap();
            let mode = meta.permissions().mode() & 0o7777;
            self = if meta.is_symlink() {
                let target = fs::read_link(&source).unwrap();
                self.symlink(&inner, target.to_str().unwrap())
            } else if meta.is_dir() {
                self.dir(&inner).tree(&inner, &source)
            } else if meta.is_file() {
                self.entry(
                    EntryType::Regular,
                    &inner,
                    "",
                    mode,
                    &fs::read(&source).unwrap(),
                )
            } else {
                self
            };
        }
        self
    }

    /// Any entry at all. Paths longer than a header holds get a GNU
    /// long-name record; `..` and absolute paths are written as given.
    #[must_use]
    pub fn entry(
        mut self,
        kind: EntryType,
        path: &str,
        target: &str,
        mode: u32,
        content: &[u8],
    ) -> Self {
        if path.len() > 100 {
            self.push(
                &header(
                    EntryType::GNULongName,
                    "././@LongLink",
                    "",
                    0,
                    path.len() + 1,
                ),
                format!("{path}\0").as_bytes(),
            );
        }
        if target.len() > 100 {
            self.push(
                &header(
                    EntryType::GNULongLink,
                    "././@LongLink",
                    "",
                    0,
                    target.len() + 1,
                ),
                format!("{target}\0").as_bytes(),
            );
        }
        self.push(&header(kind, path, target, mode, content.len()), content);
        self
    }

    /// A record whose header the caller has made; the content is padded.
    #[must_use]
    pub fn record(mut self, header: &Header, content: &[u8]) -> Self {
        self.push(header, content);
        self
    }

    /// A pax extended header for the next entry.
    #[must_use]
    pub fn pax(mut self, records: &[(&str, &str)]) -> Self {
        let body: String = records
            .iter()
            .map(|(key, value)| pax_record(key, value))
            .collect();
        self.push(
            &header(EntryType::XHeader, "PaxHeaders/x", "", 0o644, body.len()),
            body.as_bytes(),
        );
        self
    }

    /// Bytes as they are: damage.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.tar.extend_from_slice(bytes);
        self
    }

    /// Leaves the two closing blocks of zeros away.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }

    /// The finished tar.
    pub fn tar(&self) -> Vec<u8> {
        let mut tar = self.tar.clone();
        if !self.unfinished {
            tar.extend_from_slice(&[0; 1024]);
        }
        tar
    }

    fn push(&mut self, header: &Header, content: &[u8]) {
        self.tar.extend_from_slice(header.as_bytes());
        self.tar.extend_from_slice(content);
        let padding = (512 - content.len() % 512) % 512;
        self.tar.resize(self.tar.len() + padding, 0);
    }
}

fn pax_record(key: &str, value: &str) -> String {
    // The length counts its own digits.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    format!("{length} {key}={value}\n")
}

/// A GNU header with a valid checksum; names are cut to what fits and
/// are not checked.
pub fn header(kind: EntryType, path: &str, target: &str, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size as u64);
    let fill = |field: &mut [u8], text: &str| {
        let fitting = text.len().min(field.len());
        field[..fitting].copy_from_slice(&text.as_bytes()[..fitting]);
    };
    let gnu = header
        .as_gnu_mut()
        .expect("invariant: new_gnu makes a GNU header");
    fill(&mut gnu.name, path);
    fill(&mut gnu.linkname, target);
    header.set_cksum();
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_reads_back() {
        let long = format!("{}/file", "d".repeat(150));
        let tar = Layer::new()
            .file("a", "x")
            .pax(&[("comment", "hello")])
            .file(&long, "y")
            .tar();
        let names: Vec<String> = tar::Archive::new(tar.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a".to_owned(), long]);
    }
}
