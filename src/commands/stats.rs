//! `throughline stats`: what is indexed and how much disk it takes.
//!
//! Guarantees: byte counts add up (`ok + unparsed + blank + cut = consumed`). Never opens the index for writing.

use crate::{
    commands::{Out, Style, safe},
    model::{
        checkpoint::{Checkpoint, Counters},
        format,
    },
};
use anyhow::Result;
use std::path::Path;

/// What is known of an index.
pub struct Stats<'a> {
    /// Its directory.
    pub dir: &'a Path,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Positions.
    pub checkpoint: &'a Checkpoint,
    /// Records.
    pub records: u64,
    /// Requests.
    pub requests: u64,
}

/// Prints them.
pub fn run(out: &mut Out<'_>, stats: &Stats<'_>, json: bool) -> Result<()> {
    let mut sum = Counters::default();
    stats.checkpoint.files.iter().for_each(|f| sum.add(&f.counters));
    let consumed: u64 = stats.checkpoint.files.iter().map(|f| f.off).sum();
    if json {
        let files: Vec<_> =
            stats.checkpoint.files.iter().map(|f| serde_json::json!({"file": f.shown, "source": f.source, "bytes": f.off, "lines": f.lines, "counters": f.counters})).collect();
        let object = serde_json::json!({"data": stats.dir.display().to_string(), "disk_bytes": stats.disk_bytes, "consumed_bytes": consumed, "records": stats.records, "requests": stats.requests,
            "generation": stats.checkpoint.generation, "counters": sum, "files": files});
        out.line(&object.to_string())?;
        return Ok(());
    }
    let share = if consumed > 0 { format!(" ({} of what was read)", format::fraction(stats.disk_bytes as f64 / consumed as f64)) } else { String::new() };
    out.line(&format!("data directory   {}", stats.dir.display()))?;
    out.line(&format!("size on disk     {}{share}", format::bytes(stats.disk_bytes)))?;
    out.line(&format!("requests         {}", format::count(stats.requests)))?;
    out.line(&format!("records          {}", format::count(stats.records)))?;
    let parts = [("understood", sum.ok_bytes), ("unreadable", sum.unparsed_bytes), ("blank", sum.blank_bytes), ("cut", sum.cut_bytes)]
        .map(|(word, n)| format!("{} {word}", format::bytes(n)));
    out.line(&format!("bytes read       {} = {}", format::bytes(consumed), parts.join(" + ")))?;
    for f in &stats.checkpoint.files {
        let text = format!("  {:<44} {:>10}  {} records, {} unreadable", safe(&f.shown), format::bytes(f.off), format::count(f.counters.ok), f.counters.unparsed);
        let text = out.styled(&text, Style::Faint);
        out.line(&text)?;
    }
    Ok(())
}
