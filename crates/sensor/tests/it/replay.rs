//! Containers of real runtimes, recorded once and played again: what was
//! told of them then is told again, without a kernel.
//!
//! `SEAWALL_RECORD=1 cargo test -p sensor --test it live::context` records
//! them anew, `SEAWALL_UPDATE_GOLDEN=1` takes over what they tell.

use std::{fmt::Write as _, fs, path::Path};

use sensor::{
    capture::replay,
    context::{Settings, Told},
};

fn line(told: &Told<'_>, lines: &mut String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match told {
        Told::Event { event, process, .. } => {
            let container = process.container.as_deref();
            let name = container.map_or_else(|| "host".to_owned(), |it| text(&it.name));
            let image = container.map_or_else(String::new, |it| text(&it.image));
            write!(
                lines,
                "[{name} {image}] {} {}({}) {}",
                text(&process.user.name),
                text(&process.name),
                process.vpid,
                event.kind.as_str(),
            )
            .unwrap();
            for argument in event.arguments.all() {
                // Numbers of processes and files are others each time it is
                // recorded.
                if !matches!(argument.name, "pid" | "ptid" | "tid" | "dev" | "ino") {
                    write!(lines, " {}={}", argument.name, text(argument.text)).unwrap();
                }
            }
            lines.push('\n');
        }
        Told::Container(known) => {
            let it = &known.container;
            writeln!(
                lines,
                "container {} {} {} complete={}",
                text(&it.runtime),
                text(&it.name),
                text(&it.image),
                known.is_complete
            )
            .unwrap();
        }
        Told::Ended(known) => writeln!(lines, "ended {}", text(&known.container.name)).unwrap(),
        Told::Lookup(_) | Told::Verdict { .. } => {}
    }
}

#[test]
fn recorded_containers_tell_what_they_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut played = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "capture") {
            continue;
        }
        played += 1;
        let mut lines = String::new();
        let file = fs::File::open(&path).unwrap();
        let (report, context) = replay(file, Settings::default(), &mut |told| {
            line(&told, &mut lines);
        })
        .unwrap();
        assert!(report.records > 10 && !report.is_cut, "{report:?}");
        assert_eq!(context.counters().incomplete, 0, "{}", path.display());
        let golden = path.with_extension("txt");
        if std::env::var_os("SEAWALL_UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &lines).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap();
        assert!(
            lines == expected,
            "{} tells another story:\n{lines}",
            path.display()
        );
    }
    assert!(played >= 2, "the captures are gone");
}
