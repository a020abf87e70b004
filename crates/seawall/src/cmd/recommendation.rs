//! `seawall recommendations`

use api::Recommendation;
use jiff::Timestamp;
use report::Heading;

use super::{
    Context,
    remote::{
        self, failure,
        output::{Listing, Sheet, json, word},
    },
    write_stdout,
};
use crate::{
    args::{
        image::{ListRecommendations, Recommendations, ShowRecommendation},
        remote::ShowFormat,
    },
    exit::{Exit, Failure},
};

pub(super) fn run(context: &Context, recommendations: &Recommendations) -> Result<Exit, Failure> {
    match recommendations {
        Recommendations::List(arguments) => list(context, arguments),
        Recommendations::Show(arguments) => show(context, arguments),
    }
}

fn list(context: &Context, arguments: &ListRecommendations) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let recommendations = server
        .recommendations(&[
            ("q", arguments.text.clone()),
            ("severity", arguments.severity.clone()),
            ("state", Some(arguments.state.clone())),
            ("environment", arguments.environment.clone()),
        ])
        .map_err(failure(None))?;
    let listing = Listing {
        items: &recommendations,
        headings: HEADINGS,
        row,
        csv_headings: CSV,
        csv_row,
        now: model::Clock::now(&context.clock),
    };
    listing.print(context, arguments.format)?;
    if recommendations.is_empty() {
        context.note(&"No recommendations.");
    }
    Ok(Exit::Clean)
}

const HEADINGS: &[Heading] = &[
    Heading::whole("ID"),
    Heading::whole("SEVERITY"),
    Heading::whole("AFFECTED"),
    Heading::whole("GAIN"),
    Heading::whole("EFFORT").cut(6, 2),
    Heading::whole("TITLE").cut(16, 1),
];

fn row(recommendation: &Recommendation, _: Timestamp) -> Vec<String> {
    vec![
        recommendation.id.clone(),
        word(&recommendation.severity),
        format!("{}/{}", recommendation.affected, recommendation.assessed),
        format!("{:.1}", recommendation.gain),
        word(&recommendation.effort),
        recommendation.title.clone(),
    ]
}

const CSV: &[&str] = &[
    "id", "title", "severity", "state", "effort", "affected", "exempted", "assessed", "gain",
    "weight", "controls",
];

fn csv_row(recommendation: &Recommendation) -> Vec<String> {
    vec![
        recommendation.id.clone(),
        recommendation.title.clone(),
        word(&recommendation.severity),
        word(&recommendation.state),
        word(&recommendation.effort),
        recommendation.affected.to_string(),
        recommendation.exempted.to_string(),
        recommendation.assessed.to_string(),
        recommendation.gain.to_string(),
        recommendation.weight.to_string(),
        recommendation.controls.join(" "),
    ]
}

fn show(context: &Context, arguments: &ShowRecommendation) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.remote)?;
    let detail = server
        .recommendation(&arguments.id)
        .map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&detail)?)?;
        return Ok(Exit::Clean);
    }
    let recommendation = &detail.recommendation;
    let mut sheet = Sheet::title(&recommendation.title);
    sheet
        .line("Id", &recommendation.id)
        .line("Severity", &word(&recommendation.severity))
        .line("Effort", &word(&recommendation.effort))
        .line(
            "Affected",
            &format!(
                "{} of {} assets, {} exempted",
                recommendation.affected, recommendation.assessed, recommendation.exempted
            ),
        )
        .line(
            "Gain",
            &format!(
                "{:.1} of {:.1} points",
                recommendation.gain, recommendation.weight
            ),
        )
        .line("Controls", &recommendation.controls.join(", "))
        .line(
            "Assets",
            &format!("seawall findings list rule:{}", recommendation.id),
        )
        .text("Why it matters", &detail.why)
        .text("What it is", &detail.description)
        .steps(&detail.remediation)
        .text("How it is checked", &detail.checked_by)
        .text("See also", &detail.references.join("\n"));
    sheet.print()?;
    Ok(Exit::Clean)
}
