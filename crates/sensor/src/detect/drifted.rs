//! What is said of programs that were not in the image, and of what the
//! kernel's side refused.
//!
//! # What
//! An alert for each program that [`crate::drift`] says is not the image's,
//! with where it came from and what became of it; one for each connection,
//! kernel setting or file that was on a deny list.
//!
//! # Why
//! An image is what was reviewed, scanned and signed. What runs beside it
//! was brought by somebody else.
//!
//! # Limits
//! What is built or installed in a container is told as low: compilers and
//! package managers make programs all day. Libraries that are loaded and
//! files an interpreter is given by its command line are not judged here.
//!
//! # References
//! Kernel: `fs/overlayfs`, "upper" and "lower"; ATT&CK T1610, T1105.

use api::Severity;
use rules::syscall::Process;

use super::{
    suspicion::{Suspicion, Text},
    text,
};
use crate::{
    drift::{Drifted, Ending, Origin},
    record::{Matter, Outcome, Verdict},
};

pub(super) static BINARY: Text = Text {
    id: "K8S.NODE_DriftBinary",
    on_host: "",
    title: "Program that is not in the image ran in a container",
    description: "A program was executed whose file was written after the container began, \
                  replaced one of the image, or has no file at all.",
    severity: Severity::High,
    tactics: &["execution", "defense_evasion"],
    techniques: &["T1105", "T1036"],
    matrix: &["MS-TA9006"],
    why: "Containers run what their image brought. A program that came later was copied or \
          downloaded by whoever can write there: through a hole in the application, a stolen \
          credential, or a shell somebody left open. It was scanned by nobody.",
    fix: "1. See in the trace who wrote and who started it, and from where it came.\n\
          2. Keep the file before the container goes:\n   ```sh\n   \
          docker cp CONTAINER:PATH ./evidence\n   ```\n\
          3. Take the container away from the network, then replace it by a new one of the \
          same image.\n\
          4. Where nothing is ever installed at run time, let the drift policy block.",
    false_positives: "Programs installed or built while a container runs: package managers, \
                      language tools, plug-ins that bring executables. They belong into the \
                      image; until then the drift policy can ignore the image or allow the path.",
    references: &["https://attack.mitre.org/techniques/T1105/"],
};

pub(super) static SCRIPT: Text = Text {
    id: "K8S.NODE_DriftScript",
    on_host: "",
    title: "Script that is not in the image ran in a container",
    description: "A script was executed by its name whose file was written after the container \
                  began; the interpreter is the image's.",
    severity: Severity::Low,
    tactics: &["execution"],
    techniques: &["T1059", "T1105"],
    matrix: &["MS-TA9006"],
    why: "What a dropped program does, a dropped script can do as well, with nothing but what \
          the image has.",
    fix: "1. Look at the script and at who wrote it.\n\
          2. Where it should be there, bring it with the image or a read-only volume.",
    false_positives: "Entry points that write a script and run it, tools installed at start.",
    references: &["https://attack.mitre.org/techniques/T1059/"],
};

pub(super) static VOLUME: Text = Text {
    id: "K8S.NODE_VolumeExecution",
    on_host: "",
    title: "Program on a volume ran in a container",
    description: "A program was executed from a mounted volume or a file system in memory, and \
                  not from the image.",
    severity: Severity::Low,
    tactics: &["execution", "defense_evasion"],
    techniques: &["T1105"],
    matrix: &["MS-TA9006"],
    why: "Volumes outlive containers and are written from elsewhere: what is executed from \
          them is in no image, and what is in memory only leaves nothing behind.",
    fix: "1. See who wrote the file.\n\
          2. Mount volumes that hold data only with `noexec`, or `readOnly`.",
    false_positives: "Agents and init containers that hand over tools by a shared volume.",
    references: &["https://attack.mitre.org/techniques/T1105/"],
};

pub(super) static REFUSED: Text = Text {
    id: "K8S.NODE_DeniedByPolicy",
    on_host: "",
    title: "Container reached for what the policy denies",
    description: "A container connected to the cloud's metadata service, wrote a kernel setting, \
                  or opened a file that the sensor's deny lists name.",
    severity: Severity::High,
    tactics: &["credential_access", "privilege_escalation"],
    techniques: &["T1552.005", "T1611"],
    matrix: &["MS-TA9034"],
    why: "The metadata service hands out credentials of the node to whoever asks; a setting \
          such as `kernel.core_pattern` names a program the kernel runs on the host.",
    fix: "1. See in the trace what asked for it.\n\
          2. Where it has to, give the workload an identity of its own, or except it from the \
          policy.\n\
          3. Where not, treat the container as taken over.",
    false_positives: "Agents and cloud SDKs that ask the metadata service by default.",
    references: &[
        "https://attack.mitre.org/techniques/T1552/005/",
        "https://attack.mitre.org/techniques/T1611/",
    ],
};

