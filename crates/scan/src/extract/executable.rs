//! The few facts the extractors of compiled programs need: which
//! sections an ELF, PE or Mach-O file has and where its memory comes
//! from. Only headers are read, so that the hundreds of programs in an
//! image that hold nothing of interest cost three small reads each.

use super::{
    FileMeta, Want,
    random_access::{Endian, RandomAccess},
};

/// The largest container programs are some hundreds of megabytes.
const LIMIT: u64 = 2 * 1024 * 1024 * 1024;

/// Linked programs have a few dozen sections; object files with
/// thousands are not programs.
const MOST_SECTIONS: usize = 4096;
const LONGEST_NAMES: usize = 256 * 1024;

/// Table entries have had 32 to 64 bytes since the format exists.
const LARGEST_ENTRY: usize = 128;

/// Whether and how to open a file that may be a linked program.
pub(crate) fn wants(file: &FileMeta<'_>) -> Option<Want> {
    let name = file.name();
    let magic: &'static [u8] = if ends_with(name, ".exe") || ends_with(name, ".dll") {
        b"MZ"
    } else if file.mode & 0o111 == 0 {
        return None;
    } else if file.path.contains("darwin") || file.path.contains("macos") {
        &[0xcf, 0xfa, 0xed, 0xfe]
    } else if [".ko", ".o", ".debug", ".py", ".sh", ".pl"]
        .iter()
        .any(|ending| name.ends_with(ending))
    {
        return None;
    } else {
        b"\x7fELF"
    };
    Some(Want::SeekableIf {
        magic,
        limit: LIMIT,
    })
}

fn ends_with(name: &str, ending: &str) -> bool {
    name.len() >= ending.len()
        && name.as_bytes()[name.len() - ending.len()..].eq_ignore_ascii_case(ending.as_bytes())
}

/// A run of bytes in the file and where it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub address: u64,
    pub offset: u64,
    /// Bytes in the file; what is zero-filled beyond them is not counted.
    pub size: u64,
    pub writable: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Executable {
    sections: Vec<(Vec<u8>, Extent)>,
    segments: Vec<Extent>,
}

impl Executable {
    /// `None` where the file is no program we know, or a damaged one.
    pub(crate) fn read(file: &mut RandomAccess<'_>) -> Option<Self> {
        let head = file.up_to(0, 64).ok()?;
        match head.as_slice() {
            [0x7f, b'E', b'L', b'F', ..] => elf(file, &head),
            [b'M', b'Z', ..] => pe(file, &head),
            [0xcf, 0xfa, 0xed, 0xfe, ..] => mach_o(file, &head),
            _ => None,
        }
    }

    pub(crate) fn section(&self, name: &[u8]) -> Option<Extent> {
        self.sections
            .iter()
            .find(|(section, _)| section == name)
            .map(|(_, extent)| *extent)
    }

    /// Whether the section table was kept: tools that shrink programs
    /// drop it.
    pub(crate) fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// Where the program's initialised, writable memory begins.
    pub(crate) fn data(&self) -> Option<Extent> {
        self.segments
            .iter()
            .find(|segment| segment.writable && segment.size > 0)
            .copied()
    }

    /// At most `length` bytes of the program's memory at `address`.
    pub(crate) fn memory(
        &self,
        file: &mut RandomAccess<'_>,
        address: u64,
        length: usize,
    ) -> Option<Vec<u8>> {
        let (segment, skip) = self.segments.iter().find_map(|segment| {
            let skip = address.checked_sub(segment.address)?;
            (skip < segment.size).then_some((segment, skip))
        })?;
        let left = usize::try_from(segment.size - skip).unwrap_or(usize::MAX);
        file.up_to(segment.offset.checked_add(skip)?, length.min(left))
            .ok()
    }
}

