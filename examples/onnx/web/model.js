// An exported ONNX model in a browser or in Node: its description, and what it says of a waveform.

/** Read the text properties that an ONNX file carries (field 14 of its ModelProto). */
export function properties(bytes) {
  const found = {};
  for (const [field, value] of fields(bytes)) {
    if (field !== 14) continue;
    const pair = Object.fromEntries(fields(value));
    found[new TextDecoder().decode(pair[1])] = new TextDecoder().decode(pair[2]);
  }
  return found;
}

/** Yield [number, bytes or null] of the fields of a protobuf message. */
function* fields(bytes) {
  let at = 0;
  const number = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  while (at < bytes.length) {
    const tag = number(), kind = tag % 8;
    if (kind === 0) { number(); yield [(tag - kind) / 8, null]; }
    else if (kind === 2) {
      const length = number();
      yield [(tag - kind) / 8, bytes.subarray(at, at + length)];
      at += length;
    } else { at += kind === 1 ? 8 : 4; yield [(tag - kind) / 8, null]; }
  }
}

/** Cut a long waveform into clips of the model's length that overlap by half. */
export function windows(wave, samples) {
  if (wave.length < 2 * samples) return [wave];
  const starts = [];
  for (let at = 0; at < wave.length - samples; at += Math.floor(samples / 2)) starts.push(at);
  starts.push(wave.length - samples);
  return starts.map((start) => wave.subarray(start, start + samples));
}

export class Model {
  /** Open an exported model; `ort` is the module onnxruntime-web. */
  static async open(ort, bytes) {
    const model = new Model();
    model.ort = ort;
    const { serkeras } = properties(bytes);
    if (!serkeras) throw new Error("it holds no description of serkeras");
    model.about = JSON.parse(serkeras);
    model.session = await ort.InferenceSession.create(bytes);
    return model;
  }

  /** Return [label, probability] pairs, the surest first, of a mono Float32Array. */
  async predict(wave) {
    const sums = this.about.labels.map(() => 0);
    const clips = windows(wave, this.about.input.samples);
    for (const clip of clips) {
      const waveform = new this.ort.Tensor("float32", clip.slice(), [1, clip.length]);
      const said = (await this.session.run({ waveform })).probabilities.data;
      said.forEach((value, index) => { sums[index] += value / clips.length; });
    }
    const ranked = this.about.labels.map((label, index) => [label, sums[index]]);
    return ranked.sort((a, b) => b[1] - a[1]);
  }
}
