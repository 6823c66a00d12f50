"""What services say of limits: money, quotas, rates and capacity, and how long a limit is."""

from typing import Final

from sidecar.core.phrases import Regex, family

PLAIN_RATE: Final = family(
    (
        "rate limit exceeded",
        r"rate[ _-]?limit(?:s|ing)? (?:\w{1,12} |of [^.\n]{1,30} )?(?:exceed|reach|hit|trigger)"
        r"|(?:exceed|reach|hit)\w{0,3} [^.\n]{0,50}\brate[ _-]?limits?\b",
    ),
    ("too many requests", r"too many [^.\n]{0,20}\brequests|requests? too (?:fast|frequent)"),
    (
        "throttled",
        r"\bthrottl|rate[ _-]limit(?:ed|ing)|request rate (?:increased|exceed|too)"
        r"|concurren(?:cy|t) (?:\w{1,12} )?limit",
    ),
    (
        "请求过于频繁",
        r"频繁|限流|请求过多|请求[^。\n]{0,6}太快|速率限制"
        r"|リクエスト[^。\n]{0,6}多すぎ|요청 한도|속도 제한",
    ),
)
BILLING: Final = family(
    (
        "insufficient balance",
        r"insufficient(?:[ _]\w{1,12}){0,4}[ _](?:balance|credit|fund|quota|point|mone)"
        r"|not (?:have )?enough (?:\w{1,12} )?(?:credit|balance|fund|quota|money|point)",
    ),
    (
        "balance",
        r"(?:credit |account )?balance (?:\w{1,8} )?(?:too low|insufficient|not enough|not sufficient"
        r"|exhausted|depleted|negative|empty|has run out)|negative (?:\w{1,10} )?balance|not cover",
    ),
    (
        "credits",
        r"\bcredits?\b[^.\n]{0,25}(?:exhaust|deplet|used up|run out|insufficient|too low|expired|exceeded)"
        r"|(?:out of|no(?: more| remaining| available)?|ran out of|run out of|more|add|purchase|buy"
        r"|used all(?: available)?|exceeded [^.\n]{0,40}) credits?\b|can only afford",
    ),
    (
        "billing",
        r"billing (?:hard |soft )?(?:limit|cap|quota)|billing [^.\n]{0,20}(?:not (?:active|enabled)"
        r"|disabled|inactive)|billing_?error|enable billing",
    ),
    (
        "payment",
        r"payment (?:is )?required|valid credit card|payment method|payment (?:has )?failed|\boverdue"
        r"|past due|\bunpaid"
        r"|\barrear|outstanding (?:balance|invoice)|account [^.\n]{0,30}good standing",
    ),
    ("top up", r"\btop[ -]?up\b|\brecharge\b|quota is not enough|token quota"),
    (
        "subscription ended",
        r"(?:subscription|free trial|trial|plan) (?:\w{1,8} ){0,2}(?:expired|ended|inactive|lapsed"
        r"|not active|cancell?ed)|no active (?:\w{1,12} )?(?:subscription|plan)",
    ),
    (
        "余额不足",
        r"余额[^。\n]{0,8}(?:不足|不够|耗尽)|欠费|充值|额度[^。\n]{0,4}(?:不足|失败)|剩余额度|资源包"
        r"|套餐[^。\n]{0,8}(?:到期|过期)|残高不足|잔액",
    ),
)  # fmt: skip
QUOTA: Final = family(
    (
        "quota exceeded",
        r"exceed\w{0,3} [^.\n]{0,40}\bquotas?\b|\bquotas?\b[^.\n]{0,40}(?:exceed|exhaust|deplet|used up"
        r"|reached|run out)|quota limit|quota (?:will )?resets?",
    ),
    (
        "out of quota",
        r"(?:out of|no(?: more| remaining)?|over(?: your)?|used (?:up )?(?:all )?(?:of )?your"
        r"|insufficient) quota|exhausted your",
    ),
    ("usage limit", r"(?<!not your )\busage[ _](?:limits?|cap|quota|allowance)\b"),
    (
        "usage exceeded",
        r"out of (?:extra )?usage|out of budget|draw from your extra usage|limit has been exhausted"
        r"|limit exhausted"
        r"|(?:free|plan|subscription|included|premium|monthly|weekly|daily|trial)(?: \w{1,14}){0,2} (?:usage"
        r"|quota|limits?|allowance|requests?|tier|calls?|messages?)(?: \w{1,10}){0,3} (?:exceed|exhaust"
        r"|reach|hit|used|deplet|consumed)",
    ),
    (
        "hit your limit",
        r"(?:hit|reached|exceeded|exhausted|used)(?: up)?(?: all)?(?: of)? your (?:(?!rate|request"
        r"|concurren|token|rpm|tpm|max)[\w'-]{1,20} ){0,4}(?:limits?|allowance|cap|quota|usage|messages"
        r"|requests)\b",
    ),
    (
        "session limit",
        r"(?:session|weekly|daily|monthly|hour(?:ly)?|opus|sonnet) limit (?:\w{1,8} )?(?:reached|exceeded"
        r"|hit)",
    ),
    (
        "spending limit",
        r"spend(?:ing)?[ _](?:limit|cap)|budget[^.\n]{0,20}(?:exceed|exhaust|reached)|(?:exceed"
        r"|over)\w{0,3} [^.\n]{0,30}budget|max[ _]?budget|cost limit",
    ),
    (
        "key limit",
        r"(?:key|account|team|user|workspace) limit (?:exceeded|reached)|limit exceeded \((?:daily|weekly"
        r"|monthly)",
    ),
    ("regain access", r"regain access|free (?:tier|quota)[^.\n]{0,40}(?:exhaust|used up|exceed|deplet)"),
    (
        "额度已用完",
        r"(?:额度|配额|用量|次数|限额|流量)[^。\n]{0,10}(?:用完|用尽|耗尽|达|上限|超|重置)|使用上限|已用完"
        r"|已用尽|已耗尽|(?:クォータ|割り当て)[^。\n]{0,10}超"
        r"|(?:利用|使用)[^。\n]{0,4}(?:上限|制限)|할당량|사용량? ?한도",
    ),
)  # fmt: skip
LONG_WINDOW: Final = family(
    (
        "per day",
        r"per[ _-]?(?:day|week|month)(?![a-z])|byday\b|per 86400 ?s|\bperday|\b(?:rpd|tpd)\b|/ ?(?:day"
        r"|week|month)\b",
    ),
    (
        "daily limit",
        r"(?:daily|weekly|monthly)\b[^.\n]{0,40}(?:limit|quota|cap|usage|allowance|requests|tokens)",
    ),
    ("hours limit", r"(?<![\d.:])\d{1,2}[ -]?h(?:ours?)?[ -](?:\w{1,8} )?(?:limit|quota|window|usage)"),
    ("每日", r"每日|每天|当日|今日|每周|本周|每月|本月|小时的?(?:使用|限额|额度)"),
)
SHORT_WINDOW: Final = family(
    (
        "per minute",
        r"per[ _-]?(?:minute|second|sec\b|min\b)|\b(?:rpm|tpm|qps|rps|tps|itpm|otpm|qpm)\b|/ ?(?:min|sec)"
        r"|concurren",
    ),
    ("每分钟", r"每分钟|每秒|并发"),
)
WAIT: Final = family(("please wait", r"please wait"))
A_LIMIT: Final = Regex(r"limit|quota|throttl|too many|exceed|限|额|上限")
OVERLOADED: Final = family(
    ("overloaded", r"overload|not your usage limit"),
    (
        "capacity",
        r"(?:over|at|no|insufficient|limited|out of|full|enough) (?:\w{1,12} )?capacity"
        r"|capacity (?:\w{1,12} ){0,4}(?:exceed|exhaust|unavailable|reach|constrain|issue|limit)",
    ),
    (
        "high demand",
        r"(?:high|heavy|increased|peak|unusual|much) (?:\w{1,12} )?(?:demand|traffic|load|volume)"
        r"|try again when",
    ),
    (
        "unavailable",
        r"temporar(?:il)?y (?:unavailable|overloaded|limiting|down|out)|service[ _](?:is "
        r"|was )?(?:\w{1,12} )?unavailable|(?:model|server|service|engine|system|provider|upstream|backend"
        r"|inference)s? (?:is |are )?(?:\w{1,12} )?(?:busy|unavailable|down)\b|server (?:is )?busy"
        r"|\btoo busy",
    ),
    (
        "none available",
        r"no (?:\w{1,12} )?(?:available|healthy|ready|free) (?:channel|account|provider|upstream|server"
        r"|worker|instance|backend|replica|gpu|node|slot)|no instances? available|no (?:channel|provider"
        r"|server|worker|account)s? (?:\w{1,12} )?available|no available"
        r"|worker (?:\w{1,12} ){0,2}total request limit",
    ),
    ("resource exhausted", r"resource ?exhausted(?!_)[.:,]? (?!\(e\.g\. check)(?:please|try)"),
    (
        "crashed",
        r"(?:model|server|engine|worker|runner|backend)(?: \w{1,10}){0,3} (?:crashed|terminated|exited)\b",
    ),
    ("queue full", r"degraded function|\bqueue (?:is )?(?:full|exceeded)|queue_exceeded|server queue"),
    (
        "loading",
        r"model [^.\n]{0,60}(?:is|still|currently|being) (?:\w{1,10} )?(?:loading|loaded|starting|warming)"
        r"|loading model|not (?:yet )?ready|cold start",
    ),
    (
        "模型过载",
        r"过载|繁忙|负载(?!均衡)|拥挤|拥堵|服务[^。\n]{0,6}不可用"
        r"|无可用|没有可用|可用渠道|容量不足|算力|访问量|高峰|混雑|과부하",
    ),
)  # fmt: skip
RATE: Final = family(
    ("rate limit", r"rate[ _-]?limit|request rate|rate of requests"),
    (
        "concurrency",
        r"concurren[^.\n]{0,50}(?:limit|exceed|reach|many|max)|(?:limit|max|many)[^.\n]{0,30}concurren",
    ),
    (
        "per minute",
        r"(?:max(?:imum)?|limit|exceed)[^.\n]{0,40}(?:\brpm\b|\btpm\b|\bqps\b|per (?:minute|second))"
        r"|(?:\brpm\b|\btpm\b|\bqps\b|per (?:minute|second))[^.\n]{0,40}(?:limit|exceed|reach)",
    ),
    (
        "request limit",
        r"request(?:s)? limit|limit (?:of|on) (?:\w{1,12} )?requests|too (?:frequent|fast)"
        r"|limit (?:has been )?(?:exceeded|reached)",
    ),
    ("cooling down", r"cooling down|cool-?down|^slow down"),
    ("too many tokens", r"too many tokens,? please wait"),
    ("并发", r"并发|限速|速率|请求[^。\n]{0,6}(?:限制|上限)|調用限制|レート制限|요청이 너무"),
)  # fmt: skip
ALLOCATED: Final = Regex(
    r"(?<!free )(?<!hour )(?<!week )(?<!month )allocated quota exceeded|current requests list"
)
CALLED_QUOTA: Final = Regex(rf"{ALLOCATED.source}|exceeded your current quota")
"""What Alibaba says of a limit per minute; the first is theirs alone."""
NO_LIMIT_LEFT: Final = Regex(r"per_?day|\blimit: 0(?![.\d])")
"""Google's names for a quota of a day, and one that is none: the short delay beside them is no reset."""
ONE_MODEL: Final = Regex(
    r"\bthis model|\b(?:for|on|of) (?:the )?model\b|per_?model|credentials for model"
    r"|reached for [^ \n]{1,80} in organi"
    r"|(?:opus|sonnet|haiku|fable) (?:\w{1,8} )?limit|模型当前|该模型"
)
