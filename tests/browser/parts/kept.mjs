/** What a page keeps of files, in its own cache. */

/** Bytes of blocks that the page keeps: small ones are in its database, of large ones their places in the file. */
export const kept = (page) =>
  page.evaluate(async () => {
    const done = (request) => new Promise((resolve, reject) => ((request.onsuccess = () => resolve(request.result)), (request.onerror = reject)));
    const database = await done(indexedDB.open("mimei"));
    const values = (name) => done(database.transaction(name).objectStore(name).getAll());
    const blocks = (await values("block/1")).map((block) => block.length);
    const places = (await values("place/1")).map((place) => Number(new DataView(place.buffer, place.byteOffset).getBigUint64(8)));
    database.close();
    return [...blocks, ...places].reduce((sum, bytes) => sum + bytes, 0);
  });
