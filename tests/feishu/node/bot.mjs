// A bot on Feishu's own Node SDK, unchanged: the SDK takes the domain of the simulator.
import { Client, EventDispatcher, WSClient } from "@larksuiteoapi/node-sdk";

const base = { appId: process.env.APP_ID, appSecret: "demo-secret", domain: process.env.SIMULATOR };
const client = new Client(base);
const CARD = { schema: "2.0", body: { elements: [{ tag: "markdown", content: "请审批" }] } };

const eventDispatcher = new EventDispatcher({}).register({
  "im.message.receive_v1": async ({ message }) => {
    const { text } = JSON.parse(message.content);
    const card = text === "卡片";
    await client.im.message.reply({
      path: { message_id: message.message_id },
      data: {
        msg_type: card ? "interactive" : "text",
        content: JSON.stringify(card ? CARD : { text: `Node：${text}` }),
        uuid: message.message_id,
      },
    });
  },
  "card.action.trigger": async ({ action, operator }) => ({
    toast: { type: "success", content: `${operator.open_id}:${action.value.decision}` },
    card: { type: "raw", data: { body: { elements: [{ content: "已批准" }] } } },
  }),
});

await new WSClient(base).start({ eventDispatcher });
