// Interactive and AI cards: drawn once, then updated in place.

import * as platform from "/own/platform.js";
import { el, toast } from "./dom.js";
import { reveal } from "./reveal.js";
import { state } from "./store.js";

const FLOW = { 1: "处理中", 2: "输入中", 3: "已完成", 4: "执行中", 5: "失败" };
const RUNNING = new Set(["1", "2", "4"]);

/** A card's bubble. */
export function drawCard(entry) {
  const box = el("div", { class: "card" },
    el("div", { class: "card-head" }, el("span"), el("span", { class: "flow" })),
    el("div", { class: "card-body" }, el("div", { class: "md" })),
    el("div", { class: "card-extra" }), el("div", { class: "card-buttons" }), el("div", { class: "card-note" }));
  updateCard(box, entry, false);
  return box;
}

/** Show the card's variables as the present speaker sees them. */
export function updateCard(box, entry, typed) {
  const card = entry.card;
  const view = card.private[state.me] || card.public;
  const running = RUNNING.has(view.flow_status) && !card.finalized && !card.failed;
  const [head, body, extra, buttons, note] = box.children;
  head.hidden = !view.title && !view.flow_status;
  head.firstChild.textContent = view.title || state.robot.name;
  drawFlow(head.lastChild, card, view);
  body.classList.toggle("writing", running);
  body.hidden = !view.html && !running;
  reveal(body.firstChild, view.html, typed);
  extra.replaceChildren(...view.extras.map(([name, value]) => el("div", {}, `${name}：${value}`)));
  extra.hidden = !view.extras.length;
  buttons.replaceChildren(...view.buttons.map((button) => drawButton(card, button, note)));
  buttons.hidden = !view.buttons.length;
  box.classList.toggle("danger", view.buttons.some((button) => button.style === "danger"));
  note.hidden = !note.textContent;
}

function drawFlow(label, card, view) {
  const status = card.failed ? "5" : view.flow_status || "";
  label.textContent = FLOW[status] || "";
  label.hidden = !FLOW[status];
  label.className = `flow ${status === "3" ? "done" : status === "5" ? "failed" : ""}`;
}

function drawButton(card, button, note) {
  return el("button", {
    type: "button", class: button.style, disabled: button.disabled || !card.clickable,
    title: card.clickable ? "" : platform.deadButton,
    onclick: (event) => press(event.target, card, button, note),
  }, button.text);
}

async function press(target, card, button, note) {
  const siblings = [...target.parentNode.children];
  siblings.forEach((one) => { one.disabled = true; });
  try {
    const { told, said } = await platform.press(card, button);
    if (said) toast(said);
    note.textContent = told;
    note.hidden = false;
  } catch (error) {
    toast(error.message);
  }
  siblings.forEach((one) => { one.disabled = false; });
}
