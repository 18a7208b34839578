//! How a report is shown: a table for people, JSON for programs.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::{Report, Series, Unit};

impl Report {
    /// A table with a line for each figure and limit; spreads are the least and the greatest of all runs.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["group", "figure", "median", "spread", "limit", "median", "ratio", "spread"]);
        for figure in self.figures() {
            for (at, limit) in figure.limits.iter().enumerate() {
                let (ratio, unit) = (figure.against(limit), figure.unit);
                let own = if at == 0 {
                    let measured = &figure.measured;
                    [
                        figure.group.name().into(),
                        figure.name.clone(),
                        unit.show(measured.median()),
                        spread(unit, measured),
                    ]
                } else {
                    Default::default()
                };
                let limits = [limit.name.clone(), unit.show(limit.measured.median())];
                let ratios = [format!("{:.2}", ratio.median()), format!("{:.2}–{:.2}", ratio.min(), ratio.max())];
                table.add_row(own.into_iter().chain(limits).chain(ratios));
            }
        }
        for numbers in [2, 3, 5, 6, 7] {
            if let Some(column) = table.column_mut(numbers) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }

    /// The same for programs: times in seconds, rates a second.
    #[must_use]
    pub fn json(&self) -> Value {
        let figures = self.figures().iter().map(|figure| {
            let limits = figure.limits.iter().map(|limit| {
                let ratio = series(&figure.against(limit));
                json!({ "limit": limit.name, "measured": series(&limit.measured), "ratio": ratio })
            });
            json!({
                "group": figure.group.name(),
                "figure": figure.name,
                "unit": figure.unit.name(),
                "runs": figure.measured.len(),
                "measured": series(&figure.measured),
                "limits": limits.collect::<Vec<_>>(),
            })
        });
        Value::Array(figures.collect())
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::PerSecond => "per second",
            Self::Bytes => "bytes",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => format!("{:.3} ms", value * 1e3),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Bytes => format!("{value:.0} B"),
        }
    }
}

fn spread(unit: Unit, series: &Series) -> String {
    match unit {
        Unit::Seconds => format!("{:.3}–{:.3}", series.min() * 1e3, series.max() * 1e3),
        Unit::PerSecond | Unit::Bytes => format!("{:.0}–{:.0}", series.min(), series.max()),
    }
}

fn series(series: &Series) -> Value {
    json!({ "median": series.median(), "min": series.min(), "max": series.max() })
}
