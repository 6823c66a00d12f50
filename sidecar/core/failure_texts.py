"""What services say in words, in families: each phrase has a name, a kind, and what it looks like.

Texts come as `failure_facts.plain` leaves them: lower case, single spaces, plain quotes. Every gap in a
pattern is bounded, so that matching is linear; none looks at a number that could be part of an id.
"""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct


class Phrase(Struct, frozen=True):
    """One way to say one thing."""

    name: str
    pattern: re.Pattern[str]


def _family(*rows: tuple[str, str]) -> tuple[Phrase, ...]:
    return tuple(Phrase(name, re.compile(pattern, re.ASCII)) for name, pattern in rows)


ABORTED: Final = _family(
    (
        "user aborted",
        r"\buser (?:has )?(?:abort|cancel|interrupt)|(?:abort|cancel)l?ed by (?:the )?(?:user|client|caller)",
    ),
    (
        "request aborted",
        r"\b(?:request|operation|response|stream|session|message|signal|this) (?:was |has been |is )?"
        r"(?:aborted|cancell?ed)(?! due to (?:a )?time)",
    ),
    ("AbortError", r"\baborterror\b|^(?:aborted|cancell?ed)\.?$|\bclient closed request"),
)

OVERFLOW: Final = _family(
    ("no body", r"^4(?:00|13)\b(?: status code)? \(no body\)"),
    (
        "too long",
        r"\b(?:prompt|input|request|conversation|messages?|context|query|payload|content|entity|text)"
        r"(?: \w{1,20}){0,3}? too (?:long|large|big)\b",
    ),
    (
        "context length",
        r"(?:maximum|max|model'?s?|available)[ _](?:context|prompt|input|sequence)[ _-]?(?:length|size"
        r"|window|tokens?)(?! per)",
    ),
    (
        "max_model_len",
        r"max_model_len|maximum model length|longer than the (?:maximum |model)|larger than (?:the )?(?:max"
        r"|context)",
    ),
    (
        "context exceeded",
        r"\bcontext[ _-]?(?:length|window|size|limit|tokens?)[^.\n]{0,40}(?:exceed|overflow|too|reached"
        r"|surpass)",
    ),
    (
        "exceeds context",
        r"(?:exceed|overflow|surpass|greater|larger|longer|bigger|over"
        r"|beyond)[a-z]{0,4}[^.\n]{0,60}\bcontext",
    ),
    (
        "token limit",
        r"\bmodel token limit|exceed\w{0,3} (?:the )?(?:maximum|max) (?:number of |allowed )?(?:input "
        r"|prompt |context )?tokens|too many (?:input|prompt) tokens",
    ),
    (
        "reduce the prompt",
        r"(?:reduce|shorten|decrease)[^.\n]{0,30} (?:messages?|prompt|input|context|conversation)\b",
    ),
    ("input range", r"range of input length|'?inputs'? tokens \+|'?inputs'? must have less than"),
    ("上下文超长", r"上下文[^。\n]{0,20}(?:超|过长|限制)|(?:输入|提示词?|消息|prompt|请求)[^。\n]{0,12}(?:过长|超长|超出|过大|太长)"),
    ("コンテキスト長", r"コンテキスト[^。\n]{0,20}超|トークン数[^。\n]{0,20}超"),
)  # fmt: skip

VAGUE_OVERFLOW: Final = _family(
    (
        "token count",
        r"(?:input|prompt|request|message)[^.\n]{0,30}tokens?[^.\n]{0,60}(?:exceed|greater than|more than|maximum of)[a-z]{0,3}\b(?![^\n]{0,80}per (?:min|day|hour|sec))",
    ),
    (
        "too many tokens",
        r"too many tokens|token limit exceeded|(?:exceeds?|over) (?:the )?(?:token )?limit of \d",
    ),
)
"""Said of a rate too: only where nothing else speaks of one."""

PLAIN_RATE: Final = _family(
    (
        "rate limit exceeded",
        r"rate[ _-]?limit(?:s|ing)? (?:\w{1,12} )?(?:exceed|reach|hit|trigger)|(?:exceed|reach|hit)\w{0,3} [^.\n]{0,50}\brate[ _-]?limits?\b",
    ),
    ("too many requests", r"too many [^.\n]{0,20}\brequests|requests? too (?:fast|frequent)"),
    ("throttled", r"\bthrottl|rate[ _-]limited"),
    ("请求过于频繁", r"频繁|限流|请求过多|请求[^。\n]{0,6}太快|速率限制"),
)