/// Executable and Linkable Format (System V ABI, "Object Files").
fn elf(file: &mut RandomAccess<'_>, head: &[u8]) -> Option<Executable> {
    const EXECUTE: u32 = 1;
    const WRITE: u32 = 2;
    const LOAD: u32 = 1;
    const NO_BITS: u32 = 8;
    const EXTENDED: u16 = 0xffff;

    let wide = match head.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let endian = match head.get(5)? {
        1 => Endian::Little,
        2 => Endian::Big,
        _ => return None,
    };
    let word = |bytes: &[u8], narrow_at: usize, wide_at: usize| {
        if wide {
            endian.u64(bytes, wide_at)
        } else {
            endian.u32(bytes, narrow_at).map(u64::from)
        }
    };
    let counts = if wide { 54 } else { 42 };
    let segments_at = word(head, 28, 32)?;
    let sections_at = word(head, 32, 40)?;
    let segment_size = usize::from(endian.u16(head, counts)?);
    let segment_count = usize::from(endian.u16(head, counts + 2)?);
    let section_size = usize::from(endian.u16(head, counts + 4)?);
    let mut section_count = usize::from(endian.u16(head, counts + 6)?);
    let names_index = endian.u16(head, counts + 8)?;
    let mut names_index_wide = u32::from(names_index);

    let mut program = Executable::default();
    let least_segment = if wide { 56 } else { 32 };
    if (least_segment..=LARGEST_ENTRY).contains(&segment_size) && segment_count <= MOST_SECTIONS {
        let table = file.up_to(segments_at, segment_size * segment_count).ok()?;
        for entry in table.chunks_exact(segment_size) {
            if endian.u32(entry, 0)? != LOAD {
                continue;
            }
            let flags = endian.u32(entry, if wide { 4 } else { 24 })?;
            program.segments.push(Extent {
                offset: word(entry, 4, 8)?,
                address: word(entry, 8, 16)?,
                size: word(entry, 16, 32)?,
                writable: flags & (WRITE | EXECUTE) == WRITE,
            });
        }
    }

    let least_section = if wide { 64 } else { 40 };
    if sections_at == 0 || !(least_section..=LARGEST_ENTRY).contains(&section_size) {
        return Some(program);
    }
    // Counts that do not fit the header are kept in the first section.
    if section_count == 0 || names_index == EXTENDED {
        let first = file.exact(sections_at, section_size).ok()?;
        if section_count == 0 {
            section_count = usize::try_from(word(&first, 20, 32)?).ok()?;
        }
        if names_index == EXTENDED {
            names_index_wide = endian.u32(&first, if wide { 40 } else { 24 })?;
        }
    }
    if section_count > MOST_SECTIONS {
        return Some(program);
    }
    let table = file.up_to(sections_at, section_size * section_count).ok()?;
    let extent = |entry: &[u8]| {
        Some(Extent {
            address: word(entry, 12, 16)?,
            offset: word(entry, 16, 24)?,
            size: word(entry, 20, 32)?,
            writable: false,
        })
    };
    let names_index = usize::try_from(names_index_wide).ok()?;
    let names = table.chunks_exact(section_size).nth(names_index)?;
    let names = extent(names)?;
    let names_length = usize::try_from(names.size).ok()?.min(LONGEST_NAMES);
    let names = file.up_to(names.offset, names_length).ok()?;
    for entry in table.chunks_exact(section_size) {
        let name = usize::try_from(endian.u32(entry, 0)?).ok()?;
        let name = names.get(name..).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if endian.u32(entry, 4)? != NO_BITS {
            keep_section(&mut program, name, extent(entry)?);
        }
    }
    Some(program)
}

/// Names longer than any we ask for are cut: the table is hostile.
fn keep_section(program: &mut Executable, name: &[u8], extent: Extent) {
    let name = name.get(..32).unwrap_or(name);
    program.sections.push((name.to_vec(), extent));
}

/// Portable Executable (Microsoft, "PE Format").
fn pe(file: &mut RandomAccess<'_>, head: &[u8]) -> Option<Executable> {
    const WRITE: u32 = 0x8000_0000;
    const INITIALISED: u32 = 0x40;

    let endian = Endian::Little;
    let at = u64::from(endian.u32(head, 0x3c)?);
    let header = file.exact(at, 24).ok()?;
    if !header.starts_with(b"PE\0\0") {
        return None;
    }
    let count = usize::from(endian.u16(&header, 6)?).min(MOST_SECTIONS);
    let optional_size = usize::from(endian.u16(&header, 20)?);
    let optional = file.exact(at + 24, optional_size).ok()?;
    let base = match endian.u16(&optional, 0)? {
        0x10b => u64::from(endian.u32(&optional, 28)?),
        0x20b => endian.u64(&optional, 24)?,
        _ => return None,
    };
    let mut program = Executable::default();
    let table_at = at + 24 + optional_size as u64;
    let table = file.up_to(table_at, count * 40).ok()?;
    for entry in table.chunks_exact(40) {
        let name = entry.get(..8)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let flags = endian.u32(entry, 36)?;
        let virtual_size = u64::from(endian.u32(entry, 8)?);
        let stored = u64::from(endian.u32(entry, 16)?);
        let extent = Extent {
            address: base.checked_add(u64::from(endian.u32(entry, 12)?))?,
            offset: u64::from(endian.u32(entry, 20)?),
            // The stored size is padded to the file's alignment.
            size: if virtual_size == 0 {
                stored
            } else {
                stored.min(virtual_size)
            },
            writable: flags & (WRITE | INITIALISED) == (WRITE | INITIALISED),
        };
        program.segments.push(extent);
        keep_section(&mut program, name, extent);
    }
    Some(program)
}

