//! Scans: by prefix, in the order of bytes, in pages.

use super::{Bench, Store, key, keys, put, scan_of};

/// Keys that are prefixes of others, the lowest and the highest byte, and neighbours of the prefix.
const ROWS: [&[u8]; 8] = [b"a", b"o\xff\xff", b"p", b"p\x00", b"p\x00\x00", b"p\x01x", b"p\xff\xff", b"q"];

async fn filled<B: Bench>(bench: &B) -> B::Store {
    let store = bench.open().await;
    // Written from the last to the first, so that order is the store's doing.
    store.apply(put(ROWS.iter().rev().map(|row| (row, row)))).await.unwrap();
    store
}

/// With their values.
pub async fn a_scan_gives_rows_of_its_prefix_in_the_order_of_their_bytes(bench: impl Bench) {
    let store = filled(&bench).await;
    let rows = store.scan(&scan_of("p", None, 10)).await.unwrap();
    assert_eq!(rows, ROWS[2..7].iter().map(|row| (row.to_vec(), row.to_vec())).collect::<Vec<_>>());
    assert_eq!(keys(&store, scan_of("p\0", None, 10)).await, ROWS[3..5]);
    assert!(keys(&store, scan_of("pp", None, 10)).await.is_empty());
    assert!(keys(&store, scan_of("z", None, 10)).await.is_empty());
}

/// Behind one that is there or not, before the prefix, in it, behind it.
pub async fn a_scan_goes_on_behind_any_key(bench: impl Bench) {
    let store = filled(&bench).await;
    let behind: [(&[u8], &[&[u8]]); 11] = [
        (b"", &ROWS[2..7]),
        (b"a", &ROWS[2..7]),
        (b"o\xff\xff\xff", &ROWS[2..7]),
        (b"p", &ROWS[3..7]),
        (b"p\x00", &ROWS[4..7]),
        (b"p\x00\x01", &ROWS[5..7]),
        (b"p\x01x\x00", &ROWS[6..7]),
        (b"p\xff\xff", &[]),
        (b"q", &[]),
        (b"r", &[]),
        (b"\xff\xff", &[]),
    ];
    for (after, rest) in behind {
        assert_eq!(keys(&store, scan_of("p", Some(after), 10)).await, rest, "behind {after:?}");
    }
}

/// None too.
pub async fn a_scan_gives_at_most_as_many_rows_as_asked_for(bench: impl Bench) {
    let store = filled(&bench).await;
    for limit in [0, 1, 2, 4] {
        assert_eq!(keys(&store, scan_of("p", None, limit)).await, ROWS[2..2 + limit], "{limit}");
    }
    assert_eq!(keys(&store, scan_of("p", Some(b"p"), 1)).await, ROWS[3..4]);
    assert!(keys(&store, scan_of("p", Some(b"p"), 0)).await.is_empty());
    for limit in [5, usize::MAX] {
        assert_eq!(keys(&store, scan_of("p", None, limit)).await, ROWS[2..7], "{limit}");
    }
}

/// Also behind a key, and where there is nothing.
pub async fn an_empty_prefix_gives_the_whole_table(bench: impl Bench) {
    let store = bench.open().await;
    assert!(keys(&store, scan_of("", None, 100)).await.is_empty());
    let store_again = filled(&bench).await;
    assert_eq!(keys(&store_again, scan_of("", None, 100)).await, ROWS);
    assert_eq!(keys(&store, scan_of("", Some(b"p"), 100)).await, ROWS[3..]);
    assert!(keys(&store, scan_of("", Some(b"q"), 100)).await.is_empty());
}

/// Where adding one to the prefix would overflow.
pub async fn prefixes_that_end_in_0xff_have_no_next_prefix(bench: impl Bench) {
    let store = bench.open().await;
    let rows: [&[u8]; 7] =
        [b"\xfe\xff", b"\xfe\xff\xff", b"\xff", b"\xff\x00", b"\xff\xfe", b"\xff\xff", b"\xff\xff\xff"];
    store.apply(put(rows.map(|row| (row, "")))).await.unwrap();
    let of = |prefix: &'static [u8]| keys(&store, scan_of(prefix, None, 100));
    assert_eq!(of(b"\xff").await, rows[2..]);
    assert_eq!(of(b"\xff\xff").await, rows[5..]);
    assert_eq!(of(b"\xff\xff\xff").await, rows[6..]);
    assert!(of(b"\xff\xff\xff\xff").await.is_empty());
    assert_eq!(of(b"\xfe\xff").await, rows[..2]);
    assert_eq!(keys(&store, scan_of(b"\xff\xff", Some(b"\xff\xff"), 100)).await, rows[6..]);
    assert_eq!(keys(&store, scan_of(b"\xfe\xff", Some(b"\xff"), 100)).await, rows[..0]);
}

/// From none to what no page of a database holds.
pub async fn keys_and_values_of_any_length_come_back_whole(bench: impl Bench) {
    let store = bench.open().await;
    let long = |bytes: usize| (0..bytes).map(|at| at as u8).collect::<Vec<u8>>();
    let rows = [(0, 5), (1, 0), (100, 70_000), (1_000, 1 << 20)].map(|(key, value)| (long(key), long(value)));
    store.apply(put(rows.clone())).await.unwrap();
    for (at, value) in &rows {
        assert_eq!(store.row(&key(at)).await.unwrap().as_ref(), Some(value), "a key of {} bytes", at.len());
    }
    assert_eq!(store.scan(&scan_of("", None, 10)).await.unwrap(), rows);
}

/// Each once and in order, whatever the pages.
pub async fn many_rows_are_read_page_by_page(bench: impl Bench) {
    const ROWS: u32 = 5_000;
    const PAGE: usize = 700;
    let store = bench.open().await;
    let name = |number: u32| number.to_be_bytes();
    store.apply(put((0..ROWS).rev().map(|number| (name(number), name(!number))))).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(&scan_of("", after.as_deref(), PAGE)).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        assert!(page.len() <= PAGE);
        found.extend(page);
    }
    let all = (0..ROWS).map(|number| (name(number).to_vec(), name(!number).to_vec()));
    assert!(found.into_iter().eq(all));
}
