//! Lock files and lists of installed packages of every language. The
//! first byte says which: `a` is the first in the list.

#![no_main]

use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 20] = [
    "app/package-lock.json",
    "app/node_modules/debug/package.json",
    "app/yarn.lock",
    "app/pnpm-lock.yaml",
    "lib/site-packages/a-1.0.dist-info/METADATA",
    "app/requirements.txt",
    "app/poetry.lock",
    "app/uv.lock",
    "app/Pipfile.lock",
    "app/go.mod",
    "app/Cargo.lock",
    "app/Gemfile.lock",
    "lib/specifications/a-1.0.gemspec",
    "app/composer.lock",
    "app/vendor/composer/installed.json",
    "app/a.deps.json",
    "app/packages.lock.json",
    "app/packages.config",
    "app/npm-shrinkwrap.json",
    "lib/dist-packages/a.egg-info/PKG-INFO",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, content)) = bytes.split_first() else {
        return;
    };
    let index = usize::from(first.wrapping_sub(b'a')) % PATHS.len();
    scan::fuzzing::extract(PATHS[index], content);
});
