//! A page of rows, and what is known of everything that matched: one pass over the columns, then only the page's rows are read.
//!
//! Guarantees: the order is total (value, then root), so walking by cursor shows no row twice and none is left out; rows without the
//! value that is sorted by come last in either direction. Percentiles are exact (nearest rank).

use super::{
    columns::flag,
    filter::{Number, Test, in_preset, state},
    overview::Overview,
    reader::{RowReader, RowSpot},
};
use crate::{
    model::{
        summary::{ListPage, Preset, RowQuery, SortKey},
        time::UnixNanos,
    },
    store::StoreError,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Most rows of a page: what a command may ask for at once.
const MAX_LIMIT: usize = 10_000;

/// Marks the layout of a cursor, so that none of another is read.
const LAYOUT: u8 = 0x10;

/// The column behind a key.
fn number(key: SortKey) -> Number {
    match key {
        SortKey::Start => Number::Start,
        SortKey::Total => Number::Total,
        SortKey::QueueWait => Number::Wait,
        SortKey::Model => Number::Model,
        SortKey::Attempts => Number::Attempts,
        SortKey::Tokens => Number::Tokens,
        SortKey::Errors => Number::Errors,
    }
}

/// The order of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    key: SortKey,
    ascending: bool,
}

impl Order {
    fn of(query: &RowQuery) -> Self {
        let own = match query.preset {
            Preset::Slowest => SortKey::Total,
            Preset::LongestWait => SortKey::QueueWait,
            _ => SortKey::Start,
        };
        Self { key: query.sort.unwrap_or(own), ascending: query.ascending }
    }

    /// Smaller comes first; rows without the value last.
    fn rank(self, value: Option<i64>) -> (bool, i128) {
        (value.is_none(), value.map_or(0, |v| if self.ascending { i128::from(v) } else { -i128::from(v) }))
    }
}

/// Where a row stands in the order: of those with one value the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    rank: (bool, i128),
    start: Reverse<i64>,
    root: &'a str,
}

#[derive(PartialEq, Eq)]
struct Ranked<'a> {
    place: Place<'a>,
    value: Option<i64>,
    spot: RowSpot,
}

