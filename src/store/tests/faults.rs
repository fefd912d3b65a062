//! A write that fails at any point: nothing is lost, nothing is repeated, and no half of a batch is ever published.

use super::*;

/// Three batches, replayed from the committed position as ingestion would; returns whether all of it worked.
fn three_batches(directory: &RamDirectory, faults: Faults) -> Result<(), StoreError> {
    let store = Store::in_memory_with(directory.clone(), faults)?;
    let mut writer = store.writer(&options())?;
    while writer.checkpoint().files.first().map_or(0, |file| file.lines) < 30 {
        let from = writer.checkpoint().files.first().map_or(0, |file| file.lines);
        write(&mut writer, from, from + 10)?;
    }
    Ok(())
}

#[test]
fn a_death_at_any_write_loses_nothing_and_repeats_nothing() {
    let mut n = 1;
    loop {
        let directory = RamDirectory::create();
        // From the n-th call on every call fails: what is on disk is what a killed process left.
        let dead = Faults::new(move |call, _, _| if call >= n { Err(io::Error::other("killed")) } else { Ok(()) });
        let survived = three_batches(&directory, dead).is_ok();
        let store = Store::in_memory_with(directory.clone(), Faults::default()).unwrap();
        let left = assert_agrees(&store.reader());
        assert!(left.is_multiple_of(10), "call {n} left {left} records");
        three_batches(&directory, Faults::default()).unwrap();
        assert_eq!(assert_agrees(&Store::in_memory_with(directory, Faults::default()).unwrap().reader()), 30);
        if survived {
            break;
        }
        n += 1;
    }
    assert!(n > 60, "only {n} calls were tried");
}

#[test]
fn one_failed_write_ends_the_writer_and_opening_it_again_goes_on() {
    // Every call was tried by the death above; here every third is enough.
    for n in (1..).step_by(3) {
        let directory = RamDirectory::create();
        let once = Faults::new(move |call, _, _| if call == n { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) });
        let mut failures = 0;
        while let Err(error) = three_batches(&directory, once.clone()) {
            failures += 1;
            assert_eq!(failures, 1, "call {n}: {error}");
            assert_agrees(&Store::in_memory_with(directory.clone(), Faults::default()).unwrap().reader());
        }
        assert_eq!(assert_agrees(&Store::in_memory_with(directory, Faults::default()).unwrap().reader()), 30);
        if once.calls() < n {
            assert!(n > 60, "only {n} calls were tried");
            break;
        }
    }
}

#[test]
fn a_full_disk_is_told_from_other_errors() {
    let full = Arc::new(AtomicBool::new(false));
    let hook = full.clone();
    let faults = Faults::new(move |_, op, _| if hook.load(Ordering::SeqCst) && op == Op::Write { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) });
    let store = Store::in_memory_with(RamDirectory::create(), faults).unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 10).unwrap();
    full.store(true, Ordering::SeqCst);
    assert!(write(&mut writer, 10, 20).unwrap_err().is_disk_full());
    assert!(writer.add(doc(20)).and_then(|()| writer.commit(&checkpoint(0), b"").map(drop)).unwrap_err().is_disk_full());
    full.store(false, Ordering::SeqCst);
    drop(writer);
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 10, 20).unwrap();
    assert_eq!(assert_agrees(&store.reload().unwrap()), 20);
}

/// The publication of `meta.json` fails once while a merge is under way and the writer is kept. Returns documents and payload that a
/// restart finds.
fn meta_fails_during_a_merge(guarded: bool) -> (u64, String) {
    let base = RamDirectory::create();
    let merging = Arc::new((Mutex::new(0_u8), Condvar::new()));
    let failing = Arc::new(AtomicU64::new(0));
    let (hook, fail) = (merging.clone(), failing.clone());
    let faults = Faults::new(move |_, op, path| {
        if op == Op::Create && path.extension().is_some_and(|e| e == "store") && std::thread::current().name().is_some_and(|n| n.starts_with("merge_thread")) {
            let (state, changed) = &*hook;
            *state.lock().unwrap() = 1;
            changed.notify_all();
            drop(changed.wait_while(state.lock().unwrap(), |s| *s < 2).unwrap());
        }
        if op == Op::Replace && path == Path::new("meta.json") && fail.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
    let directory = GuardedDirectory::new(Box::new(base.clone()), faults);
    let mut schema = tantivy::schema::Schema::builder();
    let field = schema.add_text_field("id", tantivy::schema::STRING);
    let index = Index::create(directory.clone(), schema.build(), tantivy::IndexSettings::default()).unwrap();
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).unwrap();
    writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
    let batch = |writer: &mut IndexWriter, payload: &str| {
        for n in 0..10 {
            let mut document = TantivyDocument::new();
            document.add_text(field, format!("{payload}-{n}"));
            writer.add_document(document).unwrap();
        }
        let mut prepared = writer.prepare_commit().unwrap();
        prepared.set_payload(payload);
        prepared.commit()
    };
    batch(&mut writer, "10").unwrap();
    batch(&mut writer, "20").unwrap();
    let segments = index.searchable_segment_ids().unwrap();
    let merge = writer.merge(&segments);
    let (state, changed) = &*merging;
    drop(changed.wait_while(state.lock().unwrap(), |s| *s < 1).unwrap());
    failing.store(1, Ordering::SeqCst);
    assert!(batch(&mut writer, "30").is_err());
    if !guarded {
        directory.publishing().forget();
    }
    *state.lock().unwrap() = 2;
    changed.notify_all();
    let _ = merge.wait();
    let found = Index::open(base).unwrap();
    (found.reader().unwrap().searcher().num_docs(), found.load_metas().unwrap().payload.unwrap())
}

#[test]
fn a_merge_cannot_publish_a_batch_whose_commit_failed() {
    assert_eq!(meta_fails_during_a_merge(false), (30, "20".to_owned()), "without the guard the index library does so");
    assert_eq!(meta_fails_during_a_merge(true), (20, "20".to_owned()));
}
