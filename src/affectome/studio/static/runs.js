// Runs: a list, a report in a frame that may run nothing, and commands that are started and followed.

import { api, byId, complain, el, sendJson } from "./dom.js";

const HINTS = {
  purpose: "research", person: "ada", modality: "face", column: "text", target: "emotion", group: "subject",
  network: "alexnet", label: "emotion", cut: "3.5,5.0", permutations: "1000", untrained: "5",
};
let all = [];
let startable = {};
let chosen = null;
let events = null;

export function begin() {
  byId("find").addEventListener("input", list);
  byId("command").addEventListener("change", options);
  byId("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
}

export async function open() {
  try {
    const answer = await api("/runs");
    all = answer.runs;
    startable = answer.startable;
    if (!byId("command").options.length) {
      byId("command").replaceChildren(...Object.keys(startable).map((name) => el("option", {}, name)));
      byId("top").replaceChildren(...answer.folders.map(({ number, name }) => el("option", { value: number }, name)));
      options();
    }
    list();
    if (!chosen) show(all[0] || null);
  } catch (error) {
    byId("run").replaceChildren(el("p", { className: "error" }, error.message));
  }
}

function options() {
  byId("options").replaceChildren(...startable[byId("command").value].map((name) =>
    el("label", {}, name, el("input", { name, placeholder: HINTS[name] || "", autocomplete: "off" }))));
}

async function start() {
  complain(byId("start-error"), null);
  const given = {};
  for (const input of byId("options").querySelectorAll("input")) if (input.value) given[input.name] = input.value;
  try {
    const run = await sendJson("/runs", { command: byId("command").value, folder: Number(byId("top").value), source: byId("source").value, options: given });
    all.unshift(run);
    list();
    show(run);
  } catch (error) {
    complain(byId("start-error"), error);
  }
}

function list() {
  const wanted = byId("find").value.toLowerCase();
  const shown = all.filter((run) => `${run.title} ${run.name} ${run.command} ${run.state}`.toLowerCase().includes(wanted));
  byId("runs").replaceChildren(...shown.map((run) => {
    const button = el("button", { type: "button", on: { click: () => show(run) } },
      el("i", { className: run.state, title: run.state }), el("strong", {}, run.title || run.name), el("span", { className: "soft" }, ago(run.changed)),
      el("small", {}, [run.command, run.state === "done" ? "" : run.state, run.title ? run.name : ""].filter(Boolean).join(" · ")));
    if (run.id === chosen) button.setAttribute("aria-current", "true");
    return el("li", {}, button);
  }));
  if (!shown.length) byId("runs").append(el("li", { className: "soft" }, all.length ? "no run is called that" : "no runs yet; a command with --out, or the form above, makes one"));
}

function ago(at) {
  const s = Date.now() / 1000 - at;
  if (s < 90) return "now";
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return new Date(at * 1000).toISOString().slice(0, 10);
}

function show(run) {
  events?.close();
  events = null;
  chosen = run?.id ?? null;
  list();
  if (!run) {
    byId("run").replaceChildren(el("p", { className: "empty" }, "A run's report appears here."));
    return;
  }
  draw(run);
  if (run.state === "running") follow(run);
}

function follow(run) {
  events = new EventSource(`/runs/${run.id}/events`);
  events.onmessage = ({ data }) => {
    const now = JSON.parse(data);
    all = all.map((one) => (one.id === now.id ? now : one));
    if (now.state !== "running") events.close();
    list();
    draw(now);
  };
}

const act = (run, what) => async () => {
  try {
    const now = await sendJson(`/runs/${run.id}/${what}`, {});
    all = all.map((one) => (one.id === now.id ? now : one));
    show(now);
  } catch (error) {
    byId("run").prepend(el("p", { className: "error" }, error.message));
  }
};

function draw(run) {
  const head = el("header", {}, el("h3", {}, run.title || run.name), el("span", { className: "soft" }, run.state));
  if (run.state === "running") head.append(el("button", { type: "button", className: "quiet", on: { click: act(run, "cancel") } }, "Cancel"));
  if (run.resumable) head.append(el("button", { type: "button", className: "quiet", on: { click: act(run, "resume") } }, "Continue"));
  if (run.report) head.append(el("a", { href: `/runs/${run.id}/result`, target: "_blank", rel: "noopener", className: "soft" }, "result.json"));
  const body = [head];
  if (run.state === "running") body.push(el("div", { className: "card" }, el("p", {}, run.step || "starting"), bar(run)));
  if (run.message) body.push(el("p", { className: "error" }, run.message));
  if (run.report && run.state !== "running") body.push(el("iframe", { title: `Report of ${run.title || run.name}`, sandbox: "", src: `/runs/${run.id}/report` }));
  byId("run").replaceChildren(...body);
}

function bar(run) {
  const made = el("progress", { "aria-label": run.step || "progress" });
  if (run.total) Object.assign(made, { max: run.total, value: run.done });
  return made;
}
