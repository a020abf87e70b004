//! A program that only waits, made byte by byte: what a container of
//! the tests runs.

use crate::{Image, Layer, skipped};

/// Where [`image`] has the program, which is its entry point too.
pub const PATH: &str = "/init";

const LOAD_ADDRESS: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// An image with little more in it than the program; `None` (after saying
/// so) where this machine's processor is another.
pub fn image(tag: &str) -> Option<Image> {
    if !cfg!(target_arch = "x86_64") {
        skipped("the waiting program is for x86-64");
        return None;
    }
    // Whom the configuration of every image here names.
    let layer = Layer::new()
        .file("etc/passwd", "app:x:1000:1000::/:/init\n")
        .file("etc/group", "app:x:1000:\n")
        .executable("init", program());
    Some(
        Image::new()
            .tag(tag)
            .layer("COPY init /init # buildkit", layer),
    )
}

fn program() -> Vec<u8> {
    // mov eax, 34 (pause); syscall; jmp back to the first.
    elf(&[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7])
}

/// A program that ends at once and well, whatever it is called.
pub fn ending() -> Vec<u8> {
    // xor edi, edi; mov eax, 60 (exit); syscall.
    elf(&[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05])
}

/// An ELF executable of one segment.
fn elf(code: &[u8]) -> Vec<u8> {
    let length = HEADERS + code.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    let mut put = |bytes: &[u8]| elf.extend_from_slice(bytes);
    // Executable, x86-64, version 1.
    put(&[2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no sections, no flags.
    put(&(LOAD_ADDRESS + HEADERS).to_le_bytes());
    put(&64_u64.to_le_bytes());
    put(&[0; 12]);
    // Sizes and counts: this header, one program header.
    put(&[64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // Load, readable and executable, all of the file.
    put(&[1, 0, 0, 0, 5, 0, 0, 0]);
    put(&0_u64.to_le_bytes());
    put(&LOAD_ADDRESS.to_le_bytes());
    put(&LOAD_ADDRESS.to_le_bytes());
    put(&length.to_le_bytes());
    put(&length.to_le_bytes());
    put(&0x1000_u64.to_le_bytes());
    put(code);
    elf
}
