//! A disk with a volatile and a durable side: replays recorded changes, and says what a power cut may
//! leave of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use roadstead_storage::{Hook, Op};

/// A change, as it was announced.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Create(PathBuf),
    MakeDir(PathBuf),
    Remove(PathBuf),
    RemoveDir(PathBuf),
    Rename(PathBuf, PathBuf),
    SyncAll(PathBuf),
    SyncDir(PathBuf),
    SyncFile(PathBuf),
    Truncate(PathBuf, u64),
    Write(PathBuf, u64, Vec<u8>),
    /// Of no consequence for what can be read.
    Nothing,
}

/// Records every change of a store.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Change>>);

impl Recorder {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().expect("no panic under the lock").len()
    }

    pub(crate) fn changes(&self) -> Vec<Change> {
        self.0.lock().expect("no panic under the lock").clone()
    }
}

impl Hook for Recorder {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let own = Path::to_path_buf;
        let change = match op {
            Op::Create { path } if path.exists() => Change::Nothing,
            Op::Create { path } => Change::Create(own(path)),
            Op::MakeDir { path } if path.exists() => Change::Nothing,
            Op::MakeDir { path } => Change::MakeDir(own(path)),
            Op::Remove { path } => Change::Remove(own(path)),
            Op::RemoveDir { path }
                if path.read_dir().is_ok_and(|mut list| list.next().is_none()) =>
            {
                Change::RemoveDir(own(path))
            }
            Op::Rename { from, to } => Change::Rename(own(from), own(to)),
            Op::SyncAll { path } => Change::SyncAll(own(path)),
            Op::SyncDir { path } => Change::SyncDir(own(path)),
            Op::SyncFile { path } => Change::SyncFile(own(path)),
            Op::Truncate { path, length } => Change::Truncate(own(path), *length),
            Op::Write {
                path,
                offset,
                bytes,
            } => Change::Write(own(path), *offset, bytes.to_vec()),
            _ => Change::Nothing,
        };
        self.0.lock().expect("no panic under the lock").push(change);
        Ok(())
    }
}

/// What of the unsynced changes a power cut left on the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// None of them.
    Everything,
    /// The names, but the files have only synced bytes, and zeroes where they had grown.
    Data,
    /// The bytes, under the names that were synced.
    Metadata,
    /// Some of them, and torn writes, as this seed will have it.
    Some(u64),
    /// Nothing at all: the machine just stopped.
    Nothing,
}

type Inode = usize;

#[derive(Debug, Clone, Default)]
struct Side {
    /// Of a directory: what lies in it.
    entries: BTreeMap<String, Inode>,
    /// Of a file.
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    is_dir: bool,
    now: Side,
    synced: Side,
}

/// The disk below one root.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
}

