//! How lines are to be read: further conventions, and settings; kept beside the index, so that a later question reads its lines alike.
//!
//! Guarantees: what is wrong is told with file and line, and nothing of it is half in force; questions read an index's lines as they were read
//! when they were indexed. It never writes where the user keeps the files.

use crate::{
    app::Usage,
    cli::ReadingArgs,
    model::format,
    recognise::{Tables, samples},
};
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Name of the settings where nobody names them.
const SETTINGS: &str = "throughline.toml";
/// Longest settings.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;
/// Where they are kept in a data directory.
const KEPT: &str = "reading.json";

/// What a user adds: names and texts of files.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    formats: Vec<(String, String)>,
    settings: Option<(String, String)>,
}

impl Reading {
    /// What the arguments name, and the settings of the current directory.
    pub fn asked(args: &ReadingArgs) -> Result<Self> {
        let formats = args.formats.as_deref().map_or_else(|| Ok(Vec::new()), conventions)?;
        let file = match &args.config {
            Some(file) => Some(file.clone()),
            None => fs::symlink_metadata(SETTINGS).is_ok().then(|| PathBuf::from(SETTINGS)),
        };
        let settings = file.map(|file| text_of(&file).map(|text| (file.display().to_string(), text))).transpose()?;
        Ok(Self { formats, settings })
    }

    /// The tables it makes.
    pub fn tables(&self) -> Result<Arc<Tables>> {
        if self.is_empty() {
            return Ok(Tables::builtin());
        }
        let tables = match &self.settings {
            Some((file, text)) => Tables::under(&self.formats, file, text),
            None => Tables::with(&self.formats),
        };
        let tables = tables.map_err(|e| Usage(e.to_string()))?;
        samples::check_own(&tables).map_err(|e| Usage(e.to_string()))?;
        Ok(tables)
    }

    /// Keeps it beside an index; true: another one was kept there, and this one says nothing.
    pub fn keep(&self, dir: &Path) -> Result<bool> {
        let kept = Self::kept(dir);
        if kept.as_ref().is_ok_and(|kept| kept == self) {
            return Ok(false);
        }
        crate::store::write_whole(&dir.join(KEPT), serde_json::to_string(self)?.as_bytes())?;
        Ok(self.is_empty())
    }

    /// What was kept beside an index.
    pub fn kept(dir: &Path) -> Result<Self> {
        let path = dir.join(KEPT);
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| format!("{}: it does not say how lines were read; index again", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(anyhow!("{}: {}", path.display(), format::cause(&error))),
        }
    }

    /// Nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The text of a settings file: a file, and not a large one.
fn text_of(file: &Path) -> Result<String> {
    let wrong = |what: &str| Usage(format!("{}: {what}", file.display()));
    let metadata = fs::metadata(file).map_err(|e| wrong(&format::cause(&e)))?;
    if !metadata.is_file() {
        return Err(wrong("no file with settings").into());
    }
    if metadata.len() > MAX_SETTINGS_BYTES {
        return Err(wrong("longer than a MiB, and so no settings").into());
    }
    Ok(fs::read_to_string(file).map_err(|e| wrong(&format::cause(&e)))?)
}

fn conventions(dir: &Path) -> Result<Vec<(String, String)>> {
    let unreadable = |path: &Path, e: &io::Error| Usage(format!("--formats {}: {}", path.display(), format::cause(e)));
    let listing = fs::read_dir(dir).map_err(|e| unreadable(dir, &e))?;
    let mut files: Vec<PathBuf> = listing.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.extension().is_some_and(|x| x == "toml") && !p.ends_with(SETTINGS)).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|e| unreadable(&file, &e))?;
        found.push((file.display().to_string(), text));
    }
    Ok(found)
}
