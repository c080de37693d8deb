// Rooms by their hash, the token if there is one, and whether the studio is there.

import { api, byId, sendJson } from "./dom.js";
import * as read from "./read.js";
import * as live from "./live.js";
import * as runs from "./runs.js";
import * as models from "./models.js";

const ROOMS = { read, live, runs, models };

function go() {
  const name = location.hash.slice(1) in ROOMS ? location.hash.slice(1) : "read";
  for (const room of Object.keys(ROOMS)) byId(`view-${room}`).hidden = room !== name;
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} · Affectome studio`;
  ROOMS[name].open?.();
}

async function look() {
  const status = byId("status");
  try {
    const { version } = await api("/health");
    status.className = "status up";
    status.lastElementChild.textContent = `${location.hostname} · ${version}`;
  } catch {
    status.className = "status down";
    status.lastElementChild.textContent = "the studio does not answer";
  }
}

async function enter() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname);
    await sendJson("/session", { token }).catch(() => null);
  }
  read.begin();
  live.begin();
  runs.begin();
  addEventListener("hashchange", go);
  go();
  look();
  setInterval(look, 5000);
}

enter();
