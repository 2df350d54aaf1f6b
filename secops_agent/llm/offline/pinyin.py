"""Pinyin of names: how whoever does not switch to Chinese types them, zhangsan or zs.

GB 2312 has its common characters in the order of their pinyin, so that the first character of each syllable is enough; of the
others those that names have. pypinyin knows more, but costs every process 0.3 s and 57 MB, and reads 曾 and 覃 as no surname is.
"""

import re
from bisect import bisect_right
from typing import Final

_FIRST: Final = (
    "啊a埃ai鞍an肮ang凹ao芭ba白bai斑ban邦bang苞bao杯bei奔ben崩beng逼bi鞭bian标biao鳖bie彬bin兵bing玻bo捕bu擦ca猜cai"
    "餐can苍cang操cao厕ce层ceng插cha拆chai搀chan昌chang超chao车che郴chen撑cheng吃chi充chong抽chou初chu揣chuai"
    "川chuan疮chuang吹chui春chun戳chuo疵ci聪cong凑cou粗cu蹿cuan摧cui村cun磋cuo搭da呆dai耽dan当dang刀dao德de蹬deng"
    "堤di颠dian碉diao跌die丁ding丢diu东dong兜dou督du端duan堆dui墩dun掇duo蛾e恩en而er发fa藩fan坊fang菲fei芬fen丰feng"
    "佛fo否fou夫fu噶ga该gai干gan冈gang篙gao哥ge给gei根gen耕geng工gong钩gou辜gu刮gua乖guai棺guan光guang瑰gui辊gun"
    "锅guo哈ha骸hai酣han夯hang壕hao呵he嘿hei痕hen哼heng轰hong喉hou呼hu花hua槐huai欢huan荒huang灰hui荤hun豁huo击ji"
    "嘉jia歼jian僵jiang蕉jiao揭jie巾jin荆jing炯jiong揪jiu鞠ju捐juan撅jue均jun喀ka开kai刊kan康kang考kao坷ke肯ken"
    "坑keng空kong抠kou枯ku夸kua块kuai宽kuan匡kuang亏kui坤kun括kuo垃la莱lai蓝lan琅lang捞lao勒le雷lei棱leng厘li俩lia"
    "联lian粮liang撩liao列lie琳lin玲ling溜liu龙long楼lou芦lu驴lv峦luan掠lve抡lun萝luo妈ma埋mai瞒man芒mang猫mao么me玫mei"
    "门men萌meng眯mi棉mian苗miao蔑mie民min明ming谬miu摸mo谋mou拇mu拿na氖nai南nan囊nang挠nao呢ne馁nei嫩nen能neng妮ni"
    "蔫nian娘niang鸟niao捏nie您nin柠ning牛niu脓nong奴nu女nv暖nuan虐nve挪nuo哦o欧ou啪pa拍pai攀pan乓pang抛pao呸pei喷pen砰peng"
    "坯pi篇pian飘piao撇pie拼pin乒ping坡po扑pu期qi掐qia牵qian枪qiang橇qiao切qie钦qin青qing琼qiong秋qiu趋qu圈quan"
    "缺que裙qun然ran瓤rang饶rao惹re壬ren扔reng日ri戎rong揉rou茹ru软ruan蕊rui闰run若ruo撒sa腮sai三san桑sang搔sao瑟se"
    "森sen僧seng莎sha筛shai珊shan墒shang梢shao奢she砷shen声sheng师shi收shou蔬shu刷shua摔shuai栓shuan霜shuang"
    "谁shui吮shun说shuo斯si松song搜sou苏su酸suan虽sui孙sun蓑suo塌ta胎tai坍tan汤tang掏tao特te藤teng梯ti天tian挑tiao"
    "贴tie厅ting通tong偷tou凸tu湍tuan推tui吞tun拖tuo挖wa歪wai豌wan汪wang威wei瘟wen嗡weng挝wo巫wu昔xi瞎xia掀xian"
    "相xiang萧xiao楔xie薪xin星xing兄xiong休xiu墟xu轩xuan靴xue勋xun压ya焉yan殃yang邀yao椰ye一yi茵yin英ying哟yo"
    "拥yong幽you迂yu鸳yuan曰yue耘yun匝za栽zai咱zan赃zang遭zao责ze贼zei怎zen增zeng扎zha摘zhai瞻zhan樟zhang招zhao"
    "遮zhe珍zhen蒸zheng芝zhi中zhong舟zhou珠zhu抓zhua拽zhuai专zhuan桩zhuang椎zhui谆zhun捉zhuo兹zi鬃zong邹zou租zu"
    "钻zuan嘴zui尊zun昨zuo"
)
_OTHERS: Final = (
    "佟tong闫yan邬wu邸di郦li鄢yan滕teng亓qi佘she仝tong郜gao逄pang逯lu阚kan隗wei缪miao瞿qu臧zang褚chu覃qin晏yan"
    "晁chao嵇ji岑cen芮rui荀xun莘xin蔺lin蒯kuai奚xi訾zi昝zan乜nie琦qi璐lu瑾jin瑜yu晗han晟sheng煜yu烨ye茜qian薇wei"
    "馨xin钰yu婷ting琪qi雯wen媛yuan昊hao鑫xin怡yi梓zi淼miao焱yan垚yao珺jun玥yue玮wei璇xuan璟jing炜wei炫xuan燊shen"
    "奕yi弈yi祺qi禧xi睿rui翊yi颢hao灏hao泓hong淇qi湉tian滢ying漪yi潇xiao濠hao赟yun彧yu嫣yan婧jing婕jie妍yan娅ya姝shu"
    "姗shan娴xian婵chan芷zhi芸yun苒ran莺ying菁jing菡han萱xuan葳wei蓓bei薏yi昕xin昱yu晔ye晖hui暄xuan曦xi旻min嵘rong"
    "峥zheng崧song岚lan铄shuo铠kai锴kai锟kun镕rong骁xiao骐qi骥ji骞qian麒qi麟lin冽lie侃kan倩qian偲si劼jie叡rui喆zhe"
    "闵min窦dou竺zhu冼xian谌chen胥xu栾luan漕cao"
)
_PAIR: Final = re.compile("([一-鿿])([a-z]+)")
_KNOWN: Final[dict[str, str]] = dict(_PAIR.findall(_OTHERS))
_STARTS, _SYLLABLES = zip(
    *((char.encode("gb2312"), sound) for char, sound in _PAIR.findall(_FIRST)), strict=True
)
_LAST: Final = "座".encode("gb2312")


def spelled(name: str) -> tuple[str, ...]:
    """张三 → zhangsan, zs; 吕布 → lvbu, lubu, lb; what is no Chinese, or too rare, stays."""
    sounds = [_sound(char) for char in "".join(name.lower().split())]
    whole = "".join(sounds)
    return whole, whole.replace("v", "u"), "".join(sound[:1] for sound in sounds)


def _sound(char: str) -> str:
    code = char.encode("gb2312", "ignore")
    if char in _KNOWN or not _STARTS[0] <= code <= _LAST:
        return _KNOWN.get(char, char)
    return str(_SYLLABLES[bisect_right(_STARTS, code) - 1])
