//! The one function of the kernel the programs call: `bpf_rdonly_cast`, by
//! which a pointer gets a type.
//!
//! It is called by its number among the kernel's types, which the library
//! that loads the programs knows nothing of. So the programs hold a call of
//! a number nothing has, and it is put in here before they are loaded. Where
//! the kernel has no such function (before 6.2) a move takes its place, which
//! the programs do not get to: they are told so.

use aya::Btf;
use aya_obj::btf::BtfKind;

const FUNCTION: &str = "bpf_rdonly_cast";
/// The call as `bpf/file.h` writes it.
const CALL: [u8; 8] = [0x85, 0x20, 0, 0, 0x5e, 0xea, 0xa5, 0x5e];
/// `r0 = r1`
const MOVE: [u8; 8] = [0xbf, 0x10, 0, 0, 0, 0, 0, 0];

/// The object with its calls filled in, and whether they may be reached.
pub(super) fn fill_in(object: &[u8], types: &Btf) -> (Vec<u8>, bool) {
    let number = types.id_by_type_name_kind(FUNCTION, BtfKind::Func).ok();
    (put(object, number), number.is_some())
}

fn put(object: &[u8], number: Option<u32>) -> Vec<u8> {
    let mut call = MOVE;
    if let Some(number) = number {
        call = CALL;
        let (_, place) = call.split_at_mut(4);
        place.copy_from_slice(&number.to_le_bytes());
    }
    let mut object = object.to_vec();
    // Instructions begin at multiples of their size, in sections that do.
    for instruction in object.chunks_exact_mut(CALL.len()) {
        if *instruction == CALL {
            instruction.copy_from_slice(&call);
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_filled_in_and_nothing_else_is() {
        let odd = [&[0; 4], &CALL[..], &[0; 4]].concat();
        let object = [&[7; 8], &CALL[..], &odd, &CALL, &[1, 2]].concat();
        let called = [0x85, 0x20, 0, 0, 0x78, 0x56, 0x34, 0x12];
        let expected = [&[7; 8], &called[..], &odd, &called, &[1, 2]].concat();
        assert_eq!(put(&object, Some(0x1234_5678)), expected);
        let expected = [&[7; 8], &MOVE[..], &odd, &MOVE, &[1, 2]].concat();
        assert_eq!(put(&object, None), expected);
    }

    #[test]
    fn the_programs_have_such_calls() {
        let calls = super::super::load::OBJECT.chunks_exact(CALL.len());
        assert!(calls.filter(|it| **it == CALL).count() > 0);
    }
}
