// Zabbix 的 Webhook 媒介脚本：一个问题或它的恢复发给毕方。ES5（Zabbix 的 JavaScript 引擎是 Duktape）。
var names = ['event_id', 'event_value', 'severity', 'name', 'trigger_id', 'trigger_name', 'host', 'host_name', 'ip',
    'time', 'recovery_time', 'opdata', 'description', 'url'];
var params = JSON.parse(value), body = {}, request = new HttpRequest(), answer;
if (!params.bifang_url || !params.bifang_token) {
    throw '毕方：请在媒介的参数里填写 bifang_url 和 bifang_token。';
}
names.forEach(function (name) {
    body[name] = params[name] === undefined ? '' : String(params[name]);
});
try {
    body.tags = JSON.parse(params.tags);
} catch (error) {
    body.tags = [];
}
if (params.http_proxy) {
    request.setProxy(params.http_proxy);
}
request.addHeader('Content-Type: application/json');
request.addHeader('Authorization: Bearer ' + params.bifang_token);
answer = request.post(params.bifang_url, JSON.stringify(body));
if (request.getStatus() !== 200) {
    throw '毕方：HTTP ' + request.getStatus() + ' ' + answer;
}
return 'OK';
