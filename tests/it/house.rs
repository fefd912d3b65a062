//! The rules of the house, read from the sources: floors, heads, lengths, pages that run nothing inline and fetch nothing from elsewhere,
//! and documents that speak of what is there.
//!
//! Each rule is a function from text to faults, so that the tests at the end can show that it finds what it is for.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// An import may only point to a lower number. Rooms of one number do not import each other; `cli`, `app` and `main` wire what is below.
const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("recognise", 1),
    ("reconstruct", 1),
    ("analyse", 1),
    ("source", 2),
    ("store", 2),
    ("ingest", 3),
    ("query", 3),
    ("export", 3),
    ("web", 4),
    ("commands", 4),
    ("rollup", 4),
    ("cli", 5),
    ("app", 6),
    ("main", 7),
];

/// Most lines of a file, without its tests.
const MAX_LINES: usize = 500;
const MAX_ARCHITECTURE_LINES: usize = 150;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, in order of path. A folder that is not there has none.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let (mut out, mut open) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if endings.is_empty() || path.extension().is_some_and(|ending| endings.iter().any(|e| ending == *e)) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// Path from the root, with `/`.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

fn is_test_file(shown: &str) -> bool {
    shown.ends_with("/tests.rs") || shown.contains("/tests/")
}

/// What stands before `#[cfg(test)] mod tests {`.
fn without_tests(source: &str) -> &str {
    let mut at = 0;
    let mut lines = source.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if line.trim_end() == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.trim_end().ends_with('{')) {
            return &source[..at];
        }
        at += line.len();
    }
    source
}

/// The source with comments and the insides of string literals blanked, so that words in them are not taken for code.
fn code(source: &str) -> String {
    let b = source.as_bytes();
    let (mut out, mut i) = (String::with_capacity(b.len()), 0);
    while i < b.len() {
        let rest = &b[i..];
        let before = if i == 0 { b' ' } else { b[i - 1] };
        let skipped = if rest.starts_with(b"//") {
            rest.iter().position(|c| *c == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            rest.windows(2).position(|w| w == b"*/").map_or(rest.len(), |at| at + 2)
        } else if rest[0] == b'r' && !before.is_ascii_alphanumeric() && before != b'_' && raw_string(rest).is_some() {
            raw_string(rest).unwrap_or(1)
        } else if rest[0] == b'"' {
            string(rest)
        } else if rest.starts_with(b"'\"'") || rest.starts_with(b"'\\\"'") {
            if rest[1] == b'\\' { 4 } else { 3 }
        } else {
            0
        };
        if skipped == 0 {
            out.push(if b[i].is_ascii() { char::from(b[i]) } else { '?' });
            i += 1;
        } else {
            out.push(' ');
            i += skipped;
        }
    }
    out
}

fn string(b: &[u8]) -> usize {
    let mut i = 1;
    while i < b.len() && b[i] != b'"' {
        i += if b[i] == b'\\' { 2 } else { 1 };
    }
    i + 1
}

fn raw_string(b: &[u8]) -> Option<usize> {
    let hashes = b[1..].iter().take_while(|c| **c == b'#').count();
    if b.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let inner = 2 + hashes;
    Some(b[inner..].windows(end.len()).position(|w| w == end).map_or(b.len(), |at| inner + at + end.len()))
}

/// Rooms that a source names from the root: `use crate::{a, b::c}`, `crate::a::f()`, and as many `super::` as lead there.
fn rooms_named(source: &str, depth: usize) -> Vec<String> {
    let code = code(source);
    let mut out = Vec::new();
    let mut from_root = |start: &str| {
        if let Some(group) = start.strip_prefix('{') {
            out.extend(group_heads(group));
        } else {
            out.push(ident(start).to_owned());
        }
    };
    for (at, _) in code.match_indices("crate::") {
        from_root(code[at + "crate::".len()..].trim_start());
    }
    let climb = "super::".repeat(depth.max(1));
    for (at, _) in code.match_indices(&climb) {
        let whole = !code[..at].ends_with("super::") && !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if whole && !code[at + climb.len()..].starts_with("super::") {
            from_root(code[at + climb.len()..].trim_start());
        }
    }
    out.retain(|room| !room.is_empty());
    out
}

fn ident(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// The first names in `a::{b, c}, d }`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut out, mut depth, mut fresh) = (Vec::new(), 0_i32, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if c.is_whitespace() => {}
            _ if fresh && depth == 0 => {
                out.push(ident(&group[at..]).to_owned());
                fresh = false;
            }
            _ => {}
        }
    }
    out
}

