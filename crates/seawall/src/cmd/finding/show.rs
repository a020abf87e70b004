//! `seawall findings show`

use api::FindingDetail;

use super::{
    super::{
        Context,
        remote::{
            self, failure,
            output::{Sheet, json, word},
        },
        write_stdout,
    },
    package, place,
};
use crate::{
    args::{finding::Show, remote::ShowFormat},
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, arguments: &Show) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let detail = server.finding(&arguments.id).map_err(failure(None))?;
    match arguments.format {
        ShowFormat::Json => write_stdout(&json(&detail)?)?,
        ShowFormat::Text => sheet(&detail).print()?,
    }
    Ok(Exit::Clean)
}

fn sheet(detail: &FindingDetail) -> Sheet {
    let finding = &detail.finding;
    let title = if finding.title.is_empty() {
        &finding.rule
    } else {
        &finding.title
    };
    let mut sheet = Sheet::title(title);
    let mut score = Vec::new();
    score.extend(finding.cvss.map(|cvss| format!("CVSS {cvss}")));
    score.extend(finding.epss.map(|epss| format!("EPSS {epss}")));
    if finding.kev {
        score.push("known to be exploited".to_owned());
    }
    sheet
        .line("Id", &finding.id)
        .line(
            "What",
            &format!(
                "{} {}, {}",
                word(&finding.severity),
                word(&finding.kind),
                word(&finding.state)
            ),
        )
        .line("Rule", &finding.rule)
        .line("Where", &place(finding))
        .line("Package", &package(finding))
        .line(
            "Fixed in",
            &finding
                .fix
                .as_ref()
                .map(|fix| fix.versions.join(", "))
                .unwrap_or_default(),
        )
        .line("Likelihood", &score.join(", "))
        .line("ATT&CK", &finding.techniques.join(", "))
        .line("First seen", &finding.first_seen.to_string())
        .line("Last seen", &finding.last_seen.to_string())
        .line(
            "Assigned to",
            finding.assignee.as_deref().unwrap_or_default(),
        )
        .line(
            "Due",
            &finding.due.map(|due| due.to_string()).unwrap_or_default(),
        );
    if let Some(decision) = &finding.decision {
        let note = decision.note.as_deref().unwrap_or_default();
        let ends = decision
            .expires
            .map(|expires| format!(", until {expires}"))
            .unwrap_or_default();
        sheet.line(
            "Decision",
            &format!(
                "{} by {}{ends}: {note}",
                word(&decision.reason),
                decision.by
            ),
        );
    }
    sheet
        .text(
            "What happened",
            finding.summary.as_deref().unwrap_or_default(),
        )
        .text("Why it matters", &detail.why)
        .text("What it is", &detail.description)
        .steps(&detail.remediation);
    let history: Vec<String> = detail
        .history
        .iter()
        .map(|event| {
            let who = event.actor.as_deref().unwrap_or("seawall");
            format!("{}  {who}: {}", event.time, event.text)
        })
        .collect();
    sheet
        .text("History", &history.join("\n"))
        .text("See also", &detail.references.join("\n"));
    sheet
}
