//! A query's conditions on requests and on lines become a page of rows.
//!
//! Guarantees: what is asked of lines is answered before rows are cut into pages, so a page and its counts are of all requests that match; a bound
//! of time that bites is said in a notice. Never writes.

use crate::{
    model::{
        summary::{Preset, RowFilter, RowQuery},
        time::UnixNanos,
    },
    query::{
        conditions::Conditions,
        engine::{Engine, LIMIT_MS, Snapshot},
        lines::{Limit, store},
        roots,
        syntax::{self, Parsed, TimeBound},
        view::{ListView, Notice, QueryError},
    },
};

/// A query made ready: conditions on rows alone.
pub struct Plan {
    /// The question to the rows.
    pub query: RowQuery,
    /// Each of its conditions in words.
    names: Vec<String>,
    /// Parts that could not be used, and bounds that bit.
    pub notices: Vec<Notice>,
    understood: Vec<String>,
}

/// Makes a query ready. Without a limit nothing is left out.
pub fn plan(engine: &Engine, snapshot: &Snapshot, search: &str, mut query: RowQuery, limit: Option<Limit>) -> Result<Plan, QueryError> {
    let parsed = syntax::parse(search);
    let mut notices = parsed.notices.clone();
    let mut names = vec!["one of the conditions".to_owned(); query.filters.len()];
    if let Some(preset) = parsed.preset.filter(|_| query.preset == Preset::All) {
        query.preset = preset;
    }
    for (filter, words) in parsed.rows.iter().zip(&parsed.row_words) {
        if matches!(filter, RowFilter::Mark(m) if m == "slow") {
            notices.push(Notice {
                part: "mark:slow".into(),
                at: search.find("mark:slow").unwrap_or(0),
                text: "slow is judged against each route as it stands now; list preset:slowest instead".into(),
            });
            continue;
        }
        query.filters.push(filter.clone());
        names.push(words.clone());
    }
    let (from, to) = bounds(snapshot, &parsed);
    if from.is_some() || to.is_some() {
        query.filters.push(RowFilter::Start(from, to));
        names.push(those_with(&parsed, "begins at or "));
    }
    for (filter, words, notice) in of_lines(engine, snapshot, &parsed, limit)? {
        query.filters.push(filter);
        names.push(words);
        notices.extend(notice.map(|text| Notice { part: String::new(), at: 0, text }));
    }
    Ok(Plan { query, names, notices, understood: parsed.understood })
}

/// Conditions on lines as conditions on roots: some line fits all that is wanted, and none fits any of what is not.
fn of_lines(engine: &Engine, snapshot: &Snapshot, parsed: &Parsed, limit: Option<Limit>) -> Result<Vec<(RowFilter, String, Option<String>)>, QueryError> {
    let (wanted, unwanted) = (Conditions::wanted(parsed), Conditions::unwanted(parsed));
    let mut out = Vec::new();
    let mut left = u32::from(wanted.ask_lines()) + unwanted.len() as u32;
    let mut roots_with = |conditions: &Conditions<'_>| {
        let share = limit.map(|l| l.share(left));
        left -= 1;
        roots::with_line(engine, snapshot, conditions, share).map(|(roots, complete)| (RowFilter::Roots(roots.into_iter().collect()), complete))
    };
    if wanted.ask_lines() {
        let (filter, complete) = roots_with(&wanted)?;
        let notice = (!complete).then(|| format!("not all lines could be followed to their requests in {LIMIT_MS} ms: requests are missing here; add a condition on lines"));
        out.push((filter, those_with(parsed, "a line"), notice));
    }
    for conditions in &unwanted {
        let (filter, complete) = roots_with(conditions)?;
        let notice =
            (!complete).then(|| format!("not all lines could be followed to their requests in {LIMIT_MS} ms: requests with a line that was to be left out may stand here"));
        out.push((RowFilter::Not(Box::new(filter)), those_with(parsed, "no line"), notice));
    }
    Ok(out)
}

fn those_with(parsed: &Parsed, begin: &str) -> String {
    parsed.understood.iter().filter(|words| words.starts_with(begin)).map(String::as_str).collect::<Vec<_>>().join(" and ")
}

/// Rows for a query.
pub fn list(engine: &Engine, snapshot: &Snapshot, search: &str, query: RowQuery) -> Result<ListView, QueryError> {
    let plan = plan(engine, snapshot, search, query, Some(Limit::of_ms(LIMIT_MS)))?;
    let page = snapshot.rows.list(&plan.query).map_err(store)?;
    let drop_hint = if page.matched == 0 && page.total > 0 { drop_hint(snapshot, &plan)? } else { None };
    Ok(ListView { page, notices: plan.notices, understood: plan.understood, behind: snapshot.behind(), drop_hint })
}

/// The one condition whose removal gives most rows.
fn drop_hint(snapshot: &Snapshot, plan: &Plan) -> Result<Option<(String, u64)>, QueryError> {
    let query = RowQuery { limit: 1, overview: false, after: None, ..plan.query.clone() };
    let mut best: Option<(String, u64)> = None;
    let mut offer = |words: &str, without: &RowQuery| -> Result<(), QueryError> {
        let matched = snapshot.rows.list(without).map_err(store)?.matched;
        if matched > best.as_ref().map_or(0, |b| b.1) {
            best = Some((words.to_owned(), matched));
        }
        Ok(())
    };
    for (index, words) in plan.names.iter().enumerate() {
        let mut without = query.clone();
        without.filters.remove(index);
        offer(words, &without)?;
    }
    if query.preset != Preset::All {
        offer(&format!("the view {}", query.preset.title()), &RowQuery { preset: Preset::All, ..query.clone() })?;
    }
    Ok(best)
}

/// Time bounds in Unix nanoseconds; relative ones count back from the newest record, since exported logs are old.
pub(super) fn bounds(snapshot: &Snapshot, parsed: &Parsed) -> (Option<i64>, Option<i64>) {
    if parsed.time.0.is_none() && parsed.time.1.is_none() {
        return (None, None);
    }
    let newest = super::engine::coverage(snapshot).into_iter().map(|(_, _, last)| last).max();
    let at = |bound: &Option<TimeBound>| bound.zip(newest).map(|(b, n)| b.resolve(UnixNanos(n)));
    (at(&parsed.time.0), at(&parsed.time.1))
}
