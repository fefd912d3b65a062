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
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Name of the settings where nobody names them.
const SETTINGS: &str = "throughline.toml";
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
        let here = PathBuf::from(SETTINGS);
        let file = args.config.clone().or_else(|| here.is_file().then_some(here));
        let settings = match file {
            Some(file) => Some((file.display().to_string(), fs::read_to_string(&file).map_err(|e| Usage(format!("{}: {}", file.display(), format::cause(&e))))?)),
            None => None,
        };
        Ok(Self { formats, settings })
    }

    /// The tables it makes.
    pub fn tables(&self) -> Result<Arc<Tables>> {
        if *self == Self::default() {
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

    /// Keeps it beside an index.
    pub fn keep(&self, dir: &Path) -> Result<()> {
        let path = dir.join(KEPT);
        let text = serde_json::to_string(self)?;
        let kept = fs::read_to_string(&path);
        let is_kept = match &kept {
            Ok(kept) => *kept == text,
            Err(error) => error.kind() == io::ErrorKind::NotFound && self.is_empty(),
        };
        if is_kept {
            return Ok(());
        }
        crate::store::write_whole(&path, text.as_bytes()).map_err(Into::into)
    }

    /// What was kept beside an index; what cannot be read is as if there were none.
    pub fn kept(dir: &Path) -> Self {
        fs::read_to_string(dir.join(KEPT)).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
