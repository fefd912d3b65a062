//! What a file is, judged by its first bytes.
//!
//! Pure. Never by name alone, except for text that is known not to be a log ([`is_other_text`]), and that only inside directories.

use std::path::Path;

/// So many bytes are looked at.
pub const SNIFF_BYTES: usize = 8192;

/// What first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Nothing yet.
    Empty,
    /// Text, perhaps damaged.
    Text,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// Something that is not read, and why.
    Other(&'static str),
}

const MAGIC: [(&[u8], &str); 22] = [
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"RIFF", "an image, sound or film"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"PK\x05\x06", "a zip archive: unpack it first"),
    (b"BZh", "bzip2: only gzip and zstd are read, unpack it first"),
    (b"\xfd7zXZ\0", "xz: only gzip and zstd are read, unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\x04\x22\x4d\x18", "lz4: only gzip and zstd are read, unpack it first"),
    (b"Rar!", "a rar archive: unpack it first"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\0asm", "a program"),
    (b"LPKSHHRH", "a systemd journal: export it with journalctl -o json"),
    (b"PAR1", "a Parquet file"),
    (b"\xff\xfe", "UTF-16 text: convert it to UTF-8 first"),
    (b"\xfe\xff", "UTF-16 text: convert it to UTF-8 first"),
];

/// Judges the first [`SNIFF_BYTES`] of a file.
pub fn looks(bytes: &[u8]) -> Looks {
    if bytes.is_empty() {
        return Looks::Empty;
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Looks::Gzip;
    }
    if is_zstd(bytes) {
        return Looks::Zstd;
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Looks::Other(what);
    }
    if bytes.len() > 262 && &bytes[257..262] == b"ustar" {
        return Looks::Other("a tar archive: unpack it first");
    }
    if is_binary(bytes) { Looks::Other("binary, not text") } else { Looks::Text }
}

/// A zstd frame, also a skippable one.
pub fn is_zstd(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x28\xb5\x2f\xfd") || (bytes.len() >= 4 && bytes[0] & 0xf0 == 0x50 && bytes[1..4] == *b"\x2a\x4d\x18")
}

/// A run of so many NULs is a hole, not content: a power loss, or a writer without append mode whose file was truncated, leaves one.
const HOLE_BYTES: usize = 16;

/// Only a hole: what stands behind it has to be asked.
pub fn is_hole(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}

/// More than a tenth control bytes outside holes; fewer are enough when the text is not UTF-8 either, as in random or compressed bytes.
fn is_binary(bytes: &[u8]) -> bool {
    let (mut control, mut text) = (0, 0);
    for run in bytes.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
        let is_nul = run[0] == 0;
        if is_nul && run.len() >= HOLE_BYTES {
            continue;
        }
        text += run.len();
        control += if is_nul { run.len() } else { run.iter().filter(|b| **b < 32 && !b"\t\n\r\x0b\x0c\x1b\x08".contains(b)).count() };
    }
    let damaged: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    text == 0 || control * 10 > text || (control * 20 > text && damaged * 10 > text)
}

/// Why a file inside a directory is no log although it may be text; a file that was named, or matched by a glob, is not asked.
pub fn is_other_text(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = [".gz", ".zst", ".zstd"].iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "md" | "markdown" | "rst" | "adoc" | "html" | "htm" | "css" | "svg" | "tex" => Some("a document, not a log"),
        "py" | "js" | "mjs" | "cjs" | "ts" | "tsx" | "jsx" | "rs" | "go" | "rb" | "java" | "kt" | "c" | "h" | "cc" | "cpp" | "hpp" | "cs" | "php" | "sh" | "bash" | "zsh"
        | "fish" | "pl" | "lua" | "sql" | "swift" | "scala" | "ex" | "exs" | "proto" | "ipynb" | "patch" | "diff" | "map" => Some("source code, not a log"),
        "toml" | "yaml" | "yml" | "ini" | "cfg" | "conf" | "env" | "properties" | "xml" | "xsd" | "lock" | "service" | "tf" | "editorconfig" | "plist" => {
            Some("configuration, not a log")
        }
        "csv" | "tsv" | "parquet" | "xlsx" => Some("a table, not a log"),
        "pid" | "sock" | "socket" | "swp" | "swo" | "tmp" | "part" | "crdownload" => Some("a temporary file"),
        "pem" | "key" | "crt" | "cer" | "p12" | "pub" | "asc" | "sig" | "sha256" | "md5" => Some("a key or checksum, not a log"),
        "db" | "sqlite" | "sqlite3" | "db-wal" | "db-shm" | "rdb" | "aof" => Some("a database"),
        _ => other_by_name(name),
    }
}

