//! Which files are there: paths, directories and globs turned into a list of names, each time anew.
//!
//! Guarantees: a directory is walked recursively, symbolic links included, each directory once; hidden files and known non-logs inside
//! directories are listed with the reason; what a glob or a path names is always listed, but nothing that a data directory keeps for itself: the index
//! would feed on itself. A path that vanished later is no error.
//! `shown` is the path as the user would recognise it: a file or glob match as it was given; a file in a given directory from that directory's
//! own name on (`logs/sub/api.log`), or with the directory as given when two of them have the same name. Never opens a file.

use crate::{
    model::{
        checkpoint::DATA_DIR_NAMES,
        format,
        status::{Loss, Skipped},
    },
    source::{SourceError, identity::Stat, sniff},
};
use globset::{GlobBuilder, GlobMatcher};
use std::{
    collections::HashSet,
    ffi::OsStr,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Deepest directory below a given one.
const MAX_DEPTH: usize = 64;
/// So many skipped files are listed by name.
const MAX_SKIPPED: usize = 1000;
/// Why what this program writes is no log: it would feed on itself.
const OWN: &str = "the index of throughline";

/// A name and what stands behind it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Absolute path.
    pub path: PathBuf,
    /// As the user would recognise it.
    pub shown: String,
    /// Behind the name at the time of listing; a hint until the file is open.
    pub stat: Stat,
    /// The name is a symbolic link.
    pub link: bool,
}

/// One listing.
#[derive(Debug, Default)]
pub struct Listing {
    /// Every candidate.
    pub found: Vec<Found>,
    /// Files that are not read.
    pub skipped: Vec<Skipped>,
    /// Directories whose names may change.
    pub dirs: HashSet<PathBuf>,
    /// Paths that could not be looked at, with the cause. What is below them is unknown, not gone.
    pub troubles: Vec<Skipped>,
}

struct Root {
    given: String,
    path: PathBuf,
    shown_dir: String,
    glob: Option<(GlobMatcher, usize)>,
}

/// The paths that were given.
pub struct Discover {
    roots: Vec<Root>,
}

impl Discover {
    /// Takes the given paths apart; `-` is left to the spool.
    pub fn new(given: &[String]) -> Result<Self, SourceError> {
        let mut roots = given.iter().filter(|path| *path != "-").map(|path| Root::new(path)).collect::<Result<Vec<_>, _>>()?;
        let own_name = |root: &Root| root.path.file_name().map(OsStr::to_os_string);
        let names: Vec<_> = roots.iter().map(own_name).collect();
        for (at, root) in roots.iter_mut().enumerate() {
            let shared = names.iter().enumerate().any(|(other, name)| other != at && *name == names[at]);
            root.shown_dir = match &names[at] {
                Some(name) if !shared => name.to_string_lossy().into_owned(),
                Some(_) => root.given.trim_end_matches('/').to_owned(),
                None => String::new(),
            };
        }
        Ok(Self { roots })
    }

    /// The first given path that does not exist, or glob that matches nothing, or path that cannot be read.
    pub fn complaint(&self, follow: bool, known: &dyn Fn(&Path) -> bool) -> Option<SourceError> {
        self.roots.iter().find_map(|root| root.complaint(follow, known))
    }

    /// Lists everything.
    pub fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for root in &self.roots {
            root.list(&mut listing);
        }
        listing
    }
}

impl Root {
    fn new(given: &str) -> Result<Self, SourceError> {
        let path = std::path::absolute(given).map_err(|cause| SourceError::Io { path: given.to_owned(), cause })?;
        let root = Self { given: given.to_owned(), path, shown_dir: String::new(), glob: None };
        let is_glob = given.contains(['*', '?', '[', '{']) && fs::symlink_metadata(&root.path).is_err();
        if is_glob { root.with_glob() } else { Ok(root) }
    }

    fn with_glob(mut self) -> Result<Self, SourceError> {
        let pattern = self.path.to_string_lossy().into_owned();
        let bad = |cause| SourceError::BadGlob { glob: self.given.clone(), cause };
        let matcher = GlobBuilder::new(&pattern).literal_separator(true).build().map_err(bad)?.compile_matcher();
        let special = |part: &Component| part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
        let base: PathBuf = self.path.components().take_while(|part| !special(part)).collect();
        let depth = if pattern.contains("**") { MAX_DEPTH } else { self.path.components().count() - base.components().count() };
        self.path = base;
        self.glob = Some((matcher, depth));
        Ok(self)
    }

