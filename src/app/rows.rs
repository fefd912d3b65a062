//! Commands that answer from rows make those that are behind their lines first.
//!
//! Guarantees: rows are made by whoever holds the lock of the data directory, so never beside a process that reads into it; rows that stay behind
//! are said on standard error. Never changes lines or positions.

use crate::{
    query::{engine::Engine, view::Behind},
    rollup::Rollup,
    store::{RowStore, Store, StoreError},
};
use anyhow::Result;
use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

/// How often rows that another process makes are looked for: a commit of lines is followed by its rows within moments.
const LOOKS: u32 = 15;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// An engine whose rows cover all lines, else what is missing, already said.
pub fn made(engine: Engine, dir: &Path, open: &dyn Fn(&Path) -> Result<Engine>) -> Result<(Engine, Option<Behind>)> {
    let Some(behind) = engine.snapshot()?.behind() else { return Ok((engine, None)) };
    match Store::open_writer(dir) {
        Ok(store) => {
            writeln!(io::stderr(), "{behind}; it is made now")?;
            let (rows, _) = RowStore::open(dir)?;
            drop(Rollup::open(Arc::new(store), &rows, engine.tables(), Arc::default())?);
            Ok((open(dir)?, None))
        }
        Err(StoreError::Locked { .. }) => wait(engine, dir, open),
        Err(error) => {
            writeln!(io::stderr(), "note: {behind}, and it cannot be made here: {error}")?;
            Ok((engine, Some(behind)))
        }
    }
}

/// Another process reads into the directory and makes its rows.
fn wait(mut engine: Engine, dir: &Path, open: &dyn Fn(&Path) -> Result<Engine>) -> Result<(Engine, Option<Behind>)> {
    for look in 0.. {
        let Some(behind) = engine.snapshot()?.behind() else { break };
        if look == LOOKS {
            writeln!(io::stderr(), "note: {behind}; another process that uses {} is to make it", dir.display())?;
            return Ok((engine, Some(behind)));
        }
        thread::sleep(BETWEEN_LOOKS);
        // Opened anew: rows that were not there when it was opened are not found by it.
        engine = open(dir)?;
    }
    Ok((engine, None))
}
