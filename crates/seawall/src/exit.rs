//! How a command ends: the number scripts see, and the words people see.

use std::process::ExitCode;

/// The exit codes (docs/reference/exit-codes.md), least pressing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, and nothing to complain of.
    Clean,
    /// Done, but part of the input could not be read.
    Partial,
    /// Done, and `--fail-on` was reached.
    Reached,
    /// The job could not be done.
    Failed,
    /// The command line or a file on it makes no sense.
    Usage,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Reached => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Partial => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What went wrong, whose turn it is, and what they can do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
    pub help: Option<String>,
    /// The error says what was tried, and reads after "failed to".
    is_attempt: bool,
}

impl Failure {
    /// The command line makes no sense; the error is a sentence.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.into(),
            help: None,
            is_attempt: false,
        }
    }

    /// Somebody else says no; the error is their sentence.
    pub(crate) fn refused(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            ..Self::usage(error)
        }
    }

    /// A file named on the command line makes no sense; the error reads
    /// after "failed to".
    pub(crate) fn bad_file(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::failed(error)
        }
    }

    /// The job could not be done; the error reads after "failed to".
    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Failed,
            error: error.into(),
            help: None,
            is_attempt: true,
        }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Help where there is some to give.
    #[must_use]
    pub(crate) fn help_if(self, help: Option<&str>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    #[must_use]
    pub(crate) fn context(
        mut self,
        context: impl std::fmt::Display + Send + Sync + 'static,
    ) -> Self {
        self.error = self.error.context(context);
        self
    }

    /// One line: what failed, and the causes.
    pub(crate) fn line(&self) -> String {
        let chain = model::error::chain(self.error.as_ref());
        if self.is_attempt {
            format!("failed to {chain}")
        } else {
            chain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_codes_never_change() {
        let codes = [
            Exit::Clean,
            Exit::Reached,
            Exit::Usage,
            Exit::Failed,
            Exit::Partial,
        ];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn of_several_endings_the_most_pressing_wins() {
        assert_eq!(Exit::Partial.max(Exit::Reached), Exit::Reached);
        assert_eq!(Exit::Reached.max(Exit::Failed), Exit::Failed);
    }
}
