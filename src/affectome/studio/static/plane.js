// The circumplex: where the probabilities lie among the places of their labels, and how they spread.

import { colour, inked, sharp } from "./dom.js";

// Valence and arousal of the words in −1 to 1: Russell & Mehrabian 1977.
const PLACES = {
  anger: [-0.51, 0.59], disgust: [-0.6, 0.35], fear: [-0.64, 0.6], happiness: [0.81, 0.51], joy: [0.76, 0.48],
  sadness: [-0.63, -0.27], surprise: [0.4, 0.67], boredom: [-0.65, -0.62], neutral: [0, 0],
};
const NUDGE = { fear: -14, anger: 10, disgust: 14 };
const TRAIL = 60;

export function place(emotions) {
  // Mean and covariance of the labels' places under the probabilities.
  let [total, x, y, xx, xy, yy] = [0, 0, 0, 0, 0, 0];
  for (const [label, p] of Object.entries(emotions)) {
    if (!(label in PLACES)) continue;
    const [a, b] = PLACES[label];
    total += p; x += p * a; y += p * b; xx += p * a * a; xy += p * a * b; yy += p * b * b;
  }
  if (!total) return null;
  x /= total; y /= total;
  return { x, y, xx: xx / total - x * x, xy: xy / total - x * y, yy: yy / total - y * y };
}

export function drawPlane(canvas, trail, labels) {
  const { pen, width, height } = sharp(canvas);
  const radius = Math.min(width, height) / 2 - 18;
  const at = (x, y) => [width / 2 + x * radius, height / 2 - y * radius];
  pen.lineWidth = 1;
  pen.strokeStyle = colour("--rule");
  pen.beginPath();
  pen.arc(width / 2, height / 2, radius, 0, 7);
  pen.moveTo(...at(-1, 0)); pen.lineTo(...at(1, 0));
  pen.moveTo(...at(0, -1)); pen.lineTo(...at(0, 1));
  pen.stroke();
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = colour("--soft");
  pen.textAlign = "right"; pen.fillText("pleasant", ...at(1, -0.07));
  pen.textAlign = "left"; pen.fillText("unpleasant", ...at(-1, -0.07));
  pen.textAlign = "center"; pen.fillText("aroused", width / 2, 12); pen.fillText("calm", width / 2, height - 4);
  for (const label of labels) {
    if (!(label in PLACES)) continue;
    const [x, y] = at(...PLACES[label]);
    pen.fillStyle = inked(label);
    pen.beginPath(); pen.arc(x, y, 3.5, 0, 7); pen.fill();
    pen.fillStyle = colour("--ink");
    pen.fillText(label, x, y + (NUDGE[label] || (PLACES[label][1] < 0 ? 15 : -8)) + (label in NUDGE ? 2 : 0));
  }
  const points = trail.slice(-TRAIL).filter(Boolean);
  if (!points.length) return;
  if (!trail.at(-1)) {
    // Nothing was decided just now: where it was last stays as an empty ring.
    const [x, y] = at(points.at(-1).x, points.at(-1).y);
    pen.strokeStyle = colour("--soft");
    pen.setLineDash([3, 3]);
    pen.beginPath(); pen.arc(x, y, 8, 0, 7); pen.stroke();
    pen.setLineDash([]);
    return;
  }
  const now = points.at(-1);
  cloud(pen, at(now.x, now.y), now, radius);
  pen.strokeStyle = colour("--blue");
  pen.lineWidth = 2;
  for (let k = 1; k < points.length; k += 1) {
    pen.globalAlpha = 0.6 * (k / points.length) ** 1.5;
    pen.beginPath(); pen.moveTo(...at(points[k - 1].x, points[k - 1].y)); pen.lineTo(...at(points[k].x, points[k].y)); pen.stroke();
  }
  pen.globalAlpha = 1;
  pen.fillStyle = colour("--blue");
  pen.strokeStyle = colour("--panel");
  pen.beginPath(); pen.arc(...at(now.x, now.y), 7, 0, 7); pen.fill(); pen.stroke();
}

function cloud(pen, [x, y], { xx, xy, yy }, radius) {
  const half = (xx + yy) / 2;
  const root = Math.sqrt(Math.max(0, ((xx - yy) / 2) ** 2 + xy * xy));
  const turn = -0.5 * Math.atan2(2 * xy, xx - yy);
  const [long, short] = [half + root, Math.max(0, half - root)].map((one) => Math.sqrt(one) * radius);
  pen.fillStyle = colour("--blue");
  for (const times of [1.6, 1]) {
    pen.globalAlpha = 0.12;
    pen.beginPath(); pen.ellipse(x, y, Math.max(6, times * long), Math.max(6, times * short), turn, 0, 7); pen.fill();
  }
  pen.globalAlpha = 1;
}

export const words = (point) =>
  point ? `${point.x >= 0 ? "pleasant" : "unpleasant"} ${point.x.toFixed(1)}, ${point.y >= 0 ? "aroused" : "calm"} ${point.y.toFixed(1)}` : "nothing is placed";
