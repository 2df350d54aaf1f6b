"""Greetings, thanks, who are you, help: recognised as whole sentences only, never as part of a request."""

import re

from .intents import Category
from .patterns import Pattern

_TAIL = r"(?:[呀啊哦呢吧哈啦了~]|毕方|小毕|机器人)*"
_PATTERNS: tuple[tuple[Category, str], ...] = (
    ("help", r"(?:帮助|求助|help|[?]+|菜单|命令|指令|命令列表|使用说明|用法|怎么用|使用帮助|帮助文档)"),
    (
        "help",
        r"(?:请问|那)?(?:你|您|毕方|机器人|这个机器人)?(?:都|到底)?(?:能|会|可以|能够)(?:帮我|帮我们|给我们)?(?:都)?(?:做|干|查|提供)?(?:些|点)?(?:什么|啥|哪些事|哪些|哪些功能|什么功能|啥功能)",
    ),
    ("help", r"(?:你|您|毕方)?(?:都)?有(?:什么|哪些|啥)(?:功能|命令|本事|能力|用)"),
    ("help", r"(?:我)?(?:该|应该)?(?:怎么|如何)(?:使用|用|问|跟你说|操作)(?:你|您|毕方|机器人|这个)?"),
    (
        "greeting",
        r"(?:你好|您好|哈喽|哈罗|嗨|hi|hello|hey|早|早安|早上好|上午好|中午好|下午好|晚上好|大家好|在吗|在么|在不在|有人吗|在不)",
    ),
    (
        "thanks",
        r"(?:好的?[,，]?)?(?:多谢|谢谢|谢了|感谢|thx|thanks|thank you|辛苦|谢谢你|谢谢您|非常感谢|太感谢|辛苦你)",
    ),
    ("thanks", r"(?:太好|太棒|真棒|厉害|牛|不错|赞|nice|great|good job|干得漂亮|给力|好用)"),
    (
        "identity",
        r"(?:你|您)(?:到底)?(?:是|叫)(?:谁|什么|啥|哪位|什么名字|啥名字|ai|机器人|真人|人|什么模型|哪个模型)[吗么]?",
    ),
    (
        "identity",
        r"(?:你|您)(?:的)?(?:名字|身份)(?:是什么|叫什么)?|(?:介绍一下|自我介绍|介绍下)(?:你|您|你自己|自己|一下)?|who are you|毕方是(?:谁|什么)|(?:你|您)(?:用的|使用的)?(?:是)?(?:什么|哪个|啥)(?:大)?模型",
    ),
    ("farewell", r"(?:再见|拜拜|bye|回见|晚安|下班|明天见|886|88)"),
    (
        "acknowledgement",
        r"(?:好|好的|好滴|ok|okay|行|可以|嗯+|收到|知道|明白|了解|懂|哦+|是|是的|对|对的|没事|没关系|没问题|不用)",
    ),
    (
        "status",
        r"(?:系统|服务|机器人|毕方|你)?(?:的|现在的?)?(?:运行)?状态(?:怎么样|如何|正常吗|怎样)?|(?:你|毕方|机器人|系统|服务)(?:还)?(?:正常|活着|运行正常|在线|好)(?:吗|么|不)|status|ping|健康检查|健康状况",
    ),
)
_COMPILED = tuple((name, Pattern(rf"(?:{pattern}){_TAIL}", re.IGNORECASE)) for name, pattern in _PATTERNS)
_EDGES = " ,.!?;:~、。，！？；：…"
_GREETING_FIRST = Pattern(
    r"^(?:你好|您好|哈喽|嗨|hi|hello|早上好|下午好|晚上好|在吗)[呀啊哦]?[ ,，!！。~]+", re.IGNORECASE
)


def find_category(text: str) -> Category | None:
    """The kind of small talk that the whole normalised text is, or None."""
    bare = text.strip() if text.strip() in {"?", "??", "???"} else text.strip(_EDGES)
    bare = _GREETING_FIRST.sub("", bare) or bare
    for category, pattern in _COMPILED:
        if pattern.fullmatch(bare):
            return category
    return None
