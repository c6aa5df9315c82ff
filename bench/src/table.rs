//! What was measured beside what was promised, as text.

use std::fmt::Write as _;

use crate::load::Driven;
use crate::scenarios::Row;

/// One turn of one row.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) driven: Driven,
    /// CPU time of the server for each request, in microseconds.
    pub(crate) cpu: Option<f64>,
}

/// All turns of one row.
pub(crate) struct Measured<R = Row> {
    pub(crate) row: R,
    pub(crate) turns: Vec<Turn>,
}

/// A figure that is no ratio of two rows.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) promise: Option<Promise>,
}

#[derive(Clone, Copy)]
pub(crate) enum Promise {
    AtLeast(f64),
    Below(f64),
}

impl Promise {
    fn is_kept(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::Below(most) => value < most,
        }
    }

    pub(crate) fn said(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least:.2}"),
            Self::Below(most) => format!("< {most}"),
        }
    }
}

/// The middle value; of an even count the lower one of the two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

impl<R> Measured<R> {
    pub(crate) fn p99(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.driven.p99_ms))
    }

    pub(crate) fn median_cpu(&self) -> Option<f64> {
        let known: Vec<f64> = self.turns.iter().filter_map(|turn| turn.cpu).collect();
        (!known.is_empty()).then(|| median(known))
    }

    /// How busy the server's core was, in percent; above 100 where it had more than one.
    pub(crate) fn busy(&self) -> Option<f64> {
        let busy: Vec<f64> =
            self.turns.iter().filter_map(|turn| Some(turn.cpu? * turn.driven.per_second() / 10_000.0)).collect();
        (!busy.is_empty()).then(|| median(busy))
    }

    /// Requests per second as a ratio, turn by turn: what slows both alike cancels out.
    pub(crate) fn ratio_to(&self, base: &Self) -> f64 {
        median(self.turns.iter().zip(&base.turns).map(|(own, base)| own.driven.per_second() / base.driven.per_second()))
    }

    /// The same by CPU time, which a busy neighbour changes less.
    pub(crate) fn cpu_ratio_to(&self, base: &Self) -> Option<f64> {
        Some(base.median_cpu()? / self.median_cpu()?)
    }
}

/// The table of all rows.
pub(crate) fn rows(all: &[Measured]) -> String {
    let mut text = String::new();
    let titles = ["row", "requests/s", "p50 ms", "p99 ms", "CPU us", "busy %", "ratio", "by CPU", "to", "promise", ""];
    line(&mut text, &titles.map(str::to_owned));
    for measured in all {
        let versus = measured.row.versus.and_then(|(name, promise)| {
            let base = all.iter().find(|base| base.row.name == name)?;
            Some((base, promise.map(Promise::AtLeast)))
        });
        let ratio = versus.map(|(base, _)| measured.ratio_to(base));
        let by_cpu = versus.and_then(|(base, _)| measured.cpu_ratio_to(base));
        let promise = versus.and_then(|(_, promise)| promise);
        line(
            &mut text,
            &[
                measured.row.name.to_owned(),
                format!("{:.0}", median(measured.turns.iter().map(|turn| turn.driven.per_second()))),
                format!("{:.2}", median(measured.turns.iter().map(|turn| turn.driven.p50_ms))),
                format!("{:.2}", measured.p99()),
                or_dash(measured.median_cpu(), 1),
                or_dash(measured.busy(), 0),
                or_dash(ratio, 2),
                or_dash(by_cpu, 2),
                versus.map_or_else(String::new, |(base, _)| base.row.name.to_owned()),
                promise.map_or_else(String::new, Promise::said),
                verdict(promise, ratio),
            ],
        );
    }
    text
}

/// The table of the other figures.
pub(crate) fn figures(all: &[Figure]) -> String {
    let mut text = String::new();
    for Figure { name, value, unit, promise } in all {
        let value_said = format!("{value:.2} {unit}");
        let promise_said = promise.map_or_else(String::new, Promise::said);
        let end = verdict(*promise, Some(*value));
        let line = format!("{name:<52}{value_said:>14}   {promise_said:<9} {end}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

pub(crate) fn verdict(promise: Option<Promise>, value: Option<f64>) -> String {
    let Some((promise, value)) = promise.zip(value) else { return String::new() };
    if promise.is_kept(value) { "ok" } else { "missed" }.to_owned()
}

pub(crate) fn or_dash(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn line(text: &mut String, cells: &[String; 11]) {
    const WIDTHS: [usize; 10] = [20, 11, 8, 8, 8, 8, 7, 8, 0, 0];
    let [name, .., to, promise, end] = cells;
    _ = write!(text, "{name:<20}");
    for (cell, width) in cells.iter().zip(WIDTHS).skip(1).take(7) {
        _ = write!(text, "{cell:>width$}");
    }
    let rest = format!("  {to:<15}{promise:<9} {end}");
    text.push_str(rest.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0]) - 1.0).abs() < f64::EPSILON);
        assert!(median([]).is_nan());
    }

    #[test]
    fn a_promise_is_kept_or_missed() {
        let verdicts = [(Promise::AtLeast(0.8), 0.8), (Promise::AtLeast(0.8), 0.79), (Promise::Below(3.0), 3.0)]
            .map(|(promise, value)| verdict(Some(promise), Some(value)));
        assert_eq!(verdicts, ["ok", "missed", "missed"]);
        assert_eq!(verdict(None, Some(1.0)), "");
    }
}
