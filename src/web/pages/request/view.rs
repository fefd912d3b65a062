//! How a reader wants to see a request: all of it stands in the address, so that a link shows another reader the same.
//!
//! Guarantees: whatever stands in an address, a page is drawn: a wish that is not known or cannot be met is left out with a sentence; an
//! address made here is read back as the same wishes. Never looks at the request: that a step or an interval is there is checked where it
//! is used.

use crate::{
    query::view::Times,
    web::{
        format, links,
        pages::{Pairs, value},
    },
};

/// Most steps folded one by one.
pub const MAX_FOLDED: usize = 200;
/// Longest text searched for in a page.
const MAX_FIND_BYTES: usize = 200;
/// Notices about an address.
const MAX_NOTICES: usize = 8;

/// What of the steps is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Only {
    /// Every step.
    #[default]
    All,
    /// Those that match what is searched for, and what is above them.
    Matches,
    /// What an agent does: model calls, tools, tasks, waits, writes.
    Agent,
}

/// What is folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Folded {
    /// Nothing.
    #[default]
    Nothing,
    /// Below so many levels.
    Levels(usize),
    /// Below these steps.
    Steps(Vec<String>),
}

/// What the parts of the table below the panels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Stages and waits.
    Stage,
    /// Services.
    Service,
    /// Names of steps.
    Operation,
    /// Attempts of tasks and model calls.
    Attempt,
}

impl Grouping {
    /// All of them with their words.
    pub const ALL: [(Self, &'static str); 4] = [(Self::Stage, "stage"), (Self::Service, "service"), (Self::Operation, "operation"), (Self::Attempt, "attempt")];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(g, _)| *g == self).map_or("", |(_, word)| word)
    }
}

/// How instants are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clock {
    /// Distance from the begin of the request.
    #[default]
    Offset,
    /// Time of day in a zone so many seconds east of UTC.
    Zone(i32),
}

/// Which parts of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    /// Everything.
    #[default]
    All,
    /// The timeline without the lines.
    Timeline,
    /// The lines without the timeline.
    Log,
}

/// How the reader wants to see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The id as asked.
    pub id: String,
    /// Scope of a weak id.
    pub scope: Option<String>,
    /// Which parts.
    pub show: Show,
    /// The step that is open.
    pub step: Option<String>,
    /// Only this step and what is below it.
    pub root: Option<String>,
    /// Begin and end of what is drawn, in nanoseconds from the begin of the request.
    pub zoom: Option<(i64, i64)>,
    /// What is folded.
    pub fold: Folded,
    /// The parts of the table below the panels; `None`: it is closed.
    pub group: Option<Grouping>,
    /// Text searched for in steps.
    pub find: Option<String>,
    /// What of the steps is drawn.
    pub only: Only,
    /// Equal siblings one by one, and every line.
    pub is_whole: bool,
    /// Gaps are drawn at their length.
    pub has_gaps_at_length: bool,
    /// The critical path is marked in the rows.
    pub shows_path: bool,
    /// Clocks that stand off are shifted.
    pub is_shifted: bool,
    /// How instants are written.
    pub clock: Clock,
    /// Only lines of this source.
    pub src: Option<String>,
    /// Least severity of lines: `warn` or `error`.
    pub level: Option<&'static str>,
    /// Only lines that hold this text.
    pub text: Option<String>,
    /// The line (`file:line`) around which the log is shown, where it is too long to be shown whole.
    pub line: Option<String>,
    /// Prompts and answers are left out.
    pub hides_content: bool,
    /// The page is a file of its own; no address wishes that.
    pub is_single: bool,
    /// What of the address could not be used.
    pub notices: Vec<String>,
}

/// Reads one wish at a time and keeps what is wrong with them.
struct Wishes<'a> {
    pairs: &'a Pairs,
    notices: Vec<String>,
}

impl<'a> Wishes<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        value(self.pairs, key)
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(|t| links::cut(t, MAX_FIND_BYTES).0.trim().to_owned())
    }

    fn say(&mut self, key: &str, given: &str, words: &str) {
        self.notices.push(format!("{key}={}: {words}", format::head(given, 40)));
    }

    /// A value that has one of these words.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&'static str, T)]) -> Option<T> {
        let given = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.say(key, given, &format!("it is one of {}; left out", known.join(", ")));
        }
        found
    }

    /// A value that a function reads.
    fn read<T>(&mut self, key: &str, words: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let given = self.text(key)?;
        let found = read(given);
        if found.is_none() {
            self.say(key, given, words);
        }
        found
    }
}

const KEYS: [&str; 20] =
    ["scope", "view", "step", "root", "zoom", "fold", "group", "find", "only", "rows", "gaps", "path", "skew", "clocks", "tz", "src", "level", "text", "line", "content"];

