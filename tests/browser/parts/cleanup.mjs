/** What a test started ends with it, in reverse order. */

/** `t` is a test's or suite's context; `end` may be asynchronous. */
export function whenDone(t, end) {
  const ends = (ENDS.get(t) ?? start(t));
  ends.push(end);
}

const ENDS = new WeakMap();

function start(t) {
  const ends = [];
  ENDS.set(t, ends);
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return ends;
}
