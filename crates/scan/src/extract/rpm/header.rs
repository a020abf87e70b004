//! One package's header as rpm stores it: an index of tagged entries,
//! big-endian, before the data they point into (rpm documentation,
//! "RPM v4 header format").

/// The tags of interest (rpm, `rpmtag.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Tag {
    Name = 1000,
    Version = 1001,
    Release = 1002,
    Epoch = 1003,
    Vendor = 1011,
    License = 1014,
    Arch = 1022,
    SourceRpm = 1044,
    DirIndexes = 1116,
    BaseNames = 1117,
    DirNames = 1118,
    ModularityLabel = 5096,
}

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const TRANSLATED: u32 = 9;

const PREFIX: usize = 8;
const ENTRY: usize = 16;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the package header is damaged")]
pub(super) struct MalformedError;

#[derive(Debug)]
pub(super) struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, MalformedError> {
        let entries = number(blob, 0).ok_or(MalformedError)?;
        let length = number(blob, 4).ok_or(MalformedError)?;
        let index_length = usize::try_from(entries)
            .ok()
            .and_then(|entries| entries.checked_mul(ENTRY))
            .ok_or(MalformedError)?;
        let length = usize::try_from(length).ok().ok_or(MalformedError)?;
        let rest = blob.get(PREFIX..).ok_or(MalformedError)?;
        let (index, data) = rest.split_at_checked(index_length).ok_or(MalformedError)?;
        let data = data.get(..length).ok_or(MalformedError)?;
        if entries == 0 {
            return Err(MalformedError);
        }
        Ok(Self { index, data })
    }

    /// Type, count and data from the tag's offset on.
    fn entry(&self, tag: Tag) -> Option<(u32, usize, &'a [u8])> {
        let entry = self
            .index
            .chunks_exact(ENTRY)
            .find(|entry| number(entry, 0) == Some(tag as u32))?;
        let offset = usize::try_from(number(entry, 8)?).ok()?;
        let count = usize::try_from(number(entry, 12)?).ok()?;
        Some((number(entry, 4)?, count, self.data.get(offset..)?))
    }

    /// A string, or the first of several.
    pub(super) fn string(&self, tag: Tag) -> Option<&'a str> {
        self.strings(tag).next()
    }

    /// Strings lie one behind the other, each ended by a zero byte. One
    /// that is not UTF-8 reads as empty, to keep its place.
    pub(super) fn strings(&self, tag: Tag) -> impl Iterator<Item = &'a str> + use<'a> {
        let (count, mut rest) = match self.entry(tag) {
            Some((STRING, _, data)) => (1, data),
            Some((STRING_ARRAY | TRANSLATED, count, data)) => (count, data),
            _ => (0, &[][..]),
        };
        (0..count).map_while(move |_| {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let (string, after) = rest.split_at(end);
            rest = after.get(1..)?;
            Some(str::from_utf8(string).unwrap_or_default())
        })
    }

    pub(super) fn number(&self, tag: Tag) -> Option<u32> {
        self.numbers(tag).next()
    }

    pub(super) fn numbers(&self, tag: Tag) -> impl Iterator<Item = u32> + use<'a> {
        let (count, data) = match self.entry(tag) {
            Some((INT32, count, data)) => (count, data),
            _ => (0, &[][..]),
        };
        data.chunks_exact(4)
            .take(count)
            .filter_map(|bytes| number(bytes, 0))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
pub(super) mod fixture {
    //! Writes headers.

    use super::Tag;

    #[derive(Debug, Default)]
    pub(crate) struct Builder {
        index: Vec<u8>,
        data: Vec<u8>,
        count: u32,
    }

    impl Builder {
        pub(crate) fn package(name: &str, version: &str, release: &str) -> Self {
            Self::default()
                .strings(Tag::Name, 6, &[name])
                .strings(Tag::Version, 6, &[version])
                .strings(Tag::Release, 6, &[release])
        }

        fn entry(&mut self, tag: Tag, kind: u32, count: usize) {
            let offset = u32::try_from(self.data.len()).unwrap();
            for number in [tag as u32, kind, offset, u32::try_from(count).unwrap()] {
                self.index.extend(number.to_be_bytes());
            }
            self.count += 1;
        }

        pub(crate) fn strings(mut self, tag: Tag, kind: u32, values: &[&str]) -> Self {
            self.entry(tag, kind, values.len());
            for value in values {
                self.data.extend(value.as_bytes());
                self.data.push(0);
            }
            self
        }

        pub(crate) fn numbers(mut self, tag: Tag, values: &[u32]) -> Self {
            self.data.resize(self.data.len().next_multiple_of(4), 0);
            self.entry(tag, 4, values.len());
            for value in values {
                self.data.extend(value.to_be_bytes());
            }
            self
        }

        pub(crate) fn build(&self) -> Vec<u8> {
            let length = u32::try_from(self.data.len()).unwrap();
            [
                &self.count.to_be_bytes()[..],
                &length.to_be_bytes(),
                &self.index,
                &self.data,
            ]
            .concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fixture::Builder, *};

    #[test]
    fn each_type_of_entry_is_read() {
        let blob = Builder::package("bash", "5.1", "2")
            .numbers(Tag::Epoch, &[7])
            .strings(Tag::BaseNames, 8, &["a", "b", "c"])
            .strings(Tag::License, 9, &["MIT", "other"])
            .build();
        let header = Header::parse(&blob).unwrap();
        assert_eq!(header.string(Tag::Name), Some("bash"));
        assert_eq!(header.number(Tag::Epoch), Some(7));
        assert_eq!(header.string(Tag::License), Some("MIT"));
        let names: Vec<_> = header.strings(Tag::BaseNames).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(header.string(Tag::Arch), None);
        assert_eq!(header.number(Tag::Name), None);
    }

    #[test]
    fn lengths_beyond_the_blob_are_refused() {
        assert!(Header::parse(b"").is_err());
        assert!(Header::parse(&[0; 8]).is_err());
        assert!(Header::parse(&[0xff; 64]).is_err());
        let blob = Builder::package("bash", "5.1", "2").build();
        for length in 0..blob.len() {
            assert!(Header::parse(&blob[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_header_is_survived(at in 0_usize..80, value: u8) {
            let mut blob = Builder::package("bash", "5.1", "2")
                .numbers(Tag::DirIndexes, &[0, 1])
                .build();
            blob[at] = value;
            if let Ok(header) = Header::parse(&blob) {
                for tag in [Tag::Name, Tag::Version, Tag::DirIndexes] {
                    prop_assert!(header.strings(tag).count() <= blob.len());
                    prop_assert!(header.numbers(tag).count() <= blob.len());
                }
            }
        }
    }
}
