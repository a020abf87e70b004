//! The fix for this object: a policy's patch, shown as the change to the
//! manifest somebody wrote.

use std::fmt::Write as _;

use serde_json::Value;

/// Lines of what surrounds a change.
const AROUND: usize = 3;

/// Why a patch does not mend an object.
#[derive(Debug, PartialEq, Eq)]
pub enum MendError {
    /// The patch is not one of RFC 6902.
    Malformed(String),
    /// It does not fit the object: what it mends has changed since.
    Unfitting(String),
    /// The object cannot be written as YAML.
    Write(String),
}

impl std::fmt::Display for MendError {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(why) => write!(to, "read the patch: {why}"),
            Self::Unfitting(why) => write!(to, "apply the patch to the object: {why}"),
            Self::Write(why) => write!(to, "write the object as YAML: {why}"),
        }
    }
}

impl std::error::Error for MendError {}

/// Where in an object of this kind the pod is that it is, or will make.
pub fn pod_path(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some(""),
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => Some("/spec/template"),
        _ => None,
    }
}

/// The object, mended: `patch` is a violation's, of the pod where the
/// object is a workload, and otherwise of the object.
pub fn mended(object: &Value, patch: &Value) -> Result<Value, MendError> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| MendError::Malformed(error.to_string()))?;
    let mut whole = object.clone();
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or("");
    let target = match pod_path(kind) {
        Some(place) => whole
            .pointer_mut(place)
            .ok_or_else(|| MendError::Unfitting(format!("a {kind} without a pod's template")))?,
        None => &mut whole,
    };
    json_patch::patch(target, &patch).map_err(|error| MendError::Unfitting(error.to_string()))?;
    Ok(whole)
}

/// What `patch` changes in the object's YAML: a unified diff, empty where
/// it changes nothing. What the API server adds by itself is left out.
pub fn fix(object: &Value, patch: &Value) -> Result<String, MendError> {
    let before = written(object);
    let yaml = |value: &Value| {
        serde_norway::to_string(value).map_err(|error| MendError::Write(error.to_string()))
    };
    Ok(difference(
        &yaml(&before)?,
        &yaml(&mended(&before, patch)?)?,
    ))
}

/// The object without what only the API server writes.
fn written(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(all) = object.as_object_mut() {
        all.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in [
            "managedFields",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "selfLink",
        ] {
            metadata.remove(key);
        }
    }
    object
}

/// A unified diff of two texts, without the head of file names.
///
/// What is common at both ends is set aside and the rest aligned by its
/// longest common subsequence; beyond a bound it is shown as replaced.
fn difference(before: &str, after: &str) -> String {
    const BOUND: usize = 2_000_000;
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let (a, b) = (&old[same..old.len() - tail], &new[same..new.len() - tail]);
    // One line of the whole: how it begins, and where it is in each.
    let mut lines: Vec<(char, &str)> = old[..same].iter().map(|line| (' ', *line)).collect();
    if a.len().saturating_mul(b.len()) > BOUND {
        lines.extend(a.iter().map(|line| ('-', *line)));
        lines.extend(b.iter().map(|line| ('+', *line)));
    } else {
        align(a, b, &mut lines);
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| (' ', *line)));
    hunks(&lines)
}

fn align<'a>(a: &[&'a str], b: &[&'a str], lines: &mut Vec<(char, &'a str)>) {
    let width = b.len() + 1;
    // How long the common subsequence of the rests is, from each place.
    let mut common = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = if a[i] == b[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len()
            || (i < a.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(('-', a[i]));
            i += 1;
        } else {
            lines.push(('+', b[j]));
            j += 1;
        }
    }
}

fn hunks(lines: &[(char, &str)]) -> String {
    let mut text = String::new();
    let changed: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].0 != ' ').collect();
    let mut next = 0;
    while next < changed.len() {
        let start = changed[next].saturating_sub(AROUND);
        let mut end = changed[next];
        while next < changed.len() && changed[next] <= end + 2 * AROUND {
            end = changed[next];
            next += 1;
        }
        let end = (end + AROUND + 1).min(lines.len());
        let count = |of: &[(char, &str)], not: char| of.iter().filter(|line| line.0 != not).count();
        let hunk = &lines[start..end];
        let (old, new) = (count(hunk, '+'), count(hunk, '-'));
        // Where nothing is before or after, a hunk begins at zero.
        let first = |lead: usize, many: usize| if many == 0 { lead } else { lead + 1 };
        writeln!(
            text,
            "@@ -{},{old} +{},{new} @@",
            first(count(&lines[..start], '+'), old),
            first(count(&lines[..start], '-'), new),
        )
        .expect("invariant: a String takes whatever is written");
        for (sign, line) in hunk {
            text.push(*sign);
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_of_a_pod_is_shown_in_the_workload_that_makes_it() {
        let object = json!({
            "apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "dump", "uid": "1", "managedFields": []},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {
                "containers": [{"name": "dump", "securityContext": {"privileged": true}}],
            }}}}},
            "status": {},
        });
        let patch = json!([{
            "op": "add", "path": "/spec/containers/0/securityContext/privileged", "value": false,
        }]);
        let said = fix(&object, &patch).unwrap();
        assert!(said.starts_with("@@ -"), "{said}");
        let changed: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with(['-', '+']))
            .map(str::trim_end)
            .collect();
        assert_eq!(changed.len(), 2, "{said}");
        assert!(
            changed[0].ends_with("privileged: true") && changed[1].ends_with("privileged: false")
        );
        assert!(!said.contains("uid"), "{said}");
    }

    #[test]
    fn a_patch_that_no_longer_fits_says_so() {
        let object = json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": []}});
        let patch = json!([{"op": "remove", "path": "/spec/hostPID"}]);
        assert!(matches!(fix(&object, &patch), Err(MendError::Unfitting(_))));
        assert!(matches!(
            fix(&object, &json!({})),
            Err(MendError::Malformed(_))
        ));
        assert!(matches!(
            fix(&json!({"kind": "Job"}), &patch),
            Err(MendError::Unfitting(_))
        ));
        assert_eq!(fix(&object, &json!([])).unwrap(), "");
    }

    #[test]
    fn a_difference_counts_lines_as_patch_reads_them() {
        assert_eq!(
            difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nE\nf\ng\n"),
            "@@ -2,5 +2,6 @@\n b\n c\n d\n-e\n+E\n f\n+g\n"
        );
        let long = (0..40)
            .map(|line| line.to_string())
            .collect::<Vec<_>>()
            .join("\n")
            + "\n";
        let other = long.replacen("3\n", "three\n", 1).replace("\n38\n", "\n");
        let said = difference(&long, &other);
        assert_eq!(said.matches("@@ -").count(), 2, "{said}");
        assert_eq!(difference("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
    }
}
