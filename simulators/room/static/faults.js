// The drawer that switches faults.

import * as platform from "/own/platform.js";
import { byId, el, toast } from "./dom.js";
import { ask, state } from "./store.js";

let about = "";

function drawEvents() {
  const staff = state.people.filter((one) => !one.outsider);
  const select = el("select", { "aria-label": "事件关于谁" }, staff.map((one) => el("option", { value: one.key }, one.name)));
  about = staff.some((one) => one.key === about) ? about : staff.at(-1).key;
  select.value = about;
  select.addEventListener("change", () => { about = select.value; });
  return [
    el("h3", {}, "组织事件"),
    el("div", { class: "fault" }, words({ label: "关于谁", note: "与 POST /sim/events 相同" }), select),
    ...platform.events.map(([label, type, note, more]) => el("div", { class: "fault" }, words({ label, note: `${type} · ${note}` }),
      el("button", { type: "button", class: "act", onclick: () => send(label, type, more) }, "推送"))),
  ];
}

async function send(label, type, more = {}) {
  const room = state.rooms.get(state.room);
  try {
    const sent = await platform.emit(type, about, room?.group ? room.id : "", more);
    toast(sent.delivered ? `${label}：已推送` : `${label}：机器人没有连接，连上后推送`);
  } catch (error) {
    toast(error.message);
  }
}

/** The switches, as they stand. */
export function drawFaults() {
  const active = { ...state.connection.faults["*"], ...state.connection.faults[state.robot.client_id] };
  byId("faults").replaceChildren(...platform.faults.flatMap(([title, faults]) => [
    el("h3", {}, title), ...faults.map((fault) => (fault.act ? drawAction(fault) : drawSwitch(fault, active))),
  ]), ...drawEvents());
}

const words = (fault) => el("span", {}, fault.label, fault.note ? el("small", {}, fault.note) : null);

function drawAction(fault) {
  return el("div", { class: "fault" }, words(fault),
    el("button", { type: "button", class: "act", onclick: () => set(fault.act, `${fault.label}：已执行`) }, fault.button));
}

function drawSwitch(fault, active) {
  const plain = (value) => (value !== null && typeof value === "object" ? value.value : value);
  const chosen = fault.options.findIndex(([, spec]) => Object.entries(spec).every(([name, value]) => plain(active[name]) === value));
  const select = el("select", { "aria-label": `${fault.label}：方式` }, fault.options.map(([label], index) => el("option", { value: String(index) }, label)));
  select.hidden = fault.options.length === 1;
  select.value = String(Math.max(0, chosen));
  const box = el("input", { type: "checkbox", class: "switch", "aria-label": fault.label, checked: chosen >= 0 });
  const apply = () => set({ ...off(fault), ...(box.checked ? fault.options[Number(select.value)][1] : {}) });
  box.addEventListener("change", apply);
  select.addEventListener("change", () => { if (box.checked) apply(); });
  return el("div", { class: "fault" }, words(fault), select, box);
}

const off = (fault) => Object.fromEntries(fault.options.flatMap(([, spec]) => Object.keys(spec).map((name) => [name, null])));

async function set(change, done) {
  try {
    await ask("/sim/faults", { [platform.scope]: state.robot.client_id, ...change });
    if (done) toast(done);
  } catch (error) {
    toast(error.message);
  }
}

/** Everything back to normal, for every robot. */
export const clearFaults = () => ask("/sim/faults", { clear: true }).then(() => toast("已全部恢复正常"), (error) => toast(error.message));

/** What is counted right now. */
export async function drawFigures() {
  const rows = platform.figures(await ask("/sim/state"));
  byId("figures").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
