//! Configurations and histories of an engine's images, for whoever
//! judges how they were built without reading what is in them.

use policy::{ImageFacts, facts::ImageSettings};
use serde_json::Value;

use crate::{Access, ConnectError, Endpoint, daemon};

/// Images that are asked for, and steps of each.
const MOST: usize = 200;
const STEPS: usize = 300;
/// Bytes of a step.
const LONGEST: usize = 2_000;

/// An engine's images, the first few hundred, and what could not be
/// asked.
pub fn images(
    access: &Access,
    endpoint: &Endpoint,
) -> Result<(Vec<ImageFacts>, Vec<String>), ConnectError> {
    let listed = daemon::json(access, endpoint, "its images", "images/json")?;
    let listed = listed.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut gaps = Vec::new();
    if listed.len() > MOST {
        gaps.push(format!(
            "only {MOST} of {} images were looked at",
            listed.len()
        ));
    }
    let mut images = Vec::new();
    for image in listed.iter().take(MOST) {
        let Some(id) = image.get("Id").and_then(Value::as_str) else {
            continue;
        };
        // An id becomes a path: nothing else does.
        if !id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b':')
        {
            continue;
        }
        let name = name(image).unwrap_or_else(|| daemon::cut(id));
        let asked = daemon::json(access, endpoint, "an image", &format!("/images/{id}/json"))
            .and_then(|inspected| {
                let path = format!("/images/{id}/history");
                Ok((
                    inspected,
                    daemon::json(access, endpoint, "its history", &path)?,
                ))
            });
        match asked {
            Ok((inspected, history)) => images.push(facts(name, &inspected, &history)),
            // It may be gone by now.
            Err(error) => gaps.push(error.explain()),
        }
    }
    Ok((images, gaps))
}

fn name(image: &Value) -> Option<String> {
    let tags = image.get("RepoTags")?.as_array()?;
    let mut tags = tags.iter().filter_map(Value::as_str);
    tags.find(|tag| *tag != "<none>:<none>").map(daemon::cut)
}

fn facts(name: String, inspected: &Value, history: &Value) -> ImageFacts {
    let config = inspected.get("Config");
    let first = config
        .and_then(|config| config.pointer("/Healthcheck/Test/0"))
        .and_then(Value::as_str);
    let steps = history.as_array().into_iter().flatten();
    // Newest first.
    let mut steps: Vec<String> = steps
        .filter_map(|step| step.get("CreatedBy")?.as_str())
        .take(STEPS)
        .map(|step| {
            let mut step = step.to_owned();
            step.truncate(step.floor_char_boundary(LONGEST));
            model::secret::mask(&step)
        })
        .collect();
    steps.reverse();
    ImageFacts {
        name,
        config: config.map(|config| ImageSettings {
            user: config.get("User").and_then(Value::as_str).map(daemon::cut),
            health_check: Some(first.is_some_and(|word| word != "NONE")),
            steps,
            ..ImageSettings::default()
        }),
        unscanned: true,
        ..ImageFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_an_image_was_built_is_read_without_its_secrets() {
        let inspected = json!({"Config": {"User": "10001", "Healthcheck": {"Test": ["CMD", "x"]}}});
        let history = json!([
            {"CreatedBy": "ENV API_TOKEN=hunter2"}, {"CreatedBy": "ADD file:1 in / "}, {}
        ]);
        let facts = facts("web:1".to_owned(), &inspected, &history);
        let config = facts.config.unwrap();
        assert_eq!(config.steps, ["ADD file:1 in / ", "ENV API_TOKEN=•••"]);
        assert_eq!(
            (config.user.as_deref(), config.health_check),
            (Some("10001"), Some(true))
        );
        assert!(facts.unscanned);
        let tags = json!({"RepoTags": ["<none>:<none>", "a:1"]});
        assert_eq!(name(&tags).unwrap(), "a:1");
    }
}
