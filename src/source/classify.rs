//! What a file is that no lineage holds: a copy of one that stands, the continuation of one that lost its file, no log, or new.
//!
//! Guarantees: decided on decompressed content after all known files were checked; a compressed file that is still being written waits. Never
//! decides by inode or by name alone.

use crate::{
    model::checkpoint::{FileKind, FileState},
    source::{
        Sources,
        discover::{Found, Listing},
        follow::{Lineage, fresh},
        identity::{Seed, Stat, read_at},
        scan::{Aside, Why, name_of, unix_s},
        sniff::{self, Looks},
    },
};
use std::{collections::HashSet, path::Path, sync::Arc, time::Instant};

impl Sources {
    /// Classifies every file that was not recognised.
    pub(super) fn classify_all(&mut self, unknown: Vec<Found>, listing: &Listing, now: Instant) {
        let names: HashSet<&Path> = listing.found.iter().map(|found| found.path.as_path()).collect();
        for found in unknown {
            self.classify(&found, &names, now);
        }
    }

    fn classify(&mut self, found: &Found, names: &HashSet<&Path>, now: Instant) {
        let log = name_of(&found.path, names);
        let file = match self.open_file(&found.path, now) {
            Ok(file) => Arc::new(file),
            Err(_) => return,
        };
        let (Ok(stat), Ok(bytes)) = (Stat::of(&file), read_at(&file, 0, sniff::SNIFF_BYTES)) else { return };
        let kind = match sniff::looks(&bytes) {
            Looks::Text => FileKind::Plain,
            Looks::Gzip => FileKind::Gzip,
            Looks::Zstd => FileKind::Zstd,
            Looks::Empty => return self.put_aside(found, &log.name, stat, Why::Empty, now),
            Looks::Other(reason) => return self.put_aside(found, &log.name, stat, Why::NoLog(reason.to_owned()), now),
        };
        let mut mark = fresh(kind, stat, &found.path, &found.shown);
        mark.state = FileState::Live;
        mark.seen_unix_s = unix_s();
        let mut lineage = Lineage::new(mark, log);
        lineage.attach(Arc::clone(&file), stat, Seed::default(), (kind != FileKind::Plain).then(|| super::compressed::Inflater::new(file, kind)));
        lineage.listed = true;
        lineage.is_final = self.is_final(&found.path);
        self.by_inode.insert(stat.inode, self.lineages.len());
        self.aside.remove(&stat.inode);
        self.lineages.push(lineage);
    }

    fn put_aside(&mut self, found: &Found, name: &str, stat: Stat, why: Why, now: Instant) {
        let changed = self.aside.get(&stat.inode).filter(|aside| !aside.stat.differs(&stat)).map_or(now, |aside| aside.changed);
        let aside = Aside { shown: found.shown.clone(), name: name.to_owned(), stat, changed, listed: true, why };
        self.aside.insert(stat.inode, aside);
    }
}
