//! `rpmdb.sqlite`: the rows of one table out of a `SQLite` file, read by
//! walking its b-tree (`SQLite`, "Database File Format", sections 1.3,
//! 1.5, 1.6 and 2.1).

use super::{Pages, ReadDatabaseError, Records};
use crate::extract::random_access::{Endian, RandomAccess};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

pub(super) fn read(
    file: &mut RandomAccess<'_>,
    records: &mut Records<'_>,
) -> Result<(), ReadDatabaseError> {
    let mut database = Database::open(file)?;
    // Page 1 holds the schema: one row for each table.
    let mut root = None;
    database.rows(1, &mut |columns| {
        let text = |index: usize| columns.get(index).map(|(_, bytes)| *bytes);
        if text(0) == Some(b"table") && text(1) == Some(b"Packages") {
            root = columns.get(3).and_then(|column| integer(column.1));
        }
        Ok(())
    })?;
    let root = root.ok_or(ReadDatabaseError::NoPackages)?;
    // Table Packages: hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL.
    let damaged = database.rows(root, &mut |columns| {
        match columns.get(1) {
            Some((Kind::Blob, blob)) => records.hand_over(blob),
            _ => records.skip_damaged(),
        }
        Ok(())
    })?;
    records.damaged += damaged;
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blob,
    Other,
}

type Column<'a> = (Kind, &'a [u8]);
type Visit<'a> = dyn FnMut(&[Column<'_>]) -> Result<(), ReadDatabaseError> + 'a;

struct Database<'f, 'a> {
    file: &'f mut RandomAccess<'a>,
    page_size: usize,
    /// Bytes of a page in use: some reserve a few at its end.
    usable: usize,
    pages: Pages,
    /// Bytes of rows not yet read. Cells that share bytes would let a
    /// small file cost without end.
    budget: u64,
}

impl<'f, 'a> Database<'f, 'a> {
    fn open(file: &'f mut RandomAccess<'a>) -> Result<Self, ReadDatabaseError> {
        let head = file.exact(0, 100)?;
        if !head.starts_with(MAGIC) {
            return Err(ReadDatabaseError::Unrecognised("SQLite"));
        }
        let unrecognised = || ReadDatabaseError::Unrecognised("SQLite");
        let page_size = match Endian::Big.u16(&head, 16).ok_or_else(unrecognised)? {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err(ReadDatabaseError::Damaged("its page size is impossible")),
        };
        let reserved = head.get(20).copied().unwrap_or_default();
        let usable = page_size - usize::from(reserved);
        if usable < 480 {
            return Err(ReadDatabaseError::Damaged("its page size is impossible"));
        }
        let budget = file.size();
        let pages = Pages::new(budget / page_size as u64);
        Ok(Self {
            file,
            page_size,
            usable,
            pages,
            budget,
        })
    }

    /// Pages are numbered from one.
    fn page(&mut self, number: u64) -> Result<Vec<u8>, ReadDatabaseError> {
        let index = number
            .checked_sub(1)
            .ok_or(ReadDatabaseError::Damaged("a page number is zero"))?;
        self.pages.take(index)?;
        Ok(self
            .file
            .exact(index * self.page_size as u64, self.page_size)?)
    }

