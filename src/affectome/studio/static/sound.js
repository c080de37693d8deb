// Collects sound in quarter seconds, as 16-bit samples.

class Collect extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate / 4);
    this.held = new Int16Array(this.size);
    this.n = 0;
  }

  process(inputs) {
    const channels = inputs[0];
    if (!channels.length) return true;
    for (let k = 0; k < channels[0].length; k += 1) {
      let mean = 0;
      for (const channel of channels) mean += channel[k] / channels.length;
      this.held[this.n] = Math.max(-32768, Math.min(32767, Math.round(mean * 32767)));
      this.n += 1;
      if (this.n === this.size) {
        this.port.postMessage(this.held.slice());
        this.n = 0;
      }
    }
    return true;
  }
}

registerProcessor("collect", Collect);