/// 64-bit little-endian Mach-O (Apple, `mach-o/loader.h`).
fn mach_o(file: &mut RandomAccess<'_>, head: &[u8]) -> Option<Executable> {
    const SEGMENT: u32 = 0x19;
    const WRITE: u32 = 2;
    const LONGEST_COMMANDS: usize = 1024 * 1024;

    let endian = Endian::Little;
    let count = endian.u32(head, 16)?;
    let length = usize::try_from(endian.u32(head, 20)?).ok()?;
    let commands = file.up_to(32, length.min(LONGEST_COMMANDS)).ok()?;
    let mut rest = commands.as_slice();
    let mut program = Executable::default();
    for _ in 0..count {
        let (Some(kind), Some(size)) = (endian.u32(rest, 0), endian.u32(rest, 4)) else {
            break;
        };
        let size = usize::try_from(size).ok()?;
        let Some(command) = rest.get(..size).filter(|_| size >= 8) else {
            break;
        };
        rest = rest.get(size..).unwrap_or_default();
        if kind != SEGMENT {
            continue;
        }
        let writable = endian.u32(command, 60)? & WRITE != 0;
        program.segments.push(Extent {
            address: endian.u64(command, 24)?,
            offset: endian.u64(command, 40)?,
            size: endian.u64(command, 48)?,
            writable,
        });
        for entry in command.get(72..)?.chunks_exact(80) {
            if program.sections.len() >= MOST_SECTIONS {
                break;
            }
            let name = entry.get(..16)?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let extent = Extent {
                address: endian.u64(entry, 32)?,
                size: endian.u64(entry, 40)?,
                offset: u64::from(endian.u32(entry, 48)?),
                writable,
            };
            keep_section(&mut program, name, extent);
        }
    }
    Some(program)
}

#[cfg(test)]
pub(crate) mod fixture {
    //! Builds the smallest programs that hold one named section.

    /// Address at which every built program maps its section.
    pub(crate) const ADDRESS: u64 = 0x40_0000;

    /// A 64-bit little-endian ELF file: header, one writable segment,
    /// the section's bytes, the name table, three section headers.
    pub(crate) fn elf(name: &str, content: &[u8]) -> Vec<u8> {
        let names = format!("\0{name}\0.shstrtab\0");
        let content_at = 128_u64;
        let names_at = content_at + content.len() as u64;
        let table_at = names_at + names.len() as u64;
        let mut out = Vec::new();
        out.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        out.extend([2, 0, 62, 0, 1, 0, 0, 0]);
        out.extend(0_u64.to_le_bytes());
        out.extend(64_u64.to_le_bytes());
        out.extend(table_at.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, 1, 64, 3, 2] {
            out.extend(half.to_le_bytes());
        }
        for word in [1_u32, 6] {
            out.extend(word.to_le_bytes());
        }
        let size = content.len() as u64;
        for wide in [content_at, ADDRESS, ADDRESS, size, size, 16] {
            out.extend(wide.to_le_bytes());
        }
        out.resize(usize::try_from(content_at).unwrap(), 0);
        out.extend(content);
        out.extend(names.as_bytes());
        let headers = [
            (0_u32, 0_u32, 0_u64, 0_u64, 0_u64),
            (1, 1, ADDRESS, content_at, size),
            (
                u32::try_from(name.len()).unwrap() + 2,
                3,
                0,
                names_at,
                names.len() as u64,
            ),
        ];
        for (name, kind, address, offset, size) in headers {
            out.extend(name.to_le_bytes());
            out.extend(kind.to_le_bytes());
            for wide in [0, address, offset, size, 0, 1, 0] {
                out.extend(wide.to_le_bytes());
            }
        }
        out
    }

