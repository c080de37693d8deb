// Drop or write something, and see its readings.

import { api, byId, complain, el } from "./dom.js";
import { fused, reading } from "./reading.js";

const PICTURE = /\.(jpe?g|png|webp|bmp|gif)$/i;
const PERSON = /\.(jpe?g|png|webp|bmp|tiff?|gif|ppm|wav|flac|ogg|oga|opus|mp3|m4a|aac|aiff?|wma|amr|mp4|mov|avi|mkv|webm|m4v|mpe?g|wmv)$/i;
const MOST_SHOWN = 100;
let files = [];

export function begin() {
  const form = byId("read-form");
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => add([...event.target.files]));
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    read();
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) byId("drop").hidden = true;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    byId("drop").hidden = true;
    location.hash = "#read";
    const text = event.dataTransfer.getData("text/plain");
    if (text) byId("text").value = text;
    add([...event.dataTransfer.files]);
    if (!files.some((file) => needsPurpose(file))) read();
  });
  empty();
}

const needsPurpose = (file) => PERSON.test(file.name) && !PICTURE.test(file.name);

function empty() {
  byId("readings").replaceChildren(el("p", { className: "empty" }, "Readings appear here: every emotion with its probability, the set that holds it in nine of ten readings, and what it rests on. Where there is nothing to read, it says so."));
}

function add(more) {
  files.push(...more);
  byId("column-of").hidden = true;
  byId("column").replaceChildren();
  show();
}

function show() {
  byId("files").replaceChildren(...files.map((file) =>
    el("li", {}, file.name, el("small", {}, size(file.size)),
      el("button", { type: "button", "aria-label": `Leave out ${file.name}`, on: { click: () => { files = files.filter((one) => one !== file); show(); } } }, "×"))));
  byId("people").hidden = !files.some((file) => PERSON.test(file.name));
  byId("as-face").hidden = !files.some((file) => PICTURE.test(file.name));
}

const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function read() {
  const form = new FormData();
  const text = byId("text").value.trim();
  if (text) form.append("text", text);
  for (const file of files) form.append("file", file);
  const asFace = byId("face").checked && files.some((file) => PICTURE.test(file.name));
  if (asFace) form.append("modality", "face");
  for (const name of ["purpose", "person", "column"]) if (byId(name).value) form.append(name, byId(name).value);
  const place = byId("readings");
  complain(byId("read-error"), null);
  if (!text && !files.length) return complain(byId("read-error"), "write something, or add a file");
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await api("/read", { method: "POST", body: form });
    const shots = await pictures(answer.readings);
    place.replaceChildren(
      ...(answer.fused ? [fused(answer.fused)] : []),
      ...answer.readings.slice(0, MOST_SHOWN).map((one, k) => reading(one, { shot: shots[k] })),
      ...answer.skipped.map((one) => el("p", { className: "error" }, `skipped ${one.why}`)));
    if (answer.readings.length > MOST_SHOWN) place.append(el("p", { className: "soft" }, `and ${answer.readings.length - MOST_SHOWN} more; affectome read --out writes all as a table`));
    files = [];
    show();
  } catch (error) {
    if (error.columns) {
      byId("column").replaceChildren(...error.columns.map((name) => el("option", {}, name)));
      byId("column-of").hidden = false;
    }
    complain(byId("read-error"), error);
  } finally {
    place.setAttribute("aria-busy", "false");
  }
}

async function pictures(readings) {
  // Draw each picture once, with the boxes of its faces.
  const shots = [];
  for (const file of files.filter((one) => PICTURE.test(one.name))) {
    const own = readings.map((one, k) => [one, k]).filter(([one]) => one.file === file.name);
    if (!own.length) continue;
    const bitmap = await createImageBitmap(file).catch(() => null);
    if (!bitmap) continue;
    const canvas = el("canvas", { width: bitmap.width, height: bitmap.height, role: "img", "aria-label": file.name });
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    for (const [one] of own) if (one.box) box(pen, one.box, one.abstains);
    shots[own[0][1]] = el("div", { className: "shot" }, canvas);
  }
  return shots;
}

export function box(pen, [left, top, width, height], abstains) {
  pen.lineWidth = Math.max(2, pen.canvas.width / 250);
  pen.setLineDash(abstains ? [10, 8] : []);
  pen.strokeStyle = "#fff";
  pen.strokeRect(left, top, width, height);
  pen.lineWidth /= 2;
  pen.strokeStyle = abstains ? "#666" : "#0072b2";
  pen.strokeRect(left, top, width, height);
}
