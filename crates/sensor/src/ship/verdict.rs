//! What an answer of the server means for what was sent.

use std::time::Duration;

use api::{Problem, sensor::SensorReceipt};

/// What is to be done with a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server has dealt with every item.
    Taken(SensorReceipt),
    /// It is too much at once: send less.
    TooLarge,
    /// Something in the items can never be taken: find out which.
    Poisonous(String),
    /// Try again, no sooner than asked.
    Later {
        why: String,
        asked: Option<Duration>,
    },
    /// Somebody must mend it: try again, slowly.
    Mend(String),
}

/// Reads an answer.
pub(super) fn of(status: u16, retry_after: Option<&str>, body: &[u8]) -> Verdict {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let told = match &problem {
        Some(problem) => problem.detail.clone(),
        None => format!("status {status}"),
    };
    let asked = retry_after
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    match status {
        200 => match serde_json::from_slice(body) {
            Ok(receipt) => Verdict::Taken(receipt),
            Err(error) => Verdict::Mend(format!(
                "what answers is no Seawall server that takes sensors' alerts: {error}"
            )),
        },
        413 => Verdict::TooLarge,
        400 | 422 => {
            let is_of_items = problem.is_some_and(|problem| {
                let mut parts = problem.errors.iter();
                parts.any(|part| part.pointer == "body" || part.pointer.starts_with("/items"))
            });
            if is_of_items {
                Verdict::Poisonous(told)
            } else {
                Verdict::Mend(format!("the server refuses: {told}"))
            }
        }
        401 => Verdict::Mend(format!(
            "the server does not accept the token: {told}; make another with the permission \
             'ingest' and put it into the token file"
        )),
        403 => Verdict::Mend(format!(
            "the token lacks the permission 'ingest' here: {told}"
        )),
        404 => Verdict::Mend(format!(
            "the server knows no such environment, or is older than this sensor: {told}"
        )),
        429 | 500..=599 => Verdict::Later {
            why: format!("the server answers {status}: {told}"),
            asked,
        },
        _ => Verdict::Mend(format!("the server answers {status}: {told}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(pointer: &str) -> Vec<u8> {
        serde_json::to_vec(&serde_json::json!({
            "type": "about:blank", "title": "Bad Request", "status": 400, "instance": "/x",
            "detail": "no", "code": "invalid_request", "request_id": "r",
            "errors": [{"pointer": pointer, "detail": "no"}],
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_in_the_items_is_poisonous() {
        assert!(matches!(
            of(400, None, &problem("body")),
            Verdict::Poisonous(_)
        ));
        assert!(matches!(
            of(400, None, &problem("/items/3/sequence")),
            Verdict::Poisonous(_)
        ));
        // A wrong name of the node must not throw every alert away.
        assert!(matches!(of(400, None, &problem("node")), Verdict::Mend(_)));
        assert!(matches!(of(400, None, b"<html>"), Verdict::Mend(_)));
        assert_eq!(of(413, None, b""), Verdict::TooLarge);
    }

    #[test]
    fn faults_of_the_server_pass_and_those_of_the_set_up_are_mended() {
        let Verdict::Later { asked, .. } = of(503, Some("7"), b"") else {
            panic!("503");
        };
        assert_eq!(asked, Some(Duration::from_secs(7)));
        for status in [401, 403, 404, 302, 200] {
            assert!(
                matches!(of(status, None, b"{}"), Verdict::Mend(_)),
                "{status}"
            );
        }
        let receipt = br#"{"taken":1,"repeated":0,"off":0,"refused":[],"policy":"p"}"#;
        assert!(matches!(of(200, None, receipt), Verdict::Taken(_)));
    }
}
