use super::Group;

/// What was measured so far: each figure with its limits, run by run.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
}

/// Something measured.
#[derive(Debug)]
pub struct Figure {
    /// The group that it belongs to.
    pub group: Group,
    /// What it is, as a noun phrase.
    pub name: String,
    /// How its values read.
    pub unit: Unit,
    /// One value a run.
    pub measured: Series,
    /// What it is compared with.
    pub limits: Vec<Limit>,
}

/// What a figure could be at best.
#[derive(Debug)]
pub struct Limit {
    /// What it is, as a noun phrase.
    pub name: String,
    /// One value a run, of the same runs as the figure's.
    pub measured: Series,
}

/// How values read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, and fewer are better.
    Seconds,
    /// A number a second, and more are better.
    PerSecond,
    /// Bytes, and fewer are better.
    Bytes,
}

/// The values of all runs, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series(Vec<f64>);

impl Report {
    /// Everything measured so far, in the order of its first run.
    #[must_use]
    pub fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// Takes in one run of a figure with its limits.
    pub(super) fn note(&mut self, group: Group, name: &str, unit: Unit, value: f64, limits: &[(&str, f64)]) {
        let at = self.figures.iter().position(|figure| figure.group == group && figure.name == name);
        let at = at.unwrap_or_else(|| {
            let limits = limits.iter().map(|(name, _)| Limit { name: (*name).into(), measured: Series::default() });
            let (name, measured) = (name.into(), Series::default());
            self.figures.push(Figure { group, name, unit, measured, limits: limits.collect() });
            self.figures.len() - 1
        });
        let figure = &mut self.figures[at];
        figure.measured.0.push(value);
        for (limit, (_, value)) in figure.limits.iter_mut().zip(limits) {
            limit.measured.0.push(*value);
        }
    }
}

impl Figure {
    /// The figure as a multiple of a limit, run by run: noise that both saw is gone.
    #[must_use]
    pub fn against(&self, limit: &Limit) -> Series {
        Series(self.measured.0.iter().zip(&limit.measured.0).map(|(value, limit)| value / limit).collect())
    }
}

impl Series {
    /// Values, in any order.
    #[must_use]
    pub fn of(values: Vec<f64>) -> Self {
        Self(values)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one in the middle.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The least.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.percentile(0)
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.percentile(100)
    }

    /// The value that so many of a hundred do not exceed; not a number where there are none.
    #[must_use]
    pub fn percentile(&self, hundredths: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last * hundredths).div_ceil(100)).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let series = Series::of((0..=100).rev().map(f64::from).collect());
        let percentiles = [0, 50, 99, 100].map(|hundredths| series.percentile(hundredths).to_string());
        assert_eq!(percentiles, ["0", "50", "99", "100"]);
        assert!(Series::default().median().is_nan());
    }

    #[test]
    fn a_ratio_pairs_the_values_of_one_run() {
        let mut report = Report::default();
        for (value, limit) in [(2., 1.), (30., 10.)] {
            report.note(Group::Save, "x", Unit::Seconds, value, &[("best", limit)]);
        }
        let [figure] = report.figures() else { panic!("one figure: {report:?}") };
        assert_eq!(figure.against(&figure.limits[0]), Series::of(vec![2., 3.]));
    }
}
