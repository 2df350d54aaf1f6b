// A robot on DingTalk's own Node SDK, unchanged. The SDK has its addresses built in; the one thing done here is to
// let axios send what is meant for DingTalk to the simulator.
import axios from "axios";
import { DWClient, EventAck, TOPIC_CARD, TOPIC_ROBOT } from "dingtalk-stream";

const base = process.env.SIMULATOR;
axios.interceptors.request.use((config) => {
  config.url = config.url.replace(/^https:\/\/(api|oapi)\.dingtalk\.com/, base);
  return config;
});

const client = new DWClient({ clientId: "dingdemo", clientSecret: "demo-secret", keepAlive: true });

client.registerCallbackListener(TOPIC_ROBOT, async (message) => {
  const said = JSON.parse(message.data);
  client.socketCallBackResponse(message.headers.messageId, null);
  const token = await client.getAccessToken();
  await axios.post(said.sessionWebhook, {
    msgtype: "text",
    text: { content: `Node：${said.text.content.trim()}` },
    at: { atUserIds: [said.senderStaffId] },
  }, { headers: { "x-acs-dingtalk-access-token": token } });
});

client.registerCallbackListener(TOPIC_CARD, (message) => {
  const click = JSON.parse(message.data);
  const action = JSON.parse(click.content).cardPrivateData.actionIds[0];
  client.socketCallBackResponse(message.headers.messageId, {
    cardUpdateOptions: { updateCardDataByKey: true },
    cardData: { cardParamMap: { title: `${click.userId}:${action}` } },
  });
});

client.registerAllEventListener(() => ({ status: EventAck.SUCCESS }));

await client.connect();
