//! Deciding about findings: a few by id, or all that a query means.

use api::finding::{Action, ActionDone, NewAction, Selection};

use super::super::{
    Context,
    remote::{self, Server, consent, declined, failure},
};
use crate::{
    args::finding::{Assign, Chosen, Comment, Dismiss, Due, Reopen, Undo},
    exit::{Exit, Failure},
};

pub(super) fn dismiss(context: &Context, arguments: &Dismiss) -> Result<Exit, Failure> {
    let action = Action::Dismiss {
        reason: arguments.reason.into(),
        note: arguments.note.clone(),
    };
    act(context, &arguments.chosen, action, "Dismiss")
}

pub(super) fn reopen(context: &Context, arguments: &Reopen) -> Result<Exit, Failure> {
    let action = Action::Reopen {
        note: arguments.note.clone(),
    };
    act(context, &arguments.chosen, action, "Reopen")
}

pub(super) fn assign(context: &Context, arguments: &Assign) -> Result<Exit, Failure> {
    let action = Action::Assign {
        to: arguments.to.clone(),
    };
    act(context, &arguments.chosen, action, "Assign")
}

pub(super) fn comment(context: &Context, arguments: &Comment) -> Result<Exit, Failure> {
    let action = Action::Comment {
        text: arguments.text.clone(),
    };
    act(context, &arguments.chosen, action, "Comment on")
}

pub(super) fn due(context: &Context, arguments: &Due) -> Result<Exit, Failure> {
    let action = Action::Due { date: arguments.by };
    act(context, &arguments.chosen, action, "Set the day of")
}

pub(super) fn undo(context: &Context, arguments: &Undo) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let done = server.undo(&arguments.id).map_err(failure(None))?;
    context.note(&report::plain(&done.summary));
    Ok(Exit::Clean)
}

/// Ids are numbers; anything else is a query.
fn selection(chosen: &Chosen) -> Selection {
    let is_id = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    if chosen.which.iter().all(is_id) {
        return Selection::Ids(chosen.which.clone());
    }
    Selection::Query {
        q: chosen.which.join(" "),
        environment: chosen.environment.clone(),
    }
}

fn act(context: &Context, chosen: &Chosen, action: Action, verb: &str) -> Result<Exit, Failure> {
    let server = remote::connect(context, &chosen.remote)?;
    let select = selection(chosen);
    let query = match &select {
        Selection::Query { q, .. } => Some(q.clone()),
        Selection::Ids(_) => None,
    };
    if let Some(query) = &query {
        let count = counted(&server, chosen, query)?;
        let question = format!("{verb} {count}?");
        if count.starts_with("0 ") {
            context.note(&"The query means no finding.");
            return Ok(Exit::Clean);
        }
        if !consent(context, chosen.consent.yes, &question)? {
            return Ok(declined(context));
        }
    }
    let action = NewAction { select, action };
    let done = server.act(&action).map_err(failure(query.as_deref()))?;
    told(context, &done);
    Ok(Exit::Clean)
}

/// `1,243 findings`.
fn counted(server: &Server, chosen: &Chosen, query: &str) -> Result<String, Failure> {
    let page = server
        .findings(&[
            ("q", Some(query.to_owned())),
            ("environment", chosen.environment.clone()),
            ("limit", Some("1".to_owned())),
        ])
        .map_err(failure(Some(query)))?;
    let more = if page.total_capped { "+" } else { "" };
    let plural = if page.total == 1 { "" } else { "s" };
    let total = model::notice::grouped(page.total);
    Ok(format!("{total}{more} finding{plural}"))
}

fn told(context: &Context, done: &ActionDone) {
    let skipped = match done.skipped {
        0 => String::new(),
        skipped => format!(" ({skipped} were so already, or not yours to change)"),
    };
    context.note(&format_args!("{}{skipped}.", report::plain(&done.summary)));
    if done.changed > 0 {
        context.note(&format_args!(
            "Until {}: seawall findings undo {}",
            done.undo_until, done.id
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(which: &[&str]) -> Selection {
        selection(&Chosen {
            which: which.iter().map(|&text| text.to_owned()).collect(),
            environment: None,
            consent: crate::args::remote::Consent { yes: false },
            remote: crate::args::remote::Remote::default(),
        })
    }

    #[test]
    fn numbers_are_ids_and_all_else_is_a_query() {
        assert_eq!(
            chosen(&["17", "18"]),
            Selection::Ids(vec!["17".to_owned(), "18".to_owned()])
        );
        assert_eq!(
            chosen(&["ns:shop", "17"]),
            Selection::Query {
                q: "ns:shop 17".to_owned(),
                environment: None
            }
        );
    }
}
