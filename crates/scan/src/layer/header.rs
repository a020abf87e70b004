//! The fields of a tar header block and of pax records
//! (POSIX.1-2017, pax, "ustar Interchange Format").

use super::tar::BLOCK;

pub(super) fn field(block: &[u8], start: usize, length: usize) -> &[u8] {
    block.get(start..start + length).unwrap_or_default()
}

/// Up to the first zero byte.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The name as the header has it, prefix included.
pub(super) fn header_path(block: &[u8], path: &mut Vec<u8>) {
    let is_ustar = field(block, 257, 6) == b"ustar\0";
    let prefix = text(field(block, 345, 155));
    // GNU headers ("ustar  ") keep other things in that field.
    if is_ustar && !prefix.is_empty() {
        path.extend_from_slice(prefix);
        path.push(b'/');
    }
    path.extend_from_slice(text(field(block, 0, 100)));
}

pub(super) fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

/// Whether a block is a header: its checksum, over unsigned bytes or, as
/// ancient tars had it, signed ones.
pub(super) fn checksum_holds(block: &[u8; BLOCK]) -> bool {
    let Some(claimed) = number(field(block, 148, 8)) else {
        return false;
    };
    let mut unsigned = 0_u64;
    let mut signed = 0_i64;
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) {
            b' '
        } else {
            *byte
        };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    claimed == unsigned || i64::try_from(claimed) == Ok(signed)
}

/// An octal field, or GNU's base-256 form for what octal cannot hold.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        // A set second bit is a negative number: no size or mode.
        let mut value = u64::from(field[0] & 0x7f);
        if value & 0x40 != 0 {
            return None;
        }
        for byte in &field[1..] {
            value = value.checked_mul(256)? | u64::from(*byte);
        }
        return Some(value);
    }
    let mut value = 0_u64;
    for byte in text(field).trim_ascii() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value = value.checked_mul(8)? | u64::from(digit);
    }
    Some(value)
}

pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Takes one `length key=value\n` record off a pax header.
pub(super) fn pax_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}
