// Building the page without ever turning text into markup.

/** An element with properties and children; strings become text nodes. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "html") node.innerHTML = value; // only what the server rendered and escaped
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Coloured square with the end of the name, as the real ones draw it. */
export function avatar(name, key, isRobot) {
  if (isRobot) return el("span", { class: "avatar" }, el("img", { src: "/static/icon.svg", alt: "" }));
  let sum = 0;
  for (const char of key) sum += char.codePointAt(0);
  const short = /^[\x20-\x7e]+$/.test(name) ? name.slice(0, 2) : [...name].slice(-2).join("");
  return el("span", { class: `avatar tone-${sum % 6}` }, short);
}

/** Four little squares. */
export function groupAvatar() {
  return el("span", { class: "avatar group" }, [0, 1, 2, 3].map((tone) => el("i", { class: `tone-${tone}` })));
}

const pad = (number) => String(number).padStart(2, "0");

/** 14:05 today, 昨天 14:05, else 11-23 14:05. */
export function moment(ms) {
  const then = new Date(ms);
  const clock = `${pad(then.getHours())}:${pad(then.getMinutes())}`;
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / 86400000);
  if (days === 0) return clock;
  return days === 1 ? `昨天 ${clock}` : `${pad(then.getMonth() + 1)}-${pad(then.getDate())} ${clock}`;
}

let hiding = 0;

/** A short notice at the bottom. */
export function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 4000);
}
