//! Which data directory a command means.
//!
//! `--data`, else `THROUGHLINE_DATA` (clap reads it), else for commands with paths one kept by those paths, else the one used last.
//! Guarantees: the same paths give the same directory; nothing outside the state directory is written, nothing but an index that was begun for nothing is removed. Never opens an index.

use crate::model::checkpoint::DATA_DIR_NAMES;
use anyhow::{Context, Result, bail};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// How many recently used directories are remembered.
const REMEMBERED: usize = 20;
const LIST: &str = "recent";

/// Where state is kept: `$XDG_STATE_HOME/throughline`, else `~/.local/state/throughline`.
pub fn state_dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("XDG_STATE_HOME").filter(|d| Path::new(d).is_absolute()) {
        return Ok(Path::new(&dir).join("throughline"));
    }
    match env::var_os("HOME").filter(|h| !h.is_empty()) {
        Some(home) => Ok(Path::new(&home).join(".local/state/throughline")),
        None => bail!("no home directory is known; name a data directory with --data DIR"),
    }
}

/// The directory for a set of watched paths: named after the first, told apart by all of them.
pub fn for_paths(paths: &[String]) -> Result<PathBuf> {
    let mut canonical: Vec<String> = paths.iter().map(|p| canonical_path(p)).collect();
    canonical.sort();
    canonical.dedup();
    let hash = crc32fast::hash(canonical.join("\n").as_bytes());
    let first = canonical.first().map_or("logs", String::as_str);
    Ok(state_dir()?.join(format!("{}-{hash:08x}", readable(first))))
}

fn canonical_path(path: &str) -> String {
    if path == "-" {
        return path.to_owned();
    }
    if let Ok(found) = fs::canonicalize(path) {
        return found.to_string_lossy().into_owned();
    }
    // A glob, or a path that is not there yet: made absolute as it is.
    let absolute = if Path::new(path).is_absolute() { PathBuf::from(path) } else { env::current_dir().unwrap_or_default().join(path) };
    absolute.to_string_lossy().into_owned()
}

fn readable(path: &str) -> String {
    let name = if path == "-" { "stdin" } else { path.trim_end_matches('/').rsplit('/').next().unwrap_or("logs") };
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).take(40).collect();
    if safe.trim_matches(['.', '_']).is_empty() { "logs".to_owned() } else { safe.trim_start_matches('.').to_owned() }
}

/// Remembers a directory as the one used last. A failure to remember is no failure of the command.
pub fn remember(dir: &Path) -> io::Result<()> {
    let Ok(state) = state_dir() else { return Ok(()) };
    fs::create_dir_all(&state)?;
    let absolute = fs::canonicalize(dir)?;
    let mut list: Vec<PathBuf> = recent();
    list.retain(|d| *d != absolute);
    list.insert(0, absolute);
    list.truncate(REMEMBERED);
    let text: String = list.iter().map(|d| format!("{}\n", d.display())).collect();
    let part = state.join(format!("{LIST}.{}", std::process::id()));
    fs::write(&part, text)?;
    fs::rename(part, state.join(LIST))
}

/// Directories used before that still stand, the last one first.
pub fn recent() -> Vec<PathBuf> {
    let Ok(state) = state_dir() else { return Vec::new() };
    let text = fs::read_to_string(state.join(LIST)).unwrap_or_default();
    text.lines().map(PathBuf::from).filter(|d| d.is_dir()).collect()
}

/// The directory a command without paths means, with `true` when it was taken from memory (and should be named to the user).
pub fn for_question(given: Option<&Path>) -> Result<(PathBuf, bool)> {
    if let Some(dir) = given {
        if !dir.is_dir() {
            bail!("{}: there is no data directory here; read some logs first: throughline index PATH --data {}", dir.display(), dir.display());
        }
        return Ok((dir.to_owned(), false));
    }
    recent().into_iter().next().map(|d| (d, true)).context("nothing was indexed yet; read some logs first: throughline PATH")
}

/// A data directory as it was before it was opened for writing.
pub struct Before {
    has_index: bool,
    /// What was not there.
    absent: Vec<PathBuf>,
}

impl Before {
    /// To be called before the index is opened.
    pub fn of(dir: &Path) -> Self {
        // What cannot be looked at counts as there: nothing of it is ever taken away.
        let is_absent = |path: &PathBuf| matches!(path.try_exists(), Ok(false));
        let parts = DATA_DIR_NAMES.iter().map(|name| dir.join(name)).chain([dir.to_owned()]);
        Self { has_index: !is_absent(&dir.join(DATA_DIR_NAMES[0])), absent: parts.filter(is_absent).collect() }
    }

    /// There was an index.
    pub fn has_index(&self) -> bool {
        self.has_index
    }

    /// Takes away what was created for nothing: an index without a record would answer the next question.
    pub fn restore(&self) {
        for path in self.absent.iter().filter(|_| !self.has_index) {
            let is_part = path.file_name().is_some_and(|name| DATA_DIR_NAMES.iter().any(|own| name == *own));
            let _ = match path.is_dir() {
                true if is_part => fs::remove_dir_all(path),
                true => fs::remove_dir(path),
                false => fs::remove_file(path),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_paths_in_any_order_mean_the_same_directory() {
        let a = for_paths(&["/var/log/a".into(), "/var/log/b".into()]).unwrap();
        let b = for_paths(&["/var/log/b".into(), "/var/log/a".into()]).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, for_paths(&["/var/log/a".into()]).unwrap());
    }

    #[test]
    fn directories_are_named_so_that_a_person_recognises_them() {
        assert_eq!(readable("/srv/logs/sample-logs/"), "sample-logs");
        assert_eq!(readable("/srv/logs/*.json*"), "_.json_");
        assert_eq!(readable("-"), "stdin");
        assert_eq!(readable("/.."), "logs");
    }
}
