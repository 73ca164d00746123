//! Any history against a slow model.

use super::*;

/// The rules as the documents state them, each asked anew for every question.
struct Model {
    entries: BTreeMap<EntryId, Entry>,
    root: SignKey,
}

impl Model {
    fn of(log: &IdentityLog) -> Self {
        let entries = log.entries().into_iter().map(|entry| (id(&entry), entry.body)).collect();
        Self { entries, root: *log.root() }
    }

    fn follows(&self, later: &EntryId, earlier: &EntryId) -> bool {
        self.entries[later].prev().iter().any(|prev| prev == earlier || self.follows(prev, earlier))
    }

    fn depth(&self, entry: &EntryId) -> u64 {
        self.entries[entry].prev().iter().map(|prev| 1 + self.depth(prev)).max().unwrap_or(0)
    }

    /// Devices with the entry that counts: of several made apart the earliest.
    fn devices(&self) -> Vec<(SignKey, EntryId)> {
        let device = |(id, entry): (&EntryId, &Entry)| match entry {
            Entry::Create(e) => Some((e.device.sign, self.depth(id), *id)),
            Entry::AddDevice(e) => Some((e.device.sign, self.depth(id), *id)),
            Entry::RevokeDevice(_) => None,
        };
        let mut all: Vec<_> = self.entries.iter().filter_map(device).collect();
        all.sort();
        all.dedup_by_key(|(key, _, _)| *key);
        all.into_iter().map(|(key, _, id)| (key, id)).collect()
    }

    fn certified_by(&self, device: &SignKey) -> EntryId {
        self.devices().into_iter().find(|(key, _)| key == device).unwrap().1
    }

    fn is_senior(&self, a: &SignKey, b: &SignKey) -> bool {
        let rank = |key| {
            let entry = self.certified_by(key);
            (self.depth(&entry), entry)
        };
        *a == self.root || rank(a) < rank(b)
    }

    /// The earliest revocation of the device that stands, else what ended the device that added it.
    fn ended_by(&self, device: &SignKey) -> Option<EntryId> {
        let named = self.entries.iter().filter(|(id, entry)| match entry {
            Entry::RevokeDevice(e) if e.device != *device => false,
            Entry::RevokeDevice(e) if e.by == *device => true,
            Entry::RevokeDevice(e) => self.is_senior(&e.by, device) && self.stands(id),
            _ => false,
        });
        let first = named.map(|(id, _)| (self.depth(id), *id)).min();
        first.map(|(_, id)| id).or_else(|| {
            let entry = self.certified_by(device);
            if self.stands(&entry) { None } else { self.ended_by(self.entries[&entry].signer()) }
        })
    }

    /// An entry of an ended device stands if its end names it, or if it is a revocation that its end had seen.
    fn stands(&self, id: &EntryId) -> bool {
        let entry = &self.entries[id];
        if *entry.signer() == self.root {
            return true;
        }
        let Some(end) = self.ended_by(entry.signer()) else { return true };
        let Entry::RevokeDevice(revocation) = &self.entries[&end] else { unreachable!("only revocations end devices") };
        let seen = matches!(entry, Entry::RevokeDevice(_)) && self.follows(&end, id);
        end == *id || revocation.accepted.contains(id.cid()) || seen
    }

    fn seal(&self) -> SealGeneration {
        let counts = |(id, entry): (&EntryId, &Entry)| match entry {
            Entry::Create(e) => Some(e.seal.clone()),
            Entry::RevokeDevice(e) => {
                let may = e.by == e.device || self.is_senior(&e.by, &e.device);
                (may && self.stands(id)).then(|| e.seal.clone())
            }
            Entry::AddDevice(_) => None,
        };
        let mut best: Vec<_> = self.entries.iter().filter_map(counts).collect();
        // Stable: among equals the lowest entry id stays first.
        best.sort_by_key(|seal| std::cmp::Reverse(seal.number));
        best.remove(0)
    }

    fn tips(&self) -> Vec<EntryId> {
        let followed: BTreeSet<_> = self.entries.values().flat_map(|entry| entry.prev()).collect();
        self.entries.keys().filter(|id| !followed.contains(id)).copied().collect()
    }

