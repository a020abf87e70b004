//! Compiles the programs in `bpf/` for the kernel's virtual machine.

use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::Command,
};

#[path = "src/kernel/layout.rs"]
#[expect(
    dead_code,
    reason = "only what the programs can check is looked at here"
)]
mod layout;

/// Sizes and places both sides have to agree on: the programs do not
/// compile where they do not.
const AGREED: &[(&str, usize)] = &[
    ("HEAD", layout::HEAD),
    ("TIME_AT", layout::TIME_AT),
    ("FORK_BODY", layout::FORK_BODY),
    ("EXEC_BODY", layout::EXEC_BODY),
    ("EXIT_BODY", layout::EXIT_BODY),
    ("GROUP_BODY", layout::GROUP_BODY),
    ("CALL_BODY", layout::CALL_BODY),
    ("DNS_BODY", layout::DNS_BODY),
    ("VERDICT_BODY", layout::VERDICT_BODY),
    ("SECTION_HEAD", layout::SECTION_HEAD),
    ("FILE_SECTION", layout::FILE_SECTION),
    ("CREDENTIALS_SECTION", layout::CREDENTIALS_SECTION),
    ("SOCKET_SECTION", layout::SOCKET_SECTION),
    ("CALL_RULE", layout::CALL_RULE),
    ("CALLS", layout::CALLS),
    ("SKETCH", layout::SKETCH),
    ("CONTROL", size_of::<layout::Control>()),
    ("COUNTS", size_of::<layout::Counts>()),
    ("VERDICT", layout::VERDICT as usize),
    ("DATA", layout::DATA as usize),
];

/// Older ones know neither what the programs need of types nor the third
/// version of the machine.
const OLDEST_CLANG: u32 = 14;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=bpf");
    println!("cargo::rerun-if-env-changed=CLANG");
    let architecture = match env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => return Err(format!("bpf/arch.h knows no processor called {other}").into()),
    };
    let out = PathBuf::from(env::var("OUT_DIR")?).join("sensor.bpf.o");
    let clang = clang()?;
    println!("cargo::rerun-if-changed=src/kernel/layout.rs");
    let agreed = AGREED
        .iter()
        .map(|(name, number)| format!("-DAGREED_{name}={number}"));
    let output = Command::new(&clang)
        .args([
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror",
        ])
        .arg(format!("-D__TARGET_ARCH_{architecture}"))
        .args(agreed)
        .args(["-c", "bpf/sensor.bpf.c", "-o"])
        .arg(&out)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("bpf/bpf_helpers.h") && said.contains("not found") {
            return Err(
                "the headers of libbpf are missing (on Debian: apt-get install libbpf-dev)".into(),
            );
        }
        return Err(format!("{clang} does not compile the kernel's programs:\n{said}").into());
    }
    strip(&out);
    Ok(())
}

fn clang() -> Result<String, Box<dyn Error>> {
    let asked = env::var("CLANG").ok();
    let names = match &asked {
        Some(name) => vec![name.clone()],
        None => std::iter::once("clang".to_owned())
            .chain(
                (OLDEST_CLANG..=25)
                    .rev()
                    .map(|version| format!("clang-{version}")),
            )
            .collect(),
    };
    let mut found = None;
    for name in names {
        let Ok(output) = Command::new(&name).arg("-dumpversion").output() else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text
            .split('.')
            .next()
            .and_then(|first| first.trim().parse::<u32>().ok());
        match version {
            Some(version) if version >= OLDEST_CLANG => return Ok(name),
            _ => found = Some(text.trim().to_owned()),
        }
    }
    Err(match found {
        Some(version) => format!(
            "clang {OLDEST_CLANG} or newer is needed for the kernel's programs, found {version}; \
             name another by the variable CLANG"
        ),
        None => "clang is missing, which compiles the kernel's programs \
                 (on Debian: apt-get install clang libbpf-dev)"
            .to_owned(),
    }
    .into())
}

/// Debugging information is not needed at run time, the types are. What
/// strips it may be missing: the object is larger then.
fn strip(object: &Path) {
    let Ok(status) = Command::new("llvm-strip").arg("-g").arg(object).status() else {
        return;
    };
    if !status.success() {
        println!(
            "cargo::warning=llvm-strip left {} as it was",
            object.display()
        );
    }
}
