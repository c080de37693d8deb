// Camera and microphone: frames go out one by one, each comes back as one numbered reply.

import { api, byId, complain, el, hue, number, save, sendJson } from "./dom.js";
import { clock, drawRibbon } from "./ribbon.js";
import { drawPlane, place, words } from "./plane.js";
import { bars, regions } from "./reading.js";
import { box } from "./read.js";

const WIDE = 480;
const EVERY_MS = 60;
const IN_FLIGHT = 2;
const WINDOW_S = 60;
const MOST_SAMPLES = 200_000;
const [FRAME, SOUND] = [1, 2];
let live = null;

export function begin() {
  const day = new Date(Date.now() + 30 * 864e5);
  byId("live-until").value = day.toISOString().slice(0, 10);
  for (const id of ["live-purpose", "live-until", "live-face", "live-voice"]) byId(id).addEventListener("change", () => showNotice());
  byId("agree").addEventListener("change", () => { byId("begin").disabled = !byId("agree").checked; });
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start().catch((error) => { stop(); complain(byId("ask-error"), explained(error)); });
  });
  byId("stop").addEventListener("click", () => stop());
  byId("mark").addEventListener("click", mark);
  byId("csv").addEventListener("click", csv);
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "m" && live && !event.ctrlKey && !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) mark();
  });
  byId("record-until").value = byId("live-until").value;
  byId("record").addEventListener("change", () => {
    byId("record-how").hidden = !byId("record").checked;
    byId("passphrase").required = byId("record").checked;
  });
  scrub(byId("ribbon"));
}

export function open(why = "") {
  if (live) return;
  byId("record").checked = false;  // each recording is agreed to anew
  byId("record-how").hidden = true;
  Object.assign(byId("passphrase"), { value: "", required: false });
  showNotice(why);
  listKept();
}

async function listKept() {
  const found = await api("/recordings").catch(() => []);
  byId("kept").hidden = !found.length;
  byId("recordings").replaceChildren(...found.map((one) => {
    const secret = el("input", { type: "password", placeholder: "passphrase", "aria-label": `Passphrase of the recording of ${one.person}`, autocomplete: "off" });
    const act = (work) => () => work().catch((error) => complain(byId("ask-error"), error));
    return el("li", {},
      el("span", {}, `${one.person}, ${one.begun.slice(0, 16).replace("T", " ")} UTC, until ${one.until}`), secret,
      el("button", { type: "button", on: { click: act(() => look(one, secret.value)) } }, "Open"),
      el("button", { type: "button", on: { click: act(async () => { await api(`/recordings/${one.name}`, { method: "DELETE" }); listKept(); }) } }, "Destroy"));
  }));
}

async function look(one, passphrase) {
  // Show a recording on the stage as a session that has ended.
  const { handle, moments } = await sendJson(`/recordings/${one.name}/open`, { passphrase });
  const seen = moments.flatMap(({ readings }) => readings.map((reading) => reading.modality));
  live = { ...session([...new Set(seen)], null), ended: true, handle };
  clear();
  for (const { seconds: t, readings, frame } of moments) {
    for (const reading of readings) {
      keep(reading, t);
      Object.assign(live.samples.at(-1), { frame, reading });
    }
  }
  byId("on").className = "on ended";
  byId("stop").textContent = "Done";
  byId("running").textContent = `A recording of ${one.person}, for ${one.purpose}, until ${one.until}: look back along the ribbon.`;
  live.at = live.samples[0]?.t ?? null;
  draw();
  lookBack();
}

function lookBack() {
  // Show the frame of a recording that was read at the chosen time.
  const near = nearest(live.at, (one) => one.frame !== null && one.frame !== undefined);
  if (!near || near.frame === live.shown) return;
  live.shown = near.frame;
  const picture = new Image();
  const mine = live;
  picture.onload = () => { if (live === mine && near.frame === live.shown) overlay(picture, [near.reading]); };
  picture.src = `/recordings/frames/${live.handle}/${near.frame}`;
}

function nearest(t, fits) {
  let best = null;
  for (const one of live.samples) if (fits(one) && (!best || Math.abs(one.t - t) < Math.abs(best.t - t))) best = one;
  return best && Math.abs(best.t - t) < 1.5 ? best : null;
}

const explained = (error) =>
  error.name === "NotAllowedError" ? new Error("the browser was not allowed to use the camera or microphone: nothing is read")
    : error.name === "NotFoundError" ? new Error("there is no camera or microphone here") : error;

const modalities = () => ["face", "voice"].filter((name) => byId(`live-${name}`).checked);

