"""The small words of an order that change nothing: courtesy, hurry, particles, empty verbs. Data only."""

from .chunks import Role

PLEASE = (
    r"恳请|敬请|烦请|劳请|还请|务请|请(?![问示假求教])|麻烦|劳烦|烦劳|有劳|劳驾|拜托|辛苦|pl[sz]|please|kindly|"
    r"帮(?:我们?|忙|下忙|个忙|助)?|协助|配合|给我们|安排(?:人员|同事|专人)?|(?:我们?|我方|我这边|现)?需要?(?:您|你们?|贵方|毕方)"
)
SOON = (
    r"赶紧的?|赶快的?|快点?的?|尽快|尽早|及时|第一时间|马上|立马|立即|立刻|即刻|即时|火速|紧急|优先|务必|现在|这就|直接|先|急|asap|now|抓紧|"
    r"速速?(?![度率])|顺手|顺便|统一|麻溜(?:的|儿|点)?|麻利(?:的|点)?|搞快点|(?<!\S)速度点?(?=$|\s*(?:把|给|将))|"
    r"(?:right (?:now|away)|immediately|at once|quickly|quick|urgent(?:ly)?)(?![a-z])"
)
_YOU = r"您|你们?|贵方|各位|毕方|小毕|老师们?|大佬|兄弟们?|同学们?|亲"
_EMPTY = r"进行|执行|实施|采取|做(?:一下|个)?|给予|予以?|加以|来(?:一?个|一下)?|就|那就?|去|处理一下|弄(?:一下)?|搞(?:一下)?"
_PARTICLE = r"一下|下|吧|呗|哈|啊|呀|哦|噢|喔|哟|啦|嘞|咯|昂|嗯+|额|ok|好的?|行|为盼|为谢|即可|就(?:行|好|可以)了?|行了|好了"
_THANKS = (
    r"(?:非常|十分|万分|多)?(?:感谢|谢+)(?:你|您|啦|了|哈|支持|配合|协助|大家|各位|老师)*|辛苦(?:你|您|大家|各位|啦|了)+|(?:麻烦|拜托|有劳)(?:你|您|大家|各位)?(?:啦|了)|"
    r"(?:敬?请|望)?(?:知悉|知晓|周知|悉知)|thanks|thank you|thx|ty(?![a-z])|(?:事情)?(?:比较|挺|有点儿?|很|非常|十分)?(?:急|着急|紧急)(?:的)?|在线等|急用"
)
_ENGLISH = r"(?:the|this|it|up|out|off|for|to|as|of|with|and set it)(?![a-z])"
_STOPS = r"[:：\s]+"
COURTESY: tuple[tuple[Role, str], ...] = (
    (Role.MOVE, r"把|将(?!来)|给(?!我)"),
    (Role.PLEASE, PLEASE),
    *((Role.GLUE, words) for words in (_YOU, _PARTICLE, _THANKS, _ENGLISH, _STOPS)),
)
COMMON: tuple[tuple[Role, str], ...] = (
    *COURTESY,
    (Role.GIVE_ME, r"给我(?!们)"),
    *((Role.GLUE, words) for words in (SOON, _EMPTY)),
    (
        Role.GLUE,
        r"对(?![吗不的方]|外(?!部))|它|(?<=[将把对使])其|使|让(?=\s*[\ue140-\ue1bf])|让其|该告警|此告警|该ip|该地址|该主机|该任务|我(?:想要?|要)(?!知道|问|看|求)",
    ),
)
# What may follow a verb; 了 at the end tells of the past unless 把, 请 or 帮 stands before it.
AFTERWARDS = r"\s*(?:掉|一下|下|个|上|起来|住|它|他)*(?:[了喽啦咯嘞](?:它|他)?)?(?:得了|吧|呗|就行|就好|即可)*(?:处理|操作|处置|措施)?"
