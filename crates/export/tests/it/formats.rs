//! What each format makes of the same notices.

use std::process::Command;

use export::format::{cef, csv, json, leef, ocsf, syslog};

use crate::sample::all;

#[test]
fn cef_keeps_hostile_text_inside_its_field() {
    let lines: Vec<_> = all().iter().map(cef::write).collect();
    for line in &lines {
        assert_eq!(line.lines().count(), 1, "{line}");
        // Seven bars that nothing escapes end the header, no more.
        let bars = line.replace("\\\\", "").replace("\\|", "");
        let (head, _) = bars.split_once("rt=").unwrap_or((&bars, ""));
        assert_eq!(head.matches('|').count(), 7, "{line}");
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn leef_keeps_hostile_text_inside_its_field() {
    let lines: Vec<_> = all().iter().map(leef::write).collect();
    for line in &lines {
        assert_eq!(line.lines().count(), 1, "{line}");
        let (_, pairs) = line.split_once("|x09|").unwrap();
        assert!(pairs.split('\t').all(|pair| pair.contains('=')), "{line}");
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn syslog_counts_its_octets() {
    let facility = syslog::facility("local4").unwrap();
    let frames: Vec<_> = all()
        .iter()
        .map(|notice| {
            syslog::write(
                notice,
                facility,
                "sea wall",
                export::format::LineFormat::Cef,
            )
        })
        .collect();
    for frame in &frames {
        let (length, rest) = frame.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), rest.len());
    }
    insta::assert_snapshot!(frames.join("\n"));
}

#[test]
fn csv_gives_every_notice_every_column() {
    let text: String = std::iter::once(csv::header())
        .chain(all().iter().map(csv::write))
        .collect();
    insta::assert_snapshot!(text.replace('\r', ""));
}

#[test]
fn json_is_the_notice() {
    insta::assert_snapshot!(json(&all()[0]));
}

#[test]
fn ocsf_is_what_its_own_schema_allows() {
    let objects: Vec<_> = all().iter().map(ocsf::write).collect();
    insta::assert_json_snapshot!(objects);
    let Some(python) = testkit::receiver::tool("python/bin/python") else {
        return;
    };
    let script = "
import json, sys
try:
    import jsonschema, ocsf_json_schema
except ImportError as error:
    print('skipped: ' + str(error)); sys.exit(0)
schema = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema('1.5.0'))
problems = []
for number, event in enumerate(json.load(open(sys.argv[1]))):
    document = schema.get_class_schema(schema.lookup_class_name_from_uid(event['class_uid']))
    for error in jsonschema.Draft202012Validator(document).iter_errors(event):
        problems.append('%d %s: %s' % (number, '/'.join(map(str, error.path)), error.message[:300]))
sys.exit('\\n'.join(problems) or 0)
";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), serde_json::to_vec(&objects).unwrap()).unwrap();
    let output = Command::new(python)
        .args(["-c", script])
        .arg(file.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    if told.contains("skipped") {
        testkit::skipped(&format!("OCSF validation: {told}"));
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