async function showNotice(why = "") {
  const wanted = modalities();
  byId("agree").checked = false;
  byId("begin").disabled = true;
  if (!wanted.length || !byId("live-until").value) return;
  const query = new URLSearchParams({ purpose: byId("live-purpose").value, until: byId("live-until").value });
  for (const name of wanted) query.append("scope", name);
  try {
    const { lines } = await api(`/notice?${query}`);
    const place_ = byId("notice");
    place_.replaceChildren();
    let list = null;
    for (const line of lines) {
      if (line.startsWith("- ")) {
        if (!list) place_.append((list = el("ul")));
        list.append(el("li", {}, line.slice(2)));
      } else {
        list = null;
        place_.append(el("p", {}, line));
      }
    }
    complain(byId("ask-error"), why);
  } catch (error) {
    complain(byId("ask-error"), error);
  }
}

async function start() {
  const wanted = modalities();
  complain(byId("ask-error"), null);
  const media = await navigator.mediaDevices.getUserMedia({
    video: wanted.includes("face") ? { width: 640, height: 480, frameRate: 30 } : false,
    audio: wanted.includes("voice") ? { channelCount: 1 } : false,
  });
  live = session(wanted, media);
  clear();
  for (const track of media.getTracks()) track.addEventListener("ended", () => unplugged(track));
  if (wanted.includes("face")) {
    const video = byId("video");
    video.srcObject = media;
    await video.play();
    live.small = document.createElement("canvas");
    live.timer = setInterval(sendFrame, EVERY_MS);
  }
  if (wanted.includes("voice")) await listen();
  live.drawing = setInterval(draw, 100);
  connect();
}

function unplugged(track) {
  // A camera that is gone would otherwise show its last frame for ever.
  if (live?.media?.getTracks().includes(track)) stop(`the ${track.kind === "video" ? "camera" : "microphone"} was switched off or unplugged`);
}

const session = (wanted, media) => ({
  wanted, media, waiting: new Map(), count: 0, samples: [], marks: [], trail: [], at: null, ended: false,
  begun: performance.now(), took: [], latest: {}, dropped: 0, labels: [], rate: 16000, on: false,
});

function clear() {
  complain(byId("ask-error"), null);
  byId("notes").replaceChildren();
  byId("legend").replaceChildren();
  byId("ask").hidden = true;
  byId("stage").hidden = false;
  byId("stop").textContent = "Stop";
  byId("on").className = "on";
}

async function listen() {
  live.sound = new AudioContext({ sampleRate: live.rate });
  await live.sound.audioWorklet.addModule("/static/sound.js");
  const collect = new AudioWorkletNode(live.sound, "collect", { numberOfOutputs: 0 });
  collect.port.onmessage = ({ data }) => send(SOUND, data.buffer);
  live.sound.createMediaStreamSource(live.media).connect(collect);
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  const mine = live;
  live.socket = socket;
  socket.onopen = () => {
    socket.send(JSON.stringify({
      type: "start", agreed: true, again: Boolean(mine.about), person: byId("live-person").value.trim(), purpose: byId("live-purpose").value,
      until: byId("live-until").value, modalities: live.wanted, rate: live.rate,
      record: byId("record").checked ? { agreed: true, until: byId("record-until").value, passphrase: byId("passphrase").value } : null,
    }));
  };
  socket.onmessage = ({ data }) => live === mine && take(JSON.parse(data));
  socket.onclose = ({ reason }) => {
    mine.waiting.clear();
    if (live !== mine || mine.ended) return;
    mine.on = false;
    byId("running").textContent = `${reason || "the studio does not answer"}; trying again`;
    setTimeout(() => live === mine && !mine.ended && connect(), 1000);
  };
}

const seconds = () => (performance.now() - live.begun) / 1000;

function send(kind, content, kept = null) {
  if (!live?.on || live.socket.readyState !== WebSocket.OPEN) return;
  const message = new Uint8Array(13 + content.byteLength);
  const view = new DataView(message.buffer);
  live.count += 1;
  view.setUint8(0, kind);
  view.setUint32(1, live.count, true);
  view.setFloat64(5, seconds(), true);
  message.set(new Uint8Array(content), 13);
  live.waiting.set(live.count, { kind, kept, sent: performance.now() });
  live.socket.send(message);
}

