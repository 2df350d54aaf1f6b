// The drawer that switches faults.

import { byId, el, toast } from "./dom.js";
import { ask, state } from "./store.js";

const GROUPS = [
  ["Stream 连接", [
    { act: { disconnect: true }, label: "通知断开", note: "按协议先告知，静默 10 秒后关闭", button: "断开" },
    { act: { abort: true }, label: "直接断网", note: "不打招呼切断所有连接", button: "切断" },
    { label: "反复断网", note: "每隔几秒切断一次", options: [["3 秒", { abort_every_s: 3 }], ["10 秒", { abort_every_s: 10 }], ["30 秒", { abort_every_s: 30 }]] },
    { label: "半开连接", note: "现有连接不收也不发", options: [["开启", { half_open: true }], ["含新连接", { half_open: "all" }]] },
    { label: "注册网关异常", note: "机器人重连时生效", options: [["401 鉴权失败", { open_status: 401 }], ["403", { open_status: 403 }], ["500", { open_status: 500 }],
      ["上网认证页", { open_body: "html" }], ["空响应", { open_body: "empty" }], ["慢 5 秒", { open_delay_s: 5 }], ["没有回应", { open_hang: true }]] },
  ]],
  ["消息推送", [
    { label: "重复投递", note: "同一消息投递多次", options: [["2 次", { duplicate: 2 }], ["3 次", { duplicate: 3 }]] },
    { label: "很快重投", note: "未确认时不等 60 秒", options: [["2 秒", { redeliver_after_s: 2 }], ["10 秒", { redeliver_after_s: 10 }]] },
    { label: "消息额度用完", note: "消息带 20001，没有正文", options: [["errorCode", { over_quota: true }], ["errCode", { over_quota: "errCode" }]] },
    { label: "点链接没有 @", note: "群里点 dtmd 链接，机器人收不到", options: [["开启", { link_unheard: true }]] },
    { act: { malformed: "all" }, label: "坏帧", note: "立即发送各种不合规的帧", button: "发送" },
    { label: "每次推送前发坏帧", note: "", options: [["坏 JSON", { malformed_each: "bad_json" }], ["全部种类", { malformed_each: "all" }]] },
  ]],
  ["会话 Webhook", [
    { label: "拒绝回复", note: "HTTP 200 里的错误码", options: [["300001 会话失效", { webhook_errcode: 300001 }], ["130101 太频繁", { webhook_errcode: 130101 }], ["460101 太长", { webhook_errcode: 460101 }]] },
    { label: "服务异常", note: "sendBySession", options: [["503", { webhook_down: true }], ["拒绝连接", { webhook_down: "refuse" }], ["500", { webhook_status: 500 }], ["慢 3 秒", { webhook_delay_s: 3 }],
      ["没有回应", { webhook_hang: true }], ["收到但不答复", { webhook_lost: true }]] },
  ]],
  ["OpenAPI 与卡片", [
    { label: "限流", note: "403 QpsLimit", options: [["开启", { openapi_qps: true }]] },
    { label: "额度用完", note: "403 ApiCountLimitForOrg", options: [["开启", { openapi_quota: true }]] },
    { label: "接口异常", note: "所有 OpenAPI", options: [["500", { openapi_status: 500 }], ["504", { openapi_status: 504 }], ["慢 4 秒", { openapi_delay_s: 4 }], ["没有回应", { openapi_hang: true }], ["没有权限", { openapi_scope: "qyapi_robot_sendmsg" }]] },
    { label: "令牌失效", note: "每个令牌都被拒绝", options: [["开启", { token_401: true }]] },
    { label: "卡片投放失败", note: "200 里 success 为 false", options: [["开启", { card_deliver_false: true }]] },
  ]],
];

// Sent at once, each in DingTalk's own shape; about the group that is open, else the first one.
const EVENTS = [
  ["人员离职", "user_leave_org", "选一位"], ["新增企业管理员", "org_admin_add", "选一位"], ["取消企业管理员", "org_admin_remove", "选一位"],
  ["修改资料（手机号）", "user_modify_org", "选一位"], ["钉钉角色变更", "label_user_change", "选一位"],
  ["外部人员进群", "chat_add_member", "当前的群", { outsiders: 1 }], ["同事进群", "chat_add_member", "当前的群"],
  ["群改名", "chat_update_title", "当前的群"], ["群解散", "chat_disband", "当前的群"], ["部门变更", "org_dept_modify", "只留存"],
];
let about = "zhaoliu";

function drawEvents() {
  const staff = state.people.filter((one) => !one.outsider);
  const select = el("select", { "aria-label": "事件关于谁" }, staff.map((one) => el("option", { value: one.key }, one.name)));
  select.value = about;
  select.addEventListener("change", () => { about = select.value; });
  return [
    el("h3", {}, "组织事件"),
    el("div", { class: "fault" }, words({ label: "关于谁", note: "与 POST /sim/events 相同" }), select),
    ...EVENTS.map(([label, type, note, more]) => el("div", { class: "fault" }, words({ label, note: `${type} · ${note}` }),
      el("button", { type: "button", class: "act", onclick: () => send(label, type, more) }, "推送"))),
  ];
}

async function send(label, type, more = {}) {
  const room = state.rooms.get(state.room);
  const where = room?.group ? { conversation_id: room.id } : {};
  try {
    const sent = await ask("/sim/events", { client_id: state.robot.client_id, event_type: type, staff_id: about, ...where, ...more });
    toast(sent.delivered ? `${label}：已推送` : `${label}：机器人没有连接，连上后推送`);
  } catch (error) {
    toast(error.message);
  }
}

/** The switches, as they stand. */
export function drawFaults() {
  const active = { ...state.connection.faults["*"], ...state.connection.faults[state.robot.client_id] };
  byId("faults").replaceChildren(...GROUPS.flatMap(([title, faults]) => [
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
    await ask("/sim/faults", { client_id: state.robot.client_id, ...change });
    if (done) toast(done);
  } catch (error) {
    toast(error.message);
  }
}

/** Everything back to normal, for every robot. */
export const clearFaults = () => ask("/sim/faults", { clear: true }).then(() => toast("已全部恢复正常"), (error) => toast(error.message));

/** What is counted right now. */
export async function drawFigures() {
  const { counters, limits, ack_ms: ack } = await ask("/sim/state");
  const rows = [
    ["推送 / 重投", `${counters.pushes} / ${counters.redeliveries}`],
    ["未确认 / 等待连接", `${counters.unacked} / ${counters.waiting}`],
    ["确认延迟 中位数 / 99%", ack.count ? `${ack.p50} / ${ack.p99} ms` : "—"],
    ["机器人回复（Webhook）", String(counters.webhook || 0)],
    ["一分钟内最多条数", `${limits.webhook.max}（上限 ${limits.webhook.limit}${limits.enforced ? "" : "，未启用"}）`],
  ];
  byId("figures").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
