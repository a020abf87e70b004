//! Handing files to extractors: who wants one, how much of it, and where
//! it is kept meanwhile.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek as _, SeekFrom, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    extract::{Extraction, Extractor, FileMeta, Input, Want},
    layer::{FileFacts, LayerFacts, Remark, Watch},
    limits::{Limits, Stop},
};

/// Longer magics are of no use to anyone.
const LONGEST_MAGIC: usize = 16;
const SPOOL_BUFFER: usize = 128 * 1024;

/// Offers one file after the other to a set of extractors. Owns the
/// buffer they share, so that memory is bounded by the largest file
/// parsed in memory, not by their number.
pub(crate) struct Offer<'a> {
    extractors: &'a [&'a dyn Extractor],
    limits: &'a Limits,
    watch: &'a dyn Watch,
    buffer: Vec<u8>,
    wanted: Vec<(usize, Want)>,
    /// How many files each extractor was handed.
    handed: Vec<usize>,
    /// Bytes read for extractors so far.
    read: u64,
}

impl<'a> Offer<'a> {
    pub(crate) fn new(
        extractors: &'a [&'a dyn Extractor],
        limits: &'a Limits,
        watch: &'a dyn Watch,
    ) -> Self {
        Self {
            extractors,
            limits,
            watch,
            buffer: Vec::new(),
            wanted: Vec::new(),
            handed: vec![0; extractors.len()],
            read: 0,
        }
    }

    /// Whether any extractor wants such a file. Remembers who, for the
    /// call of [`Offer::take`] that must follow.
    pub(crate) fn is_wanted(&mut self, meta: &FileMeta<'_>) -> bool {
        self.wanted.clear();
        for (index, extractor) in self.extractors.iter().enumerate() {
            if let Some(want) = extractor.wants(meta) {
                self.wanted.push((index, want));
            }
        }
        !self.wanted.is_empty()
    }

    /// As [`Offer::is_wanted`], of a hard link, for those whom its name
    /// tells more than its target's.
    pub(crate) fn is_link_wanted(&mut self, meta: &FileMeta<'_>) -> bool {
        self.is_wanted(meta);
        let extractors = self.extractors;
        self.wanted
            .retain(|(index, _)| extractors[*index].follows_links());
        !self.wanted.is_empty()
    }

    /// The names of those who want it.
    pub(crate) fn wanted_by(&self) -> impl Iterator<Item = &'static str> {
        self.wanted
            .iter()
            .map(|(index, _)| self.extractors[*index].name())
    }

    /// Reads the file and hands it to everyone who wants it.
    pub(crate) fn take(
        &mut self,
        meta: &FileMeta<'_>,
        content: &mut dyn Read,
        facts: &mut LayerFacts,
    ) -> io::Result<()> {
        self.names(meta, facts)?;
        let mut magic = [0; LONGEST_MAGIC];
        let known = self.magic(content, &mut magic)?;
        let largest = self.narrow(meta, known, facts);
        if self.wanted.is_empty() {
            return Ok(());
        }
        self.read += meta.size;
        if self.read > self.limits.wanted_bytes {
            let text = format!("more than {} bytes to parse", self.limits.wanted_bytes);
            return Err(Stop::Limit(text).into());
        }
        // A folder's file may grow while it is read.
        let mut content = Cursor::new(known).chain(content).take(largest);
        if self.is_whole() || meta.size <= self.limits.memory_bytes {
            self.buffer.clear();
            content.read_to_end(&mut self.buffer)?;
            for (index, _) in &self.wanted {
                let input = Input::memory(meta.path, &self.buffer);
                run(self.extractors[*index], input, facts, self.watch)?;
            }
            let keep = usize::try_from(self.limits.memory_bytes).unwrap_or(usize::MAX);
            if self.buffer.capacity() > keep {
                self.buffer = Vec::new();
            }
        } else {
            let spooled = spool(&mut content, self.watch.spool())?;
            let (spool, size) = match &spooled {
                Ok((Spool::Own(file), size)) => (file, *size),
                Ok((Spool::Lent(file), size)) => (*file, *size),
                Err(error) => {
                    for (index, _) in &self.wanted {
                        let message = format!("could not be kept in a temporary file: {error}");
                        let name = self.extractors[*index].name();
                        push_remark(facts, name, Some(meta.path), message);
                    }
                    return Ok(());
                }
            };
            for (index, _) in &self.wanted {
                let mut spool = spool;
                spool.seek(SeekFrom::Start(0))?;
                let input = Input::spooled(meta.path, size, &mut spool);
                run(self.extractors[*index], input, facts, self.watch)?;
            }
        }
        Ok(())
    }

    /// A file that can be sought in where it lies: of large programs,
    /// archives and databases only what extractors look at is read.
    pub(crate) fn take_file(
        &mut self,
        meta: &FileMeta<'_>,
        file: &mut File,
        facts: &mut LayerFacts,
    ) -> io::Result<()> {
        if self.is_whole() || meta.size <= SPOOL_BUFFER as u64 {
            return self.take(meta, file, facts);
        }
        let mut magic = [0; LONGEST_MAGIC];
        self.names(meta, facts)?;
        let known = self.magic(file, &mut magic)?;
        self.narrow(meta, known, facts);
        for (index, _) in &self.wanted {
            file.seek(SeekFrom::Start(0))?;
            let input = Input::spooled(meta.path, meta.size, file);
            run(self.extractors[*index], input, facts, self.watch)?;
        }
        Ok(())
    }

    /// Whether anyone wants all of it in memory.
    fn is_whole(&self) -> bool {
        self.wanted
            .iter()
            .any(|(_, want)| matches!(want, Want::Whole { .. } | Want::Text { .. }))
    }

    /// Asks those who need nothing of the file, and leaves the others.
    fn names(&mut self, meta: &FileMeta<'_>, facts: &mut LayerFacts) -> io::Result<()> {
        for (index, want) in &self.wanted {
            if *want == Want::Name {
                let input = Input::unopened(meta);
                run(self.extractors[*index], input, facts, self.watch)?;
            }
        }
        self.wanted.retain(|(_, want)| *want != Want::Name);
        Ok(())
    }

    /// The file's first bytes, if anyone asks for them.
    fn magic<'m>(&self, content: &mut dyn Read, magic: &'m mut [u8]) -> io::Result<&'m [u8]> {
        let is_asked = self
            .wanted
            .iter()
            .any(|(_, want)| matches!(want, Want::SeekableIf { .. }));
        if !is_asked {
            return Ok(&[]);
        }
        let length = read_up_to(content, magic)?;
        Ok(&magic[..length])
    }

    /// Leaves only those who want a file that begins so and is so large.
    /// Returns the largest size any of them reads.
    fn narrow(&mut self, meta: &FileMeta<'_>, known: &[u8], facts: &mut LayerFacts) -> u64 {
        let mut largest = 0;
        let (extractors, handed) = (self.extractors, &mut self.handed);
        self.wanted.retain(|(index, want)| {
            if let Want::SeekableIf { magic, .. } = want
                && !known.starts_with(magic)
            {
                return false;
            }
            let (Want::Whole { limit }
            | Want::Seekable { limit }
            | Want::Text { limit }
            | Want::SeekableIf { limit, .. }) = *want
            else {
                return false;
            };
            if meta.size > limit && matches!(want, Want::Text { .. }) {
                return false;
            }
            if meta.size > limit {
                let name = extractors[*index].name();
                let message = format!("larger than the {limit} bytes read by {name}");
                push_remark(facts, name, Some(meta.path), message);
                return false;
            }
            if let Some(count) = handed.get_mut(*index) {
                let (name, most) = (extractors[*index].name(), extractors[*index].most_files());
                *count += 1;
                if *count == most.saturating_add(1) {
                    let message = format!("more than {most} files: {name} passed over the rest");
                    push_remark(facts, name, None, message);
                }
                if *count > most {
                    return false;
                }
            }
            largest = largest.max(limit);
            true
        });
        largest
    }
}

