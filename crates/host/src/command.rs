//! The daemon's options, from its file and its command line, without a
//! shell (`dockerd --help`; the file is named like the flags).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Flags that may be given many times, and what the file calls them.
const LISTS: [(&str, &str); 9] = [
    ("host", "hosts"),
    ("H", "hosts"),
    ("storage-opt", "storage-opts"),
    ("exec-opt", "exec-opts"),
    ("insecure-registry", "insecure-registries"),
    ("registry-mirror", "registry-mirrors"),
    ("authorization-plugin", "authorization-plugins"),
    ("default-ulimit", "default-ulimits"),
    ("label", "labels"),
];
/// Flags of one letter.
const SHORT: [(&str, &str); 5] = [
    ("D", "debug"),
    ("l", "log-level"),
    ("b", "bridge"),
    ("G", "group"),
    ("s", "storage-driver"),
];
/// Flags that take no value unless it is written with `=`.
const SWITCHES: [&str; 16] = [
    "debug",
    "experimental",
    "icc",
    "init",
    "ip-forward",
    "ip-masq",
    "ip6tables",
    "iptables",
    "ipv6",
    "live-restore",
    "no-new-privileges",
    "raw-logs",
    "selinux-enabled",
    "tls",
    "tlsverify",
    "userland-proxy",
];
/// Options of one daemon.
const MOST: usize = 300;

/// The daemon's options: those of its file, and those of its command
/// line, which is the daemon's name and what it was given.
pub(crate) fn options(file: Option<&Value>, line: &[String]) -> BTreeMap<String, Value> {
    let mut options: BTreeMap<String, Value> = file
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .take(MOST)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut words = line.iter().skip(1).peekable();
    let mut count = 0;
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            continue;
        };
        count += 1;
        if count > MOST {
            break;
        }
        let (name, given) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag, None),
        };
        let name = SHORT
            .iter()
            .find(|(short, _)| *short == name)
            .map_or(name, |(_, long)| long);
        let value = match given {
            Some(value) => value.to_owned(),
            None if SWITCHES.contains(&name) => "true".to_owned(),
            None => match words.next_if(|next| !next.starts_with('-')) {
                Some(value) => value.clone(),
                None => "true".to_owned(),
            },
        };
        put(&mut options, name, value);
    }
    options
}

fn put(options: &mut BTreeMap<String, Value>, name: &str, value: String) {
    if let Some((_, list)) = LISTS.iter().find(|(flag, _)| *flag == name) {
        let known = options
            .entry((*list).to_owned())
            .or_insert_with(|| Value::Array(Vec::new()));
        match known {
            Value::Array(values) => values.push(Value::String(value)),
            other => *other = Value::Array(vec![Value::String(value)]),
        }
        return;
    }
    if name == "log-opt" {
        let known = options
            .entry("log-opts".to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
        if let (Value::Object(map), Some((key, value))) = (known, value.split_once('=')) {
            map.insert(key.to_owned(), Value::String(value.to_owned()));
        }
        return;
    }
    let value = match value.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::String(value),
    };
    options.insert(name.to_owned(), value);
}

/// Network addresses that the options make the daemon listen on: those
/// without TLS, and those where it verifies no client.
pub(crate) fn open(options: &BTreeMap<String, Value>) -> (Vec<String>, Vec<String>) {
    let is_on = |name: &str| options.get(name).and_then(Value::as_bool) == Some(true);
    let addresses = options
        .get("hosts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|address| address.starts_with("tcp://"))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let is_off = |name: &str| options.get(name).and_then(Value::as_bool) == Some(false);
    if is_on("tlsverify") {
        (Vec::new(), Vec::new())
    } else if is_on("tls") || is_off("tlsverify") {
        // Whether TLS alone verifies clients changed between versions of
        // the daemon: only a plain "no" is one.
        let unverified = if is_off("tlsverify") {
            addresses
        } else {
            Vec::new()
        };
        (Vec::new(), unverified)
    } else {
        (addresses, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a test says it in place")]
    fn of(line: &str, file: Value) -> BTreeMap<String, Value> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        options(Some(&file), &words)
    }

    #[test]
    fn file_and_command_line_are_one() {
        let options = of(
            "/usr/bin/dockerd -H fd:// --host tcp://0.0.0.0:2375 --icc=false --live-restore \
             --log-level debug --log-opt max-size=10m -D --storage-opt dm.basesize=20G \
             --containerd=/run/x.sock stray",
            json!({"iptables": false, "userns-remap": "default", "log-level": "info"}),
        );
        assert_eq!(options["hosts"], json!(["fd://", "tcp://0.0.0.0:2375"]));
        assert_eq!(options["icc"], json!(false));
        assert_eq!(options["live-restore"], json!(true));
        assert_eq!(options["log-level"], json!("debug"));
        assert_eq!(options["log-opts"], json!({"max-size": "10m"}));
        assert_eq!(options["debug"], json!(true));
        assert_eq!(options["iptables"], json!(false));
        assert_eq!(options["storage-opts"], json!(["dm.basesize=20G"]));
        assert_eq!(
            open(&options),
            (vec!["tcp://0.0.0.0:2375".to_owned()], vec![])
        );
    }

    #[test]
    fn an_address_with_verified_clients_is_not_open() {
        let with = |more: &str| open(&of(&format!("dockerd -H tcp://a:1 {more}"), json!({})));
        assert_eq!(with("--tlsverify"), (vec![], vec![]));
        assert_eq!(with("--tls"), (vec![], vec![]));
        assert_eq!(with("--tls --tlsverify=false").1, ["tcp://a:1"]);
        assert_eq!(open(&of("dockerd", json!([1]))), (vec![], vec![]));
    }
}
