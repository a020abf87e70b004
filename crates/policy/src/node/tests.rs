//! Everything the table must hold, every offender at once.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    NodeFacts, Verdict, attack,
    facts::{NodeFile, Process},
    recommendation::Expected,
};

/// The facts that a case says in short.
fn facts(check: &Check, case: &Case) -> Result<NodeFacts, String> {
    let mut node = NodeFacts {
        name: "one".to_owned(),
        ..NodeFacts::default()
    };
    match &check.test {
        Test::Setting(setting) => {
            if let Some(args) = &case.args {
                node.processes.push(Process {
                    component: setting.of.clone(),
                    arguments: args.clone(),
                });
            }
            match setting.of.as_str() {
                "kubelet" => node.kubelet = case.config.clone(),
                "kube-proxy" => node.proxy = case.config.clone(),
                _ if !case.config.is_null() => return Err("has no configuration".to_owned()),
                _ => {}
            }
        }
        Test::Mode(Mode { role, .. }) | Test::Owner(Owner { role, .. }) => {
            if let Some(file) = &case.file {
                let (mode, owner) = file.split_once(' ').ok_or("mode and owner")?;
                let (owner, group) = owner.split_once(':').ok_or("user and group")?;
                node.files.push(NodeFile {
                    role: *role,
                    path: "/etc/some/file".to_owned(),
                    mode: u32::from_str_radix(mode, 8).map_err(|error| error.to_string())?,
                    owner: owner.to_owned(),
                    group: group.to_owned(),
                });
            }
        }
        Test::Encryption(_) => node.encryption = case.encryption.clone(),
    }
    Ok(node)
}

#[test]
fn every_check_is_whole_and_keeps_its_cases() {
    let mut faults = Vec::new();
    let (mut ids, mut titles) = (HashSet::new(), HashSet::new());
    for name in Files::iter().filter(|name| name.ends_with(".yaml")) {
        let table = match read(&name) {
            Ok(table) => table,
            Err(error) => {
                faults.push(error);
                continue;
            }
        };
        if table
            .references
            .iter()
            .any(|at| !at.starts_with("https://"))
            || table.references.is_empty()
        {
            faults.push(format!("{name}: references over https"));
        }
        for check in &table.checks {
            let mut fault = |text: String| faults.push(format!("{name}: {}: {text}", check.id));
            if !ids.insert(check.id.clone()) {
                fault("its id is there twice".to_owned());
            }
            if !check.id.starts_with("node-") {
                fault("ids begin with 'node-'".to_owned());
            }
            if !titles.insert(check.title.clone()) {
                fault("its title is there twice".to_owned());
            }
            if check.title.ends_with('.') || check.title.len() > 100 {
                fault("a title is at most 100 characters, without a full stop".to_owned());
            }
            for text in [
                &check.why,
                &check.fix,
                &check.description(),
                &check.checked_by(),
            ] {
                if text.trim().len() < 40 {
                    fault(format!("'{text}' says too little"));
                }
            }
            for technique in &check.techniques {
                if !attack::matrix().knows(technique) {
                    fault(format!("{technique} is not in the matrix"));
                }
            }
            if let Test::Setting(setting) = &check.test {
                if !COMPONENTS.contains(&setting.of.as_str()) {
                    fault(format!("'{}' is no component", setting.of));
                }
                if !setting.keys.is_empty() && setting.keys.len() != setting.flags.len() {
                    fault("as many keys as flags, or none".to_owned());
                }
            }
            for expected in [Expected::Affected, Expected::Healthy] {
                if !check.cases.iter().any(|case| case.verdict == expected) {
                    fault(format!("has no case that is {expected:?}"));
                }
            }
            for case in &check.cases {
                let facts = match facts(check, case) {
                    Ok(facts) => facts,
                    Err(error) => {
                        fault(format!("{case:?}: {error}"));
                        continue;
                    }
                };
                let said = match check.judge(&facts) {
                    Verdict::Affected(_) => Expected::Affected,
                    Verdict::Healthy => Expected::Healthy,
                    Verdict::NotApplicable => Expected::NotApplicable,
                };
                if said != case.verdict {
                    fault(format!("{case:?} is judged {said:?}"));
                }
            }
            // Whatever is not there is not judged.
            if check.judge(&NodeFacts::default()) != Verdict::NotApplicable {
                fault("judges a node of which nothing is known".to_owned());
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(ids.len() > 70, "{}", ids.len());
}

fn kubelet(arguments: &[&str], config: Value) -> NodeFacts {
    NodeFacts {
        name: "one".to_owned(),
        processes: vec![Process {
            component: "kubelet".to_owned(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        }],
        kubelet: config,
        ..NodeFacts::default()
    }
}

#[test]
fn a_flag_wins_over_the_file_and_the_last_flag_over_the_first() {
    let check = check("node-kubelet-anonymous-auth").unwrap();
    let open = json!({ "authentication": { "anonymous": { "enabled": true } } });
    assert!(check.judge(&kubelet(&[], open.clone())).is_affected());
    let flags = ["--anonymous-auth=true", "--anonymous-auth", "false"];
    assert_eq!(check.judge(&kubelet(&flags, open)), Verdict::Healthy);
}

#[test]
fn without_a_file_the_flags_defaults_hold_and_an_unread_file_is_not_judged() {
    let check = check("node-kubelet-anonymous-auth").unwrap();
    assert!(check.judge(&kubelet(&[], Value::Null)).is_affected());
    assert_eq!(check.judge(&kubelet(&[], json!({}))), Verdict::Healthy);
    let unread = kubelet(&["--config=/etc/kubelet.yaml"], Value::Null);
    assert_eq!(check.judge(&unread), Verdict::NotApplicable);
}

#[test]
fn a_fault_names_the_value_and_what_mends_it() {
    let node = NodeFacts {
        files: vec![NodeFile {
            role: FileRole::PkiKey,
            path: "/etc/kubernetes/pki/ca.key".to_owned(),
            mode: 0o644,
            owner: "root".to_owned(),
            group: "root".to_owned(),
        }],
        ..NodeFacts::default()
    };
    let Verdict::Affected(fault) = check("node-pki-key-mode").unwrap().judge(&node) else {
        panic!("healthy");
    };
    assert_eq!(
        fault.summary,
        "/etc/kubernetes/pki/ca.key is 644, beyond 600"
    );
    assert_eq!(
        fault.remediation[0].code.as_deref(),
        Some("chmod 600 /etc/kubernetes/pki/ca.key")
    );
    let process = process(std::iter::once("kube-apiserver".to_owned())).unwrap();
    let node = NodeFacts {
        processes: vec![process],
        ..NodeFacts::default()
    };
    let Verdict::Affected(fault) = check("node-apiserver-profiling").unwrap().judge(&node) else {
        panic!("healthy");
    };
    assert_eq!(
        fault.summary,
        "--profiling of kube-apiserver is not set, which means true; it must be false"
    );
}