    /// A 64-bit PE file of one writable section.
    pub(crate) fn pe(name: &str, content: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 0x40];
        out[..2].copy_from_slice(b"MZ");
        out[0x3c] = 0x40;
        out.extend(b"PE\0\0\x64\x86\x01\0");
        out.extend([0; 12]);
        out.extend(112_u16.to_le_bytes());
        out.extend([0; 2]);
        let mut optional = [0; 112];
        optional[..2].copy_from_slice(&0x20b_u16.to_le_bytes());
        optional[24..32].copy_from_slice(&ADDRESS.to_le_bytes());
        out.extend(optional);
        let mut section = [0; 40];
        section[..name.len()].copy_from_slice(name.as_bytes());
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        section[8..12].copy_from_slice(&size);
        section[16..20].copy_from_slice(&size);
        section[20..24].copy_from_slice(&512_u32.to_le_bytes());
        section[36..40].copy_from_slice(&0xc000_0040_u32.to_le_bytes());
        out.extend(section);
        out.resize(512, 0);
        out.extend(content);
        out
    }

    /// A 64-bit Mach-O file of one writable segment with one section.
    pub(crate) fn mach_o(name: &str, content: &[u8]) -> Vec<u8> {
        let mut out = vec![0xcf, 0xfa, 0xed, 0xfe];
        out.resize(32, 0);
        out[16] = 1;
        out[20] = 152;
        let mut command = [0; 152];
        command[0] = 0x19;
        command[4] = 152;
        let size = (content.len() as u64).to_le_bytes();
        command[24..32].copy_from_slice(&ADDRESS.to_le_bytes());
        command[40..48].copy_from_slice(&256_u64.to_le_bytes());
        command[48..56].copy_from_slice(&size);
        command[60] = 3;
        command[72..72 + name.len()].copy_from_slice(name.as_bytes());
        command[104..112].copy_from_slice(&ADDRESS.to_le_bytes());
        command[112..120].copy_from_slice(&size);
        command[120..124].copy_from_slice(&256_u32.to_le_bytes());
        out.extend(command);
        out.resize(256, 0);
        out.extend(content);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::extract::Input;

    fn section(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
        let mut input = Input::memory("a", bytes);
        let mut file = RandomAccess::new(&mut input);
        let program = Executable::read(&mut file)?;
        let section = program.section(name.as_bytes())?;
        let length = usize::try_from(section.size).unwrap_or(usize::MAX);
        program.memory(&mut file, section.address, length);
        file.up_to(section.offset, length).ok()
    }

    #[test]
    fn a_section_is_found_in_each_format() {
        for build in [fixture::elf, fixture::pe, fixture::mach_o] {
            let bytes = build(".x", b"content");
            assert_eq!(section(&bytes, ".x").as_deref(), Some(&b"content"[..]));
            assert_eq!(section(&bytes, ".y"), None);
            let mut input = Input::memory("a", &bytes);
            let mut file = RandomAccess::new(&mut input);
            let program = Executable::read(&mut file).unwrap();
            let memory = program.memory(&mut file, fixture::ADDRESS + 3, 99);
            assert_eq!(memory.as_deref(), Some(&b"tent"[..]));
        }
    }

    #[test]
    fn this_very_test_is_a_program_with_text() {
        let path = std::env::current_exe().unwrap();
        let bytes = std::fs::read(path).unwrap();
        if bytes.starts_with(b"\x7fELF") {
            assert!(section(&bytes, ".text").is_some_and(|text| !text.is_empty()));
        }
    }

    #[test]
    fn only_programs_are_opened() {
        let wants = |path, mode| {
            wants(&FileMeta {
                path,
                size: 9,
                mode,
            })
        };
        let magic = |want: Option<Want>| match want {
            Some(Want::SeekableIf { magic, .. }) => Some(magic),
            _ => None,
        };
        assert_eq!(magic(wants("usr/bin/a", 0o755)), Some(&b"\x7fELF"[..]));
        assert_eq!(magic(wants("app/a.exe", 0o644)), Some(&b"MZ"[..]));
        assert!(magic(wants("x/darwin-arm64/a", 0o755)).is_some());
        assert_eq!(wants("usr/share/a", 0o644), None);
        assert_eq!(wants("lib/modules/6.1/a.ko", 0o755), None);
        assert_eq!(wants("é", 0o644), None);
    }

    proptest! {
        #[test]
        fn any_bytes_at_all_are_survived(
            start in prop::sample::select(vec![
                &b"\x7fELF\x02\x01"[..], b"\x7fELF\x01\x02", b"MZ", b"\xcf\xfa\xed\xfe",
            ]),
            rest: Vec<u8>,
        ) {
            let bytes = [start, &rest].concat();
            section(&bytes, ".x");
        }

        #[test]
        fn a_damaged_program_is_survived(
            build in prop::sample::select(vec![
                fixture::elf as fn(&str, &[u8]) -> Vec<u8>, fixture::pe, fixture::mach_o,
            ]),
            at in 0_usize..700,
            value: u8,
            cut in 0_usize..700,
        ) {
            let mut bytes = build(".x", b"content");
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            section(&bytes, ".x");
            bytes.truncate(cut);
            section(&bytes, ".x");
        }
    }
}
