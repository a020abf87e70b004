//! Rego, as Gatekeeper's templates are written in it: versions 0 and 1.
//!
//! Evaluation is `regorus`, untouched. What it reads otherwise than OPA
//! does is removed from the text before it sees it: [`scan`] works on
//! tokens, [`rewrite`] on the syntax tree, until nothing is left to
//! change, and [`alias`] spares the virtual machine work. [`bounds`]
//! refuses what would not end or not fit, [`reads`] says what a template
//! looks at, so that its verdicts can be remembered; [`joined`] asks many
//! templates of one object at once.

mod alias;
mod bounds;
mod conflict;
mod engine;
mod format;
mod joined;
mod reads;
mod rewrite;
mod scan;
mod template;
mod tree;
mod trial;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use engine::Dialect;
pub(crate) use joined::Joined;
pub(crate) use reads::{Part, Reads};
pub(crate) use template::RegoTemplate;
pub(crate) use trial::Trial;
pub(crate) use value::{from_rego, to_rego};

/// The first line of an error that says something: `regorus` draws the
/// place it means over several lines.
pub(crate) fn brief(error: &impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let mut place = "";
    for line in text.lines() {
        let line = line.trim();
        if let Some(found) = line.strip_prefix("--> ") {
            place = found;
        }
        if let Some(message) = line.strip_prefix("error:") {
            let message = message.trim();
            return if place.is_empty() {
                message.to_owned()
            } else {
                format!("{place}: {message}")
            };
        }
    }
    text.lines().next().unwrap_or_default().trim().to_owned()
}