BILLING: Final = _family(
    (
        "insufficient balance",
        r"insufficient(?:[ _]\w{1,12}){0,2}[ _](?:balance|credit|fund|quota|point|mone)"
        r"|not enough (?:\w{1,12} )?(?:credit|balance|fund|quota|money|point)",
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
        r"payment (?:is )?required|payment method|payment (?:has )?failed|\boverdue|past due|\bunpaid"
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

QUOTA: Final = _family(
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
        r"(?:free|plan|subscription|included|premium|monthly|weekly|daily|trial)(?: \w{1,14}){0,2} (?:usage"
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
    ("regain access", r"regain access|free (?:tier|quota)[^.\n]{0,40}(?:exhaust|used up|exceed|deplet)"),
    (
        "额度已用完",
        r"(?:额度|配额|用量|次数|限额|流量)[^。\n]{0,10}(?:用完|用尽|耗尽|达|上限|超|重置)|使用上限|已用完"
        r"|已用尽|已耗尽|(?:クォータ|割り当て)[^。\n]{0,10}超|할당량",
    ),
)  # fmt: skip

LONG_WINDOW: Final = _family(
    ("per day", r"per[ _-]?(?:day|week|month)(?![a-z])|\bperday|\b(?:rpd|tpd)\b|/ ?(?:day|week|month)\b"),
    (
        "daily limit",
        r"(?:daily|weekly|monthly)\b[^.\n]{0,40}(?:limit|quota|cap|usage|allowance|requests|tokens)",
    ),
    ("hours limit", r"(?<![\d.:])\d{1,2}[ -]?h(?:ours?)?[ -](?:\w{1,8} )?(?:limit|quota|window|usage)"),
    ("每日", r"每日|每天|当日|今日|每周|本周|每月|本月|小时的?(?:使用|限额|额度)"),
)
SHORT_WINDOW: Final = _family(
    (
        "per minute",
        r"per[ _-]?(?:minute|second|sec\b|min\b)|\b(?:rpm|tpm|qps|rps|tps|itpm|otpm|qpm)\b|/ ?(?:min|sec)|concurren",
    ),
    ("每分钟", r"每分钟|每秒|并发"),
)
A_LIMIT: Final = re.compile(r"limit|quota|throttl|too many|exceed|限|额|上限")

OVERLOADED: Final = _family(
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
    ("slow down", r"^slow down|\bqueue (?:is )?(?:full|exceeded)|queue_exceeded|server queue"),
    (
        "loading",
        r"model [^.\n]{0,60}(?:is|still|currently|being) (?:\w{1,10} )?(?:loading|loaded|starting|warming)"
        r"|loading model|not (?:yet )?ready|cold start",
    ),
    ("模型过载", r"过载|繁忙|负载(?!均衡)|拥挤|拥堵|服务[^。\n]{0,6}不可用|无可用|没有可用|容量不足|算力|访问量|高峰|混雑|과부하"),
)  # fmt: skip

RATE: Final = _family(
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
    ("cooling down", r"cooling down|cool-?down"),
    ("并发", r"并发|限速|速率|请求[^。\n]{0,6}(?:限制|上限)|調用限制|レート制限|요청이 너무"),
)  # fmt: skip

AUTH: Final = _family(
    (
        "invalid key",
        r"(?:invalid|incorrect|wrong|bad|missing|expired|revoked|malformed|unknown|no|disabled"
        r"|without)(?: [\w-]{1,14}){0,2} (?:api[ _-]?key|access[ _-]?token|auth token|token|credentials?"
        r"|authentication|authorization|bearer token|x-api-key)\b(?! count)",
    ),
    (
        "key not valid",
        r"(?:api[ _-]?key|\bkey|access[ _-]?token|auth(?:entication)? token|token"
        r"|credentials?)(?: [\w-]{1,20}){0,3} (?:not valid|invalid|expired|revoked|incorrect|missing"
        r"|required|disabled|leaked|not found|not provided|blocked)\b",
    ),
    (
        "unauthorized",
        r"unauthori[sz]ed|unauthenticated|not authenticated|authentication|permission[ _]denied"
        r"|\bforbidden\b|access (?:is )?denied|not (?:authorized|permitted) to (?:access|use|call|perform)"
        r"|no auth",
    ),
    (
        "account disabled",
        r"(?:account|organi[sz]ation|workspace|project|key) (?:\w{1,10} ){0,3}(?:suspended|deactivated"
        r"|banned|terminated|locked|disabled)",
    ),
    (
        "令牌无效",
        r"(?:令牌|密钥|token|api ?key|凭证)[^。\n]{0,10}(?:无效|过期|不存在|错误|不正确|失效)|无效的(?:令牌"
        r"|密钥|token|api)|身份验证|鉴权|认证失败|未授权|无权|没有权限|未登录",
    ),
)  # fmt: skip

CONTENT: Final = _family(
    (
        "content policy",
        r"content[ _](?:policy|filter|management|moderation)|moderation|\bflagged\b|safety (?:system|filter"
        r"|reason|polic|check)|sensitive (?:content|word|info)|violat\w{1,6} (?:\w{1,12} ){0,3}polic"
        r"|usage polic|inappropriate content|prohibited content|敏感|违规|不安全|内容安全",
    ),
)  # fmt: skip
MODEL: Final = _family(
    (
        "no such model",
        r"model[^\n]{0,80}(?:not found|not exist|not supported|unsupported|not available (?:in|for|on)"
        r"|deprecated|end of life|decommissioned|retired|not a valid)|(?:no such|unknown|invalid"
        r"|unsupported) model|no endpoints found|模型[^。\n]{0,20}(?:不存在|不支持|下线)",
    ),
)  # fmt: skip
BAD: Final = _family(
    (
        "invalid request",
        r"invalid (?:request|param|argument|prompt|value|json|schema|type|tool|message|field|input|body)"
        r"|validation error|extra inputs|unsupported (?:param|value|content|media)|is not supported"
        r"|does not support|unexpected (?:keyword|field|role)|malformed|bad request|参数",
    ),
)  # fmt: skip

NETWORK: Final = _family(
    (
        "connection failed",
        r"fetch failed|failed to fetch|load failed|\becon(?:nrefused|nreset|naborted|nclosed)\b"
        r"|\be(?:notfound|timedout|hostunreach|hostdown|netunreach|netdown|pipe|proto|ai_again"
        r"|addrnotavail)\b|getaddrinfo|und_err|err_(?:network|connection|name|internet|socket|timed|stream"
        r"|tls)\w{0,30}|failedtoopensocket",
    ),
    (
        "connection lost",
        r"socket (?:hang ?up|closed|error)|(?:socket|connection|stream)(?: \w{1,12}){0,4} (?:refused|reset"
        r"|closed|terminated|lost|aborted|disconnected|interrupted|dropped|failed|error)"
        r"|connection (?:error|reset|refused|closed|lost|failed|aborted)|premature (?:close|end)"
        r"|other side closed|peer closed|broken pipe|^terminated$|unexpected (?:eof|end of file)"
        r"|incomplete chunked",
    ),
    (
        "can't connect",
        r"(?:cannot|can't|could not|couldn't|failed to|unable to) (?:connect|reach|resolve|establish|open)"
        r"|network (?:error|request failed|is (?:unreachable|down)|connection|unreachable|failure)"
        r"|name or service not known|name resolution|nodename nor servname|no such host|no route to host"
        r"|unreachable|\bdns\b|\boffline\b|internet connection|typo in the url|proxy (?:connection|error)"
        r"|connect ?error",
    ),
    ("timed out", r"timed[ -]?out|time-?out\b|deadline exceeded|due to (?:a )?timeout"),
    ("certificate", r"certificate|\bssl\b|\btls\b|self[ -]signed|handshake"),
    ("网络错误", r"网络(?:错误|异常|连接|超时)|连接(?:超时|失败|被拒绝|重置)|请求超时|ネットワーク"),
)  # fmt: skip

SERVER: Final = _family(
    (
        "server error",
        r"internal (?:server )?error|server (?:had an |side )?error|bad gateway|gateway time-?out"
        r"|service (?:error|failure)|upstream (?:connect |request |service )?(?:error|failed|failure)"
        r"|an error occurred while processing|something went wrong|unexpected error|provider returned error"
        r"|服务器(?:内部)?错误|内部错误|系统(?:错误|异常)",
    ),
)  # fmt: skip

CALLED_QUOTA: Final = re.compile(r"allocated quota exceeded|throttling\.|current requests list")
"""Services that call a limit per minute a quota."""
NO_LIMIT_LEFT: Final = re.compile(r"per_?day|\blimit: 0(?![.\d])")
"""Google's names for a quota of a day, and one that is none: the short delay beside them is no reset."""
STATUS: Final = re.compile(
    r"(?:\bhttp(?:/[\d.]{1,3})?(?: error)?|\bstatus(?:[ _]?code)?|\berror code)[ :=(\[]{1,3}([45]\d\d)(?![\w.-])"
    r"|^\W{0,2}([45]\d\d)(?= status code\b| ?[{\[\"])",
    re.ASCII,
)
"""An HTTP status in words, never a number that merely stands there."""
ONE_MODEL: Final = re.compile(
    r"\bthis model|\b(?:for|on|of) (?:the )?model\b|per_?model|credentials for model"
    r"|reached for [^ \n]{1,80} in organi"
    r"|(?:opus|sonnet|haiku|fable) (?:\w{1,8} )?limit|模型当前|该模型"
)


def first(family: Iterable[Phrase], text: str) -> str | None:
    """Return the name of the first phrase of *family* that *text* holds."""
    return next((phrase.name for phrase in family if phrase.pattern.search(text)), None)
