//! What we are talking to: a person at a terminal, or another program.

use std::io::{self, IsTerminal};

use crate::{args::ColorChoice, env::Env};

/// The two output streams, as far as presentation cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about two streams"
)]
pub(crate) struct Terminal {
    /// Columns of standard output; `None` where it is no terminal.
    pub width: Option<usize>,
    pub color_stdout: bool,
    pub color_stderr: bool,
    /// A person watches standard error.
    pub is_watched: bool,
    pub hyperlinks: bool,
}

impl Terminal {
    pub(crate) fn detect(choice: ColorChoice, env: &Env) -> Self {
        let stdout = io::stdout().is_terminal();
        let stderr = io::stderr().is_terminal();
        let width = stdout.then(|| {
            terminal_size::terminal_size_of(io::stdout())
                .map_or(80, |(width, _)| usize::from(width.0))
                .max(40)
        });
        Self {
            width,
            color_stdout: is_colored(choice, env, stdout),
            color_stderr: is_colored(choice, env, stderr),
            is_watched: stderr,
            hyperlinks: stdout && has_hyperlinks(env) && is_colored(choice, env, stdout),
        }
    }
}

/// The flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then common sense.
fn is_colored(choice: ColorChoice, env: &Env, is_terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        // Any value at all switches colour off (no-color.org).
        ColorChoice::Auto if env.text("NO_COLOR").is_some() => false,
        ColorChoice::Auto if env.is_set("CLICOLOR_FORCE") => true,
        ColorChoice::Auto => is_terminal && env.text("TERM").as_deref() != Some("dumb"),
    }
}

/// Terminals known to understand OSC 8; a guess in others would print
/// litter.
fn has_hyperlinks(env: &Env) -> bool {
    env.is_set("FORCE_HYPERLINK")
        || env.text("WT_SESSION").is_some()
        || env.text("KITTY_WINDOW_ID").is_some()
        || env
            .text("VTE_VERSION")
            .and_then(|version| version.parse::<u32>().ok())
            >= Some(5000)
        || env.text("TERM_PROGRAM").is_some_and(|program| {
            matches!(
                program.as_str(),
                "iTerm.app" | "WezTerm" | "vscode" | "ghostty" | "Hyper"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_environment_and_no_color_beats_force() {
        let both = Env::of(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]);
        let force = Env::of(&[("CLICOLOR_FORCE", "1")]);
        assert!(is_colored(ColorChoice::Always, &both, false));
        assert!(!is_colored(ColorChoice::Never, &force, true));
        assert!(!is_colored(ColorChoice::Auto, &both, true));
        assert!(is_colored(ColorChoice::Auto, &force, false));
        assert!(!is_colored(ColorChoice::Auto, &Env::default(), false));
        assert!(!is_colored(
            ColorChoice::Auto,
            &Env::of(&[("TERM", "dumb")]),
            true
        ));
    }

    #[test]
    fn links_are_for_terminals_known_to_follow_them() {
        assert!(has_hyperlinks(&Env::of(&[("VTE_VERSION", "6003")])));
        assert!(!has_hyperlinks(&Env::of(&[("VTE_VERSION", "4000")])));
        assert!(!has_hyperlinks(&Env::of(&[("TERM", "xterm-256color")])));
    }
}
