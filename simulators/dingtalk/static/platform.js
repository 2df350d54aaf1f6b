// What is DingTalk's own on the chat page: how a message is said and a button pressed, its faults and events.

import { el, toast } from "/static/dom.js";
import { ask, state } from "/static/store.js";

export const name = "钉钉";
export const command = "python manage.py start_dingtalk_stream";
export const link = "机器人的 Stream 连接";
export const scope = "client_id";
export const apps = true;
export const files = true;
export const deadButton = "卡片没有 callbackType: STREAM，按钮不会回调";
export const kinds = [["图片", "picture"], ["图文", "richText"], ["语音（带识别文字）", "audio"], ["视频", "video"], ["引用回复", "quoted"], ["未知类型（表情）", "unknown"]];

export const credentials = () => ["，凭证在", el("a", { href: `/apps#/${encodeURIComponent(state.robot.client_id)}/credentials` }, "「应用」"), "里。"];

export const say = (room, fields) => ask("/sim/messages", {
  client_id: state.robot.client_id, conversation_id: room.id, staff_id: state.me, group: room.group, ...fields,
});

export const emit = (type, about, group, more) => ask("/sim/events", {
  client_id: state.robot.client_id, event_type: type, staff_id: about, ...(group ? { conversation_id: group } : {}), ...more,
});

/** What is noted on the card, and what a toast says. */
export async function press(card, button) {
  const result = await ask("/sim/cards/click", {
    client_id: state.robot.client_id, out_track_id: card.out_track_id, staff_id: state.me, action_id: button.id,
  });
  if (result.timed_out) return { told: "回调超时", said: "机器人没有在时限内回应这次点击" };
  const late = result.late ? "（超过 2 秒，真实钉钉会提示失败）" : "";
  return { told: `回调 ${Math.max(1, Math.round(result.latency_ms))} ms${late}`, said: "" };
}

/** dtmd://dingtalkclient/sendMessage?content=… says that text as the reader; not inside a card, as in DingTalk. */
export function followLink(event, send) {
  const link = event.target.closest?.("a[href^='dtmd:']");
  if (!link) return;
  event.preventDefault();
  if (link.closest(".card")) return toast("卡片里的 dtmd 链接点了没有反应，真实的钉钉也是这样");
  const text = new URL(link.href).searchParams.get("content");
  if (text) send({ text, link: true });
}

export const faults = [
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
export const events = [
  ["人员离职", "user_leave_org", "选一位"], ["新增企业管理员", "org_admin_add", "选一位"], ["取消企业管理员", "org_admin_remove", "选一位"],
  ["修改资料（手机号）", "user_modify_org", "选一位"], ["钉钉角色变更", "label_user_change", "选一位"],
  ["外部人员进群", "chat_add_member", "当前的群", { outsiders: 1 }], ["同事进群", "chat_add_member", "当前的群"],
  ["群改名", "chat_update_title", "当前的群"], ["群解散", "chat_disband", "当前的群"], ["部门变更", "org_dept_modify", "只留存"],
];

/** What is counted, as rows. */
export function figures({ counters, limits, ack_ms: ack }) {
  return [
    ["推送 / 重投", `${counters.pushes} / ${counters.redeliveries}`],
    ["未确认 / 等待连接", `${counters.unacked} / ${counters.waiting}`],
    ["确认延迟 中位数 / 99%", ack.count ? `${ack.p50} / ${ack.p99} ms` : "—"],
    ["机器人回复（Webhook）", String(counters.webhook || 0)],
    ["一分钟内最多条数", `${limits.webhook.max}（上限 ${limits.webhook.limit}${limits.enforced ? "" : "，未启用"}）`],
  ];
}
