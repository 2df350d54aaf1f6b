// What is Feishu's own on the chat page: how a message is said and a button pressed, its faults and events.

import { ask, state } from "/static/store.js";

export const name = "飞书";
export const command = "python manage.py start_feishu_stream";
export const link = "机器人的长连接";
export const scope = "app_id";
export const apps = false;
export const files = true;
export const deadButton = "";
export const kinds = [["图片", "image"], ["表情", "sticker"], ["富文本", "post"]];
const CONTENTS = {
  image: () => ({ image_key: "img_demo" }),
  sticker: () => ({ file_key: "file_sticker" }),
  post: (text) => ({ title: "", content: [[{ tag: "text", text }]] }),
};

export const credentials = () => ["，App ID 和 App Secret 是启动模拟器时写的（演示：cli_demo 和 demo-secret）。"];

/** In a group a bot with the usual permission hears only what mentions it. */
export function say(room, { text, at_robot: at, msgtype, file }) {
  const content = msgtype ? { message_type: msgtype, content: CONTENTS[msgtype](text) } : file ? { file } : {};
  return ask("/sim/messages", {
    app_id: state.robot.client_id, chat_id: room.id, open_id: state.me, group: room.group, text: text || file?.name || `[${msgtype}]`,
    at_bot: room.group && at, unheard: room.group && !at, ...content,
  });
}

export const emit = (type, about, group, more) => ask("/sim/events", {
  app_id: state.robot.client_id, event_type: type, open_id: about, ...(group ? { chat_id: group } : {}), ...more,
});

/** What is noted on the card, and what a toast says. */
export async function press(card, button) {
  const result = await ask("/sim/cards/click", {
    app_id: state.robot.client_id, message_id: card.out_track_id, open_id: state.me, value: button.value,
    ...(button.name ? { name: button.name } : {}),
  });
  if (!result.ok) return { told: "回调超时", said: result.error };
  return { told: `回调 ${Math.max(1, Math.round(result.latency_ms))} ms`, said: result.toast?.content || "" };
}

export const faults = [
  ["长连接", [
    { act: { close: true }, label: "服务端关闭", note: "飞书不打招呼就关闭", button: "关闭" },
    { act: { abort: true }, label: "直接断网", note: "不打招呼切断所有连接", button: "切断" },
    { label: "到时关闭", note: "连接满这么久就关闭", options: [["5 秒", { close_every_s: 5 }], ["30 秒", { close_every_s: 30 }]] },
    { label: "半开连接", note: "现有连接不收也不发", options: [["开启", { half_open: true }], ["含新连接", { half_open: "all" }]] },
    { label: "心跳没有应答", note: "消息照常", options: [["开启", { no_pong: true }]] },
    { label: "连接地址异常", note: "机器人重连时生效", options: [["系统繁忙", { endpoint_code: 1 }], ["凭证错误", { endpoint_code: 1000040344 }], ["500", { endpoint_status: 500 }],
      ["上网认证页", { endpoint_body: "html" }], ["空响应", { endpoint_body: "empty" }], ["慢 5 秒", { endpoint_delay_s: 5 }], ["没有回应", { endpoint_hang: true }]] },
    { label: "拒绝握手", note: "机器人重连时生效", options: [["认证失败", { handshake: "auth" }], ["连接太多", { handshake: "connections" }], ["禁止", { handshake: "forbidden" }]] },
  ]],
  ["消息推送", [
    { label: "重复投递", note: "同一事件投递多次", options: [["2 次", { duplicate: 2 }], ["3 次", { duplicate: 3 }]] },
    { label: "很快重投", note: "未确认时不等 15 秒", options: [["4 秒", { redeliver_after_s: 4 }], ["10 秒", { redeliver_after_s: 10 }]] },
    { label: "分片", note: "内容分成几帧", options: [["3 片", { split: 3 }], ["3 片，倒序", { split: 3, split_order: "reversed" }], ["3 片，丢一片", { split: 3, split_lose: 1 }]] },
    { act: { malformed: "all" }, label: "坏帧", note: "立即发送各种不合规的帧", button: "发送" },
  ]],
  ["OpenAPI", [
    { label: "限流", note: "429，99991400", options: [["等 1 秒", { openapi_limit: 1 }], ["等 10 秒", { openapi_limit: 10 }]] },
    { label: "拒绝", note: "HTTP 400 里的错误码", options: [["230002 不在群里", { openapi_code: 230002 }], ["99991672 没有权限", { openapi_code: 99991672 }], ["230099 卡片不合规", { openapi_code: 230099 }]] },
    { label: "接口异常", note: "所有 OpenAPI", options: [["500", { openapi_status: 500 }], ["慢 4 秒", { openapi_delay_s: 4 }], ["没有回应", { openapi_hang: true }], ["收到但不答复", { openapi_lost: true }]] },
    { label: "令牌失效", note: "每个令牌都被拒绝", options: [["开启", { token_invalid: true }]] },
  ]],
];

export const events = [
  ["员工离职", "contact.user.deleted_v3", "选一位"], ["修改资料", "contact.user.updated_v3", "选一位"],
  ["机器人进群", "im.chat.member.bot.added_v1", "当前的群"], ["机器人被移出群", "im.chat.member.bot.deleted_v1", "当前的群"],
];

/** What is counted, as rows. */
export function figures({ counters, calls }) {
  return [
    ["推送 / 重投", `${counters.pushes} / ${counters.redeliveries}`],
    ["未确认 / 等待连接", `${counters.unacked} / ${counters.waiting}`],
    ["确认 / 迟到", `${counters.acks} / ${counters.late_acks}`],
    ["接口调用", String(Object.values(calls).reduce((sum, one) => sum + one, 0))],
  ];
}