fn other_by_name(name: &str) -> Option<&'static str> {
    match name {
        "package.json" | "package-lock.json" | "tsconfig.json" | "composer.json" | "manifest.json" | "makefile" | "dockerfile" | "jenkinsfile" => Some("configuration, not a log"),
        "license" | "license.txt" | "licence" | "licence.txt" | "readme" | "readme.txt" | "changelog" | "changelog.txt" | "notice" | "notice.txt" | "authors" | "copying" => {
            Some("a document, not a log")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide() {
        assert_eq!(looks(b""), Looks::Empty);
        assert_eq!(looks(b"\xef\xbb\xbf{\"a\":1}\n"), Looks::Text);
        assert_eq!(looks(b"\x1f\x8b\x08\0"), Looks::Gzip);
        assert_eq!(looks(b"\x28\xb5\x2f\xfd\x04"), Looks::Zstd);
        assert_eq!(looks(b"\x51\x2a\x4d\x18\x04\0\0\0"), Looks::Zstd);
        assert_eq!(looks(b"SQLite format 3\0\x10"), Looks::Other("an SQLite database"));
        assert_eq!(looks(b"a\0\x01\x02\x03"), Looks::Other("binary, not text"));
    }

    #[test]
    fn damaged_text_is_still_text() {
        assert_eq!(looks(b"{\"a\":\"\xff\xfe\"}\n{\"b\":\"\0\"}\n{\"c\":\"long enough\"}"), Looks::Text);
        assert_eq!(looks(b"\x1b[32mINFO\x1b[0m started\n"), Looks::Text);
        let mut hole = vec![0; 4000];
        hole.extend_from_slice(b"{\"after\":\"a hole\"}\n");
        assert_eq!(looks(&hole), Looks::Text);
    }

    #[test]
    fn a_hole_in_the_middle_says_nothing_and_random_bytes_are_binary() {
        let mut log = b"{\"before\":1}\n".repeat(50);
        log.extend_from_slice(&[0; 4096]);
        log.extend_from_slice(&b"{\"after\":1}\n".repeat(50));
        assert_eq!(looks(&log), Looks::Text);
        let mut state = 7_u64;
        let random = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        assert_eq!(looks(&random.skip(1).take(5_000).collect::<Vec<_>>()), Looks::Other("binary, not text"));
        let latin: Vec<u8> = b"caf\xe9 na\xefve \xfcber\n".repeat(9);
        assert_eq!(looks(&latin), Looks::Text);
        assert_eq!(looks(&b"w\0i\0d\0e\0".repeat(99)), Looks::Other("binary, not text"));
    }

    #[test]
    fn text_that_is_no_log_is_known_by_its_name() {
        assert_eq!(is_other_text(Path::new("logs/README.md")), Some("a document, not a log"));
        assert_eq!(is_other_text(Path::new("logs/run.py")), Some("source code, not a log"));
        for log in ["logs/api.log", "logs/api.log.1", "logs/events.jsonl", "logs/access", "logs/trace.json", "logs/api.log.2026-11-23"] {
            assert_eq!(is_other_text(Path::new(log)), None, "{log}");
        }
    }
}
