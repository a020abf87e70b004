//! Files that hold no secret of anybody's, told by their names: reading
//! them would cost time and bring only false alarms.

/// Smaller files hold no secret, larger ones are data.
const SMALLEST: u64 = 12;
pub(crate) const LARGEST: u64 = 1 << 20;

/// Folders of what distributions and languages ship for reading, of
/// names, shapes and sounds.
const FOLDERS: [&str; 47] = [
    "usr/share/doc/",
    "usr/share/doc-base/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/i18n/",
    "usr/share/zoneinfo/",
    "usr/share/icons/",
    "usr/share/fonts/",
    "usr/share/mime/",
    "usr/share/perl/",
    "usr/share/perl5/",
    "usr/share/terminfo/",
    "usr/share/bash-completion/",
    "usr/share/zsh/",
    "usr/share/vim/",
    "usr/share/emacs/",
    "usr/share/ca-certificates/",
    "usr/share/licenses/",
    "usr/share/common-licenses/",
    "usr/share/X11/",
    "usr/share/gtk-doc/",
    "usr/share/help/",
    "usr/share/lintian/",
    "usr/share/misc/",
    "usr/share/nano/",
    "usr/share/readline/",
    "usr/share/tcltk/",
    "usr/share/gcc/",
    "usr/share/gdb/",
    "usr/share/icu/",
    "usr/share/python-wheels/",
    "usr/include/",
    "usr/local/include/",
    "usr/lib/locale/",
    "usr/lib/modules/",
    "usr/lib/firmware/",
    "usr/lib/x86_64-linux-gnu/",
    "usr/lib/aarch64-linux-gnu/",
    "lib/modules/",
    "lib/firmware/",
    "lib/apk/db/",
    "var/lib/dpkg/",
    "var/lib/apt/",
    "var/lib/rpm/",
    "usr/lib/sysimage/",
    "etc/ssl/certs/",
];

/// Folders of what is not ours, wherever they are.
const ANYWHERE: [&str; 10] = [
    "node_modules/",
    "site-packages/",
    "dist-packages/",
    "__pycache__/",
    ".git/objects/",
    "ca-certificates/",
    "go/pkg/mod/",
    ".cargo/registry/",
    ".rustup/",
    "gems/",
];

/// Standard libraries, told by what follows the folder `lib`.
const LIBRARIES: [&str; 5] = ["python2", "python3", "ruby", "perl", "perl5"];

/// Ends of names of what is no text, or is text made of other text.
const ENDS: [&str; 78] = [
    "7z", "a", "afm", "apk", "avi", "bin", "bmp", "br", "bz2", "cab", "ccf", "class", "css", "cat",
    "crt", "cer", "db", "deb", "dic", "dll", "dylib", "eot", "exe", "fa", "gem", "gif", "gmo",
    "gz", "h", "hpp", "ico", "idx", "img", "iso", "jar", "jpeg", "jpg", "ko", "lock", "lz4",
    "lzma", "map", "md5sums", "mo", "mp3", "mp4", "nib", "o", "odt", "otf", "pack", "pak", "pdf",
    "pf2", "png", "po", "pot", "pub", "pyc", "pyo", "rlib", "rpm", "snap", "so", "svg", "tar",
    "tgz", "ttf", "war", "wasm", "wav", "webp", "whl", "woff", "woff2", "xz", "zip", "zst",
];

/// Words in a path that say its values are made up.
const EXAMPLES: [&str; 14] = [
    "test",
    "tests",
    "testdata",
    "fixtures",
    "fixture",
    "__tests__",
    "spec",
    "specs",
    "example",
    "examples",
    "sample",
    "samples",
    "mock",
    "mocks",
];

/// In packages of a language only these are read: whoever published the
/// rest published its secrets too.
const OF_PACKAGES: [&str; 4] = [".npmrc", ".env", ".pypirc", ".netrc"];

/// Whether a file is worth looking into, by name and size.
pub(crate) fn is_worth_reading(path: &str, size: u64) -> bool {
    if !(SMALLEST..=LARGEST).contains(&size)
        || FOLDERS.iter().any(|folder| path.starts_with(folder))
    {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    if name
        .rsplit_once('.')
        .is_some_and(|(stem, end)| !stem.is_empty() && is_one_of(&ENDS, end))
    {
        return false;
    }
    if ANYWHERE
        .iter()
        .any(|folder| super::kind::lies(path, folder))
        || is_library(path)
    {
        return OF_PACKAGES.contains(&name);
    }
    // `libc.so.6` and its kin.
    !name.contains(".so.")
}

fn is_one_of(ends: &[&str], end: &str) -> bool {
    ends.iter().any(|known| known.eq_ignore_ascii_case(end))
}

/// `usr/lib/python3.11/…`, `usr/local/lib/ruby/…`.
fn is_library(path: &str) -> bool {
    let behind = ["usr/lib/", "usr/local/lib/", "lib/", "opt/python/lib/"]
        .iter()
        .find_map(|folder| path.strip_prefix(folder));
    behind.is_some_and(|rest| {
        let folder = rest.split('/').next().unwrap_or_default();
        LIBRARIES
            .iter()
            .any(|library| folder.starts_with(library) && rest.len() > folder.len())
    })
}

/// Whether a file is there to show or to try something.
pub(super) fn is_example(path: &str) -> bool {
    path.split('/').any(|part| {
        let stem = part.split('.').next().unwrap_or(part);
        EXAMPLES.contains(&part)
            || EXAMPLES.contains(&stem)
            || stem.starts_with("test_")
            || stem.ends_with("_test")
            || part
                .rsplit('.')
                .next()
                .is_some_and(|end| matches!(end, "example" | "sample" | "dist" | "template"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_people_are_read_and_those_of_packages_are_not() {
        for path in [
            "app/.env",
            "root/.aws/credentials",
            "etc/shadow",
            "home/me/.ssh/id_rsa",
            "usr/src/app/config.js",
            "srv/app/settings.py",
            "app/node_modules/x/.npmrc",
            "usr/share/nginx/html/config.js",
            "etc/ssl/private/server.key",
        ] {
            assert!(is_worth_reading(path, 1000), "{path}");
        }
        for path in [
            "usr/share/doc/curl/README",
            "usr/lib/python3.11/http/client.py",
            "usr/local/lib/python3.12/ssl.py",
            "app/node_modules/jsonwebtoken/test.js",
            "venv/lib/python3.12/site-packages/certifi/cacert.pem",
            "etc/ssl/certs/ca-certificates.crt",
            "usr/lib/libx.so.1",
            "app/logo.PNG",
            "var/lib/dpkg/status",
        ] {
            assert!(!is_worth_reading(path, 1000), "{path}");
        }
        assert!(!is_worth_reading("app/.env", 4) && !is_worth_reading("app/.env", 2 << 20));
    }

    #[test]
    fn examples_are_told_by_their_folders_and_ends() {
        for path in [
            "app/tests/key.pem",
            "fixtures/a",
            ".env.example",
            "a/settings.sample",
            "app/shop_test.go",
            "app/test_shop.py",
        ] {
            assert!(is_example(path), "{path}");
        }
        for path in [
            "app/.env",
            "attestation/key",
            "app/contest.js",
            "app/greatest_value.py",
            "app/latest/config.yml",
        ] {
            assert!(!is_example(path), "{path}");
        }
    }
}