async function sendFrame() {
  const video = byId("video");
  const frames = [...live.waiting.values()].filter((one) => one.kind === FRAME).length;
  if (!live.on || live.taking || frames >= IN_FLIGHT || !video.videoWidth) return;
  live.taking = true;
  try {
    const { small } = live;
    small.width = Math.min(WIDE, video.videoWidth);
    small.height = Math.round((small.width * video.videoHeight) / video.videoWidth);
    small.getContext("2d").drawImage(video, 0, 0, small.width, small.height);
    const kept = await createImageBitmap(small);
    const blob = await new Promise((done) => { small.toBlob(done, "image/jpeg", 0.85); });
    send(FRAME, await blob.arrayBuffer(), kept);
  } finally {
    if (live) live.taking = false;
  }
}

function take(reply) {
  if (reply.type === "started") {
    live.on = true;
    live.about = reply;
    byId("running").textContent = `Reading the ${reply.modalities.replace(" ", " and ")} of ${reply.person} for ${reply.purpose}; readings may be kept until ${reply.until}. ${reply.recorded ? `It is recorded until ${reply.recorded}.` : "Frames and sound are dropped once they are read."}`;
    return;
  }
  if (reply.type === "stopped") {
    if (!live.ended) stop(reply.why);
    return;
  }
  if (reply.type === "note") {
    byId("notes").prepend(el("li", {}, `${clock(seconds())}  ${reply.rule}: ${reply.note || "fired"}`));
    return;
  }
  const sent = live.waiting.get(reply.number);
  live.waiting.delete(reply.number);
  if (reply.type === "dropped") live.dropped += 1;
  if (reply.type === "error") byId("picture-words").textContent = reply.why;
  if (reply.type === "result" && sent) result(reply, sent);
  sent?.kept?.close?.();
}

function result(reply, sent) {
  if (sent.kind === FRAME) live.took.push(performance.now() - sent.sent), live.took.splice(0, live.took.length - 300);
  for (const one of reply.readings) {
    if (one.modality === "face" && one.attribution.length) live.rests = one;
    live.latest[one.modality] = { one, t: reply.seconds };
    keep(one, reply.seconds);
  }
  if (reply.readings.length) live.fused = reply.fused;
  if (sent.kind === FRAME) overlay(sent.kept, reply.readings);
}

function keep(one, t) {
  for (const label of Object.keys(one.emotions)) if (!live.labels.includes(label)) name(label);
  live.samples.push({ t, modality: one.modality, emotions: one.emotions, abstains: one.abstains, because: one.because || "", labels: one.labels });
  if (live.samples.length > MOST_SAMPLES) live.samples.shift();
  if (one.modality === main()) live.trail.push(one.abstains ? null : place(one.emotions)), live.trail.splice(0, live.trail.length - 200);
}

function name(label) {
  live.labels.push(label);
  const swatch = el("i");
  swatch.style.background = hue(label);
  byId("legend").append(el("span", {}, swatch, label));
}

const main = () => (live.wanted.includes("face") ? "face" : "voice");

function overlay(picture, readings) {
  // The boxes stand on the very frame that they were found in.
  const canvas = byId("picture");
  Object.assign(canvas, { width: picture.width, height: picture.height });
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  for (const one of readings) if (one.box) box(pen, one.box, one.abstains);
  const [first] = readings;
  byId("picture-words").textContent = first ? (first.abstains ? `Abstains: ${first.because}` : `Perceived expression: ${first.labels.join(", ")}`) : "";
}

function draw() {
  if (!live) return;
  const to = live.ended ? Math.max(live.samples.at(-1)?.t ?? 1, 1) : seconds();
  const from = live.ended ? 0 : to - WINDOW_S;
  live.view = { from, to, marks: live.marks, at: live.at };
  const shown = live.ended ? live.samples : live.samples.slice(-40 * WINDOW_S);  // an hour is not walked through
  drawRibbon(byId("ribbon"), shown.filter((one) => one.modality === main()), live.labels, live.view);
  drawPlane(byId("plane"), live.trail, live.labels.length ? live.labels : ["happiness", "anger", "sadness", "neutral"]);
  panel();
}

