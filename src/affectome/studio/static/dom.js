// Elements without markup: whatever comes from a file or a text stays text.

export function el(name, about = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(about)) {
    if (key === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (key in made && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

export async function api(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the studio does not answer; is it still running?");
  }
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.error), { columns: body.columns });
  return body;
}

export const sendJson = (path, body) =>
  api(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export function complain(place, error) {
  place.textContent = error ? error.message || String(error) : "";
  place.hidden = !error;
}

export const number = (value, digits = 2) => value.toFixed(digits);

const KNOWN = ["happiness", "anger", "fear", "disgust", "sadness", "surprise", "neutral", "boredom"];
const SAME = { joy: "happiness", angry: "anger", happy: "happiness", sad: "sadness" };

export function hue(label) {
  const name = SAME[label] || label;
  return `var(--${KNOWN.includes(name) ? name : "other"})`;
}

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const inked = (label) => colour(hue(label).slice(4, -1));

export function save(name, text, kind) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: kind })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function sharp(canvas) {
  // Match the canvas to the pixels of the screen; give its size in CSS pixels.
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}