    fn complaint(&self, follow: bool, known: &dyn Fn(&Path) -> bool) -> Option<SourceError> {
        let cause = fs::metadata(&self.path).map(|_| ()).err();
        if self.glob.is_some() {
            let mut listing = Listing::default();
            self.list(&mut listing);
            return (listing.found.is_empty() && !follow).then(|| SourceError::NoMatch { glob: self.given.clone() });
        }
        match cause {
            Some(_) if known(&self.path) => None,
            Some(cause) if cause.kind() == io::ErrorKind::NotFound => Some(SourceError::Missing { path: self.given.clone() }),
            Some(cause) if !follow => Some(SourceError::Io { path: self.given.clone(), cause }),
            _ => None,
        }
    }

    fn list(&self, listing: &mut Listing) {
        let mut walk = Walk { root: self, listing, visited: HashSet::new() };
        if is_inside_index(&self.path) {
            return walk.skip(&self.path, OWN);
        }
        if self.glob.is_some() {
            walk.dir(&self.path, 1);
            return;
        }
        let meta = fs::metadata(&self.path);
        if !meta.as_ref().is_ok_and(fs::Metadata::is_dir)
            && let Some(parent) = self.path.parent()
        {
            walk.listing.dirs.insert(parent.to_owned());
        }
        match meta {
            Ok(meta) if meta.is_dir() => walk.dir(&self.path, 1),
            Ok(meta) if meta.is_file() => walk.found(&self.path, &meta),
            Ok(_) => walk.odd(&self.path),
            Err(cause) => walk.trouble(&self.path, &cause),
        }
    }

    fn shown(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.path).unwrap_or(path);
        if below.as_os_str().is_empty() {
            return self.given.clone();
        }
        if self.glob.is_some() {
            let given_base = Path::new(&self.given);
            let extra = below.components().count();
            let keep = given_base.components().count().saturating_sub(self.pattern_parts());
            let prefix: PathBuf = given_base.components().take(keep).collect();
            debug_assert!(extra > 0);
            return prefix.join(below).to_string_lossy().into_owned();
        }
        Path::new(&self.shown_dir).join(below).to_string_lossy().into_owned()
    }

    fn pattern_parts(&self) -> usize {
        let special = |part: &Component| part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
        Path::new(&self.given).components().skip_while(|part| !special(part)).count()
    }
}

struct Walk<'a> {
    root: &'a Root,
    listing: &'a mut Listing,
    visited: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    fn dir(&mut self, dir: &Path, depth: usize) {
        let inode = match fs::metadata(dir) {
            Ok(meta) => Stat::from(&meta).inode,
            Err(cause) => return self.trouble(dir, &cause),
        };
        if depth > MAX_DEPTH || !self.visited.insert(inode) {
            return;
        }
        self.listing.dirs.insert(dir.to_owned());
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(cause) => return self.trouble(dir, &cause),
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort_unstable();
        if is_data_dir(dir) {
            let (own, other): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| is_own_name(path));
            paths = other;
            if paths.is_empty() {
                self.skip(dir, OWN);
            } else {
                own.iter().for_each(|path| self.skip(path, OWN));
            }
        }
        for path in paths {
            self.entry(&path, depth);
        }
    }

    fn entry(&mut self, path: &Path, depth: usize) {
        // A name that vanished since the directory was read is no trouble.
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return,
            Err(cause) => return self.trouble(path, &cause),
        };
        if let Some((matcher, levels)) = &self.root.glob {
            if meta.is_file() && matcher.is_match(path) {
                self.found(path, &meta);
            } else if meta.is_dir() && depth < *levels {
                self.dir(path, depth + 1);
            }
            return;
        }
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            self.skip(path, "hidden");
        } else if meta.is_dir() {
            self.dir(path, depth + 1);
        } else if !meta.is_file() {
            self.skip(path, "neither a file nor a directory");
        } else if let Some(reason) = sniff::is_other_text(path) {
            self.skip(path, reason);
        } else {
            self.found(path, &meta);
        }
    }

    fn found(&mut self, path: &Path, meta: &fs::Metadata) {
        let link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        self.listing.found.push(Found { path: path.to_owned(), shown: self.root.shown(path), stat: Stat::from(meta), link });
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        if self.listing.skipped.len() < MAX_SKIPPED {
            self.listing.skipped.push(Skipped { path: self.root.shown(path), reason: reason.to_owned(), loss: Loss::Nothing });
        }
    }

    /// A path that was named is expected to be read.
    fn odd(&mut self, path: &Path) {
        let reason = "neither a file nor a directory".to_owned();
        self.listing.skipped.push(Skipped { path: self.root.shown(path), reason, loss: Loss::NoLog });
    }

    fn trouble(&mut self, path: &Path, cause: &io::Error) {
        if self.listing.troubles.len() < MAX_SKIPPED {
            self.listing.troubles.push(Skipped { path: self.root.shown(path), reason: format::cause(cause), loss: Loss::Unreadable });
        }
    }
}

