//! How errors are put into words, in one place.

use std::error::Error;

/// One line holding an error and all its causes, outermost first.
///
/// Each level of our errors prints itself alone, so a chain reads
/// `failed to open image.tar: no such file`. A cause that merely
/// repeats what its parent said is left out.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_in_order() {
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(chain(&error), "outer: disk on fire");
    }

    #[test]
    fn a_cause_is_never_said_twice() {
        let error = Outer(std::io::Error::other("outer"));
        assert_eq!(chain(&error), "outer");
    }
}
