//! Ctrl-C: the first asks the work to stop, the second does not ask.

use std::{
    io,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    task::Poll,
    thread,
    time::Duration,
};

use model::Cancel;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, Failure};

/// Ctrl-C and a polite `kill`, as they come.
#[derive(Debug)]
pub(crate) struct Signals([Signal; 2]);

impl Signals {
    /// Must be called inside a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ]))
    }

    pub(crate) async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let has_come = |signal: &mut Signal| signal.poll_recv(context).is_ready();
            if self.0.iter_mut().any(has_come) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// A [`Cancel`] that a signal sets.
pub(crate) fn on_signal() -> Result<Cancel, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let cancel = Cancel::default();
    let asked = cancel.clone();
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(|error| Failure::failed(error).context("listen for Ctrl-C"))?
    };
    let listen = move || {
        runtime.block_on(async {
            signals.next().await;
            asked.cancel();
            signals.next().await;
        });
        leave_at_once();
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)
        .map_err(Failure::failed)?;
    Ok(cancel)
}

#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "asked twice: no time to unwind"
)]
pub(crate) fn leave_at_once() {
    std::process::exit(i32::from(Exit::Failed.code()));
}

/// Runs `work` with a [`Cancel`] of its own, which is set when `timeout`
/// is over or when `parent` is set.
pub(crate) fn within<T>(
    timeout: Option<Duration>,
    parent: &Cancel,
    work: impl FnOnce(&Cancel) -> T,
) -> T {
    let Some(timeout) = timeout else {
        return work(parent);
    };
    let cancel = Cancel::default();
    let watched = cancel.clone();
    let (done, is_done) = sync_channel::<()>(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut left = timeout;
            // Dropping `done` ends the wait at once.
            while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(left.min(LOOK)) {
                left = left.saturating_sub(LOOK);
                if left.is_zero() || parent.is_cancelled() {
                    watched.cancel();
                    break;
                }
            }
        });
        let outcome = work(&cancel);
        drop(done);
        outcome
    })
}

/// How often a watcher looks whether somebody else has cancelled.
const LOOK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    /// Works until told to stop.
    fn endless(cancel: &Cancel) -> &'static str {
        while !cancel.is_cancelled() {
            thread::yield_now();
        }
        "stopped"
    }

    #[test]
    fn work_is_stopped_when_its_time_is_over() {
        let parent = Cancel::default();
        let outcome = within(Some(Duration::from_millis(1)), &parent, endless);
        assert_eq!(outcome, "stopped");
        assert!(!parent.is_cancelled());
    }

    #[test]
    fn work_with_time_left_is_still_stopped_by_the_user() {
        let parent = Cancel::default();
        parent.cancel();
        assert_eq!(
            within(Some(Duration::from_hours(1)), &parent, endless),
            "stopped"
        );
        assert_eq!(within(None, &parent, endless), "stopped");
    }

    #[test]
    fn done_work_does_not_wait_for_its_time() {
        let outcome = within(
            Some(Duration::from_hours(1)),
            &Cancel::default(),
            |_| "done",
        );
        assert_eq!(outcome, "done");
    }
}