impl Disk {
    pub(crate) fn new(root: PathBuf) -> Self {
        let root_node = Node {
            is_dir: true,
            ..Node::default()
        };
        Self {
            root,
            nodes: vec![root_node],
        }
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(path) => self.add(path, false),
            Change::MakeDir(path) if *path == self.root => {}
            Change::MakeDir(path) => self.add(path, true),
            Change::Remove(path) | Change::RemoveDir(path) => {
                let (parent, name) = self.locate(path);
                self.nodes[parent].now.entries.remove(&name);
            }
            Change::Rename(from, to) => {
                let (parent, name) = self.locate(from);
                let inode = self.nodes[parent]
                    .now
                    .entries
                    .remove(&name)
                    .expect("it had a name");
                let (parent, name) = self.locate(to);
                self.nodes[parent].now.entries.insert(name, inode);
            }
            // Only ever of the root, and what lies beside it is not ours.
            Change::SyncAll(path) => {
                assert_eq!(*path, self.root);
                for node in &mut self.nodes {
                    node.synced = node.now.clone();
                }
            }
            Change::SyncDir(path) | Change::SyncFile(path) => {
                // The directory above the root is not ours.
                if path.starts_with(&self.root) {
                    let inode = self.find(path).expect("what is synced is there");
                    let node = &mut self.nodes[inode];
                    node.synced = node.now.clone();
                }
            }
            Change::Truncate(path, length) => {
                let length = usize::try_from(*length).expect("fits");
                self.bytes(path).resize(length, 0);
            }
            Change::Write(path, offset, bytes) => {
                let offset = usize::try_from(*offset).expect("fits");
                let file = self.bytes(path);
                file.resize(file.len().max(offset + bytes.len()), 0);
                file[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Change::Nothing => {}
        }
    }

    /// Writes what a power cut leaves into the empty directory `target`; `fix` may change a file.
    pub(crate) fn crash(&self, loss: Loss, target: &Path, fix: &dyn Fn(&Path, &mut Vec<u8>)) {
        let mut dice = Dice(match loss {
            Loss::Some(seed) => seed,
            _ => 0,
        });
        self.write_dir(0, loss, &mut dice, target, Path::new(""), fix);
    }

    fn write_dir(
        &self,
        inode: Inode,
        loss: Loss,
        dice: &mut Dice,
        target: &Path,
        path: &Path,
        fix: &dyn Fn(&Path, &mut Vec<u8>),
    ) {
        let node = &self.nodes[inode];
        for (name, inode) in surviving_entries(node, loss, dice) {
            let (target, path) = (target.join(&name), path.join(&name));
            if self.nodes[inode].is_dir {
                std::fs::create_dir(&target).expect("a new directory");
                self.write_dir(inode, loss, dice, &target, &path, fix);
            } else {
                let mut bytes = surviving_bytes(&self.nodes[inode], loss, dice);
                fix(&path, &mut bytes);
                std::fs::write(&target, bytes).expect("a new file");
            }
        }
    }

    fn add(&mut self, path: &Path, is_dir: bool) {
        let (parent, name) = self.locate(path);
        let inode = self.nodes.len();
        self.nodes.push(Node {
            is_dir,
            ..Node::default()
        });
        self.nodes[parent].now.entries.insert(name, inode);
    }

    fn bytes(&mut self, path: &Path) -> &mut Vec<u8> {
        let inode = self.find(path).expect("what is written is there");
        &mut self.nodes[inode].now.bytes
    }

    fn locate(&self, path: &Path) -> (Inode, String) {
        let parent = self
            .find(path.parent().expect("has a parent"))
            .expect("its directory is there");
        (
            parent,
            path.file_name()
                .expect("has a name")
                .to_str()
                .expect("UTF-8")
                .to_owned(),
        )
    }

    fn find(&self, path: &Path) -> Option<Inode> {
        let below = path.strip_prefix(&self.root).expect("below the root");
        below.iter().try_fold(0, |inode, name| {
            self.nodes[inode]
                .now
                .entries
                .get(name.to_str().expect("UTF-8"))
                .copied()
        })
    }
}

fn surviving_entries(node: &Node, loss: Loss, dice: &mut Dice) -> BTreeMap<String, Inode> {
    let (now, synced) = (&node.now.entries, &node.synced.entries);
    match loss {
        Loss::Everything | Loss::Metadata => synced.clone(),
        Loss::Data | Loss::Nothing => now.clone(),
        Loss::Some(_) => {
            let names = now.keys().chain(synced.keys()).cloned();
            let names: std::collections::BTreeSet<String> = names.collect();
            let mut survive = |name: String| {
                let side = if dice.is_even() { now } else { synced };
                side.get(&name).copied().map(|inode| (name, inode))
            };
            names.into_iter().filter_map(&mut survive).collect()
        }
    }
}

fn surviving_bytes(node: &Node, loss: Loss, dice: &mut Dice) -> Vec<u8> {
    const SECTOR: usize = 512;
    let (now, synced) = (&node.now.bytes, &node.synced.bytes);
    match loss {
        Loss::Everything => synced.clone(),
        Loss::Metadata | Loss::Nothing => now.clone(),
        Loss::Data => {
            let mut bytes = synced.clone();
            bytes.resize(now.len(), 0);
            bytes
        }
        Loss::Some(_) => match dice.roll() % 4 {
            0 => now.clone(),
            1 => synced.clone(),
            // Torn: each sector is the old one or the new one, up to some length.
            _ => {
                let longest = now.len().max(synced.len());
                let mut bytes = synced.clone();
                bytes.resize(longest, 0);
                for begin in (0..now.len()).step_by(SECTOR) {
                    let end = (begin + SECTOR).min(now.len());
                    if dice.is_even() {
                        bytes[begin..end].copy_from_slice(&now[begin..end]);
                    }
                }
                if now == synced { now.clone() } else { bytes }
            }
        },
    }
}

/// Seeded chance (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn is_even(&mut self) -> bool {
        self.roll().is_multiple_of(2)
    }
}
