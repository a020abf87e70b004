//! What people and ticket systems are shown.

use export::sink::{alertmanager, email, jira, pagerduty, slack, teams};
use jiff::SignedDuration;

use crate::sample::{all, digest, hostile};

#[test]
fn slack_reads_no_markup_in_what_is_not_ours() {
    let messages: Vec<_> = all().iter().map(slack::message).collect();
    let text = slack::message(&hostile()).to_string();
    assert!(!text.contains("mrkdwn\":true") && !text.contains("\"type\":\"mrkdwn\""));
    assert!(!text.contains("javascript:"));
    insta::assert_json_snapshot!(messages);
}

#[test]
fn teams_reads_no_markup_in_what_is_not_ours() {
    let messages: Vec<_> = all().iter().map(teams::message).collect();
    let text = teams::message(&hostile()).to_string();
    assert!(
        !text.contains("[x](") && !text.contains("<script"),
        "{text}"
    );
    insta::assert_json_snapshot!(messages);
}

#[test]
fn pagerduty_opens_and_resolves_the_same_incident() {
    let events: Vec<_> = all().iter().map(pagerduty::event).collect();
    assert_eq!(events[0]["dedup_key"], events[1]["dedup_key"]);
    assert_eq!(events[1]["event_action"], "resolve");
    insta::assert_json_snapshot!(events);
}

#[test]
fn alertmanager_knows_a_finding_by_its_labels() {
    let hold = SignedDuration::from_hours(168);
    let alerts: Vec<_> = all()
        .iter()
        .map(|notice| alertmanager::alert(notice, hold))
        .collect();
    assert_eq!(alerts[0]["labels"], alerts[1]["labels"]);
    insta::assert_json_snapshot!(alerts);
}

#[test]
fn mail_shows_html_and_runs_none() {
    let html = email::html(&hostile());
    assert!(!html.contains("<script"), "{html}");
    let shown = [
        email::text(&digest()),
        email::html(&digest()),
        email::text(&hostile()),
        html,
    ];
    insta::assert_snapshot!(shown.join("\n---\n"));
}

#[test]
fn jira_shows_wiki_markup_and_reads_none() {
    let text = jira::description(&hostile());
    assert!(
        !text.contains("[x]") && !text.contains("{noformat}"),
        "{text}"
    );
    let shown: Vec<_> = all().iter().map(jira::description).collect();
    insta::assert_snapshot!(shown.join("\n---\n"));
}