/// The place of a cursor: value, start, root.
type At = (Option<i64>, i64, String);

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The last row of a page, as text: key and direction, whether it has the value, the value, its start, the root.
fn write_cursor(order: Order, value: Option<i64>, start: i64, root: &str) -> String {
    let key = SortKey::ALL.iter().position(|k| *k == order.key).unwrap_or(0) as u8;
    let mut bytes = vec![LAYOUT | key, u8::from(order.ascending), u8::from(value.is_some())];
    bytes.extend_from_slice(&value.unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(root.as_bytes());
    BASE64.encode(bytes)
}

fn read_cursor(order: Order, text: &str) -> Result<At, StoreError> {
    let read = || {
        let bytes = BASE64.decode(text).ok()?;
        let (head, root) = bytes.split_at_checked(19)?;
        let fits = SortKey::ALL.get(usize::from(head[0] ^ LAYOUT)) == Some(&order.key) && head[1] == u8::from(order.ascending);
        let value = (head[2] == 1).then_some(i64::from_le_bytes(head[3..11].try_into().ok()?));
        let start = i64::from_le_bytes(head[11..].try_into().ok()?);
        fits.then_some((value, start, String::from_utf8(root.to_vec()).ok()?))
    };
    read().ok_or(StoreError::Cursor)
}

impl RowReader {
    /// Rows that fit, a page of them, and with `overview` what is known of all that fit.
    pub fn list(&self, query: &RowQuery) -> Result<ListPage, StoreError> {
        let order = Order::of(query);
        let after = query.after.as_deref().map(|text| read_cursor(order, text)).transpose()?;
        let after = after.as_ref().map(|(value, start, root)| Place { rank: order.rank(*value), start: Reverse(*start), root });
        let tests: Vec<Test> = query.filters.iter().map(|filter| Test::new(filter, self.dictionary())).collect();
        let limit = query.limit.min(MAX_LIMIT);
        let mut page = Page { order, after, keep: limit + 1, heap: BinaryHeap::new() };
        let mut overview = query.overview.then(|| Overview::new(self.dictionary()));
        let mut matched = 0;
        // Rows stand about in order of their starts. Those that come first in an order are met first, so that the others are left at a glance.
        let back = order != (Order { key: SortKey::Start, ascending: true });
        self.each_in(back, |spot, columns, row| {
            if !tests.iter().all(|test| test.holds(columns, row)) {
                return;
            }
            let flags = columns.flags[row];
            if let Some(overview) = &mut overview {
                overview.count_presets(flags);
            }
            if !in_preset(query.preset, flags) {
                return;
            }
            matched += 1;
            if let Some(overview) = &mut overview {
                overview.add(columns, row, spot);
            }
            page.offer(number(order.key).of(columns, row), columns.start[row], || columns.root(row), spot);
        });
        let (rows, next) = self.finish(page, limit)?;
        let out = ListPage { rows, matched, total: self.count(), next, ..empty() };
        match overview {
            Some(overview) => overview.finish(out, &query.filters, self),
            None => Ok(out),
        }
    }

    fn finish(&self, page: Page<'_>, limit: usize) -> Result<(Vec<crate::model::summary::RequestSummary>, Option<String>), StoreError> {
        let order = page.order;
        let mut ranked = page.heap.into_sorted_vec();
        let more = ranked.len() > limit;
        ranked.truncate(limit);
        let next = ranked.last().filter(|_| more).map(|last| write_cursor(order, last.value, last.place.start.0, last.place.root));
        let spots: Vec<RowSpot> = ranked.iter().map(|r| r.spot).collect();
        Ok((self.rows_at(&spots)?, next))
    }
}

/// The first rows behind the cursor.
struct Page<'a> {
    order: Order,
    after: Option<Place<'a>>,
    keep: usize,
    heap: BinaryHeap<Ranked<'a>>,
}

impl<'a> Page<'a> {
    fn offer(&mut self, value: Option<i64>, start: i64, root: impl FnOnce() -> &'a str, spot: RowSpot) {
        let (rank, start) = (self.order.rank(value), Reverse(start));
        let full = self.heap.len() >= self.keep;
        if full && self.heap.peek().is_some_and(|last| (last.place.rank, last.place.start) < (rank, start)) {
            return;
        }
        let place = Place { rank, start, root: root() };
        if self.after.as_ref().is_some_and(|after| place <= *after) {
            return;
        }
        if full {
            if self.heap.peek().is_none_or(|last| last.place <= place) {
                return;
            }
            self.heap.pop();
        }
        self.heap.push(Ranked { place, value, spot });
    }
}

fn empty() -> ListPage {
    ListPage {
        rows: Vec::new(),
        matched: 0,
        total: 0,
        next: None,
        presets: Vec::new(),
        facets: Vec::new(),
        p50_ns: None,
        p95_ns: None,
        p99_ns: None,
        n: 0,
        histogram: Vec::new(),
        scatter: Vec::new(),
        changes: Vec::new(),
        span: None,
    }
}

/// A mark of the scatter before its id is known.
pub(super) struct Point {
    pub(super) start: i64,
    pub(super) spot: RowSpot,
}

impl Point {
    /// With its id, state and marks.
    pub(super) fn finish(&self, reader: &RowReader) -> Result<crate::model::summary::ScatterPoint, StoreError> {
        let (columns, row) = reader.columns_of(self.spot);
        let flags = columns.flags[row];
        let id = match columns.id(row) {
            Some(id) => id,
            None => reader.row_at(self.spot)?.id,
        };
        let marked = flags & (flag::RETRIED | flag::FELL_BACK | flag::DEGRADED) != 0;
        Ok(crate::model::summary::ScatterPoint { start: UnixNanos(self.start), total_ns: columns.total[row], state: state(flags), marked, id })
    }
}