/// The room a file belongs to and how many modules deep it stands: `src/query/syntax/token.rs` is `query`, 3.
fn place(shown: &str) -> (&str, usize) {
    let inside = shown.trim_start_matches("src/").trim_end_matches(".rs");
    let room = inside.split('/').next().unwrap_or(inside);
    (room, inside.trim_end_matches("/mod").split('/').count())
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn wrong_imports(shown: &str, source: &str) -> Vec<String> {
    let (room, depth) = place(shown);
    if room == "lib" {
        return Vec::new();
    }
    let Some(own) = floor(room) else {
        return vec![format!("{shown}: the room {room} stands on no floor; give it one in tests/it/house.rs and ARCHITECTURE.md")];
    };
    let mut named = rooms_named(without_tests(source), depth);
    named.sort();
    named.dedup();
    named
        .into_iter()
        .filter(|other| other != room)
        .filter_map(|other| match floor(&other) {
            None => Some(format!("{shown}: crate::{other} is no room")),
            Some(floor) if floor >= own => Some(format!("{shown}: {room} (floor {own}) imports {other} (floor {floor}); an import points to a lower floor")),
            Some(_) => None,
        })
        .collect()
}

fn wrong_shape(shown: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_test_file(shown) && !source.starts_with("//!") {
        faults.push(format!("{shown}: opens without //! (what it is for, what it guarantees, what it never does)"));
    }
    let lines = without_tests(source).lines().count();
    if !is_test_file(shown) && lines > MAX_LINES {
        faults.push(format!("{shown}: {lines} lines without its tests; at most {MAX_LINES}"));
    }
    faults
}

/// Faults of a template or of a file that is sent to browsers, with their line.
fn wrong_page(shown: &str, text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let is_markup = [".html", ".svg"].iter().any(|ending| shown.ends_with(ending));
    let mut found: Vec<(usize, &str)> = Vec::new();
    if is_markup {
        found.extend(attributes(&lower).filter(|(_, name)| *name == "style").map(|(at, _)| (at, "an inline style; the content policy refuses it")));
        found.extend(attributes(&lower).filter(|(_, name)| name.starts_with("on")).map(|(at, _)| (at, "an inline handler; the content policy refuses it")));
        let scripts = lower.match_indices("<script").filter(|(at, _)| !lower[*at..].split('>').next().unwrap_or_default().contains(" src="));
        found.extend(scripts.map(|(at, _)| (at, "an inline script; the content policy refuses it")));
        found.extend(lower.match_indices("<style").map(|(at, _)| (at, "an inline style sheet; the content policy refuses it")));
        found.extend(lower.match_indices('|').filter(|(at, _)| ident(lower[at + 1..].trim_start()) == "safe").map(|(at, _)| (at, "a value is not escaped")));
        found.extend(lower.match_indices("=\"//").map(|(at, _)| (at, "an address of another host")));
    }
    let addresses = lower.match_indices("http").filter(|(at, _)| {
        let after = lower[at + 4..].strip_prefix('s').unwrap_or(&lower[at + 4..]);
        // Namespaces name a vocabulary and are never fetched; loopback is this machine.
        after.strip_prefix("://").is_some_and(|host| !["www.w3.org/", "127.0.0.1", "localhost"].iter().any(|own| host.starts_with(own)))
    });
    found.extend(addresses.map(|(at, _)| (at, "an address of another host")));
    found.sort_unstable();
    found.into_iter().map(|(at, what)| format!("{shown}:{}: {what}", text[..at].matches('\n').count() + 1)).collect()
}

/// Names of attributes inside tags: ` name=`.
fn attributes(markup: &str) -> impl Iterator<Item = (usize, &str)> {
    markup.match_indices('=').filter_map(|(end, _)| {
        let start = markup[..end].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-')? + 1;
        let tag = markup[..start].rfind('<')?;
        let inside = !markup[tag..start].contains('>') && markup[..start].ends_with(char::is_whitespace) && start < end;
        inside.then(|| (start, &markup[start..end]))
    })
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Paths in backticks that begin with a folder of the project and are not there. Patterns (`<name>`, `*`) name no file.
fn missing_paths(document: &str, text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|word| ["src/", "tests/", "templates/", "static/", "docs/", "sample-logs/", "benches/"].iter().any(|folder| word.starts_with(folder)));
    paths.filter(|path| !path.contains(['<', '*', ' ', '{']) && fs::metadata(root().join(path)).is_err()).map(|path| format!("{document}: {path} is not there")).collect()
}

#[test]
fn imports_point_to_lower_floors_only() {
    let faults: Vec<String> = files("src", &["rs"]).iter().filter(|path| !is_test_file(&shown(path))).flat_map(|path| wrong_imports(&shown(path), &read(path))).collect();
    assert_none(&faults);
}

#[test]
fn every_file_says_what_it_is_for_and_fits_its_length() {
    let sources = files("src", &["rs"]);
    assert!(sources.len() > 20, "the sources were not found");
    let faults: Vec<String> = sources.iter().flat_map(|path| wrong_shape(&shown(path), &read(path))).collect();
    assert_none(&faults);
}

#[test]
fn the_library_is_a_map_without_re_exports() {
    assert!(!code(&read(&root().join("src/lib.rs"))).contains("pub use"));
}

#[test]
fn pages_run_nothing_inline_and_fetch_nothing_from_another_host() {
    let pages: Vec<PathBuf> = files("templates", &[]).into_iter().chain(files("static", &["css", "js", "svg", "html"])).collect();
    if files("src/web", &["rs"]).is_empty() {
        assert!(pages.is_empty(), "there are pages and no src/web to serve them");
        return;
    }
    assert!(pages.iter().any(|page| shown(page).starts_with("templates/")), "src/web is there and its templates are not");
    let faults: Vec<String> = pages.iter().flat_map(|page| wrong_page(&shown(page), &read(page))).collect();
    assert_none(&faults);
}

#[test]
fn the_map_is_short_and_shows_every_room() {
    let map = read(&root().join("ARCHITECTURE.md"));
    let mut faults: Vec<String> = missing_paths("ARCHITECTURE.md", &map);
    if map.lines().count() > MAX_ARCHITECTURE_LINES {
        faults.push(format!("ARCHITECTURE.md: {} lines; at most {MAX_ARCHITECTURE_LINES}", map.lines().count()));
    }
    let mut rooms: Vec<String> = files("src", &["rs"]).iter().map(|path| place(&shown(path)).0.to_owned()).filter(|room| room != "lib").collect();
    rooms.dedup();
    faults.extend(rooms.iter().filter(|room| !map.contains(room.as_str())).map(|room| format!("ARCHITECTURE.md: does not speak of {room}")));
    assert_none(&faults);
}

#[test]
fn the_readme_names_every_key_of_a_query_and_every_environment_variable() {
    let readme = read(&root().join("README.md"));
    let mut faults = missing_paths("README.md", &readme);
    faults.extend(missing_paths("CONTRIBUTING.md", &read(&root().join("CONTRIBUTING.md"))));
    let keys = throughline::query::syntax::KEYS.iter().map(|(key, _)| *key);
    faults.extend(keys.filter(|key| !readme.contains(&format!("`{key}:"))).map(|key| format!("README.md: does not name the key {key}:")));
    let sources = files("src", &["rs"]).iter().map(|path| read(path)).collect::<String>();
    let mut variables: Vec<&str> = sources.match_indices("\"THROUGHLINE_").map(|(at, _)| ident(&sources[at + 1..])).collect();
    variables.sort_unstable();
    variables.dedup();
    faults.extend(variables.iter().filter(|variable| !readme.contains(**variable)).map(|variable| format!("README.md: does not name {variable}")));
    assert_none(&faults);
}

#[test]
fn every_query_of_the_readme_is_understood_as_written() {
    let readme = read(&root().join("README.md"));
    let table = readme.split("## Search").nth(1).and_then(|after| after.split("\n## ").next()).unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let queries: Vec<&str> = rows.flat_map(|row| row.split(" | ").next().unwrap_or_default().split('`').skip(1).step_by(2)).filter(|query| !query.ends_with(':')).collect();
    assert!(queries.len() > 20, "the table of queries was not found");
    let faults: Vec<String> =
        queries.iter().flat_map(|query| throughline::query::syntax::parse(query).notices.into_iter().map(move |notice| format!("{query}: {}", notice.text))).collect();
    assert_none(&faults);
}

#[test]
fn the_rule_of_floors_sees_groups_full_names_and_climbs() {
    let upward = |source: &str| wrong_imports("src/query/syntax/token.rs", source).len();
    assert_eq!(upward("//! x\nuse crate::{model::{id, time}, query::view, store};\n"), 0);
    assert_eq!(upward("use crate::{\n    model::id,\n    web::{pages, guard},\n};"), 1);
    assert_eq!(upward("fn f() { crate::ingest::run(); super::super::super::app::run(); }"), 2);
    assert_eq!(upward("use super::super::view;\n// crate::web\nconst A: &str = \"crate::web\";\nconst B: &str = r#\"\"crate::web\"#;"), 0);
    assert_eq!(upward("use crate::cellar::wine;"), 1);
    assert_eq!(upward("fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::web;\n}"), 0);
    assert_eq!(wrong_imports("src/app/mod.rs", "use crate::{cli, commands, web};"), Vec::<String>::new());
    assert_eq!(wrong_imports("src/cli.rs", "use crate::app;").len(), 1);
    assert_eq!(wrong_imports("src/attic.rs", "").len(), 1);
}

#[test]
fn the_rule_of_shape_sees_a_missing_head_and_a_long_file() {
    let long = format!("//! x\n{}", "fn f() {}\n".repeat(500));
    assert_eq!(wrong_shape("src/model/a.rs", &long).len(), 1);
    assert_eq!(wrong_shape("src/model/a.rs", &format!("//! x\n#[cfg(test)]\nmod tests {{\n{long}}}")).len(), 0);
    assert_eq!(wrong_shape("src/model/a.rs", "use std::fmt;").len(), 1);
    assert_eq!(wrong_shape("src/model/tests.rs", &long).len(), 0);
}

#[test]
fn the_rule_of_pages_sees_each_way_to_break_it_and_leaves_what_is_right() {
    for (page, line) in [
        ("<p\n style=\"x\">", "2"),
        ("<a href=\"/\" onclick=\"f()\">", "1"),
        ("<script>f()</script>", "1"),
        ("<style>a{}</style>", "1"),
        ("{{ a| safe }}", "1"),
        ("<img src=\"https://cdn.example.com/x\">", "1"),
        ("<img src=\"//cdn.example.com/x\">", "1"),
    ] {
        let faults = wrong_page("templates/a.html", page);
        assert!(faults.len() == 1 && faults[0].starts_with(&format!("templates/a.html:{line}:")), "{page}: {faults:?}");
    }
    let right =
        "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg><script src=\"/a.js\" defer></script><p class=\"style\">style=on, http://127.0.0.1:7171/ a || safe_b {{ x|short }}</p>";
    assert_eq!(wrong_page("templates/a.html", right), Vec::<String>::new());
    assert_eq!(wrong_page("static/a.js", "fetch('https://example.com/')").len(), 1);
    assert_eq!(wrong_page("static/a.css", "@import url(http://fonts.example.com/);").len(), 1);
}
