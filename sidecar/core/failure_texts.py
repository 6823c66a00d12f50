"""What services, SDKs and the network say of failures that are no limits."""

from typing import Final

from sidecar.core.phrases import Regex, family

ABORTED: Final = family(
    (
        "user aborted",
        r"\buser (?:has )?(?:abort|cancel|interrupt)|(?:abort|cancell?|interrupt)ed by (?:the )?(?:user"
        r"|client|caller)",
    ),
    (
        "request aborted",
        r"\b(?:request|operation|execution|response|stream|session|message|signal|this) (?:was |has been "
        r"|is )?"
        r"(?:aborted|cancell?ed)(?! due to (?:a )?time)",
    ),
    ("AbortError", r"abort(?:ed)?error\b|^(?:aborted|cancell?ed)\.?$|\bclient closed request"),
)
OVERFLOW: Final = family(
    ("no body", r"^4(?:00|13)\b(?: status code)? \(no body\)"),
    (
        "too long",
        r"\b(?:prompt|input|request|conversation|messages?|context|query|payload|content|entity|text)"
        r"(?: (?!took)\w{1,20}){0,3}? too (?:long|large|big)\b",
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
    ("context of only", r"context (?:the )?overflow|context length of only"),
    ("input range", r"range of input length|'?inputs'? tokens \+|'?inputs'? must have less than"),
    (
        "上下文超长",
        r"上下文[^。\n]{0,20}(?:超|过长|限制)"
        r"|(?:输入|提示词?|消息|prompt|请求)[^。\n]{0,12}(?:过长|超长|超出|过大|太长)",
    ),
    ("コンテキスト長", r"コンテキスト[^。\n]{0,20}超|トークン数[^。\n]{0,20}超"),
)  # fmt: skip
VAGUE_OVERFLOW: Final = family(
    (
        "token count",
        r"(?:input|prompt|request|message)[^.\n]{0,30}tokens?[^.\n]{0,60}(?:exceed|greater than|more than"
        r"|maximum of)[a-z]{0,3}\b(?![^\n]{0,80}per (?:min|day|hour|sec))",
    ),
    (
        "too many tokens",
        r"too many tokens|token limit exceeded|(?:exceeds?|over) (?:the )?(?:token )?limit of \d",
    ),
)
"""Said of a rate too: only where nothing else speaks of one."""
KEY: Final = family(
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
)  # fmt: skip
AUTH: Final = (
    *KEY,
    *family(
    (
        "unauthorized",
        r"unauthori[sz]ed|unauthenticated|not authenticated|authentication|permission[ _]denied"
        r"|\bforbidden\b|access (?:is )?denied|authorization required|(?:not|n't) have (?:access"
        r"|permission)|not (?:authorized|permitted) to (?:access|use|call|perform)"
        r"|no auth",
    ),
    (
        "account disabled",
        r"(?:account|organi[sz]ation|workspace|project|key) (?:\w{1,10} ){0,3}(?:suspended|deactivated"
        r"|banned|terminated|locked|disabled|restricted)",
    ),
    (
        "令牌无效",
        r"(?:令牌|密钥|token|api ?key|凭证)[^。\n]{0,10}(?:无效|过期|不存在|错误|不正确|失效)|无效的(?:令牌"
        r"|密钥|token|api)|身份验证|鉴权|认证失败|未授权|无权|没有权限|未登录"
        r"|(?:账号|账户|帐号|用户)[^。\n]{0,6}(?:禁用|封禁|锁定|冻结|停用)",
    ),
    ),
)  # fmt: skip
CONTENT: Final = family(
    (
        "content policy",
        r"content[ _](?:policy|filter|management|moderation)|moderation|\bflagged\b|safety (?:system|filter"
        r"|reason|polic|check)|sensitive (?:content|word|info)"
        r"|violat\w{1,6} (?:\w{1,12} ){0,3}(?:polic|guideline)|usage polic"
        r"|inappropriate content|prohibited content|敏感|违规|不安全|内容安全",
    ),
)  # fmt: skip
MODEL: Final = family(
    (
        "no such model",
        r"model[^\n]{0,80}(?:not found|not exist|not supported|unsupported|not available (?:in|for|on)"
        r"|deprecated|end of life|decommissioned|retired|not a valid)|(?:no such|unknown|invalid"
        r"|unsupported) model|no endpoints found|模型[^。\n]{0,20}(?:不存在|不支持|下线)",
    ),
)  # fmt: skip
BAD: Final = family(
    (
        "invalid request",
        r"invalid (?:request|param|argument|prompt|value|json|schema|type|tool|message|field|input|body)"
        r"|validation error|extra inputs|unsupported (?:param|value|content|media)|is not supported"
        r"|does not support|unexpected (?:keyword|field|role)|malformed|bad request|参数",
    ),
)  # fmt: skip
OF_A_MODEL: Final = Regex(r"access (?:to )?(?:the |this )?models?\b|访问(?:该)?模型")
"""Said by a key that is good for other models."""
NETWORK: Final = family(
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
        r"|connection (?:error|reset|refused|closed|lost|failed|aborted)|goaway|rst_stream"
        r"|premature (?:close|end)"
        r"|other side closed|peer closed|broken pipe|^(?:typeerror: )?terminated(?:$| \()"
        r"|unexpected (?:eof|end of file)|incomplete chunked",
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
SERVER: Final = family(
    (
        "server error",
        r"internal (?:server )?error|server (?:had an |side )?error|bad gateway|gateway time-?out"
        r"|service (?:error|failure)|upstream (?:connect |request |service )?(?:error|failed|failure)"
        r"|an error occurred while processing|something went wrong|unexpected error|provider returned error"
        r"|服务器(?:内部)?错误|内部错误|系统(?:错误|异常)",
    ),
)  # fmt: skip
STATUS: Final = Regex(
    r"(?:\bhttp(?:/[\d.]{1,3})?(?: error)?|\bstatus(?:[ _]?code)?"
    r"|\berror code)[ :=(\[]{1,3}([45]\d\d)(?![\w.-])"
    r"|^\W{0,2}([45]\d\d)(?= status code\b| ?[{\[\"])",
)
"""An HTTP status in words, never a number that merely stands there."""
