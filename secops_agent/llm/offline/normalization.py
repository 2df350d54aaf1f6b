"""One spelling for what people type: width, traditional characters, dashes, defanged addresses."""

import re
import unicodedata

from .patterns import Pattern

_TRADITIONAL = (
    "報警處關閉認業務機賬號錄陸頁網絡絕絡鏡庫應級嚴風險訊問題誰負責個們請幫說為麼嗎這裡裏裡時間開發"
    "現狀態統計總數據歷單雙點鐘產資運維護動執刪掃攻擊擊擊擊惡釣魚隱蹤後門權漏洞補丁軟體詳細內來於與從將給對"
    "週過去幾條檔測試標離鎖結備註誤實際觀確顯圖簡體繁復復讓還沒無寫讀電腦遠連線終滅壞聯繫係長東車書學樣種類"
    "馬財務團話聽難買賣賓館廣場極換請調啟機會議題標籤華聞語齊禦偵檢驗證審計從屬鏈環節點擴散竊盜釋義殺軟賊賬戶戶頭"
    "屬變壓縮衛嘗試陣營規則範圍傷轉達遲並級別優變更進項損歸異響處雲專區責任員營兩萬億斷隔拒絕議論審批協議"
)
_SIMPLIFIED = (
    "报警处关闭认业务机账号录陆页网络绝络镜库应级严风险讯问题谁负责个们请帮说为么吗这里里里时间开发"
    "现状态统计总数据历单双点钟产资运维护动执删扫攻击击击击恶钓鱼隐踪后门权漏洞补丁软体详细内来于与从将给对"
    "周过去几条档测试标离锁结备注误实际观确显图简体繁复复让还没无写读电脑远连线终灭坏联系系长东车书学样种类"
    "马财务团话听难买卖宾馆广场极换请调启机会议题标签华闻语齐御侦检验证审计从属链环节点扩散窃盗释义杀软贼账户户头"
    "属变压缩卫尝试阵营规则范围伤转达迟并级别优变更进项损归异响处云专区责任员营两万亿断隔拒绝议论审批协议"
)
_CHARACTERS = str.maketrans(_TRADITIONAL, _SIMPLIFIED)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−﹣－", "-") | {"。": "。", "﹖": "?"})
_INVISIBLE = Pattern("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
_EMOJI = Pattern("[\u2600-\u27bf\u2b50\ufe0f\ue000-\uf8ff\U0001f000-\U0001faff]|\\[[\u4e00-\u9fff]{1,4}\\]")
_DEFANGED_DOT = Pattern(r"\s?[\[({【](?:\.|dot|点)[\])}】]\s?", re.IGNORECASE)
_DEFANGED_SCHEME = Pattern(r"(?<![a-z0-9])h(?:xx|\*\*|tt)p(s?)(?:\[:\]|:)//", re.IGNORECASE)
_MENTION = Pattern(r"@(?:毕方|安全运营|安全助手|小毕|bifang|机器人)\S*\s*|^@\S{1,20}\s+", re.IGNORECASE)
_WORDS = {
    "帐号": "账号",
    "甚么": "什么",
    "有无": "有没有",
    "告警信息": "告警",
    "伺服器": "服务器",
    "弱點": "漏洞",
    # What input methods offer for the words that are asked for most; never for the words that act.
    "搞危": "高危",
    "高微": "高危",
    "中微": "中危",
    "最尽": "最近",
    "最进": "最近",
    "告惊": "告警",
    "告景": "告警",
    "高警": "告警",
    "报井": "报警",
    "漏动": "漏洞",
    "楼洞": "漏洞",
    "有那些": "有哪些",
    "影向": "影响",
    "日抱": "日报",
    "周抱": "周报",
    "服物器": "服务器",
    "资惨": "资产",
}
_SPACES = Pattern(r"\s+")


def normalize(text: str) -> str:
    """The text in one spelling; letters keep their case, defanged addresses become plain ones.

    ，stays what it is: a note is kept in the words of the one who wrote it.
    """
    plain = "，".join(unicodedata.normalize("NFKC", part) for part in _INVISIBLE.sub("", text).split("，"))
    plain = plain.translate(_DASHES)
    plain = _EMOJI.sub("", plain)
    plain = _DEFANGED_DOT.sub(".", plain)
    plain = _DEFANGED_SCHEME.sub(r"http\1://", plain)
    plain = _MENTION.sub("", plain.translate(_CHARACTERS))
    for word, usual in _WORDS.items():
        plain = plain.replace(word, usual)
    return _SPACES.sub(" ", plain).strip()
