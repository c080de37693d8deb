// The models that are shipped, with whom they read worse first.

import { api, byId, el } from "./dom.js";

export async function open() {
  try {
    const cards = await api("/models");
    byId("models").replaceChildren(...cards.map(({ name, modality, summary, licence, labels, card }) =>
      el("article", { className: "card" },
        el("h3", {}, name, " ", el("small", { className: "soft" }, modality)),
        el("p", {}, summary),
        card.gaps.length ? el("p", {}, el("strong", {}, "Reads worse: "), card.gaps.join("; ")) : null,
        card.failures.length ? el("details", {}, el("summary", {}, "What it gets wrong"), el("ul", {}, ...card.failures.map((one) => el("li", {}, one)))) : null,
        el("p", { className: "soft" }, Object.keys(labels).join(", ")),
        el("p", { className: "soft" }, licence))));
  } catch (error) {
    byId("models").replaceChildren(el("p", { className: "error" }, error.message));
  }
}
