//! What a server that says no is told to have said.

use api::{Problem, client::ClientError, problem::ProblemPart};
use fetch::FetchError;

use crate::exit::{Exit, Failure};

/// The failure a command ends with. `query`: the text that was sent as
/// `q`, to point into.
pub(in crate::cmd) fn failure(
    query: Option<&str>,
) -> impl FnOnce(ClientError<FetchError>) -> Failure {
    move |error| match error {
        ClientError::Transport(error) => {
            let is_trust = matches!(error, FetchError::Tls { .. });
            let failure = Failure::failed(error);
            if is_trust {
                failure.help(
                    "a server that signed its own certificate: seawall login URL --fingerprint \
                     SHA256, as it prints it when it starts",
                )
            } else {
                failure
            }
        }
        ClientError::Read(error) => Failure::failed(error).context("read the server's answer"),
        ClientError::Foreign { path, reason, .. } => Failure::failed(anyhow::anyhow!("{reason}"))
            .context(format!("understand the answer to {path}"))
            .help("is this a Seawall server, of the same version?"),
        ClientError::Refused(problem) => refused(&problem, query),
    }
}

fn refused(problem: &Problem, query: Option<&str>) -> Failure {
    let text = told(problem, query);
    let exit = match problem.status {
        400 | 404 | 422 => Exit::Usage,
        _ => Exit::Failed,
    };
    let failure = Failure::refused(exit, anyhow::anyhow!(text));
    match problem.status {
        401 => failure.help("the token does not work (any more): seawall login"),
        500.. => failure.help(format!(
            "the server's log has more under the request {}",
            problem.request_id
        )),
        _ => failure,
    }
}

fn told(problem: &Problem, query: Option<&str>) -> String {
    let pointed: Vec<&ProblemPart> = problem
        .errors
        .iter()
        .filter(|part| part.start.is_some())
        .collect();
    if let (Some(query), false) = (query, pointed.is_empty()) {
        let mut text = "the query cannot be read\n\n  ".to_owned();
        text.push_str(&report::plain(query));
        for part in pointed {
            text.push_str(&underlined(query, part));
        }
        return text;
    }
    let detail = report::plain(&problem.detail).into_owned();
    match problem.errors.as_slice() {
        [part] if part.detail == problem.detail && !part.pointer.is_empty() => {
            format!("{}: {detail}", report::plain(&part.pointer))
        }
        _ => detail,
    }
}

/// A line of `^^^^` below what is wrong, and why.
fn underlined(query: &str, part: &ProblemPart) -> String {
    let place = |at: Option<u64>| usize::try_from(at.unwrap_or(0)).unwrap_or(usize::MAX);
    let (start, end) = (place(part.start), place(part.end));
    // As wide as the text is shown, not as long as it is.
    let width = |from: usize, until: usize| {
        let cut: String = query
            .chars()
            .skip(from)
            .take(until.saturating_sub(from))
            .collect();
        report::columns(&report::plain(&cut))
    };
    let mut line = format!(
        "\n  {}{} {}",
        " ".repeat(width(0, start)),
        "^".repeat(width(start, end).max(1)),
        report::plain(&part.detail)
    );
    if let Some(suggestion) = &part.suggestion {
        line.extend([format!("; did you mean {}?", report::plain(suggestion))]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(errors: Vec<ProblemPart>) -> Problem {
        Problem {
            kind: "about:blank".to_owned(),
            title: "Bad Request".to_owned(),
            status: 400,
            code: "invalid_query".to_owned(),
            detail: "the query cannot be read: …".to_owned(),
            instance: "/".to_owned(),
            request_id: "r".to_owned(),
            errors,
        }
    }

    #[test]
    fn a_wrong_word_is_underlined_where_it_stands() {
        let part = ProblemPart {
            pointer: "q".to_owned(),
            detail: "no field 'sevrity'".to_owned(),
            start: Some(3),
            end: Some(10),
            suggestion: Some("severity".to_owned()),
        };
        let failure = refused(&problem(vec![part]), Some("漢字 sevrity:high"));
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(
            failure.line(),
            "the query cannot be read\n\n  漢字 sevrity:high\n       ^^^^^^^ no field \
             'sevrity'; did you mean severity?"
        );
    }

    #[test]
    fn other_refusals_name_the_part() {
        let part = ProblemPart {
            pointer: "limit".to_owned(),
            detail: "expected 1 to 1000".to_owned(),
            ..ProblemPart::default()
        };
        let refusal = Problem {
            detail: part.detail.clone(),
            ..problem(vec![part])
        };
        assert_eq!(told(&refusal, None), "limit: expected 1 to 1000");
    }
}
