"""Words that security teams search alerts by: attacks and techniques, products and log sources. Data only.

A word separated by ``_`` may be written with or without a space.
"""

from .patterns import Pattern

_ATTACKS = """
暴力破解 暴破 爆破 弱口令 弱密码 空口令 默认口令 口令爆破 密码爆破 密码猜测 密码喷洒 密码喷射 撞库 账号爆破 登录爆破
反弹shell 反弹_shell 反序列化 命令执行 代码执行 远程代码执行 远程命令执行 任意命令执行 任意代码执行 文件上传 任意文件上传 文件包含
任意文件读取 任意文件下载 文件读取 目录遍历 目录穿越 路径穿越 路径遍历 信息泄露 数据泄露 数据泄漏 信息泄漏 敏感信息泄露 敏感信息 数据外发
数据外传 数据窃取 数据拖库 拖库 脱库 删库 密钥泄露 凭证泄露 凭据泄露 凭证窃取 凭据窃取 凭证转储 代码泄露 异地登录 异常登录 异常登陆 异地登陆 可疑登录 非法登录
登录失败 登录异常 境外登录 夜间登录 非工作时间登录 账号异常 异常账号 账号失陷 账号被盗 账号泄露 账号盗用 影子账号 新增账号 隐藏账号 横向移动 横向渗透 内网渗透 内网扫描
权限提升 本地提权 提权 越权 权限绕过 未授权访问 未授权 认证绕过 挖矿 挖矿木马 挖矿病毒 挖矿程序 挖矿行为 矿池 勒索 勒索病毒 勒索软件 勒索加密 木马 木马后门 木马回连 远控木马 远控
后门 持久化 病毒 蠕虫 间谍软件 广告软件 rootkit bootkit webshell web_shell 网站后门 内存马 一句话木马 菜刀 冰蝎 哥斯拉 蚁剑
钓鱼 钓鱼邮件 钓鱼网站 钓鱼链接 鱼叉 鱼叉邮件 水坑 恶意邮件 垃圾邮件 商业邮件 邮件诈骗 仿冒 仿冒域名 社工 恶意附件 宏病毒 恶意宏
sql注入 sql_注入 sqli sql_injection 命令注入 代码注入 模板注入 表达式注入 ldap注入 xml注入 xxe 进程注入 dll注入 注入 xss 跨站 跨站脚本 csrf ssrf ssti jndi jndi注入 ognl
端口扫描 漏洞扫描 扫描探测 资产探测 主机探测 目录扫描 目录爆破 指纹探测 恶意扫描 踩点 嗅探 漏洞利用 漏洞攻击 溢出攻击 缓冲区溢出 0day 零日
恶意文件 恶意软件 恶意程序 恶意代码 恶意脚本 恶意样本 恶意进程 恶意外联 恶意域名 恶意ip 恶意_ip 恶意流量 恶意请求 恶意链接 恶意url 恶意爬虫 恶意通信 恶意命令 异常外联 可疑外联 违规外联 非法外联 主动外联 外联 反连 回连 异常流量
异常进程 可疑进程 进程异常 异常行为 异常访问 异常请求 异常操作 异常下载 异常启动 异常提权 可疑文件 可疑命令 可疑脚本 可疑行为 可疑域名 可疑连接 高危命令 危险命令 敏感文件 敏感操作 文件篡改 主机异常 主机失陷 失陷主机 失陷 中毒 被黑
ddos dos攻击 cc攻击 cc_攻击 拒绝服务 流量攻击 流量清洗 syn_flood synflood 洪水攻击 反射放大 僵尸网络 僵木蠕 肉鸡 botnet c2 c&c cnc c2通信 c2外联 远控通信 心跳 beacon 命令与控制 dga
dns隧道 dns_隧道 icmp隧道 http隧道 隐蔽隧道 隐蔽通信 内网穿透 端口转发 代理隧道 隧道 容器逃逸 逃逸 特权容器 镜像投毒 供应链投毒 供应链攻击 供应链 投毒 依赖混淆
篡改 网页篡改 页面篡改 暗链 黑链 挂马 暗网 域名劫持 dns劫持 流量劫持 会话劫持 劫持 中间人 arp欺骗 arp_欺骗 arp攻击 配置变更 基线 基线不合规 配置风险 合规 误配置 ak泄露 ak_泄露 accesskey泄露
黄金票据 白银票据 票据传递 哈希传递 pass_the_hash kerberoasting kerberoast dcsync dcshadow mimikatz lsass cobalt_strike cobaltstrike cs_上线 对外攻击 违规操作 违规访问 违规 web攻击 web_攻击 cs_beacon metasploit meterpreter msf empire sliver psexec wmi wmic winrm
powershell certutil bitsadmin mshta rundll32 regsvr32 lolbin lolbas frp nps ngrok chisel reGeorg neo-regeorg stowaway fscan nmap masscan sqlmap nessus awvs xray nuclei goby hydra burp dirsearch
log4j log4j2 log4shell fastjson struts struts2 shiro weblogic thinkphp spring jboss tomcat redis未授权 redis jenkins confluence gitlab exchange outlook vcenter vmware citrix f5 致远 泛微 用友 通达 蓝凌 帆软 若依 nacos druid
永恒之蓝 eternalblue ms17-010 xmrig kinsing lockbit wannacry conti phobos mallox emotet trickbot qakbot mirai 银狐 海莲花 白象 蔓灵花 响尾蛇 lazarus apt apt攻击 apt28 apt41
ssh暴力破解 ssh_暴力破解 ssh爆破 ssh_爆破 rdp爆破 rdp_爆破 rdp暴力破解 rdp_暴力破解 ftp爆破 smb爆破 mysql爆破 ssh rdp smb ftp ldap kerberos snmp telnet vnc mysql mssql mongodb elasticsearch
brute_force bruteforce phishing ransomware malware trojan backdoor cryptominer mining exploit exfiltration lateral_movement privilege_escalation reverse_shell port_scan rce lfi rfi
"""
_PRODUCTS = """
waf hids hips nids nips nta ndr edr xdr ids ips soc siem soar ueba dlp casb sase ztna utm epp cwpp cspm rasp nac iam pam
suricata falco wazuh snort zeek ossec elastic splunk graylog crowdstrike sentinelone defender modsecurity clamav sysmon auditd osquery crowdsec openvas
云安全中心 安骑士 态势感知 态势感知平台 堡垒机 防火墙 下一代防火墙 web防火墙 web应用防火墙 应用防火墙 云防火墙 云waf 蜜罐 蜜网 蜜罐系统 沙箱 vpn 上网行为管理 网闸 准入 网络准入 邮件网关 安全网关 邮件安全网关 零信任 全流量 流量探针 探针 主机安全 终端安全 数据库审计 日志审计 跳板机 漏扫 漏洞扫描器 终端管控 杀毒 杀毒软件 防病毒 入侵检测 入侵防御 威胁情报 数据防泄漏 域控
深信服 奇安信 奇安信天眼 天眼 天擎 椒图 青藤 青藤云 绿盟 启明星辰 天融信 安恒 明御 长亭 雷池 谛听 山石 山石网科 亚信 亚信安全 微步 微步在线 知道创宇 腾讯云 阿里云 华为云 火绒 卡巴斯基 迈克菲 赛门铁克 诺顿 趋势科技 飞塔 思科 科来 斗象 默安 安天 瑞星 金山 牧云 万象 洞鉴 云锁 安全狗 d盾 宝塔 玄武盾 全悉 御界 御点 铁穹 sangfor fortinet fortigate paloalto checkpoint cisco juniper sophos symantec mcafee trendmicro kaspersky huorong
zabbix prometheus cloudtrail guardduty k8s审计 kubernetes
"""
_ENGLISH_COMMON = """
a an the this that these those it its i im me my we us our you your he she they them who whom whose what whats which when where why how
is are was were be been being do does did done have has had can could will would should shall may might must not no yes ok okay
and or but if of for in on at to from with by about into over under up down out off as than then so too very just only also please pls plz thanks thx hi hello hey
show list get give tell find check view display fetch query search look see pull dump print help need want send open opened closed close new latest recent last past current currently now today yesterday week month day days hour hours min mins minute minutes year date time since within between before after during ago
alert alerts alarm alarms incident incidents event events asset assets host hosts server servers machine machines vuln vulns vulnerability vulnerabilities
any all some more most many much few none every each other top first next total count number statistics stats summary report status state level severity sev sevs type types source src dst ip ips id ids no nr owner assigned assignee unassigned unhandled pending unresolved resolved active high low medium critical info
bad good big small old still really there here got hit happen happened going go come came up-to-date asap urgent fyi ping bot bifang sla kpi ddl excel ppt csv pdf json word wps html cto ciso cso ceo vip q1 q2 q3 q4 review meeting oncall shift handover detail details info related regarding team guys boss bro sir log logs data ok go-ahead details rn tmr eta lol btw tbd todo
"""
_ASSET_WORDS = """
数据库 消息队列 网关 支付网关 支付 订单 财务 人事 办公 邮件 邮箱 营销 会员 客服 报表 核心 核心业务 生产 生产环境 测试 测试环境 预发 预发布 开发 开发环境 dmz 公网 外网 内网 互联网 互联网暴露 对外 边界 门户 中间件 缓存 跳板机 跳板 堡垒机 域控 负载均衡
日志 监控 存储 备份 文件 代理 认证 统一认证 登录 物流 仓储 库存 商城 电商 风控 清算 结算 信贷 网银 手机银行 oa erp crm hr mes scm k8s kubernetes docker redis mysql oracle mongodb kafka rabbitmq nginx tomcat jenkins gitlab elasticsearch es zookeeper nacos windows linux centos ubuntu prod dev test uat stage gateway portal web app db api
"""


