// Bubbles of the open conversation.

import * as platform from "/own/platform.js";
import { drawCard, updateCard } from "./cards.js";
import { avatar, byId, el, moment } from "./dom.js";
import { entriesOf, state } from "./store.js";

const PAUSE_MS = 5 * 60_000;
const TYPING_MS = 120_000;
const AWAITED = new Set(["sent", "acked"]);
const ROUTES = { group: "主动群消息", private: "主动单聊", create: "主动消息", card: "卡片", robot: "自定义机器人" };
const TYPES = { file: "文件", picture: "图片", audio: "语音", video: "视频" };
const SUGGESTIONS = ["有哪些未处理的严重告警？", "CVE-2021-44228 影响哪些资产？", "帮助"];
let rows = new Map();

/** Draw the whole conversation. */
export function drawStream(onSuggest) {
  const stream = byId("stream");
  rows = new Map();
  const entries = entriesOf(state.room);
  stream.replaceChildren(...(entries.length ? drawRows(entries) : [drawEmpty(onSuggest)]));
  drawTyping();
  stream.scrollTop = stream.scrollHeight;
}

function drawRows(entries) {
  let last = 0;
  return entries.flatMap((entry) => {
    const gap = entry.at - last > PAUSE_MS ? [drawMoment(entry.at)] : [];
    last = entry.at;
    return [...gap, drawRow(entry)];
  });
}

const drawMoment = (at) => el("div", { class: "moment" }, moment(at));

/** Draw a bubble that is new or changed. */
export function showEntry(entry, isNew, onSuggest) {
  const stream = byId("stream");
  const atEnd = stream.scrollHeight - stream.scrollTop - stream.clientHeight < 120;
  const entries = entriesOf(state.room);
  if (entries.length === 1 && isNew) return drawStream(onSuggest);
  const known = rows.get(entry.id);
  if (known) refreshRow(known, entry);
  else {
    if (entry.at - (entries.at(-2)?.at || 0) > PAUSE_MS) stream.append(drawMoment(entry.at));
    stream.append(drawRow(entry, true));
  }
  drawTyping();
  if (atEnd || (isNew && entry.sender === state.me)) keepAtEnd(stream);
}

/** Follow a text that is still being typed. */
function keepAtEnd(stream) {
  stream.scrollTop = stream.scrollHeight;
  setTimeout(() => { stream.scrollTop = stream.scrollHeight; }, 760);
}

function refreshRow(row, entry) {
  if (entry.card && row.card) {
    updateCard(row.card, entry, true);
    row.foot.replaceChildren(...drawFoot(entry));
    return;
  }
  const fresh = drawRow(entry);
  row.node.replaceWith(fresh);
}

function drawRow(entry) {
  const mine = !entry.robot && entry.sender === state.me;
  const card = entry.card ? drawCard(entry) : null;
  const foot = el("div", { class: "foot" }, drawFoot(entry));
  const body = el("div", { class: "body" }, mine ? null : drawName(entry), card || drawBubble(entry), foot);
  const node = el("div", { class: `bubble-row${mine ? " mine" : ""}` }, avatar(entry.name, entry.sender, entry.robot), body);
  rows.set(entry.id, { node, card, foot });
  return node;
}

function drawName(entry) {
  const tag = entry.robot ? el("span", { class: "tag" }, "机器人") : entry.sender === "outsider" ? el("span", { class: "tag out" }, "外部") : null;
  return el("div", { class: "who" }, entry.name, tag);
}

function drawBubble(entry) {
  const mention = entry.at_robot ? [el("span", { class: "at" }, `@${state.robot.name}`), " "] : [];
  if (!entry.robot) {
    const label = TYPES[entry.msgtype] && !entry.text.startsWith("[") ? [el("span", { class: "tag" }, TYPES[entry.msgtype]), " "] : [];
    return el("div", { class: "bubble plain" }, mention, label, el("span", { html: entry.html }));
  }
  const plain = entry.msgtype === "text" ? " plain" : " md";
  return el("div", { class: `bubble${plain}`, html: entry.html });
}

function drawFoot(entry) {
  const notes = [];
  if (entry.mentions?.length) notes.push(el("span", {}, entry.mentions.map((name) => `@${name}`).join(" ")));
  if (entry.robot && ROUTES[entry.route] && entry.route !== "card") notes.push(el("span", {}, ROUTES[entry.route]));
  const [text, kind] = describeState(entry);
  if (text) notes.push(el("span", { class: kind }, text));
  return notes;
}

function describeState(entry) {
  if (entry.robot) return ["", ""];
  const times = entry.deliveries > 1 ? ` · 投递 ${entry.deliveries} 次` : "";
  const group = entry.conversation.group;
  return {
    acked: [`机器人已收到${times}`, ""],
    sent: [`等待机器人确认${times}`, "wait"],
    waiting: ["机器人未连接，消息在排队", "wait"],
    given_up: ["多次投递都没有确认", "fail"],
    lost: ["模拟器重启前没有确认", "fail"],
    no_robot: ["应用没有添加机器人，它收不到", "wait"],
    unpublished: ["应用没有发布版本，它收不到", "wait"],
    no_stream: ["应用没有选择 Stream 推送，它收不到", "wait"],
    local: [group ? "没有 @机器人，它收不到" : "", "wait"],
  }[entry.state] || ["", ""];
}

/** “正在处理”: an awaited question without an answer after it. */
export function drawTyping() {
  byId("stream").querySelector(".typing")?.remove();
  const entries = entriesOf(state.room);
  const asked = entries.findLast((entry) => AWAITED.has(entry.state));
  if (!asked || Date.now() - asked.at > TYPING_MS) return;
  if (entries.some((entry) => entry.robot && (entry.seq > asked.seq || entry.reply_to === asked.id))) return;
  byId("stream").append(el("div", { class: "typing" }, el("i"), el("i"), el("i"), `${state.robot.name} 正在处理`));
}

function drawEmpty(onSuggest) {
  const room = state.rooms.get(state.room);
  const how = room?.group ? `在下面写一句话，@${state.robot.name} 的消息会推送给机器人。` : `这里是你和 ${state.robot.name} 的单聊，写下就会推送给机器人。`;
  const connect = state.connection.live ? null : el("p", {}, "机器人还没有连接：运行 ", el("code", {}, platform.command), ...platform.credentials());
  return el("div", { class: "empty" }, el("img", { src: "/static/icon.svg", alt: "" }), el("h2", {}, "还没有消息"),
    el("p", {}, how), connect,
    el("div", { class: "suggest" }, SUGGESTIONS.map((text) => el("button", { type: "button", onclick: () => onSuggest(text) }, text))));
}
