//! What benchmarks of questions stand on: an index of logs, made as the program makes it.

use std::{path::Path, sync::Arc, time::Duration};
use throughline::{
    app::pipeline::Pipeline,
    query::engine::Engine,
    recognise::Tables,
    source::Watch,
    store::{RowStore, Store},
};

/// What a directory or file holds, indexed below `data`.
pub fn engine_of(logs: &Path, data: &Path) -> Engine {
    let store = Arc::new(Store::open_writer(data).expect("a store"));
    let rows = Arc::new(RowStore::open(data).expect("rows").0);
    let watch = Watch { paths: vec![logs.display().to_string()], follow: false, spool_dir: data.join("spool"), poll_only: true };
    let pipeline = Pipeline::start(store.clone(), rows.clone(), Tables::builtin(), watch).expect("sources");
    while !pipeline.is_done() {
        std::thread::sleep(Duration::from_millis(10));
    }
    pipeline.finish().expect("the logs are read");
    Engine::new(store, rows, Tables::builtin())
}
