//! A data directory of another version, damaged or not whole is refused with words, changed by nothing, and never a panic.

use super::*;

/// A data directory with one commit, closed.
fn committed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_writer(dir.path()).unwrap();
    let mut writer = store.writer(&options()).unwrap();
    write(&mut writer, 0, 10).unwrap();
    writer.close().unwrap();
    dir
}

/// Both ways to open refuse, with the same kind of error; nothing is changed by the refusal.
fn refused(dir: &Path) -> String {
    let before = listing(dir);
    let (reader, writer) = (Store::open_reader(dir).unwrap_err(), Store::open_writer(dir).unwrap_err());
    assert_eq!(std::mem::discriminant(&reader), std::mem::discriminant(&writer), "{reader} / {writer}");
    assert_eq!(listing(dir), before);
    writer.to_string().replace(&dir.display().to_string(), "DIR")
}

fn listing(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out: Vec<_> = std::fs::read_dir(dir.join("lines"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .filter(|(name, _)| !name.contains("/.tantivy"))
        .collect();
    out.sort();
    out
}

#[test]
fn another_layout_is_refused() {
    let dir = committed();
    std::fs::write(dir.path().join("VERSION"), "2\n").unwrap();
    assert_eq!(
        refused(dir.path()),
        "DIR/VERSION was written by another version of throughline (found 2, this one reads 1); use that version, or move the data directory aside so that the logs are read again"
    );
    std::fs::write(dir.path().join("VERSION"), "").unwrap();
    assert_eq!(refused(dir.path()), "DIR/VERSION is damaged: it does not hold a version; move the data directory aside so that the logs are read again");
}

#[test]
fn a_damaged_meta_is_refused_and_never_replaced_by_an_empty_one() {
    for content in [&b""[..], b"\0\0\0\0", b"{", b"[]"] {
        let dir = committed();
        std::fs::write(dir.path().join("lines/meta.json"), content).unwrap();
        let words = refused(dir.path());
        assert!(words.starts_with("DIR/lines") && words.contains(" is damaged: ") && words.contains("meta.json"), "{words}");
    }
    let dir = committed();
    std::fs::remove_file(dir.path().join("lines/meta.json")).unwrap();
    let words = Store::open_writer(dir.path()).unwrap_err().to_string();
    assert!(words.contains("lines/meta.json is damaged: the file is missing, and "), "{words}");
}

fn edit_payload(dir: &Path, edit: impl FnOnce(&str) -> Option<String>) {
    let path = dir.join("lines/meta.json");
    let mut meta: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    match edit(meta["payload"].as_str().unwrap()) {
        Some(payload) => meta["payload"] = payload.into(),
        None => drop(meta.as_object_mut().unwrap().remove("payload")),
    }
    std::fs::write(path, serde_json::to_vec(&meta).unwrap()).unwrap();
}

#[test]
fn damaged_positions_are_refused() {
    for (edit, cause) in [
        (Box::new(|p: &str| Some(p.replace('A', "B"))) as Box<dyn FnOnce(&str) -> Option<String>>, "read positions: the checksum is wrong"),
        (Box::new(|_: &str| Some(String::new())), "read positions: no checksum"),
        (Box::new(|_: &str| None), "it holds records without read positions"),
    ] {
        let dir = committed();
        edit_payload(dir.path(), edit);
        assert_eq!(refused(dir.path()), format!("DIR/lines/meta.json is damaged: {cause}; move the data directory aside so that the logs are read again"));
    }
}

#[test]
fn positions_of_a_later_version_are_refused() {
    let dir = committed();
    edit_payload(dir.path(), |_| {
        let json = br#"{"version":7,"shape":"unknown"}"#;
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, json);
        Some(format!("{:08x}.{body}", crc32fast::hash(json)))
    });
    assert_eq!(
        refused(dir.path()),
        "DIR/lines/meta.json was written by another version of throughline (found read positions of version 7, this one reads 1); use that version, or move the data directory aside so that the logs are read again"
    );
}

#[test]
fn missing_or_changed_statistics_are_refused() {
    let dir = committed();
    std::fs::write(dir.path().join("lines/learned.1"), "learned up to 11").unwrap();
    assert_eq!(refused(dir.path()), "DIR/lines/learned.1 is damaged: the checksum is wrong; move the data directory aside so that the logs are read again");
    std::fs::remove_file(dir.path().join("lines/learned.1")).unwrap();
    assert!(refused(dir.path()).starts_with("DIR/lines/learned.1 is damaged: "));
}

#[test]
fn every_flipped_byte_is_found_and_none_is_a_panic() {
    let dir = committed();
    let lines = dir.path().join("lines");
    for file in std::fs::read_dir(&lines).unwrap().map(|e| e.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "meta.json" || name.starts_with("learned") {
            continue;
        }
        let good = std::fs::read(&file).unwrap();
        for at in (0..good.len()).step_by((good.len() / 8).max(1)) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&file, &bad).unwrap();
            match Store::open_reader(dir.path()) {
                Ok(store) => match store.verify() {
                    Ok(damaged) => assert_eq!(damaged, vec![file.clone()], "byte {at} of {name}"),
                    Err(error) => assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Version { .. }), "byte {at} of {name}: {error}"),
                },
                Err(error) => assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Version { .. }), "byte {at} of {name}: {error}"),
            }
            std::fs::write(&file, &good[..at]).unwrap();
            if let Ok(store) = Store::open_reader(dir.path()) {
                assert!(store.verify().map_or(true, |damaged| damaged == vec![file.clone()]), "{name} cut at {at}");
            }
        }
        std::fs::write(&file, &good).unwrap();
    }
}
