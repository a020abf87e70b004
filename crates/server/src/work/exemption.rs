//! Exemptions end when their time comes.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{app::App, http::action};

/// Looked at least this often: another server may have made one.
const AT_LEAST: Duration = Duration::from_mins(1);
/// And at most this often.
const AT_MOST: Duration = Duration::from_millis(200);

/// Ends what is due, then waits for the next end.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        let now = app.clock.now();
        match app.store.expire_exemptions(now).await {
            Ok((0, _)) => {}
            Ok((ended, touched)) => {
                tracing::info!(exemptions = ended, "exemptions expired");
                action::publish(&app, touched);
            }
            Err(error) => {
                tracing::warn!(error = %model::error::chain(&error), "cannot end exemptions");
            }
        }
        let next = app.store.next_expiry().await.ok().flatten();
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = app.exemptions.notified() => {}
            () = tokio::time::sleep(wait(next, app.clock.now())) => {}
        }
    }
}

fn wait(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = next.map_or(AT_LEAST, |next| {
        Duration::try_from(next.duration_since(now)).unwrap_or(AT_MOST)
    });
    left.clamp(AT_MOST, AT_LEAST)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn the_next_end_is_waited_for_and_no_longer_than_a_minute() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(wait(None, now), AT_LEAST);
        assert_eq!(wait(Some(now - 5.seconds()), now), AT_MOST);
        assert_eq!(wait(Some(now + 5.seconds()), now), Duration::from_secs(5));
        assert_eq!(wait(Some(now + 5.hours()), now), AT_LEAST);
    }
}
