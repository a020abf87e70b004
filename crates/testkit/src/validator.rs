//! Other people's validators for the documents we write, from
//! `.tools/` where `scripts/setup test` puts them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use crate::skip::skipped;

const CYCLONEDX: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
with open(sys.argv[1], encoding='utf-8') as document:
    refusal = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.read())
if refusal is not None:
    sys.exit(str(refusal))
";

const SPDX: &str = "
import sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
refusals = validate_full_spdx_document(parse_file(sys.argv[1]))
if refusals:
    sys.exit('\\n'.join(refusal.validation_message for refusal in refusals))
";

fn tool(path: &str) -> Option<PathBuf> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../.tools")
        .join(path);
    if tool.exists() {
        Some(tool)
    } else {
        skipped(&format!(
            "no validator at .tools/{path} (scripts/setup test)"
        ));
        None
    }
}

/// Fails with what the `CycloneDX` project's own library has against the
/// document; says so and passes where that is not installed.
pub fn cyclonedx(document: &Path) -> anyhow::Result<()> {
    python(CYCLONEDX, "cyclonedx", document)
}

/// The same with the SPDX project's own tools.
pub fn spdx(document: &Path) -> anyhow::Result<()> {
    python(SPDX, "spdx_tools", document)
}

fn python(script: &str, module: &str, document: &Path) -> anyhow::Result<()> {
    let Some(python) = tool("python/bin/python") else {
        return Ok(());
    };
    let has_module = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output()?;
    if !has_module.status.success() {
        skipped(&format!(
            "the Python module {module} is not in .tools/python"
        ));
        return Ok(());
    }
    run(Command::new(python).args(["-c", script]).arg(document))
}

/// The same with Microsoft's SARIF Multitool.
pub fn sarif(document: &Path) -> anyhow::Result<()> {
    let Some(tool) = tool("sarif/node_modules/.bin/sarif-multitool-linux") else {
        return Ok(());
    };
    let verdict = tempfile::NamedTempFile::new()?;
    run(Command::new(tool)
        // The tool wants ICU's tables only for other languages' messages.
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .arg("validate")
        .arg(document)
        .args(["--log", "ForceOverwrite", "--output"])
        .arg(verdict.path()))?;
    let verdict: serde_json::Value = serde_json::from_slice(&std::fs::read(verdict.path())?)?;
    let results = verdict["runs"][0]["results"].as_array();
    let errors: Vec<_> = results
        .context("the validator's verdict has no results")?
        .iter()
        .filter(|result| result["level"] == "error")
        .collect();
    if !errors.is_empty() {
        bail!("{}", serde_json::to_string_pretty(&errors)?);
    }
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
