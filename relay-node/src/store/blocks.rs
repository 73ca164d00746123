//! Blocks: small ones in their row, larger ones in a file each.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

/// Key: a block's CID. Value: [`Place`].
pub(super) const BLOCKS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("block/1");

/// Up to here a block lies in its row: a page or two of redb cost less than a file.
const INLINE_BYTES_MAX: usize = 8 << 10;

/// Where a block lies. Encoded as one byte of kind, then the rest.
pub(super) enum Place<'a> {
    /// Kind 0: the bytes themselves.
    Inline(&'a [u8]),
    /// Kind 1: a file's name (8 bytes, big endian) and its length (8 bytes, big endian).
    File { name: u64, bytes: u64 },
}

impl<'a> Place<'a> {
    pub(super) fn decode(value: &'a [u8]) -> Option<Self> {
        let (kind, rest) = value.split_first()?;
        match kind {
            0 => Some(Self::Inline(rest)),
            1 => {
                let (name, bytes) = rest.split_first_chunk::<8>()?;
                let bytes = bytes.try_into().ok()?;
                Some(Self::File { name: u64::from_be_bytes(*name), bytes: u64::from_be_bytes(bytes) })
            }
            _ => None,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Inline(bytes) => [&[0], *bytes].concat(),
            Self::File { name, bytes } => [&[1][..], &name.to_be_bytes(), &bytes.to_be_bytes()].concat(),
        }
    }
}

/// The directory of block files. Names count up and are never used twice.
pub(super) struct BlockFiles {
    directory: PathBuf,
    next: AtomicU64,
}

impl BlockFiles {
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        let files = Self { directory, next: AtomicU64::new(1) };
        let newest = files.names()?.into_iter().max().unwrap_or(0);
        files.next.store(newest + 1, Ordering::Relaxed);
        Ok(files)
    }

    /// Whether a block of that size gets a file.
    pub(super) fn wants(bytes: &[u8]) -> bool {
        bytes.len() > INLINE_BYTES_MAX
    }

    /// Writes a new file and fsyncs it; the directory is fsynced by [`Self::sync`].
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<u64> {
        let name = self.next.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.path(name).with_extension("new");
        let written = File::create(&unfinished).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_data()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&unfinished, self.path(name))) {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        Ok(name)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    pub(super) fn read(&self, name: u64) -> io::Result<Vec<u8>> {
        fs::read(self.path(name))
    }

    pub(super) fn remove(&self, name: u64) {
        // A file that stays is swept at the next start.
        let _ = fs::remove_file(self.path(name));
    }

    /// Removes files that no row names, and lets names go on behind every name in a row.
    pub(super) fn sweep(&self, database: &Database) -> Result<(), redb::Error> {
        let read = database.begin_read()?;
        let table = read.open_table(BLOCKS)?;
        let mut named = HashSet::new();
        for row in table.iter()? {
            if let Some(Place::File { name, .. }) = Place::decode(row?.1.value()) {
                named.insert(name);
            }
        }
        let newest = named.iter().max().copied().unwrap_or(0);
        self.next.fetch_max(newest + 1, Ordering::Relaxed);
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
            if name.is_none_or(|name| !named.contains(&name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<u64>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let stem = entry?.path().file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            names.extend(stem.and_then(|stem| u64::from_str_radix(&stem, 16).ok()));
        }
        Ok(names)
    }

    fn path(&self, name: u64) -> PathBuf {
        self.directory.join(format!("{name:016x}"))
    }
}
