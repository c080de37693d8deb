// One reading as a card: what it is, how sure, what it rests on; or that it abstains, and why.

import { el, hue, number } from "./dom.js";

const SHOWN = 6;
const CLAIM = {
  pictures: "what viewers would feel, not what anybody in it feels",
  words: "what others would read in it",
  voice: "what others would hear in it",
  face: "what others would see in it",
};

export function reading(given, more = {}) {
  const head = el("header", {},
    el("h3", {}, given.abstains ? "Abstains" : given.labels.join(", ") || "No label"),
    el("small", {}, [given.file, given.row && `row ${given.row}`, span(given), CLAIM[given.modality]].filter(Boolean).join(" · ")));
  const card = el("article", { className: `card reading${given.abstains ? " abstains" : ""}` }, head);
  if (given.abstains) card.append(el("p", { className: "why" }, upper(given.because) + "."));
  if (more.shot) card.append(more.shot);
  if (given.attribution.length && given.modality === "words") card.append(said(given));
  const columns = el("div", { className: "columns" }, bars(given), dimensions(given));
  if (given.attribution.length && given.modality !== "words") columns.append(regions(given));
  if (columns.childNodes.length) card.append(columns);
  if (given.parts?.length) card.append(parts(given));
  if (given.notes.length) card.append(el("ul", { className: "notes" }, ...given.notes.map((note) => el("li", {}, note))));
  return card;
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function span(given) {
  if (given.start_s === null || given.end_s === null) return null;
  return given.start_s === given.end_s ? `${number(given.start_s, 1)} s` : `${number(given.start_s, 1)}–${number(given.end_s, 1)} s`;
}

export function bars(given, shown = SHOWN) {
  const top = Object.entries(given.emotions).sort((a, b) => b[1] - a[1]).slice(0, shown);
  if (!top.length) return null;
  const list = el("dl", { className: "bars" });
  for (const [label, p] of top) {
    const inside = given.set.includes(label);
    const fill = el("b");
    fill.style.width = `${100 * p}%`;
    const track = el("div", { className: `track${given.labels.includes(label) ? "" : " weak"}` }, fill);
    track.style.setProperty("--hue", hue(label));
    list.append(
      el("dt", {}, el("i", { className: inside ? "in" : "", title: inside ? "in the 90 % set" : "" }), label),
      el("dd", {}, track),
      el("dd", { className: "num" }, number(p)));
  }
  const key = given.set.length
    ? el("p", { className: "key" }, el("i"), `in nine of ten readings among: ${given.set.slice(0, 8).join(", ")}${given.set.length > 8 ? " …" : ""}`)
    : null;
  return el("div", {}, list, key);
}

function dimensions(given) {
  const known = ["valence", "arousal", "dominance"].filter((name) => given[name]);
  if (!known.length) return null;
  const list = el("dl", { className: "scales" });
  for (const name of known) {
    const { value, interval, scale } = given[name];
    const [least, most] = scale || [0, 1];
    const at = (x) => `${(100 * (x - least)) / (most - least)}%`;
    const line = el("div", { className: "scale", role: "img", "aria-label": `${name} ${number(value)} on ${least} to ${most}` });
    if (interval) {
      const band = el("b");
      band.style.left = at(interval[0]);
      band.style.width = `${(100 * (interval[1] - interval[0])) / (most - least)}%`;
      line.append(band);
    }
    const tick = el("u");
    tick.style.left = at(value);
    line.append(tick);
    const words = interval ? `[${number(interval[0])}, ${number(interval[1])}]` : "";
    list.append(el("dt", {}, name), el("dd", {}, line), el("dd", { className: "num" }, `${number(value)} `, el("small", {}, words)));
  }
  return el("div", {}, list, el("p", { className: "key" }, "with the interval that holds the raters' in nine of ten readings"));
}

function said(given) {
  const most = Math.max(...given.attribution.map(([, weight]) => Math.abs(weight))) || 1;
  const line = el("p", { className: "said" });
  for (const [word, weight] of given.attribution) {
    const mark = el("mark", { title: `${weight > 0 ? "+" : ""}${number(weight)}` }, word);
    const share = Math.round((45 * Math.abs(weight)) / most);
    mark.style.background = `color-mix(in srgb, var(${weight > 0 ? "--blue" : "--anger"}) ${share}%, transparent)`;
    line.append(mark, " ");
  }
  return el("div", {}, line, el("p", { className: "key" }, `blue speaks for ${given.attributed_to}, red against`));
}

export function regions(given) {
  const most = Math.max(...given.attribution.map(([, weight]) => Math.abs(weight))) || 1;
  const list = el("dl", { className: "bars" });
  for (const [part, weight] of [...given.attribution].sort((a, b) => b[1] - a[1]).slice(0, 4)) {
    const fill = el("b");
    fill.style.width = `${(100 * Math.max(0, weight)) / most}%`;
    list.append(el("dt", {}, part), el("dd", {}, el("div", { className: "track" }, fill)), el("dd", { className: "num" }, number(weight)));
  }
  return el("div", {}, list, el("p", { className: "key" }, `what ${given.attributed_to} loses when a part of the face is covered`));
}

function parts(given) {
  const rows = given.parts.slice(0, 300).map((part) =>
    el("tr", {}, el("td", {}, span(part) || ""), el("td", {}, part.abstains ? `abstains: ${part.because}` : part.labels.join(", ")),
      el("td", {}, part.valence ? number(part.valence.value) : "")));
  return el("details", { className: "parts" }, el("summary", {}, `${given.parts.length} parts`), el("table", {}, el("tbody", {}, ...rows)));
}

export function fused(given) {
  const shares = Object.entries(given.shares).map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ");
  const words = given.conflict ? "They disagree" : `Together: ${given.reading.labels.join(", ")}`;
  return el("article", { className: "card reading" },
    el("header", {}, el("h3", {}, words), el("small", {}, `agreement ${number(given.agreement)} · ${shares}`)),
    bars(given.reading),
    given.conflict ? el("p", { className: "key" }, given.reading.notes.at(-1)) : null);
}
