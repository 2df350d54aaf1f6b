"""Nouns that begin or end in a character which is a filler when it stands alone are never cut."""

import pytest

from secops_agent.llm.offline import understand
from tests.secops.offline_lexicon import ASKER, LEXICON, NOW

_NOUNS = """
个人信息外传 批量导出 条件竞争 次级域名滥用 过期证书 绕过审批 带宽耗尽 身份冒用 后台口令过期 堆栈溢出 串口滥用 对象存储泄漏 同源绕过 被动扫描 有害程序 私有仓库外传
不明进程 别名劫持 人脸识别绕过 自签名证书 打印外传 来访登记 还原卡绕过 只读账号滥用 光纤窃听 最小权限违例 更新包投毒 老旧组件 总线攻击 多因素绕过 里程碑数据泄漏 上网行为违例
下载器 前端投毒 后端接口滥用 着陆页仿冒 请求伪造 越权申请 要害系统 找回密码滥用 搜索引擎投毒 翻墙 推送服务劫持 会话固定 可执行文件落地 看板外泄 查杀失败 消息队列堵塞 在线文档外传
发件人伪造 发票诈骗 传输加密失效 出口异常 文件溢出 拿站工具 借用账号 整站镜像 丢失凭证 办公网扫描 走私货物 治理平台 操作系统提权 共享目录外泄 按键精灵 快照丢失 读写异常 连接超时 设备维修 上游供应
"""
NOUNS = _NOUNS.split()
RUNBOOKS = ("{}的应急预案", "{}的应急预案请发一份", "{}怎么处理", "找个{}的手册", "请问有没有{}的处置流程")
# Attacks that may be looked for in the place of a longer noun.
KNOWN = ("投毒", "劫持", "提权", "钓鱼", "外联", "扫描", "绕过", "越权", "仿冒", "数据泄漏")
LISTS = ("{}类的告警", "有没有{}类的告警", "看一下{}类告警", "/告警 {}")


@pytest.mark.parametrize("noun", NOUNS)
def test_a_topic_is_looked_up_as_it_was_typed(noun: str) -> None:
    found = [understand(frame.format(noun), LEXICON, NOW, asker=ASKER).intent for frame in RUNBOOKS]
    assert [intent and intent.arguments.get("query") for intent in found] == [noun] * len(RUNBOOKS)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_keyword_is_never_the_rest_of_a_longer_word(noun: str) -> None:
    """A known attack inside the noun may be looked for in its place, a piece of a word never."""
    found = [understand(frame.format(noun), LEXICON, NOW, asker=ASKER).intent for frame in LISTS]
    said = [intent.arguments.get("keyword") for intent in found if intent and intent.tool == "list_alerts"]
    assert set(said) <= {noun, *KNOWN, None}
    assert said[-1] in (noun, *KNOWN)  # what follows a slash command is looked for


@pytest.mark.parametrize(
    "noun",
    ["AccessKey 泄露", "ARP 欺骗", "Active Directory 沦陷", "OneDrive 外传", "Getshell", "Forgejo 劫持"],
)
def test_a_name_that_begins_like_an_english_filler_stays_whole(noun: str) -> None:
    found = [understand(frame.format(noun), LEXICON, NOW, asker=ASKER).intent for frame in RUNBOOKS]
    assert [intent and intent.arguments.get("query") for intent in found] == [noun] * len(RUNBOOKS)