/// Where a large file is kept while it is read.
enum Spool<'a> {
    Own(File),
    Lent(&'a File),
}

/// Keeps the content in an unlinked temporary file, or in the one there
/// is. Failing to read it is the outer error, failing to keep it the
/// inner one: a full disk must not lose the rest of the layer.
fn spool<'a>(
    content: &mut dyn Read,
    lent: Option<(&'a File, u64)>,
) -> io::Result<io::Result<(Spool<'a>, u64)>> {
    let (spool, most) = match lent {
        Some((file, most)) => (emptied(file).map(|()| Spool::Lent(file)), most),
        None => (tempfile::tempfile().map(Spool::Own), u64::MAX),
    };
    let spool = match spool {
        Ok(spool) => spool,
        Err(error) => return Ok(Err(error)),
    };
    let mut file = match &spool {
        Spool::Own(file) => file,
        Spool::Lent(file) => file,
    };
    let mut buffer = vec![0; SPOOL_BUFFER];
    let mut size = 0;
    loop {
        let read = read_up_to(content, &mut buffer)?;
        if read == 0 {
            return Ok(Ok((spool, size)));
        }
        if size + read as u64 > most {
            let error = format!("there is room for {most} bytes");
            return Ok(Err(io::Error::other(error)));
        }
        if let Err(error) = file.write_all(&buffer[..read]) {
            return Ok(Err(error));
        }
        size += read as u64;
    }
}

fn emptied(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0)).map(drop)
}

fn read_up_to(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn push_remark(facts: &mut LayerFacts, extractor: &str, path: Option<&str>, message: String) {
    if let Some(own) = facts.extractors.get_mut(extractor) {
        own.remarks.push(Remark {
            path: path.map(str::to_owned),
            message,
        });
    }
}

/// Extractors promise not to panic. Should one break the promise over
/// some file, the rest of the image is still reported.
fn run(
    extractor: &dyn Extractor,
    mut input: Input<'_>,
    facts: &mut LayerFacts,
    watch: &dyn Watch,
) -> io::Result<()> {
    let path = input.path;
    watch.begins(extractor.name(), path);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut extraction = Extraction::default();
        extractor.extract(&mut input, &mut extraction);
        extraction
    }));
    watch.ended();
    let Ok(extraction) = result else {
        let message = format!("could not be read: {} gave up on it", extractor.name());
        push_remark(facts, extractor.name(), Some(path), message);
        return Ok(());
    };
    if extraction == Extraction::default() {
        return Ok(());
    }
    if let Some(program) = &extraction.program {
        let content = input.seekable();
        content.seek(SeekFrom::Start(0))?;
        watch.shows(path, &program.digest, content)?;
    }
    if let Some(own) = facts.extractors.get_mut(extractor.name()) {
        own.files.push(FileFacts {
            path: path.to_owned(),
            extraction,
        });
    }
    Ok(())
}
