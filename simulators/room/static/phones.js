// Telephones that ring: whom a robot called a moment ago, by what; until somebody hangs up.

import { byId, el, moment } from "./dom.js";

const NAMES = { app: "应用内", sms: "短信", call: "电话" };
const hungUp = new Set();

/** The newest three; a text message and a call in the application lie there, a telephone shakes. */
export function drawPhones(ringing = []) {
  const shown = ringing.filter((one) => !hungUp.has(one.at + one.staff_id)).slice(0, 3);
  const box = byId("phones");
  box.hidden = !shown.length;
  box.replaceChildren(...shown.map((one) => el("div", { class: `phone ${one.by}` },
    el("b", {}, `${one.name} 的手机 · ${NAMES[one.by]}`),
    el("span", {}, `${moment(one.at)}　${one.text.slice(0, 120)}`),
    el("button", { type: "button", onclick: () => { hungUp.add(one.at + one.staff_id); drawPhones(ringing); } },
      one.by === "call" ? "挂断" : "知道了"))));
}
