// 开放平台: the applications, their credentials, Stream 推送, 验证连接通道. Addresses: #/ID/credentials, #/ID/events.

import { byId, el, toast } from "./dom.js";
import { ask } from "./store.js";

const REFRESH_MS = 2000;
const TABS = [["credentials", "基础信息", "凭证与基础信息"], ["events", "开发配置", "事件订阅"]];
let apps = [];
let shown = "";

const place = () => {
  const [id, tab] = location.hash.replace(/^#\//, "").split("/");
  return { app: apps.find((one) => one.client_id === decodeURIComponent(id)), tab: tab === "events" ? "events" : "credentials" };
};
const address = (app, tab) => `#/${encodeURIComponent(app.client_id)}/${tab}`;
const path = (app, rest = "") => `/sim/apps/${encodeURIComponent(app.client_id)}${rest}`;

function describeState(app) {
  if (!app.stream) return ["还没有选择 Stream 推送", ""];
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
    el("ul", { class: "apps" }, apps.map((app) => el("li", {}, el("a", { class: "app", href: address(app, "credentials") },
      el("img", { src: "/static/icon.svg", alt: "" }), el("b", {}, app.name), el("code", {}, app.client_id), drawState(app))))),
  ];
}

function drawDetail(app, tab) {
  const side = el("nav", { class: "side", "aria-label": "应用详情" }, TABS.flatMap(([name, group, label]) => [
    el("h2", {}, group), el("a", { href: address(app, name), "aria-current": name === tab ? "page" : null }, label)]));
  return [
    el("div", { class: "head" }, el("h1", {}, app.name), drawState(app), el("a", { class: "quiet", href: `/?client_id=${encodeURIComponent(app.client_id)}` }, "去聊天")),
    el("div", { class: "detail" }, side, tab === "events" ? drawEvents(app) : drawCredentials(app)),
  ];
}

function drawCredentials(app) {
  const rows = [["App ID", "应用 ID", app.app_id], ["Client ID", "原 AppKey", app.client_id], ["Client Secret", "原 AppSecret", app.client_secret],
    ["接入地址", "只有本机模拟器需要", app.endpoint]];
  return el("section", { class: "sheet" }, el("h2", {}, "凭证与基础信息"),
    el("p", { class: "note" }, "填到毕方的「系统配置 → 新增配置 → 钉钉」；接入地址在「高级设置」里。"),
    rows.map(([name, note, value]) => el("div", { class: "row" }, el("span", {}, name, el("small", {}, note)), el("span", { class: "value" }, value),
      el("button", { type: "button", class: "quiet", "aria-label": `复制 ${name}`, onclick: (event) => copy(event.target, name, value) }, "复制"))),
    el("p", { class: "next" }, "下一步：在毕方里保存配置，再到", el("a", { href: address(app, "events") }, "「事件订阅」"), "选择 Stream 推送。"));
}

async function copy(button, name, value) {
  try {
    await navigator.clipboard.writeText(value);
    toast(`已复制 ${name}`);
  } catch {
    getSelection().selectAllChildren(button.previousSibling);
    toast("浏览器不允许复制，已选中，请按 Ctrl+C");
  }
}

function drawEvents(app) {
  const box = el("input", { type: "radio", name: "mode", value: "stream", checked: app.stream });
  const outcome = el("p", { class: "outcome", role: "status", hidden: true });
  const verifying = el("button", { type: "button", class: "quiet" }, "验证连接通道");
  verifying.addEventListener("click", () => verify(app, verifying, outcome));
  return el("section", { class: "sheet" }, el("h2", {}, "事件订阅"), el("p", { class: "note" }, "推送方式"),
    el("label", { class: "choice" }, box, el("span", {}, "Stream 推送", el("small", {}, "通过 SDK 建立 WebSocket 长连接接收消息和事件，不需要公网地址，也不填写回调 URL。"))),
    el("div", { class: "buttons" }, el("button", { type: "button", class: "main", onclick: () => choose(app, box.checked) }, "保存"), verifying),
    outcome,
    el("p", { class: "next" }, "下一步：启动 Stream 推送服务（", el("code", {}, "make run"), " 已经启动了它），再点「验证连接通道」。"));
}

async function choose(app, stream) {
  if (!stream) return toast("请先选择 Stream 推送");
  await attempt(async () => {
    await ask(path(app), { stream });
    await refresh();
    toast("已保存");
  });
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
    location.hash = address(app, "credentials");
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