    fn check(&self, log: &IdentityLog) {
        let expected: BTreeMap<_, _> = self.devices().iter().map(|(key, _)| (*key, self.ended_by(key))).collect();
        let found: BTreeMap<_, _> = log.devices().map(|device| (device.keys.sign, device.revoked)).collect();
        assert_eq!(found, expected);
        assert_eq!(log.seal(), &self.seal());
        assert_eq!(log.tips(), self.tips());
        for (device, entry) in self.devices() {
            assert_eq!(log.device(&device).is_some(), expected[&device].is_none());
            let found = log.devices().find(|d| d.keys.sign == device).unwrap();
            assert_eq!((found.entry, found.depth), (entry, self.depth(&entry)));
        }
    }
}

/// One step of a history on several replicas.
#[derive(Clone, Debug)]
struct Step {
    replica: usize,
    actor: prop::sample::Index,
    target: prop::sample::Index,
    kind: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0usize..3, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..10);
    let step = step.prop_map(|(replica, actor, target, kind)| Step { replica, actor, target, kind });
    prop::collection::vec(step, 0..14)
}

/// Plays a history; gives the replicas.
fn play(steps: &[Step]) -> Vec<IdentityLog> {
    let (new, log) = identity(1);
    let mut replicas: Vec<_> = (0..3).map(|_| copy(&log)).collect();
    let mut devices = vec![new.device.clone()];
    for step in steps {
        let log = &replicas[step.replica];
        // Whoever this replica knows may act, valid or not; the root acts sometimes.
        let known: Vec<_> = devices.iter().filter(|d| log.devices().any(|k| k.keys.sign == key(d))).cloned().collect();
        let actor = &known[step.actor.index(known.len())];
        let by = if step.actor.index(5) == 0 { new.root.root } else { actor.sign };
        let target = &known[step.target.index(known.len())];
        let entry = match step.kind {
            0..=3 => {
                let added = device(devices.len() as u32);
                devices.push(added.clone());
                addition(log, log.tips(), &by, &added)
            }
            // A device that was certified elsewhere, if there is one.
            4 => match devices.iter().find(|d| !known.iter().any(|k| key(k) == key(d))) {
                Some(elsewhere) => addition(log, log.tips(), &by, elsewhere),
                None => continue,
            },
            5..=7 => {
                let entries = log.entries();
                let named = entries.iter().map(|entry| *id(entry).cid()).filter(|cid| cid.hash()[0] % 3 == 0);
                let accepted = named.take(if step.kind == 7 { 8 } else { 0 }).collect();
                revocation(log, log.tips(), &by, &key(target), newest_number(log) + 1, accepted)
            }
            _ => {
                let other = replicas[(step.replica + 1) % 3].entries();
                join(&mut replicas[step.replica], other);
                continue;
            }
        };
        assert_eq!(replicas[step.replica].insert(entry), Ok(true));
    }
    replicas
}

/// All entries in some order in which each comes after those it follows.
fn some_order(entries: &[Signed<Entry>], choices: &[prop::sample::Index]) -> Vec<Signed<Entry>> {
    let (mut out, mut have): (Vec<Signed<Entry>>, BTreeSet<EntryId>) = Default::default();
    let mut left: Vec<_> = entries.to_vec();
    while !left.is_empty() {
        let ready: Vec<_> = (0..left.len()).filter(|i| left[*i].body.prev().iter().all(|p| have.contains(p))).collect();
        let choice = choices.get(out.len()).map_or(0, |index| index.index(ready.len()));
        let entry = left.remove(ready[choice]);
        have.insert(id(&entry));
        out.push(entry);
    }
    out
}

proptest! {
    #![proptest_config(fixed(200))]

    #[test]
    fn any_history_joined_in_any_order_is_what_the_model_says(
        steps in steps(),
        orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 20), 3),
    ) {
        let replicas = play(&steps);
        for replica in &replicas {
            Model::of(replica).check(replica);
        }
        let mut union = copy(&replicas[0]);
        join(&mut union, replicas[1..].iter().flat_map(IdentityLog::entries));
        let model = Model::of(&union);
        model.check(&union);
        for choices in &orders {
            let joined = IdentityLog::from_entries(some_order(&union.entries(), choices)).unwrap();
            model.check(&joined);
        }
        // What is newer than a replica knows is exactly what brings it there.
        for mut replica in replicas {
            let news = union.entries_after(&replica.tips());
            prop_assert!(news.iter().all(|entry| !replica.contains(&id(entry))));
            join(&mut replica, news);
            model.check(&replica);
        }
    }
}
