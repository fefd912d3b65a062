//! What is known of all rows that matched: counts of presets and values, percentiles, histogram, scatter, span.
//!
//! Guarantees: counts are exact and of the rows that matched (presets: of the rows that fit the conditions); bounds of the histogram are
//! round numbers, so that a bar can become a condition.

use super::{
    changes::Lived,
    columns::{ABSENT, Columns, flag},
    filter::in_preset,
    list::Point,
    names::Dictionary,
    reader::{RowReader, RowSpot},
};
use crate::{
    model::{
        summary::{Facet, FacetValue, HistogramBar, ListPage, Preset, RowFilter, VersionChange},
        time::UnixNanos,
        trace::State,
    },
    store::StoreError,
};

/// Most values of a facet.
const MAX_VALUES: usize = 12;
/// Most points of the scatter.
const MAX_POINTS: usize = 1500;
/// Facets that are sets, with the index of their column.
const SET_FACETS: [(&str, &str, usize); 6] =
    [("stage", "Stage", 6), ("model", "Model served", 0), ("prompt", "Prompt", 1), ("config", "Configuration", 2), ("worker", "Worker", 3), ("source", "Source", 4)];
/// Columns of prompt and configuration versions.
const PROMPT: usize = 1;
const CONFIG: usize = 2;
/// Round numbers that divide a decade about evenly on a logarithmic scale, times ten.
const STEPS: [i64; 6] = [10, 15, 20, 30, 50, 70];
/// Shorter totals share one bar.
const SHORTEST_NS: i64 = 1_000;

/// Counts while rows pass by.
pub(super) struct Overview {
    presets: [u64; Preset::ALL.len()],
    states: [u64; 8],
    routes: Vec<u64>,
    errors: Vec<u64>,
    sets: [Vec<u64>; SET_FACETS.len()],
    prompts: Lived,
    configs: Lived,
    points: Vec<Point>,
    totals: Vec<i64>,
    span: Option<(i64, i64)>,
}

impl Overview {
    pub(super) fn new(dictionary: &Dictionary) -> Self {
        Self {
            presets: [0; Preset::ALL.len()],
            states: [0; 8],
            routes: vec![0; dictionary.names().len()],
            errors: vec![0; dictionary.names().len()],
            sets: std::array::from_fn(|_| vec![0; dictionary.sets().len()]),
            prompts: Lived::new(dictionary),
            configs: Lived::new(dictionary),
            points: Vec::new(),
            totals: Vec::new(),
            span: None,
        }
    }

    /// Counts a row that fits the conditions in the presets it belongs to.
    pub(super) fn count_presets(&mut self, flags: u16) {
        for (count, preset) in self.presets.iter_mut().zip(Preset::ALL) {
            *count += u64::from(in_preset(preset, flags));
        }
    }

    /// Counts a row that matched.
    pub(super) fn add(&mut self, columns: &Columns, row: usize, spot: RowSpot) {
        self.states[usize::from(columns.flags[row] & flag::STATE)] += 1;
        self.routes[columns.route[row] as usize] += 1;
        self.errors[columns.error[row] as usize] += 1;
        for ((_, _, column), counts) in SET_FACETS.iter().zip(&mut self.sets) {
            counts[columns.sets[*column][row] as usize] += 1;
        }
        let (start, total_ns) = (columns.start[row], columns.total[row]);
        if total_ns != ABSENT {
            self.totals.push(total_ns);
        }
        if start != ABSENT {
            let (first, last) = self.span.unwrap_or((start, start));
            self.span = Some((first.min(start), last.max(start)));
            self.prompts.add(columns.sets[PROMPT][row], start);
            self.configs.add(columns.sets[CONFIG][row], start);
            if total_ns != ABSENT {
                self.points.push(Point { start, spot });
            }
        }
    }

    /// Fills the rest of a page.
    pub(super) fn finish(mut self, page: ListPage, filters: &[RowFilter], reader: &RowReader) -> Result<ListPage, StoreError> {
        let histogram = histogram(&self.totals);
        let [p50_ns, p95_ns, p99_ns] = percentiles(&mut self.totals);
        let scatter = evenly(&mut self.points).into_iter().map(|point| point.finish(reader)).collect::<Result<_, _>>()?;
        Ok(ListPage {
            presets: Preset::ALL.iter().zip(self.presets).map(|(preset, count)| (preset.word(), count)).collect(),
            facets: self.facets(filters, reader.dictionary()),
            p50_ns,
            p95_ns,
            p99_ns,
            n: self.totals.len() as u64,
            histogram,
            scatter,
            changes: self.changes(reader.dictionary()),
            span: self.span.map(|(first, last)| (UnixNanos(first), UnixNanos(last))),
            ..page
        })
    }

    fn facets(&self, filters: &[RowFilter], dictionary: &Dictionary) -> Vec<Facet> {
        let names = dictionary.names();
        let of_names = |counts: &[u64]| facet_counts(names.iter().map(|name| &**name).zip(counts.iter().copied()).skip(1));
        let states = facet_counts(State::ALL.iter().map(|state| state.word()).zip(self.states));
        let mut out = vec![facet("status", "State", states, filters), facet("route", "Route", of_names(&self.routes), filters)];
        for ((key, title, _), counts) in SET_FACETS.into_iter().zip(&self.sets) {
            let mut of_name = vec![0_u64; names.len()];
            for (set, count) in dictionary.sets().iter().zip(counts).filter(|(_, count)| **count > 0) {
                set.iter().for_each(|name| of_name[*name as usize] += count);
            }
            out.push(facet(key, title, of_names(&of_name), filters));
        }
        out.insert(3, facet("error", "Error", of_names(&self.errors), filters));
        out
    }

