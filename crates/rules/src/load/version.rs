//! What a file asks of whoever reads it.

use super::{
    item::{Map, place},
    text::{Draft, Place},
};
use crate::yaml::{Node, Value};

/// The engine of Falco whose language this is.
pub const ENGINE: [u32; 3] = [0, 63, 0];

/// `0.57.0`, or `57` for `0.57.0`.
pub(super) fn check_engine(text: &str, at: Place) -> Result<(), Draft> {
    let asked = match text.trim().parse::<u32>() {
        Ok(minor) => Some([0, minor, 0]),
        Err(_) => parse(text.trim()),
    };
    let Some(asked) = asked else {
        return Err(Draft::error(
            "bad-version",
            format!("`{text}` is no engine version"),
            "not a version",
            at,
        )
        .help(Some("write three numbers, as in `0.57.0`")));
    };
    if asked[0] != ENGINE[0] || asked > ENGINE {
        return Err(Draft::error(
            "newer-engine",
            format!(
                "the file asks for engine {}, and this one speaks {}",
                words(asked),
                words(ENGINE)
            ),
            "its rules are read all the same",
            at,
        ));
    }
    Ok(())
}

/// Plugins are Falco's; what they give is built in here. Only the form is
/// checked.
pub(super) fn check_plugins(file: usize, node: &Node) -> Result<(), Draft> {
    let Value::Sequence(parts) = &node.value else {
        return Err(Draft::error(
            "wrong-type",
            format!("`required_plugin_versions` is a list, not {}", node.kind()),
            "not a list",
            place(file, node),
        ));
    };
    for part in parts {
        let map = Map::of(file, part, "a plugin")?;
        let name = map.text("name")?.text;
        let mut entries = vec![map];
        if let Some(node) = entries
            .first()
            .and_then(|map| map.get("alternatives"))
            .filter(|node| !node.is_null())
        {
            let Value::Sequence(parts) = &node.value else {
                return Err(Draft::error(
                    "wrong-type",
                    format!("`alternatives` is a list, not {}", node.kind()),
                    "not a list",
                    place(file, node),
                ));
            };
            for part in parts {
                entries.push(Map::of(file, part, "an alternative")?);
            }
        }
        for map in &entries {
            map.text("name")?;
            let version = map.text("version")?.text;
            if parse(&version).is_none() {
                return Err(Draft::error(
                    "bad-version",
                    format!("`{version}` is no version of plugin `{name}`"),
                    "not a version",
                    map.place(map.get("version").unwrap_or(part)),
                )
                .help(Some("write three numbers, as in `0.4.0`")));
            }
        }
    }
    Ok(())
}

/// `major.minor.patch`, with anything behind `-` or `+`.
fn parse(text: &str) -> Option<[u32; 3]> {
    let core = text.split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    let version = [next()?, next()?, next()?];
    numbers.next().is_none().then_some(version)
}

fn words(version: [u32; 3]) -> String {
    version.map(|number| number.to_string()).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<(), &'static str> {
        let at = Place {
            file: 0,
            region: 0..0,
        };
        check_engine(text, at).map_err(|draft| draft.code)
    }

    #[test]
    fn engine_versions_are_numbers_or_three_of_them() {
        assert_eq!(ask("57"), Ok(()));
        assert_eq!(ask("0.63.0"), Ok(()));
        assert_eq!(ask("0.31.0-rc1"), Ok(()));
        assert_eq!(ask("64"), Err("newer-engine"));
        assert_eq!(ask("1.0.0"), Err("newer-engine"));
        assert_eq!(ask("0.57"), Err("bad-version"));
        assert_eq!(ask("new"), Err("bad-version"));
    }
}
