//! Heads against a slow, obvious model, on replicas that exchange some of what they have.

use std::collections::{BTreeMap, BTreeSet};

use mimei_core::cbor::Cbor;
use mimei_core::cid::{AccessId, HeadId};
use mimei_core::mimei::{AccessChain, AccessRecord, AccessView, Audience, Head, HeadError, HeadSet, Right, Rights};
use mimei_core::sign::{SignKey, Signed};
use mimei_core::time::Millis;

use crate::world::{Device, EDITOR, NOW, RULER, Random, World, version};

const PEOPLE: usize = 4;
const REPLICAS: usize = 3;

/// The rules as they are written, by brute force.
struct Model<'a> {
    world: &'a World,
    view: &'a AccessView,
    heads: BTreeMap<HeadId, Head>,
    below: BTreeMap<HeadId, BTreeSet<HeadId>>,
}

impl<'a> Model<'a> {
    fn new(world: &'a World, view: &'a AccessView, signed: &[Signed<Head>]) -> Self {
        let heads: BTreeMap<HeadId, Head> =
            signed.iter().map(|head| (HeadId::of(&head.to_cbor()), head.body.clone())).collect();
        let mut order: Vec<&HeadId> = heads.keys().collect();
        order.sort_by_key(|id| heads[id].seq);
        let mut below: BTreeMap<HeadId, BTreeSet<HeadId>> = BTreeMap::new();
        for id in order {
            let prev = &heads[id].prev;
            let mut all: BTreeSet<HeadId> = prev.iter().copied().collect();
            prev.iter().for_each(|prev| all.extend(&below[prev]));
            below.insert(*id, all);
        }
        Self { world, view, heads, below }
    }

    fn apart(&self, a: &HeadId, b: &HeadId) -> bool {
        a != b
            && self.heads[a].by.device == self.heads[b].by.device
            && !self.below[a].contains(b)
            && !self.below[b].contains(a)
    }

    fn equivocates(&self, id: &HeadId) -> bool {
        let device = self.heads[id].by.device;
        let own = self.below[id].iter().chain([id]).filter(|x| self.heads[x].by.device == device);
        own.into_iter().any(|x| self.heads.keys().any(|y| self.apart(x, y)))
    }

    fn may(&self, head: &Head, right: Right, at: Millis) -> bool {
        self.view.rights_of_signer(&head.by, at).has(right)
    }

    fn release_stands(&self, id: &HeadId) -> bool {
        let head = &self.heads[id];
        let named = self.heads.keys().any(|other| {
            self.view.accepts(other) && !self.equivocates(other) && (other == id || self.below[other].contains(id))
        });
        named
            || self.may(head, Right::Release, NOW)
            || self.may(head, Right::Release, head.time)
            || (head.prev.is_empty() && head.release.is_none())
            || head.prev.iter().any(|prev| self.heads[prev].release == head.release && self.release_stands(prev))
    }

    fn stands_alone(&self, id: &HeadId) -> bool {
        let head = &self.heads[id];
        if self.equivocates(id) {
            return false;
        }
        if self.view.accepts(id) {
            return true;
        }
        let log = &self.world.logs[&head.by.user];
        let device = log.device(&head.by.device).is_some()
            || log.accepted_of(&head.by.device).is_some_and(|accepted| accepted.contains(id.cid()));
        let prev: Vec<&Head> = head.prev.iter().map(|prev| &self.heads[prev]).collect();
        let new_release =
            prev.iter().all(|prev| prev.release != head.release) && (!prev.is_empty() || head.release.is_some());
        let only = new_release && !prev.is_empty() && prev.iter().all(|prev| prev.last == head.last);
        let right = if only { Right::Release } else { Right::Save };
        device && self.may(head, right, NOW) && self.release_stands(id)
    }

    fn tips(&self) -> Vec<HeadId> {
        let alone: BTreeSet<&HeadId> = self.heads.keys().filter(|id| self.stands_alone(id)).collect();
        let mut tips: Vec<HeadId> = alone
            .iter()
            .filter(|id| !alone.iter().any(|other| self.below[other].contains(id)))
            .map(|id| **id)
            .collect();
        tips.sort_by_key(|id| (std::cmp::Reverse(self.heads[id].seq), *id));
        tips
    }

    fn equivocators(&self) -> BTreeSet<SignKey> {
        self.heads.keys().filter(|id| self.equivocates(id)).map(|id| self.heads[id].by.device).collect()
    }
}

struct Replica {
    chain: AccessChain,
    heads: HeadSet,
}

impl Replica {
    fn new(world: &World) -> Self {
        Self { chain: AccessChain::new(&world.genesis), heads: HeadSet::new(world.mimei) }
    }

