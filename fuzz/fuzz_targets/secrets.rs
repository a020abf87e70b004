//! Whatever a file holds, secrets are looked for in it. The first byte
//! says what it is called: `a` is the first in the list.

#![no_main]

use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 8] = [
    "app/.env",
    "etc/shadow",
    "root/.pgpass",
    "root/.docker/config.json",
    "root/.netrc",
    "app/.npmrc",
    "app/key.pem",
    "root/.kube/config",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, content)) = bytes.split_first() else {
        return;
    };
    let index = usize::from(first.wrapping_sub(b'a')) % PATHS.len();
    scan::fuzzing::secrets(PATHS[index], content);
});
