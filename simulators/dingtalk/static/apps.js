// 开放平台: the applications, and of each its credentials, robot, 事件订阅, version. Addresses: #/ID/credentials and so on.

import { byId, el, toast } from "/static/dom.js";
import { ask } from "/static/store.js";

const REFRESH_MS = 2000;
const TABS = [
  ["credentials", "基础信息", "凭证与基础信息", null],
  ["robot", "应用能力", "机器人", (app) => app.robot],
  ["events", "开发配置", "事件订阅", (app) => app.stream || app.http],
  ["release", "应用发布", "版本管理与发布", (app) => app.version],
];
let apps = [];
let shown = "";

const place = () => {
  const [id, tab] = location.hash.replace(/^#\//, "").split("/");
  return { app: apps.find((one) => one.client_id === decodeURIComponent(id)), tab: TABS.some(([name]) => name === tab) ? tab : "credentials" };
};
const hashOf = (app, tab) => `#/${encodeURIComponent(app.client_id)}/${tab}`;
const path = (app, rest = "") => `/sim/apps/${encodeURIComponent(app.client_id)}${rest}`;

function describeState(app) {
  if (!app.robot) return ["还没有添加机器人", ""];
  if (!app.stream && !app.http) return ["还没有选择推送方式", ""];
  if (!app.version) return ["还没有发布", ""];
  if (app.http) return ["HTTP 推送", "on"];
  return app.live ? ["已连接", "on"] : ["没有连接", "off"];
}

function drawState(app) {
  const [text, kind] = describeState(app);
  return el("span", { class: `state ${kind}`, role: "status" }, text);
}

function draw() {
  const { app, tab } = place();
  document.title = `${app ? app.name : "应用"} · 钉钉模拟器`;
  byId("trail").replaceChildren(...drawTrail(app));
  byId("view").replaceChildren(...(app ? drawDetail(app, tab) : drawList()));
  shown = snapshot();
}

/** What the page was drawn from. */
const snapshot = () => JSON.stringify([location.hash, apps]);

function drawTrail(app) {
  const steps = [el("span", {}, "应用开发"), el("span", {}, "›"), el("a", { href: "#/" }, "企业内部开发")];
  return app ? [...steps, el("span", {}, "›"), el("span", {}, app.name)] : steps;
}

function drawList() {
  return [
    el("div", { class: "head" }, el("h1", {}, "企业内部开发"), el("button", { type: "button", class: "main", onclick: openMaking }, "创建应用")),
    el("ul", { class: "apps" }, apps.map((app) => el("li", {}, el("a", { class: "app", href: hashOf(app, "credentials") },
      el("img", { src: "/static/icon.svg", alt: "" }), el("b", {}, app.name), el("code", {}, app.client_id), drawState(app))))),
  ];
}

function drawDetail(app, tab) {
  const side = el("nav", { class: "side", "aria-label": "应用详情" }, TABS.flatMap(([name, group, label, done]) => [
    el("h2", {}, group), el("a", { href: hashOf(app, name), "aria-current": name === tab ? "page" : null }, label,
      done && done(app) ? el("span", { class: "done", "aria-label": "已完成" }, "✓") : null)]));
  const sheet = { credentials: drawCredentials, robot: drawRobot, events: drawEvents, release: drawRelease }[tab];
  return [
    el("div", { class: "head" }, el("h1", {}, app.name), drawState(app), el("a", { class: "quiet", href: `/?client_id=${encodeURIComponent(app.client_id)}` }, "去聊天")),
    el("div", { class: "detail" }, side, sheet(app)),
  ];
}

function drawRow(name, note, value, ...more) {
  const shown = el("span", { class: "value" }, value);
  return el("div", { class: "row" }, el("span", {}, name, el("small", {}, note)), shown,
    el("span", { class: "acts" }, more, el("button", { type: "button", class: "quiet", "aria-label": `复制 ${name}`, onclick: () => copy(shown, name, value) }, "复制")));
}

function drawCredentials(app) {
  return el("section", { class: "sheet" }, el("h2", {}, "凭证与基础信息"),
    el("p", { class: "note" }, "填到毕方的「系统配置 → 新增配置 → 钉钉」；接入地址在「高级设置」里。"),
    drawRow("App ID", "应用 ID", app.app_id), drawRow("Client ID", "原 AppKey", app.client_id), drawSecret(app),
    drawRow("接入地址", "只有本机模拟器需要", app.endpoint),
    el("p", { class: "next" }, "下一步：在毕方里填好、测试并保存配置，再到", el("a", { href: hashOf(app, "robot") }, "「应用能力 › 机器人」"), "添加机器人。"));
}

/** Hidden until it is asked for, as on the real platform. */
function drawSecret(app) {
  const row = drawRow("Client Secret", "原 AppSecret", app.client_secret);
  const value = row.querySelector(".value");
  value.textContent = "••••••••••••";
  const look = el("button", { type: "button", class: "quiet", onclick: () => {
    const hidden = look.textContent === "查看";
    value.textContent = hidden ? app.client_secret : "••••••••••••";
    look.textContent = hidden ? "隐藏" : "查看";
  } }, "查看");
  row.querySelector(".acts").prepend(look);
  row.querySelector(".acts").append(el("button", { type: "button", class: "quiet", disabled: !app.made, onclick: () => resetSecret(app),
    title: app.made ? "" : "凭证写在模拟器的启动参数里，不能重置" }, "重置"));
  return row;
}

async function resetSecret(app) {
  if (!confirm(`重置「${app.name}」的 Client Secret？旧的立即失效，要到毕方的「系统配置」里换成新的。`)) return;
  await change(app, "/secret", {}, "已重置，请把新的 Client Secret 填到毕方");
}

function drawRobot(app) {
  if (!app.robot) {
    return el("section", { class: "sheet" }, el("h2", {}, "添加应用能力"), el("p", { class: "note" }, "应用要有「机器人」，才能进群、被 @、发消息。"),
      el("div", { class: "buttons" }, el("button", { type: "button", class: "main", onclick: () => change(app, "", { robot: true }, "已添加机器人") }, "添加机器人")));
  }
  const name = el("input", { value: app.name, maxLength: 20, required: true, "aria-label": "机器人名称" });
  const address = el("input", { value: app.callbacks.robot, placeholder: "毕方「HTTP 回调」页里的地址", "aria-label": "消息接收地址" });
  const modes = drawModes("receive", app.callbacks.robot, address, [
    ["Stream 模式", "机器人收到的消息从 Stream 长连接推送，不需要公网地址。"],
    ["HTTP 模式", "钉钉把消息发到毕方的公网地址：毕方的配置里关闭「使用流式推送」，地址在它的「HTTP 回调」页。"],
  ], [["消息接收地址", address]]);
  const save = async (event) => {
    event.preventDefault();
    await attempt(async () => {
      await ask(path(app), { name: name.value });
      await subscribe(app, { robot: modes.chosen() === "http" ? address.value.trim() : "" });
      await show("已保存");
    });
  };
  return el("section", { class: "sheet" }, el("h2", {}, "机器人"),
    drawRow("RobotCode", "与 Client ID 相同", app.client_id),
    el("form", { onsubmit: save, autocomplete: "off" },
      el("label", { class: "field" }, "机器人名称", name),
      el("p", { class: "note" }, "消息接收模式"), modes.nodes,
      el("div", { class: "buttons" }, el("button", { type: "submit", class: "main" }, "保存"))),
    el("p", { class: "next" }, "下一步：到", el("a", { href: hashOf(app, "events") }, "「开发配置 › 事件订阅」"), "选择推送方式。"));
}

/** Two choices, and fields that only the second one has. */
function drawModes(group, http, first, [streamWords, httpWords], fields) {
  const radio = (value, checked) => el("input", { type: "radio", name: group, value, checked: Boolean(checked), onchange: () => show() });
  const [stream, other] = [radio("stream", !http), radio("http", http)];
  const box = el("div", {}, fields.map(([label, input]) => el("label", { class: "field" }, label, input)));
  const show = () => { box.hidden = !other.checked; first.required = other.checked; };
  show();
  const choice = (input, [title, note]) => el("label", { class: "choice" }, input, el("span", {}, title, el("small", {}, note)));
  return { nodes: [choice(stream, streamWords), choice(other, httpWords), box], chosen: () => (other.checked ? "http" : "stream") };
}

/** Change what HTTP mode was given; with no address left, the application is back at Stream. */
async function subscribe(app, changes) {
  const wanted = { ...app.callbacks, ...changes };
  if (wanted.robot || wanted.events) await ask("/sim/callbacks", { client_id: app.client_id, ...wanted });
  else if (app.http) await ask("/sim/callbacks", { client_id: app.client_id, off: true });
}

async function show(said) {
  await refresh();
  draw();
  toast(said);
}

function drawRelease(app) {
  const version = el("input", { value: nextVersion(app.version), maxLength: 14, required: true, "aria-label": "版本号" });
  const publish = (event) => { event.preventDefault(); change(app, "", { version: version.value }, `已发布 ${version.value}`); };
  return el("section", { class: "sheet" }, el("h2", {}, "版本管理与发布"),
    el("p", { class: "outcome", role: "status" }, app.version ? `线上版本 ${app.version}，全员可用。` : "还没有发布：发布之前，机器人收不到消息。"),
    el("form", { onsubmit: publish, autocomplete: "off" }, el("label", { class: "field" }, "创建新版本，版本号", version),
      el("div", { class: "buttons" }, el("button", { type: "submit", class: "main" }, "发布"))),
    el("p", { class: "next" }, "下一步：在", el("a", { href: `/?client_id=${encodeURIComponent(app.client_id)}` }, "群聊"), "里 @ 它说一句「你好」。"));
}

const nextVersion = (version) => (version ? version.replace(/\d+$/, (last) => Number(last) + 1) : "1.0.0");

async function change(app, rest, body, said) {
  await attempt(async () => {
    await ask(path(app, rest), body);
    await refresh();
    draw();
    toast(said);
  });
}

async function copy(place, name, value) {
  try {
    await navigator.clipboard.writeText(value);
    toast(`已复制 ${name}`);
  } catch {
    getSelection().selectAllChildren(place);
    toast("浏览器不允许复制，已选中，请按 Ctrl+C");
  }
}

function drawEvents(app) {
  const known = app.callbacks;
  const input = (value, label, hint) => el("input", { value, placeholder: hint, autocomplete: "off", "aria-label": label });
  const [url, token, key] = [input(known.events, "请求网址", "毕方「HTTP 回调」页里的地址"), input(known.token, "签名 token", ""), input(known.aes_key, "加密 aes_key", "43 个字母和数字")];
  const modes = drawModes("mode", known.events, url, [
    ["Stream 推送", "通过 SDK 建立 WebSocket 长连接接收消息和事件，不需要公网地址，也不填写回调 URL。"],
    ["HTTP 推送", "钉钉把事件发到请求网址；地址、token 和 aes_key 在毕方配置的「HTTP 回调」页。保存时先试着调用一次。"],
  ], [["请求网址", url], ["签名 token", token], ["加密 aes_key", key]]);
  const outcome = el("p", { class: "outcome", role: "status", hidden: true });
  const verifying = el("button", { type: "button", class: "quiet" }, "验证连接通道");
  verifying.addEventListener("click", () => verify(app, verifying, outcome));
  const save = async (event) => {
    event.preventDefault();
    await attempt(async () => {
      const http = modes.chosen() === "http";
      await subscribe(app, http ? { events: url.value.trim(), token: token.value.trim(), aes_key: key.value.trim() } : { events: "", token: "", aes_key: "" });
      if (!http) await ask(path(app), { stream: true });
      await show("已保存");
    });
  };
  return el("section", { class: "sheet" }, el("h2", {}, "事件订阅"), el("p", { class: "note" }, "推送方式"),
    el("form", { onsubmit: save, autocomplete: "off" }, modes.nodes,
      el("div", { class: "buttons" }, el("button", { type: "submit", class: "main" }, "保存"), verifying)),
    outcome,
    el("p", { class: "next" }, "下一步：启动 Stream 推送服务（", el("code", {}, "make run"), " 已经启动了它；用 HTTP 推送时由它回答），用 Stream 推送时再点「验证连接通道」，然后到", el("a", { href: hashOf(app, "release") }, "「版本管理与发布」"), "发布。"));
}

async function verify(app, button, outcome) {
  button.disabled = true;
  outcome.hidden = false;
  outcome.className = "outcome";
  outcome.textContent = "正在验证…";
  await attempt(async () => {
    const { ok, message } = await ask(path(app, "/verify"), {});
    outcome.textContent = message;
    outcome.classList.add(ok ? "good" : "bad");
  });
  button.disabled = false;
}

function openMaking() {
  byId("making-form").reset();
  byId("making").showModal();
}

async function make(event) {
  event.preventDefault();
  await attempt(async () => {
    const app = await ask("/sim/apps", { name: byId("making-name").value });
    byId("making").close();
    await refresh();
    location.hash = hashOf(app, "credentials");
  });
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    toast(error.message);
  }
}

/** Ask again. Of an open application only the state is drawn anew: a choice or a verdict stays where it is. */
async function refresh() {
  apps = await ask("/sim/apps");
  const { app } = place();
  const state = byId("view").querySelector(".head .state");
  if (app && state) state.replaceWith(drawState(app));
  else if (snapshot() !== shown) draw();
}

byId("making-form").addEventListener("submit", make);
byId("making-cancel").addEventListener("click", () => byId("making").close());
addEventListener("hashchange", draw);
setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, REFRESH_MS);
attempt(refresh);
