//! Components of Kubernetes among the processes of a machine.

use policy::{facts::Process, node};

use super::file::Root;

/// Which processes are looked at, by number and command line.
pub type Keep<'a> = &'a dyn Fn(u32, &[String]) -> bool;

/// The longest command line that is read.
const MAX_LINE: u64 = 256 * 1024;
/// Processes of a machine that are looked at.
const MAX_PROCESSES: usize = 200_000;

pub(super) fn all(root: &Root, keep: Keep<'_>, gaps: &mut Vec<String>) -> Vec<Process> {
    let mut numbers: Vec<u32> = root
        .names("/proc", MAX_PROCESSES)
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    if numbers.is_empty() {
        gaps.push(
            "no process is seen: /proc of the node has to be below the root, and its owner has \
             to be asked"
                .to_owned(),
        );
    }
    numbers.sort_unstable();
    let mut found = Vec::new();
    for number in numbers {
        // It may have ended since.
        let Ok(bytes) = root.read(&format!("/proc/{number}/cmdline"), MAX_LINE) else {
            continue;
        };
        let words: Vec<String> = bytes
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        // The last argument is ended by a zero too.
        let words = match words.split_last() {
            Some((last, rest)) if last.is_empty() => rest,
            _ => words.as_slice(),
        };
        if !keep(number, words) {
            continue;
        }
        found.extend(node::process(words.iter().cloned()));
    }
    found
}

/// A flag of the first process of a component, as it was started.
pub(super) fn flag(processes: &[Process], component: &str, name: &str) -> Option<String> {
    let process = processes
        .iter()
        .find(|process| process.component == component)?;
    node::flag(process, name).filter(|value| value.starts_with('/'))
}