    /// Visits every row of the table whose tree starts at `root`; says
    /// how many rows and subtrees were unreadable.
    fn rows(&mut self, root: u64, visit: &mut Visit<'_>) -> Result<usize, ReadDatabaseError> {
        let mut damaged = 0;
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let Ok(page) = self.page(number) else {
                damaged += 1;
                continue;
            };
            // The file's own header comes first on the first page.
            let start = if number == 1 { 100 } else { 0 };
            let (Some(kind), Some(count)) =
                (page.get(start).copied(), Endian::Big.u16(&page, start + 3))
            else {
                damaged += 1;
                continue;
            };
            let pointers = match kind {
                LEAF => start + 8,
                INTERIOR => start + 12,
                _ => {
                    damaged += 1;
                    continue;
                }
            };
            let cells = (0..usize::from(count))
                .map_while(|index| Endian::Big.u16(&page, pointers + index * 2))
                .map(usize::from);
            if kind == INTERIOR {
                let first = waiting.len();
                waiting
                    .extend(cells.filter_map(|cell| Endian::Big.u32(&page, cell).map(u64::from)));
                waiting.extend(Endian::Big.u32(&page, start + 8).map(u64::from));
                // The stack gives back the last one first.
                if let Some(children) = waiting.get_mut(first..) {
                    children.reverse();
                }
            } else {
                for cell in cells {
                    match self.row(&page, cell)? {
                        Some(row) => match columns(&row) {
                            Some(columns) => visit(&columns)?,
                            None => damaged += 1,
                        },
                        None => damaged += 1,
                    }
                }
            }
        }
        Ok(damaged)
    }

    /// One leaf cell's whole payload, from the page and the chain of
    /// overflow pages. `None` where it is damaged.
    fn row(&mut self, page: &[u8], cell: usize) -> Result<Option<Vec<u8>>, ReadDatabaseError> {
        let Some((length, at)) = varint(page, cell) else {
            return Ok(None);
        };
        let Some((_, at)) = varint(page, at) else {
            return Ok(None);
        };
        if length > super::LARGEST_HEADER || length > self.file.size() {
            return Ok(None);
        }
        self.budget = self
            .budget
            .checked_sub(length)
            .ok_or(ReadDatabaseError::Damaged("records overlap"))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let local = self.local(length);
        let Some(stored) = page.get(at..at + local) else {
            return Ok(None);
        };
        let mut payload = stored.to_vec();
        let mut next = if local < length {
            Endian::Big.u32(page, at + local).unwrap_or_default()
        } else {
            0
        };
        while payload.len() < length {
            let overflow = match self.page(u64::from(next)) {
                Ok(overflow) => overflow,
                Err(ReadDatabaseError::Damaged(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            next = Endian::Big.u32(&overflow, 0).unwrap_or_default();
            let wanted = (length - payload.len()).min(self.usable - 4);
            payload.extend(overflow.get(4..4 + wanted).unwrap_or_default());
        }
        Ok(Some(payload))
    }

    /// How much of a payload lies on the leaf itself (section 1.6).
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let wanted = least + (length - least) % (self.usable - 4);
        if wanted <= most { wanted } else { least }
    }
}

/// The columns of one row (section 2.1); at most the first few.
fn columns(row: &[u8]) -> Option<Vec<Column<'_>>> {
    const MOST: usize = 8;
    let (head_length, mut at) = varint(row, 0)?;
    let head_length = usize::try_from(head_length).ok()?;
    let head = row.get(..head_length)?;
    let mut rest = row.get(head_length..)?;
    let mut columns = Vec::new();
    while at < head_length && columns.len() < MOST {
        let (kind, next) = varint(head, at)?;
        at = next;
        let (kind, size) = match kind {
            0 | 8 | 9 => (Kind::Other, 0),
            1..=4 => (Kind::Other, kind),
            5 => (Kind::Other, 6),
            6 | 7 => (Kind::Other, 8),
            10 | 11 => return None,
            kind if kind % 2 == 0 => (Kind::Blob, (kind - 12) / 2),
            kind => (Kind::Other, (kind - 13) / 2),
        };
        let (value, after) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        columns.push((kind, value));
        rest = after;
    }
    Some(columns)
}

/// A positive integer of up to eight bytes.
fn integer(bytes: &[u8]) -> Option<u64> {
    (!bytes.is_empty() && bytes.len() <= 8).then(|| {
        bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    })
}

/// A variable-length integer and where the next byte is: seven bits
/// from each of eight bytes, eight from a ninth.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for index in 0..8 {
        let byte = *bytes.get(at.checked_add(index)?)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + index + 1));
        }
    }
    let byte = *bytes.get(at.checked_add(8)?)?;
    Some((value << 8 | u64::from(byte), at + 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_length_integers_follow_the_format() {
        assert_eq!(varint(&[0x7f], 0), Some((127, 1)));
        assert_eq!(varint(&[0x81, 0x00], 0), Some((128, 2)));
        assert_eq!(varint(&[0xff; 9], 0), Some((u64::MAX, 9)));
        assert_eq!(varint(&[0x80], 0), None);
        assert_eq!(varint(&[], 5), None);
    }

    #[test]
    fn a_row_is_cut_into_columns() {
        let row = [4, 0, 1, 16, 42, b'o', b'k'];
        assert_eq!(
            columns(&row),
            Some(vec![
                (Kind::Other, &[][..]),
                (Kind::Other, &[42][..]),
                (Kind::Blob, &b"ok"[..]),
            ])
        );
        assert_eq!(columns(&[4, 0, 1, 200, 42]), None);
        assert_eq!(columns(&[]), None);
    }
}
