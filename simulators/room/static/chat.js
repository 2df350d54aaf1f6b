// The page: loads, listens, and sends what a person does.

import * as platform from "/own/platform.js";
import { drawStream, drawTyping, showEntry } from "./bubbles.js";
import { byId, el, toast } from "./dom.js";
import { clearFaults, drawFaults, drawFigures } from "./faults.js";
import { drawPhones } from "./phones.js";
import { drawLink, drawMe, drawPeople, drawRooms, drawTitle } from "./rooms.js";
import { keep, load, markSeen, remember, state, visibleRooms } from "./store.js";

let live = null;
let figures = 0;

function drawAll() {
  see();
  drawRooms(openRoom);
  drawTitle();
  drawMe();
  drawStream(suggest);
  drawRobots();
  drawPhones(state.connection.ringing);
}

/** The open conversation is being looked at, unless a narrow screen shows the list. */
function see() {
  state.looking = matchMedia("(min-width: 761px)").matches || byId("window").classList.contains("in-chat");
  if (state.looking) markSeen(state.room);
}

function openRoom(id) {
  state.room = id;
  remember("room", id);
  byId("window").classList.add("in-chat");
  drawAll();
  if (matchMedia("(min-width: 761px)").matches) byId("text").focus();
}

function becomePerson(key) {
  toggle("people", "me", false);
  const wasSingle = !state.rooms.get(state.room)?.group;
  state.me = key;
  remember("me", key);
  const rooms = visibleRooms();
  if (!rooms.some((room) => room.id === state.room)) {
    state.room = (wasSingle ? rooms.find((room) => !room.group) : rooms[0])?.id || "";
    remember("room", state.room);
  }
  drawAll();
}

function drawRobots() {
  const box = byId("robot");
  box.hidden = state.robots.length < 2;
  box.replaceChildren(...state.robots.map((one) => el("option", { value: one.client_id, selected: one.client_id === state.robot.client_id }, `机器人：${one.name}`)));
}

async function send(fields) {
  const room = state.rooms.get(state.room);
  try {
    await platform.say(room, { at_robot: !room.group || state.atRobot, ...fields });
  } catch (error) {
    toast(error.message);
    return false;
  }
  return true;
}

const suggest = (text) => send({ text, at_robot: true });

async function submit(event) {
  event?.preventDefault();
  const box = byId("text");
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  grow();
  if (!(await send({ text }))) box.value = text;
}

function grow() {
  const box = byId("text");
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 180)}px`;
  byId("send").disabled = !box.value.trim();
}

function listen() {
  live?.close();
  live = new EventSource(`/sim/live?client_id=${encodeURIComponent(state.robot.client_id)}`);
  let opened = false;
  live.addEventListener("hello", () => { if (opened) reload(); opened = true; });
  live.addEventListener("reload", () => reload());
  live.addEventListener("connection", (event) => receiveConnection(JSON.parse(event.data)));
  live.addEventListener("entry", (event) => receiveEntry(JSON.parse(event.data)));
  live.addEventListener("error", () => { state.connection = { ...state.connection, live: 0 }; drawLink(); });
}

function receiveConnection(connection) {
  const changed = Boolean(connection.live) !== Boolean(state.connection.live);
  state.connection = connection;
  drawLink();
  drawPhones(connection.ringing);
  if (changed && !state.entries.get(state.room)?.length) drawStream(suggest);
  if (!byId("drawer").hidden) drawFaults();
}

function receiveEntry(entry) {
  const isNew = keep(entry);
  if (entry.conversation.id === state.room) {
    showEntry(entry, isNew, suggest);
    see();
  }
  drawRooms(openRoom);
}

async function reload(clientId) {
  await load(clientId);
  drawAll();
}

async function changeRobot(event) {
  remember("robot", event.target.value);
  await reload(event.target.value);
  listen();
}

function toggle(menuId, buttonId, open) {
  const menu = byId(menuId);
  menu.hidden = open === undefined ? !menu.hidden : !open;
  byId(buttonId).setAttribute("aria-expanded", String(!menu.hidden));
}

function openDrawer(open) {
  byId("drawer").hidden = byId("veil").hidden = !open;
  clearInterval(figures);
  if (!open) return;
  const refresh = () => drawFigures().catch(() => {});
  drawFaults();
  refresh();
  figures = setInterval(refresh, 2000);
  byId("close-faults").focus();
}

function wire() {
  byId("composer").addEventListener("submit", submit);
  byId("text").addEventListener("input", grow);
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  byId("mention").addEventListener("click", () => { state.atRobot = !state.atRobot; drawMe(); });
  byId("me").addEventListener("click", () => { drawPeople(becomePerson); toggle("people", "me"); });
  byId("more").addEventListener("click", () => toggle("kinds", "more"));
  byId("kinds").append(...platform.kinds.map(([label, msgtype]) => el("button", { type: "button", onclick: () => sendKind(msgtype) }, label)));
  byId("more").hidden = !platform.kinds.length;
  byId("attach").hidden = !platform.files;
  byId("open-apps").hidden = !platform.apps;
  byId("attach").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", sendFile);
  byId("filter").addEventListener("input", (event) => { state.filter = event.target.value.trim(); drawRooms(openRoom); });
  byId("robot").addEventListener("change", changeRobot);
  byId("back").addEventListener("click", () => { byId("window").classList.remove("in-chat"); see(); drawRooms(openRoom); });
  byId("open-faults").addEventListener("click", () => openDrawer(true));
  byId("close-faults").addEventListener("click", () => openDrawer(false));
  byId("veil").addEventListener("click", () => openDrawer(false));
  byId("clear-faults").addEventListener("click", clearFaults);
  byId("stream").addEventListener("click", (event) => platform.followLink?.(event, send));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeAll(); });
  document.addEventListener("click", closeMenus);
  setInterval(drawTyping, 15_000);
}

function sendKind(msgtype) {
  const box = byId("text");
  toggle("kinds", "more", false);
  send({ text: box.value.trim(), msgtype });
  box.value = "";
  grow();
}

const LARGEST = 200 * 1024 * 1024;

/** The picked file as a message; in a group the real ones hand no file to a robot. */
async function sendFile(event) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  if (file.size > LARGEST) return toast("模拟器里的文件最大 200 MB");
  const reader = new FileReader();
  reader.onload = () => send({ file: { name: file.name, base64: reader.result.split(",")[1] || "" } });
  reader.onerror = () => toast("读不了这个文件");
  reader.readAsDataURL(file);
}

function closeMenus(event) {
  if (!event.target.closest("#people, #me, #as")) toggle("people", "me", false);
  if (!event.target.closest("#kinds, #more")) toggle("kinds", "more", false);
}

function closeAll() {
  toggle("people", "me", false);
  toggle("kinds", "more", false);
  openDrawer(false);
}

async function start() {
  wire();
  grow();
  await load();
  drawAll();
  listen();
}

start().catch((error) => toast(error.message));
