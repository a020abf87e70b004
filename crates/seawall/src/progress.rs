//! Progress on standard error: bars for a person, short lines with `-v`,
//! nothing for a pipe.

mod copy;
mod feed;
mod replay;
mod scan;

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use copy::CopyProgress;
pub(crate) use feed::FeedProgress;
pub(crate) use replay::ReplayProgress;
pub(crate) use scan::ScanProgress;

const TICK: Duration = Duration::from_millis(120);

/// Where bars are drawn, or not.
fn canvas(has_bars: bool) -> MultiProgress {
    MultiProgress::with_draw_target(if has_bars {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    })
}

/// `name  ━━━━━━────  12.3 MiB/29.1 MiB`; without a total, a spinner.
fn byte_bar(bars: &MultiProgress, name: String, total: Option<u64>) -> ProgressBar {
    let bar = bars.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
    let template = if total.is_some() {
        "  {prefix:<14!} {bar:24.cyan/dim} {bytes:>10}/{total_bytes:<10} {bytes_per_sec:.dim}"
    } else {
        "  {prefix:<14!} {spinner:.cyan} {bytes:>10}"
    };
    bar.set_style(style(template).progress_chars("━╸─"));
    bar.set_prefix(name);
    bar.enable_steady_tick(TICK);
    bar
}

/// `copying finding  ━━━━━━────  120000/1000000`.
fn row_bar(bars: &MultiProgress, name: String, total: u64) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(total));
    let template = "  {prefix:<24!} {bar:24.cyan/dim} {human_pos:>12}/{human_len:<12} {eta:.dim}";
    bar.set_style(style(template).progress_chars("━╸─"));
    bar.set_prefix(name);
    bar.enable_steady_tick(TICK);
    bar
}

/// `⠋ what is going on`.
fn spinner(bars: &MultiProgress, message: String) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(style("{spinner:.cyan} {msg}"));
    bar.set_message(message);
    bar.enable_steady_tick(TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("invariant: our templates are constant and tested")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_understood() {
        let bars = canvas(false);
        byte_bar(&bars, "layer 1".to_owned(), Some(10)).inc(3);
        byte_bar(&bars, "layer 2".to_owned(), None).inc(3);
        row_bar(&bars, "copying finding".to_owned(), 10).inc(3);
        spinner(&bars, "walking".to_owned()).tick();
    }
}
