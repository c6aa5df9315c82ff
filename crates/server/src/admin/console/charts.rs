//! The charts of the overview, as paths of an SVG: the last hour of this process.

use serde::Serialize;

use super::frame::Frame;
use crate::hour::{Look, Point};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// A chart and its figure.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    /// Names it for the script.
    pub(super) name: &'static str,
    #[serde(skip)]
    pub(super) title: String,
    #[serde(skip)]
    pub(super) about: String,
    /// The hour in one figure.
    pub(super) figure: String,
    /// What the upper edge stands for.
    pub(super) top: String,
    /// The line, and what is below it.
    pub(super) line: String,
    pub(super) area: String,
}

/// All of them, in the order in which they stand.
pub(super) fn charts(f: &Frame, look: &Look) -> Vec<Chart> {
    let whole = &look.whole;
    let each = |of: fn(&Point) -> u32| look.points.iter().map(|point| f64::from(of(point))).collect::<Vec<_>>();
    let chart = |name, [title, about, unit]: [&str; 3], figure: String, values: &[f64]| {
        let top = top(values);
        let (line, area) = paths(values, top);
        let top = format!("{} {unit}", figure_of(top));
        Chart { name, title: title.to_owned(), about: about.to_owned(), figure, top, line, area }
    };
    let counted = |name, title: &str, of: fn(&Point) -> u32| {
        let words = [title, f.say("近一小时", "in the last hour"), f.say("次/分", "a minute")];
        chart(name, words, of(whole).to_string(), &each(of))
    };
    let active = [
        f.say("活跃登录", "Active sessions"),
        f.say("近 15 分钟内登录或刷新过", "with a token of the last 15 minutes"),
        f.say("个", "at once"),
    ];
    let latency = [
        f.say("应答时间", "Time to answer"),
        f.say("95% 的请求 · 一半的请求，不超过", "at most, for 95 % and for half"),
        "ms",
    ];
    let took = format!("{} ms · {} ms", figure_of(whole.p95), figure_of(whole.p50));
    let p95: Vec<_> = look.points.iter().map(|point| point.p95).collect();
    vec![
        counted("signed_in", f.say("登录", "Sign-ins"), |it| it.signed_in),
        counted("refreshed", f.say("刷新", "Refreshes"), |it| it.refreshed),
        counted("refused", f.say("拒绝与失败", "Refused and failed"), |it| it.refused),
        chart("active", active, whole.active.to_string(), &each(|it| it.active)),
        chart("latency", latency, took, &p95),
        counted("answered", f.say("请求", "Requests"), |it| it.answered),
    ]
}

/// The next of 1, 2, 5, 10 … above all values.
fn top(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(0.0, f64::max);
    if highest <= 1.0 {
        return 1.0;
    }
    let unit = 10.0_f64.powf(highest.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * unit).find(|top| *top >= highest).unwrap_or(highest)
}

fn paths(values: &[f64], top: f64) -> (String, String) {
    let last = values.len().saturating_sub(1).max(1);
    let step = WIDTH / u32::try_from(last).map_or(1.0, f64::from);
    let points = (0_u32..).zip(values).map(|(nth, value)| {
        let height = (HEIGHT - 4.0) * (value / top).clamp(0.0, 1.0);
        format!("{:.1} {:.1}", step * f64::from(nth), HEIGHT - 2.0 - height)
    });
    let line = format!("M{}", points.collect::<Vec<_>>().join("L"));
    let area = format!("{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z");
    (line, area)
}

/// As short as it is told.
fn figure_of(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_stays_in_its_chart() {
        let (line, area) = paths(&[0.0, 5.0, 10.0], top(&[0.0, 5.0, 10.0]));
        assert_eq!(line, "M0.0 118.0L300.0 60.0L600.0 2.0");
        assert_eq!(area, "M0.0 118.0L300.0 60.0L600.0 2.0L600 120L0 120Z");
    }

    #[test]
    fn the_upper_edge_is_a_round_figure() {
        for (highest, edge) in
            [(0.0, 1.0), (1.0, 1.0), (1.5, 2.0), (3.0, 5.0), (10.0, 10.0), (99.0, 100.0), (1234.0, 2000.0)]
        {
            assert!((top(&[highest]) - edge).abs() < 1e-6, "{highest}");
        }
    }
}