pub(super) static TEXTS: [&Text; 4] = [&BINARY, &SCRIPT, &VOLUME, &REFUSED];

/// What makes programs all day.
const BUILDERS: [&[u8]; 40] = [
    b"make",
    b"gmake",
    b"ninja",
    b"cmake",
    b"ctest",
    b"meson",
    b"gcc",
    b"g++",
    b"cc",
    b"c++",
    b"cc1",
    b"ld",
    b"collect2",
    b"clang",
    b"clang++",
    b"rustc",
    b"cargo",
    b"go",
    b"npm",
    b"yarn",
    b"pnpm",
    b"pip",
    b"pip3",
    b"gem",
    b"bundle",
    b"mvn",
    b"gradle",
    b"bazel",
    b"dpkg",
    b"apt",
    b"apt-get",
    b"rpm",
    b"dnf",
    b"yum",
    b"apk",
    b"zypper",
    b"configure",
    b"libtool",
    b"debuild",
    b"dpkg-buildpacka",
];

/// Whether something that builds or installs is above it.
pub(super) fn is_built(process: &Process) -> bool {
    std::iter::successors(Some(process), |it| it.parent.as_deref())
        .take(32)
        .take_while(|it| it.container.is_some())
        .any(|it| {
            // `npm install` calls itself that.
            let name = it.name.split(|byte| *byte == b' ').next();
            name.is_some_and(|name| BUILDERS.contains(&name))
        })
}

pub(super) fn suspect(drifted: &Drifted, process: &Process, is_built: bool) -> Suspicion {
    let path = text::bytes(&drifted.path, 300);
    let text = match drifted.origin {
        Origin::Script => &SCRIPT,
        Origin::Tmpfs | Origin::Volume => &VOLUME,
        _ => &BINARY,
    };
    let parent = process.parent.as_ref();
    let by = parent.map_or_else(String::new, |parent| {
        format!(" by {}", text::bytes(&parent.name, 64))
    });
    let origin = drifted.origin.as_str();
    let ending = drifted.ending.as_str();
    let mut suspicion = Suspicion::new(
        text,
        format!("{path}, {origin}, was executed{by}: {ending}"),
    )
    .field("drift.path", &path)
    .field("drift.origin", origin)
    .field("drift.outcome", outcome(drifted.ending))
    .field("drift.rule", drifted.rule.as_deref().unwrap_or_default());
    if is_built && drifted.ending == Ending::Ran && drifted.origin != Origin::Memory {
        suspicion.severity = Some(Severity::Low);
        suspicion = suspicion.field("drift.built", "true");
    }
    suspicion
}

fn outcome(ending: Ending) -> &'static str {
    match ending {
        Ending::Ran => "detected",
        Ending::Told(Outcome::WouldStop) => "would have been blocked",
        Ending::Told(Outcome::Refused) => "blocked",
        Ending::Told(Outcome::Killed) => "killed",
        Ending::Escaped => "escaped",
    }
}

/// What was refused that is no program.
pub(super) fn refused(verdict: &Verdict<'_>) -> Suspicion {
    let what = match verdict.matter {
        Matter::Connect => match verdict.address {
            Some((address, port)) => format!("A connection to {address}, port {port},"),
            None => "A connection".to_owned(),
        },
        Matter::Sysctl => format!("Writing the setting {}", text::bytes(verdict.path, 300)),
        Matter::File | Matter::Drift => {
            format!("Opening {}", text::bytes(verdict.path, 300))
        }
    };
    let ending = match verdict.outcome {
        Outcome::WouldStop => "would have been refused",
        Outcome::Refused => "was refused",
        Outcome::Killed => "was tried; the process was ended",
    };
    let ended = outcome(Ending::Told(verdict.outcome));
    Suspicion::new(&REFUSED, format!("{what} {ending}"))
        .field("deny.outcome", ended)
        .field("deny.path", text::bytes(verdict.path, 300))
}