    fn changes(&self, dictionary: &Dictionary) -> Vec<VersionChange> {
        let Some(span) = self.span else { return Vec::new() };
        let mut out = self.prompts.changes(dictionary, true, span);
        out.extend(self.configs.changes(dictionary, false, span));
        out.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        out
    }
}

fn facet_counts<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<(&'a str, u64)> {
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Values of the conditions on a facet.
fn chosen<'a>(key: &str, filters: &'a [RowFilter]) -> Vec<&'a str> {
    let values = filters.iter().filter_map(|filter| match (key, filter) {
        ("route", RowFilter::Route(values))
        | ("status", RowFilter::State(values))
        | ("model", RowFilter::Model(values))
        | ("prompt", RowFilter::Prompt(values))
        | ("config", RowFilter::Config(values))
        | ("worker", RowFilter::Worker(values))
        | ("stage", RowFilter::Stage(values))
        | ("error", RowFilter::Error(values))
        | ("source", RowFilter::Source(values)) => Some(values),
        _ => None,
    });
    values.flatten().map(String::as_str).collect()
}

/// Most frequent first; chosen values always stand among them. Names may be as many as requests: only those that are shown are put in order.
fn facet(key: &str, title: &str, mut counts: Vec<(&str, u64)>, filters: &[RowFilter]) -> Facet {
    let chosen = chosen(key, filters);
    let order = |a: &(&str, u64), b: &(&str, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0));
    // A value of its own for each request (a hash of the whole prompt, say) groups nothing.
    if chosen.is_empty() && counts.len() > MAX_VALUES && counts.iter().all(|(_, count)| *count == 1) {
        counts.clear();
    }
    let all = counts.len();
    let (mut kept, mut rest): (Vec<(&str, u64)>, Vec<(&str, u64)>) = counts.into_iter().partition(|(value, _)| chosen.contains(value));
    if matches!(key, "route" | "status" | "error") {
        // A condition that nothing fits is still shown, to be taken away.
        let unmet: Vec<&str> = chosen.iter().copied().filter(|value| !value.ends_with('*') && !kept.iter().any(|(met, _)| met == value)).collect();
        kept.extend(unmet.into_iter().map(|value| (value, 0)));
    }
    kept.sort_unstable_by(order);
    kept.truncate(MAX_VALUES);
    let free = MAX_VALUES - kept.len();
    if rest.len() > free {
        rest.select_nth_unstable_by(free, order);
        rest.truncate(free);
    }
    kept.append(&mut rest);
    kept.sort_unstable_by(order);
    let values: Vec<FacetValue> = kept.into_iter().map(|(value, count)| FacetValue { chosen: chosen.contains(&value), value: value.to_owned(), count }).collect();
    Facet { key: key.to_owned(), title: title.to_owned(), more: all.saturating_sub(values.len()) as u64, values }
}

/// At most [`MAX_POINTS`], evenly chosen in the order of time.
fn evenly(points: &mut Vec<Point>) -> Vec<Point> {
    // Rows come nearly in this order: a sort that merges what is in order already takes a third of the time of another.
    if points.first().zip(points.last()).is_some_and(|(first, last)| first.start > last.start) {
        points.reverse();
    }
    points.sort_by_key(|point| point.start);
    let n = points.len();
    if n <= MAX_POINTS {
        return std::mem::take(points);
    }
    // The first and the last are always among them.
    let mut wanted = (0..MAX_POINTS).map(|i| i * (n - 1) / (MAX_POINTS - 1)).peekable();
    let kept = points.drain(..).enumerate().filter(|(at, _)| wanted.next_if_eq(at).is_some());
    kept.map(|(_, point)| point).collect()
}

/// Median, 95th and 99th percentile by nearest rank. Puts the totals into another order; sorting all of them would take longer.
fn percentiles(totals: &mut [i64]) -> [Option<i64>; 3] {
    let mut from = 0;
    [50, 95, 99].map(|percent: usize| {
        let at = (percent * totals.len()).div_ceil(100).checked_sub(1)?;
        // What lies before is not larger.
        let (_, found, _) = totals[from..].select_nth_unstable(at - from);
        from = at;
        Some(*found)
    })
}

/// Bars from the shortest to the longest total, with none left out between.
fn histogram(totals: &[i64]) -> Vec<HistogramBar> {
    let bounds: Vec<i64> = bounds().collect();
    // Bars that begin below each power of two: from there it is at most a few steps to the bar of a total.
    let below: [usize; 63] = std::array::from_fn(|bit| bounds.partition_point(|bound| *bound <= 1 << bit));
    let mut counts = vec![0_u64; bounds.len() + 1];
    for total in totals {
        let mut bar = below[total.checked_ilog2().unwrap_or(0) as usize];
        while bar + 1 < bounds.len() && *total >= bounds[bar] {
            bar += 1;
        }
        counts[bar] += 1;
    }
    let (Some(first), Some(last)) = (counts.iter().position(|n| *n > 0), counts.iter().rposition(|n| *n > 0)) else { return Vec::new() };
    let bar = |at: usize| HistogramBar { from_ns: at.checked_sub(1).map_or(0, |before| bounds[before]), to_ns: bounds[at], count: counts[at] };
    (first..=last).map(bar).collect()
}

fn bounds() -> impl Iterator<Item = i64> {
    let decades = std::iter::successors(Some(SHORTEST_NS / 10), |decade| decade.checked_mul(10));
    decades.flat_map(|decade| STEPS.into_iter().map(move |step| decade.saturating_mul(step))).chain([i64::MAX])
}
