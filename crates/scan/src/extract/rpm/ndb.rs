//! `Packages.db`, the format SUSE's systems use: pages of slots at the
//! start of the file say where each header's blob lies (rpm,
//! `lib/backend/ndb/rpmpkg.c`).

use super::{ReadDatabaseError, Records};
use crate::extract::random_access::{Endian, RandomAccess};

const MAGIC: &[u8; 4] = b"RpmP";
const SLOT_MAGIC: &[u8; 4] = b"Slot";
const BLOB_MAGIC: &[u8; 4] = b"BlbS";
const PAGE: usize = 4096;
const SLOT: usize = 16;
/// The file's header takes the place of the first two slots.
const HEADER: usize = 32;
/// Blobs start at multiples of this many bytes, with a head as long.
const BLOCK: u64 = 16;

pub(super) fn read(
    file: &mut RandomAccess<'_>,
    records: &mut Records<'_>,
) -> Result<(), ReadDatabaseError> {
    let head = file.exact(0, HEADER)?;
    if !head.starts_with(MAGIC) || Endian::Little.u32(&head, 4) != Some(0) {
        return Err(ReadDatabaseError::Unrecognised("ndb"));
    }
    let slot_pages = Endian::Little.u32(&head, 12).unwrap_or_default();
    for number in 0..u64::from(slot_pages) {
        let page = file.exact(number * PAGE as u64, PAGE)?;
        let skip = if number == 0 { HEADER } else { 0 };
        for slot in page.get(skip..).unwrap_or_default().chunks_exact(SLOT) {
            let field = |at| Endian::Little.u32(slot, at).unwrap_or_default();
            let (package, block) = (field(4), field(8));
            if !slot.starts_with(SLOT_MAGIC) {
                return Err(ReadDatabaseError::Damaged("its slots end too early"));
            }
            if package == 0 {
                continue;
            }
            match blob(file, u64::from(block) * BLOCK, package, records)? {
                Some(blob) => records.hand_over(&blob),
                None => records.skip_damaged(),
            }
        }
    }
    Ok(())
}

/// One blob, after a head that repeats the package's number; `None`
/// where slot and blob disagree.
fn blob(
    file: &mut RandomAccess<'_>,
    at: u64,
    package: u32,
    records: &mut Records<'_>,
) -> Result<Option<Vec<u8>>, ReadDatabaseError> {
    let head = file.up_to(at, 16)?;
    let agrees = head.starts_with(BLOB_MAGIC) && Endian::Little.u32(&head, 4) == Some(package);
    let Some(length) = Endian::Little.u32(&head, 12).filter(|_| agrees) else {
        return Ok(None);
    };
    let length = u64::from(length);
    // A slot whose blob was cut off must not use up the others' share.
    if length > super::LARGEST_HEADER || at + BLOCK + length > file.size() {
        return Ok(None);
    }
    records.afford(length)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Some(file.exact(at + BLOCK, length)?))
}