impl View {
    /// The wishes of an address.
    pub fn new(id: String, pairs: &Pairs) -> Self {
        let mut w = Wishes { pairs, notices: Vec::new() };
        let level = w.word("level", &[("warn", "warn"), ("error", "error"), ("all", "")]).filter(|l| !l.is_empty());
        let is_shifted = w.word("skew", &[("shifted", true), ("written", false)]).or_else(|| w.word("clocks", &[("shifted", true), ("written", false)]));
        let mut view = Self {
            scope: w.owned("scope"),
            show: w.word("view", &[("all", Show::All), ("timeline", Show::Timeline), ("log", Show::Log)]).unwrap_or_default(),
            step: w.owned("step"),
            root: w.owned("root"),
            zoom: w.read("zoom", "two numbers of milliseconds from the begin, start-end; left out", zoom),
            fold: w.read("fold", "a number of levels or names of steps; left out", fold).unwrap_or_default(),
            group: w.word("group", &Grouping::ALL.map(|(g, word)| (word, g))),
            find: w.owned("find"),
            only: w.word("only", &[("all", Only::All), ("matches", Only::Matches), ("agent", Only::Agent)]).unwrap_or_default(),
            is_whole: w.word("rows", &[("all", true), ("grouped", false)]).unwrap_or(false),
            has_gaps_at_length: w.word("gaps", &[("full", true), ("folded", false)]).unwrap_or(false),
            shows_path: w.word("path", &[("on", true), ("off", false)]).unwrap_or(false),
            is_shifted: is_shifted.unwrap_or(false),
            clock: w.read("tz", "offset, utc, or hours from UTC such as +02:00; left out", clock).unwrap_or_default(),
            src: w.owned("src"),
            level,
            text: w.owned("text"),
            line: w.text("line").map(str::to_owned).filter(|line| line.len() <= links::ID_MAX_BYTES),
            hides_content: w.word("content", &[("hidden", true), ("shown", false)]).unwrap_or(false),
            id,
            is_single: false,
            notices: Vec::new(),
        };
        for (key, given) in pairs.iter().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
            w.notices.push(format!("{}={}: nothing of this name can be wished here", format::head(key, 40), format::head(given, 40)));
        }
        if view.only == Only::Matches && view.find.is_none() {
            w.notices.push("only=matches: there is nothing to match without find; every step is drawn".to_owned());
            view.only = Only::All;
        }
        w.notices.truncate(MAX_NOTICES);
        view.notices = w.notices;
        view
    }

    /// Whose times are shown.
    pub fn times(&self) -> Times {
        if self.is_shifted { Times::Shifted } else { Times::Written }
    }

    /// Wishes as `key`, value in the order of an address, without those that are what they are anyway.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        let mut add = |key, value: Option<String>| out.extend(value.map(|v| (key, v)));
        let set = |wished: bool, word: &str| wished.then(|| word.to_owned());
        add("scope", self.scope.clone());
        add(
            "view",
            match self.show {
                Show::All => None,
                Show::Timeline => Some("timeline".into()),
                Show::Log => Some("log".into()),
            },
        );
        add("step", self.step.clone());
        add("root", self.root.clone());
        add("zoom", self.zoom.map(|(a, b)| format!("{}-{}", millis(a), millis(b))));
        add(
            "fold",
            match &self.fold {
                Folded::Nothing => None,
                Folded::Levels(n) => Some(n.to_string()),
                Folded::Steps(steps) => (!steps.is_empty()).then(|| steps.join(",")),
            },
        );
        add("group", self.group.map(|g| g.word().to_owned()));
        add("find", self.find.clone());
        add(
            "only",
            match self.only {
                Only::All => None,
                Only::Matches => Some("matches".into()),
                Only::Agent => Some("agent".into()),
            },
        );
        add("rows", set(self.is_whole, "all"));
        add("gaps", set(self.has_gaps_at_length, "full"));
        add("path", set(self.shows_path, "on"));
        add("skew", set(self.is_shifted, "shifted"));
        add(
            "tz",
            match self.clock {
                Clock::Offset => None,
                Clock::Zone(0) => Some("utc".into()),
                Clock::Zone(s) => Some(zone_words(s)),
            },
        );
        add("src", self.src.clone());
        add("level", self.level.map(str::to_owned));
        add("text", self.text.clone());
        add("line", self.line.clone());
        add("content", set(self.hides_content, "hidden"));
        out
    }

    /// Address of the page with one wish changed.
    pub fn href(&self, change: impl FnOnce(&mut Self), fragment: &str) -> String {
        let mut wish = self.clone();
        change(&mut wish);
        let mut out = links::address(&links::request(&wish.id, None), wish.pairs());
        out.push_str(fragment);
        out
    }

    /// The address with a step folded, or unfolded.
    pub fn toggled(&self, key: &str, fragment: &str) -> String {
        self.href(
            |v| {
                let mut steps = if let Folded::Steps(steps) = std::mem::take(&mut v.fold) { steps } else { Vec::new() };
                match steps.iter().position(|s| s == key) {
                    Some(at) => drop(steps.remove(at)),
                    None => steps.push(key.to_owned()),
                }
                v.fold = Folded::Steps(steps);
            },
            fragment,
        )
    }
}

