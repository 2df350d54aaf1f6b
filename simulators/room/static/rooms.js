// The conversation list, the title bar, and who is speaking.

import * as platform from "/own/platform.js";
import { avatar, byId, el, groupAvatar, moment } from "./dom.js";
import { entriesOf, lastOf, person, state, unread, unreadPrivate, visibleRooms } from "./store.js";

/** The list on the left. */
export function drawRooms(onOpen) {
  const rooms = visibleRooms().filter((room) => room.title.includes(state.filter));
  byId("rooms").replaceChildren(...rooms.map((room) => el("li", {}, drawRoom(room, onOpen))));
}

function drawRoom(room, onOpen) {
  const last = lastOf(room.id);
  const count = room.id === state.room && state.looking ? 0 : unread(room.id);
  return el("button", { type: "button", class: `room${room.id === state.room ? " active" : ""}`, onclick: () => onOpen(room.id) },
    room.group ? groupAvatar() : avatar(room.title, room.id, true),
    el("b", {}, room.title),
    last ? el("time", {}, moment(last.at)) : el("span"),
    el("span", { class: "last" }, last ? summary(last, room) : room.group ? "群聊" : "与机器人单聊"),
    count ? el("span", { class: "badge" }, count > 99 ? "99+" : String(count)) : null);
}

function summary(entry, room) {
  const text = entry.card ? entry.card.public.title || entry.text || "[卡片]" : entry.text;
  const named = state.people.reduce((all, one) => all.replaceAll(`@${one.key}`, `@${one.name}`), text);
  const flat = named.replace(/[#*`>|_~-]+/g, " ").replace(/\s+/g, " ").trim();
  return room.group || entry.robot ? `${entry.name}：${flat}` : flat;
}

/** The bar above the conversation. */
export function drawTitle() {
  const room = state.rooms.get(state.room);
  const people = room?.group ? new Set(entriesOf(room.id).filter((entry) => !entry.robot).map((entry) => entry.sender)) : null;
  byId("room-title").textContent = room ? room.title : platform.name;
  byId("room-note").textContent = !room ? "" : people ? `${Math.max(people.size, state.people.length)} 人 · 机器人 ${state.robot.name}` : "单聊 · 机器人";
  drawLink();
}

/** Whether the robot is connected. */
export function drawLink() {
  const { live, draining, faults } = state.connection;
  const active = Object.values(faults).reduce((sum, one) => sum + Object.keys(one).length, 0);
  const box = byId("link");
  box.className = `link${live ? (active ? " faulty" : "") : " off"}`;
  const name = el("span", { class: "long" }, `${state.robot.name} `);
  const status = live ? (live > 1 ? `已连接 · ${live} 条` : "已连接") : draining ? "正在断开" : "未连接";
  box.replaceChildren(name, status, active ? ` · ${active} 个故障` : "");
  box.title = live ? platform.link : `运行 ${platform.command} 后自动连上`;
  byId("open-faults").classList.toggle("alert", active > 0);
}

/** The speaker's face, and the composer's words. */
export function drawMe() {
  const me = person(state.me);
  byId("me").replaceChildren(avatar(me.name, me.key, false));
  byId("me").title = `以 ${me.name} 的身份发言，点击切换`;
  byId("as").replaceChildren("以 ", el("b", {}, me.name), " 的身份", el("button", { type: "button", onclick: () => byId("me").click() }, "切换"));
  const room = state.rooms.get(state.room);
  const chip = byId("mention");
  chip.hidden = !room?.group;
  chip.textContent = `@${state.robot.name}`;
  chip.setAttribute("aria-pressed", String(state.atRobot));
  byId("text").placeholder = room?.group ? (state.atRobot ? `@${state.robot.name}，请输入消息` : "没有 @机器人，它收不到这条消息") : `发消息给 ${state.robot.name}`;
}

/** The menu of people. */
export function drawPeople(onChoose) {
  const items = state.people.map((one) => {
    const count = one.key === state.me ? 0 : unreadPrivate(one.key);
    return el("button", { type: "button", role: "menuitemradio", "aria-checked": String(one.key === state.me), onclick: () => onChoose(one.key) },
      avatar(one.name, one.key, false), el("span", {}, one.name, el("small", {}, one.title)),
      count ? el("span", { class: "badge", title: "单聊里的未读消息" }, String(count)) : null);
  });
  byId("people").replaceChildren(el("p", {}, "以谁的身份发言"), ...items);
}