/// It holds an index; logs may still stand beside what the index keeps for itself.
fn is_data_dir(dir: &Path) -> bool {
    DATA_DIR_NAMES[..3].iter().all(|name| dir.join(name).try_exists().unwrap_or(false))
}

fn is_own_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| DATA_DIR_NAMES.iter().any(|own| name == *own))
}

/// It is one of the things that a data directory keeps for itself, or lies in one.
fn is_inside_index(path: &Path) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    path.ancestors().any(|part| is_own_name(part) && part.parent().is_some_and(is_data_dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}\n").unwrap();
        }
        dir
    }

    fn shown(dir: &tempfile::TempDir, given: &[&str]) -> Vec<String> {
        let given: Vec<_> = given.iter().map(|path| dir.path().join(path).to_string_lossy().into_owned()).collect();
        let prefix = format!("{}/", dir.path().display());
        let mut shown: Vec<_> = Discover::new(&given).unwrap().list().found.into_iter().map(|f| f.shown.replace(&prefix, "")).collect();
        shown.sort();
        shown
    }

    #[test]
    fn a_directory_is_read_recursively_without_hidden_files_and_documents() {
        let dir = tree(&["logs/api.log", "logs/README.md", "logs/.git/config", "logs/deep/er/worker.log.1.gz"]);
        assert_eq!(shown(&dir, &["logs"]), ["logs/api.log", "logs/deep/er/worker.log.1.gz"]);
        let given = vec![dir.path().join("logs").to_string_lossy().into_owned()];
        let skipped = Discover::new(&given).unwrap().list().skipped;
        let skipped: Vec<_> = skipped.iter().map(|s| (s.path.as_str(), s.reason.as_str())).collect();
        assert_eq!(skipped, [("logs/.git", "hidden"), ("logs/README.md", "a document, not a log")]);
    }

    #[test]
    fn a_named_document_is_listed_all_the_same() {
        let dir = tree(&["logs/README.md"]);
        assert_eq!(shown(&dir, &["logs/README.md"]), ["logs/README.md"]);
    }

    #[test]
    fn globs_match_as_given_and_do_not_cross_directories() {
        let dir = tree(&["a/x.json", "a/y.log", "b/x.json", "b/c/x.json"]);
        assert_eq!(shown(&dir, &["*/*.json"]), ["a/x.json", "b/x.json"]);
        assert_eq!(shown(&dir, &["**/*.json"]), ["a/x.json", "b/c/x.json", "b/x.json"]);
        assert_eq!(shown(&dir, &["a/{x,y}.*"]), ["a/x.json", "a/y.log"]);
    }

    #[test]
    fn links_in_a_circle_end() {
        let dir = tree(&["logs/api.log"]);
        std::os::unix::fs::symlink(dir.path().join("logs"), dir.path().join("logs/again")).unwrap();
        assert_eq!(shown(&dir, &["logs"]), ["logs/api.log"]);
    }

    #[test]
    fn a_missing_path_is_named() {
        let discover = Discover::new(&["/nowhere/at/all.log".to_owned()]).unwrap();
        assert_eq!(discover.complaint(true, &|_| false).unwrap().to_string(), "/nowhere/at/all.log: no such file or directory");
        assert!(discover.complaint(true, &|_| true).is_none());
        let discover = Discover::new(&["/nowhere/*.log".to_owned()]).unwrap();
        assert_eq!(discover.complaint(false, &|_| false).unwrap().to_string(), "/nowhere/*.log: no file matches");
        assert!(discover.complaint(true, &|_| false).is_none());
    }

    #[test]
    fn two_directories_of_one_name_are_shown_as_given() {
        let dir = tree(&["a/logs/x.log", "b/logs/x.log"]);
        assert_eq!(shown(&dir, &["a/logs", "b/logs"]), ["a/logs/x.log", "b/logs/x.log"]);
    }
}
