// docs/format.md, Merkle map, Splitting: how a group that is too heavy for one node is cut.

const LIGHT_BELOW = 2_048;
/** Times that colours shrink. After these, runs between two smallest colours are short. */
const COLOURINGS = 5;

const isLight = (piece) => piece.weight < LIGHT_BELOW;
const joined = (a, b) => ({ items: [...a.items, ...b.items], weight: a.weight + b.weight, label: a.label });

/** The items of each node that a group becomes. */
export function split(group) {
  let pieces = group.map((item) => ({ items: [item], weight: item.weight, label: item.label }));
  let runs = runsOf(pieces);
  while (runs.some((run) => run.length > 1)) {
    pieces = runs.flatMap(joinedInRun);
    runs = runsOf(pieces);
  }
  return withoutLight(pieces).map(({ items }) => items);
}

/** Longest runs of light pieces, and each other piece by itself. */
function runsOf(pieces) {
  const runs = [];
  for (const piece of pieces) {
    const before = runs.at(-1)?.at(-1);
    if (before !== undefined && isLight(before) && isLight(piece)) runs.at(-1).push(piece);
    else runs.push([piece]);
  }
  return runs;
}

/** One round. */
function joinedInRun(run) {
  if (run.length === 1) return run;
  const colours = coloursOf(run.map(({ label }) => label));
  const pieces = [];
  run.forEach((piece, at) => {
    const isInside = at >= 2 && at + 1 < run.length;
    const startsAnew = isInside && colours[at] < colours[at - 1] && colours[at] < colours[at + 1];
    if (at === 0 || startsAnew) pieces.push(piece);
    else pieces.push(joined(pieces.pop(), piece));
  });
  return pieces;
}

function coloursOf(labels) {
  let colours = labels;
  for (let turn = 0; turn < COLOURINGS; turn++) {
    colours = colours.map((colour, at) => {
      const k = at === 0 ? 0n : lowestBit(colour ^ colours[at - 1]);
      return 2n * k + ((colour >> k) & 1n);
    });
  }
  return colours;
}

/** Neighbours never have the same colour, so there is one. */
function lowestBit(difference) {
  let k = 0n;
  while (((difference >> k) & 1n) === 0n) k++;
  return k;
}

/** Single light pieces are left: each joins the one before it, the first the one behind it. */
function withoutLight(pieces) {
  const out = [];
  for (const piece of pieces) {
    const before = out.at(-1);
    const isBehindLightFirst = before === pieces[0] && isLight(before);
    if (before !== undefined && (isLight(piece) || isBehindLightFirst)) out.push(joined(out.pop(), piece));
    else out.push(piece);
  }
  return out;
}
