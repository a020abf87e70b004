//! `Packages`, the Berkeley DB hash table older systems use: pages of
//! key and value pairs, with values larger than a page kept in chains
//! of overflow pages (Berkeley DB, `dbinc/db_page.h`).

use super::{Pages, ReadDatabaseError, Records};
use crate::extract::random_access::{Endian, RandomAccess};

const HASH_MAGIC: u32 = 0x0006_1561;
const META: usize = 72;
const PAGE_HEADER: usize = 26;

const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
const HASH: u8 = 13;

/// Kinds of items on a hash page.
const INLINE: u8 = 1;
const OFF_PAGE: u8 = 3;

/// A header's shortest form: two counts and one entry.
const SHORTEST_HEADER: usize = 24;

pub(super) fn read(
    file: &mut RandomAccess<'_>,
    records: &mut Records<'_>,
) -> Result<(), ReadDatabaseError> {
    let unrecognised = || ReadDatabaseError::Unrecognised("Berkeley");
    let meta = file.exact(0, META)?;
    // The file is in the byte order of the machine that wrote it.
    let endian = [Endian::Little, Endian::Big]
        .into_iter()
        .find(|endian| endian.u32(&meta, 12) == Some(HASH_MAGIC))
        .ok_or_else(unrecognised)?;
    let page_size = endian.u32(&meta, 20).ok_or_else(unrecognised)?;
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return Err(ReadDatabaseError::Damaged("its page size is impossible"));
    }
    if meta.get(24) != Some(&0) {
        return Err(ReadDatabaseError::Encrypted);
    }
    if meta.get(25) != Some(&HASH_META) {
        return Err(unrecognised());
    }
    let count = file.size() / u64::from(page_size);
    let mut table = Table {
        file,
        endian,
        page_size: page_size as usize,
        pages: Pages::new(count),
    };
    // Buckets only order the pages; every pair is on one of them.
    for number in 1..count {
        table.pairs(number, records)?;
    }
    let last = endian.u32(&meta, 32).ok_or_else(unrecognised)?;
    if u64::from(last) >= count {
        return Err(ReadDatabaseError::Damaged("its end is missing"));
    }
    Ok(())
}

struct Table<'f, 'a> {
    file: &'f mut RandomAccess<'a>,
    endian: Endian,
    page_size: usize,
    /// Overflow pages in use.
    pages: Pages,
}

impl Table<'_, '_> {
    fn page(&mut self, number: u64) -> Result<Vec<u8>, ReadDatabaseError> {
        let offset = number
            .checked_mul(self.page_size as u64)
            .ok_or(ReadDatabaseError::Damaged("a page is beyond the end"))?;
        Ok(self.file.exact(offset, self.page_size)?)
    }

    fn pairs(&mut self, number: u64, records: &mut Records<'_>) -> Result<(), ReadDatabaseError> {
        // The kind comes first: most pages are overflow pages.
        let head = self
            .file
            .exact(number * self.page_size as u64, PAGE_HEADER)?;
        if !matches!(head.get(25), Some(&(HASH | HASH_UNSORTED))) {
            return Ok(());
        }
        let page = self.page(number)?;
        let items = usize::from(self.endian.u16(&head, 20).unwrap_or_default());
        let place = |index: usize| {
            self.endian
                .u16(&page, PAGE_HEADER + index * 2)
                .map(usize::from)
        };
        let places: Vec<usize> = (0..items).map_while(place).collect();
        if places.len() < items {
            records.skip_damaged();
        }
        // Items fill the page from its end: each ends where the one
        // before it starts. Keys have even, values odd places.
        for pair in 0..places.len() / 2 {
            let index = pair * 2 + 1;
            let (Some(end), Some(start)) = (places.get(index - 1), places.get(index)) else {
                break;
            };
            let Some((kind, item)) = page.get(*start..*end).and_then(|item| item.split_first())
            else {
                records.skip_damaged();
                continue;
            };
            match *kind {
                // The highest package number is kept as a pair of its own.
                INLINE if item.len() < SHORTEST_HEADER => {}
                INLINE => {
                    records.afford(item.len() as u64)?;
                    records.hand_over(item);
                }
                OFF_PAGE => match self.chain(item, records)? {
                    Some(blob) => records.hand_over(&blob),
                    None => records.skip_damaged(),
                },
                _ => records.skip_damaged(),
            }
        }
        Ok(())
    }

    /// A value's overflow pages, one after the other; `None` where the
    /// chain is broken.
    fn chain(
        &mut self,
        item: &[u8],
        records: &mut Records<'_>,
    ) -> Result<Option<Vec<u8>>, ReadDatabaseError> {
        let (Some(mut next), Some(length)) = (self.endian.u32(item, 3), self.endian.u32(item, 7))
        else {
            return Ok(None);
        };
        let length = u64::from(length);
        if length > super::LARGEST_HEADER || length > self.file.size() {
            return Ok(None);
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut blob = Vec::new();
        while blob.len() < length {
            if next == 0 || self.pages.take(u64::from(next)).is_err() {
                return Ok(None);
            }
            let page = self.page(u64::from(next))?;
            let stored = usize::from(self.endian.u16(&page, 22).unwrap_or_default());
            let content = page.get(PAGE_HEADER..PAGE_HEADER + stored);
            let Some(content) = content.filter(|_| page.get(25) == Some(&OVERFLOW)) else {
                return Ok(None);
            };
            let left = length - blob.len();
            blob.extend(content.get(..left).unwrap_or(content));
            next = self.endian.u32(&page, 16).unwrap_or_default();
        }
        records.afford(length as u64)?;
        Ok(Some(blob))
    }
}
