//! People from CSV with a header: `number,nickname,openid`, or `openid.shop,openid.club` for several apps.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, ensure};
use csv::{ByteRecord, ErrorKind, Reader};

use super::raw::{Field, Found, Name, Raw, Reject};

pub(super) struct Csv {
    reader: Reader<Box<dyn Read + Send>>,
    columns: Vec<Option<Name>>,
    pub(super) ignored: Vec<String>,
    size: u64,
}

impl Csv {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
        let size = file.metadata()?.len();
        let mut reader = csv::ReaderBuilder::new().from_reader(Box::new(file) as Box<dyn Read + Send>);
        let head = reader.byte_headers().with_context(|| path.display().to_string())?.clone();
        let names = head.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
        let names = names.collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|_| anyhow::anyhow!("{}: the first line is not UTF-8", path.display()))?;
        let columns: Vec<_> = names.iter().map(|name| Name::parse(name)).collect();
        let has = |field| columns.iter().flatten().any(|name| name.field == field);
        ensure!(
            has(Field::Number),
            "{}: the first line must name the columns, `number` among them, as in number,nickname,openid",
            path.display()
        );
        for (at, column) in columns.iter().enumerate().filter(|(_, column)| column.is_some()) {
            ensure!(!columns[..at].contains(column), "{}: column {:?} stands twice", path.display(), names[at]);
        }
        let ignored = names.into_iter().zip(&columns).filter(|(_, column)| column.is_none()).map(|(name, _)| name);
        Ok(Self { ignored: ignored.collect(), reader, columns, size })
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Option<Found>> {
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some(Ok(self.raw(&record)))),
            Err(error) => {
                let ErrorKind::UnequalLengths { pos, .. } = error.kind() else { return Err(error.into()) };
                let line = pos.as_ref().map_or(0, csv::Position::line);
                Ok(Some(Err(Reject::new(line, &"line", "has more or fewer columns than the first line"))))
            }
        }
    }

    fn raw(&self, record: &ByteRecord) -> Raw {
        let fields = self.columns.iter().zip(record).filter(|(_, value)| !value.is_empty());
        let named = fields.filter_map(|(name, value)| Some((name.clone()?, value.to_vec())));
        Raw { place: record.position().map_or(0, csv::Position::line), fields: named.collect(), ..Raw::default() }
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        (self.reader.position().byte().min(self.size), self.size)
    }
}
