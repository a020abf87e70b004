//! Files read as memory.
//!
//! Two sorts of files are mapped: generations, which are written once
//! and then only ever unlinked, and feed archives, which are replaced by
//! rename. Neither is changed in place while anyone reads it.

use std::{fs::File, io, ops::Deref, path::Path};

/// A file's bytes, mapped, or bytes that were never in a file.
#[derive(Debug)]
pub(crate) enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a file that nobody changes in place.
    #[expect(unsafe_code, reason = "memory maps; see SAFETY")]
    pub(crate) fn map(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: a map is unsound when its file changes under it. Our
        // own files are replaced by rename and never written in place
        // (see the module's documentation). A user who truncates a feed
        // archive while it is imported ends this process with SIGBUS,
        // as with any mapped file; memory stays sound, because the bytes
        // are only ever read as plain data.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
