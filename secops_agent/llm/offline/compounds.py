"""Words that begin or end in a character which is a filler when it stands alone: 个人信息, 批量, 带宽, 审批. No rule cuts them.

They are shielded while fillers are taken off: every character is moved where no pattern finds it, and back again.
"""

import re

from .patterns import Pattern
from .vocabulary import find_words

_COMPOUNDS = """
个人信息 个人身份 个人 人脸识别 个体 个税 批量 批处理 批次 审批 条件竞争 条件 条码 次级 次生 版次 过期 过滤 过载 过度 过权 绕过 通过 超过 份额 备份 身份 股份 台账 平台 后台 前台 中台 控制台 柜台
堆栈 堆溢出 堆叠 堆内存 串口 串货 串联 字符串 对外 对象 对称 对接 对抗 对账 核对 比对 校对 和解 饱和 参与 跟踪 同源 同城 同名 合同 协同 被动 被害 有害 有线 有效 有毒 私有 共有 公有 专有 国有
淹没 没收 不合规 不可信 不明 不当 不安全 不完整 不合法 不良 不一致 别名 识别 鉴别 签到 报到 从属 从库 主从 自动化 自启动 自签名 自建 自研 自定义 自助 打印 打包 打卡 打点 去重 去标识化 去中心化 来访 来宾 来电 外来 往来
再保 还原 还款 归还 偿还 就绪 只读 光纤 光缆 光猫 曝光 先知 最小权限 最高权限 更新 更改 更换 更替 变更 太空 老化 老旧 总线 总部 总机 总账 几何 多因素 多因子 多线程 多云 多租户 多级 多头 减少 缺少
里程 上传 上网 上线 上行 上游 上云 上位机 线上 云上 网上 下载 下发 下线 下行 下游 下单 下架 线下 前端 前置 前缀 后门 后端 后缀 售后 贷后 着陆页 获得 取得 请求 请假 申请 邀请 问卷 访问 询问 质问 联想 幻想
要害 要素 要客 摘要 纪要 机要 找回 搜索引擎 翻墙 翻译 贴牌 补贴 推广 推特 类推 转让 呼叫 近源 近场 附近 场所 交易所 正版 正则 修正 改正 更正 能源 能耗 功能 性能 智能 节能 会话 会议 会员 会计 协会 工会
可疑 可执行 可信 可用性 可移动 可达 许可 认可 目的 看板 查杀 审查 抽查 调查 侦查 稽查 列车 队列 序列 系列 反序列 拉取 供给 补给 在线 在途 潜在 一卡通 一体机 统一 单一
发票 发布 发件人 发件 发行 发包 发证 开发 触发 并发 爆发 分发 研发 群发 自发 外发 突发 下发 收发 签发 批发 传输 传播 传真 传感器 回传 外传 宣传 遗传 出口 出站 出入 出差 出租 出境 出账 出纳 溢出 外出 弹出 转出 退出 支出 付出 渗出
拿站 借用 借款 整站 整改 完整 调整 丢包 丢失 丢弃 办公 办事 督办 经办 承办 走私 走廊 治理 治安 政治 操作系统 操作员 误操作 违规操作 异常操作 敏感操作 高危操作 处理器 响应超时 响应头 提供商 分享链接 共享文件 共享目录 共享账号 共享盘 共享密钥
按键 按钮 急救 快照 快递 快捷方式 读写 改写 填写 覆写 超时 实时 临时 延时 定时 授时 计时 维修 检修 供应商 供应链 供应 对应 要挟 带宽 带外 带库 携带 热带 含税
取证 提取 读取 窃取 爬取 截取 骗取 新建 刷新 创新 公共 项目 事项 发起 分类 种类 行为 人为 中毒 中间件 中间人 命中 集中 内存 内网 内核 内部 等保 用户 应用 占用 滥用 冒用 盗用 复用 使用 利用 套用 挪用 报表 报文 报价 情报 误报 举报
邀约 让利 咨询 会签 签收 收发室 快速通道 急诊 应答 应收 应付 应用层 需求方 得分 写权限
第三方 第三方组件 一句话木马 远程办公 移动办公 未知来源 数据来源 内鬼 内部人员 上级单位 推送服务 消息推送 查询接口 接口查询 列表页 出入库 入库 出库 出厂 出海 发卡 传销 传参 转账 网贷
数据导出 批量导出 文件导出 报表导出 违规导出 大量导出 数据转发 数据输出
"""
_LONGEST = sorted(set(_COMPOUNDS.split()), key=lambda word: (-len(word), word))
# Where two words meet they only look like one: 列出|账号, 看一下|线索, 级别|名称, 并|发送.
_NOT_AFTER = {"出": "列查找调拉给筛搜挑翻发提拿报指分标导弹", "下": "一看查列说讲找搜翻来数发给调拉瞅写算理等", "个": "一二两三四五六七八九十几这那每哪多整", "别": "级类区性组", "来": "出过上下进起回看再本", "在": "存现", "中": "其", "有": "没", "过": "看查处"}  # fmt: skip
_NOT_BEFORE = {"个人": "脸工肉民", "上网": "络段关闸", "上传": "统", "有线": "索", "对应": "用急对", "和解": "密析压决除封", "来电": "子脑力源", "来访": "问", "并发": "送给布现出到群", "在线": "等", "用户": "反报称说", "中心": "脏", "请假": "设", "自定": "时", "可信": "息", "会员": "工", "分类": "型", "对接": "口"}  # fmt: skip


def _guard(word: str) -> str:
    before, after = _NOT_AFTER.get(word[0], ""), _NOT_BEFORE.get(word, "")
    return (f"(?<![{before}])" if before else "") + word + (f"(?![{after}])" if after else "")


_WORD = Pattern("|".join(map(_guard, _LONGEST)))
_FAR = 0x100000  # a private plane, far from the marks of `skeletons`
_SHIELDED = Pattern(f"[{chr(_FAR)}-{chr(_FAR + 0xFFFD)}]")


def find_compounds(text: str) -> list[tuple[int, int]]:
    """Where no filler may cut: a compound, or a Chinese attack or product."""
    known = [span for span in find_words(text) if not text[slice(*span)].isascii()]
    inside = {at for start, end in known for at in range(start, end)}
    others = [match.span() for match in _WORD.finditer(text)]
    return sorted(known + [span for span in others if not inside >= set(range(*span))])


def shield(text: str) -> str:
    """The text with every compound out of the reach of patterns; as long as it was."""
    spans = find_compounds(text)
    held = {at for start, end in spans for at in range(start, end) if "一" <= text[at] <= "鿿"}
    return "".join(chr(_FAR + ord(char)) if at in held else char for at, char in enumerate(text))


def unshield(text: str) -> str:
    """What was shielded as it was typed."""
    return _SHIELDED.sub(_restore, text)


def widen(text: str, start: int, end: int) -> str:
    """The piece with the rest of the compounds that its ends cut: 宽耗尽 of 带宽耗尽 is 带宽耗尽."""
    for first, last in find_compounds(text):
        start = first if first < start < last else start
        end = last if first < end < last else end
    return text[start:end]


def _restore(match: re.Match[str]) -> str:
    return chr(ord(match.group()) - _FAR)
