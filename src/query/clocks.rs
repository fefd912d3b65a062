//! Clocks of the hosts around a time: what the rows of that time say together.
//!
//! Guarantees: looks at most at [`MAX_ROWS`] rows of one window of time; the same rows give the same answer. Rows never are shifted, so what was found
//! does not change what is found. It moves nothing itself: `reconstruct::clocks::shift` does.

use super::{
    engine::{Engine, Snapshot},
    lines::store,
    view::QueryError,
};
use crate::{
    model::{
        summary::{RequestSummary, RowFilter, RowQuery},
        time::UnixNanos,
        trace::{ClockBound, Skew},
    },
    reconstruct::clocks::{self, Clocks},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Clocks drift: what is far away in time says little.
const WINDOW_NS: i64 = 600_000_000_000;
/// How far before and behind a window is looked where it holds few requests.
const BEFORE_NS: i64 = 2 * WINDOW_NS;
const AFTER_NS: i64 = WINDOW_NS;
/// Requests looked at.
const MAX_ROWS: usize = 2_000;
/// So many requests of a window speak for it; fewer are joined by those around.
const ENOUGH: usize = 500;
/// Windows remembered.
const MAX_WINDOWS: usize = 256;

/// What was found of each window, with the number of rows there were then.
#[derive(Default)]
pub(super) struct Known(Mutex<BTreeMap<i64, (u64, Arc<Clocks>)>>);

/// The window of time of a request.
pub(super) fn window(start: Option<UnixNanos>) -> i64 {
    start.map_or(0, |at| at.0.div_euclid(WINDOW_NS))
}

impl Engine {
    /// The clocks in a window of time; asked again when a tenth more rows stand.
    pub(super) fn clocks(&self, snapshot: &Snapshot, window: i64) -> Result<Arc<Clocks>, QueryError> {
        let rows = snapshot.rows.count();
        let known = self.clocks.0.lock().unwrap_or_else(PoisonError::into_inner).get(&window).cloned();
        if let Some((then, clocks)) = known
            && (then..=then + then / 10).contains(&rows)
        {
            return Ok(clocks);
        }
        let (from, to) = (window.saturating_mul(WINDOW_NS), window.saturating_add(1).saturating_mul(WINDOW_NS));
        let rows_of = |from: i64, to: i64| {
            let query = RowQuery { filters: vec![RowFilter::Start(Some(from), Some(to))], limit: MAX_ROWS, overview: false, ..RowQuery::default() };
            snapshot.rows.list(&query).map(|page| page.rows).map_err(store)
        };
        let mut page = rows_of(from, to)?;
        if page.len() < ENOUGH {
            page = rows_of(from.saturating_sub(BEFORE_NS), to.saturating_add(AFTER_NS))?;
        }
        let found = Arc::new(solve(&page));
        let mut known = self.clocks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_WINDOWS {
            known.clear();
        }
        known.insert(window, (rows, found.clone()));
        Ok(found)
    }
}

fn solve(rows: &[RequestSummary]) -> Clocks {
    clocks::solve(rows.iter().flat_map(|row| &row.clocks))
}

/// What of it speaks of the clocks of one path.
pub(super) fn of_path(clocks: &Clocks, bounds: &[ClockBound], applied: bool) -> Vec<Skew> {
    let seen: BTreeSet<&str> = bounds.iter().flat_map(|bound| [&*bound.of, &*bound.against]).collect();
    let known = clocks.known.iter().filter(|skew| seen.contains(&*skew.host));
    known.map(|skew| Skew { applied: applied && clocks.shifts.contains_key(&skew.host), ..skew.clone() }).collect()
}
