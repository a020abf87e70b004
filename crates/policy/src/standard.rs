//! Standards: which controls recommendations serve.
//!
//! One file each in `content/standards`. It lists only controls that
//! some recommendation speaks of, with titles in our own words; it
//! contains no check.

use std::sync::LazyLock;

use rust_embed::RustEmbed;
use serde::Deserialize;

/// One standard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// The file's name: `CIS-DOCKER-1.6`.
    pub id: String,
    pub name: String,
    pub source: String,
    pub controls: Vec<Control>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    pub id: String,
    pub title: String,
}

#[derive(RustEmbed)]
#[folder = "../../content/standards"]
struct Files;

/// Every standard, by id.
pub fn standards() -> &'static [Standard] {
    static ALL: LazyLock<Vec<Standard>> = LazyLock::new(|| {
        let mut all: Vec<Standard> = Files::iter()
            .filter(|name| name.ends_with(".yaml"))
            .map(|name| {
                read(&name).expect("invariant: a test reads every standard before a release")
            })
            .collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    });
    &ALL
}

/// The standard and control that `text` names, as recommendations write
/// it: `CIS-DOCKER-1.6 5.5`.
pub fn control(text: &str) -> Option<(&'static Standard, &'static Control)> {
    let (standard, control) = text.split_once(' ')?;
    let standard = standards().iter().find(|known| known.id == standard)?;
    let control = standard.controls.iter().find(|known| known.id == control)?;
    Some((standard, control))
}

fn read(name: &str) -> Result<Standard, String> {
    let file = Files::get(name).ok_or_else(|| format!("{name}: gone"))?;
    serde_norway::from_slice(&file.data).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommendations;

    #[test]
    fn every_standard_is_whole_and_lists_no_control_that_nothing_serves() {
        let served: std::collections::HashSet<&str> = recommendations()
            .iter()
            .flat_map(|rule| rule.controls.iter().map(String::as_str))
            .collect();
        let mut faults = Vec::new();
        for name in Files::iter().filter(|name| name.ends_with(".yaml")) {
            let standard = match read(&name) {
                Ok(standard) => standard,
                Err(error) => {
                    faults.push(error);
                    continue;
                }
            };
            if Some(standard.id.as_str()) != name.strip_suffix(".yaml") {
                faults.push(format!("{name}: its id is '{}'", standard.id));
            }
            if standard.id.contains(' ') || !standard.source.starts_with("https://") {
                faults.push(format!("{name}: id without spaces, source over https"));
            }
            for control in &standard.controls {
                let full = format!("{} {}", standard.id, control.id);
                if !served.contains(full.as_str()) {
                    faults.push(format!("{full}: no recommendation serves it"));
                }
                if control.title.is_empty() {
                    faults.push(format!("{full}: no title"));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
