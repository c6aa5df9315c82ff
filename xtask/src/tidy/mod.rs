//! `tidy`: the rules of the house that no other tool knows. A rule is a function from text to findings, so that it is
//! tested on strings; only this file reads the disk.

mod arrows;
mod blank;
mod fences;
mod links;
mod names;
mod sizes;
mod source;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use self::source::Source;
use crate::Outcome;
use crate::process::root;

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 8] =
    ["target", "node_modules", ".git", ".venv", "menjin-dev", "__pycache__", "dist", ".pytest_cache"];

/// Something against the rules, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

pub(crate) fn run() -> Outcome {
    let root = root();
    let mut paths = Vec::new();
    walk(&root, "", &mut paths)?;
    let mut findings: Vec<Finding> = paths.iter().flat_map(|path| names::check(path)).collect();
    let sources = paths_with(&paths, "rs").map(|path| Ok(Source::new(path, &read(&root, path)?)));
    let sources = sources.collect::<anyhow::Result<Vec<Source>>>()?;
    for source in &sources {
        findings.extend(rust_findings(source));
    }
    for path in paths_with(&paths, "md") {
        findings.extend(links::check(path, &read(&root, path)?, |target| root.join(target).exists()));
    }
    println!("{}", sizes::Sizes::of(&sources));
    report(&findings);
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rust_findings(source: &Source) -> Vec<Finding> {
    let rules: [fn(&Source) -> Vec<Finding>; 6] =
        [header, sizes::check, names::check_modules, fences::check, words::check, arrows::check];
    rules.iter().flat_map(|rule| rule(source)).collect()
}

fn header(source: &Source) -> Vec<Finding> {
    if source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![source.finding(1, "the file must open with `//!`: what lives here, what does not")]
}

fn report(findings: &[Finding]) {
    for finding in findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: nothing to complain about"),
        1 => eprintln!("tidy: 1 finding"),
        many => eprintln!("tidy: {many} findings"),
    }
}

/// Collects the files below `folder`, in order, with `/` on every system.
fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) -> anyhow::Result<()> {
    let listed = fs::read_dir(root.join(folder)).with_context(|| format!("listing {folder}"))?;
    let mut entries = listed.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(root, &path, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(root: &Path, path: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
    Ok(text.replace("\r\n", "\n"))
}

fn paths_with<'a>(paths: &'a [String], extension: &str) -> impl Iterator<Item = &'a String> {
    let ending = format!(".{extension}");
    paths.iter().filter(move |path| path.ends_with(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_is_found() {
        assert!(header(&Source::new("a.rs", "//! Here.\nfn f() {}\n")).is_empty());
        for text in ["", "fn f() {}\n", "\n//! Too late.\n", "// No.\n"] {
            assert_eq!(header(&Source::new("a.rs", text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_finding_can_be_clicked() {
        let finding = Source::new("src/a.rs", "").finding(7, "no");
        assert_eq!(finding.to_string(), "src/a.rs:7: no");
    }
}
