// Emotions over time as a ribbon; where nothing was decided it is hatched, never smoothed over.

import { colour, inked, sharp } from "./dom.js";

export function drawRibbon(canvas, samples, labels, view) {
  const { pen, width, height } = sharp(canvas);
  const [top, bottom] = [6, height - 22];
  const x = (t) => ((t - view.from) / (view.to - view.from)) * width;
  const shown = samples.filter((one) => one.t >= view.from - 1 && one.t <= view.to + 1);
  pen.fillStyle = colour("--sunk");
  pen.fillRect(0, top, width, bottom - top);
  let run = [];
  for (const one of [...shown, null]) {
    const last = run.at(-1);
    const breaks = one === null || one.abstains || (last && one.t - last.t > 1.5);
    if (breaks && run.length) {
      ribbon(pen, run, labels, x, top, bottom);
      run = [];
    }
    if (one && !one.abstains) run.push(one);
  }
  hatch(pen, shown, x, top, bottom);
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.fillStyle = colour("--soft");
  const step = [1, 2, 5, 10, 30, 60, 300, 600].find((s) => (view.to - view.from) / s <= 8) || 1800;
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    if (t >= 0 && x(t) > 16 && x(t) < width - 16) pen.fillText(clock(t), x(t), height - 6);
  }
  for (const mark of view.marks) line(pen, x(mark), top, bottom, colour("--ink"), [3, 3]);
  if (view.at !== null) line(pen, x(view.at), top, bottom, colour("--blue"), []);
}

function ribbon(pen, run, labels, x, top, bottom) {
  if (run.length === 1) run.push({ ...run[0], t: run[0].t + 0.1 });
  const lower = run.map(() => 0);
  for (const label of labels) {
    const upper = run.map((one, k) => lower[k] + (one.emotions[label] || 0));
    const y = (share) => bottom - share * (bottom - top);
    pen.fillStyle = inked(label);
    pen.beginPath();
    run.forEach((one, k) => pen.lineTo(x(one.t), y(Math.min(1, upper[k]))));
    for (let k = run.length - 1; k >= 0; k -= 1) pen.lineTo(x(run[k].t), y(Math.min(1, lower[k])));
    pen.fill();
    upper.forEach((value, k) => { lower[k] = value; });
  }
}

function hatch(pen, shown, x, top, bottom) {
  pen.save();
  pen.beginPath();
  shown.forEach((one, k) => {
    if (!one.abstains) return;
    const next = Math.min(shown[k + 1]?.t ?? one.t + 0.2, one.t + 1.5);
    pen.rect(x(one.t), top, x(next) - x(one.t) + 0.5, bottom - top);
  });
  pen.clip();
  pen.strokeStyle = colour("--soft");
  pen.globalAlpha = 0.5;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let at = -bottom; at < pen.canvas.width; at += 9) {
    pen.moveTo(at, bottom);
    pen.lineTo(at + bottom - top, top);
  }
  pen.stroke();
  pen.restore();
}

function line(pen, at, top, bottom, ink, dash) {
  pen.strokeStyle = ink;
  pen.lineWidth = 1.5;
  pen.setLineDash(dash);
  pen.beginPath(); pen.moveTo(at, top); pen.lineTo(at, bottom); pen.stroke();
  pen.setLineDash([]);
}

export function clock(t) {
  const s = Math.max(0, t);
  return `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
}
