//! Gathers `content/advisories` into one text, a record a line, which
//! the program embeds.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/advisories");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            println!("cargo:rerun-if-changed={}", path.display());
            paths.push(path);
        }
    }
    paths.sort();
    let mut gathered = String::new();
    for path in paths {
        // JSON strings hold no line breaks, so what begins a line is
        // indentation.
        let record = fs::read_to_string(&path)?;
        gathered.extend(record.lines().map(str::trim_start));
        gathered.push('\n');
    }
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("starter.ndjson"), gathered)?;
    Ok(())
}