    fn all(&self) -> Vec<Signed<Head>> {
        self.heads.all_after(&[]).into_iter().cloned().collect()
    }

    /// Takes what another sends, as far as the connection holds.
    fn take(&mut self, world: &World, records: Vec<Signed<AccessRecord>>, heads: Vec<Signed<Head>>, bound: usize) {
        for record in records {
            self.chain.insert(record, &world.logs).unwrap();
        }
        for head in heads.into_iter().take(bound) {
            self.heads.insert(head, &self.chain, &world.logs).unwrap();
        }
    }
}

fn exchange(world: &World, replicas: &mut [Replica], from: usize, to: usize, bound: usize) {
    let (leaves, known): (Vec<HeadId>, _) =
        (replicas[to].heads.leaves().copied().collect(), replicas[to].chain.leaves());
    let records = replicas[from].chain.records_after(&known).into_iter().cloned().collect();
    let heads = replicas[from].heads.all_after(&leaves).into_iter().cloned().collect();
    replicas[to].take(world, records, heads, bound);
}

struct Play {
    world: World,
    random: Random,
    replicas: Vec<Replica>,
    /// A device signs at one replica only, where its newest head is: what an honest driver ensures.
    home: BTreeMap<Device, usize>,
    cheat: Option<Device>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut world = World::new(PEOPLE);
        let mut random = Random(seed);
        let mut first = Replica::new(&world);
        let all = vec![
            world.user_audience(1, RULER),
            world.user_audience(2, EDITOR),
            Audience { until: Some(Millis(NOW.0 - random.below(2) as u64)), ..world.user_audience(3, EDITOR) },
        ];
        world.set(&mut first.chain, (0, 0), all);
        let mut replicas = vec![first];
        replicas.extend((1..REPLICAS).map(|_| Replica::new(&world)));
        for to in 1..REPLICAS {
            exchange(&world, &mut replicas, 0, to, 0);
        }
        let mut home = BTreeMap::new();
        for person in 0..PEOPLE {
            for device in 0..2 {
                home.insert((person, device), random.below(REPLICAS));
            }
        }
        let cheat = random.one_in(2).then(|| (1 + random.below(2), random.below(2)));
        Self { world, random, replicas, home, cheat }
    }

    fn step(&mut self) {
        match self.random.below(10) {
            0..=4 => self.honest_head(),
            5 => self.cheating_head(),
            6 => self.access(),
            _ => {
                let (from, to) = (self.random.below(REPLICAS), self.random.below(REPLICAS));
                let bound = if self.random.one_in(2) { usize::MAX } else { 1 + self.random.below(3) };
                exchange(&self.world, &mut self.replicas, from, to, bound);
            }
        }
    }

    fn honest_head(&mut self) {
        let device = (self.random.below(PEOPLE), self.random.below(2));
        let replica = &mut self.replicas[self.home[&device]];
        let tips = self.world.tips(&replica.heads, &replica.chain);
        let winner = tips.winner();
        let name = version(&self.random.below(6).to_string());
        let (last, release) = match (winner, self.random.below(4)) {
            (Some(tip), 0) => (tip.last, Some(name)),
            (Some(tip), _) => (name, tip.release),
            (None, _) => (name, None),
        };
        let head = self.world.next_head(&replica.heads, &replica.chain, self.world.by(device), last, release);
        Self::offer(&self.world, replica, device, head);
    }

    /// A head on anything, under any record.
    fn cheating_head(&mut self) {
        let Some(device) = self.cheat else { return };
        let at = self.random.below(REPLICAS);
        let replica = &mut self.replicas[at];
        let all = replica.all();
        let mut prev: Vec<HeadId> = (0..self.random.below(3))
            .filter(|_| !all.is_empty())
            .map(|_| HeadId::of(&all[self.random.below(all.len())].to_cbor()))
            .collect();
        prev.sort();
        prev.dedup();
        let records: Vec<AccessId> =
            replica.chain.records_after(&[]).into_iter().map(|r| AccessId::of(&r.to_cbor())).collect();
        let seq = 1 + prev.iter().map(|id| replica.heads.get(id).unwrap().body.seq).max().unwrap_or(0);
        let release = [None, Some(version("evil"))][self.random.below(2)];
        let head = Head {
            by: self.world.by(device),
            seq,
            last: version("cheat"),
            prev,
            time: NOW,
            mimei: self.world.mimei,
            access: Some(records[self.random.below(records.len())]),
            release,
        };
        Self::offer(&self.world, replica, device, head);
    }

    fn offer(world: &World, replica: &mut Replica, device: Device, head: Head) {
        let signed = world.sign_head(device, head);
        match replica.heads.insert(signed, &replica.chain, &world.logs) {
            Ok(_) | Err(HeadError::NotAllowed(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn access(&mut self) {
        let device = (self.random.below(2), self.random.below(2));
        let at = self.random.below(REPLICAS);
        let view = self.replicas[at].chain.view(&self.world.logs);
        if !view.may_set_rights(&self.world.user(device.0)) {
            return;
        }
        let mut audiences: Vec<Audience> =
            view.audiences().iter().filter(|a| a.rights.has(Right::SetRights)).cloned().collect();
        for person in 2..PEOPLE {
            let rights = [Rights::NONE, EDITOR, EDITOR.and(Rights::of(&[Right::Release]))][self.random.below(3)];
            if !rights.is_empty() {
                audiences.push(self.world.user_audience(person, rights));
            }
        }
        let mut change = self.world.change(audiences);
        if self.random.one_in(2) {
            change.accepted = self.world.tips(&self.replicas[at].heads, &self.replicas[at].chain).ids();
        }
        let record = view.next_record(self.world.by(device), change);
        let signed = self.world.sign_access(device, record);
        self.replicas[at].chain.insert(signed, &self.world.logs).unwrap();
    }

    fn settle(&mut self) {
        for _ in 0..2 {
            for (from, to) in (0..REPLICAS).flat_map(|a| (0..REPLICAS).map(move |b| (a, b))) {
                exchange(&self.world, &mut self.replicas, from, to, usize::MAX);
            }
        }
    }
}

#[test]
fn the_same_set_has_the_same_tips_everywhere_and_they_are_those_of_the_model() {
    let (mut equivocations, mut several, mut invalid) = (0, 0, 0);
    for seed in 0..150 {
        let mut play = Play::new(seed);
        for _ in 0..45 {
            play.step();
            let replica = &play.replicas[play.random.below(REPLICAS)];
            let view = replica.chain.view(&play.world.logs);
            let model = Model::new(&play.world, &view, &replica.all());
            assert_eq!(play.world.tips(&replica.heads, &replica.chain).ids(), model.tips(), "seed {seed}");
        }
        play.settle();
        if play.random.one_in(2) {
            let heads = play.replicas[0].all();
            let named: Vec<_> =
                heads.iter().filter(|_| play.random.one_in(4)).map(|h| *HeadId::of(&h.to_cbor()).cid()).collect();
            let device = (play.random.below(PEOPLE), 1);
            play.world.revoke(device, &named);
        }
        let view = play.replicas[0].chain.view(&play.world.logs);
        let all = play.replicas[0].all();
        let model = Model::new(&play.world, &view, &all);
        let expected = model.tips();
        for replica in &play.replicas {
            let tips = play.world.tips(&replica.heads, &replica.chain);
            assert_eq!(tips.ids(), expected, "seed {seed}");
            let found: BTreeSet<SignKey> = replica.heads.equivocations().map(|(device, _)| *device).collect();
            assert_eq!(found, model.equivocators(), "seed {seed}");
            for device in &found {
                let cheat = play.cheat.map(|cheat| play.world.secrets(cheat).keys().sign);
                assert_eq!(Some(*device), cheat, "seed {seed}: an honest device looks like an equivocator");
            }
            for tip in tips.all() {
                let of_device = replica.heads.get(&tip.id).unwrap().body.by.device;
                let same = tips.all().iter().filter(|t| replica.heads.get(&t.id).unwrap().body.by.device == of_device);
                assert_eq!(same.count(), 1, "seed {seed}: a device has one tip");
            }
            equivocations += found.len();
        }
        several += usize::from(expected.len() > 1);
        let valid = play.replicas[0].heads.chain(&expected, &[]).len();
        invalid += usize::from(valid < all.len());
        shuffled_insertion_agrees(&mut play, &all, &expected);
    }
    // The plays must really have come to what is tested.
    assert!(equivocations > 10 && several > 5 && invalid > 10, "{equivocations} {several} {invalid}");
}

fn shuffled_insertion_agrees(play: &mut Play, all: &[Signed<Head>], expected: &[HeadId]) {
    let mut left = all.to_vec();
    play.random.shuffle(&mut left);
    let mut set = HeadSet::new(play.world.mimei);
    let chain = &play.replicas[0].chain;
    while !left.is_empty() {
        left.retain(|head| match set.insert(head.clone(), chain, &play.world.logs) {
            Err(HeadError::UnknownPrev(_)) => true,
            result => {
                assert_eq!(result, Ok(true));
                false
            }
        });
    }
    assert_eq!(play.world.tips(&set, chain).ids(), expected);
    let proof = |heads: &HeadSet| format!("{:?}", heads.equivocations().collect::<Vec<_>>());
    assert_eq!(proof(&set), proof(&play.replicas[0].heads));
}
