//! The rules of a node: those we ship, and a user's own behind them.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rules::{Loader, content, diagnostic::Level, engine::Engine, field::Source};

/// The longest rule file.
const MAX_FILE: u64 = 4 << 20;
/// Files of one folder.
const MAX_FILES: usize = 1_000;

/// Rules, compiled, and what their author should mend.
#[derive(Debug)]
pub struct Loaded {
    pub engine: Arc<Engine>,
    /// Ids that are off although their rule is at work, as it has another.
    pub off: Vec<String>,
    /// One line each; the rest of the rules is at work all the same.
    pub complaints: Vec<String>,
}

/// Compiles our rules for system calls, then those of `paths`: files, or
/// folders whose `.yaml` and `.yml` files are read by name. What is
/// switched `off` is left out, what is switched `on` is in although it is
/// off by itself. A rule has another id for what happens on the host: it is
/// left out where both are off.
pub fn load(paths: &[PathBuf], off: &[String], on: &[String]) -> Loaded {
    let mut complaints = Vec::new();
    let mut loader = content::loader();
    for path in paths {
        for file in files(path, &mut complaints) {
            loader = read(loader, &file, &mut complaints);
        }
    }
    let (mut ruleset, diagnostics) = loader.finish();
    for fault in diagnostics {
        // What is only odd is for `seawall rules check`.
        if fault.level == Level::Error {
            complaints.push(format!("{}:{}: {}", fault.file, fault.line, fault.message));
        }
    }
    ruleset.rules.retain(|rule| rule.source == Source::Syscall);
    let mut ids_off = Vec::new();
    for rule in &mut ruleset.rules {
        let by_default = rule.is_enabled;
        let is_on = |id: &str| {
            let names = |list: &[String]| list.iter().any(|it| it == id);
            !names(off) && (by_default || names(on))
        };
        let is_enabled = rule.ids().any(is_on);
        rule.is_enabled = is_enabled;
        ids_off.extend(rule.ids().filter(|id| !is_on(id)).map(str::to_owned));
    }
    let (engine, warnings) = Engine::compile(&ruleset);
    for warning in warnings {
        complaints.push(model::error::chain(&warning));
    }
    Loaded {
        engine: Arc::new(engine),
        off: ids_off,
        complaints,
    }
}

fn files(path: &Path, complaints: &mut Vec<String>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            complaints.push(format!(
                "failed to read the folder {}: {error}",
                path.display()
            ));
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            let extension = file.extension().and_then(|it| it.to_str());
            matches!(extension, Some("yaml" | "yml")) && file.is_file()
        })
        .collect();
    files.sort();
    if files.len() > MAX_FILES {
        complaints.push(format!(
            "{} has {} rule files; the first {MAX_FILES} are read",
            path.display(),
            files.len()
        ));
        files.truncate(MAX_FILES);
    }
    files
}

fn read(loader: Loader, file: &Path, complaints: &mut Vec<String>) -> Loader {
    let mut text = String::new();
    let told =
        fs::File::open(file).and_then(|opened| opened.take(MAX_FILE + 1).read_to_string(&mut text));
    match told {
        Ok(length) if length as u64 > MAX_FILE => {
            complaints.push(format!(
                "{} is longer than {MAX_FILE} bytes and was not read",
                file.display()
            ));
            loader
        }
        Ok(_) => loader.file(&file.display().to_string(), &text),
        Err(error) => {
            complaints.push(format!("failed to read {}: {error}", file.display()));
            loader
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "
- rule: Own
  desc: d
  condition: evt.type = connect
  output: connected
  priority: WARNING
  seawall: { id: own }
";

    #[test]
    fn own_files_come_behind_ours_and_bad_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.yaml"), RULE).unwrap();
        fs::write(folder.path().join("a.yaml"), "- rule: [").unwrap();
        fs::write(folder.path().join("c.txt"), "not read").unwrap();
        let missing = folder.path().join("missing.yaml");
        let paths = [folder.path().to_owned(), missing.clone()];
        let loaded = load(&paths, &[], &[]);
        let ids: Vec<_> = loaded.engine.rules().iter().map(|it| &*it.id).collect();
        assert!(ids.contains(&"own"), "{ids:?}");
        let is_named = |name: &str| loaded.complaints.iter().any(|it| it.contains(name));
        assert!(is_named("a.yaml") && is_named("missing.yaml"));
        assert!(
            loaded
                .engine
                .rules()
                .iter()
                .all(|rule| rule.source == Source::Syscall)
        );
        let without = load(&paths, &["own".to_owned()], &[]);
        assert!(without.engine.rules().iter().all(|rule| rule.id != "own"));
    }

    #[test]
    fn a_rule_is_in_while_one_of_its_ids_is_on() {
        let folder = tempfile::tempdir().unwrap();
        let rule = RULE.replace(
            "seawall: { id: own }",
            "enabled: false\n  seawall: { id: own, on_host: own-host }",
        );
        fs::write(folder.path().join("a.yaml"), rule).unwrap();
        let paths = [folder.path().to_owned()];
        let of = |off: &[&str], on: &[&str]| {
            let owned = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
            let loaded = load(&paths, &owned(off), &owned(on));
            let mut off = loaded.off;
            off.retain(|id| id.starts_with("own"));
            let is_in = loaded.engine.rules().iter().any(|rule| rule.id == "own");
            (is_in, off.join(" "))
        };
        assert_eq!(of(&[], &[]), (false, "own own-host".to_owned()));
        assert_eq!(of(&[], &["own", "own-host"]), (true, String::new()));
        assert_eq!(of(&[], &["own-host"]), (true, "own".to_owned()));
        assert_eq!(
            of(&["own-host"], &["own", "own-host"]),
            (true, "own-host".to_owned())
        );
    }
}