/// `1200.5-4300`, in milliseconds; a begin before the request has a minus.
fn zoom(text: &str) -> Option<(i64, i64)> {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '-')?.0;
    let (from, to) = (nanos(&text[..at])?, nanos(&text[at + 1..])?);
    (to > from).then_some((from, to))
}

/// Milliseconds with up to six decimals, exactly.
fn nanos(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |t: &str, most| t.len() <= most && t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole, 12) || !is_digits(part, 6) {
        return None;
    }
    let part: i64 = format!("{part:0<6}").parse().ok()?;
    Some(sign * (whole.parse::<i64>().ok()? * 1_000_000 + part))
}

fn millis(ns: i64) -> String {
    let (whole, part) = (ns.unsigned_abs() / 1_000_000, ns.unsigned_abs() % 1_000_000);
    let text = format!("{}{whole}.{part:06}", if ns < 0 { "-" } else { "" });
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn fold(text: &str) -> Option<Folded> {
    if let Ok(levels) = text.parse::<usize>() {
        return Some(Folded::Levels(levels));
    }
    let steps: Vec<String> = text.split(',').filter(|s| !s.is_empty() && s.parse::<usize>().is_err()).take(MAX_FOLDED).map(str::to_owned).collect();
    (!steps.is_empty()).then_some(Folded::Steps(steps))
}

/// `+02:00`; the plus of a hand-written address arrives as a blank, which [`value`] trims away.
fn clock(text: &str) -> Option<Clock> {
    match text {
        "offset" => return Some(Clock::Offset),
        "utc" | "UTC" => return Some(Clock::Zone(0)),
        _ => {}
    }
    let (sign, rest) = text.strip_prefix('-').map_or((1, text.trim_start_matches('+')), |rest| (-1, rest));
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=14).contains(&hours) && (0..60).contains(&minutes)).then(|| Clock::Zone(sign * (hours * 3_600 + minutes * 60)))
}

/// `+02:00`.
pub fn zone_words(seconds: i32) -> String {
    format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, seconds.abs() / 3_600, seconds.abs() / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn view(query: &[(&str, &str)]) -> View {
        View::new("req_1".into(), &query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn an_address_is_read_and_written_alike() {
        let query = "/r/req_1?view=timeline&step=api.log-4415-task&zoom=-1.5-20300&fold=a%2Cb&group=service&find=gpt&only=matches&rows=all&gaps=full&path=on&skew=shifted&tz=-03%3A30&src=api.log&level=warn&text=oops&line=api.log%3A7&content=hidden";
        let wished = view(&[
            ("view", "timeline"),
            ("step", "api.log-4415-task"),
            ("zoom", "-1.5-20300"),
            ("fold", "a,b"),
            ("group", "service"),
            ("find", "gpt"),
            ("only", "matches"),
            ("rows", "all"),
            ("gaps", "full"),
            ("path", "on"),
            ("clocks", "shifted"),
            ("tz", "-03:30"),
            ("src", "api.log"),
            ("level", "warn"),
            ("text", "oops"),
            ("line", "api.log:7"),
            ("content", "hidden"),
        ]);
        assert_eq!(wished.href(|_| {}, ""), query);
        assert_eq!(wished.zoom, Some((-1_500_000, 20_300_000_000)));
        assert_eq!(wished.notices, Vec::<String>::new());
        assert_eq!(view(&[]).href(|_| {}, "#timeline"), "/r/req_1#timeline");
    }

    #[test]
    fn what_cannot_be_wished_is_said_and_left_out() {
        let got = view(&[("zoom", "5-2"), ("fold", ","), ("only", "matches"), ("tz", "Mars"), ("view", "3d"), ("colour", "red")]);
        assert_eq!(
            got.notices,
            [
                "view=3d: it is one of all, timeline, log; left out",
                "zoom=5-2: two numbers of milliseconds from the begin, start-end; left out",
                "fold=,: a number of levels or names of steps; left out",
                "tz=Mars: offset, utc, or hours from UTC such as +02:00; left out",
                "colour=red: nothing of this name can be wished here",
                "only=matches: there is nothing to match without find; every step is drawn",
            ]
        );
        assert_eq!(View { notices: Vec::new(), ..got }, View { id: "req_1".into(), ..View::default() });
    }

    #[test]
    fn a_fold_is_added_and_taken_away() {
        let one = view(&[("fold", "a")]);
        assert_eq!(one.toggled("b", "#b"), "/r/req_1?fold=a%2Cb#b");
        assert_eq!(one.toggled("a", ""), "/r/req_1");
        assert_eq!(view(&[("fold", "2")]).toggled("b", ""), "/r/req_1?fold=b");
    }

    proptest! {
        #[test]
        fn any_address_makes_a_view_that_is_read_back(pairs in proptest::collection::vec(("(scope|view|step|root|zoom|fold|group|find|only|rows|gaps|path|skew|tz|src|level|text|line|content|x)", "[ -~ü\u{202e}]{0,30}"), 0..12)) {
            let wished = View { notices: Vec::new(), ..View::new("i".into(), &pairs) };
            let again: Pairs = wished.pairs().into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            prop_assert_eq!(View::new("i".into(), &again), wished);
        }
    }
}