def _split(words: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ").lower() for word in words.split())


def _index(words: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """By the first two characters, longest first; what has a space may be written without it."""
    index: dict[str, set[str]] = {}
    for word in words:
        for spelling in (word, word.replace(" ", "")):
            index.setdefault(spelling[:2], set()).add(spelling)
    return {start: tuple(sorted(found, key=len, reverse=True)) for start, found in index.items()}


ATTACKS, PRODUCTS, ASSET_WORDS = _split(_ATTACKS), _split(_PRODUCTS), _split(_ASSET_WORDS)
COMMON_ENGLISH = _split(_ENGLISH_COMMON)
_KNOWN, _ASSETS = _index(ATTACKS | PRODUCTS), _index(ASSET_WORDS)


def find_words(text: str, *, of_assets: bool = False) -> list[tuple[int, int]]:
    """Where known words stand in the text, the longest at each place, none inside another."""
    index, lowered, found, start = _ASSETS if of_assets else _KNOWN, text.lower(), [], 0
    while start < len(lowered) - 1:
        end = _end_of_word(lowered, start, index.get(lowered[start : start + 2], ()))
        if end:
            found.append((start, end))
        start = end or start + 1
    return found


def _end_of_word(text: str, start: int, words: tuple[str, ...]) -> int:
    """0 for none; an ASCII word counts only where no letter or digit touches it."""
    for word in words:
        end = start + len(word)
        if text.startswith(word, start) and not (_touches(text, start) or _touches(text, end)):
            return end
    return 0


def _touches(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1] in _LETTERS and text[at] in _LETTERS


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
# What a Chinese phrase must hold to be taken for a technical name when it stands before 告警.
TECHNICAL = Pattern(
    r"攻击|注入|登[录陆]|漏洞|病毒|木马|扫描|探测|泄[露漏]|外[联发传]|进程|文件|流量|邮件|口令|密码|账[号户]|权限|数据|数据库|网关|防火墙|平台|代理|隧道|后门|脚本|域名|请求|访问|下载|上传|"
    r"执行|利用|绕过|逃逸|加密|传输|篡改|伪造|劫持|欺骗|嗅探|破解|溢出|遍历|包含|序列化|投毒|供应链|合规|基线|配置|端口|服务|组件|容器|镜像|网页|网站|页面|接口|命令|行为|操作|连接|通信|通讯|凭[证据]|密钥|证书|"
    r"中心|天眼|卫士|安全|审计|检测|探针|蜜罐|沙箱|终端|云盾|云|盾|雷达|系统|引擎|日志|内存|注册表|驱动|插件|爬虫|刷单|羊毛|薅|撞|诈骗|欺诈|仿冒|舆情|u盘|usb|无线|wifi|打印"
)
# What stands before 告警 without naming any: kinds of alerts, verbs, and how people call them.
NO_NAMES = _split(
    """
    攻击 入侵 安全 异常 威胁 风险 系统 平台 服务 行为 网络 设备 主机 资产 业务 日志 中心 云 终端 数据 真实攻击 真攻击 有效攻击 疑似攻击 正常业务 被攻击 遭到攻击 安全攻击 网络安全 信息安全 网络攻击 安全威胁 文件 流量 请求 操作 检测 审计 告警 事件 问题 情况
    历史 新增 新 旧 重复 无效 有效 真实 误报 漏报 紧急 要紧 重要 重大 一般 普通 其他 其它 其余 剩余 遗留 存量 增量 积压 堆积 刷屏 冒烟 炸锅 炸 吵闹 闹心 烦人 奇怪 可疑 类似 相同 典型 具体 完整 详细 垃圾
    无关 无聊 高频 低频 频繁 大量 海量 批量 单条 多条 首条 末条 全量 全局 总体 整体 整个 汇总 明细 清单 列表 内容 相关 有关 对应 关联 涉及 上述 以上 以下 如下 下列 前述 前面 后面 上面 下面 剩下 余下 目前 当前
    现在 眼下 近期 最近 最新 平时 白天 夜里 夜间 半夜 值班 夜班 白班 交班 接班 早班 晚班 线上 线下 生产 测试 内部 外部 对外 本地 远程 手动 自动 人工 机器 智能 分析 统计 汇总 处理 处置 确认 关闭 认领 指派 分配 转派
    推送 推送来 发送 转发 触发 产生 监控 监测 订阅 查询 查看 查 看 列举 导出 排查 研判 核实 核对 检索 筛选 过滤 忽略 屏蔽 静默 抑制 聚合 合并 归并 升级 降级 上报 通报 通知 提醒 反馈 值得关注 关注 重点 重点关注 优先 首要
    高级 低级 中级 高 中 低 严重 危险 致命 级别 等级 类型 类 种类 状态 来源 数量 总数 总量 条数 个数 情况 信息 消息 记录 数据 东西 玩意 事儿 事情 问题 动静 名下 手上 手里 手头 头上 待办 待处理 未处理 已处理 处理中 误告
    安全类 未关闭 已关闭 领导 老板 客户 审计 同事 大家 各位 全部 所有 任何 部分 少量 个别 若干 许多 大部分 一些 一批 一下 一堆 一波 一遍 一份 汇报 报告 日报 周报 月报 今天 昨天 前天 明天 本周 上周 本月 上月 今年 去年 今早 今晚 昨晚 早上
    上午 中午 下午 晚上 凌晨 傍晚 周末 工作日 节假日 国庆 春节 护网 重保 值守 期间 之前 之后 以来 以前 以后 刚才 刚刚 方才 目标 受害 受影响 出问题 有问题 没问题 未知 已知 疑似 确定 肯定 大概 可能 也许 应该 麻烦 辛苦 请问 劳驾 谢谢
    提供 协助 配合 支持 需要 想要 希望 打算 准备 开始 结束 完成 继续 停止 恢复 启动 登记 收录 在线 离线 存活 活跃 闲置 下线 退役 登记在册 在册 名称 名字 负责 维护 管理 运行 使用 在用 部署 归属 属于 我司 贵司 公司 学校 学院 医院 咱家 我们家 家里 单位 集团 全网 全公司
    还剩 剩 缺 差 挂着 压着 堆着 躺着 攒 攒着 堆 冒出 冒出来 弹出 弹 蹦出 跳出 涌入 涌进来 进来 出来 过来 上来 下来 高危以上 中危以上 每日 每周 每月 定时 实时 即时 按时 准时 及时 立即 马上 赶紧 尽快 快速 简单 复杂 全面 彻底
    """
)
