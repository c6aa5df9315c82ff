//! The file of those who were left out: a line each with the place, the field and the reason, and nothing of the person.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::raw::Reject;

/// What follows the place in the first line.
const HEAD: &str = ",field,why\n";

pub(super) struct Report {
    path: PathBuf,
    /// What a place is: a line or a number.
    place: &'static str,
    /// Open from the first reject on.
    writer: Option<csv::Writer<fs::File>>,
    rejected: u64,
    reasons: BTreeMap<String, u64>,
}

impl Report {
    /// The report of an earlier run goes.
    pub(super) fn at(path: &Path, place: &'static str) -> anyhow::Result<Self> {
        match fs::read(path) {
            Ok(text) => {
                let is_ours =
                    ["line", "number"].iter().any(|place| text.starts_with(format!("{place}{HEAD}").as_bytes()));
                if !is_ours {
                    bail!(
                        "{} exists and is no report of `menjin import`: choose another name with --rejects",
                        path.display()
                    );
                }
                fs::remove_file(path).with_context(|| path.display().to_string())?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("{} can't be written (--rejects)", path.display()));
            }
        }
        Ok(Self { path: path.to_owned(), place, writer: None, rejected: 0, reasons: BTreeMap::new() })
    }

    pub(super) fn write(&mut self, reject: &Reject) -> anyhow::Result<()> {
        let Reject { place, field, why, which } = reject;
        self.rejected += 1;
        *self.reasons.entry(format!("{field} {why}")).or_default() += 1;
        let cannot = || format!("{} can't be written (--rejects)", self.path.display());
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let mut writer = csv::Writer::from_writer(make(&self.path).with_context(cannot)?);
            writer.write_record([self.place, "field", "why"]).with_context(cannot)?;
            self.writer.insert(writer)
        };
        writer.write_record([place.to_string(), field.clone(), format!("{why}{which}")]).with_context(cannot)
    }

    /// How many there were, and how many for each reason, the most frequent first.
    pub(super) fn finish(self) -> anyhow::Result<(u64, Vec<(String, u64)>)> {
        if let Some(mut writer) = self.writer {
            writer.flush().with_context(|| format!("{} can't be written (--rejects)", self.path.display()))?;
        }
        let mut reasons: Vec<_> = self.reasons.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok((self.rejected, reasons))
    }
}

fn make(path: &Path) -> std::io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
