// What the page knows, and how it asks the simulator.

export const state = {
  robot: { client_id: "", name: "机器人" }, robots: [], people: [], rooms: new Map(), entries: new Map(),
  connection: { live: 0, draining: 0, faults: {} }, me: "", room: "", atRobot: true, looking: true, filter: "",
};

const remembered = (name) => localStorage.getItem(`simulator.${name}`) || "";
export const remember = (name, value) => localStorage.setItem(`simulator.${name}`, value);

/** GET or POST; throws an Error with the simulator's own words. */
export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(path, options).catch(() => { throw new Error("模拟器没有响应，它还在运行吗？"); });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `请求失败（${response.status}）`);
  return answer;
}

/** Load everything of one robot. */
export async function load(clientId) {
  const asked = new URLSearchParams(location.search).get("client_id");
  if (asked) remember("robot", asked); // a link of the page of applications
  if (asked) history.replaceState(null, "", "/");
  const wanted = clientId ?? remembered("robot");
  const page = await ask(`/sim/page?client_id=${encodeURIComponent(wanted)}`);
  Object.assign(state, { robot: page.robot, robots: page.robots, people: page.people, connection: page.connection });
  state.rooms = new Map(page.conversations.map((room) => [room.id, room]));
  state.entries = new Map();
  page.entries.forEach(keep);
  const me = remembered("me");
  state.me = state.people.some((person) => person.key === me) ? me : state.people[0].key;
  const room = remembered("room");
  state.room = visibleRooms().some((one) => one.id === room) ? room : visibleRooms()[0]?.id || "";
}

/** Keep a new or changed bubble; true if it is new. */
export function keep(entry) {
  if (!state.rooms.has(entry.conversation.id)) state.rooms.set(entry.conversation.id, entry.conversation);
  const list = state.entries.get(entry.conversation.id) || [];
  state.entries.set(entry.conversation.id, list);
  const at = list.findIndex((one) => one.id === entry.id);
  if (at >= 0) list[at] = entry;
  else list.push(entry);
  return at < 0;
}

export const person = (key) => state.people.find((one) => one.key === key) || { key, name: key, title: "" };
export const entriesOf = (roomId) => state.entries.get(roomId) || [];
export const lastOf = (roomId) => entriesOf(roomId).at(-1);

/** Groups, and the single chats of whoever is speaking, the newest first. */
export function visibleRooms(who = state.me) {
  const seen = [...state.rooms.values()].filter((room) => room.group || room.person === who);
  const order = [...state.rooms.keys()];
  return seen.sort((a, b) => (lastOf(b.id)?.seq || 0) - (lastOf(a.id)?.seq || 0) || order.indexOf(a.id) - order.indexOf(b.id));
}

const seenKey = (who, roomId) => `seen.${state.robot.client_id}.${who}.${roomId}`;

/** Robot messages that this person has not looked at. */
export function unread(roomId, who = state.me) {
  const newest = lastOf(roomId)?.seq || 0;
  const mark = Number(remembered(seenKey(who, roomId)) || 0);
  const seen = mark > newest ? 0 : mark; // a restarted simulator counts from one again
  return entriesOf(roomId).filter((entry) => entry.robot && entry.seq > seen).length;
}

/** This person has seen the room. */
export function markSeen(roomId, who = state.me) {
  remember(seenKey(who, roomId), String(lastOf(roomId)?.seq || 0));
}

/** Unread messages in somebody's single chats. */
export const unreadPrivate = (who) =>
  visibleRooms(who).filter((room) => !room.group).reduce((sum, room) => sum + unread(room.id, who), 0);