function panel() {
  const place_ = byId("now");
  const near = live.handle && live.at !== null ? nearest(live.at, (one) => one.reading) : null;
  if (near) live.latest = { [near.modality]: { one: near.reading, t: near.t } };
  const shown = [];
  for (const [name, { one, t }] of Object.entries(live.latest)) {
    const late = !live.ended && seconds() - t > 6;
    const head = el("h4", {}, name === "face" ? "Face" : "Voice");
    if (late) shown.push(el("div", { className: "reading" }, head, el("p", { className: "soft" }, "nothing was read for some seconds")));
    else if (one.abstains && !Object.keys(one.emotions).length) shown.push(el("div", { className: "reading card abstains" }, head, el("h3", {}, "Abstains"), el("p", { className: "why" }, one.because)));
    else shown.push(el("div", { className: "reading" }, head, one.abstains ? el("p", { className: "why soft" }, `Abstains: ${one.because}`) : null, bars(one, 4)));
  }
  if (live.fused) {
    const { agreement, conflict, reading } = live.fused;
    shown.push(el("div", { className: "reading" }, el("h4", {}, "Both"), el("p", { className: "why" }, conflict ? `They disagree: ${reading.notes.at(-1)}` : `${reading.labels.join(", ")}, agreement ${number(agreement)}`)));
  }
  if (live.rests && live.latest.face && !live.latest.face.one.abstains) shown.push(el("div", { className: "reading" }, el("h4", {}, "The face's reading rests on"), regions(live.rests)));
  place_.replaceChildren(...(shown.length ? shown : [el("p", { className: "soft" }, "waiting for the first reading")]));
  speak();
  const recent = live.samples.slice(-400).filter((one) => one.modality === main() && one.t > seconds() - 5).length / 5;
  const took = [...live.took].sort((a, b) => a - b);
  byId("speed").textContent = took.length ? `${recent.toFixed(1)} readings a second · ${Math.round(took[Math.floor(0.95 * (took.length - 1))])} ms from frame to reading (95 %) · ${live.dropped} dropped` : "";
  byId("at").textContent = live.at === null ? (live.ended ? "move along the ribbon to look back" : "") : described(live.at);
}

function described(t) {
  const near = nearest(t, () => true);
  if (!near) return `${clock(t)}: nothing was read`;
  const top = Object.entries(near.emotions).sort((a, b) => b[1] - a[1]).slice(0, 3).map(([label, p]) => `${label} ${number(p)}`).join(", ");
  return `${clock(t)}: ${near.abstains ? `abstains, ${near.because}` : top}`;
}

function speak() {
  // Say it aloud at most every four seconds, and only what changed.
  const { one } = live.latest[main()] || {};
  if (!one || performance.now() - (live.spoken || 0) < 4000) return;
  const text = one.abstains ? `abstains: ${one.because}` : one.labels.join(", ");
  byId("plane").setAttribute("aria-label", words(live.trail.at(-1)));
  if (byId("spoken").textContent === text) return;
  live.spoken = performance.now();
  byId("spoken").textContent = text;
}

function scrub(canvas) {
  const point = (event) => {
    if (!live?.view) return;
    const { left, width } = canvas.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    live.at = live.view.from + share * (live.view.to - live.view.from);
    draw();
    if (live.handle) lookBack();
  };
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointerleave", () => { if (live && !live.ended) live.at = null; });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !live?.view) return;
    event.preventDefault();
    live.at = Math.min(live.view.to, Math.max(live.view.from, (live.at ?? live.view.to) + step));
    draw();
    if (live.handle) lookBack();
  });
}

function mark() {
  if (!live) return;
  live.marks.push(live.ended && live.at !== null ? live.at : Math.min(seconds(), live.samples.at(-1)?.t ?? 0));
  draw();
}

const safe = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

function csv() {
  if (!live) return;
  const head = ["seconds", "modality", "labels", "abstains", "because", "mark", ...live.labels.map((label) => `emotion.${label}`)];
  const marks = [...live.marks].sort((a, b) => a - b);
  const rows = live.samples.map((one) => {
    let marked = "";
    while (marks.length && marks[0] <= one.t) { marked = "mark"; marks.shift(); }
    return [one.t.toFixed(3), one.modality, safe(one.labels.join("|")), one.abstains, safe(one.because), marked, ...live.labels.map((label) => one.emotions[label]?.toFixed(4) ?? "")].join(",");
  });
  save("live.csv", [head.join(","), ...rows].join("\n") + "\n", "text/csv");
}

function stop(why = "") {
  if (!live) return;
  if (live.ended || !live.samples.length) {
    close();
    live = null;
    byId("stage").hidden = true;
    byId("ask").hidden = false;
    open(why);
    return;
  }
  close();
  live.ended = true;
  byId("running").textContent = `${why ? `Stopped, for ${why}: ` : "Stopped: "}camera and microphone are off. Look back along the ribbon, or keep the readings as CSV; they are gone when this page closes.`;
  byId("stop").textContent = "Done";
  byId("on").className = "on ended";
  draw();
}

function close() {
  clearInterval(live.timer);
  clearInterval(live.drawing);
  live.on = false;
  live.ended = true;
  live.media?.getTracks().forEach((track) => track.stop());
  live.sound?.close();
  if (live.socket?.readyState === WebSocket.OPEN) live.socket.send('{"type": "stop"}');
  live.socket?.close();
}

