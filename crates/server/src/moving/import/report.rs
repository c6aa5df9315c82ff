//! The file of those who were left out, and of fields that were: a line each with the place, the field and the reason, and
//! nothing of the person.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::Imported;
use super::raw::Reject;

/// What follows the place in the first line.
const HEAD: &str = ",field,why\n";

pub(super) struct Report {
    path: PathBuf,
    /// What a place is: a line or a number.
    place: &'static str,
    /// Open from the first line on.
    writer: Option<csv::Writer<fs::File>>,
    rejected: u64,
    reasons: BTreeMap<String, u64>,
    incomplete: u64,
    fields: BTreeMap<String, u64>,
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
                fs::remove_file(path).with_context(|| cannot(path))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| cannot(path));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            place,
            writer: None,
            rejected: 0,
            reasons: BTreeMap::new(),
            incomplete: 0,
            fields: BTreeMap::new(),
        })
    }

    /// Somebody who is left out.
    pub(super) fn write(&mut self, reject: &Reject) -> anyhow::Result<()> {
        self.rejected += 1;
        *self.reasons.entry(format!("{} {}", reject.field, reject.why)).or_default() += 1;
        self.line(reject, "")
    }

    /// Somebody who is in, without these fields.
    pub(super) fn write_fields(&mut self, left_out: &[Reject]) -> anyhow::Result<()> {
        self.incomplete += u64::from(!left_out.is_empty());
        for field in left_out {
            *self.fields.entry(format!("{} {}", field.field, field.why)).or_default() += 1;
            self.line(field, "only this is left out: ")?;
        }
        Ok(())
    }

    fn line(&mut self, reject: &Reject, before: &str) -> anyhow::Result<()> {
        let Reject { place, field, why, which } = reject;
        let cannot = || cannot(&self.path);
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let mut writer = csv::Writer::from_writer(make(&self.path).with_context(cannot)?);
            writer.write_record([self.place, "field", "why"]).with_context(cannot)?;
            self.writer.insert(writer)
        };
        writer.write_record([place.to_string(), field.clone(), format!("{before}{why}{which}")]).with_context(cannot)
    }

    /// Says how many there were, and how many for each reason, the most frequent first.
    pub(super) fn finish(self, imported: &mut Imported) -> anyhow::Result<()> {
        if let Some(mut writer) = self.writer {
            writer.flush().with_context(|| cannot(&self.path))?;
        }
        (imported.rejected, imported.reasons) = (self.rejected, sorted(self.reasons));
        (imported.incomplete, imported.left_out) = (self.incomplete, sorted(self.fields));
        Ok(())
    }
}

fn sorted(reasons: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    reasons
}

fn cannot(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("{} can't be written: say --rejects FILE, in a folder that this account may write to", path.display())
}

fn make(path: &Path) -> std::io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
