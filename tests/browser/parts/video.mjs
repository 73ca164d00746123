/** A film to play: WebM with a duration and cues, of any size. */

const WIDTH = 320;
const HEIGHT = 180;
/** So many different frames are encoded; a long film repeats them. */
const FRAMES = 24;
const ID = {
  ...{ ebml: "1a45dfa3", version: "4286", readVersion: "42f7", idLength: "42f2", sizeLength: "42f3" },
  ...{ docType: "4282", docVersion: "4287", docReadVersion: "4285", segment: "18538067", void: "ec" },
  ...{ info: "1549a966", timecodeScale: "2ad7b1", duration: "4489", muxer: "4d80", writer: "5741" },
  ...{ tracks: "1654ae6b", track: "ae", number: "d7", uid: "73c5", type: "83", codec: "86" },
  ...{ video: "e0", width: "b0", height: "ba" },
  ...{ cues: "1c53bb6b", cue: "bb", cueTime: "b3", cuePositions: "b7", cueTrack: "f7", cueCluster: "f1" },
  ...{ cluster: "1f43b675", timecode: "e7", simpleBlock: "a3" },
};
/** An id of one byte and a size of eight. */
const VOID_BYTES_MIN = 9;

/**
 * A film of exactly `bytes` bytes, about `bytesPerSecond` of them a second, as `{bytes, seconds}`.
 * `page` is any page of a secure context: its browser encodes the frames, each a key frame of noise, or of an `evening`
 * for those who look at pictures of tests.
 */
export async function film(page, { bytes, bytesPerSecond = 400_000, isEvening = false }) {
  const frames = (await page.evaluate(encodeFrames, { width: WIDTH, height: HEIGHT, count: FRAMES, isEvening })).map((text) => Buffer.from(text, "base64"));
  const mean = frames.reduce((sum, { length }) => sum + length, 0) / frames.length;
  const rate = Math.min(60, Math.max(1, Math.round(bytesPerSecond / mean)));
  return mux(frames, rate, bytes);
}

/** As many frames as fit, and a void at the end. */
function mux(frames, rate, bytes) {
  const fits = (count) => layout(frames, rate, count).bytes + VOID_BYTES_MIN <= bytes;
  let [low, high] = [0, Math.ceil(bytes / Math.min(...frames.map(({ length }) => length)))];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  if (low === 0) throw new Error(`${bytes} bytes are too few for a film`);
  const { head, clusters, bytes: without } = layout(frames, rate, low);
  const filling = element(ID.void, Buffer.alloc(bytes - without - VOID_BYTES_MIN));
  const all = [...clusters, filling];
  const segment = sized(ID.segment, head.length + sum(all));
  return { bytes: Buffer.concat([ebmlHeader(), segment, head, ...all]), seconds: low / rate };
}

function layout(frames, rate, count) {
  const clusters = [];
  for (let first = 0; first < count; first += rate) {
    const of = Array.from({ length: Math.min(rate, count - first) }, (_, at) => frames[(first + at) % frames.length]);
    clusters.push(cluster(of, (first / rate) * 1000, rate));
  }
  const about = Buffer.concat([info((count / rate) * 1000), track()]);
  // Where the clusters are does not change how long the cues are.
  const cuesBytes = cues(clusters, 0).length;
  const head = Buffer.concat([about, cues(clusters, about.length + cuesBytes)]);
  return { head, clusters, bytes: ebmlHeader().length + sized(ID.segment, 0).length + head.length + sum(clusters) };
}

function cluster(frames, startMs, rate) {
  const blocks = frames.map((frame, at) => {
    const about = Buffer.from([0x81, 0, 0, 0x80]); // Track 1, a time to come, a key frame.
    about.writeInt16BE(Math.round((at * 1000) / rate), 1);
    return element(ID.simpleBlock, about, frame);
  });
  return element(ID.cluster, number(ID.timecode, startMs), ...blocks);
}

function cues(clusters, firstAt) {
  let at = firstAt;
  const points = clusters.map((each, second) => {
    const positions = element(ID.cuePositions, number(ID.cueTrack, 1), number(ID.cueCluster, at));
    at += each.length;
    return element(ID.cue, number(ID.cueTime, second * 1000), positions);
  });
  return element(ID.cues, ...points);
}

function ebmlHeader() {
  const numbers = [[ID.version, 1], [ID.readVersion, 1], [ID.idLength, 4], [ID.sizeLength, 8]].map(([id, value]) => number(id, value));
  return element(ID.ebml, ...numbers, text(ID.docType, "webm"), number(ID.docVersion, 2), number(ID.docReadVersion, 2));
}

function info(ms) {
  const duration = Buffer.alloc(8);
  duration.writeDoubleBE(ms);
  return element(ID.info, number(ID.timecodeScale, 1_000_000), element(ID.duration, duration), text(ID.muxer, "mimei"), text(ID.writer, "mimei"));
}

function track() {
  const size = element(ID.video, number(ID.width, WIDTH), number(ID.height, HEIGHT));
  return element(ID.tracks, element(ID.track, number(ID.number, 1), number(ID.uid, 1), number(ID.type, 1), text(ID.codec, "V_VP8"), size));
}

function element(id, ...parts) {
  return Buffer.concat([sized(id, sum(parts)), ...parts]);
}

/** An id, and a length in eight bytes. */
function sized(id, length) {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length) | (1n << 56n));
  return Buffer.concat([Buffer.from(id, "hex"), size]);
}

function number(id, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.round(value)));
  return element(id, bytes);
}

const text = (id, value) => element(id, Buffer.from(value, "ascii"));
const sum = (parts) => parts.reduce((all, { length }) => all + length, 0);

/** Runs in the page. */
async function encodeFrames({ width, height, count, isEvening }) {
  const frames = [];
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      frames.push(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")));
    },
    error: (error) => {
      throw error;
    },
  });
  encoder.configure({ codec: "vp8", width, height, bitrate: 4_000_000, framerate: 10 });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const paintNoise = (at) => {
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < image.data.length; pixel += 4) {
      const grey = Math.random() * 255;
      image.data.set([grey, (pixel / 4) % 256, at * 10, 255], pixel);
    }
    context.putImageData(image, 0, 0);
  };
  const paintEvening = (at) => {
    const sky = context.createLinearGradient(0, 0, 0, height);
    ["#1b1f4b", "#b5546b", "#f6b26b"].forEach((colour, stop) => sky.addColorStop(stop / 2, colour));
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "#fff4dc";
    context.beginPath();
    context.arc(width / 2, height * (0.4 + 0.01 * at), height * 0.13, 0, 7);
    context.fill();
    // Waves, of which no two frames have the same: they make the bytes.
    for (let y = height * 0.7; y < height; y++) {
      for (let x = 0; x < width; x++) {
        context.fillStyle = `hsl(235 35% ${12 + Math.random() * 22}%)`;
        context.fillRect(x, y, 1, 1);
      }
    }
  };
  for (let at = 0; at < count; at++) {
    (isEvening ? paintEvening : paintNoise)(at);
    const frame = new VideoFrame(canvas, { timestamp: at * 100_000 });
    encoder.encode(frame, { keyFrame: true });
    frame.close();
  }
  await encoder.flush();
  encoder.close();
  return frames;
}
