//! All analytics, and which event goes to which.
//!
//! Most events go to none: what is asked first is only of what kind they
//! are.

use std::sync::Arc;

use rules::syscall::{Event, Kind, Process};

use super::{
    beacon::Beacon,
    blind::Blind,
    built::Built,
    busy::{Load, Trait},
    credentials,
    domains::Domains,
    drifted, ended,
    fetched::Fetched,
    history::Whose,
    known_bad,
    processes::{Processes, Seen},
    rewrite::Rewrite,
    scan::Scan,
    suspicion::Suspicion,
    tunnel::Tunnel,
};
use crate::{
    context::Lookup,
    drift::{Drift, Origin},
    malware::Malware,
    record::{Record, What},
};

#[derive(Debug, Default)]
pub(super) struct Analytics {
    pub(super) blind: Blind,
    pub(super) load: Load,
    pub(super) domains: Domains,
    beacon: Beacon,
    built: Built,
    fetched: Fetched,
    rewrite: Rewrite,
    scan: Scan,
    tunnel: Tunnel,
}

/// Something that was done, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act<'a> {
    pub(super) event: &'a Event<'a>,
    pub(super) process: &'a Arc<Process>,
    pub(super) record: &'a Record<'a>,
    pub(super) seen: Seen,
}

impl Analytics {
    /// What an event means beside what rules say.
    pub(super) fn see(
        &mut self,
        act: Act<'_>,
        processes: &Processes,
        drift: &mut Drift,
        malware: &mut Option<Malware>,
        find: &mut dyn FnMut(Suspicion),
    ) {
        let Act {
            event,
            process,
            record,
            seen,
        } = act;
        if let Some(before) = seen.before
            && let Some(found) = credentials::see(event, before, self.blind.is_in_doubt(event.time))
        {
            find(found);
        }
        match &record.what {
            What::Exec(exec) => {
                self.load.watch(process);
                let drifted = drift.executed(process, exec);
                if let Some(drifted) = drifted {
                    let is_built = drifted::is_built(process)
                        || self.built.has(process, &drifted.path, &exec.file);
                    if let Some(malware) = malware {
                        let is_script = drifted.origin == Origin::Script;
                        let (path, file) = (&drifted.path, &exec.file);
                        let wanted =
                            known_bad::executed(event, process, path, is_script, file, drift);
                        if let Some(wanted) = wanted {
                            malware.look(wanted);
                        }
                    }
                    if !is_built {
                        self.load.mark(process, Trait::Drifted);
                    }
                    find(drifted::suspect(&drifted, process, is_built));
                }
                if let Some(found) = self.fetched.executed(event, exec) {
                    find(found);
                }
            }
            What::Call(call) => {
                let file = call.file.as_ref();
                match event.kind {
                    Kind::Connect | Kind::Sendto | Kind::Sendmsg | Kind::Accept | Kind::Accept4 => {
                        self.fetched.talked(event);
                        self.load.see(event, process);
                        if let Some(found) = self.scan.see(event) {
                            find(found);
                        }
                        if let Some(found) = self.beacon.see(event) {
                            find(found);
                        }
                    }
                    Kind::Kill | Kind::Tkill | Kind::Tgkill => {
                        let place = if event.kind == Kind::Tgkill { 2 } else { 1 };
                        let signal = call.arguments.get(place).copied().unwrap_or_default();
                        if let Some(found) = ended::see(event, call.target, signal, processes) {
                            find(found);
                        }
                    }
                    Kind::Chmod | Kind::Fchmod | Kind::Fchmodat => {
                        self.fetched.see(event, file);
                        self.built.see(event, file);
                        if let Some(malware) = malware
                            && let Some(wanted) = known_bad::written(event, process, drift)
                        {
                            malware.look(wanted);
                        }
                    }
                    Kind::Rename
                    | Kind::Renameat
                    | Kind::Renameat2
                    | Kind::Unlink
                    | Kind::Unlinkat => {
                        if let Some(found) = self.rewrite.see(event) {
                            find(found);
                        }
                    }
                    _ if event.open.writes || event.open.creates => {
                        self.fetched.see(event, file);
                        self.built.see(event, file);
                        self.load.see(event, process);
                        if let Some(found) = self.rewrite.see(event) {
                            find(found);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// What a name that was looked up means.
    pub(super) fn look_up(
        &mut self,
        whose: Whose,
        lookup: &Lookup<'_>,
        find: &mut dyn FnMut(Suspicion),
    ) {
        if let Some(found) = self.domains.see(whose, lookup) {
            find(found);
        }
        if let Some(process) = lookup.process
            && !lookup.is_answer
            && self.domains.is_pool(lookup.name)
        {
            self.load.mark(process, Trait::Pool);
        }
        if let Some(found) = self.tunnel.see(whose, lookup) {
            find(found);
        }
    }
}
