//! What is done about programs that are not in the image: the gate's
//! verdicts told, and the ending of what no gate could stop.

use super::{Action, Fallback, gate::Answered, proc::Seen, tell_groups};
use crate::{
    kernel::Judgement,
    record::{Cgroup, File, Matter, Outcome, Record, Verdict, What},
};

impl Fallback {
    /// Drift in the container of this control group; `None` ends it.
    pub(in crate::kernel) fn set_drift(&mut self, cgroup: Cgroup, action: Option<Action>) {
        match action {
            Some(action) => self.drift.insert(cgroup, action),
            None => self.drift.remove(&cgroup),
        };
        if let Some(gate) = &self.gate {
            gate.set(cgroup, action);
        }
        if action.is_none() {
            return;
        }
        let there = self
            .tasks
            .values()
            .filter(|known| !known.has_ended && known.task.cgroup == cgroup)
            .map(|known| known.task.pid)
            .next();
        if let Some(pid) = there {
            self.meet(cgroup, pid);
        }
    }

    pub(super) fn meet(&self, cgroup: Cgroup, pid: u32) {
        if let Some(gate) = &self.gate
            && let Err(error) = gate.meet(cgroup, pid)
        {
            tracing::warn!(%error, pid, "drift is not stopped in the container of this process");
        }
    }

    pub(in crate::kernel) fn judge(&self, file: &File, judgement: Judgement) {
        if let Some(gate) = &self.gate {
            gate.judge(file, judgement);
        }
    }

    pub(super) fn take_verdicts(&mut self, take: &mut dyn FnMut(&Record<'_>)) {
        let Some(gate) = &self.gate else { return };
        gate.read_news();
        let mut sent = 0;
        while let Some(answered) = gate.take() {
            let Answered {
                who,
                path,
                file,
                outcome,
            } = answered;
            tell_groups(&who, take);
            take(&Record {
                task: who.task,
                what: What::Verdict(Verdict {
                    matter: Matter::Drift,
                    outcome,
                    path: &path,
                    file,
                    address: None,
                }),
            });
            sent += 1;
        }
        self.verdict.dropped = gate.dropped();
        self.verdict.sent += sent;
        self.verdict.seen = self.verdict.sent + self.verdict.dropped;
    }

    /// Without a gate, a program that is not in the image is ended as soon
    /// as it is known to run.
    pub(super) fn end_drifted(&mut self, seen: &Seen, take: &mut dyn FnMut(&Record<'_>)) {
        use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
        if self.gate.is_some() || !(seen.file.is_upper || seen.file.is_memfd) {
            return;
        }
        let cgroup = seen.task.cgroup;
        let order = self
            .drift
            .iter()
            .find(|(place, _)| self.processes.is_within(cgroup, **place));
        let Some((_, action)) = order else {
            return;
        };
        let outcome = match action {
            Action::Try => Outcome::WouldStop,
            Action::Stop => {
                let ended = Pid::from_raw(seen.task.pid.cast_signed())
                    .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
                    // The number may be somebody else's by now.
                    .filter(|_| {
                        self.processes
                            .glance(seen.task.pid)
                            .is_some_and(|(started, _)| started == seen.task.started)
                    })
                    .is_some_and(|pid| pidfd_send_signal(pid, Signal::KILL).is_ok());
                if !ended {
                    return;
                }
                Outcome::Killed
            }
        };
        take(&Record {
            task: seen.task,
            what: What::Verdict(Verdict {
                matter: Matter::Drift,
                outcome,
                path: &seen.path,
                file: seen.file,
                address: None,
            }),
        });
        self.verdict.seen += 1;
        self.verdict.sent += 1;
    }
}
