//! One page that stands by itself: no script, no picture, nothing fetched;
//! light, and laid out for A4.

use std::io;

use super::{Assessed, Control, State};

const STYLE: &str = "\
@page{size:A4;margin:16mm 14mm}\
*{box-sizing:border-box}\
body{font:10.5pt/1.45 system-ui,sans-serif;color:#1b2430;background:#fff;margin:0 auto;\
max-width:190mm;padding:8mm}\
h1{font-size:20pt;margin:0 0 2mm}h2{font-size:13pt;margin:8mm 0 2mm}\
h3{font-size:10.5pt;margin:0}\
p{margin:0 0 2mm}.quiet{color:#5a6675}\
.sums{display:flex;gap:4mm;margin:5mm 0}\
.sums div{flex:1;border:1px solid #d5dbe3;border-radius:2mm;padding:2mm 3mm}\
.sums b{display:block;font-size:16pt}\
section{border-top:1px solid #d5dbe3;padding:2.5mm 0;break-inside:avoid}\
section>header{display:flex;gap:3mm;align-items:baseline}\
section>header h3{flex:1}\
.id{font-variant-numeric:tabular-nums;min-width:16mm;color:#5a6675}\
.state{font-size:8.5pt;font-weight:600;border:1px solid;border-radius:1mm;padding:0 1.5mm;\
white-space:nowrap}\
.passed{color:#17653a}.failed{color:#a3161d}.manual{color:#7a5200}.not-applicable{color:#5a6675}\
table{border-collapse:collapse;width:100%;font-size:9pt;margin:1.5mm 0 0}\
th,td{text-align:left;padding:.8mm 2mm .8mm 0;vertical-align:top;overflow-wrap:anywhere}\
th{font-weight:600;color:#5a6675}td.n{text-align:right;white-space:nowrap}\
footer{margin-top:8mm;font-size:8.5pt;color:#5a6675}\
@media print{body{padding:0;max-width:none}a{color:inherit;text-decoration:none}}";

pub(super) fn write(assessed: &Assessed, out: &mut dyn io::Write) -> io::Result<()> {
    let name = escaped(&assessed.name);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light\">\n\
         <title>{name}: {place}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{name}</h1>\n<p class=\"quiet\">{place}, as of {time}</p>\n<p>{description}</p>\n",
        place = escaped(&assessed.place),
        time = assessed.time.strftime("%Y-%m-%d %H:%M UTC"),
        description = escaped(&assessed.description),
    )?;
    let percent = assessed
        .percent()
        .map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
    write!(
        out,
        "<div class=\"sums\"><div>of what was judged<b>{percent}</b>passed</div>"
    )?;
    for state in State::ALL {
        write!(
            out,
            "<div>controls<b class=\"{class}\">{count}</b>{word}</div>",
            class = class(state),
            count = assessed.count(state),
            word = state.word(),
        )?;
    }
    writeln!(out, "</div>\n<h2>Controls</h2>")?;
    for control in &assessed.controls {
        write_control(control, out)?;
    }
    writeln!(
        out,
        "<footer>Written by Seawall. A control passed if each check that answers it found every \
         asset healthy or exempted, or if somebody answers for it; it is not applicable where \
         nothing was there to judge. Identifiers are those of <a href=\"{source}\">{name}</a>, \
         titles are not its words.</footer>\n</body>\n</html>",
        source = escaped(&assessed.source),
    )
}

fn write_control(control: &Control, out: &mut dyn io::Write) -> io::Result<()> {
    let level = control.level.map_or_else(String::new, |level| {
        format!(" <span class=\"quiet\">level {level}</span>")
    });
    writeln!(
        out,
        "<section>\n<header><span class=\"id\">{}</span><h3>{}{level}</h3>\
         <span class=\"state {}\">{}</span></header>",
        escaped(&control.id),
        escaped(&control.title),
        class(control.state),
        control.state.word(),
    )?;
    if let Some(word) = &control.word {
        writeln!(
            out,
            "<p>{} answers for it since {}, until {}: {}</p>",
            escaped(&word.by),
            word.made.strftime("%Y-%m-%d"),
            word.expires.strftime("%Y-%m-%d"),
            escaped(&word.note),
        )?;
    }
    if !control.checks.is_empty() {
        writeln!(
            out,
            "<table><thead><tr><th>Check</th><th>Severity</th><th>Affected</th><th>Exempted</th>\
             <th>Healthy</th></tr></thead><tbody>"
        )?;
        for check in &control.checks {
            writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td></tr>",
                escaped(&check.title),
                check.severity,
                check.affected,
                check.exempted,
                check.healthy,
            )?;
        }
        writeln!(out, "</tbody></table>")?;
    }
    if !control.evidence.is_empty() {
        writeln!(
            out,
            "<table><thead><tr><th>Asset</th><th>What is wrong</th><th>Since</th></tr></thead>\
             <tbody>"
        )?;
        for evidence in &control.evidence {
            writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(&evidence.asset),
                escaped(&evidence.summary),
                evidence.since.strftime("%Y-%m-%d"),
            )?;
        }
        writeln!(out, "</tbody></table>")?;
        let affected: u64 = control.checks.iter().map(|check| check.affected).sum();
        let more = affected.saturating_sub(control.evidence.len() as u64);
        if more > 0 {
            writeln!(out, "<p class=\"quiet\">and {more} more</p>")?;
        }
    }
    writeln!(out, "</section>")
}

fn class(state: State) -> &'static str {
    match state {
        State::NotApplicable => "not-applicable",
        other => other.word(),
    }
}

/// Text that stays text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}
