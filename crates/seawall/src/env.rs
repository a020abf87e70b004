//! The environment, read once at the start and handed down.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// A snapshot of the process's environment; tests make their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Env {
    variables: BTreeMap<OsString, OsString>,
    /// Whether we are root, who keeps state under `/var`.
    pub is_root: bool,
}

impl Env {
    pub(crate) fn of_process() -> Self {
        let is_root = std::fs::metadata("/proc/self")
            .is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
        Self {
            variables: std::env::vars_os().collect(),
            is_root,
        }
    }

    /// A variable's value; an empty one counts as unset.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.variables.get(std::ffi::OsStr::new(name))?;
        let value = value.to_str()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.variables.get(std::ffi::OsStr::new(name))?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }

    /// Every variable that is text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.variables.iter().filter_map(|(name, value)| {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        })
    }

    /// Set to anything but nothing or `0`.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value != "0")
    }

    /// Where state is kept.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir(
            "SEAWALL_DATA_DIR",
            "/var/lib/seawall",
            "XDG_DATA_HOME",
            ".local/share",
        )
    }

    /// Where what can be made again is kept.
    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.dir(
            "SEAWALL_CACHE_DIR",
            "/var/cache/seawall",
            "XDG_CACHE_HOME",
            ".cache",
        )
    }

    /// Where what a person has chosen is kept.
    pub(crate) fn config_dir(&self) -> Option<PathBuf> {
        self.path("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| self.path("HOME").map(|home| home.join(".config")))
            .map(|base| base.join("seawall"))
    }

    fn dir(&self, own: &str, of_root: &str, xdg: &str, in_home: &str) -> PathBuf {
        if let Some(path) = self.path(own) {
            return path;
        }
        if self.is_root {
            return PathBuf::from(of_root);
        }
        // A relative XDG path is to be ignored (XDG Base Directory
        // Specification 0.8).
        self.path(xdg)
            .filter(|path| path.is_absolute())
            .or_else(|| self.path("HOME").map(|home| home.join(in_home)))
            .map_or_else(
                || Path::new(of_root).to_owned(),
                |base| base.join("seawall"),
            )
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        Self {
            variables: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            is_root: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_variable_beats_every_default() {
        let env = Env::of(&[("SEAWALL_DATA_DIR", "/srv/seawall"), ("HOME", "/home/a")]);
        assert_eq!(env.data_dir(), Path::new("/srv/seawall"));
    }

    #[test]
    fn people_keep_state_at_home_and_root_under_var() {
        let env = Env::of(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "relative")]);
        assert_eq!(env.data_dir(), Path::new("/home/a/.local/share/seawall"));
        assert_eq!(env.cache_dir(), Path::new("/home/a/.cache/seawall"));
        let root = Env {
            is_root: true,
            ..env
        };
        assert_eq!(root.data_dir(), Path::new("/var/lib/seawall"));
        assert_eq!(Env::default().cache_dir(), Path::new("/var/cache/seawall"));
    }

    #[test]
    fn an_empty_or_zero_switch_is_off() {
        let env = Env::of(&[("A", ""), ("B", "0"), ("C", "1")]);
        assert_eq!(
            ["A", "B", "C", "D"].map(|name| env.is_set(name)),
            [false, false, true, false]
        );
    }
}
